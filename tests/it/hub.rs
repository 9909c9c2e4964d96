//! Topics that many tasks share, without a runtime: what is polled is polled by hand or by a thread
//! that parks.

use core::future::{pending, ready};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::Wake;
use std::thread;

use futures_util::{FutureExt, Stream, task::AtomicWaker};
use ssewire::hub::{Hub, Membership, Publication, Subscription, SubscriptionStream};
use ssewire::server::{Encoded, EventId, Refused, SlowReader, Start, TopicsConfig, TopicsStats};
use ssewire::{Decoder, Event, EventRef, FrameRef};

use crate::common::counting::count;

#[test]
fn every_reader_on_its_thread_gets_every_event_of_its_topics_once_and_in_order() {
    const PUBLISHERS: usize = 4;
    const EACH: usize = 2000;
    let hub = Hub::with_config(TopicsConfig::new().max_events(PUBLISHERS * EACH * 2));
    let topics = ["a", "b"];
    let readers = [&["a"][..], &["b"], &["a", "b"], &["b", "a"]];
    let seen = thread::scope(|scope| {
        let readers = readers.map(|names| {
            let subscription = hub.subscribe(names, None).unwrap();
            scope.spawn(|| read_to_end(subscription))
        });
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                let hub = hub.clone();
                scope.spawn(move || {
                    for number in 0..EACH {
                        let event = Event::new(format!("{publisher} {number}"));
                        hub.publish(topics[number % 2], event);
                    }
                })
            })
            .collect();
        publishers
            .into_iter()
            .for_each(|publisher| publisher.join().unwrap());
        assert_eq!(park(hub.shutdown(pending::<()>())), 0);
        readers.map(|reader| reader.join().unwrap())
    });
    for (names, seen) in readers.into_iter().zip(seen) {
        assert_eq!(seen.len(), PUBLISHERS * EACH * names.len() / 2, "{names:?}");
        assert!(seen.is_sorted_by(|one, next| one.id < next.id), "{names:?}");
        // What one publisher sent comes in its order.
        let mut next = HashMap::new();
        for event in seen {
            let (publisher, number) = event.data.split_once(' ').unwrap();
            let number: usize = number.parse().unwrap();
            let last = next.insert(publisher.to_owned(), number);
            let step = if names.len() == 1 { 2 } else { 1 };
            assert!(last.is_none_or(|last| last + step == number), "{names:?}");
        }
    }
}

#[test]
fn replay_runs_into_live_while_events_are_published_at_full_speed() {
    const ROUNDS: usize = 500;
    let hub = Hub::with_config(TopicsConfig::new().max_events(1 << 20));
    let first = hub.publish("a", Event::new("first")).id().unwrap();
    let started = Barrier::new(2);
    let (seen, published) = thread::scope(|scope| {
        let (reading, done) = mpsc::channel::<()>();
        let publisher = scope.spawn(|| {
            let done = done;
            let mut published = Vec::new();
            started.wait();
            // Until the reader is done, or has failed.
            while done.try_recv() == Err(mpsc::TryRecvError::Empty) {
                published.push(hub.publish("a", Event::new("x")));
                hub.publish("other", Event::new("x"));
            }
            published
        });
        started.wait();
        let reading = reading;
        let mut last = first;
        let mut seen = Vec::new();
        let mut rounds = 0;
        // A reader that outruns the publisher goes on until it has met enough events.
        while rounds < ROUNDS || seen.len() <= ROUNDS {
            rounds += 1;
            let mut resumed = hub.subscribe(["a"], last).unwrap();
            // Through what was and what comes, until it would have to wait once or twice.
            let mut waits = 0;
            for _ in 0..20 {
                match resumed.next().now_or_never() {
                    Some(events) => {
                        seen.extend(decode(&events.expect("it is open")));
                        last = seen.last().expect("no delivery is empty").id;
                    }
                    None if waits == 2 => break,
                    None => waits += 1,
                }
            }
        }
        drop(reading);
        (seen, publisher.join().unwrap())
    });
    assert!(seen.len() > ROUNDS, "{} events", seen.len());
    assert!(seen.iter().all(|event| event.event_type == "message"));
    assert!(
        seen.iter().map(|event| event.id).eq(published
            .iter()
            .filter_map(Publication::id)
            .take(seen.len()))
    );
    assert_eq!(hub.stats(), TopicsStats::default());
}

#[test]
fn to_drop_a_subscription_is_to_leave() {
    let hub = Hub::new();
    let (wakes, waker) = counted();
    let mut one = hub.subscribe(["a", "b", "a"], None).unwrap();
    let two = hub.subscribe(["a"], None).unwrap();
    assert_eq!(poll(&mut one, &waker), Poll::Pending);
    assert_eq!(counts(&hub), (2, 2, 1));
    drop(one);
    assert_eq!(counts(&hub), (1, 1, 0));
    assert_eq!(Arc::strong_count(&wakes), 2, "nothing of its task is kept");
    hub.publish("a", Event::new("x"));
    assert_eq!(wakes.count(), 0);
    drop(two);
    assert_eq!(counts(&hub), (0, 0, 0));

    // One that outlives all handles is alive.
    let mut last = hub.subscribe(["a"], None).unwrap();
    hub.publish("a", Event::new("y"));
    drop(hub);
    let events = last
        .next()
        .now_or_never()
        .expect("ready")
        .expect("an event");
    assert!(events.as_bytes().ends_with(b"data: y\n\n"));
    assert_eq!(last.next().now_or_never(), None);
}

#[test]
fn an_idle_subscriber_is_woken_once_a_burst_by_the_task_that_polled_last() {
    let hub = Hub::new();
    let ((early, early_waker), (late, late_waker)) = (counted(), counted());
    let topics = [&["a"][..], &["b"], &["a", "b"]];
    let mut subscriptions = topics.map(|topics| hub.subscribe(topics, None).unwrap());
    for subscription in &mut subscriptions {
        assert_eq!(poll(subscription, &early_waker), Poll::Pending);
        assert_eq!(poll(subscription, &late_waker), Poll::Pending);
    }
    hub.publish("other", Event::new("x"));
    assert_eq!((early.count(), late.count()), (0, 0));
    for burst in 1..4 {
        for _ in 0..10 {
            hub.publish("a", Event::new("x"));
            hub.publish("b", Event::new("x"));
        }
        assert_eq!((early.count(), late.count()), (0, 3 * burst));
        for (subscription, topics) in subscriptions.iter_mut().zip(topics) {
            let Poll::Ready(Some(events)) = poll(subscription, &late_waker) else {
                panic!("woken for nothing")
            };
            let count = decode(&events).len();
            assert_eq!(count, 10 * topics.len(), "all that waits, at once");
            assert_eq!(poll(subscription, &late_waker), Poll::Pending);
        }
    }
}

#[test]
fn a_wait_that_is_cancelled_loses_nothing() {
    let hub = Hub::new();
    let mut subscription = hub.subscribe(["a"], None).unwrap();
    for number in 0..10 {
        for _ in 0..3 {
            assert_eq!(subscription.next().now_or_never(), None);
        }
        let id = hub
            .publish("a", EventRef::new("x").to_event())
            .id()
            .unwrap();
        drop(subscription.next());
        let events = subscription
            .next()
            .now_or_never()
            .expect("ready")
            .expect("open");
        assert_eq!(decode(&events)[0].id, id, "{number}");
    }
}

#[test]
fn membership_is_told_in_order_with_counts() {
    let hub = Hub::new();
    hub.subscribe(["a"], None).unwrap();
    let told = listen(&hub);
    let one = hub.subscribe(["a", "b", "a"], None).unwrap();
    let two = hub.subscribe(["b"], None).unwrap();
    drop(one);
    drop(two);
    hub.subscribe([] as [&str; 0], None).unwrap();
    let told: Vec<_> = told.try_iter().collect();
    assert_eq!(
        told,
        [
            ("a".into(), true, 1),
            ("b".into(), true, 1),
            ("b".into(), true, 2),
            ("a".into(), false, 0),
            ("b".into(), false, 1),
            ("b".into(), false, 0),
        ]
    );
}

#[test]
fn membership_is_told_in_order_from_many_threads() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 500;
    let hub = Hub::new();
    let told = listen(&hub);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let hub = &hub;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let subscription = hub.subscribe(["a"], None).unwrap();
                    // Some overlap for longer.
                    if (thread + round) % 3 == 0 {
                        let _other = hub.subscribe(["a"], None).unwrap();
                    }
                    drop(subscription);
                }
            });
        }
    });
    // Whoever has returned has been told of, or somebody is telling; here nobody is any more.
    let mut count = 0;
    let mut changes = 0;
    for (_, joined, told) in told.try_iter() {
        count = if joined { count + 1 } else { count - 1 };
        assert_eq!(told, count, "after {changes} changes");
        changes += 1;
    }
    assert_eq!(count, 0);
    assert!(changes >= 2 * THREADS * ROUNDS);
}

std::thread_local! {
    /// How many changes this thread has told.
    static TOLD: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// Without turns, the first thread would tell for all others as long as these go on.
#[test]
fn a_slow_listener_holds_up_no_thread_for_long_and_counts_stay_right() {
    const TELLS: usize = 1_500;
    let hub = Hub::new();
    let told = Arc::new(AtomicUsize::new(0));
    let counts = Arc::new(Mutex::new(HashMap::new()));
    hub.on_membership({
        let (told, counts) = (Arc::clone(&told), Arc::clone(&counts));
        move |change| {
            let step = Duration::from_micros(500);
            thread::sleep(step);
            told.fetch_add(1, Ordering::SeqCst);
            TOLD.set(TOLD.get() + 1);
            let mut counts = counts.lock().unwrap();
            let before = counts.insert(change.topic.clone(), change.count);
            let before: i64 = before.unwrap_or(0).try_into().unwrap();
            let by = i64::try_from(change.count).unwrap() - before;
            let changes = i64::try_from(change.changes).unwrap();
            assert!(changes > 1 || by == if change.joined { 1 } else { -1 });
        }
    });
    let is_over = || told.load(Ordering::SeqCst) >= TELLS;
    let longest = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (hub, is_over) = (&hub, &is_over);
                scope.spawn(move || {
                    let (mut number, mut longest) = (0, 0);
                    while !is_over() {
                        number += 1;
                        TOLD.set(0);
                        let subscription = hub.subscribe(format!("{thread} {}", number % 50), None);
                        let joined = TOLD.replace(0);
                        drop(subscription);
                        // The last one tells what is left.
                        if !is_over() {
                            longest = joined.max(TOLD.get()).max(longest);
                        }
                        // Changes come faster than they are told, if not much faster.
                        thread::sleep(Duration::from_micros(300));
                    }
                    longest
                })
            })
            .collect();
        let each = threads.into_iter().map(|thread| thread.join().unwrap());
        each.max().unwrap()
    });
    // Its turn, until another thread comes.
    assert!((64..TELLS / 4).contains(&longest), "{longest} changes");
    // What is left is told by whoever comes next.
    drop(hub.subscribe("last", None));
    assert_eq!(hub.subscriber_count(), 0);
    assert!(counts.lock().unwrap().values().all(|count| *count == 0));
}

#[test]
fn a_listener_may_do_what_it_likes_with_the_hub() {
    let hub = Hub::new();
    let mut observer = hub.subscribe(["log"], None).unwrap();
    let kept = Arc::new(Mutex::new(Vec::new()));
    hub.on_membership({
        let (hub, kept) = (hub.clone(), Arc::clone(&kept));
        move |change| {
            let Membership {
                topic,
                joined,
                count,
                ..
            } = change;
            hub.publish("log", Event::new(format!("{topic} {joined} {count}")));
            assert!(hub.subscriber_count() >= hub.subscriber_count_of(topic));
            if topic == "a" && *joined {
                kept.lock()
                    .unwrap()
                    .push(hub.subscribe(["b"], None).unwrap());
            }
            if topic == "a" && !*joined {
                kept.lock().unwrap().pop();
            }
            // One that comes and goes, while this is being told.
            if topic == "b" {
                drop(hub.subscribe(["c"], None).unwrap());
            }
        }
    });
    drop(hub.subscribe(["a"], None).unwrap());
    let mut log = Vec::new();
    while let Some(Some(events)) = observer.next().now_or_never() {
        log.extend(decode(&events).into_iter().map(|event| event.data));
    }
    assert_eq!(
        log,
        [
            "a true 1",
            "b true 1",
            "c true 1",
            "c false 0",
            "a false 0",
            "b false 0",
            "c true 1",
            "c false 0",
        ]
    );
    assert_eq!(hub.subscriber_count(), 1);
    drop(observer);
    assert_eq!(hub.subscriber_count(), 0);
    // The listener holds a handle, so it goes with the listener.
    hub.on_membership(|_| ());
}

#[test]
fn a_listener_may_be_replaced_by_a_listener() {
    let hub = Hub::new();
    let (sender, told) = mpsc::channel();
    hub.on_membership({
        let hub = hub.clone();
        move |_| {
            let sender = sender.clone();
            hub.on_membership(move |change| sender.send(change.clone()).unwrap());
        }
    });
    drop(hub.subscribe(["a"], None).unwrap());
    let told: Vec<_> = told.try_iter().collect();
    assert_eq!(told.len(), 1, "the first change went to the first listener");
    assert!(!told[0].joined);
}

#[test]
fn a_listener_that_panics_leaves_the_hub_whole() {
    let hub = Hub::new();
    hub.on_membership(|change| assert!(!change.joined, "on purpose"));
    let failed = thread::scope(|scope| {
        scope
            .spawn(|| drop(hub.subscribe(["a"], None).unwrap()))
            .join()
    });
    assert!(failed.is_err());
    assert_eq!(hub.subscriber_count(), 0, "what nobody was given is gone");
    let told = listen(&hub);
    drop(hub.subscribe(["a"], None).unwrap());
    let told: Vec<_> = told
        .try_iter()
        .map(|(_, joined, count)| (joined, count))
        .collect();
    // Of the first one, what was not told yet is told now.
    assert!(told.ends_with(&[(true, 1), (false, 0)]), "{told:?}");
}

#[test]
fn topics_may_be_named_by_whatever_asks_the_hub() {
    let hub = Hub::new();
    let _one = hub.subscribe(["a"], None).unwrap();
    let names = ["a", "b"].into_iter();
    let free = names.filter(|name| hub.subscriber_count_of(name) == 0);
    let _two = hub.subscribe(free, None).unwrap();
    assert_eq!(counts(&hub), (2, 1, 1));

    struct Asks<'h>(&'h Hub);
    impl AsRef<str> for Asks<'_> {
        fn as_ref(&self) -> &str {
            if self.0.subscriber_count() > 0 {
                "b"
            } else {
                "a"
            }
        }
    }
    hub.publish([Asks(&hub)], Event::new("x"));
    assert_eq!(hub.subscriber_count_of(Asks(&hub)), 1);
    let _three = hub.subscribe([Asks(&hub)], None).unwrap();
    assert_eq!(counts(&hub), (3, 1, 2));
}

#[test]
fn a_shutdown_lets_everyone_have_what_is_left() {
    let hub = Hub::new();
    let (wakes, waker) = counted();
    let mut behind = hub.subscribe(["a"], None).unwrap();
    let mut idle = hub.subscribe(["a"], None).unwrap();
    hub.publish("a", Event::new("left"));
    assert!(matches!(poll(&mut idle, &waker), Poll::Ready(Some(_))));
    assert_eq!(poll(&mut idle, &waker), Poll::Pending);

    let mut shutdown = pin!(hub.shutdown(pending::<()>()));
    let (done, done_waker) = counted();
    let mut cx = Context::from_waker(&done_waker);
    assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(wakes.count(), 1, "whoever waits is woken");
    assert_eq!(poll(&mut idle, &waker), Poll::Ready(None));
    assert_eq!(
        hub.subscriber_count(),
        1,
        "whoever has read all is gone, dropped or not"
    );
    assert_eq!(done.count(), 0);

    let Poll::Ready(Some(events)) = poll(&mut behind, &waker) else {
        panic!("what is left")
    };
    assert!(events.as_bytes().ends_with(b"data: left\n\n"));
    assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Pending);
    for _ in 0..3 {
        assert_eq!(poll(&mut behind, &waker), Poll::Ready(None));
    }
    assert_eq!(done.count(), 1, "the last one wakes it");
    assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Ready(0));
    assert_closed(&hub);
}

#[test]
fn whoever_reads_no_topic_waits_for_the_shutdown() {
    let hub = Hub::new();
    let (wakes, waker) = counted();
    let mut subscription = hub.subscribe([] as [&str; 0], None).unwrap();
    assert_eq!(poll(&mut subscription, &waker), Poll::Pending);
    hub.publish("a", Event::new("x"));
    assert_eq!(poll(&mut subscription, &waker), Poll::Pending);
    assert_eq!(wakes.count(), 0);
    let mut shutdown = pin!(hub.shutdown(pending::<()>()));
    assert_eq!(shutdown.as_mut().now_or_never(), None);
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll(&mut subscription, &waker), Poll::Ready(None));
    assert_eq!(shutdown.now_or_never(), Some(0));
}

#[test]
fn a_shutdown_waits_for_the_stalled_no_longer_than_its_deadline() {
    let hub = Hub::new();
    let (wakes, waker) = counted();
    let mut stalled = [(); 3].map(|()| hub.subscribe(["a"], None).unwrap());
    hub.publish("a", Event::new("never read"));
    let _dropped = hub.subscribe(["a"], None).unwrap();
    drop(_dropped);

    let deadline = Alarm::default();
    let mut shutdown = pin!(hub.shutdown(deadline.clone()));
    let (done, done_waker) = counted();
    let mut cx = Context::from_waker(&done_waker);
    assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Pending);
    deadline.ring();
    assert_eq!(done.count(), 1);
    assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Ready(3));
    assert_eq!(hub.subscriber_count(), 3);
    for subscription in &mut stalled {
        assert_eq!(
            poll(subscription, &waker),
            Poll::Ready(None),
            "no more of it"
        );
    }
    assert_eq!((hub.subscriber_count(), wakes.count()), (0, 0));
    assert_closed(&hub);

    // A deadline that is over is enough for whoever is not there.
    assert_eq!(hub.shutdown(ready(())).now_or_never(), Some(0));
}

#[test]
fn whoever_comes_during_a_shutdown_gets_what_was_missed_and_ends() {
    let hub = Hub::new();
    let id = hub.publish("a", Event::new("seen")).id().unwrap();
    hub.publish("a", Event::new("missed"));
    let _stalled = hub.subscribe(["a"], None).unwrap();
    let mut shutdown = pin!(hub.shutdown(pending::<()>()));
    assert_eq!(shutdown.as_mut().now_or_never(), None);
    let mut late = hub.subscribe(["a"], id).unwrap();
    let events = late
        .next()
        .now_or_never()
        .expect("ready")
        .expect("what was missed");
    assert!(events.as_bytes().ends_with(b"data: missed\n\n"));
    assert_eq!(late.next().now_or_never(), Some(None));
    assert_eq!(
        hub.subscribe(["a"], None).unwrap().next().now_or_never(),
        Some(None)
    );
}

#[test]
fn several_may_wait_for_the_same_shutdown() {
    let hub = Hub::new();
    let last = hub.subscribe(["a"], None).unwrap();
    let waits: [_; 3] = [(); 3].map(|()| counted());
    let mut shutdowns = [(); 3].map(|()| Box::pin(hub.shutdown(pending::<()>())));
    for (shutdown, (_, waker)) in shutdowns.iter_mut().zip(&waits) {
        let mut cx = Context::from_waker(waker);
        assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Pending);
    }
    let [first, second, third] = shutdowns;
    drop(second);
    drop(last);
    for (mut shutdown, (wakes, waker)) in [(first, &waits[0]), (third, &waits[2])] {
        assert_eq!(wakes.count(), 1);
        let mut cx = Context::from_waker(waker);
        assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Ready(0));
    }
}

#[test]
fn a_second_shutdown_revives_nobody() {
    let hub = Hub::new();
    let mut left = hub.subscribe(["a"], None).unwrap();
    hub.publish("a", Event::new("x"));
    assert_eq!(hub.shutdown(ready(())).now_or_never(), Some(1));
    let mut again = pin!(hub.shutdown(pending::<()>()));
    assert_eq!(again.as_mut().now_or_never(), None);
    assert_eq!(
        left.next().now_or_never(),
        Some(None),
        "it was to give no more"
    );
    assert_eq!(again.now_or_never(), Some(0));
}

#[test]
fn a_task_that_is_freed_with_its_waker_may_hold_a_subscription() {
    /// A task as simple executors have it: whoever holds the waker holds the future.
    struct Task(#[expect(dead_code, reason = "to be dropped")] Mutex<Option<Subscription>>);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    let hub = Hub::new();
    let task = |hub: &Hub| {
        let held = hub.subscribe(["held"], None).unwrap();
        Waker::from(Arc::new(Task(Mutex::new(Some(held)))))
    };
    // The waker goes when another takes its place, when the subscription goes, and with a wake.
    for round in 0..3 {
        let mut subscription = hub.subscribe(["a"], None).unwrap();
        assert_eq!(poll(&mut subscription, &task(&hub)), Poll::Pending);
        assert_eq!(hub.subscriber_count_of("held"), 1);
        match round {
            0 => assert_eq!(poll(&mut subscription, Waker::noop()), Poll::Pending),
            1 => drop(subscription),
            _ => drop(hub.publish("a", Event::new("x"))),
        }
        assert_eq!(hub.subscriber_count_of("held"), 0);
    }
    let _stalled = hub.subscribe(["a"], None).unwrap();
    let mut shutdown = Box::pin(hub.shutdown(pending::<()>()));
    for waker in [task(&hub), task(&hub)] {
        let mut cx = Context::from_waker(&waker);
        assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Pending);
    }
    assert_eq!(hub.subscriber_count_of("held"), 1);
    drop(shutdown);
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_its_wake() {
    let hub = Hub::new();
    let (wakes, waker) = counted();
    let bad = Waker::from(Arc::new(Panics));
    let mut subscriptions = [(); 3].map(|()| hub.subscribe(["a"], None).unwrap());
    for (subscription, waker) in subscriptions.iter_mut().zip([&waker, &bad, &waker]) {
        assert_eq!(poll(subscription, waker), Poll::Pending);
    }
    let failed = thread::scope(|scope| scope.spawn(|| hub.publish("a", Event::new("x"))).join());
    assert!(failed.is_err());
    assert_eq!(wakes.count(), 2);
    for subscription in &mut subscriptions {
        assert!(matches!(poll(subscription, &waker), Poll::Ready(Some(_))));
    }
}

#[test]
fn wakers_that_panic_together_do_not_abort() {
    let hub = Hub::new();
    let (wakes, waker) = counted();
    let bad = Waker::from(Arc::new(Panics));
    let each = [&bad, &waker, &bad, &bad, &waker];
    let mut subscriptions = each.map(|_| hub.subscribe(["a"], None).unwrap());
    let wait = |subscriptions: &mut [Subscription]| {
        for (subscription, waker) in subscriptions.iter_mut().zip(each) {
            assert_eq!(poll(subscription, waker), Poll::Pending);
        }
    };
    wait(&mut subscriptions);
    let failed = thread::scope(|scope| scope.spawn(|| hub.publish("a", Event::new("x"))).join());
    assert!(failed.is_err());
    assert_eq!(wakes.count(), 2);
    for subscription in &mut subscriptions {
        assert!(matches!(poll(subscription, &waker), Poll::Ready(Some(_))));
    }

    // When a shutdown begins, and when it is over.
    wait(&mut subscriptions);
    let mut shutdowns = each.map(|_| Box::pin(hub.shutdown(pending::<()>())));
    let begun = thread::scope(|scope| {
        let shutdown = &mut shutdowns[0];
        let poll = || shutdown.as_mut().now_or_never().is_none();
        scope.spawn(poll).join()
    });
    assert!(begun.is_err());
    assert_eq!(wakes.count(), 4);
    let [_, shutdowns @ ..] = &mut shutdowns;
    for (shutdown, waker) in shutdowns.iter_mut().zip(each) {
        let mut cx = Context::from_waker(waker);
        assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Pending);
    }
    let gone = thread::scope(|scope| scope.spawn(|| drop(subscriptions)).join());
    assert!(gone.is_err());
    assert_eq!(wakes.count(), 5);
    assert_eq!(hub.subscriber_count(), 0);
    for shutdown in shutdowns {
        assert_eq!(shutdown.as_mut().now_or_never(), Some(0));
    }
}

#[test]
fn a_subscription_that_a_panic_drops_may_wake_a_waker_that_panics() {
    let hub = Hub::new();
    let last = hub.subscribe(["a"], None).unwrap();
    let bad = Waker::from(Arc::new(Panics));
    let mut shutdown = pin!(hub.shutdown(pending::<()>()));
    let mut cx = Context::from_waker(&bad);
    assert_eq!(shutdown.as_mut().poll(&mut cx), Poll::Pending);
    let failed = thread::scope(|scope| {
        scope
            .spawn(|| {
                let _last = last;
                panic!("on purpose, and first")
            })
            .join()
    });
    let panic = failed.expect_err("it panics");
    assert_eq!(panic.downcast_ref(), Some(&"on purpose, and first"));
    assert_eq!(shutdown.now_or_never(), Some(0));
}

#[test]
fn slow_readers_are_disconnected_or_skip_and_are_counted() {
    for policy in [SlowReader::Disconnect, SlowReader::SkipToLive] {
        let hub = Hub::with_config(TopicsConfig::new().max_events(100).slow_reader(policy));
        let told = listen(&hub);
        let mut slow = hub.subscribe(["a"], None).unwrap();
        let mut fast = hub.subscribe(["a"], None).unwrap();
        let mut first = None;
        for number in 0..60 {
            let id = hub
                .publish("a", Event::new(number.to_string()))
                .id()
                .unwrap();
            first = first.or(Some(id));
            let events = fast.next().now_or_never().expect("ready").expect("open");
            assert_eq!(decode(&events)[0].id, id);
        }
        let next = slow.next().now_or_never().expect("ready");
        let stats = hub.stats();
        if policy == SlowReader::Disconnect {
            assert_eq!(next, None);
            assert_eq!(slow.next().now_or_never(), Some(None));
            assert_eq!((stats.disconnected, stats.skipped, stats.gaps), (1, 0, 0));
            assert_eq!(hub.subscriber_count(), 1, "gone, dropped or not");
            assert_eq!(told.try_iter().last(), Some(("a".into(), false, 1)));
            drop(slow);
            assert_eq!(hub.subscriber_count(), 1);
            // It had the first and comes back for the rest.
            let mut resumed = hub.subscribe(["a"], first.expect("an event")).unwrap();
            let events = resumed.next().now_or_never().expect("ready").expect("open");
            assert_eq!(decode(&events).len(), 59);
        } else {
            let gap = &decode(&next.expect("a gap"))[0];
            assert_eq!(
                (gap.event_type.as_str(), gap.data.as_str()),
                ("gap", "lagged")
            );
            assert_eq!((stats.disconnected, stats.skipped, stats.gaps), (0, 1, 0));
            assert_eq!(slow.next().now_or_never(), None);
            let id = hub.publish("a", Event::new("next")).id().unwrap();
            let events = slow.next().now_or_never().expect("ready").expect("open");
            assert_eq!(decode(&events)[0].id, id);
        }
    }
}

#[test]
fn a_backlog_of_many_readers_is_held_once() {
    let hub = Hub::with_config(TopicsConfig::new().max_events(1000));
    let mut readers: Vec<_> = (0..1000)
        .map(|_| hub.subscribe(["a"], None).unwrap())
        .collect();
    let event = Event::new("x".repeat(1000));
    let ((), usage) = count(|| {
        for reader in &mut readers {
            assert_eq!(poll(reader, Waker::noop()), Poll::Pending);
        }
        for _ in 0..400 {
            hub.publish("a", &event);
        }
    });
    // 400 kB of events, and a waker and a place in two lists for each reader.
    assert!(usage.live < 800_000, "{usage:?}");
    // All read the same pieces; none is copied for one reader.
    let (pieces, usage) = count(|| {
        let pieces = readers.iter_mut().map(|reader| poll(reader, Waker::noop()));
        pieces.collect::<Vec<_>>()
    });
    let Poll::Ready(Some(first)) = &pieces[0] else {
        panic!("there is something")
    };
    assert_eq!(decode(first).len(), 63);
    assert!(pieces.iter().all(|piece| {
        matches!(piece, Poll::Ready(Some(piece)) if piece.as_bytes().as_ptr() == first.as_bytes().as_ptr())
    }));
    assert!(usage.live < 200_000, "{usage:?}");
}

#[test]
fn epochs_differ() {
    let ids: Vec<EventId> = (0..10)
        .filter_map(|_| Hub::new().publish("a", Event::new("x")).id())
        .collect();
    for (index, id) in ids.iter().enumerate() {
        assert_eq!(id.number(), 1);
        assert!(ids[..index].iter().all(|other| other.epoch() != id.epoch()));
    }
}

#[test]
fn handles_and_subscriptions_can_be_sent_and_shared() {
    fn assert_both<T: Send + Sync + Unpin>() {}
    fn assert_stream<T: Stream<Item = Encoded>>() {}
    fn assert_send<T: Send>(_: T) {}
    assert_both::<Hub>();
    assert_both::<Subscription>();
    assert_stream::<SubscriptionStream>();
    let hub = Hub::default();
    assert_send(hub.shutdown(ready(())));
    let mut subscription = hub.subscribe(["a"], None).unwrap();
    assert_send(subscription.next());
    assert!(format!("{hub:?} {subscription:?}").starts_with("Hub { subscriber_count: 1, .. }"));
}

fn assert_closed(hub: &Hub) {
    let id = hub.publish("a", Event::new("after the end")).id().unwrap();
    for start in [Start::Live, Start::After(id), Start::Unknown] {
        assert_eq!(hub.subscribe("a", start).err(), Some(Refused::Closed));
    }
    assert_eq!(hub.subscriber_count(), 0);
}

/// Returns how many subscriptions there are in all, of `a` and of `b`.
fn counts(hub: &Hub) -> (usize, usize, usize) {
    let of = |topic| hub.subscriber_count_of(topic);
    (hub.subscriber_count(), of("a"), of("b"))
}

fn listen(hub: &Hub) -> mpsc::Receiver<(String, bool, usize)> {
    let (sender, told) = mpsc::channel();
    hub.on_membership(move |change| {
        let change = (change.topic.clone(), change.joined, change.count);
        // The receiver may be gone before the hub.
        let _ = sender.send(change);
    });
    told
}

fn poll(subscription: &mut Subscription, waker: &Waker) -> Poll<Option<Encoded>> {
    subscription.poll_next(&mut Context::from_waker(waker))
}

fn read_to_end(mut subscription: Subscription) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(events) = park(subscription.next()) {
        seen.extend(decode(&events));
    }
    seen
}

struct Seen {
    id: EventId,
    event_type: String,
    data: String,
}

fn decode(encoded: &Encoded) -> Vec<Seen> {
    let mut decoder = Decoder::new();
    let mut rest = encoded.as_bytes();
    let mut seen = Vec::new();
    while let Some(frame) = decoder.decode(&mut rest).expect("a sound stream") {
        let FrameRef::Event(event) = frame else {
            panic!("{frame:?}")
        };
        seen.push(Seen {
            id: event
                .id()
                .expect("each has one")
                .parse()
                .expect("one of the hub's"),
            event_type: event.event_type().to_owned(),
            data: event.data().to_owned(),
        });
    }
    seen
}

/// Runs a future on this thread, which sleeps until it is woken.
fn park<F: Future>(future: F) -> F::Output {
    futures_util::pin_mut!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) fn counted() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (Arc::clone(&wakes), Waker::from(wakes))
}

/// Panics when it is woken.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("on purpose")
    }
}

/// Is done when it is told.
#[derive(Clone, Default)]
struct Alarm(Arc<(AtomicWaker, AtomicUsize)>);

impl Alarm {
    fn ring(&self) {
        self.0.1.store(1, Ordering::SeqCst);
        self.0.0.wake();
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.0.register(cx.waker());
        match self.0.1.load(Ordering::SeqCst) {
            0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }
}
