//! Hooks, visitors and transports that panic: the panic goes to whoever polls, and nothing hangs, is
//! decoded twice or is polled again that must not be.

use core::convert::Infallible;
use core::future::poll_fn;
use core::ops::ControlFlow;
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::panic::catch_unwind;
use std::sync::Arc;
use std::task::Wake;

use ssewire::client::{Attempt, CloseReason, Phase};
use ssewire::event_source::{EventSource, FromReader};
use ssewire::io::EventReader;

use crate::common::memory::{Memory, refused_by_peer, stream};
use crate::common::runtime::{Runtime, on_both, quick};
use crate::common::script::Source as Script;

on_both! {
    a_panic_in_stop_when_takes_its_event
    a_panic_of_a_visitor_takes_its_event
    a_panic_of_a_readers_visitor_takes_its_event
    a_panic_in_on_disconnect_changes_nothing
    a_panic_while_it_connects_closes
    a_panic_of_the_hook_keeps_no_watch_from_its_wake
    two_panicking_wakers_of_a_dropped_source_are_one_panic
}

const WIRE: &str = "id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n: c\nid: 3\ndata: 3\n\nid: 4\ndata: 4\n\n";

/// Polls a future, which panics.
async fn panics<F: Future>(future: F) {
    let mut future = pin!(future);
    let panicked =
        poll_fn(
            |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(_)) => Poll::Ready(false),
                Err(_) => Poll::Ready(true),
            },
        );
    assert!(panicked.await, "it was to panic");
}

async fn a_panic_in_stop_when_takes_its_event<R: Runtime>() {
    for frames in [false, true] {
        let mut events = EventSource::<_, R>::new(Memory::new([Ok(stream(WIRE))]), quick())
            .stop_when(|event| {
                assert_ne!(event.data(), "2", "on purpose");
                event.data() == "4"
            });
        assert_eq!(events.next().await.unwrap().unwrap().data(), "1");
        if frames {
            panics(events.next_frame()).await;
        } else {
            panics(events.next()).await;
        }
        assert_eq!(events.last_event_id(), Some("2"));
        assert_eq!(events.phase(), Phase::Open);
        assert_eq!(events.next().await.unwrap().unwrap().data(), "3");
        assert_eq!(events.next().await.unwrap().unwrap().data(), "4");
        assert!(events.next().await.is_none());
        assert_eq!(events.phase(), Phase::Closed(CloseReason::Caller));
    }
}

async fn a_panic_of_a_visitor_takes_its_event<R: Runtime>() {
    let mut events = EventSource::<_, R>::new(Memory::new([Ok(stream(WIRE))]), quick());
    let mut seen = Vec::new();
    panics(events.for_each_event(|event| -> ControlFlow<()> {
        seen.push(event.data().to_owned());
        assert_ne!(event.data(), "2", "on purpose");
        ControlFlow::Continue(())
    }))
    .await;
    let broke = events.for_each_event(|event| {
        seen.push(event.data().to_owned());
        match event.data() {
            "4" => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    broke.await.expect("no error");
    assert_eq!(seen, ["1", "2", "3", "4"]);

    // The connection that was panicked on may be gone before the next poll.
    let memory = Memory::new([Ok(stream(WIRE)), Ok(stream("data: short\n\n"))]);
    let mut events = EventSource::<_, R>::new(memory, quick());
    panics(events.for_each_event(|_| -> ControlFlow<()> { panic!("on purpose") })).await;
    events.restart();
    assert_eq!(events.next().await.unwrap().unwrap().data(), "short");
}

async fn a_panic_of_a_readers_visitor_takes_its_event<R: Runtime>() {
    let mut reader = EventReader::over(stream(WIRE).into_body());
    let mut seen = Vec::new();
    for _ in 0..4 {
        panics(reader.for_each_event(|event| -> ControlFlow<()> {
            seen.push(event.data().to_owned());
            panic!("on purpose");
        }))
        .await;
    }
    assert_eq!(seen, ["1", "2", "3", "4"]);
    assert_eq!(reader.next_event().await, Ok(None));
}

async fn a_panic_in_on_disconnect_changes_nothing<R: Runtime>() {
    let memory = Memory::new([Err(refused_by_peer()), Ok(stream("data: 1\n\n"))]);
    let mut calls = 0;
    let mut events = EventSource::<_, R>::new(memory, quick()).on_disconnect(move |_| {
        calls += 1;
        assert!(calls > 1, "on purpose");
    });
    panics(events.next()).await;
    assert!(matches!(events.phase(), Phase::Waiting { .. }));
    assert_eq!(events.next().await.unwrap().unwrap().data(), "1");
    assert!(events.next().await.is_none());
}

async fn a_panic_while_it_connects_closes<R: Runtime>() {
    let memory = || Memory::new([Ok(stream("data: 1\n\n")), Ok(stream("data: 2\n\n"))]);
    let source = || EventSource::<_, R>::new(memory(), quick());
    let closes = |number| {
        move |call: u32| {
            assert_ne!(call, number, "on purpose");
        }
    };
    for number in [1, 2] {
        let (check, mut calls) = (closes(number), 0);
        let on_open = source().on_open(move |_| {
            calls += 1;
            check(calls);
            Ok::<_, Infallible>(())
        });
        let (check, mut calls) = (closes(number), 0);
        let on_attempt = source().on_attempt(move |_| {
            calls += 1;
            check(calls);
        });
        for mut events in [on_open, on_attempt] {
            for _ in 1..number {
                assert!(events.next().await.unwrap().is_ok());
            }
            panics(events.next()).await;
            let error = events.next().await.unwrap().unwrap_err();
            assert_eq!(error.reason(), CloseReason::Refused);
            assert!(error.to_string().contains("panicked"), "{error}");
            assert!(events.next().await.is_none());
        }
    }

    let opens =
        |_: &Attempt| -> core::future::Ready<std::io::Result<Script>> { panic!("on purpose") };
    let mut events = EventSource::<_, R>::new(FromReader::<_, R>::new(opens), quick());
    panics(events.next()).await;
    assert_eq!(
        events.next().await.unwrap().unwrap_err().reason(),
        CloseReason::Refused
    );

    let opens = |_: &Attempt| async { panic!("on purpose") };
    let opens = move |attempt: &Attempt| {
        let opened = opens(attempt);
        async move {
            let () = opened.await;
            Ok(Script::default())
        }
    };
    let mut events = EventSource::<_, R>::new(FromReader::<_, R>::new(opens), quick());
    panics(events.next()).await;
    assert_eq!(
        events.next().await.unwrap().unwrap_err().reason(),
        CloseReason::Refused
    );
}

/// Counts its wakes, and panics at each.
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("on purpose");
    }
}

async fn a_panic_of_the_hook_keeps_no_watch_from_its_wake<R: Runtime>() {
    let mut events =
        EventSource::<_, R>::new(Memory::new([]), quick()).on_disconnect(|_| panic!("on purpose"));
    let task = Arc::new(Task(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&task));
    let mut watches = [events.watch(), events.watch()];
    for watch in &mut watches {
        let changed = pin!(watch.changed());
        assert!(changed.poll(&mut Context::from_waker(&waker)).is_pending());
    }
    // The hook and both wakers panic, which is one panic.
    assert!(catch_unwind(AssertUnwindSafe(|| events.close())).is_err());
    assert_eq!(task.0.load(Ordering::SeqCst), 2);
    let closed = Phase::Closed(CloseReason::Caller);
    for watch in &mut watches {
        assert_eq!(watch.changed().await, Some(closed));
    }
    assert!(events.next().await.is_none());
}

async fn two_panicking_wakers_of_a_dropped_source_are_one_panic<R: Runtime>() {
    let mut events = EventSource::<_, R>::new(Memory::new([]), quick());
    let task = Arc::new(Task(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&task));
    let mut watches = [events.watch(), events.watch()];
    for watch in &mut watches {
        let changed = pin!(watch.changed());
        assert!(changed.poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(move || drop(events))).is_err());
    assert_eq!(task.0.load(Ordering::SeqCst), 2);
    for watch in &mut watches {
        assert_eq!(watch.changed().await, None);
    }
}
