//! What a client gets that comes back, and what one that lies.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::thread;

use ssewire::client::ClientConfig;
use ssewire::server::{SessionConfig, TopicsConfig};
use ssewire::tokio::{EventSource, Http};
use ssewire::{Event, Hub};

use crate::common::client::{Client, Request, id};
use crate::common::serving::{Server, Start, block_on, on_each};

on_each! {
    replay_runs_into_live_at_full_speed
    a_restart_of_the_server_is_told_as_a_gap
    an_id_that_was_not_given_out_is_told_as_a_gap
    an_id_whose_events_are_gone_is_told_as_a_gap_once
    an_id_of_another_topic_is_a_place_in_this_one_too
}

/// Reads on while events are published as fast as they can be, over connections of which some are
/// cut by the client and some ended by the server.
fn replay_runs_into_live_at_full_speed(start: Start) {
    const ROUNDS: usize = 300;
    const AHEAD: u64 = 20_000;
    let hub = Hub::with_config(TopicsConfig::new().max_events(4 * AHEAD as usize));
    let age = Duration::from_millis(3);
    let server = start(hub, SessionConfig::new().max_age(age).jitter_percent(100));
    let (is_over, read) = (AtomicBool::new(false), AtomicU64::new(0));
    let shortest = Duration::from_millis(1);
    let config = ClientConfig::new()
        .base_delay(shortest)
        .min_delay(shortest)
        .max_delay(shortest);
    // An ID from before the first event of its topic: nothing before it counts as missed.
    let before = server
        .hub
        .publish("other", Event::new("before"))
        .id()
        .unwrap();
    let config = config.last_event_id(before.to_string()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                // The log must not outrun a reader that a test build has made slow.
                while number > read.load(Ordering::Acquire) + AHEAD {
                    if is_over.load(Ordering::Acquire) {
                        return;
                    }
                    thread::yield_now();
                }
                if is_over.load(Ordering::Acquire) {
                    return;
                }
                server
                    .hub
                    .publish("numbers", Event::new(number.to_string()));
            }
        });
        let over = Over(&is_over);
        block_on(async {
            let mut random = fastrand::Rng::with_seed(4);
            let mut events = EventSource::new(Http::get(server.url("/numbers")), config);
            let mut next = 0;
            for _ in 0..ROUNDS {
                for _ in 0..random.u32(1..200) {
                    let event = events.next().await.unwrap().unwrap();
                    assert_eq!(event.data(), next.to_string());
                    next += 1;
                    read.store(next, Ordering::Release);
                }
                if random.bool() {
                    events.restart();
                }
            }
        });
        drop(over);
    });
    assert_eq!(server.hub.stats().gaps, 0);
}

/// Stops the publisher, also when the reader panics.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn a_restart_of_the_server_is_told_as_a_gap(start: Start) {
    let old = Hub::new()
        .publish("a", Event::new("before"))
        .id()
        .unwrap()
        .to_string();
    let server = start(Hub::new(), SessionConfig::new());
    // Also where the new server's log is empty.
    let mut client = server.open("/a", Some(&old));
    let gap = client.event().unwrap();
    assert_eq!((gap.event_type(), gap.data()), ("gap", "other-epoch"));
    let first = server.hub.publish("a", Event::new("1")).id().unwrap();
    assert_eq!(client.data(), "1");

    let mut client = server.open("/a", Some(&old));
    let gap = client.event().unwrap();
    assert_eq!((gap.event_type(), gap.data()), ("gap", "other-epoch"));
    // All that there is comes behind it.
    assert_eq!(id(&client.event().unwrap()), first);

    // The ID that came with the gap is one to go on from.
    let mut client = server.open("/a", gap.id());
    assert_eq!(client.data(), "1");
}

fn an_id_that_was_not_given_out_is_told_as_a_gap(start: Start) {
    let server = start(Hub::new(), SessionConfig::new());
    let last = server.hub.publish("a", Event::new("1")).id().unwrap();
    let (epoch, next) = (last.epoch(), last.number() + 1);
    let unknown = [
        "0".to_owned(),
        "hello".into(),
        "é \" \t:".into(),
        "-".into(),
        format!("{epoch:x}-{next}"),
        format!("{epoch:x}-0{}", last.number()),
        format!("{epoch:x}-18446744073709551616"),
        format!("{last} {last}"),
        "9".repeat(4_096),
    ];
    for unknown in &unknown {
        let mut client = server.open("/a", Some(unknown));
        let gap = client.event().unwrap();
        assert_eq!(
            (gap.event_type(), gap.data()),
            ("gap", "unknown"),
            "{unknown}"
        );
        assert_eq!(client.data(), "1", "{unknown}");
    }
    assert_eq!(server.hub.stats().gaps, unknown.len() as u64);
}

fn an_id_whose_events_are_gone_is_told_as_a_gap_once(start: Start) {
    let config = TopicsConfig::new().max_events(3);
    let server = start(Hub::with_config(config), SessionConfig::new());
    let ids: Vec<_> = (0..6)
        .map(|number| {
            server
                .hub
                .publish("a", Event::new(number.to_string()))
                .id()
                .unwrap()
        })
        .map(|id| id.to_string())
        .collect();
    // Behind the third one nothing is missing.
    let mut client = server.open("/a", Some(&ids[2]));
    assert_eq!(client.data(), "3");

    let mut client = server.open("/a", Some(&ids[1]));
    let gap = client.event().unwrap();
    assert_eq!((gap.event_type(), gap.data()), ("gap", "too-old"));
    assert_eq!(
        [client.data(), client.data(), client.data()],
        ["3", "4", "5"]
    );

    // It may be cut off behind the gap.
    let mut client = server.open("/a", gap.id());
    assert_eq!(
        [client.data(), client.data(), client.data()],
        ["3", "4", "5"]
    );
    assert_eq!(server.hub.stats().gaps, 1);
}

fn an_id_of_another_topic_is_a_place_in_this_one_too(start: Start) {
    let server = start(Hub::new(), SessionConfig::new());
    let publish = |topic: &str, data: &str| {
        server
            .hub
            .publish(topic, Event::new(data))
            .id()
            .unwrap()
            .to_string()
    };
    publish("a", "a1");
    let id = publish("b", "b1");
    publish("a", "a2");
    publish("b", "b2");
    publish("a", "a3");

    let mut client = server.open("/a", Some(&id));
    assert_eq!([client.data(), client.data()], ["a2", "a3"]);
    let mut client = server.open("/a,b", Some(&id));
    assert_eq!(
        [client.data(), client.data(), client.data()],
        ["a2", "b2", "a3"]
    );
    let mut client = server.open("/c", Some(&id));
    publish("c", "c1");
    assert_eq!(client.data(), "c1");
    assert_eq!(server.hub.stats().gaps, 0);
}

#[test]
fn an_id_that_cannot_be_one_is_refused() {
    let server = Server::on_hyper(Hub::new(), SessionConfig::new());
    let ask = |value: &[u8]| {
        let request = Request::of("/a").header("Last-Event-ID", value);
        Client::open(server.address, request)
    };
    let bad: [(&[u8], &str); 6] = [
        (b"\xFF", "not UTF-8"),
        (b"e5f-1\xC3", "half a character"),
        (&[b'1'; 4_097], "longer than 4 KiB"),
        (&[b'1'; 6_000], "longer still"),
        (b"a\0b", "not HTTP"),
        (b"a\x7Fb", "not HTTP either"),
    ];
    for (value, why) in bad {
        let mut client = ask(value);
        assert_eq!(client.status(), "400", "{why}");
        let answer = client.body();
        // What was sent does not come back.
        assert!(!answer.windows(2).any(|pair| pair == b"11"), "{why}");
    }
    let twice = Request::of("/a")
        .header("Last-Event-ID", "1")
        .header("last-event-id", "1");
    assert_eq!(Client::open(server.address, twice).status(), "400");
    assert_eq!(server.hub.subscriber_count(), 0);

    // None at all, for a server as for a client.
    let mut client = ask(b"");
    server.hub.publish("a", Event::new("1"));
    assert_eq!(client.event().unwrap().event_type(), "message");
}

#[test]
fn an_id_of_10_mb_does_no_harm() {
    let server = Server::on_hyper(Hub::new(), SessionConfig::new());
    let mut others = server.open("/a", None);
    let request = Request::of("/a").header("Last-Event-ID", vec![b'1'; 10 << 20]);
    // The server may answer and close before it has all of it.
    let answer = Client::answer_to(server.address, &request.into_bytes());
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "),
        "{}",
        answer.escape_ascii()
    );
    assert_eq!(server.hub.subscriber_count(), 1);
    server.hub.publish("a", Event::new("1"));
    assert_eq!(others.data(), "1");
    server.open("/a", None);
}
