//! A chat with a page: messages to everybody and to one person, none of them lost in a reconnect, and
//! who is here. Whoever joins gets the last messages.
//!
//! Nobody proves who they are: whoever says `username=ann` reads what is sent to ann. An application
//! checks that in `Chat::check`.
//!
//! `cargo run --example chat --features tokio,hyper [-- PORT]`, then open the URL that it prints in
//! two windows. The port is 8888; 0 takes any free one. With the feature `redis` and, after the port,
//! `--redis redis://127.0.0.1/`, several servers are one chat. Without a browser:
//!
//! `curl -N 'http://127.0.0.1:8888/chat/sse?username=ann'`
//! `curl -X POST 'http://127.0.0.1:8888/chat/broadcast?from=bob&message=hello'`
//! `curl -X POST 'http://127.0.0.1:8888/chat/direct?from=bob&to=ann&message=psst'`

#[path = "shared/server.rs"]
mod server;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};
use serde_json::json;
use server::Answer;
use ssewire::hyper::start;
use ssewire::server::{Presence, SessionConfig, Start};
use ssewire::tokio::response_with;
use ssewire::{Event, Hub};
use tokio::time::Instant;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(hub) = hub() else {
        return ExitCode::from(2);
    };
    let chat = Chat {
        hub: hub.clone(),
        known: Mutex::default(),
        senders: Senders::default(),
    };
    server::serve("chat", &hub, move |request| chat.answer(request)).await
}

/// Returns a hub in memory or, with `--redis URL`, one that all chats at that Redis share.
fn hub() -> Option<Hub> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--redis");
    if arguments.next().is_none() {
        return Some(Hub::new());
    }
    #[cfg(feature = "redis")]
    match ssewire::redis::Config::new(arguments.next().unwrap_or_default()) {
        Ok(config) => {
            let (hub, driver) = config.name("chat").open::<ssewire::tokio::Runtime>();
            tokio::spawn(driver);
            hub.observe(|observation| {
                if let ssewire::hub::Observation::RelayFailed { message, .. } = observation {
                    eprintln!("chat: --redis: {message}");
                }
            });
            return Some(hub);
        }
        Err(error) => eprintln!("chat: --redis: {error}"),
    }
    #[cfg(not(feature = "redis"))]
    eprintln!("chat: --redis needs the feature redis");
    None
}

struct Chat {
    hub: Hub,
    /// Everybody who has been here. Messages to them wait for their return.
    known: Mutex<HashSet<String>>,
    senders: Senders,
}

/// How much each address has sent of late.
#[derive(Default)]
struct Senders(Mutex<Sent>);

struct Sent {
    since: Instant,
    by_address: HashMap<IpAddr, u32>,
}

impl Senders {
    /// Returns whether an address may send another message now.
    fn may_send(&self, address: IpAddr) -> bool {
        let mut sent = self.0.lock().expect("nothing panics under this lock");
        if sent.since.elapsed() > WINDOW || sent.by_address.len() > MOST_KNOWN {
            *sent = Sent::default();
        }
        let count = sent.by_address.entry(address).or_default();
        *count += 1;
        *count <= MOST_SENT
    }
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            by_address: HashMap::new(),
        }
    }
}

impl Chat {
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        let query = request.uri().query().unwrap_or_default();
        let query: Query = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        if let Err((status, error)) = self.check(request) {
            return server::text(status, JSON, json!({ "error": error }).to_string());
        }
        let answer = match (request.method(), request.uri().path()) {
            (&Method::GET, "/") => Ok(server::text(
                StatusCode::OK,
                "text/html; charset=utf-8",
                PAGE,
            )),
            (&Method::GET, "/chat/sse") => self.listen(request, &query),
            (&Method::POST, "/chat/broadcast") => self.broadcast(&query),
            (&Method::POST, "/chat/direct") => self.direct(&query),
            _ => Err((StatusCode::NOT_FOUND, "not found".into())),
        };
        answer.unwrap_or_else(|(status, error)| {
            server::text(status, JSON, json!({ "error": error }).to_string())
        })
    }

    /// Refuses messages that other pages send in the name of a visitor, and too many from one address.
    ///
    /// This is the place where an application would check who asks, by a cookie or a token, and whether
    /// that person may use the name in `username` or `from`. This example takes every name as it is.
    fn check(&self, request: &Request<Incoming>) -> Result<(), Refusal> {
        if request.method() != Method::POST {
            return Ok(());
        }
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        let host = header(HOST).unwrap_or_default();
        let is_own = |origin: &[u8]| origin.strip_prefix(b"http://") == Some(host);
        // A name of the host that leads here may be anybody's, a page's origin too.
        if !is_local(host) || !header(ORIGIN).is_none_or(is_own) {
            return Err((StatusCode::FORBIDDEN, "this page may not do that".into()));
        }
        let address = request.extensions().get::<SocketAddr>();
        match address.is_none_or(|address| self.senders.may_send(address.ip())) {
            true => Ok(()),
            false => Err((StatusCode::TOO_MANY_REQUESTS, "not so fast".into())),
        }
    }

    fn listen(&self, request: &Request<Incoming>, query: &Query) -> Result<Answer, Refusal> {
        let name = required(query, "username", LONGEST_NAME)?;
        let start = start(request).map_err(|error| bad(error.to_string()))?;
        let start = start.unwrap_or(Start::Last(REMEMBERED));
        self.remember(name);
        let topics = ["all", PEOPLE, &topic_of(name)];
        Ok(match self.hub.subscribe(topics, start) {
            Ok(mut events) => {
                // Nobody closes this topic, and the name is short enough.
                let _ = events.announce(presence(name));
                let config = SessionConfig::new().retry(Duration::from_secs(1));
                server::boxed(response_with(events, config))
            }
            Err(reason) => server::refused(reason),
        })
    }

    fn broadcast(&self, query: &Query) -> Result<Answer, Refusal> {
        let (from, message) = (
            required(query, "from", LONGEST_NAME)?,
            required(query, "message", LONGEST)?,
        );
        self.hub
            .publish("all", event("broadcast", from, "", message));
        Ok(success())
    }

    fn direct(&self, query: &Query) -> Result<Answer, Refusal> {
        let (from, to) = (
            required(query, "from", LONGEST_NAME)?,
            required(query, "to", LONGEST_NAME)?,
        );
        let event = event("direct", from, to, required(query, "message", LONGEST)?);
        let known = self.known.lock().expect("nothing panics under this lock");
        let is_here = || self.hub.present(PEOPLE).iter().any(|(name, _)| name == to);
        if !known.contains(to) && !is_here() {
            let error = format!("nobody called {to:?} has been here");
            return Err((StatusCode::NOT_FOUND, error));
        }
        self.hub.publish(topic_of(to), &event);
        // The sender sees the message too, in every window.
        if from != to {
            self.hub.publish(topic_of(from), &event);
        }
        Ok(success())
    }

    fn remember(&self, name: &str) {
        let mut known = self.known.lock().expect("nothing panics under this lock");
        if known.len() >= MOST_KNOWN {
            known.retain(|name| self.hub.subscriber_count_of(topic_of(name)) > 0);
        }
        known.insert(name.to_owned());
    }
}

/// Tells that somebody is here, until the last of their windows is closed.
fn presence(name: &str) -> Presence {
    let event = |kind| {
        let event = Event::new(json!({ "Name": name }).to_string()).with_type(kind);
        event.expect("no line break is in it")
    };
    Presence::new(PEOPLE, name, event("here"), event("gone"))
}

#[expect(clippy::disallowed_methods, reason = "a message says when it was sent")]
fn event(kind: &str, from: &str, to: &str, message: &str) -> Event {
    let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    // JSON escapes line breaks, so every message is one line of data.
    let data = json!({
        "Type": kind,
        "From": from,
        "To": to,
        "Message": message,
        "Timestamp": time,
    });
    let event = Event::new(data.to_string()).with_type(kind);
    event.expect("no line break is in it")
}

fn required<'a>(query: &'a Query, name: &str, longest: usize) -> Result<&'a str, Refusal> {
    match query.get(name) {
        Some(value) if value.len() > longest => Err(bad(format!("{name} is too long"))),
        Some(value) if !value.trim().is_empty() => Ok(value),
        _ => Err(bad(format!("the parameter {name} is missing"))),
    }
}

/// Returns whether a `Host` names this machine, on whatever port.
fn is_local(host: &[u8]) -> bool {
    let names = [&b"127.0.0.1"[..], b"localhost", b"[::1]"];
    let rest = names.iter().find_map(|name| host.strip_prefix(*name));
    rest.is_some_and(|rest| matches!(rest, [] | [b':', ..]))
}

fn topic_of(name: &str) -> String {
    format!("{USER}{name}")
}

fn success() -> Answer {
    let message = json!({ "message": "success" });
    server::text(StatusCode::OK, JSON, message.to_string())
}

fn bad(error: String) -> Refusal {
    (StatusCode::BAD_REQUEST, error)
}

type Query = HashMap<String, String>;
type Refusal = (StatusCode, String);

const PAGE: &str = include_str!("chat.html");
const JSON: &str = "application/json";
const USER: &str = "user:";
const PEOPLE: &str = "people";
/// How many messages whoever joins gets.
const REMEMBERED: usize = 50;
/// The longest message, in bytes.
const LONGEST: usize = 4 * 1024;
/// The longest name, in bytes: the 40 characters that the page allows.
const LONGEST_NAME: usize = 160;
/// How many messages one address may send in a window.
const MOST_SENT: u32 = 200;
const WINDOW: Duration = Duration::from_secs(10);
const MOST_KNOWN: usize = 10_000;
