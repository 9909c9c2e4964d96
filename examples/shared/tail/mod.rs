//! What `tail`, `tail_async_std` and `ssewire tail` share: all but the runtime.

pub(crate) mod escape;
pub(crate) mod notes;
pub(crate) mod output;
mod state;

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use ssewire::client::{Cause, ClientConfig, CloseReason, Phase, Reconnect};
use ssewire::event_source::{Error, EventSource, redacted};
use ssewire::hyper::{Dial, Http};
use ssewire::{DecoderConfig, Event};

use self::notes::{Notes, StatusLine, say};
use self::output::{Form, Output};
use self::state::StateFile;

/// Prints the events of a URL, and reconnects as long as that makes sense.
///
/// A terminal gets a line for each event, with time, type and data. Everything else gets a line of
/// JSON for each. What happens to the connection goes to stderr. On a terminal, characters that
/// control it are escaped.
///
/// Exit codes: 0 told to stop, by an option or by the server; 2 bad arguments; 7 could not connect;
/// 18 cut off, and not tried again; 22 the response is not an event stream; 23 could not write;
/// 28 timed out; 63 an event is too large.
#[derive(Parser)]
#[command(name = "tail")]
pub(crate) struct Args {
    /// Method of the request; GET, or POST where there is a body
    #[arg(short = 'X', long, value_name = "METHOD")]
    request: Option<http::Method>,
    /// A header; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Body of the request
    #[arg(short, long, value_name = "BODY")]
    data: Option<String>,
    /// Resume after this event
    #[arg(long, value_name = "ID")]
    last_event_id: Option<String>,
    /// Keep the last event ID in this file, and resume after the one that it has. It then beats
    /// --last-event-id
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Print only events of this type, and count only these; may be repeated
    #[arg(long = "event", value_name = "TYPE")]
    types: Vec<String>,
    /// How to print events; without it, lines for a reader on a terminal, otherwise json
    #[arg(short, long, value_name = "FORM")]
    output: Option<Form>,
    /// Say nothing about the connection
    #[arg(short, long)]
    quiet: bool,
    /// Stop after the first event that has this data
    #[arg(long, value_name = "DATA")]
    until: Option<String>,
    /// Stop after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_events: Option<u64>,
    /// Give up after this many attempts in a row without an event
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_attempts: Option<u32>,
    /// Treat this many seconds of silence as a lost connection
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    idle_timeout: Option<Duration>,
    /// Fail at an event that is larger than this many bytes
    #[arg(long, value_name = "N")]
    max_event_bytes: Option<usize>,
    /// When to reconnect; by default always after a GET, otherwise never
    #[arg(long, value_name = "WHEN")]
    reconnect: Option<When>,
    /// Behave as a browser does: every status but 200 is fatal
    #[arg(long)]
    browser: bool,
    /// Trace each attempt of the client to stderr
    #[cfg(feature = "tracing")]
    #[arg(short, long)]
    verbose: bool,
    /// Trust the certificates in this PEM file instead of the platform's
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// The URL of the stream, starting with http:// or https://
    #[arg(value_parser = url)]
    url: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum When {
    Always,
    UntilFirstEvent,
    Never,
}

/// Does all that `tail` does, on the runtime `R`.
pub(crate) async fn tail<R: Dial>(args: Args) -> ExitCode {
    #[cfg(feature = "tracing")]
    if args.verbose {
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
            .with_writer(io::stderr)
            .init();
    }
    match prepare::<R>(&args) {
        Ok(tail) => tail.follow(&args).await,
        Err(message) => {
            say(format_args!("tail: {message}"));
            ExitCode::from(2)
        }
    }
}

fn prepare<R: Dial>(args: &Args) -> Result<Tail<R>, String> {
    let state = match &args.state {
        Some(path) => Some(
            StateFile::open(path)
                .map_err(|error| format!("--state {}: {error}", path.display()))?,
        ),
        None => None,
    };
    let request = request(args)?;
    let config = config(args, state.as_ref())?;
    let notes = Notes::new(args.quiet);
    let (opened, disconnected) = (notes.clone(), notes.clone());
    let mut events = EventSource::new(request, config)
        .on_open(move |head| {
            opened.say(format_args!("open: {}", head.status));
            Ok::<_, io::Error>(())
        })
        .on_disconnect(move |disconnect| disconnected.disconnected(disconnect));
    if let Some(data) = args.until.clone() {
        let types = args.types.clone();
        events = events
            .stop_when(move |event| event.data() == data && is_chosen(&types, event.event_type()));
    }
    Ok(Tail {
        events,
        output: Output::new(args.output),
        state,
        status: StatusLine::new(notes.clone()),
        notes,
    })
}

fn request<R: Dial>(args: &Args) -> Result<Http<R>, String> {
    let method = args.request.clone().unwrap_or(match &args.data {
        Some(_) => http::Method::POST,
        None => http::Method::GET,
    });
    let mut request = Http::new(method, &args.url);
    for (name, value) in &args.headers {
        request = request.header(name.clone(), value.clone());
    }
    if let Some(body) = &args.data {
        request = request.body(body.clone());
    }
    #[cfg(feature = "tls")]
    if let Some(file) = &args.cacert {
        let tls = std::fs::read(file).and_then(|pem| ssewire::hyper::Tls::with_roots(&pem));
        request = request.tls(tls.map_err(|error| format!("{}: {error}", file.display()))?);
    }
    Ok(request)
}

fn config(args: &Args, state: Option<&StateFile>) -> Result<ClientConfig, String> {
    let mut config = if args.browser {
        ClientConfig::browser()
    } else {
        ClientConfig::new()
    };
    config = config.max_attempts(args.max_attempts);
    if let Some(when) = args.reconnect {
        config = config.reconnect(match when {
            When::Always => Reconnect::Always,
            When::UntilFirstEvent => Reconnect::UntilFirstEvent,
            When::Never => Reconnect::Never,
        });
    }
    if let Some(timeout) = args.idle_timeout {
        config = config.idle_timeout(timeout);
    }
    if let Some(bytes) = args.max_event_bytes {
        config = config.decoder(DecoderConfig::new().max_event_bytes(bytes));
    }
    let stated = state.and_then(StateFile::id);
    match stated.or(args.last_event_id.as_deref()) {
        Some(id) => config.last_event_id(id).map_err(|error| error.to_string()),
        None => Ok(config),
    }
}

struct Tail<R: Dial> {
    events: EventSource<Http<R>, R>,
    output: Output,
    state: Option<StateFile>,
    status: StatusLine<R>,
    notes: Notes,
}

impl<R: Dial> Tail<R> {
    async fn follow(mut self, args: &Args) -> ExitCode {
        let notes = self.notes.clone();
        notes.say(format_args!("connecting: {}", redacted(&args.url)));
        let mut count = 0;
        let reason = loop {
            let event = match self.next().await {
                Ok(Some(Ok(event))) => event,
                Ok(Some(Err(error))) => break error.reason(),
                // A 204 says that nothing more will come, not even the rest of an event.
                Ok(None) if self.is_cut_off() => {
                    notes.say(format_args!("cut off: the stream ended within an event"));
                    return ExitCode::from(18);
                }
                Ok(None) => return ExitCode::SUCCESS,
                Err(code) => return code,
            };
            if is_chosen(&args.types, event.event_type()) {
                match self.output.print(&event) {
                    Ok(()) => {}
                    // Whoever reads the lines has seen enough.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        return ExitCode::SUCCESS;
                    }
                    Err(error) => {
                        say(format_args!("tail: cannot write to stdout: {error}"));
                        return ExitCode::from(CANNOT_WRITE);
                    }
                }
                count += 1;
            } else if event.event_type() == "gap" {
                notes.say(format_args!(
                    "gap: the server says that events may be missing: {}",
                    event.data()
                ));
            }
            if let Err(code) = self.save() {
                return code;
            }
            if args.max_events == Some(count) {
                self.events.close();
            }
        };
        ExitCode::from(match reason {
            CloseReason::EventTooLarge { .. } => 63,
            reason => match reason.cause() {
                Some(Cause::CouldNotConnect) => 7,
                Some(Cause::ConnectTimeout | Cause::IdleTimeout) => 28,
                Some(Cause::Ended | Cause::CutOff) => 18,
                _ => 22,
            },
        })
    }

    /// Waits for the next event. Meanwhile, counts down to the next attempt, and records an ID that comes
    /// without an event.
    async fn next(&mut self) -> Result<Option<Result<Event, Error>>, ExitCode> {
        let next = poll_fn(|cx| {
            let polled = pin!(self.events.next()).poll(cx);
            match polled {
                Poll::Ready(item) => Poll::Ready(Ok(item)),
                Poll::Pending => {
                    match matches!(self.events.phase(), Phase::Waiting { .. }) {
                        true => self.status.poll_wait(cx),
                        false => self.status.clear(),
                    }
                    match self.save() {
                        Ok(()) => Poll::Pending,
                        Err(code) => Poll::Ready(Err(code)),
                    }
                }
            }
        })
        .await;
        self.status.clear();
        next
    }

    fn save(&mut self) -> Result<(), ExitCode> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        state.save(self.events.last_event_id()).map_err(|error| {
            let path = state.path().display();
            say(format_args!("tail: cannot write {path}: {error}"));
            ExitCode::from(CANNOT_WRITE)
        })
    }

    fn is_cut_off(&mut self) -> bool {
        self.events.phase() == Phase::Closed(CloseReason::Ended)
            && self.events.cut_off_event().is_some()
    }
}

fn is_chosen(types: &[String], event_type: &str) -> bool {
    types.is_empty() || types.iter().any(|chosen| chosen == event_type)
}

/// curl's exit code for what cannot be written.
const CANNOT_WRITE: u8 = 23;

pub(crate) fn header(argument: &str) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let (name, value) = argument.split_once(':').ok_or("there is no colon in it")?;
    let name = name.trim().parse().map_err(|_| "the name is invalid")?;
    let value = value.trim().parse().map_err(|_| "the value is invalid")?;
    Ok((name, value))
}

/// Parses a time that is not zero.
pub(crate) fn seconds(argument: &str) -> Result<Duration, String> {
    let time = seconds_or_zero(argument)?;
    match time.is_zero() {
        true => Err(NOT_A_TIME.into()),
        false => Ok(time),
    }
}

pub(crate) fn seconds_or_zero(argument: &str) -> Result<Duration, String> {
    let seconds = argument.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|_| NOT_A_TIME.into())
}

const NOT_A_TIME: &str = "not a time";

pub(crate) fn url(argument: &str) -> Result<String, String> {
    let url: http::Uri = argument.parse().map_err(|error| format!("{error}"))?;
    match url.scheme_str() {
        Some("http" | "https") => Ok(argument.into()),
        _ => Err("it does not start with http:// or https://".into()),
    }
}
