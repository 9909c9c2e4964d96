//! What errors, reports and traces say: enough to act on, and no secret.

use core::error::Error as StdError;
use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex};

use ssewire::DecoderConfig;
use ssewire::client::{ClientConfig, OmittedId, Reconnect};
use ssewire::event_source::{ConnectError, EventSource, redacted};
use ssewire::hyper::Http;

use crate::common::memory::{Answer, Memory, refused_by_peer, response, stop, stream};
use crate::common::runtime::{Runtime, Source, next_error, on_both, quick};
use crate::common::server::{Server, nobody};

on_both! {
    an_error_says_all_that_there_is_to_say
    a_report_says_all_that_there_is_to_say
    an_idle_timeout_says_how_long_it_is
    a_url_or_header_that_cannot_be_sent_is_named
    a_peer_that_is_not_there_is_named
    an_id_that_is_left_out_is_told
}

const URL: &str = "https://ann:secret@example.com/sse?topic=a&key=sk-1";
const NAMED: &str = "https://example.com/sse?topic=…&key=…: ";

/// An error that hides its cause, as those of many HTTP clients do.
#[derive(Debug)]
struct Outer(Option<Box<Self>>, &'static str);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

impl StdError for Outer {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.as_deref().map(|error| error as _)
    }
}

async fn an_error_says_all_that_there_is_to_say<R: Runtime>() {
    let never = || ClientConfig::new().reconnect(Reconnect::Never);
    let hidden = Outer(
        Some(Box::new(Outer(None, "dns: no such host"))),
        "client error",
    );
    let named = Outer(Some(Box::new(Outer(None, "refused"))), "tcp: refused");
    let status = |status, headers: &[(&str, &str)]| Ok(response(status, headers, "no"));
    let rows: Vec<(Answer, ClientConfig, &str)> = vec![
        (
            Err(refused_by_peer()),
            never(),
            "could not connect: connection refused",
        ),
        (
            Err(ConnectError::failed(hidden)),
            never(),
            "could not connect: client error: dns: no such host",
        ),
        (
            Err(ConnectError::failed(named)),
            never(),
            "could not connect: tcp: refused",
        ),
        (
            Err(refused_by_peer()),
            ClientConfig::new().max_attempts(1),
            "gave up after 1 attempt: could not connect: connection refused",
        ),
        (
            Err(ConnectError::refused("no such key")),
            ClientConfig::new(),
            "the request or the response was refused: no such key",
        ),
        (
            status(404, &[]),
            ClientConfig::new(),
            "the response has status 404",
        ),
        (
            status(
                302,
                &[("location", "ftp://ann:pw@example.com/\u{9b}?key=sk-1")],
            ),
            ClientConfig::new(),
            "the response has status 302, a redirect that was not followed: its Location \
             \"ftp://example.com/\\u{9b}?key=…\" is not a usable http or https URL, or max_redirects \
             were followed",
        ),
        (
            status(301, &[]),
            ClientConfig::new(),
            "the response has status 301, a redirect that was not followed: it has no Location",
        ),
        (
            status(429, &[("retry-after", "7200")]),
            ClientConfig::new(),
            "the response has status 429, and the server asked for a wait of 7200s, which is longer \
             than max_wait (3600s); a longer max_wait accepts it",
        ),
        (
            status(200, &[("content-type", "text/html\u{202e}")]),
            ClientConfig::new(),
            "the response is not of type text/event-stream but \"text/html\\xe2\\x80\\xae\"; check \
             that the URL is that of an event stream",
        ),
        (
            Ok(stream("data: 1234567890")),
            ClientConfig::new().decoder(DecoderConfig::new().max_event_bytes(9)),
            "an event is larger than max_event_bytes (9)",
        ),
    ];
    for (answer, config, text) in rows {
        let mut memory = Memory::new([answer]);
        memory.url = Some(URL);
        let mut events = EventSource::<_, R>::new(memory, config);
        let error = events.next().await.expect("an item").expect_err("an error");
        assert_eq!(error.to_string(), NAMED.to_owned() + text);
    }
}

async fn a_report_says_all_that_there_is_to_say<R: Runtime>() {
    let json = "{\"error\":\"overloaded\"}";
    let memory = |answer| {
        let mut memory = Memory::new([answer]);
        memory.url = Some(URL);
        memory
    };
    let rows = [
        (
            memory(Ok(stream("data: 1\n\n"))),
            "the stream ended; retrying in 1.0ms",
        ),
        (
            memory(Ok(stream(json))),
            "the stream ended; no event came, and 1 line is no field: \
                 \"{\\\"error\\\":\\\"overloaded\\\"}\"; retrying in 1.0ms",
        ),
        (
            memory(Err(refused_by_peer())),
            "could not connect: connection refused; retrying in 1.0ms",
        ),
        (
            memory(Ok(response(503, &[("retry-after-ms", "2")], ""))),
            "the response has status 503; retrying in 2.0ms",
        ),
    ];
    for (memory, text) in rows {
        let config = quick().jitter_percent(0);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let saw = Arc::clone(&seen);
        let mut events = EventSource::<_, R>::new(memory, config)
            .on_disconnect(move |lost| saw.lock().unwrap().push(lost.to_string()));
        while let Some(event) = events.next().await {
            event.expect("no error");
        }
        let end = "the response has status 204, which tells a client to stop";
        let expected = [NAMED.to_owned() + text, NAMED.to_owned() + end];
        assert_eq!(*seen.lock().unwrap(), expected);
    }
    // Where nothing went wrong there is nothing to come.
    let config = ClientConfig::new().reconnect(Reconnect::Never);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let saw = Arc::clone(&seen);
    let mut events = EventSource::<_, R>::new(Memory::new([Ok(stream("data: 1\n\n"))]), config)
        .on_disconnect(move |lost| saw.lock().unwrap().push((lost.to_string(), lost.delay())));
    while events.next().await.is_some() {}
    assert_eq!(
        *seen.lock().unwrap(),
        [("the stream ended".to_owned(), None)]
    );
}

async fn an_idle_timeout_says_how_long_it_is<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.open();
        connection.wait_for_end();
    });
    let config = quick()
        .max_attempts(1)
        .idle_timeout(Duration::from_millis(20));
    let mut events = Source::<R>::new(Http::get(server.url("/?a=b")), config);
    let text = format!(
        "{}=…: gave up after 1 attempt: nothing arrived within the idle timeout (20ms)",
        server.url("/?a")
    );
    assert_eq!(next_error(&mut events).await.to_string(), text);
}

async fn a_url_or_header_that_cannot_be_sent_is_named<R: Runtime>() {
    let http = || Http::<R>::get("http://127.0.0.1:1/");
    let rows = [
        (
            Http::get("http://ann:secret@exa mple.com/?key=sk-1"),
            "\"http://exa mple.com/?key=…\"",
        ),
        (Http::get("example.com"), "example.com"),
        (http().header("a b", "c"), "header name"),
        (http().header("x-key", "sk-1\n"), "x-key"),
    ];
    for (http, named) in rows {
        let mut events = Source::<R>::new(http, quick());
        let text = next_error(&mut events).await.to_string();
        assert!(text.contains(named), "{text}");
        assert!(!text.contains("secret") && !text.contains("sk-1"), "{text}");
    }
}

async fn a_peer_that_is_not_there_is_named<R: Runtime>() {
    let (url, _socket) = nobody();
    let mut events = Source::<R>::new(Http::get(&url), quick().max_attempts(2));
    let text = next_error(&mut events).await.to_string();
    let start = format!("{url}: gave up after 2 attempts: could not connect: ");
    assert!(text.starts_with(&start), "{text}");
    assert!(text.contains("refused"), "{text}");
}

async fn an_id_that_is_left_out_is_told<R: Runtime>() {
    let memory = Memory::new([
        Ok(stream("id: a\u{7}\ndata: 1\n\n")),
        Ok(stream("id: b\ndata: 2\n\n")),
    ]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (attempts, lost) = (Arc::clone(&seen), Arc::clone(&seen));
    let mut events = EventSource::<_, R>::new(memory, quick())
        .on_attempt(move |attempt| {
            let omitted = attempt.omitted_last_event_id();
            attempts.lock().unwrap().push((attempt.number(), omitted));
        })
        .on_disconnect(move |disconnect| {
            let omitted = disconnect.omitted_last_event_id();
            lost.lock().unwrap().push((0, omitted));
            let is_told = disconnect
                .to_string()
                .contains("contains a control character");
            assert_eq!(is_told, omitted.is_some());
        });
    assert!(events.next().await.is_some());
    let omitted = Some(OmittedId::ControlCharacter);
    assert_eq!(events.omitted_last_event_id(), omitted);
    assert!(events.next().await.is_some());
    assert_eq!(events.omitted_last_event_id(), None);
    assert!(events.next().await.is_none());
    assert_eq!(
        *seen.lock().unwrap(),
        [
            (1, None),
            (0, omitted),
            (1, omitted),
            (0, None),
            (1, None),
            (0, None)
        ]
    );
}

#[test]
fn secrets_of_urls_are_not_shown() {
    let long = format!("http://h/{}", "x".repeat(300));
    let cut = format!("{}…", &long[..200]);
    let rows = [
        ("http://h/p", "http://h/p"),
        ("http://u:p@h:1/p@q?a=b#c", "http://h:1/p@q?a=…"),
        ("http://u@h", "http://h"),
        ("http://a@b@h/", "http://h/"),
        ("http://u:p@h?a=b&c&d=&=e", "http://h?a=…&…&d=…&=…"),
        ("http://h/?", "http://h/?"),
        ("http://h/?a=b?c=d#e?f=g", "http://h/?a=…"),
        ("u:p@h/p", "h/p"),
        ("http://h\\u:p@x", "http://h\\u:p@x"),
        ("", ""),
        (
            "http://h/\u{1b}[2J\u{202e}é",
            "http://h/\\u{1b}[2J\\u{202e}é",
        ),
        ("http://[::1]:80/", "http://[::1]:80/"),
        (&long, &cut),
    ];
    for (url, shown) in rows {
        assert_eq!(redacted(url), shown);
    }
}

#[cfg(feature = "tracing")]
mod traces {
    use core::fmt::Write;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// Keeps each event as a line.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Lines {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "ssewire"
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let mut line = Line(format!("span {}", span.metadata().name()));
            span.record(&mut line);
            self.0.lock().unwrap().push(line.0);
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            assert_eq!(event.parent(), Some(&Id::from_u64(1)));
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            write!(self.0, " {field}={value:?}").unwrap();
        }
    }

    #[test]
    fn each_step_of_a_connection_is_traced() {
        let mut memory = Memory::new([
            Err(refused_by_peer()),
            Ok(stream("id: 7\ndata: 1\n\n")),
            Ok(stop()),
        ]);
        memory.url = Some(URL);
        let _alone = crate::common::tracing_alone();
        let lines = Lines::default();
        let _default = tracing::subscriber::set_default(lines.clone());
        ssewire::tokio::Runtime::run(async {
            let config = quick().jitter_percent(0);
            let mut events = EventSource::<_, ssewire::tokio::Runtime>::new(memory, config);
            assert!(events.next().await.is_some());
            assert!(events.next().await.is_none());
        });
        let url = NAMED.trim_end_matches(": ");
        assert_eq!(
            *lines.0.lock().unwrap(),
            [
                format!("span event_source url=\"{url}\""),
                format!("DEBUG message=connecting url=\"{url}\" attempt=1"),
                format!(
                    "WARN message=lost: {url}: could not connect: connection refused; retrying in \
                     1.0ms retry_in=0.001"
                ),
                format!("DEBUG message=connecting url=\"{url}\" attempt=2"),
                format!("INFO message=open url=\"{url}\" status=200"),
                format!(
                    "WARN message=lost: {url}: the stream ended; retrying in 1.0ms retry_in=0.001"
                ),
                format!("DEBUG message=connecting url=\"{url}\" attempt=1 last_event_id=\"7\""),
                format!(
                    "INFO message=closed: {url}: the response has status 204, which tells a client \
                     to stop"
                ),
            ]
        );
    }
}
