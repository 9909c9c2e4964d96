//! The arrows into `Waiting` that lead to `Closed`, since no new attempt is wanted.

use ssewire::client::{
    Action, Cause, ClientConfig, CloseReason, End, Phase, Reconnect, ResponseHead,
};

use crate::common::embedder::{Embedder, milliseconds, seconds, steady};

#[test]
fn to_closed_where_one_connection_is_all_that_is_wanted() {
    type Fact = fn(&mut Embedder);
    let rows: [(&str, Fact, CloseReason, bool); 8] = [
        (
            "answer",
            |client| client.status(503),
            CloseReason::Status(503),
            true,
        ),
        (
            "end while connecting",
            |client| client.end(End::Clean),
            CloseReason::CouldNotConnect,
            false,
        ),
        (
            "failure while connecting",
            |client| client.end(End::Failed),
            CloseReason::CouldNotConnect,
            false,
        ),
        (
            "connect timeout",
            |client| client.end(End::TimedOut),
            CloseReason::ConnectTimeout,
            false,
        ),
        (
            "idle while connecting",
            Embedder::due,
            CloseReason::IdleTimeout,
            true,
        ),
        (
            "clean end",
            |client| {
                client.accept();
                client.end(End::Clean);
            },
            CloseReason::Ended,
            false,
        ),
        (
            "cut off",
            |client| {
                client.accept();
                client.end(End::Failed);
            },
            CloseReason::CutOff,
            false,
        ),
        (
            "idle while open",
            |client| {
                client.accept();
                client.due();
            },
            CloseReason::IdleTimeout,
            true,
        ),
    ];
    for (name, fact, reason, holds) in rows {
        let configs = [
            ClientConfig::new().reconnect(Reconnect::Never),
            ClientConfig::new().method("POST"),
        ];
        for config in configs {
            let mut embedder = Embedder::new(config);
            embedder.connect();
            fact(&mut embedder);
            assert_eq!(embedder.client.phase(), Phase::Closed(reason), "{name}");
            let before: &[Action] = if holds { &[Action::Disconnect] } else { &[] };
            embedder.expect_closed(reason, before);
        }
        // The same facts lead to `Waiting` until an event has come.
        let mut embedder = Embedder::new(
            ClientConfig::new()
                .method("POST")
                .reconnect(Reconnect::UntilFirstEvent),
        );
        embedder.connect();
        fact(&mut embedder);
        embedder.delay();
    }
}

#[test]
fn to_closed_by_until_first_event_once_one_has_come() {
    let config = || ClientConfig::new().reconnect(Reconnect::UntilFirstEvent);
    let mut embedder = Embedder::open(config());
    // What is no whole event does not count.
    embedder.data(b": comment\n\nretry: 1000\n\nid: 1\n\ndata: cut");
    embedder.end(End::Failed);
    embedder.expect_wait(Cause::CutOff);
    embedder.reconnect();
    embedder.accept();
    embedder.data(b"data: whole\n\n");
    embedder.end(End::Failed);
    embedder.expect_closed(CloseReason::CutOff, &[]);

    // By way of the cursor too.
    let mut embedder = Embedder::open(config());
    embedder.frames(b"data: whole\n\n");
    embedder.end(End::Clean);
    embedder.expect_closed(CloseReason::Ended, &[]);
}

#[test]
fn to_closed_by_max_attempts() {
    let mut embedder = Embedder::new(steady().max_attempts(3));
    embedder.connect();
    for _ in 0..2 {
        embedder.end(End::Failed);
        embedder.reconnect();
    }
    embedder.status(503);
    let reason = embedder.gave_up(3, Cause::Status(503));
    embedder.expect_closed(reason, &[Action::Disconnect]);

    // An event makes the count begin anew, a 200 alone does not.
    let mut embedder = Embedder::open(steady().max_attempts(2));
    embedder.data(b"data: progress\n\n");
    for _ in 0..2 {
        embedder.end(End::Clean);
        embedder.reconnect();
        embedder.accept();
    }
    embedder.end(End::Clean);
    let reason = embedder.gave_up(2, Cause::Ended);
    embedder.expect_closed(reason, &[]);
}

#[test]
fn to_closed_by_max_wait() {
    // By the stream's reconnection time.
    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.data(b"retry: 3600000\n\n");
    embedder.end(End::Clean);
    assert!(embedder.delay() >= seconds(3600), "exactly the most");
    embedder.reconnect();
    embedder.accept();
    embedder.data(b"retry: 3600001\n\n");
    embedder.expect_phase(Phase::Open);
    embedder.end(End::Clean);
    let reason = embedder.would_not_wait(milliseconds(3_600_001), Cause::Ended);
    embedder.expect_closed(reason, &[]);

    // By `Retry-After`.
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.connect();
    embedder.answer(&ResponseHead::new(429).retry_after("3601"));
    let reason = embedder.would_not_wait(seconds(3601), Cause::Status(429));
    embedder.expect_closed(reason, &[Action::Disconnect]);
}

/// A restart is the caller's wish, and no policy on lost connections has a say in it.
#[test]
fn restart_whatever_the_policy() {
    let configs = [
        ClientConfig::new().reconnect(Reconnect::Never),
        ClientConfig::new().reconnect(Reconnect::UntilFirstEvent),
        ClientConfig::new().max_attempts(1),
        ClientConfig::new().max_wait(seconds(1)),
    ];
    for config in configs {
        let mut embedder = Embedder::open(config);
        embedder.data(b"retry: 2000\ndata: 1\n\n");
        embedder.client.restart(embedder.now);
        embedder.expect_wait(None);
        assert_eq!(embedder.actions(), [Action::Disconnect]);
        assert!(embedder.reconnect().0 >= seconds(2));
    }
}
