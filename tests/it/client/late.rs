//! Facts that cross with decisions: sockets and timers race in every embedder.

use ssewire::client::{Action, ClientConfig, CloseReason, End, ResponseHead};
use ssewire::{DecoderConfig, Timestamp};

use crate::common::embedder::{Embedder, seconds};

/// The end of the old connection and the order to drop it cross.
#[test]
fn what_has_ended_need_not_be_dropped() {
    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.client.restart(embedder.now);
    embedder.end(End::Failed);
    embedder.expect_wait(None);
    assert_eq!(embedder.actions(), []);

    embedder.reconnect();
    embedder.accept();
    embedder.client.close();
    embedder.end(End::Failed);
    embedder.expect_closed(CloseReason::Caller, &[]);
}

/// An embedder that carried out nothing during a whole wait drops before it connects.
#[test]
fn what_is_held_is_dropped_before_the_next_connect() {
    let mut embedder = Embedder::open(ClientConfig::new());
    embedder.client.restart(embedder.now);
    embedder.due();
    embedder.expect_due();
    let actions = embedder.actions();
    assert!(
        matches!(actions[..], [Action::Disconnect, Action::Connect(_)]),
        "{actions:?}"
    );
}

/// What the cursor left behind the event that was too large is dropped when it is passed again.
#[test]
fn what_follows_an_event_too_large_is_dropped() {
    let config = ClientConfig::new().decoder(DecoderConfig::new().max_event_bytes(20));
    let mut embedder = Embedder::open(config);
    let mut input = &b"data: more than twenty bytes\n\ndata: late\n\n"[..];
    let mut cursor = embedder.client.frames(embedder.now, &mut input);
    assert_eq!(cursor.next_frame(), None);
    assert_eq!(cursor.next_frame(), None);
    let mut cursor = embedder.client.frames(embedder.now, &mut input);
    assert_eq!(cursor.next_frame(), None);
    assert_eq!(input, b"");
}

/// What does not fit the state changes nothing.
#[test]
fn late_facts_are_ignored_in_every_state() {
    type Make = fn() -> Embedder;
    type Fact = (&'static str, fn(&mut Embedder));
    const BYTES: Fact = ("bytes", |client| {
        assert_eq!(client.data(b"id: 9\nretry: 1\ndata: late\n\n"), []);
        assert_eq!(client.frames(b"id: 9\nretry: 1\ndata: late\n\n"), []);
    });
    const ANSWERS: Fact = ("answers", |client| {
        client.answer(&ResponseHead::event_stream());
        client.status(204);
        client.status(503);
        client.status(404);
    });
    const ENDS: Fact = ("ends", |client| {
        for how in [End::Clean, End::Failed, End::TimedOut, End::Refused] {
            client.end(how);
        }
    });
    const EARLY: Fact = ("early timers", |client| {
        client.tick();
        client
            .client
            .handle_timeout(Timestamp::from_origin(seconds(1)));
    });
    const LATE: Fact = ("late timers", |client| {
        let now = client.now;
        client.pass(seconds(1_000_000));
        client.tick();
        client.now = now;
    });
    const RESTART: Fact = ("restart", |client| client.client.restart(client.now));
    let closed: Make = || {
        let mut embedder = Embedder::open(ClientConfig::new());
        embedder.client.close();
        embedder.actions();
        embedder
    };
    let asked: Make = || {
        let mut embedder = Embedder::new(ClientConfig::new());
        embedder.connect();
        embedder
    };
    let rows: [(&str, Make, &[Fact]); 5] = [
        (
            "due",
            || Embedder::new(ClientConfig::new()),
            &[BYTES, ANSWERS, ENDS, EARLY],
        ),
        ("connecting", asked, &[BYTES, EARLY]),
        (
            "open",
            || Embedder::open(ClientConfig::new()),
            &[ANSWERS, EARLY],
        ),
        (
            "waiting",
            || Embedder::waiting(ClientConfig::new()),
            &[BYTES, ANSWERS, ENDS, EARLY, RESTART],
        ),
        (
            "closed",
            closed,
            &[BYTES, ANSWERS, ENDS, EARLY, LATE, RESTART],
        ),
    ];
    for (state, make, facts) in rows {
        for (name, fact) in facts {
            let (mut embedder, mut untouched) = (make(), make());
            fact(&mut embedder);
            let (client, other) = (&embedder.client, &untouched.client);
            assert_eq!(client.phase(), other.phase(), "{name} while {state}");
            assert_eq!(client.poll_timeout(), other.poll_timeout());
            assert_eq!(client.last_event_id(), None, "{name} while {state}");
            assert_eq!(client.ready_state(), other.ready_state());
            assert_eq!(embedder.client.cut_off_event(), None);
            assert_eq!(
                embedder.actions(),
                untouched.actions(),
                "{name} while {state}"
            );
        }
    }
}
