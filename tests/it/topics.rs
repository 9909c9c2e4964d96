//! Topics, their log and their readers: what the model of `topics_properties.rs` does not see, which
//! is memory and cost, and what deserves a name of its own.

use core::mem;

use ssewire::server::{
    Delivery, EventId, Gap, GapReason, InvalidEventId, InvalidLastEventId, Refused, SlowReader,
    Start, Subscriber, SubscriberEnd, TopicNames, TopicSet, TopicsConfig, last_event_id,
};
use ssewire::{Event, EventRef, Timestamp};

use crate::common::counting::{Usage, count};

/// Whoever waits is known by a number.
type Topics = ssewire::server::Topics<u32>;

#[test]
fn an_id_has_one_form() {
    for (text, epoch, number) in [
        ("0-0", 0, 0),
        ("e-1", 0xE, 1),
        ("ffffffffffffffff-18446744073709551615", u64::MAX, u64::MAX),
    ] {
        let id: EventId = text.parse().unwrap();
        assert_eq!((id.epoch(), id.number()), (epoch, number));
        assert_eq!(id.to_string(), text);
    }
    for text in [
        "",
        "-",
        "1",
        "1-",
        "-1",
        "1--1",
        "1-1-1",
        "+1-1",
        "1-+1",
        " 1-1",
        "1-1 ",
        "01-1",
        "1-01",
        "00-1",
        "A-1",
        "0x1-1",
        "g-1",
        "1-a",
        "1-1\0",
        "10000000000000000-1",
        "1-18446744073709551616",
        "\u{661}-1",
        "1-\u{661}",
    ] {
        let refused: Result<EventId, InvalidEventId> = text.parse();
        assert!(refused.is_err(), "{text:?}");
    }
    assert!("1".repeat(1 << 20).parse::<EventId>().is_err());
}

#[test]
fn the_last_event_id_of_a_request_is_one_short_text_or_none() {
    let (longest, too_long) = ([b'1'; 4_096], [b'1'; 4_097]);
    for (values, expected) in [
        (&[][..], Ok(None)),
        (&[&b""[..]], Ok(None)),
        (&[b"e5f-1"], Ok(Some("e5f-1"))),
        (&["é 😀".as_bytes()], Ok(Some("é 😀"))),
        (
            &[&longest],
            Ok(Some(core::str::from_utf8(&longest).unwrap())),
        ),
        (
            &[&too_long],
            Err("the Last-Event-ID header has 4097 bytes, which is more than 4096"),
        ),
        (
            &[b"\xC3"],
            Err("the Last-Event-ID header is not UTF-8 at byte 0"),
        ),
        (
            &[b"1\xED\xA0\x80"],
            Err("the Last-Event-ID header is not UTF-8 at byte 1"),
        ),
        (&[b"1", b"1"], Err(SEVERAL)),
        (&[b"", b"1"], Err(SEVERAL)),
        (&[b"", b""], Err(SEVERAL)),
    ] {
        let id = last_event_id(values.iter().copied());
        let id = id.map_err(|error: InvalidLastEventId| error.to_string());
        assert_eq!(id, expected.map_err(str::to_owned), "{values:?}");
    }
    const SEVERAL: &str = "the request has more than one Last-Event-ID header";
}

#[test]
fn an_id_of_the_publishers_own_gives_way_and_the_rest_stays() {
    let mut topics = topics(TopicsConfig::new());
    let mut reader = topics.subscribe(NOW, ["a"], None).unwrap();
    let event = Event::new("one\r\ntwo").with_type("t").unwrap();
    let event = event.with_id("mine").unwrap();
    topics.publish(NOW, "a", (&event).into()).unwrap();
    assert_eq!(
        read(&mut topics, &mut reader),
        "id: e-1\nevent: t\ndata: one\ndata: two\n\n"
    );
}

#[test]
fn a_gap_is_an_event_that_a_client_resumes_behind() {
    let mut topics = topics(TopicsConfig::new().max_events(2));
    for _ in 0..5 {
        topics.publish(NOW, "a", EventRef::new("x")).unwrap();
    }
    for (last_id, reason, wire) in [
        (
            "e-1",
            GapReason::TooOld,
            "id: e-3\nevent: gap\ndata: too-old\n\n",
        ),
        (
            "d-4",
            GapReason::OtherEpoch,
            "id: e-3\nevent: gap\ndata: other-epoch\n\n",
        ),
        (
            "e-6",
            GapReason::Unknown,
            "id: e-3\nevent: gap\ndata: unknown\n\n",
        ),
        (
            "?",
            GapReason::Unknown,
            "id: e-3\nevent: gap\ndata: unknown\n\n",
        ),
        (
            "",
            GapReason::Unknown,
            "id: e-3\nevent: gap\ndata: unknown\n\n",
        ),
    ] {
        let mut reader = topics.subscribe(NOW, ["a"], Some(last_id)).unwrap();
        let gap = next_gap(&mut topics, &mut reader);
        assert_eq!(gap.reason, reason);
        assert_eq!(gap.reason.to_string(), gap.reason.as_str());
        assert_eq!(gap.to_event().to_bytes(), wire);
        assert_eq!(
            read(&mut topics, &mut reader),
            "id: e-4\ndata: x\n\nid: e-5\ndata: x\n\n"
        );

        // Whoever comes back with the ID of the gap does not meet it again.
        let id = gap.resumes_after.to_string();
        let mut reader = topics.subscribe(NOW, ["a"], &id).unwrap();
        assert_eq!(
            read(&mut topics, &mut reader),
            "id: e-4\ndata: x\n\nid: e-5\ndata: x\n\n"
        );
    }
    assert_eq!(topics.stats().gaps, 5);
}

#[test]
fn a_noisy_topic_takes_no_event_of_a_quiet_one() {
    for config in [
        TopicsConfig::new().max_events(4),
        TopicsConfig::new().max_bytes(120),
    ] {
        let mut topics = topics(config);
        topics.publish(NOW, "quiet", EventRef::new("kept")).unwrap();
        for _ in 0..100 {
            topics.publish(NOW, "loud", EventRef::new("noise")).unwrap();
        }
        let mut reader = topics.subscribe(NOW, ["quiet"], Some("e-0")).unwrap();
        assert_eq!(read(&mut topics, &mut reader), "id: e-1\ndata: kept\n\n");
        assert_eq!((topics.stats().gaps, topics.stats().expired), (0, 0));
        // Of the loud one an event is lost each time.
        assert_eq!(topics.stats().dropped, 101 - topics.event_count() as u64);
        let mut reader = topics.subscribe(NOW, ["loud"], Some("e-1")).unwrap();
        let gap = next_gap(&mut topics, &mut reader);
        assert_eq!(gap.resumes_after.number(), 1 + topics.stats().dropped);
    }
}

#[test]
fn a_slow_reader_is_disconnected_while_nothing_is_lost_and_resumes() {
    for step in [1, 7, 49] {
        let mut topics = topics(TopicsConfig::new().max_events(100));
        let reader = topics.subscribe(NOW, ["a"], None).unwrap();
        let mut log = Log::default();
        let mut reader = Reader::new(reader);
        // It reads one event a round.
        for round in 0..1000 {
            for _ in 0..step {
                log.publish(&mut topics, "a");
            }
            if !reader.read(&mut topics, 1) {
                reader.resume(&mut topics, &["a"]);
            }
            assert_eq!(reader.gaps, 0, "{step} a round, round {round}");
            if step > 1 && reader.resumes > 0 {
                break;
            }
        }
        assert_eq!(reader.resumes, u32::from(step > 1), "{step} a round");
        while reader.read(&mut topics, 1 << 16) {}
        assert_eq!(reader.gaps, 0);
        assert_eq!(reader.text, log.text);
        assert_eq!(topics.stats().disconnected, u64::from(reader.resumes));
    }
}

#[test]
fn a_replay_that_keeps_pace_is_let_finish() {
    let mut topics = topics(TopicsConfig::new().max_events(100));
    let mut log = Log::default();
    for _ in 0..150 {
        log.publish(&mut topics, "a");
    }
    // From the very last event that is there, at the speed at which the log is dropped.
    let mut reader = Reader::new(topics.subscribe(NOW, ["a"], Some("e-50")).unwrap());
    for _ in 0..1000 {
        assert!(reader.read(&mut topics, 1));
        log.publish(&mut topics, "a");
    }
    while reader.read(&mut topics, 1 << 16) {}
    let stats = topics.stats();
    assert_eq!((reader.gaps, stats.gaps, stats.disconnected), (0, 0, 0));
    assert!(log.text.ends_with(&reader.text));
    assert!(reader.text.starts_with("id: e-51\n"));
    // Now it is as live as any.
    for _ in 0..60 {
        log.publish(&mut topics, "a");
    }
    assert!(!reader.read(&mut topics, 1));
    assert_eq!(topics.stats().disconnected, 1);
}

#[test]
fn a_replay_that_is_overtaken_is_told_each_time_and_gets_on() {
    let mut topics = topics(TopicsConfig::new().max_events(100));
    let mut log = Log::default();
    log.publish(&mut topics, "a");
    let mut reader = Reader::new(topics.subscribe(NOW, ["a"], Some("e-0")).unwrap());
    // More comes than it can read.
    for _ in 0..1000 {
        for _ in 0..30 {
            log.publish(&mut topics, "a");
        }
        if !reader.read(&mut topics, 500) {
            reader.resume(&mut topics, &["a"]);
            assert!(reader.read(&mut topics, 500), "a gap");
            assert!(reader.read(&mut topics, 500), "what the log has");
        }
    }
    while reader.read(&mut topics, 1 << 16) {}
    assert!(reader.resumes > 100, "{} times", reader.resumes);
    assert_eq!(reader.gaps, reader.resumes);
    assert_eq!(topics.stats().gaps, u64::from(reader.gaps));
    let seen = reader
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let seen: Vec<u64> = seen.map(|number| number.parse().unwrap()).collect();
    assert!(seen.is_sorted_by(|one, next| one < next));
    assert_eq!(seen.last(), Some(&log.count));
}

#[test]
fn a_slow_reader_may_skip_to_what_is_published_next() {
    let config = TopicsConfig::new().max_events(100);
    let mut topics = topics(config.slow_reader(SlowReader::SkipToLive));
    let mut log = Log::default();
    let mut reader = Reader::new(topics.subscribe(NOW, ["a", "b"], None).unwrap());
    for skips in 1..=5 {
        while reader.read(&mut topics, 1 << 16) {}
        assert!(topics.wait(&mut reader.place, &7));
        for _ in 0..60 {
            log.publish(&mut topics, "a");
            log.publish(&mut topics, "b");
        }
        let newest = log.newest.clone();
        assert!(reader.read(&mut topics, 1 << 16));
        assert_eq!(reader.gaps, skips);
        assert_eq!(reader.last_id, newest);
        assert!(!reader.read(&mut topics, 1 << 16), "nothing has come since");
        assert_eq!(topics.take_ready(), [7], "once, of two topics");
        assert!(topics.wait(&mut reader.place, &7));
        log.publish(&mut topics, "b");
        assert_eq!(topics.take_ready(), [7]);
        assert!(!topics.wait(&mut reader.place, &7), "there is something");
        assert!(reader.read(&mut topics, 1 << 16));
        assert!(reader.text.ends_with(&format!("data: {}\n\n", log.count)));
        assert_eq!(topics.stats().skipped, u64::from(skips));
    }
    assert_eq!(topics.stats().disconnected, 0);
}

#[test]
fn whoever_has_left_is_not_named() {
    let mut topics = topics(TopicsConfig::new());
    let [gone, _stays] = [1, 2].map(|token| {
        let mut reader = topics.subscribe(NOW, ["a", "b"], None).unwrap();
        assert!(topics.wait(&mut reader, &token));
        reader
    });
    assert_eq!(topics.unsubscribe(gone), Some(1), "once, of two topics");
    topics.publish(NOW, "a", EventRef::new("x")).unwrap();
    assert_eq!(topics.take_ready(), [2]);
    assert!(topics.take_ready().is_empty());
}

#[test]
fn a_wait_ends_once_whichever_topics_have_news() {
    let mut topics = topics(TopicsConfig::new());
    let mut reader = topics.subscribe(NOW, ["a", "b", "c"], None).unwrap();
    let mut other = topics.subscribe(NOW, ["d"], None).unwrap();
    for reader in [&mut reader, &mut other] {
        assert!(topics.wait(reader, &1));
        assert!(topics.wait(reader, &2), "under its first token");
    }
    for topic in ["a", "b", "a", "b"] {
        topics.publish(NOW, topic, EventRef::new("x")).unwrap();
    }
    assert_eq!(topics.take_ready(), [1]);
    assert!(!topics.wait(&mut reader, &3), "it has not read to the end");
    topics.publish(NOW, "a", EventRef::new("x")).unwrap();
    assert!(topics.take_ready().is_empty());

    read(&mut topics, &mut reader);
    assert_eq!(topics.stop_waiting(&mut reader), None, "its wait is over");
    assert!(topics.wait(&mut reader, &3));
    assert_eq!(topics.stop_waiting(&mut reader), Some(3));
    assert_eq!(topics.stop_waiting(&mut reader), None);
    topics.publish(NOW, "c", EventRef::new("x")).unwrap();
    assert!(topics.take_ready().is_empty());
    read(&mut topics, &mut reader);
    assert!(topics.wait(&mut reader, &4));
    topics.publish(NOW, "c", EventRef::new("x")).unwrap();
    assert_eq!(topics.take_ready(), [4]);
}

#[test]
fn whoever_is_to_be_told_something_does_not_wait() {
    let mut topics = topics(TopicsConfig::new().max_events(10));
    let mut gap = topics.subscribe(NOW, ["a"], Some("other-epoch")).unwrap();
    assert!(!topics.wait(&mut gap, &1));
    next_gap(&mut topics, &mut gap);
    assert!(topics.wait(&mut gap, &1));
    for _ in 0..20 {
        topics.publish(NOW, "a", EventRef::new("x")).unwrap();
    }
    assert_eq!(topics.take_ready(), [1]);
    for _ in 0..2 {
        assert_eq!(
            topics.poll_delivery(&mut gap, 1),
            Some(Delivery::Ended(SubscriberEnd::TooSlow))
        );
        assert!(!topics.wait(&mut gap, &1));
    }
}

#[test]
fn all_can_be_woken_even_who_reads_no_topic() {
    let mut topics = topics(TopicsConfig::new());
    let mut readers: Vec<_> = [&["a"][..], &["a", "b"], &[], &[]]
        .map(|names| topics.subscribe(NOW, names, None).unwrap())
        .into();
    for (reader, token) in readers.iter_mut().zip(0..) {
        assert!(topics.wait(reader, &token));
    }
    let gone = readers.pop().expect("the last one");
    assert_eq!(topics.topics_of(&gone).count(), 0);
    assert_eq!(topics.unsubscribe(gone), Some(3));
    for _ in 0..2 {
        topics.wake_all();
        let mut ready = topics.take_ready();
        ready.sort_unstable();
        assert_eq!(ready, [0, 1, 2]);
        // They find nothing, and wait on.
        for (reader, token) in readers.iter_mut().zip(0..) {
            assert_eq!(topics.poll_delivery(reader, 1), None);
            assert!(topics.wait(reader, &token));
        }
    }
}

#[test]
fn readers_at_the_same_place_share_the_same_bytes() {
    let mut topics = topics(TopicsConfig::new());
    let mut readers = [(); 3].map(|()| topics.subscribe(NOW, ["a"], None).unwrap());
    for count in [1, 2, 20] {
        for _ in 0..count {
            topics
                .publish(NOW, "a", EventRef::new("some data"))
                .unwrap();
        }
        let places = readers.each_mut().map(|reader| {
            let Some(Delivery::Events(events)) = topics.poll_delivery(reader, 1 << 16) else {
                panic!("there is something")
            };
            events.into_bytes().as_ptr()
        });
        assert!(
            places.iter().all(|place| *place == places[0]),
            "{count} events"
        );
        for reader in &mut readers {
            assert_eq!(topics.poll_delivery(reader, 1 << 16), None);
        }
    }
}

#[test]
fn an_event_larger_than_the_log_is_held_alone() {
    let mut topics = topics(TopicsConfig::new().max_bytes(1000));
    let mut reader = topics.subscribe(NOW, ["a", "b"], None).unwrap();
    topics.publish(NOW, "b", EventRef::new("small")).unwrap();
    topics
        .publish(NOW, "a", EventRef::new(&"x".repeat(100_000)))
        .unwrap();
    assert_eq!((topics.event_count(), topics.topic_count()), (1, 2));
    assert!(topics.byte_count() > 100_000);
    assert_eq!(
        topics.poll_delivery(&mut reader, 100),
        Some(Delivery::Ended(SubscriberEnd::TooSlow))
    );

    let mut reader = topics.subscribe(NOW, ["a", "b"], Some("e-1")).unwrap();
    let name = "a".len();
    assert_eq!(
        read(&mut topics, &mut reader).len() + name,
        topics.byte_count()
    );
    topics.publish(NOW, "a", EventRef::new("small")).unwrap();
    assert_eq!(topics.event_count(), 1);
    assert!(topics.byte_count() < 100);
    assert_eq!(read(&mut topics, &mut reader), "id: e-3\ndata: small\n\n");
}

#[test]
fn topics_are_forgotten_when_nobody_reads_them_and_the_log_does_not_hold_them() {
    let mut topics = topics(TopicsConfig::new().max_events(3));
    for number in 0..100 {
        topics
            .publish(NOW, number.to_string(), EventRef::new("x"))
            .unwrap();
        let reader = topics.subscribe(NOW, ["read", "once"], None).unwrap();
        assert_eq!(topics.topic_count(), 5.min(number + 3));
        topics.unsubscribe(reader);
    }
    assert_eq!(topics.topic_count(), 3);
    let mut reader = topics.subscribe(NOW, [] as [&str; 0], Some("e-1")).unwrap();
    assert_eq!(topics.poll_delivery(&mut reader, 1), None);
    assert_eq!(topics.topic_count(), 3);
}

#[test]
fn memory_does_not_grow_with_readers_that_come_and_go() {
    for staying in [0, 1, 100] {
        let mut topics = topics(TopicsConfig::new());
        for _ in 0..staying {
            let mut reader = topics.subscribe(NOW, ["a", "b"], None).unwrap();
            assert!(topics.wait(&mut reader, &1));
        }
        topics
            .publish(NOW, "b", EventRef::new("keeps the topic known"))
            .unwrap();
        let mut churn = |rounds| {
            for _ in 0..rounds {
                let mut reader = topics.subscribe(NOW, ["a", "b"], None).unwrap();
                assert!(topics.wait(&mut reader, &2));
                assert_eq!(topics.unsubscribe(reader), Some(2));
            }
        };
        churn(1000);
        let ((), usage) = count(|| churn(100_000));
        assert_flat(usage, 4096);
    }
}

#[test]
fn memory_does_not_grow_with_wakes_from_one_of_two_topics() {
    let mut topics = topics(TopicsConfig::new().max_events(10));
    let mut readers = [(); 10].map(|()| topics.subscribe(NOW, ["loud", "quiet"], None).unwrap());
    let mut run = |rounds| {
        for _ in 0..rounds {
            topics
                .publish(NOW, "loud", EventRef::new("0123456789"))
                .unwrap();
            assert!(topics.take_ready().len() <= 10);
            for reader in &mut readers {
                assert!(matches!(
                    topics.poll_delivery(reader, 100),
                    Some(Delivery::Events(_))
                ));
                assert!(topics.wait(reader, &1));
            }
        }
    };
    run(1000);
    let ((), usage) = count(|| run(20_000));
    assert_flat(usage, 4096);
}

#[test]
fn publishing_costs_nothing_for_those_who_have_left() {
    let crowd = |count: u32| {
        let mut topics = topics(TopicsConfig::new().max_events(10));
        let mut readers: Vec<_> = (0..count)
            .map(|_| topics.subscribe(NOW, ["a"], None).unwrap())
            .collect();
        for reader in &mut readers {
            assert!(topics.wait(reader, &1));
        }
        let stays = readers.swap_remove(0);
        for reader in readers {
            assert_eq!(topics.unsubscribe(reader), Some(1));
        }
        (topics, stays)
    };
    let fastest = |(topics, reader): &mut (Topics, Subscriber)| {
        let mut publish = || {
            for _ in 0..100 {
                topics.publish(NOW, "a", EventRef::new("x")).unwrap();
                while topics.poll_delivery(reader, 100).is_some() {}
                assert!(topics.wait(reader, &1));
                assert_eq!(topics.take_ready().len(), 1);
            }
        };
        (0..10).map(|_| timed(&mut publish)).min()
    };
    let (alone, after_a_peak) = (fastest(&mut crowd(1)), fastest(&mut crowd(300_000)));
    let (alone, after_a_peak) = (alone.unwrap(), after_a_peak.unwrap());
    assert!(
        after_a_peak < 20 * alone,
        "{after_a_peak:?} instead of {alone:?}"
    );
}

#[test]
fn memory_does_not_grow_with_topics_that_come_and_go() {
    let mut topics = topics(TopicsConfig::new().max_events(100));
    let mut number = 0;
    let mut run = |rounds| {
        for _ in 0..rounds {
            number += 1;
            let name = format!("topic {:08}", number % 1_000_000);
            let mut reader = topics.subscribe(NOW, [&name], None).unwrap();
            assert!(topics.wait(&mut reader, &number));
            topics
                .publish(NOW, &name, EventRef::new("0123456789"))
                .unwrap();
            assert_eq!(topics.take_ready(), [number]);
            read(&mut topics, &mut reader);
            topics.unsubscribe(reader);
        }
    };
    run(2000);
    let ((), usage) = count(|| run(20_000));
    assert_flat(usage, 16 << 10);
}

#[test]
fn the_log_takes_its_bytes_and_little_more() {
    const EVENTS: usize = 20_000;
    let (mut topics, usage) = count(|| {
        let mut topics = topics(TopicsConfig::new().max_events(EVENTS));
        for _ in 0..2 * EVENTS {
            topics
                .publish(NOW, "a", EventRef::new("0123456789"))
                .unwrap();
        }
        topics
    });
    assert_eq!(topics.event_count(), EVENTS);
    let beside = (usage.live as usize - topics.byte_count()) / EVENTS;
    // The queue has room for up to one and a half times what it holds.
    assert!((40..=150).contains(&beside), "{beside} bytes an event");

    // Readers all over it keep no more than a few joined pieces.
    let mut readers: Vec<_> = (0..200)
        .map(|number| {
            let id = format!("e-{}", EVENTS + number * 60);
            topics.subscribe(NOW, ["a"], &id).unwrap()
        })
        .collect();
    let ((), usage) = count(|| {
        for _ in 0..3 {
            for reader in &mut readers {
                let delivery = topics.poll_delivery(reader, 1 << 16);
                assert!(matches!(delivery, Some(Delivery::Events(_))));
            }
        }
    });
    assert!(usage.peak <= 10 << 16, "{usage:?}");
    let ((), usage) = count(|| {
        for _ in 0..EVENTS {
            topics
                .publish(NOW, "a", EventRef::new("0123456789"))
                .unwrap();
        }
    });
    // What was joined of dropped events is dropped.
    assert!(usage.live <= -(6 << 16), "{usage:?}");
}

#[test]
fn publishing_does_not_touch_the_readers_of_other_topics() {
    let mut few = crowd(1);
    let mut many = crowd(100_000);
    let publish = |(topics, reader): &mut (Topics, Subscriber)| {
        let ((), usage) = count(|| {
            for _ in 0..1000 {
                topics
                    .publish(NOW, "0", EventRef::new("0123456789"))
                    .unwrap();
                assert_eq!(topics.take_ready(), [0], "nobody else");
                while topics.poll_delivery(reader, 1 << 16).is_some() {}
                assert!(topics.wait(reader, &0));
            }
        });
        usage.allocations
    };
    let (alone, crowded) = (publish(&mut few), publish(&mut many));
    assert!(
        crowded <= alone + 100,
        "{crowded} allocations instead of {alone}"
    );
    // To touch each of the others would take a hundred times as long, and more.
    let fastest = |crowd: &mut _| (0..10).map(|_| timed(|| publish(crowd))).min();
    let (alone, crowded) = (fastest(&mut few).unwrap(), fastest(&mut many).unwrap());
    assert!(crowded < 20 * alone, "{crowded:?} instead of {alone:?}");
}

/// The work is counted by what is allocated, which is what each topic takes; time would be noisy.
#[test]
fn to_subscribe_is_linear_in_the_topics() {
    let allocations = |len: usize| {
        let mut topics = topics(TopicsConfig::new().max_topics_per_subscriber(usize::MAX));
        let names: Vec<_> = (0..len).map(|name| name.to_string()).collect();
        // Each is named twice.
        let names = names.iter().chain(&names);
        let (reader, usage) = count(|| topics.subscribe(NOW, names, None).unwrap());
        assert_eq!(topics.topics_of(&reader).count(), len);
        assert_eq!(topics.topic_count(), len);
        usage.allocations
    };
    let (few, many) = (allocations(1_000), allocations(100_000));
    assert!(many <= 110 * few, "{many} instead of 100 times {few}");
    let time = |len: usize| (0..5).map(|_| timed(|| allocations(len))).min().unwrap();
    let (few, many) = (time(1_000), time(100_000));
    // Quadratic work would take 10,000 times as long.
    assert!(many < 3_000 * few, "{many:?} instead of 100 times {few:?}");
}

#[test]
fn an_event_costs_a_subscriber_of_many_topics_no_more_than_one_of_two() {
    let of = |count: usize| {
        let mut topics = topics(TopicsConfig::new().max_topics_per_subscriber(usize::MAX));
        let names: Vec<_> = (0..count).map(|name| name.to_string()).collect();
        let reader = topics.subscribe(NOW, &names, None).unwrap();
        (topics, reader)
    };
    let publish = |(topics, reader): &mut (Topics, Subscriber)| {
        let ((), usage) = count(|| {
            for round in 0..500_u32 {
                assert!(topics.wait(reader, &7));
                topics
                    .publish(NOW, "0", EventRef::new("0123456789"))
                    .unwrap();
                // And now and then of two at once, which are merged.
                if round % 2 == 0 {
                    topics
                        .publish(NOW, "1", EventRef::new("0123456789"))
                        .unwrap();
                }
                assert_eq!(topics.take_ready(), [7], "once");
                while topics.poll_delivery(reader, 1 << 16).is_some() {}
            }
        });
        usage.allocations
    };
    let (mut few, mut many) = (of(2), of(100_000));
    let (of_few, of_many) = (publish(&mut few), publish(&mut many));
    assert!(of_many <= of_few + 100, "{of_many} instead of {of_few}");
    let fastest = |crowd: &mut _| (0..10).map(|_| timed(|| publish(crowd))).min();
    let (few, many) = (fastest(&mut few).unwrap(), fastest(&mut many).unwrap());
    assert!(many < 20 * few, "{many:?} instead of {few:?}");
}

#[test]
fn a_subscription_names_no_more_topics_than_it_may() {
    for limit in [1, 5, 1024] {
        let config = match limit {
            1024 => TopicsConfig::new(),
            limit => TopicsConfig::new().max_topics_per_subscriber(limit),
        };
        let mut topics = topics(config);
        let names: Vec<_> = (0..=limit).map(|name| name.to_string()).collect();
        let topics_named = limit + 1;
        let refused = topics.subscribe(NOW, &names, None).unwrap_err();
        assert_eq!(
            refused,
            Refused::TooManyTopics {
                topics: topics_named,
                limit
            }
        );
        assert_eq!((topics.topic_count(), topics.subscriber_count()), (0, 0));
        // A name that is repeated counts once.
        let named = names.iter().take(limit).chain(names.first());
        let reader = topics.subscribe(NOW, named, None).unwrap();
        assert_eq!(topics.topics_of(&reader).count(), limit);
    }
}

#[test]
fn one_name_or_several_name_topics() {
    let owned = String::from("a");
    for (set, names) in [
        ("a".into_topics(), &["a"][..]),
        ((&owned).into_topics(), &["a"]),
        (owned.clone().into_topics(), &["a"]),
        (["b", "a", "b"].into_topics(), &["b", "a"]),
        (vec![owned.clone(), owned.clone()].into_topics(), &["a"]),
        ((&[owned.clone(), owned.clone()]).into_topics(), &["a"]),
        ("a,b,a".split(',').into_topics(), &["a", "b"]),
        (Some("a").into_topics(), &["a"]),
        (TopicSet::new(["a"]).into_topics(), &["a"]),
        ([""; 0].into_topics(), &[]),
    ] {
        assert!(set.iter().eq(names.iter().copied()), "{set:?}");
        assert_eq!((set.len(), set.is_empty()), (names.len(), names.is_empty()));
    }
}

#[test]
fn a_start_is_an_id_or_none() {
    let id: EventId = "e-1".parse().unwrap();
    for (start, expected) in [
        (Start::from(None), Start::Live),
        (Start::default(), Start::Live),
        (Start::from(id), Start::After(id)),
        (Start::from("e-1"), Start::After(id)),
        (Start::from(&String::from("e-1")), Start::After(id)),
        (Start::from(Some("e-1")), Start::After(id)),
        (Start::from("E-1"), Start::Unknown),
        (Start::from(Some("")), Start::Unknown),
    ] {
        assert_eq!(start, expected);
    }
}

/// Makes topics with a waiting reader each, and returns the first one's.
fn crowd(count: u32) -> (Topics, Subscriber) {
    let mut topics = topics(TopicsConfig::new().max_events(100));
    let mut readers: Vec<_> = (0..count)
        .map(|number| {
            let mut reader = topics.subscribe(NOW, [number.to_string()], None).unwrap();
            assert!(topics.wait(&mut reader, &number));
            reader
        })
        .collect();
    (topics, readers.swap_remove(0))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a bound with a wide margin, on two of the same"
)]
fn timed<T>(work: impl FnOnce() -> T) -> core::time::Duration {
    let start = std::time::Instant::now();
    work();
    start.elapsed()
}

fn topics(config: TopicsConfig) -> Topics {
    Topics::new(config, 0xE)
}

/// Reads all there is.
fn read(topics: &mut Topics, reader: &mut Subscriber) -> String {
    let mut text = String::new();
    while let Some(delivery) = topics.poll_delivery(reader, 1 << 16) {
        let Delivery::Events(events) = delivery else {
            panic!("{delivery:?}")
        };
        text += core::str::from_utf8(events.as_bytes()).expect("events are text");
    }
    text
}

fn next_gap(topics: &mut Topics, reader: &mut Subscriber) -> Gap {
    match topics.poll_delivery(reader, 100) {
        Some(Delivery::Gap(gap)) => gap,
        other => panic!("{other:?}"),
    }
}

fn assert_flat(usage: Usage, bytes: isize) {
    assert!(usage.live <= bytes && usage.peak <= bytes, "{usage:?}");
}

/// Everything that was published.
#[derive(Default)]
struct Log {
    count: u64,
    newest: String,
    text: String,
}

impl Log {
    fn publish(&mut self, topics: &mut Topics, topic: &str) {
        self.count += 1;
        let data = self.count.to_string();
        self.newest = topics
            .publish(NOW, topic, EventRef::new(&data))
            .unwrap()
            .to_string();
        self.text += &format!("id: {}\ndata: {data}\n\n", self.newest);
    }
}

/// A client and what it has seen.
struct Reader {
    place: Subscriber,
    last_id: String,
    text: String,
    gaps: u32,
    resumes: u32,
}

impl Reader {
    fn new(place: Subscriber) -> Self {
        Self {
            place,
            last_id: String::new(),
            text: String::new(),
            gaps: 0,
            resumes: 0,
        }
    }

    /// Reads once, and returns whether there was something.
    fn read(&mut self, topics: &mut Topics, max_bytes: usize) -> bool {
        match topics.poll_delivery(&mut self.place, max_bytes) {
            Some(Delivery::Events(events)) => {
                let text = core::str::from_utf8(events.as_bytes()).expect("events are text");
                let last = text.rsplit("id: ").next().expect("an ID and its line");
                self.last_id = last.lines().next().expect("an ID and its line").to_owned();
                self.text += text;
                true
            }
            Some(Delivery::Gap(gap)) => {
                self.gaps += 1;
                self.last_id = gap.resumes_after.to_string();
                true
            }
            _ => false,
        }
    }

    fn resume(&mut self, topics: &mut Topics, names: &[&str]) {
        self.resumes += 1;
        let resumed = topics.subscribe(NOW, names, &self.last_id).unwrap();
        topics.unsubscribe(mem::replace(&mut self.place, resumed));
    }
}

const NOW: Timestamp = Timestamp::from_origin(core::time::Duration::ZERO);
