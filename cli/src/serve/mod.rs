//! `ssewire serve`: a hub over HTTP.

#![expect(
    clippy::result_large_err,
    reason = "a request that is refused gets a response like any other"
)]

mod access;
mod query;
mod reply;
mod service;
mod topics;

#[path = "../../../examples/shared/server.rs"]
mod server;

use core::convert::Infallible;
use core::net::SocketAddr;
use core::num::NonZero;
use core::time::Duration;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use hyper::service::service_fn;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use ssewire::Hub;
use ssewire::hub::Observation;
use ssewire::lane::LaneConfig;
use ssewire::redis::{self, InvalidUrl};
use ssewire::server::{RelayConfig, SessionConfig, TopicsConfig};
use ssewire::tokio::{Lane, Runtime};
use tokio::net::TcpListener;
use tokio::time::timeout;

use self::access::{Access, Origin, Token};
use self::server::{LONGEST_END, LONGEST_HEAD};
use self::service::Service;
pub(crate) use self::service::VERSION;
use crate::tail::notes::say;
use crate::tail::seconds_or_zero;

/// Serves a hub over HTTP: publish with POST, follow as an event stream.
///
/// GET /events?topic=A streams the events of the topics. With last_event_id=ID or the header
/// Last-Event-ID it resumes after an event; otherwise start=live, earliest or last:N says where it
/// begins. POST /publish?topic=A publishes the body, and takes type=T, and key=K for an event that
/// replaces the one before it. DELETE /topics/A closes a topic for an hour: its streams end, and its
/// clients are told to stop. GET / is a page to look at, GET /topics, /metrics and /healthz are for
/// programs.
///
/// A token comes as "Authorization: Bearer TOKEN", and in a GET also as access_token=TOKEN. Errors
/// are JSON: {"error":"…"}. SIGINT and SIGTERM end the server within a second.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8888")]
    listen: String,
    /// What a publisher has to show
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SSEWIRE_PUBLISH_TOKEN",
        hide_env_values = true
    )]
    publish_token: Option<String>,
    /// What a subscriber has to show
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SSEWIRE_SUBSCRIBE_TOKEN",
        hide_env_values = true
    )]
    subscribe_token: Option<String>,
    /// Let pages of this origin use the server, or of every origin (*); may be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    origins: Vec<Origin>,
    /// Share the topics with all servers at this Redis: redis://user:password@host:port/database, rediss://… or unix:///path
    #[arg(
        long,
        value_name = "URL",
        env = "SSEWIRE_REDIS",
        hide_env_values = true
    )]
    redis: Option<String>,
    /// How many events the log holds
    #[arg(long, value_name = "N", default_value = "10000", value_parser = count)]
    max_events: usize,
    /// How many bytes the log holds
    #[arg(long, value_name = "N", default_value = "16777216", value_parser = count)]
    max_bytes: usize,
    /// How many events each topic holds
    #[arg(long, value_name = "N", value_parser = count)]
    max_events_per_topic: Option<usize>,
    /// How old an event may become, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds_or_zero)]
    max_age: Option<Duration>,
    /// After how many seconds of silence a comment is sent; 0 is never
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds_or_zero)]
    keep_alive: Duration,
    /// How many milliseconds clients wait before they reconnect
    #[arg(long, value_name = "MS")]
    retry: Option<u32>,
    /// Send the events of this many milliseconds in one write
    #[arg(long, value_name = "MS")]
    gather: Option<u32>,
    /// How many streams may be open
    #[arg(long, value_name = "N", default_value = "10000", value_parser = streams)]
    max_streams: usize,
    /// How many connections one address may have
    #[arg(long, value_name = "N", value_parser = count)]
    max_connections_per_address: Option<usize>,
    /// Tell on stderr what happens to each stream
    #[arg(short, long)]
    verbose: bool,
}

/// Serves until a signal ends it.
pub(crate) async fn serve(args: Args) -> ExitCode {
    if args.verbose {
        let subscriber = tracing_subscriber::fmt().with_writer(io::stderr);
        subscriber.init();
    }
    let (publish, subscribe) = match (
        token("--publish-token", args.publish_token.as_deref()),
        token("--subscribe-token", args.subscribe_token.as_deref()),
    ) {
        (Ok(publish), Ok(subscribe)) => (publish, subscribe),
        (Err(error), _) | (_, Err(error)) => {
            say(format_args!("serve: {error}"));
            return ExitCode::from(2);
        }
    };
    // Each stream is a file. If there are fewer, those that are there will do.
    let wanted = (args.max_streams as u64).saturating_add(OTHER_FILES);
    let _ = rlimit::increase_nofile_limit(wanted);

    let listener = match TcpListener::bind(&args.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            say(format_args!(
                "serve: cannot listen on {}: {error}",
                args.listen
            ));
            return match error.kind() {
                io::ErrorKind::InvalidInput => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            };
        }
    };
    let Ok(address) = listener.local_addr() else {
        return ExitCode::FAILURE;
    };
    let metrics = match record_metrics() {
        Ok(metrics) => metrics,
        Err(error) => {
            say(format_args!("serve: no metrics: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let hub = match hub(&args) {
        Ok(hub) => hub,
        Err(error) => {
            say(format_args!("serve: --redis: {error}"));
            return ExitCode::from(2);
        }
    };
    let access = Access {
        publish,
        subscribe,
        origins: args.origins,
    };
    if !address.ip().is_loopback() && access.publish.is_none() {
        say(format_args!(
            "serve: everybody who reaches {address} can publish; --publish-token prevents that"
        ));
    }
    let session = SessionConfig::new()
        .keep_alive(args.keep_alive)
        .retry(args.retry.map(|ms| Duration::from_millis(ms.into())))
        .gather(args.gather.map(|ms| Duration::from_millis(ms.into())));
    let service = Service::new(hub.clone(), access, session, args.max_streams, metrics);
    let service = Arc::new(service);

    // Whoever reads the first line may have left. The server is there all the same.
    let _ = writeln!(io::stdout(), "http://{address}/");
    let (lane, drivers) = Lane::new(
        LaneConfig::new()
            .tasks(available_parallelism().map_or(1, NonZero::get))
            .head_timeout(LONGEST_HEAD)
            .max_connections_per_address(args.max_connections_per_address),
    );
    let drivers: Vec<_> = drivers.into_iter().map(tokio::spawn).collect();
    let offering = Arc::clone(&service);
    let offer = move |socket| {
        let (lane, service) = (lane.clone(), Arc::clone(&offering));
        async move {
            let decide = async |request| service.offer(&request);
            // A client that is too slow, or one too many, is closed.
            lane.offer(socket, decide).await.unwrap_or_default()
        }
    };
    server::serve_offered(listener, &hub, offer, |_: SocketAddr| {
        let service = Arc::clone(&service);
        service_fn(move |request| {
            let service = Arc::clone(&service);
            async move { Ok::<_, Infallible>(service.respond(request).await) }
        })
    })
    .await;
    // The last bytes of the streams are out once the drivers have ended.
    let ending = async {
        for driver in drivers {
            let _ = driver.await;
        }
    };
    let _ = timeout(LONGEST_END, ending).await;
    ExitCode::SUCCESS
}

fn hub(args: &Args) -> Result<Hub, InvalidUrl> {
    let config = TopicsConfig::new()
        .max_events(args.max_events)
        .max_bytes(args.max_bytes)
        .max_events_per_topic(args.max_events_per_topic)
        .max_age(args.max_age);
    let hub = match &args.redis {
        None => Hub::with_config(config),
        Some(url) => {
            let relay = RelayConfig::new().load_count(args.max_events);
            let redis = redis::Config::new(url)?.topics(config).relay(relay);
            let (hub, driver) = redis.open::<Runtime>();
            tokio::spawn(driver);
            say_why_redis_is_away(&hub);
            hub
        }
    };
    hub.record_metrics();
    if args.verbose {
        hub.trace();
    }
    Ok(hub)
}

/// Says why Redis cannot be used, once for each reason in a row.
fn say_why_redis_is_away(hub: &Hub) {
    let said = Mutex::new(None);
    hub.observe(move |observation| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        match *observation {
            Observation::RelayFailed { message, .. } if said.as_deref() != Some(message) => {
                say(format_args!("serve: --redis: {message}"));
                *said = Some(message.to_owned());
            }
            Observation::Relayed {
                is_stale: false, ..
            } if said.take().is_some() => {
                say(format_args!("serve: --redis: connected"));
            }
            _ => {}
        }
    });
}

/// Installs the recorder of metrics.
fn record_metrics() -> Result<PrometheusHandle, Box<dyn core::error::Error>> {
    let seconds = Matcher::Suffix("_seconds".into());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &BUCKETS)?
        .install_recorder()?;
    // These are there before the first stream.
    metrics::gauge!("ssewire_streams").set(0);
    metrics::counter!("ssewire_events_published_total").absolute(0);
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            // Otherwise the values of histograms are kept until somebody asks for them.
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// Parses a token. What clap parses, it shows when it is invalid.
fn token(option: &str, token: Option<&str>) -> Result<Option<Token>, String> {
    let token = token.map(str::parse).transpose();
    token.map_err(|error| format!("{option}: {error}"))
}

fn count(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(0) => Err("it must be at least 1".into()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}

fn streams(argument: &str) -> Result<usize, String> {
    let streams = count(argument)?;
    match streams <= service::MOST_STREAMS {
        true => Ok(streams),
        false => Err(format!("it must be at most {}", service::MOST_STREAMS)),
    }
}

/// The files that are no streams: what the runtime needs, and connections that ask for something else.
const OTHER_FILES: u64 = 256;
const UPKEEP: Duration = Duration::from_secs(5);
/// The upper bounds of the buckets of times, in seconds.
const BUCKETS: [f64; 12] = [
    0.0001, 0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 600.0, 3_600.0, 86_400.0,
];
