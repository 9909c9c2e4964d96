//! A server that sends stock prices every second, and a page that shows them.
//!
//! The hub keeps the newest price of each stock, so a page that opens shows all prices at once.
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
use ssewire::hyper::start;
use ssewire::server::Start;
use ssewire::tokio::response;
use ssewire::{Event, Hub};

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
        (&Method::GET, "/price") => match start(request) {
            Ok(start) => match hub.subscribe("prices", start.unwrap_or(Start::Earliest)) {
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
            let event = Event::new(format!("{price:.2}")).with_type(*symbol);
            let event = event.expect("no line break is in a symbol");
            hub.publish_latest("prices", *symbol, event);
        }
    }
}

const PAGE: &str = include_str!("stockprice.html");
