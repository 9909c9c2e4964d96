//! `ssewire check`: what is wrong with a stream, and what to do.

mod arrival;
mod client;
mod finding;
mod findings;
mod probe;
mod report;
mod response;
mod resume;
mod timing;
mod watch;

use core::time::Duration;
use std::path::PathBuf;
use std::process::ExitCode;

use http::{HeaderMap, HeaderName, HeaderValue};
use ssewire::event_source::redacted;
use tokio::time::{Instant, timeout};

use self::client::Client;
use self::finding::Verdict;
pub(crate) use self::probe::PROBE_TOPIC;
use self::probe::Probe;
use self::watch::Coding;
use crate::tail::notes::say;
use crate::tail::{header, seconds, url};

/// Watches a stream, and reports what keeps its events from arriving at once and whole.
///
/// Each finding is ok, a warning, an error, or unknown if the stream did not show it, with a sentence on
/// what to do. If the URL is the /events of an "ssewire serve", events of a topic of its own are published
/// to it, and their arrival is timed. Otherwise the times in the events tell, if there are any.
///
/// Exit codes: 0 no error; 1 an error was found; 2 bad arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For how many seconds to watch; Ctrl-C ends it sooner
    #[arg(long = "for", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    time: Duration,
    /// Print an object of JSON
    #[arg(long)]
    json: bool,
    /// A header; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Publish nothing
    #[arg(long)]
    no_probe: bool,
    /// What "ssewire serve" asks of a publisher
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SSEWIRE_PUBLISH_TOKEN",
        hide_env_values = true
    )]
    publish_token: Option<String>,
    /// Trust the certificates in this PEM file instead of the platform's
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// The URL of the stream, starting with http:// or https://
    #[arg(value_parser = url)]
    url: String,
}

/// Watches, and prints what was found.
pub(crate) async fn check(args: Args) -> ExitCode {
    let headers: HeaderMap = args.headers.iter().cloned().collect();
    let client = match Client::new(headers, args.cacert.as_deref()) {
        Ok(client) => client,
        Err(error) => {
            say(format_args!("check: {error}"));
            return ExitCode::from(2);
        }
    };
    let findings = look(&client, &args).await;
    let verdict = report::print(&redacted(&args.url), &findings, args.json);
    match verdict {
        Verdict::Error => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

async fn look(client: &Client, args: &Args) -> Vec<finding::Finding> {
    let time = args.time.min(LONGEST);
    let mut probe = None;
    if !args.no_probe {
        let find = Probe::find(client, &args.url, args.publish_token.as_deref());
        probe = timeout(time.min(FINDING), find).await.ok().flatten();
    }
    // What is asked before does not shorten the watch.
    let deadline = Instant::now() + time;
    let watched = probe.as_ref().map_or(&*args.url, Probe::url);
    let watch = watch::watch(client, watched, None, Coding::Gzip, deadline);
    let sent = async {
        match &probe {
            Some(probe) => probe.publish(client, time).await,
            None => Vec::new(),
        }
    };
    let (observation, sent) = tokio::join!(watch, sent);
    // A coded response is compared with one that is not.
    let plain = async {
        if !observation.is_coded() {
            return None;
        }
        let deadline = Instant::now() + time.min(COMPARED);
        Some(watch::watch(client, watched, None, Coding::Identity, deadline).await)
    };
    let resume = resume::resume(client, watched, &observation, time);
    let (plain, resume) = tokio::join!(plain, resume);
    findings::findings(&observation, plain.as_ref(), &sent, resume)
}

/// For how long a response without a coding is watched, to compare.
const COMPARED: Duration = Duration::from_secs(5);
/// How long a server may take to tell whether it is an `ssewire serve`.
const FINDING: Duration = Duration::from_secs(2);
/// Far enough for everybody, and near enough for a clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
