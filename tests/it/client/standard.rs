//! `ClientConfig::browser()`, and what the web-platform-tests ask of a client that is none.

use core::time::Duration;

use ssewire::client::{
    Action, Cause, ClientConfig, CloseReason, End, Excerpt, Phase, ResponseHead,
};

use crate::common::embedder::{Embedder, milliseconds, seconds};

#[test]
fn every_status_but_200_is_fatal() {
    for status in (100..=599).filter(|status| *status != 200) {
        let mut embedder = Embedder::new(ClientConfig::browser());
        embedder.connect();
        let head = ResponseHead::new(status).content_type("text/event-stream");
        embedder.answer(&head.retry_after("1"));
        let reason = match status {
            204 => CloseReason::NoContent,
            _ => CloseReason::Status(status),
        };
        embedder.expect_closed(reason, &[Action::Disconnect]);
    }
}

#[test]
fn waits_are_those_of_the_standard() {
    let rows: [(&str, [u64; 6]); 4] = [
        ("", [3000, 6000, 12_000, 24_000, 30_000, 30_000]),
        ("200", [200, 400, 800, 1600, 3200, 6400]),
        ("2", [2, 4, 8, 16, 32, 64]),
        // However strict, no busy loop.
        ("0", [1, 2, 4, 8, 16, 32]),
    ];
    for (retry, waits) in rows {
        for seed in [1, 2] {
            let mut embedder = Embedder::seeded(ClientConfig::browser(), seed);
            embedder.connect();
            embedder.accept();
            if !retry.is_empty() {
                embedder.data(format!("retry: {retry}\n\n").as_bytes());
            }
            for wait in waits {
                embedder.end(End::Failed);
                assert_eq!(embedder.reconnect().0, milliseconds(wait), "retry: {retry}");
            }
        }
    }
    // Any wait that the server asks for.
    let mut embedder = Embedder::open(ClientConfig::browser());
    embedder.data(b"retry: 86400000000\n\n");
    embedder.end(End::Clean);
    assert_eq!(embedder.delay(), seconds(86_400_000));
}

#[test]
fn silence_never_ends_a_connection() {
    let mut embedder = Embedder::new(ClientConfig::browser());
    embedder.connect();
    assert_eq!(embedder.client.poll_timeout(), None);
    embedder.pass(Duration::MAX);
    embedder.tick();
    assert_eq!(embedder.client.phase(), Phase::Connecting);
    embedder.accept();
    assert_eq!(embedder.client.poll_timeout(), None);
    embedder.tick();
    assert_eq!(embedder.client.phase(), Phase::Open);
}

/// "format-field-id" and "-2": each connection but the first echoes the ID that it was asked with.
#[test]
fn format_field_id() {
    let mut embedder = Embedder::open(ClientConfig::browser());
    let events = embedder.events("id: \u{2026}\nretry: 200\ndata: hello\n\n".as_bytes());
    assert_eq!(events, [("hello".into(), Some("\u{2026}".into()))]);
    for _ in 0..2 {
        embedder.end(End::Clean);
        let (wait, request) = embedder.reconnect();
        assert_eq!(wait, milliseconds(200));
        let id = request.last_event_id().expect("an ID");
        assert_eq!(id.as_bytes(), b"\xE2\x80\xA6");
        embedder.accept();
        assert_eq!(
            embedder.events(format!("data: {id}\n\n").as_bytes()),
            [("\u{2026}".into(), Some("\u{2026}".into()))]
        );
    }
}

/// "format-field-id-null".
#[test]
fn format_field_id_null() {
    for id in [&b"\0\0"[..], b"x\0", b"\0x", b"x\0x", b" \0"] {
        let mut embedder = Embedder::open(ClientConfig::browser());
        let block = [b"id: ", id, b"\nretry: 200\ndata: hello\n\n"].concat();
        for _ in 0..2 {
            assert_eq!(embedder.events(&block), [("hello".into(), None)]);
            embedder.end(End::Clean);
            let request = embedder.reconnect().1;
            assert_eq!(request.last_event_id(), None);
            assert!(!request.is_last_event_id_omitted());
            embedder.accept();
        }
    }
}

/// "format-field-retry" and "-bogus".
#[test]
fn format_field_retry() {
    let rows: [&[u8]; 2] = [
        b"retry: 03000\ndata: x\n\n",
        b"retry: 3000\nretry: 1000x\ndata: x\n\n",
    ];
    for bytes in rows {
        let mut embedder = Embedder::open(ClientConfig::browser());
        embedder.data(bytes);
        embedder.end(End::Clean);
        assert_eq!(embedder.delay(), seconds(3));
        // A client that is no browser waits at least as long, too.
        let mut embedder = Embedder::open(ClientConfig::new());
        embedder.data(bytes);
        embedder.end(End::Clean);
        assert!((seconds(3)..=milliseconds(4500)).contains(&embedder.delay()));
    }
}

/// "format-data-before-final-empty-line": the block that was cut off, and its ID, never were.
#[test]
fn format_data_before_final_empty_line() {
    let mut embedder = Embedder::open(ClientConfig::browser());
    let body = b"retry:1000\ndata:test1\n\nid:test\ndata:test2";
    for _ in 0..2 {
        assert_eq!(embedder.events(body), [("test1".into(), None)]);
        embedder.end(End::Clean);
        let (wait, request) = embedder.reconnect();
        assert_eq!(wait, seconds(1));
        assert_eq!(request.last_event_id(), None);
        embedder.accept();
    }
}

/// "eventsource-reconnect" with a 200 that brings no event.
#[test]
fn eventsource_reconnect_200() {
    let mut embedder = Embedder::open(ClientConfig::browser());
    embedder.data(b"retry: 2\n");
    embedder.end(End::Clean);
    embedder.expect_wait(Cause::Ended);
    assert_eq!(embedder.reconnect().0, milliseconds(2));
    embedder.accept();
    assert_eq!(embedder.events(b"data: data\n\n"), [("data".into(), None)]);
}

/// "eventsource-close", which reconnects twice by the same `retry`, and is told to stop.
#[test]
fn eventsource_close() {
    let mut embedder = Embedder::open(ClientConfig::browser());
    for body in [&b"retry: 2\ndata: opened\n\n"[..], b"data: reconnected\n\n"] {
        assert_eq!(embedder.events(body).len(), 1);
        embedder.end(End::Clean);
        embedder.expect_wait(Cause::Ended);
        assert_eq!(embedder.reconnect().0, milliseconds(2));
        if body.starts_with(b"retry") {
            embedder.accept();
        }
    }
    embedder.status(204);
    embedder.expect_closed(CloseReason::NoContent, &[Action::Disconnect]);
}

/// "request-credentials", third connection: "Content-Type: stop".
#[test]
fn a_bad_content_type_ends_it_later_too() {
    let mut embedder = Embedder::open(ClientConfig::browser());
    embedder.data(b"id: 1\nretry: 200\ndata: first\n\n");
    embedder.end(End::Clean);
    embedder.reconnect();
    embedder.answer(&ResponseHead::new(200).content_type("stop"));
    let value = Some(Excerpt::new("stop"));
    embedder.expect_closed(CloseReason::ContentType { value }, &[Action::Disconnect]);
}

/// "eventsource-request-cancellation": stopped before the answer came.
#[test]
fn eventsource_request_cancellation() {
    let mut embedder = Embedder::new(ClientConfig::browser());
    embedder.connect();
    embedder.client.close();
    embedder.expect_closed(CloseReason::Caller, &[Action::Disconnect]);
}

/// "eventsource-cross-origin-preflight", as far as it is about the ID.
#[test]
fn any_id_is_sent_back_unchanged() {
    for id in ["abc", &"x".repeat(255), "<"] {
        let mut embedder = Embedder::open(ClientConfig::browser());
        embedder.data(format!("id: {id}\nretry: 200\ndata: hello\n\n").as_bytes());
        embedder.end(End::Clean);
        assert_eq!(embedder.reconnect().1.last_event_id(), Some(id));
    }
}

/// "format-utf-8".
#[test]
fn a_charset_that_is_not_utf8_does_not_count() {
    let mut embedder = Embedder::new(ClientConfig::browser());
    embedder.connect();
    embedder.answer(&ResponseHead::new(200).content_type("text/event-stream;charset=windows-1252"));
    let events = embedder.events("data: ok\u{2026}\n\n".as_bytes());
    assert_eq!(events, [("ok\u{2026}".into(), None)]);
}
