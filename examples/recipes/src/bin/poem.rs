//! A hub on poem, whose bodies are streams of bytes. `cargo run --bin poem -- PORT`, then
//! `curl -N http://127.0.0.1:8888/events` and `curl -d hello http://127.0.0.1:8888/publish`
//!
//! poem 3 ends the body of a stream that fails as if it were whole. A hub's stream never fails.

use std::error::Error;
use std::io;
use std::time::Duration;

use futures_util::TryStreamExt;
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Data;
use poem::{Body, EndpointExt, IntoResponse, Request, Response, Route, Server, get, handler, post};
use ssewire::hyper::{EventBody, event_stream};
use ssewire::server::{SessionConfig, start_of_request};
use ssewire::tokio::Runtime;
use ssewire::{Event, Hub};
use tokio::time::sleep;

#[handler]
fn events(request: &Request, hub: Data<&Hub>) -> Response {
    let ids = request.headers().get_all("last-event-id").iter();
    let ids = ids.map(|id| id.as_bytes());
    let start = match start_of_request(ids, request.uri().query()) {
        Ok(start) => start.unwrap_or_default(),
        Err(error) => {
            return error
                .to_string()
                .with_status(StatusCode::BAD_REQUEST)
                .into_response();
        }
    };
    let Ok(events) = hub.subscribe("news", start) else {
        return StatusCode::SERVICE_UNAVAILABLE.into();
    };
    let mut response = Response::builder();
    for (name, value) in event_stream(()).headers() {
        response = response.header(name, value);
    }
    let body = EventBody::with_session(events, SessionConfig::new(), Runtime::default());
    response.body(Body::from_bytes_stream(
        body.into_stream().map_err(io::Error::other),
    ))
}

#[handler]
async fn publish(hub: Data<&Hub>, data: String) -> String {
    match hub.publish("news", Event::new(data)).await {
        Ok(id) => format!("{id}\n"),
        Err(error) => format!("{error}\n"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1);
    let port: u16 = port.as_deref().unwrap_or("8888").parse()?;
    let hub = Hub::new();
    let app = Route::new()
        .at("/events", get(events))
        .at("/publish", post(publish))
        .data(hub.clone());
    let acceptor = TcpListener::bind(("127.0.0.1", port))
        .into_acceptor()
        .await?;
    let address = acceptor.local_addr()[0].to_string();
    println!("http://{}/events", address.trim_start_matches("socket://"));
    let interrupted = async move {
        let _ = tokio::signal::ctrl_c().await;
        hub.shutdown(sleep(Duration::from_secs(1))).await;
    };
    let server = Server::new_with_acceptor(acceptor);
    let rest = Some(Duration::from_secs(1));
    Ok(server
        .run_with_graceful_shutdown(app, interrupted, rest)
        .await?)
}
