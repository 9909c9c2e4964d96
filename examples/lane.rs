//! A server that sends the time every second in a lane, with hyper for everything else.
//!
//! `cargo run --example lane --features tokio,hyper,lane [-- PORT]`, then
//! `curl -N http://127.0.0.1:8888/sse`. The port is 8888; 0 takes any free one.

#[path = "shared/server.rs"]
mod server;

use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use std::process::ExitCode;
use std::time::SystemTime;

use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use server::{Answer, LONGEST_END, LONGEST_HEAD, PLAIN, boxed, not_found, refused, text};
use ssewire::hyper::{event_stream, start};
use ssewire::lane::{Decision, LaneConfig};
use ssewire::server::SessionConfig;
use ssewire::tokio::{Lane, response};
use ssewire::{EventRef, Hub, Subscription};

#[tokio::main]
async fn main() -> ExitCode {
    let listener = match server::bind("lane", "sse").await {
        Ok(listener) => listener,
        Err(code) => return code,
    };
    let hub = Hub::new();
    tokio::spawn(tell_time(hub.clone()));
    // As many tasks as the runtime has threads.
    let threads = tokio::runtime::Handle::current().metrics().num_workers();
    let (lane, drivers) = Lane::new(LaneConfig::new().tasks(threads).head_timeout(LONGEST_HEAD));
    let drivers: Vec<_> = drivers.into_iter().map(tokio::spawn).collect();

    let offering = hub.clone();
    let offer = move |socket| {
        let (lane, hub) = (lane.clone(), offering.clone());
        async move {
            let offered = lane.offer(socket, async |request| decide(&hub, &request));
            // A client that is too slow is closed.
            offered.await.unwrap_or_default()
        }
    };
    server::serve_offered(listener, &hub, offer, |_: SocketAddr| {
        let hub = hub.clone();
        service_fn(move |request| {
            let answer = answer(&hub, &request);
            async { Ok::<_, Infallible>(answer) }
        })
    })
    .await;
    // The last bytes of the streams are out once the drivers have ended.
    for driver in drivers {
        let _ = tokio::time::timeout(LONGEST_END, driver).await;
    }
    ExitCode::SUCCESS
}

/// Takes the streams that can be opened. The others get their responses from [`answer`].
fn decide(hub: &Hub, request: &Request<()>) -> Decision {
    match subscribe(hub, request) {
        Ok(events) => Decision::stream(event_stream(events), SessionConfig::new()),
        Err(_) => Decision::Pass,
    }
}

/// Responds to all that the lane passes on. A browser may ask for a stream on a connection that is
/// hyper's already.
fn answer<B>(hub: &Hub, request: &Request<B>) -> Answer {
    match subscribe(hub, request) {
        Ok(events) => boxed(response(events)),
        Err(refused) => *refused,
    }
}

fn subscribe<B>(hub: &Hub, request: &Request<B>) -> Result<Subscription, Box<Answer>> {
    if request.uri().path() != "/sse" {
        return Err(Box::new(not_found()));
    }
    let start = start(request).map_err(|error| {
        let error = format!("{error}\n");
        Box::new(text(StatusCode::BAD_REQUEST, PLAIN, error))
    })?;
    let subscribed = hub.subscribe("time", start.unwrap_or_default());
    subscribed.map_err(|reason| Box::new(refused(reason)))
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
