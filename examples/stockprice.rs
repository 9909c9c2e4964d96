//! A server that sends stock prices every second, and a page that shows them.
//!
//! `cargo run --example stockprice --features tokio,hyper [-- PORT]`, then open the URL that it
//! prints, or `curl -N http://127.0.0.1:8888/price`. The port is 8888; 0 takes any free one.

#[path = "shared/server.rs"]
mod server;

use core::time::Duration;
use std::process::ExitCode;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use server::{Answer, PLAIN};
use ssewire::hyper::last_event_id;
use ssewire::tokio::response;
use ssewire::{EventRef, Hub};

#[tokio::main]
async fn main() -> ExitCode {
    let hub = Hub::new();
    tokio::spawn(trade(hub.clone()));
    let prices = hub.clone();
    server::serve("stockprice", &hub, move |request| answer(&prices, request)).await
}

fn answer(hub: &Hub, request: &Request<Incoming>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => server::text(StatusCode::OK, "text/html; charset=utf-8", PAGE),
        (&Method::GET, "/price") => match last_event_id(request.headers()) {
            Ok(id) => match hub.subscribe("prices", id) {
                Ok(events) => server::boxed(response(events)),
                Err(reason) => server::refused(reason),
            },
            Err(error) => server::text(StatusCode::BAD_REQUEST, PLAIN, format!("{error}\n")),
        },
        _ => server::not_found(),
    }
}

/// Publishes prices that wander at random, the same for all clients.
async fn trade(hub: Hub) {
    let mut stocks = [("AAPL", 121.5), ("AMZN", 3125.0)];
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        for (symbol, price) in &mut stocks {
            *price *= 1.0 + (fastrand::f64() - 0.5) / 100.0;
            let price = format!("{price:.2}");
            let event = EventRef::new(&price).with_type(symbol);
            hub.publish_ref("prices", event.expect("no line break is in a symbol"));
        }
    }
}

const PAGE: &str = include_str!("stockprice.html");
