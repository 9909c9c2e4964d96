//! A handler of axum, as in `examples/axum.rs`, behind a layer that compresses.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use ssewire::hyper::{last_event_id, refused};
use ssewire::tokio::response;
use ssewire::{Event, Frame, Hub};
use tower_http::compression::CompressionLayer;

use crate::common::client::{Client, Request};
use crate::common::serving::Server;

async fn events(State(hub): State<Hub>, headers: HeaderMap) -> impl IntoResponse {
    match last_event_id(&headers) {
        Ok(id) => match hub.subscribe("time", id) {
            Ok(events) => response(events).into_response(),
            Err(reason) => refused(reason).into_response(),
        },
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

fn start() -> Server {
    let hub = Hub::new();
    let router = Router::new()
        .route("/sse", get(events))
        .route("/", get(async || "text to be compressed ".repeat(1_000)))
        .layer(CompressionLayer::new())
        .with_state(hub.clone());
    Server::on_tokio(hub, |listener| async {
        axum::serve(listener, router).await.unwrap();
    })
}

fn ask(server: &Server, path: &str) -> Client {
    let request = Request::of(path).header("Accept-Encoding", "gzip");
    Client::open(server.address, request)
}

#[test]
fn events_pass_a_compression_layer_one_by_one() {
    let server = start();
    // The layer compresses what it may.
    let page = ask(&server, "/");
    assert!(
        page.head.contains("\r\ncontent-encoding: gzip\r\n"),
        "{}",
        page.head
    );

    let mut client = ask(&server, "/sse");
    assert!(!client.head.contains("content-encoding"), "{}", client.head);
    let is_stream = client
        .head
        .contains("\r\ncontent-type: text/event-stream\r\n");
    assert!(is_stream, "{}", client.head);
    assert_eq!(client.frame(), Some(Frame::Comment(String::new())));
    for number in 0..100 {
        // Each is there before the next is published.
        server.hub.publish("time", Event::new(number.to_string()));
        assert_eq!(client.data(), number.to_string());
    }
    assert_eq!(server.shut_down(), 0);
    assert_eq!(client.event(), None);
}

#[test]
fn a_client_of_axum_resumes_leaves_and_is_refused() {
    let server = start();
    let id = server
        .hub
        .publish("time", Event::new("1"))
        .id()
        .unwrap()
        .to_string();
    server.hub.publish("time", Event::new("2"));
    let mut client = server.open("/sse", Some(&id));
    assert_eq!(client.data(), "2");
    drop(client);
    server.wait_for_subscribers(0);
    server.wait_for_closed_sockets();

    let request = Request::of("/sse").header("Last-Event-ID", b"\xFF");
    assert_eq!(Client::open(server.address, request).status(), "400");
}
