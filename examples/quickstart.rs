//! A server that sends the time every second.
//!
//! `cargo run --example quickstart --features tokio,hyper [-- PORT]`, then
//! `curl -N http://127.0.0.1:8888/sse`. The port is 8888; 0 takes any free one.

#[path = "shared/server.rs"]
mod server;

use core::time::Duration;
use std::process::ExitCode;
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use server::{Answer, PLAIN};
use ssewire::hyper::last_event_id;
use ssewire::tokio::response;
use ssewire::{EventRef, Hub};

#[tokio::main]
async fn main() -> ExitCode {
    let hub = Hub::new();
    tokio::spawn(tell_time(hub.clone()));
    let events = hub.clone();
    server::serve("quickstart", &hub, move |request| answer(&events, request)).await
}

fn answer(hub: &Hub, request: &Request<Incoming>) -> Answer {
    if (request.method(), request.uri().path()) != (&Method::GET, "/sse") {
        return server::not_found();
    }
    // A client that reconnects gets the events that it has missed.
    match last_event_id(request.headers()) {
        Ok(id) => match hub.subscribe("time", id) {
            Ok(events) => server::boxed(response(events)),
            Err(reason) => server::refused(reason),
        },
        Err(error) => server::text(StatusCode::BAD_REQUEST, PLAIN, format!("{error}\n")),
    }
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
