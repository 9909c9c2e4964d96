//! A server on async-std that sends the time every second in a lane, with hyper for everything else.
//!
//! `cargo run --example lane_async_std --features async-std,lane [-- PORT]`, then
//! `curl -N http://127.0.0.1:8888/sse`. The port is 8888; 0 takes any free one.
//!
//! The sockets are those of async-net, which works on every executor.

use core::convert::Infallible;
use core::error::Error;
use core::time::Duration;
use std::process;
use std::time::SystemTime;

use async_net::TcpListener;
use async_std::task;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ssewire::async_std::{Lane, WriteTimeout, response};
use ssewire::hyper::{event_stream, refused, start};
use ssewire::lane::{Decision, LaneConfig};
use ssewire::server::SessionConfig;
use ssewire::{EventRef, Hub, Subscription};
use tokio_util::compat::FuturesAsyncReadCompatExt;

fn main() -> Result<(), Box<dyn Error>> {
    task::block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let port = match std::env::args().nth(1) {
        Some(port) => port.parse()?,
        None => 8888,
    };
    let hub = Hub::new();
    let (lane, drivers) = Lane::new(LaneConfig::new());
    for driver in drivers {
        task::spawn(driver);
    }
    ctrlc::set_handler({
        let (hub, lane) = (hub.clone(), lane.clone());
        move || task::block_on(stop(&hub, &lane))
    })?;
    task::spawn(tell_time(hub.clone()));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}/sse", listener.local_addr()?);
    loop {
        // Out of files, for instance. The open connections matter more.
        let Ok((socket, _)) = listener.accept().await else {
            task::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (hub, lane) = (hub.clone(), lane.clone());
        task::spawn(async move {
            let offered = lane.offer(socket, async |request| match subscribe(&hub, &request) {
                Ok(events) => Decision::stream(event_stream(events), SessionConfig::new()),
                Err(_) => Decision::Pass,
            });
            let Ok(Some(passed)) = offered.await else {
                return;
            };
            let service = service_fn(|request| {
                let answer = answer(&hub, &request);
                async { Ok::<_, Infallible>(answer) }
            });
            let socket = WriteTimeout::new(passed, LONGEST_STALL);
            // Without a timer for further heads, a connection gets one response.
            let connection = http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(socket.compat()), service);
            // A client that leaves ends this with an error. Nobody needs to know.
            let _ = connection.await;
        });
    }
}

/// Ends every open stream in an orderly way, then the program. Runs on Ctrl-C and SIGTERM.
async fn stop(hub: &Hub, lane: &Lane) {
    let second = Duration::from_secs(1);
    hub.shutdown(task::sleep(second)).await;
    // The last bytes of a stream are out when it is gone.
    let all_gone = async {
        while lane.stream_count() > 0 {
            task::sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = async_std::future::timeout(second, all_gone).await;
    process::exit(0);
}

/// Responds to all that the lane passes on.
fn answer(hub: &Hub, request: &Request<Incoming>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    match subscribe(hub, request) {
        Ok(events) => response(events).map(BodyExt::boxed_unsync),
        Err(refused) => refused.map(|text| Full::from(text).boxed_unsync()),
    }
}

fn subscribe<B>(hub: &Hub, request: &Request<B>) -> Result<Subscription, Box<Response<String>>> {
    let refuse = |status, text: String| {
        let mut response = Response::new(text);
        *response.status_mut() = status;
        Box::new(response)
    };
    if request.uri().path() != "/sse" {
        return Err(refuse(StatusCode::NOT_FOUND, "not found\n".into()));
    }
    let start =
        start(request).map_err(|error| refuse(StatusCode::BAD_REQUEST, format!("{error}\n")))?;
    hub.subscribe("time", start.unwrap_or_default())
        .map_err(|reason| Box::new(refused(reason)))
}

#[expect(clippy::disallowed_methods, reason = "the time is what this is about")]
async fn tell_time(hub: Hub) {
    loop {
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let event = EventRef::new(&time).with_type("timestamp");
        hub.publish_ref("time", event.expect("no line break is in it"));
        task::sleep(Duration::from_secs(1)).await;
    }
}

const LONGEST_STALL: Duration = Duration::from_secs(30);
