//! What is done to streams of a hub while they are open, and what observers see of them, without a
//! runtime.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex, mpsc};

use ssewire::hub::{Observation, StreamEnd, Subscription};
use ssewire::server::{
    EventId, Presence, PublishError, Refused, SlowReader, Start, SubscriberEnd, TopicsConfig,
};
use ssewire::{Event, Hub};

use crate::common::counting::count;
use crate::hub::counted;

#[test]
fn a_handle_adds_topics_where_the_stream_stands() {
    let hub = Hub::new();
    let (sender, changes) = mpsc::channel();
    hub.on_membership(move |change| {
        sender
            .send((change.topic.clone(), change.joined, change.count))
            .unwrap();
    });
    let mut stream = hub.subscribe("a", None).unwrap();
    let handle = stream.handle();
    hub.publish("b", Event::new("before the stream stood here"));
    hub.publish("a", Event::new("1"));
    assert_eq!(datas(&mut stream), ["1"]);
    hub.publish("b", Event::new("2"));
    hub.publish("a", Event::new("3"));

    // It stands at 1, so it gets all that follow, in order.
    let (wakes, waker) = counted();
    handle.add(["b", "c"]).unwrap();
    assert_eq!(datas(&mut stream), ["2", "3"]);
    assert!(poll(&mut stream, &waker).is_pending());
    hub.publish("b", Event::new("4"));
    assert_eq!(wakes.count(), 1);
    assert_eq!(datas(&mut stream), ["4"]);

    handle.remove(["a", "c"]);
    hub.publish("a", Event::new("not any more"));
    hub.publish("b", Event::new("5"));
    assert_eq!(datas(&mut stream), ["5"]);
    assert_eq!(hub.subscriber_count_of("a"), 0);
    assert_eq!(hub.subscriber_count_of("b"), 1);
    drop(stream);
    let changes: Vec<_> = changes.try_iter().collect();
    let mut expected = vec![
        ("a".to_owned(), true, 1),
        ("b".to_owned(), true, 1),
        ("c".to_owned(), true, 1),
        ("a".to_owned(), false, 0),
        ("c".to_owned(), false, 0),
        ("b".to_owned(), false, 0),
    ];
    let mut seen = changes.clone();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected, "{changes:?}");
    // It does nothing to a stream that has gone.
    handle.add("d").unwrap();
    handle.end();
    assert_eq!(hub.subscriber_count_of("d"), 0);
}

#[test]
fn what_is_added_to_a_stream_can_be_refused_and_changes_nothing_then() {
    let hub = Hub::with_config(TopicsConfig::new().max_topics_per_subscriber(2));
    let mut stream = hub.subscribe("a", None).unwrap();
    let handle = stream.handle();
    let refused = handle.add(["b", "c"]).unwrap_err();
    assert_eq!(
        refused,
        Refused::TooManyTopics {
            topics: 3,
            limit: 2
        }
    );
    hub.close_topic("closed", Duration::from_secs(60));
    assert_eq!(handle.add("closed"), Err(Refused::TopicClosed));
    hub.publish("b", Event::new("not here"));
    hub.publish("a", Event::new("here"));
    assert_eq!(datas(&mut stream), ["here"]);
}

#[test]
fn a_wait_ends_with_the_stream_or_its_topic() {
    type End = fn(&Hub, &ssewire::hub::SubscriptionHandle);
    let ends: [(End, StreamEnd); 3] = [
        (
            |_, handle| handle.end(),
            StreamEnd::Hub(SubscriberEnd::Application),
        ),
        (
            |hub, _| assert_eq!(hub.end_streams("b"), 1),
            StreamEnd::Hub(SubscriberEnd::Application),
        ),
        (
            |hub, _| {
                hub.close_topic("a", Duration::from_secs(60));
                hub.close_topic("b", Duration::from_secs(60));
            },
            StreamEnd::Hub(SubscriberEnd::TopicsClosed),
        ),
    ];
    for (end, expected) in ends {
        let hub = Hub::new();
        let seen = observed(&hub);
        let mut stream = hub.subscribe(["a", "b"], None).unwrap();
        let handle = stream.handle();
        let (wakes, waker) = counted();
        assert!(poll(&mut stream, &waker).is_pending());
        end(&hub, &handle);
        assert_eq!(wakes.count(), 1, "{expected}");
        assert!(matches!(poll(&mut stream, &waker), Poll::Ready(None)));
        assert!(matches!(poll(&mut stream, &waker), Poll::Ready(None)));
        assert_eq!(hub.subscriber_count(), 0);
        let seen = seen.lock().unwrap();
        assert!(seen[1].starts_with(&format!("Ended {{ stream: 1, end: {expected:?}")));
    }
}

#[test]
fn a_burst_wakes_once_for_all_its_events() {
    let hub = Hub::new();
    let mut stream = hub.subscribe("a", None).unwrap();
    let (wakes, waker) = counted();
    assert!(poll(&mut stream, &waker).is_pending());
    let mut burst = hub.burst();
    let ids: Vec<_> = (0..10)
        .map(|number: i32| {
            burst
                .publish("a", Event::new(number.to_string()))
                .id()
                .unwrap()
        })
        .collect();
    assert!(ids.is_sorted());
    assert_eq!(wakes.count(), 0);
    drop(burst);
    assert_eq!(wakes.count(), 1);
    let Poll::Ready(Some(all)) = poll(&mut stream, &waker) else {
        panic!("it was woken")
    };
    assert_eq!(data(all.as_bytes()).len(), 10);
    assert!(poll(&mut stream, &waker).is_pending());
}

#[test]
fn only_a_narrowed_stream_pays_for_it() {
    let hub = Hub::new();
    let mut all = hub.subscribe("a", None).unwrap();
    let mut even = hub
        .subscribe("a", None)
        .unwrap()
        .narrow(|event| event.data().parse::<u32>().unwrap() % 2 == 0)
        .narrow(|event| event.data() != "4");
    let begin = even.position();
    for number in 0..10 {
        hub.publish("a", Event::new(number.to_string()));
    }
    assert_eq!(datas(&mut even), ["0", "2", "6", "8"]);
    assert_eq!(datas(&mut all).len(), 10);
    assert_ne!(even.position(), begin);

    // Its position moves on with what it leaves out.
    hub.publish("a", Event::new("11"));
    assert_eq!(datas(&mut even), [""; 0]);
    assert_eq!(even.position(), hub.position());

    // A gap is told to all.
    let mut late = hub
        .subscribe("a", "of another server")
        .unwrap()
        .narrow(|_| false);
    assert_eq!(datas(&mut late), ["unknown"]);
}

#[test]
fn a_predicate_that_leaves_out_a_flood_lets_others_run() {
    let hub = Hub::with_config(TopicsConfig::new().max_bytes(64 << 20));
    let begin = hub.position();
    for _ in 0..1_000 {
        hub.publish("a", Event::new("x".repeat(10_000)));
    }
    let mut none = hub.subscribe("a", begin).unwrap().narrow(|_| false);
    let (wakes, waker) = counted();
    let mut polls = 0;
    loop {
        assert!(poll(&mut none, &waker).is_pending());
        polls += 1;
        if wakes.count() < polls {
            break;
        }
    }
    // 10 MB are 160 batches.
    assert!((5..50).contains(&polls), "{polls}");
}

#[test]
fn observers_see_what_happens_and_why() {
    let hub = Hub::with_config(
        TopicsConfig::new()
            .max_events(4)
            .slow_reader(SlowReader::SkipToLive),
    );
    let early = hub.subscribe("a", None).unwrap();
    let seen = observed(&hub);
    drop(early);
    let id = hub.publish("a", Event::new("1")).id().unwrap();
    hub.publish("a", Event::new("2"));
    let mut stream = hub.subscribe(["a", "b"], id).unwrap();
    assert_eq!(datas(&mut stream), ["2"]);
    hub.publish("a", Event::new("3"));
    assert_eq!(datas(&mut stream), ["3"]);
    for _ in 0..10 {
        hub.publish("a", Event::new("x"));
    }
    assert_eq!(datas(&mut stream), ["lagged"]);
    drop(stream);

    let seen = seen.lock().unwrap();
    let without_numbers: Vec<&str> = seen
        .iter()
        .map(|seen| seen.split(" { ").next().unwrap())
        .collect();
    let count = |kind: &str| without_numbers.iter().filter(|seen| **seen == kind).count();
    assert_eq!(count("Opened"), 1, "{seen:?}");
    assert_eq!(count("Published"), 13);
    // The log holds 4 of 13.
    assert_eq!(count("Dropped"), 9);
    assert_eq!(count("Gap"), 1);
    assert_eq!(count("Ended"), 1);
    let sent: Vec<_> = seen
        .iter()
        .filter(|seen| seen.starts_with("Sent"))
        .collect();
    assert!(sent[0].contains("events: 1") && sent[0].contains("is_replay: true"));
    assert!(sent[1].contains("events: 1") && sent[1].contains("is_replay: false"));
    assert_eq!(sent.len(), 2);
    let ended = seen.iter().find(|seen| seen.starts_with("Ended")).unwrap();
    assert!(
        ended.contains("end: Left") && ended.contains("events: 2"),
        "{ended}"
    );
}

#[test]
fn without_observers_a_publication_allocates_what_it_did() {
    let usage = |hub: &Hub| {
        let mut stream = hub.subscribe("a", None).unwrap();
        let event = Event::new("x");
        let mut run = || {
            for _ in 0..1_000 {
                hub.publish("a", &event);
                assert!(poll(&mut stream, Waker::noop()).is_ready());
            }
        };
        run();
        count(run).1.allocations
    };
    let plain = usage(&Hub::new());
    // The bytes of each event, and the list of who is woken.
    assert!(plain <= 3_010, "{plain}");
    let hub = Hub::new();
    hub.observe(|_| {});
    assert!(usage(&hub) <= plain);
}

#[test]
fn an_observer_that_panics_leaves_nobody_asleep() {
    let hub = Hub::new();
    let mut stream = hub.subscribe("a", None).unwrap();
    let (wakes, waker) = counted();
    assert!(poll(&mut stream, &waker).is_pending());
    hub.observe(|observation| {
        if let Observation::Published { .. } = observation {
            panic!("on purpose");
        }
    });
    let publishing = core::panic::AssertUnwindSafe(|| hub.publish("a", Event::new("1")));
    assert!(std::panic::catch_unwind(publishing).is_err());
    assert_eq!(wakes.count(), 1);
    assert_eq!(datas(&mut stream), ["1"]);
}

#[test]
fn an_observer_may_use_the_hub() {
    let hub = Hub::new();
    let (own, total) = (hub.clone(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&total);
    hub.observe(move |observation| {
        if let Observation::Ended { .. } = observation {
            own.publish("ends", Event::new("one"));
            counter.fetch_add(own.subscriber_count() + 1, Ordering::SeqCst);
        }
    });
    drop(hub.subscribe("a", None).unwrap());
    assert_eq!(total.load(Ordering::SeqCst), 1);
    assert_eq!(hub.position().number(), 1);
}

#[test]
fn a_presence_ends_with_its_stream_and_not_in_a_shutdown() {
    let hub = Hub::new();
    let presence = || {
        let (here, gone) = (Event::new("here"), Event::new("gone"));
        Presence::new("room", "ann", here, gone)
    };
    let mut bob = hub.subscribe("room", Start::Earliest).unwrap();
    let mut ann = hub.subscribe("room", None).unwrap();
    ann.announce(presence()).unwrap();
    assert_eq!(hub.present("room").len(), 1);
    assert_eq!(datas(&mut bob), ["here"]);
    let (wakes, waker) = counted();
    assert!(poll(&mut bob, &waker).is_pending());
    drop(ann);
    assert_eq!(wakes.count(), 1);
    assert_eq!(datas(&mut bob), ["gone"]);

    hub.close_topic("closed", Duration::from_secs(60));
    let (here, gone) = (Event::new("here"), Event::new("gone"));
    let refused = bob.announce(Presence::new("closed", "bob", here, gone));
    assert_eq!(refused, Err(PublishError::TopicClosed));

    let mut ann = hub.subscribe("room", None).unwrap();
    ann.announce(presence()).unwrap();
    let position = hub.position();
    let shutdown = core::pin::pin!(hub.shutdown(core::future::ready(())));
    let _ = shutdown.poll(&mut Context::from_waker(Waker::noop()));
    drop(ann);
    assert_eq!(hub.position(), position);
}

#[test]
fn after_the_last_of_all_ids_nothing_is_published() {
    let hub = Hub::new();
    let last = EventId::new(u64::MAX, u64::MAX);
    hub.append(last, "a", None, Event::new("last")).unwrap();
    assert_eq!(hub.publish("a", Event::new("one more")).id(), None);
    let mut stream = hub.subscribe("a", Start::Earliest).unwrap();
    assert_eq!(datas(&mut stream), ["last"]);
    assert_eq!(stream.position(), last);
}

#[test]
fn an_appended_hub_goes_on_above_its_ids() {
    let hub = Hub::new();
    // Of a server whose clock was ahead.
    let old = EventId::new(hub.position().epoch() + 10, 3);
    hub.append(old, "news", None, Event::new("old")).unwrap();
    let again = hub.append(old, "news", None, Event::new("old"));
    assert_eq!(again, Err(PublishError::IdNotNewer { newest: old }));
    let new = hub.publish("news", Event::new("new")).id().unwrap();
    assert!(new > old);
    let mut stream = hub.subscribe("news", old).unwrap();
    assert_eq!(datas(&mut stream), ["new"]);
}

#[cfg(feature = "metrics")]
#[test]
fn metrics_count_what_observers_see() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let hub = Hub::with_config(TopicsConfig::new().max_events(2));
        hub.record_metrics();
        let begin = hub.position();
        for _ in 0..3 {
            hub.publish("a", Event::new("x"));
        }
        let mut stream = hub.subscribe("a", begin).unwrap();
        assert_eq!(datas(&mut stream), ["too-old", "x", "x"]);
        hub.publish("a", Event::new("x"));
        assert_eq!(datas(&mut stream), ["x"]);
        let open = hub.subscribe("a", None).unwrap();
        drop(stream);
        core::mem::forget(open);
    });
    let mut recorded: Vec<String> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key
                .key()
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let value = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(value) => value.to_string(),
                DebugValue::Histogram(values) => format!("{} values", values.len()),
            };
            format!("{} {} {value}", key.key().name(), labels.join(","))
        })
        .filter(|line| !line.contains("bytes"))
        .collect();
    recorded.sort();
    assert_eq!(
        recorded,
        [
            "ssewire_events_dropped_total for=age 0",
            "ssewire_events_dropped_total for=room 2",
            "ssewire_events_published_total  4",
            "ssewire_events_sent_total replay=false 1",
            "ssewire_events_sent_total replay=true 2",
            "ssewire_gaps_total reason=too-old 1",
            "ssewire_lag_seconds  1 values",
            "ssewire_stream_age_seconds  1 values",
            "ssewire_streams  1",
            "ssewire_streams_ended_total end=left 1",
            "ssewire_streams_opened_total  2",
        ]
    );
}

#[cfg(feature = "tracing")]
#[test]
fn tracing_tells_what_observers_see() {
    use std::io;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let _alone = crate::common::tracing_alone();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let hub = Hub::new();
        hub.trace();
        let mut stream = hub.subscribe(["a", "b"], "not of here").unwrap();
        hub.publish("a", Event::new("x"));
        assert_eq!(datas(&mut stream), ["unknown", "x"]);
        drop(stream);
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let span = r#"stream{stream=1 topics=["a", "b"]}: ssewire: "#;
    let lines: Vec<_> = log.lines().map(str::trim_start).collect();
    assert_eq!(lines[0], format!("INFO {span}open"), "{log}");
    assert!(
        lines[1].starts_with("TRACE ssewire: published id="),
        "{log}"
    );
    assert_eq!(
        lines[2],
        format!("WARN {span}gap stream=1 reason=\"unknown\""),
        "{log}"
    );
    let sent = format!("TRACE {span}sent stream=1 events=1 bytes=");
    assert!(lines[3].starts_with(&sent), "{log}");
    let ended = format!("INFO {span}ended stream=1 end=\"left\" age=");
    assert!(lines[4].starts_with(&ended), "{log}");
}

/// Returns what an observer sees from now on.
fn observed(hub: &Hub) -> Arc<Mutex<Vec<String>>> {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let noted = Arc::clone(&seen);
    hub.observe(move |observation| noted.lock().unwrap().push(format!("{observation:?}")));
    seen
}

/// Returns the data of all that a stream has now.
fn datas(stream: &mut Subscription) -> Vec<String> {
    let mut datas = Vec::new();
    while let Poll::Ready(Some(events)) = poll(stream, Waker::noop()) {
        datas.extend(data(events.as_bytes()));
    }
    datas
}

fn poll(stream: &mut Subscription, waker: &Waker) -> Poll<Option<ssewire::server::Encoded>> {
    stream.poll_next(&mut Context::from_waker(waker))
}

fn data(wire: &[u8]) -> Vec<String> {
    let wire = core::str::from_utf8(wire).unwrap();
    let lines = wire.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(str::to_owned).collect()
}
