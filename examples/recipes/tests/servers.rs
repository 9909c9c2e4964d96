//! Events out of actix-web and poem, which are not built on the crate http-body, and back into the
//! reconnecting client.

use core::time::Duration;
use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::listener::{Acceptor, Listener};
use ssewire::Event;
use ssewire::client::{Cause, CloseReason};
use ssewire::hyper::{EventBody, event_stream};
use ssewire::server::SessionConfig;
use ssewire::tokio::{ClientConfig, EventSource, Http, Reconnect, Runtime};

/// Returns the bytes of three events, and then of an end or an error.
fn bytes(fails: bool) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let items = Vec::from(["1", "2", "3"].map(|data| Ok(Event::new(data))));
    let end = stream::once(async {
        // Servers drop what they have not written yet when a stream fails.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(io::Error::other("the source is gone"))
    });
    let events = stream::iter(items).chain(end.take(usize::from(fails)));
    EventBody::with_session(events, SessionConfig::new(), Runtime::default()).into_stream()
}

/// Reads a response to its end, and checks what it brings.
async fn check(url: String, fails: bool) {
    let config = ClientConfig::new().reconnect(Reconnect::Never);
    let mut events = EventSource::new(Http::get(url), config);
    for data in ["1", "2", "3"] {
        let event = events.next().await.expect("an event").expect("no error");
        assert_eq!(event.data(), data);
    }
    match events.next().await {
        None => assert!(!fails, "the error was swallowed"),
        Some(end) => {
            assert!(fails);
            let reason = end.expect_err("no fourth event").reason();
            assert_eq!(reason, CloseReason::CutOff);
            assert_eq!(reason.cause(), Some(Cause::CutOff));
        }
    }
}

#[actix_web::test]
async fn actix_web_streams_events() {
    use actix_web::{App, HttpResponse, HttpServer, web};

    async fn events(path: web::Path<bool>) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        for (name, value) in event_stream(()).headers() {
            response.insert_header((name.as_str(), value.as_bytes()));
        }
        response.streaming(bytes(*path))
    }

    let server = HttpServer::new(|| App::new().route("/{fails}", web::get().to(events)));
    let server = server
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .expect("a port");
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    let running = tokio::spawn(server);
    for fails in [false, true] {
        check(format!("http://{address}/{fails}"), fails).await;
    }
    handle.stop(false).await;
    running.await.expect("it does not panic").expect("it stops");
}

#[tokio::test]
async fn poem_streams_events() {
    use poem::web::Path;
    use poem::{Body, Response, Route, Server, get, handler, listener::TcpListener};

    #[handler]
    fn events(Path(fails): Path<bool>) -> Response {
        let mut response = Response::builder();
        for (name, value) in event_stream(()).headers() {
            response = response.header(name, value);
        }
        response.body(Body::from_bytes_stream(bytes(fails)))
    }

    let acceptor = TcpListener::bind("127.0.0.1:0")
        .into_acceptor()
        .await
        .expect("a port");
    let address = acceptor.local_addr()[0].to_string();
    let address = address.trim_start_matches("socket://").to_owned();
    let server = Server::new_with_acceptor(acceptor);
    let running = tokio::spawn(server.run(Route::new().at("/:fails", get(events))));
    // Not where it fails: poem 3.1 ends such a response as if it were whole.
    let checked = check(format!("http://{address}/false"), false);
    tokio::time::timeout(Duration::from_secs(20), checked)
        .await
        .expect("in time");
    running.abort();
}
