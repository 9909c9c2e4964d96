//! A server of stock prices, every second, and a page that shows them.
//!
//! `cargo run --example stockprice --features tokio,hyper [-- PORT]`, then open the URL that it
//! prints, or `curl -N http://127.0.0.1:8888/price`. The port is 8888; 0 takes any free one.

use core::convert::Infallible;
use core::error::Error;
use core::time::Duration;
use std::process::ExitCode;

use futures_util::{Stream, StreamExt, stream};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ssewire::hyper::{EventBody, response};
use ssewire::{Event, Frame};
use tokio::net::TcpListener;
use tokio::sync::watch;

#[tokio::main]
async fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let Ok(port) = argument.as_deref().unwrap_or("8888").parse() else {
        eprintln!("stockprice: the port must be a number from 0 to 65535");
        return ExitCode::from(2);
    };
    match serve(port).await {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("stockprice: cannot listen on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16) -> std::io::Result<Infallible> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}/", listener.local_addr()?);
    let (sender, prices) = watch::channel(Vec::new());
    tokio::spawn(trade(sender));
    loop {
        let (socket, _) = listener.accept().await?;
        let prices = prices.clone();
        let service = service_fn(move |request| {
            let answer = answer(&request, prices.clone());
            async { Ok::<_, Infallible>(answer) }
        });
        // A browser that leaves ends its connection with an error that is nobody's concern.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
}

/// Lets the prices wander, for all clients alike.
async fn trade(sender: watch::Sender<Vec<Event>>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut stocks = [("AAPL", 121.5), ("AMZN", 3125.0)];
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut id = 0_u64;
    loop {
        second.tick().await;
        let mut prices = Vec::new();
        for (symbol, price) in &mut stocks {
            id += 1;
            *price *= 1.0 + (fastrand::f64() - 0.5) / 100.0;
            let price = format!("{price:.2}");
            prices.push(
                Event::new(price)
                    .with_type(*symbol)?
                    .with_id(id.to_string())?,
            );
        }
        sender.send_replace(prices);
    }
}

fn answer(request: &Request<Incoming>, prices: watch::Receiver<Vec<Event>>) -> Response<Answer> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/price") => response(Either::Left(EventBody::new(frames(prices).boxed()))),
        (&Method::GET, "/") => {
            let mut response = Response::new(Either::Right(PAGE.into()));
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, html);
            response
        }
        _ => {
            let mut response = Response::new(Either::Right("not found\n".into()));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

/// Sends the newest prices, now and whenever they change. A slow client misses old ones.
fn frames(mut prices: watch::Receiver<Vec<Event>>) -> impl Stream<Item = Frame> {
    prices.mark_changed();
    let changes = stream::unfold(prices, |mut prices| async {
        prices.changed().await.ok()?;
        let events = prices.borrow_and_update().clone();
        Some((stream::iter(events), prices))
    });
    // The first byte leaves at once, so that the client knows that it is connected.
    let opening = Frame::Comment("prices follow, every second".into());
    stream::iter([opening]).chain(changes.flatten().map(Frame::from))
}

type Answer = Either<EventBody<stream::BoxStream<'static, Frame>>, Full<Bytes>>;

const PAGE: &str = include_str!("stockprice.html");
