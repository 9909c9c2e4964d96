//! Which answers open the stream, and what the others lead to.

use ssewire::client::{
    Action, Cause, ClientConfig, CloseReason, End, Excerpt, Phase, ResponseHead,
};

use crate::common::embedder::{Embedder, seconds, steady};

#[test]
fn content_types() {
    let rows: &[(&[u8], bool)] = &[
        (b"text/event-stream", true),
        (b"text/event-stream;", true),
        (b"text/event-stream; charset=utf-8", true),
        (b"text/event-stream;charset=windows-1252", true),
        (b"text/event-stream ; charset=utf-8", true),
        (b"text/event-stream;;;", true),
        (b"text/event-stream;\xFF", true),
        (b"TEXT/EVENT-STREAM", true),
        (b"Text/Event-Stream;Charset=UTF-8", true),
        (b" text/event-stream\t", true),
        (b"text/event-stream, text/event-stream", true),
        (b"text/html, text/event-stream", true),
        (b"text/event-stream,", true),
        (b"text/event-stream, */*", true),
        (b"text/event-stream, bogus", true),
        (b", text/event-stream; charset=utf-8", true),
        (b"text/event-stream; x=\"a, text/html\"", true),
        (b"text/event-stream; x=\"\\\", text/html\"", true),
        (b"text/event-stream; x=\"\", text/html", false),
        (b"text/event-stream, text/html;", false),
        (b"x bogus", false),
        (b"text/x-bogus", false),
        (b"", false),
        (b";", false),
        (b"; text/event-stream", false),
        (b"text/event-streams", false),
        (b"text/event-strea", false),
        (b"text/event-stream x", false),
        (b"text/event-stream,text/html", false),
        (b"text / event-stream", false),
        (b"text/event stream", false),
        (b"text/event-stream\xFF", false),
        (b"application/event-stream", false),
        (b"text/html", false),
        (b"text/html; text/event-stream", false),
        (b"application/json", false),
        (b"*/*", false),
    ];
    for (value, opens) in rows {
        for config in [ClientConfig::new(), ClientConfig::browser()] {
            let phase = phase_after(config, &ResponseHead::new(200).content_type(value));
            let expected = if *opens {
                Phase::Open
            } else {
                Phase::Closed(CloseReason::ContentType {
                    value: Some(Excerpt::new(value)),
                })
            };
            assert_eq!(phase, expected, "{}", value.escape_ascii());
        }
    }
}

#[test]
fn without_a_content_type() {
    let phase = phase_after(ClientConfig::new(), &ResponseHead::new(200));
    assert_eq!(
        phase,
        Phase::Closed(CloseReason::ContentType { value: None })
    );
}

/// Whatever its content type: it is the status that counts.
#[test]
fn statuses() {
    for status in 0..=999 {
        let config = ClientConfig::new().jitter_percent(0);
        let head = ResponseHead::event_stream();
        assert_eq!(phase_after(config.clone(), &head), Phase::Open);
        for typed in [false, true] {
            let mut head = ResponseHead::new(status);
            if typed {
                head = head.content_type("text/event-stream");
            }
            let phase = phase_after(config.clone(), &head);
            match status {
                200 if typed => assert_eq!(phase, Phase::Open),
                200 => assert_eq!(
                    phase,
                    Phase::Closed(CloseReason::ContentType { value: None })
                ),
                204 => assert_eq!(phase, Phase::Closed(CloseReason::NoContent)),
                501 | 505 | 511 => {
                    assert_eq!(phase, Phase::Closed(CloseReason::Status(status)));
                }
                408 | 425 | 429 | 500..=599 => {
                    let Phase::Waiting { delay, cause, .. } = phase else {
                        panic!("{status}: {phase:?}");
                    };
                    assert_eq!(delay, seconds(1));
                    assert_eq!(cause, Some(Cause::Status(status)));
                }
                _ => assert_eq!(phase, Phase::Closed(CloseReason::Status(status))),
            }
        }
    }
}

#[test]
fn lines_of_content_type_are_a_list() {
    let rows: &[(&[&[u8]], bool)] = &[
        (&[b"text/event-stream", b"text/event-stream"], true),
        (&[b"text/html", b"text/event-stream"], true),
        (&[b"text/event-stream", b"", b"bogus", b"*/*"], true),
        (&[b"text/event-stream", b"text/html"], false),
        (&[b"", b"bogus"], false),
    ];
    for (lines, opens) in rows {
        let head = lines.iter().fold(ResponseHead::new(200), |head, line| {
            head.content_type(*line)
        });
        let phase = phase_after(ClientConfig::new(), &head);
        assert_eq!(phase == Phase::Open, *opens, "{lines:?}");
    }
}

/// A coding would be decoded to nothing, without a word.
#[test]
fn codings() {
    let rows: &[(&[&str], Option<&str>)] = &[
        (&["identity"], None),
        (&["IDENTITY, identity"], None),
        (&["", " , "], None),
        (&["gzip"], Some("gzip")),
        (&["identity, br"], Some("identity, br")),
        (&["identity", "zstd"], Some("zstd")),
        (&["zstd", "identity"], Some("zstd")),
    ];
    for config in [
        ClientConfig::new(),
        ClientConfig::browser(),
        ClientConfig::new().check_content_type(false),
    ] {
        for (lines, refused) in rows {
            let head = lines
                .iter()
                .fold(ResponseHead::event_stream(), |head, line| {
                    head.content_encoding(*line)
                });
            let expected = refused.map_or(Phase::Open, |value| {
                let value = Excerpt::new(value);
                Phase::Closed(CloseReason::ContentEncoding { value })
            });
            assert_eq!(phase_after(config.clone(), &head), expected, "{lines:?}");
        }
    }
    // What is no stream anyway is refused as that.
    let head = ResponseHead::new(404).content_encoding("gzip");
    let closed = Phase::Closed(CloseReason::Status(404));
    assert_eq!(phase_after(ClientConfig::new(), &head), closed);
}

/// What a peer sent does nothing to a terminal, and long values are cut.
#[test]
fn excerpts() {
    let rows: [(&[u8], &str); 5] = [
        (b"text/html", "\"text/html\""),
        (b"", "\"\""),
        (b"\"\\", r#""\"\\""#),
        (
            b"a\x1B[2J\n\xC2\x9B\xE2\x80\xAE",
            r#""a\x1b[2J\n\xc2\x9b\xe2\x80\xae""#,
        ),
        (&[b'x'; 47], &format!("\"{}…\"", "x".repeat(46))),
    ];
    for (bytes, shown) in rows {
        let excerpt = Excerpt::new(bytes);
        assert_eq!(excerpt.to_string(), shown);
        assert_eq!(excerpt.is_cut(), bytes.len() > 46);
        assert!(bytes.starts_with(excerpt.as_bytes()));
    }
    assert_ne!(Excerpt::new([b'x'; 46]), Excerpt::new([b'x'; 47]));
}

/// The answer that opened the stream is the one answer of its request.
#[test]
fn a_second_answer_is_ignored() {
    let mut embedder = Embedder::open(ClientConfig::new());
    for status in [200, 204, 404, 503] {
        embedder.status(status);
        assert_eq!(embedder.client.phase(), Phase::Open);
    }
    assert_eq!(embedder.actions(), []);
}

#[test]
fn reasons_say_what_they_are() {
    let cause = Cause::Status(503);
    let gave_up = |attempts| {
        let mut embedder = Embedder::new(steady().max_attempts(attempts));
        embedder.connect();
        for _ in 1..attempts {
            embedder.end(End::Failed);
            embedder.reconnect();
        }
        embedder.status(503);
        embedder.gave_up(attempts, cause)
    };
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.connect();
    embedder.answer(&ResponseHead::new(503).retry_after("7200"));
    let would_not_wait = embedder.would_not_wait(seconds(7200), cause);
    let rows = [
        (CloseReason::Caller, true, None, "closed by the caller"),
        (
            CloseReason::NoContent,
            true,
            None,
            "the response has status 204, which tells a client to stop",
        ),
        (
            CloseReason::Ended,
            true,
            Some(Cause::Ended),
            "the stream ended",
        ),
        (
            CloseReason::Status(404),
            false,
            Some(Cause::Status(404)),
            "the response has status 404",
        ),
        (
            CloseReason::ContentType { value: None },
            false,
            None,
            "the response is not of type text/event-stream, since it has no Content-Type; \
             check_content_type(false) accepts it",
        ),
        (
            CloseReason::ContentType {
                value: Some(Excerpt::new("text/html")),
            },
            false,
            None,
            "the response is not of type text/event-stream but \"text/html\"; check that the URL is \
             that of an event stream",
        ),
        (
            CloseReason::ContentEncoding {
                value: Excerpt::new("gzip"),
            },
            false,
            None,
            "the response has the Content-Encoding \"gzip\", which is not decoded; turn compression \
             off for text/event-stream in the server or proxy",
        ),
        (
            CloseReason::Refused,
            false,
            None,
            "the request or the response was refused",
        ),
        (
            CloseReason::CouldNotConnect,
            false,
            Some(Cause::CouldNotConnect),
            "could not connect",
        ),
        (
            CloseReason::ConnectTimeout,
            false,
            Some(Cause::ConnectTimeout),
            "could not connect within the connect timeout",
        ),
        (
            CloseReason::CutOff,
            false,
            Some(Cause::CutOff),
            "the stream was cut off",
        ),
        (
            CloseReason::IdleTimeout,
            false,
            Some(Cause::IdleTimeout),
            "nothing arrived within the idle timeout",
        ),
        (
            gave_up(1),
            false,
            Some(cause),
            "gave up after 1 attempt: the response has status 503",
        ),
        (
            gave_up(2),
            false,
            Some(cause),
            "gave up after 2 attempts: the response has status 503",
        ),
        (
            would_not_wait,
            false,
            Some(cause),
            "the response has status 503, and the server asked for a wait of 7200s, which is \
             longer than max_wait (3600s); a longer max_wait accepts it",
        ),
        (
            CloseReason::EventTooLarge {
                max_event_bytes: 1000,
            },
            false,
            None,
            "an event is larger than max_event_bytes (1000)",
        ),
    ];
    for (reason, is_orderly, cause, text) in rows {
        assert_eq!(reason.is_orderly(), is_orderly, "{reason:?}");
        assert_eq!(reason.cause(), cause, "{reason:?}");
        assert_eq!(reason.to_string(), text);
    }
}

fn phase_after(config: ClientConfig, head: &ResponseHead<'_>) -> Phase {
    let mut embedder = Embedder::new(config);
    embedder.connect();
    embedder.answer(head);
    let phase = embedder.client.phase();
    // What did not open is dropped.
    let actions = embedder.actions();
    assert_eq!(
        actions.first() == Some(&Action::Disconnect),
        phase != Phase::Open
    );
    phase
}
