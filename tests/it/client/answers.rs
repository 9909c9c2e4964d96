//! Which answers open the stream, and what the others lead to.

use ssewire::client::{Action, Cause, ClientConfig, CloseReason, Phase, ResponseHead};

use crate::common::embedder::Embedder;

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
                    let delay = core::time::Duration::from_secs(1);
                    let cause = Cause::Status(status);
                    assert_eq!(phase, Phase::Waiting { delay, cause });
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
    let wait = core::time::Duration::from_secs(7200);
    let cause = Cause::Status(503);
    let rows = [
        (CloseReason::Caller, true, None, "closed by the caller"),
        (
            CloseReason::NoContent,
            true,
            None,
            "the server answered 204: no more to come",
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
            "the answer has status 404",
        ),
        (
            CloseReason::ContentType,
            false,
            None,
            "the answer is not of type text/event-stream",
        ),
        (
            CloseReason::Refused,
            false,
            None,
            "the request or its answer was refused",
        ),
        (
            CloseReason::Lost(Cause::CutOff),
            false,
            Some(Cause::CutOff),
            "the stream was cut off",
        ),
        (
            CloseReason::GaveUp { attempts: 3, cause },
            false,
            Some(cause),
            "gave up after 3 attempts: the answer has status 503",
        ),
        (
            CloseReason::WaitTooLong { wait, cause },
            false,
            Some(cause),
            "the answer has status 503, and the server asks for a wait of 7200s, longer than \
             max_wait",
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
