//! Topics that keep the newest event of each key, and presences, which are such events.

use core::time::Duration;

use ssewire::server::{
    Delivery, EventId, GapReason, Presence, PublishError, SlowReader, Start, Subscriber,
    TopicsConfig,
};
use ssewire::{Event, EventRef, Timestamp};

use crate::common::counting::count;

type Topics = ssewire::server::Topics<u32>;

#[test]
fn a_million_updates_of_a_hundred_keys_take_the_memory_of_a_hundred() {
    const KEYS: usize = 100;
    let mut topics = Topics::new(TopicsConfig::new(), 0xE);
    let keys: Vec<String> = (0..KEYS).map(|key| format!("key {key}")).collect();
    let ((), usage) = count(|| {
        for update in 0..1_000_000 {
            let data = format!("{update:07}");
            let key = &keys[update * 37 % KEYS];
            topics
                .publish_latest(at(0), "prices", key, EventRef::new(&data))
                .unwrap();
        }
    });
    assert_eq!(topics.event_count(), KEYS);
    // Each takes about 24 bytes on the wire, and holes are no more than events.
    assert!(usage.live < 100 * 600, "{usage:?}");
    assert!(usage.peak < 100 * 800, "{usage:?}");

    let mut reader = topics.subscribe(at(0), "prices", Start::Earliest).unwrap();
    let snapshot = datas(&mut topics, &mut reader);
    let expected = (1_000_000 - KEYS..1_000_000).map(|update| format!("{update:07}"));
    assert_eq!(snapshot, expected.collect::<Vec<_>>());
    topics.unsubscribe(reader);
}

#[test]
fn a_slow_reader_of_the_latest_catches_up_with_the_present() {
    let mut topics = Topics::new(TopicsConfig::new().max_events(10), 0xE);
    let mut reader = topics.subscribe(at(0), "prices", None).unwrap();
    for update in 0..1_000 {
        let data = update.to_string();
        let key = ["a", "b", "c"][update % 3];
        topics
            .publish_latest(at(0), "prices", key, EventRef::new(&data))
            .unwrap();
    }
    assert_eq!(datas(&mut topics, &mut reader), ["997", "998", "999"]);
    let stats = topics.stats();
    assert_eq!((stats.disconnected, stats.skipped, stats.gaps), (0, 0, 0));

    // What was replaced is no gap for a client that returns either.
    topics.unsubscribe(reader);
    let mut reader = topics.subscribe(at(0), "prices", "e-5").unwrap();
    assert_eq!(datas(&mut topics, &mut reader), ["997", "998", "999"]);
    topics.unsubscribe(reader);
}

#[test]
fn the_last_events_come_beside_the_latest_of_each_key() {
    let mut topics = Topics::new(TopicsConfig::new(), 0xE);
    latest(&mut topics, "a", "here a");
    for number in 0..5 {
        plain(&mut topics, &number.to_string());
    }
    latest(&mut topics, "b", "here b");
    topics
        .remove_latest(at(0), "room", "a", EventRef::new("gone a"))
        .unwrap();
    latest(&mut topics, "c", "here c");
    plain(&mut topics, "5");

    // The end of a key is no news to a newcomer, and does not count.
    let last = |topics: &mut Topics, count| {
        let mut reader = topics.subscribe(at(0), "room", Start::Last(count)).unwrap();
        let datas = datas(topics, &mut reader);
        topics.unsubscribe(reader);
        datas
    };
    assert_eq!(
        last(&mut topics, 2),
        ["4", "here b", "gone a", "here c", "5"]
    );
    assert_eq!(last(&mut topics, 1), ["here b", "here c", "5"]);
    assert_eq!(last(&mut topics, 0), ["here b", "here c"]);
    assert_eq!(last(&mut topics, 100).len(), 9);
}

#[test]
fn after_a_gap_the_newest_of_each_key_comes_again() {
    for slow_reader in [SlowReader::Disconnect, SlowReader::SkipToLive] {
        let config = TopicsConfig::new().max_events_per_topic(5);
        let mut topics = Topics::new(config.slow_reader(slow_reader), 0xE);
        latest(&mut topics, "ann", "here ann");
        let mut reader = topics.subscribe(at(0), ["room", "people"], None).unwrap();
        topics
            .publish_latest(at(0), "people", "bob", EventRef::new("here bob"))
            .unwrap();
        assert_eq!(datas(&mut topics, &mut reader), ["here bob"]);
        for number in 0..10 {
            let data = number.to_string();
            topics.publish(at(0), "news", EventRef::new(&data)).unwrap();
        }
        topics.unsubscribe(reader);

        // Of the news the first are lost, so whatever the client knows of the others may be old.
        let all = ["room", "people", "news"];
        let mut reader = topics.subscribe(at(0), all, "e-2").unwrap();
        let position = topics.position_of(&reader);
        let Some(Delivery::Gap(gap)) = topics.poll_delivery(&mut reader, 1 << 16) else {
            panic!("events are lost")
        };
        // Cut off now, it gets all of this again.
        assert_eq!(
            (gap.reason, gap.resumes_after),
            (GapReason::TooOld, position)
        );
        let expected = ["here ann", "here bob", "5", "6", "7", "8", "9"];
        assert_eq!(datas(&mut topics, &mut reader), expected);

        // Too slow, it is disconnected or skips, and gets them again then.
        for number in 0..10 {
            let data = number.to_string();
            topics.publish(at(0), "news", EventRef::new(&data)).unwrap();
        }
        let delivery = topics.poll_delivery(&mut reader, 1 << 16);
        match slow_reader {
            SlowReader::SkipToLive => {
                assert!(
                    matches!(delivery, Some(Delivery::Gap(gap)) if gap.reason == GapReason::Lagged)
                );
                assert_eq!(datas(&mut topics, &mut reader), ["here ann", "here bob"]);
            }
            _ => assert!(matches!(delivery, Some(Delivery::Ended(_)))),
        }
        topics.unsubscribe(reader);
    }
}

#[test]
fn an_id_of_whoever_begins_with_the_last_events_skips_none_of_them() {
    let mut topics = Topics::new(TopicsConfig::new(), 0xE);
    for number in 0..5 {
        plain(&mut topics, &number.to_string());
    }
    for (start, expected) in [
        (Start::Earliest, "e-0"),
        (Start::Last(2), "e-3"),
        (Start::Last(0), "e-5"),
        (Start::Live, "e-5"),
        (Start::After(EventId::new(0xE, 2)), "e-2"),
    ] {
        let mut reader = topics.subscribe(at(0), "room", start).unwrap();
        let position = topics.position_of(&reader).to_string();
        assert_eq!(position, expected, "{start:?}");
        let replayed = datas(&mut topics, &mut reader);
        topics.unsubscribe(reader);

        // Cut off before its first event, a client returns with that ID.
        let mut again = topics.subscribe(at(0), "room", position.as_str()).unwrap();
        assert_eq!(datas(&mut topics, &mut again), replayed, "{start:?}");
        topics.unsubscribe(again);
    }
}

#[test]
fn an_empty_log_has_position_zero() {
    let mut topics = Topics::new(TopicsConfig::new(), 0xE);
    let reader = topics.subscribe(at(0), "room", None).unwrap();
    assert_eq!(topics.position().to_string(), "e-0");
    assert_eq!(topics.position_of(&reader).to_string(), "e-0");
    topics.unsubscribe(reader);

    plain(&mut topics, "missed");
    let mut reader = topics.subscribe(at(0), "room", "e-0").unwrap();
    assert_eq!(datas(&mut topics, &mut reader), ["missed"]);
    topics.unsubscribe(reader);
}

#[test]
fn a_noisy_topic_takes_no_history_of_a_quiet_one() {
    let mut topics = Topics::new(TopicsConfig::new().max_events(100), 0xE);
    for number in 0..10 {
        let data = number.to_string();
        topics
            .publish(at(0), "quiet", EventRef::new(&data))
            .unwrap();
    }
    for _ in 0..10_000 {
        topics
            .publish(at(0), "noisy", EventRef::new("noise"))
            .unwrap();
    }
    let mut reader = topics.subscribe(at(0), "quiet", "e-0").unwrap();
    assert_eq!(datas(&mut topics, &mut reader).len(), 10);
    let mut noisy = topics.subscribe(at(0), "noisy", "e-10").unwrap();
    let gap = topics.poll_delivery(&mut noisy, 1 << 16);
    assert!(matches!(gap, Some(Delivery::Gap(gap)) if gap.reason == GapReason::TooOld));
    topics.unsubscribe(reader);
    topics.unsubscribe(noisy);
}

#[test]
fn events_leave_by_their_age_and_presences_stay() {
    let config = TopicsConfig::new().max_age(Duration::from_secs(60));
    let mut topics = Topics::new(config, 0xE);
    let ann = topics.announce(at(0), presence("ann", "phone")).unwrap();
    topics.publish(at(0), "room", EventRef::new("old")).unwrap();
    topics
        .publish_latest(at(0), "room", "price", EventRef::new("121.5"))
        .unwrap();
    topics
        .publish(at(59), "room", EventRef::new("new"))
        .unwrap();

    let mut reader = topics.subscribe(at(60), "room", Start::Earliest).unwrap();
    assert_eq!(datas(&mut topics, &mut reader), ["ann on a phone", "new"]);
    assert_eq!(topics.stats().expired, 2);
    topics.withdraw(at(61), ann);
    topics.expire(at(1_000));
    assert_eq!(topics.event_count(), 0);
    topics.unsubscribe(reader);
}

#[test]
fn windows_of_one_person_are_one_presence() {
    let mut topics = Topics::new(TopicsConfig::new(), 0xE);
    let mut reader = topics.subscribe(at(0), "room", None).unwrap();
    let phone = topics.announce(at(0), presence("ann", "phone")).unwrap();
    let laptop = topics.announce(at(0), presence("ann", "laptop")).unwrap();
    let mut bob = topics.announce(at(0), presence("bob", "laptop")).unwrap();
    let present = |topics: &Topics| -> Vec<String> {
        let present = topics.present("room");
        present
            .map(|(key, here)| format!("{key}: {}", here.data()))
            .collect()
    };
    assert_eq!(
        present(&topics),
        ["ann: ann on a laptop", "bob: bob on a laptop"]
    );
    assert_eq!(
        datas(&mut topics, &mut reader),
        ["ann on a laptop", "bob on a laptop"],
        "the first was replaced before anyone has read it"
    );

    // The one that is shown leaves, then the other changes, then the last leaves.
    topics.withdraw(at(0), laptop);
    assert_eq!(datas(&mut topics, &mut reader), ["ann on a phone"]);
    topics
        .announce_again(at(0), &mut bob, Event::new("bob is busy"))
        .unwrap();
    assert_eq!(datas(&mut topics, &mut reader), ["bob is busy"]);
    topics.withdraw(at(0), phone);
    topics.withdraw(at(0), bob);
    assert_eq!(
        datas(&mut topics, &mut reader),
        ["ann has gone", "bob has gone"]
    );
    assert_eq!(present(&topics), [""; 0]);

    // One that is not shown leaves in silence.
    let first = topics.announce(at(0), presence("ann", "phone")).unwrap();
    let second = topics.announce(at(0), presence("ann", "laptop")).unwrap();
    datas(&mut topics, &mut reader);
    topics.withdraw(at(0), first);
    assert_eq!(datas(&mut topics, &mut reader), [""; 0]);
    topics.withdraw(at(0), second);
    topics.unsubscribe(reader);
}

#[test]
fn nobody_is_left_in_a_topic_that_was_closed() {
    let mut topics = Topics::new(TopicsConfig::new(), 0xE);
    let ann = topics.announce(at(0), presence("ann", "phone")).unwrap();
    topics.close_topic(at(1), "room", Duration::from_secs(10));
    let refused = topics.announce(at(2), presence("bob", "phone"));
    assert_eq!(refused.err(), Some(PublishError::TopicClosed));
    topics.withdraw(at(3), ann);
    assert_eq!(topics.event_count(), 0);

    let mut reader = topics.subscribe(at(20), "room", Start::Earliest).unwrap();
    assert_eq!(datas(&mut topics, &mut reader), [""; 0]);
    topics.unsubscribe(reader);
}

#[test]
fn an_appended_log_goes_on_where_it_was() {
    let mut topics = Topics::new(TopicsConfig::new(), 0x10);
    for number in [1, 2, 5] {
        let id = EventId::new(0xE, number);
        let data = number.to_string();
        topics
            .append(at(0), id, "news", None, EventRef::new(&data))
            .unwrap();
    }
    let again = topics.append(at(0), EventId::new(0xE, 5), "news", None, EventRef::new(""));
    let newest = EventId::new(0xE, 5);
    assert_eq!(again, Err(PublishError::IdNotNewer { newest }));
    let id = topics.publish(at(0), "news", EventRef::new("new")).unwrap();
    assert_eq!(id.to_string(), "10-1");

    // Whoever was told of what was never stored is told so.
    for (id, gap, expected) in [
        ("e-1", None, vec!["2", "5", "new"]),
        ("e-4", None, vec!["5", "new"]),
        ("e-6", Some(GapReason::Diverged), vec!["new"]),
        (
            "d-6",
            Some(GapReason::OtherEpoch),
            vec!["1", "2", "5", "new"],
        ),
        ("10-1", None, vec![]),
    ] {
        let mut reader = topics.subscribe(at(0), "news", id).unwrap();
        if let Some(reason) = gap {
            let delivery = topics.poll_delivery(&mut reader, 1 << 16);
            let Some(Delivery::Gap(gap)) = delivery else {
                panic!("{id}: {delivery:?}")
            };
            assert_eq!(gap.reason, reason, "{id}");
        }
        assert_eq!(datas(&mut topics, &mut reader), expected, "{id}");
        topics.unsubscribe(reader);
    }
}

fn presence(name: &str, device: &str) -> Presence {
    Presence::new(
        "room",
        name,
        Event::new(format!("{name} on a {device}")),
        Event::new(format!("{name} has gone")),
    )
}

fn plain(topics: &mut Topics, data: &str) {
    topics.publish(at(0), "room", EventRef::new(data)).unwrap();
}

fn latest(topics: &mut Topics, key: &str, data: &str) {
    topics
        .publish_latest(at(0), "room", key, EventRef::new(data))
        .unwrap();
}

/// Returns the data of all that there is to read.
fn datas(topics: &mut Topics, reader: &mut Subscriber) -> Vec<String> {
    let mut wire = Vec::new();
    while let Some(delivery) = topics.poll_delivery(reader, 1 << 16) {
        let Delivery::Events(events) = delivery else {
            panic!("{delivery:?}")
        };
        wire.extend_from_slice(events.as_bytes());
    }
    let wire = String::from_utf8(wire).unwrap();
    let lines = wire.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(str::to_owned).collect()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_origin(Duration::from_secs(seconds))
}
