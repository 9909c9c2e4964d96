//! Each row of the configuration: its default is tested where its subject is, here that it can be
//! had otherwise.

use core::time::Duration;

use ssewire::client::ResponseHead;
use ssewire::client::{Action, Cause, ClientConfig, CloseReason, End, Phase, Reconnect};
use ssewire::{DecoderConfig, Frame};

use crate::common::embedder::{Embedder, milliseconds, seconds, steady};

#[test]
fn method_decides_unless_reconnect_does() {
    let new = ClientConfig::new;
    let rows = [
        (new(), true),
        (new().method("GET"), true),
        (new().method("POST"), false),
        (new().method("HEAD"), false),
        // Methods are case-sensitive, so this is not GET.
        (new().method("get"), false),
        (new().method("POST").method("GET"), true),
        (new().method(None), false),
        (new().method(None).reconnect(Reconnect::Always), true),
        (new().method("POST").reconnect(Reconnect::Always), true),
        (new().reconnect(Reconnect::Always).method("POST"), true),
        (
            new().method("POST").reconnect(Reconnect::UntilFirstEvent),
            false,
        ),
        (new().reconnect(Reconnect::Never), false),
        (new().reconnect(Reconnect::Never).method("GET"), false),
        (ClientConfig::browser().method("POST"), false),
    ];
    for (config, reconnects) in rows {
        let mut embedder = Embedder::open(config.clone());
        embedder.data(b"data: 1\n\n");
        embedder.end(End::Clean);
        let is_closed = embedder.client.phase() == Phase::Closed(CloseReason::Ended);
        assert_eq!(is_closed, !reconnects, "{config:?}");
    }
}

// `base_delay`, `growth`, `max_delay`, `min_delay` and `jitter_percent` are rows of the tables in
// `waits.rs`, `last_event_id` of those in `last_event_id.rs`.

#[test]
fn min_delay_may_be_none() {
    let config = steady()
        .base_delay(Duration::ZERO)
        .min_delay(Duration::ZERO);
    let mut embedder = Embedder::new(config);
    embedder.connect();
    embedder.end(End::Failed);
    assert_eq!(embedder.reconnect().0, Duration::ZERO);
}

#[test]
fn healthy_after() {
    for (open_for, wait) in [(4, 2), (5, 1)] {
        let mut embedder = Embedder::new(steady().healthy_after(seconds(5)));
        embedder.connect();
        embedder.end(End::Failed);
        embedder.reconnect();
        embedder.accept();
        embedder.pass(seconds(open_for));
        embedder.end(End::Clean);
        assert_eq!(embedder.delay(), seconds(wait), "{open_for}");
    }
}

#[test]
fn max_attempts() {
    let rows = [
        (ClientConfig::new().max_attempts(0), 1),
        (ClientConfig::new().max_attempts(1), 1),
    ];
    for (config, attempts) in rows {
        let mut embedder = Embedder::new(config);
        embedder.connect();
        embedder.end(End::Failed);
        let reason = embedder.gave_up(attempts, Cause::CouldNotConnect);
        embedder.expect_closed(reason, &[]);
    }
    // None behind a connection that made progress would be less than the least.
    let mut embedder = Embedder::open(ClientConfig::new().max_attempts(0));
    embedder.data(b"data: progress\n\n");
    embedder.end(End::Failed);
    assert_eq!(embedder.reconnect().1.number(), 1);

    let mut embedder = Embedder::new(steady().max_attempts(1).max_attempts(None));
    embedder.connect();
    for _ in 0..100 {
        embedder.end(End::Failed);
        embedder.reconnect();
    }
}

#[test]
fn max_wait() {
    let wait = seconds(10);
    let rows = [
        (ClientConfig::new().max_wait(seconds(9)), false),
        (ClientConfig::new().max_wait(seconds(10)), true),
        (ClientConfig::new().max_wait(None), true),
    ];
    for (config, waits) in rows {
        let mut embedder = Embedder::new(config);
        embedder.connect();
        embedder.answer(&ResponseHead::new(503).retry_after("10"));
        let cause = Cause::Status(503);
        if waits {
            embedder.expect_wait(cause);
        } else {
            let reason = embedder.would_not_wait(wait, cause);
            embedder.expect_closed(reason, &[Action::Disconnect]);
        }
    }
    // It is about what the server asks for only.
    let config = steady().max_wait(Duration::ZERO);
    let mut embedder = Embedder::new(config);
    embedder.connect();
    embedder.end(End::Failed);
    assert_eq!(embedder.delay(), seconds(1));
}

#[test]
fn idle_timeout() {
    let mut embedder = Embedder::new(ClientConfig::new().idle_timeout(milliseconds(1500)));
    embedder.connect();
    assert_eq!(
        embedder.client.poll_timeout(),
        Some(embedder.now + milliseconds(1500))
    );
    embedder.pass(seconds(1));
    embedder.accept();
    assert_eq!(
        embedder.client.poll_timeout(),
        Some(embedder.now + milliseconds(1500))
    );
    embedder.due();
    embedder.expect_wait(Cause::IdleTimeout);

    let never = [
        ClientConfig::new().idle_timeout(None),
        ClientConfig::new().idle_timeout(Duration::ZERO),
    ];
    for config in never {
        let mut embedder = Embedder::new(config);
        assert_eq!(embedder.client.idle_timeout(), None);
        embedder.connect();
        assert_eq!(embedder.client.poll_timeout(), None);
        embedder.accept();
        assert_eq!(embedder.client.poll_timeout(), None);
        embedder.pass(Duration::MAX);
        embedder.tick();
        assert_eq!(embedder.client.phase(), Phase::Open);
    }
}

#[test]
fn retry_statuses() {
    let config = || ClientConfig::new().retry_statuses([404, 204, 200]);
    let rows = [
        (404, Ok(Cause::Status(404))),
        (204, Ok(Cause::Status(204))),
        (503, Err(CloseReason::Status(503))),
        // A 200 is no reason to try again.
        (200, Err(CloseReason::ContentType { value: None })),
    ];
    for (status, expected) in rows {
        let mut embedder = Embedder::new(config());
        embedder.connect();
        embedder.status(status);
        match expected {
            Ok(cause) => embedder.expect_wait(cause),
            Err(reason) => embedder.expect_closed(reason, &[Action::Disconnect]),
        }
    }
    let mut embedder = Embedder::new(config());
    embedder.connect();
    embedder.accept();
    // `Retry-After` is honoured with whatever status is retried.
    let mut embedder = Embedder::new(config());
    embedder.connect();
    embedder.answer(&ResponseHead::new(404).retry_after("77"));
    assert!(embedder.delay() >= seconds(77));
}

#[test]
fn check_content_type() {
    for head in [
        ResponseHead::new(200),
        ResponseHead::new(200).content_type("text/plain"),
    ] {
        let mut embedder = Embedder::new(ClientConfig::new().check_content_type(false));
        embedder.connect();
        embedder.answer(&head);
        assert_eq!(embedder.client.phase(), Phase::Open);
    }
    // It is about the type only.
    let mut embedder = Embedder::new(ClientConfig::new().check_content_type(false));
    embedder.connect();
    embedder.answer(&ResponseHead::new(404).content_type("text/event-stream"));
    embedder.expect_closed(CloseReason::Status(404), &[Action::Disconnect]);
}

#[test]
fn decoder() {
    let decoder = DecoderConfig::new().max_event_bytes(10).comments(true);
    let mut embedder = Embedder::open(ClientConfig::new().decoder(decoder));
    assert_eq!(embedder.data(b": c\n\n"), [Frame::Comment(" c".into())]);
    assert_eq!(embedder.data(b"data: 12345\n\n"), []);
    let too_large = CloseReason::EventTooLarge {
        max_event_bytes: 10,
    };
    embedder.expect_closed(too_large, &[Action::Disconnect]);
}

#[test]
fn default_is_new() {
    assert_eq!(ClientConfig::default(), ClientConfig::new());
    assert_ne!(ClientConfig::browser(), ClientConfig::new());
}
