//! A server on axum that sends the time every second in a lane.
//!
//! `cargo run -p ssewire-peers --example lane_axum [-- PORT]`, then `curl -N http://127.0.0.1:8888/sse`. The port
//! is 8888; 0 takes any free one.
//!
//! Streams go past axum, and everything else goes through it. The route of the stream is there all
//! the same: a browser may ask on a connection that is axum's already.

use core::error::Error;
use core::future::pending;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use http::StatusCode;
use ssewire::hyper::{event_stream, refused, start};
use ssewire::lane::{Decision, LaneConfig, Passed};
use ssewire::server::SessionConfig;
use ssewire::tokio::{Lane, response};
use ssewire::{EventRef, Hub, Subscription};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{interval, sleep, timeout};

type Connection = (Passed<TcpStream>, SocketAddr);

/// The connections that the lane passes on, for [`axum::serve`].
struct PassedOn {
    address: SocketAddr,
    connections: Receiver<Connection>,
}

impl Listener for PassedOn {
    type Io = Passed<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Connection {
        match self.connections.recv().await {
            Some(connection) => connection,
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Offers each connection to the lane.
async fn offer_all(listener: TcpListener, lane: Lane, hub: Hub, passed_on: Sender<Connection>) {
    loop {
        let Ok((socket, address)) = listener.accept().await else {
            // Out of files, for instance. The open connections matter more.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (lane, hub, passed_on) = (lane.clone(), hub.clone(), passed_on.clone());
        tokio::spawn(async move {
            let offered = lane.offer(socket, async |request| decide(&hub, &request));
            if let Ok(Some(passed)) = offered.await {
                let _ = passed_on.send((passed, address)).await;
            }
        });
    }
}

/// Takes the streams that can be opened. The others get their responses from axum.
fn decide(hub: &Hub, request: &Request<()>) -> Decision {
    match (request.uri().path(), subscribe(hub, request)) {
        ("/sse", Ok(events)) => Decision::stream(event_stream(events), SessionConfig::new()),
        _ => Decision::Pass,
    }
}

fn subscribe<B>(hub: &Hub, request: &Request<B>) -> Result<Subscription, Box<Response>> {
    let start = start(request).map_err(|error| {
        let refused = (StatusCode::BAD_REQUEST, error.to_string());
        Box::new(refused.into_response())
    })?;
    let subscribed = hub.subscribe("time", start.unwrap_or_default());
    subscribed.map_err(|reason| Box::new(refused(reason).into_response()))
}

async fn events(State(hub): State<Hub>, request: Request) -> Response {
    match subscribe(&hub, &request) {
        Ok(events) => response(events).map(Body::new),
        Err(refused) => *refused,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = match std::env::args().nth(1) {
        Some(port) => port.parse()?,
        None => 8888,
    };
    let hub = Hub::new();
    tokio::spawn(tell_time(hub.clone()));
    let (lane, drivers) = Lane::new(LaneConfig::new());
    let drivers: Vec<_> = drivers.into_iter().map(tokio::spawn).collect();

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("http://{address}/sse");
    let (passed_on, connections) = channel(64);
    let offering = tokio::spawn(offer_all(listener, lane, hub.clone(), passed_on));
    let router = Router::new()
        .route("/sse", get(events))
        .route("/", get(async || "events are at /sse\n".repeat(100)))
        .with_state(hub.clone());
    let listener = PassedOn {
        address,
        connections,
    };
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        () = stopped() => {}
    }
    offering.abort();
    let second = Duration::from_secs(1);
    hub.shutdown(sleep(second)).await;
    // The last bytes of the streams are out once the drivers have ended.
    for driver in drivers {
        let _ = timeout(second, driver).await;
    }
    Ok(())
}

/// Waits for Ctrl-C, or for SIGTERM, by which services are stopped.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the time is what this is about")]
async fn tell_time(hub: Hub) {
    let mut second = interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let event = EventRef::new(&time).with_type("timestamp");
        hub.publish_ref("time", event.expect("no line break is in it"));
    }
}
