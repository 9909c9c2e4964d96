//! What `tail` and `tail_async_std` share: all but the runtime.

use core::fmt;
use core::time::Duration;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use serde_json::json;
use ssewire::client::{Cause, ClientConfig, CloseReason, Phase, Reconnect};
use ssewire::event_source::{Disconnect, EventSource, redacted};
use ssewire::hyper::{Dial, Http};
use ssewire::runtime::Timer;
use ssewire::{DecoderConfig, Event};

/// Prints the events of a URL, each as a line of JSON, and reconnects as long as that makes sense.
///
/// What happens to the connection goes to stderr. Characters that control a terminal are escaped.
///
/// Exit codes: 0 told to stop, by an option or by the server; 2 bad arguments; 7 could not connect;
/// 18 cut off, and not tried again; 22 the response is not an event stream; 28 timed out; 63 an
/// event is too large.
#[derive(Parser)]
#[command(name = "tail")]
struct Args {
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
    cacert: Option<std::path::PathBuf>,
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
pub(crate) async fn tail<R: Dial + Timer + Default + Send + 'static>() -> ExitCode {
    let args = Args::parse();
    #[cfg(feature = "tracing")]
    if args.verbose {
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
            .with_writer(io::stderr)
            .init();
    }
    match prepare::<R>(&args) {
        Ok(events) => follow(events, &args).await,
        Err(message) => {
            note(format_args!("tail: {message}"));
            ExitCode::from(2)
        }
    }
}

fn prepare<R>(args: &Args) -> Result<EventSource<Http<R>, R>, String>
where
    R: Dial + Timer + Default + Send + 'static,
{
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
    if let Some(id) = &args.last_event_id {
        config = config
            .last_event_id(id)
            .map_err(|error| error.to_string())?;
    }

    let mut events = EventSource::new(request, config)
        .on_open(|head| {
            note(format_args!("open: {}", head.status));
            Ok::<_, io::Error>(())
        })
        .on_disconnect(report);
    if let Some(data) = args.until.clone() {
        events = events.stop_when(move |event| event.data() == data);
    }
    Ok(events)
}

async fn follow<R>(mut events: EventSource<Http<R>, R>, args: &Args) -> ExitCode
where
    R: Dial + Timer + Default + Send + 'static,
{
    note(format_args!("connecting: {}", redacted(&args.url)));
    let mut count = 0;
    let reason = loop {
        match events.next().await {
            Some(Ok(event)) => {
                if print(&event).is_err() {
                    // Whoever reads the lines has seen enough.
                    return ExitCode::SUCCESS;
                }
                count += 1;
                if args.max_events == Some(count) {
                    events.close();
                }
            }
            Some(Err(error)) => break error.reason(),
            // A 204 says that nothing more will come, not even the rest of an event.
            None if events.phase() == Phase::Closed(CloseReason::Ended)
                && events.cut_off_event().is_some() =>
            {
                note(format_args!("cut off: the stream ended within an event"));
                return ExitCode::from(18);
            }
            None => return ExitCode::SUCCESS,
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

fn print(event: &Event) -> io::Result<()> {
    let line = json!({ "type": event.event_type(), "data": event.data(), "id": event.id() });
    let mut output = io::stdout().lock();
    writeln!(output, "{}", escaped(&line.to_string()))?;
    output.flush()
}

fn report(disconnect: &Disconnect<'_>) {
    match disconnect.delay() {
        Some(_) => note(format_args!("lost: {disconnect}")),
        None => note(format_args!("closed: {disconnect}")),
    }
    if let Some(response) = disconnect.response() {
        let body = String::from_utf8_lossy(response.body());
        if let Some(line) = body.lines().find(|line| !line.trim().is_empty()) {
            note(format_args!("the response says: {:?}", line.trim()));
        }
    }
}

/// Writes a line to stderr.
fn note(line: fmt::Arguments<'_>) {
    eprintln!("{}", escaped(&line.to_string()));
}

/// Returns a text in which no character controls a terminal, as a part of JSON still the same text.
///
/// These are the C0 and C1 controls and those that change the direction of text (Unicode, "Bidirectional
/// Character Types"), with which a peer could make a line look like another one.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\u{0}'..='\u{1F}'
            | '\u{7F}'..='\u{9F}'
            | '\u{61C}'
            | '\u{200E}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}' => escaped.push_str(&format!("\\u{:04x}", character as u32)),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn header(argument: &str) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let (name, value) = argument.split_once(':').ok_or("there is no colon in it")?;
    let name = name.trim().parse().map_err(|_| "the name is invalid")?;
    let value = value.trim().parse().map_err(|_| "the value is invalid")?;
    Ok((name, value))
}

fn seconds(argument: &str) -> Result<Duration, String> {
    let seconds = argument.parse().map_err(|_| "not a number of seconds")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("not a time".into()),
    }
}

fn url(argument: &str) -> Result<String, String> {
    let url: http::Uri = argument.parse().map_err(|error| format!("{error}"))?;
    match url.scheme_str() {
        Some("http" | "https") => Ok(argument.into()),
        _ => Err("it does not start with http:// or https://".into()),
    }
}
