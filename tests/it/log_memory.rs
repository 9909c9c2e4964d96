//! The memory of a log, whatever is published: `max_bytes`, and so many bytes for each event and each
//! topic, as `TopicsConfig::max_bytes` states.

use fastrand::Rng;
use ssewire::server::{PublishError, Refused, Subscriber, TopicsConfig};
use ssewire::{EventRef, Timestamp};

use crate::common::counting::count;

type Topics = ssewire::server::Topics<u32>;

/// Publishes in some pattern, and returns how many topics were known at most.
type Pattern = fn(&mut Topics) -> usize;

#[test]
fn a_log_takes_its_bytes_and_a_constant_for_each_event_and_topic() {
    for (name, pattern) in PATTERNS {
        for (max_events, max_bytes) in [(2_000, 16 << 20), (100_000, 1 << 20), (50, 200_000)] {
            let config = TopicsConfig::new()
                .max_events(max_events)
                .max_bytes(max_bytes)
                .max_topics_per_subscriber(usize::MAX);
            let ((topics, known, events), usage) = count(|| {
                let mut topics = Topics::new(config, 0xE);
                let known = pattern(&mut topics);
                let events = topics.event_count();
                (topics, known, events)
            });
            let peak = usage.peak as usize;
            let most = max_bytes + max_events * EVENT + known * TOPIC + CONSTANT;
            assert!(
                peak <= most,
                "{name}, {max_events} events: {peak} of {most}"
            );
            // What is held now is no more than what is in the log now takes.
            let live = usage.live as usize;
            let most = topics.byte_count() + events * EVENT + known * TOPIC + CONSTANT;
            assert!(
                live <= most,
                "{name}, {max_events} events: {live} of {most}"
            );
        }
    }
}

#[test]
fn names_count_and_long_ones_are_refused() {
    let mut topics = Topics::new(TopicsConfig::new().max_bytes(100_000), 0xE);
    let longest = "n".repeat(1024);
    let too_long = "n".repeat(1025);
    topics.publish(NOW, &longest, EventRef::new("x")).unwrap();
    assert!(topics.byte_count() > 1024);
    topics.publish(NOW, &longest, EventRef::new("x")).unwrap();
    assert!(topics.byte_count() < 2048, "once");
    let reader = topics
        .subscribe(NOW, &longest, None)
        .expect("it is short enough");
    topics.unsubscribe(reader);

    let limit = 1024;
    let refused = Refused::NameTooLong { bytes: 1025, limit };
    assert_eq!(topics.subscribe(NOW, &too_long, None).err(), Some(refused));
    assert_eq!(
        topics.subscribe(NOW, ["a", &too_long], None).err(),
        Some(refused)
    );
    assert_eq!(topics.subscriber_count(), 0);
    let refused = PublishError::NameTooLong { bytes: 1025, limit };
    for topic in [&too_long, &longest] {
        let both = topics.publish(NOW, [topic, &too_long], EventRef::new("x"));
        assert_eq!(both, Err(refused));
    }
    assert_eq!(
        topics.publish(NOW, &too_long, EventRef::new("x")),
        Err(refused)
    );
    let key = topics.publish_latest(NOW, "a", &too_long, EventRef::new("x"));
    assert_eq!(key, Err(PublishError::KeyTooLong { bytes: 1025, limit }));
    assert_eq!((topics.topic_count(), topics.event_count()), (1, 2));
    assert_eq!(topics.stats().refused, 4);
}

const PATTERNS: [(&str, Pattern); 8] = [
    ("bursts, topic after topic", bursts),
    ("long names", long_names),
    ("names that are too long", names_too_long),
    ("round and round", round_and_round),
    ("at random", at_random),
    ("large events", large_events),
    ("large events of many lines", many_lines),
    ("a new topic each time", new_topics),
];

fn bursts(topics: &mut Topics) -> usize {
    // They stay known.
    let names: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    let _readers = topics
        .subscribe(NOW, &names, None)
        .expect("as many as wanted");
    for name in &names {
        for _ in 0..3_000 {
            topics
                .publish(NOW, name, EventRef::new("0123456789"))
                .unwrap();
        }
    }
    names.len()
}

fn long_names(topics: &mut Topics) -> usize {
    let mut most = 0;
    for number in 0..3_000 {
        topics
            .publish(NOW, format!("{number:01024}"), EventRef::new("x"))
            .unwrap();
        most = most.max(topics.topic_count());
    }
    most
}

fn names_too_long(topics: &mut Topics) -> usize {
    for number in 0..300 {
        let published = topics.publish(NOW, format!("{number:065535}"), EventRef::new("x"));
        assert!(published.is_err());
    }
    0
}

fn round_and_round(topics: &mut Topics) -> usize {
    for number in 0..20_000 {
        topics
            .publish(NOW, (number % 700).to_string(), EventRef::new("0123456789"))
            .unwrap();
    }
    700
}

fn at_random(topics: &mut Topics) -> usize {
    let mut rng = Rng::with_seed(7);
    let mut readers: Vec<Subscriber> = Vec::new();
    for _ in 0..300 {
        let name = rng.u32(..200).to_string();
        let data = "x".repeat(rng.usize(..200));
        for _ in 0..rng.usize(..200) {
            topics.publish(NOW, &name, EventRef::new(&data)).unwrap();
        }
        let reader = topics.subscribe(NOW, &name, "e-1").expect("one topic");
        readers.push(reader);
        let mut reader = readers.swap_remove(rng.usize(..readers.len()));
        while topics.poll_delivery(&mut reader, 4096).is_some() {}
        topics.unsubscribe(reader);
    }
    readers
        .into_iter()
        .for_each(|reader| assert_eq!(topics.unsubscribe(reader), None));
    200
}

fn large_events(topics: &mut Topics) -> usize {
    let data = "x".repeat(90_000);
    for number in 0..400_u32 {
        topics
            .publish(NOW, (number % 3).to_string(), EventRef::new(&data))
            .unwrap();
    }
    3
}

fn many_lines(topics: &mut Topics) -> usize {
    // Seven times as long when it is encoded.
    let data = "\n".repeat(20_000);
    for number in 0..200_u32 {
        topics
            .publish(NOW, (number % 3).to_string(), EventRef::new(&data))
            .unwrap();
    }
    3
}

fn new_topics(topics: &mut Topics) -> usize {
    let mut most = 0;
    for number in 0..20_000 {
        topics
            .publish(NOW, format!("topic {number}"), EventRef::new("x"))
            .unwrap();
        most = most.max(topics.topic_count());
    }
    most
}

/// For each event, in bytes.
const EVENT: usize = 192;
/// For each topic, in bytes.
const TOPIC: usize = 768;
/// For the log as a whole, in bytes, with the data of the pattern itself.
const CONSTANT: usize = 160 << 10;

const NOW: Timestamp = Timestamp::from_origin(core::time::Duration::ZERO);
