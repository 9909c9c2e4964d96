//! Which answers open the stream, and what the others lead to.

use ssewire::client::{Action, Cause, ClientConfig, CloseReason, End, Phase, ResponseHead};

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
                Phase::Closed(CloseReason::ContentType)
            };
            assert_eq!(phase, expected, "{}", value.escape_ascii());
        }
    }
}

#[test]
fn without_a_content_type() {
    let phase = phase_after(ClientConfig::new(), &ResponseHead::new(200));
    assert_eq!(phase, Phase::Closed(CloseReason::ContentType));
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
                200 => assert_eq!(phase, Phase::Closed(CloseReason::ContentType)),
                204 => assert_eq!(phase, Phase::Closed(CloseReason::NoContent)),
                408 | 425 | 429 | 500 | 502 | 503 | 504 => {
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
            CloseReason::ContentType,
            false,
            None,
            "the response is not of type text/event-stream",
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
             longer than max_wait",
        ),
        (
            CloseReason::EventTooLarge,
            false,
            None,
            "an event is larger than max_event_bytes",
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
