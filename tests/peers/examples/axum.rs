//! A server on axum that sends the time every second, behind a compression layer.
//!
//! `cargo run -p ssewire-peers --example axum [-- PORT]`, then
//! `curl -N --compressed http://127.0.0.1:8888/sse`. The port is 8888; 0 takes any free one.
//!
//! `axum::serve` would do for a first try. It sets no time limit for the head of a request or for a
//! client that does not read, so this serves the router on hyper, as the other examples do.

#[path = "../../../examples/shared/server.rs"]
mod server;

use core::time::Duration;
use std::process::ExitCode;
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper_util::service::TowerToHyperService;
use ssewire::hyper::{last_event_id, refused};
use ssewire::tokio::response;
use ssewire::{EventRef, Hub};
use tower_http::compression::CompressionLayer;

async fn events(State(hub): State<Hub>, headers: HeaderMap) -> impl IntoResponse {
    match last_event_id(&headers) {
        Ok(id) => match hub.subscribe("time", id) {
            Ok(events) => response(events).into_response(),
            Err(reason) => refused(reason).into_response(),
        },
        Err(error) => (http::StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let hub = Hub::new();
    tokio::spawn(tell_time(hub.clone()));
    let router = Router::new()
        .route("/sse", get(events))
        .route("/", get(async || "events are at /sse\n".repeat(100)))
        .layer(CompressionLayer::new())
        .with_state(hub.clone());
    let service = |_| TowerToHyperService::new(router.clone());
    server::serve_connections("axum", "sse", &hub, service).await
}

#[expect(clippy::disallowed_methods, reason = "the time is what this is about")]
async fn tell_time(hub: Hub) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let event = EventRef::new(&time).with_type("timestamp");
        hub.publish_ref("time", event.expect("no line break is in it"));
    }
}
