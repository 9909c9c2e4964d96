//! The client machine through its public API: here one scenario for each arrow of the diagram in
//! `src/client/state.rs`, named after it, and next to it what is a table.

mod answers;
mod config;
mod last_event_id;
mod late;
mod no_more;
mod standard;
mod streams;
mod waits;

use ssewire::DecoderConfig;
use ssewire::client::{
    Action, Cause, ClientConfig, CloseReason, End, Phase, ReadyState, ResponseHead,
};

use crate::common::embedder::{Embedder, milliseconds, seconds, steady};

const IDLE: u64 = 300;

#[test]
fn new_to_due_to_connecting_when_an_action_is_polled() {
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.expect_due();
    // However long that takes: the client has not asked for anything yet.
    embedder.pass(seconds(2 * IDLE));
    embedder.tick();
    embedder.expect_due();
    let request = embedder.connect();
    assert_eq!(request.number(), 1);
    assert_eq!(request.last_event_id(), None);
    assert!(!request.is_last_event_id_omitted());
    embedder.expect_phase(Phase::Connecting);
    let timeout = embedder.client.poll_timeout();
    assert_eq!(timeout, Some(embedder.now + seconds(IDLE)));
}

#[test]
fn due_to_closed_by_close_or_refusal() {
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.client.refuse();
    embedder.expect_closed(CloseReason::Refused, &[]);

    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.client.close();
    embedder.expect_closed(CloseReason::Caller, &[]);
}

#[test]
fn due_to_waiting_by_restart() {
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.client.restart(embedder.now);
    embedder.expect_wait(None);
    assert_eq!(embedder.actions(), []);
    assert_eq!(embedder.reconnect().1.number(), 1);
}

#[test]
fn connecting_to_open_by_200() {
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.connect();
    embedder.pass(seconds(7));
    embedder.accept();
    embedder.expect_phase(Phase::Open);
    let timeout = embedder.client.poll_timeout();
    assert_eq!(timeout, Some(embedder.now + seconds(IDLE)));
    assert_eq!(embedder.actions(), []);
    assert_eq!(embedder.data(b"data: 1\n\n").len(), 1);
    assert_eq!(embedder.frames(b"data: 2\n\ndata: 3\n\n").len(), 2);
}

#[test]
fn connecting_to_closed_by_an_answer_that_stops() {
    let rows = [
        (ResponseHead::new(204), CloseReason::NoContent),
        (ResponseHead::new(404), CloseReason::Status(404)),
        (
            ResponseHead::new(200),
            CloseReason::ContentType { value: None },
        ),
    ];
    for (head, reason) in rows {
        let mut embedder = Embedder::new(ClientConfig::new());
        embedder.connect();
        embedder.answer(&head);
        embedder.expect_closed(reason, &[Action::Disconnect]);
    }
}

#[test]
fn connecting_to_closed_by_refusal() {
    // By the embedder, in place of a connection: there is none to drop.
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.connect();
    embedder.end(End::Refused);
    embedder.expect_closed(CloseReason::Refused, &[]);

    // By the caller, of an answer.
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.connect();
    embedder.client.refuse();
    embedder.expect_closed(CloseReason::Refused, &[Action::Disconnect]);
}

#[test]
fn connecting_to_closed_by_close() {
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.connect();
    embedder.client.close();
    embedder.expect_closed(CloseReason::Caller, &[Action::Disconnect]);
}

#[test]
fn connecting_to_waiting_by_a_retried_answer() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let mut embedder = Embedder::new(ClientConfig::new());
        embedder.connect();
        embedder.status(status);
        embedder.expect_wait(Cause::Status(status));
        assert_eq!(embedder.actions(), [Action::Disconnect]);
        // Its body is not wanted, nor is its end.
        assert_eq!(embedder.data(b"data: sorry\n\n"), []);
        embedder.end(End::Clean);
        embedder.expect_wait(Cause::Status(status));
    }
}

#[test]
fn connecting_to_waiting_by_end() {
    let rows = [
        (End::Clean, Cause::CouldNotConnect),
        (End::Failed, Cause::CouldNotConnect),
        (End::TimedOut, Cause::ConnectTimeout),
    ];
    for (how, cause) in rows {
        let mut embedder = Embedder::new(ClientConfig::new());
        embedder.connect();
        embedder.pass(seconds(3));
        embedder.end(how);
        embedder.expect_wait(cause);
        assert_eq!(embedder.actions(), [], "{how:?}: there is nothing to drop");
    }
}

#[test]
fn connecting_to_waiting_by_idle_timeout() {
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.connect();
    embedder.pass(seconds(IDLE) - milliseconds(1));
    embedder.tick();
    embedder.expect_phase(Phase::Connecting);
    embedder.pass(milliseconds(1));
    embedder.tick();
    embedder.expect_wait(Cause::IdleTimeout);
    assert_eq!(embedder.actions(), [Action::Disconnect]);
}

#[test]
fn connecting_to_waiting_by_restart() {
    let mut embedder = Embedder::new(ClientConfig::new());
    embedder.connect();
    embedder.client.restart(embedder.now);
    embedder.expect_wait(None);
    assert_eq!(embedder.actions(), [Action::Disconnect]);
    assert_eq!(embedder.reconnect().1.number(), 2);
}

#[test]
fn open_to_waiting_by_end() {
    let rows = [
        (End::Clean, Cause::Ended),
        (End::Failed, Cause::CutOff),
        (End::TimedOut, Cause::CutOff),
    ];
    for (how, cause) in rows {
        let mut embedder = Embedder::open(ClientConfig::new());
        embedder.end(how);
        embedder.expect_wait(cause);
        assert_eq!(embedder.actions(), [], "{how:?}: there is nothing to drop");
    }
}

#[test]
fn open_to_waiting_by_idle_timeout() {
    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.pass(seconds(IDLE) - milliseconds(1));
    embedder.tick();
    embedder.expect_phase(Phase::Open);
    embedder.pass(milliseconds(1));
    embedder.tick();
    embedder.expect_wait(Cause::IdleTimeout);
    assert_eq!(embedder.actions(), [Action::Disconnect]);
}

#[test]
fn open_stays_open_by_any_byte() {
    let rows: [&[u8]; 5] = [b":\n", b":", b"\n", b"data: half", b"data: whole\n\n"];
    for bytes in rows {
        for by_cursor in [false, true] {
            let mut embedder = Embedder::open(ClientConfig::new());
            for _ in 0..3 {
                embedder.pass(seconds(IDLE) - milliseconds(1));
                if by_cursor {
                    embedder.frames(bytes);
                } else {
                    embedder.data(bytes);
                }
                embedder.tick();
                embedder.expect_phase(Phase::Open);
                let timeout = embedder.client.poll_timeout();
                assert_eq!(timeout, Some(embedder.now + seconds(IDLE)));
            }
            // No byte is no sign of life.
            embedder.pass(seconds(IDLE));
            embedder.data(b"");
            embedder.frames(b"");
            embedder.tick();
            embedder.expect_wait(Cause::IdleTimeout);
        }
    }
}

#[test]
fn open_to_waiting_by_restart() {
    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.data(b"id: 7\ndata: 1\n\n");
    embedder.client.restart(embedder.now);
    embedder.expect_wait(None);
    assert_eq!(embedder.actions(), [Action::Disconnect]);
    assert_eq!(embedder.reconnect().1.last_event_id(), Some("7"));
}

#[test]
fn open_to_closed_by_event_too_large() {
    let small = || ClientConfig::new().decoder(DecoderConfig::new().max_event_bytes(20));
    let too_large = CloseReason::EventTooLarge {
        max_event_bytes: 20,
    };
    let bytes = b"data: fits\n\ndata: but this one does not\n\ndata: late\n\n";

    let mut embedder = Embedder::open(small());
    assert_eq!(embedder.data(bytes).len(), 1);
    assert_eq!(embedder.client.cut_off_event(), None);
    embedder.expect_closed(too_large, &[Action::Disconnect]);

    let mut embedder = Embedder::open(small());
    assert_eq!(embedder.frames(bytes).len(), 1);
    assert_eq!(embedder.client.cut_off_event(), None);
    embedder.expect_closed(too_large, &[Action::Disconnect]);
}

#[test]
fn open_to_closed_by_refusal() {
    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.client.refuse();
    embedder.expect_closed(CloseReason::Refused, &[Action::Disconnect]);

    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.end(End::Refused);
    embedder.expect_closed(CloseReason::Refused, &[]);
}

#[test]
fn open_to_closed_by_close() {
    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.client.close();
    embedder.expect_closed(CloseReason::Caller, &[Action::Disconnect]);
}

#[test]
fn waiting_to_due_to_connecting_when_the_wait_is_over() {
    let mut embedder = Embedder::waiting(steady());
    let delay = embedder.delay();
    embedder.pass(delay - milliseconds(1));
    embedder.tick();
    assert_eq!(embedder.client.ready_state(), ReadyState::Connecting);
    assert_eq!(embedder.actions(), []);
    embedder.pass(milliseconds(1));
    embedder.tick();
    embedder.expect_due();
    assert_eq!(embedder.connect().number(), 2);
    embedder.expect_phase(Phase::Connecting);
    // The idle timeout starts again with it.
    let timeout = embedder.client.poll_timeout();
    assert_eq!(timeout, Some(embedder.now + seconds(IDLE)));
}

#[test]
fn waiting_to_closed_by_close_or_refusal() {
    let mut embedder = Embedder::waiting(ClientConfig::new());
    embedder.client.close();
    embedder.expect_closed(CloseReason::Caller, &[]);

    let mut embedder = Embedder::waiting(ClientConfig::new());
    embedder.client.refuse();
    embedder.expect_closed(CloseReason::Refused, &[]);

    // With what it had to drop still held.
    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.client.restart(embedder.now);
    embedder.client.close();
    embedder.expect_closed(CloseReason::Caller, &[Action::Disconnect]);
}

#[test]
fn closed_by_the_first_reason_only() {
    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.client.refuse();
    embedder.client.close();
    embedder.expect_closed(CloseReason::Refused, &[Action::Disconnect]);
}
