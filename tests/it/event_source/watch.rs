//! The state of an event source, as other tasks see it.

use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Waker};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::{Arc, mpsc};
use std::task::Wake;
use std::thread;

use ssewire::client::{Cause, CloseReason, Phase};
use ssewire::event_source::PhaseWatch;

use crate::common::runtime::{Runtime, get, next_data, next_error, on_both, within};
use crate::common::server::{OPEN, Server};

on_both! {
    another_task_can_watch
    a_watch_ends_with_its_event_source
    a_watch_shows_no_state_twice_in_a_row
    a_watch_that_is_gone_is_forgotten
    a_waker_may_hold_the_last_of_a_watch
    wakers_that_panic_keep_no_watch_from_its_wake
}

async fn another_task_can_watch<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send(OPEN.to_owned() + "retry: 30\ndata: 1\n\n");
            connection.wait_until_told();
        }
        _ => connection.answer("404 Gone", &[], ""),
    });
    let mut events = get::<R>(server.url("/"));
    let mut watch = events.watch();
    assert_eq!(watch.phase(), Phase::Connecting);
    let (tell, told) = mpsc::channel();
    let watcher = thread::spawn(move || {
        R::run(async {
            let mut phases = Vec::new();
            while let Some(phase) = watch.changed().await {
                assert_eq!(
                    watch.phase(),
                    phase,
                    "nothing else happens until it is told"
                );
                phases.push(phase);
                tell.send(phase).expect("the row goes on");
            }
            assert_eq!(watch.changed().await, None);
            phases
        })
    });
    assert_eq!(next_data(&mut events).await, "1");
    assert_eq!(told.recv(), Ok(Phase::Open));
    server.tell();
    loop {
        let ended = within::<R, _>(Duration::from_millis(2), events.next()).await;
        assert!(ended.is_none(), "{ended:?}");
        if events.phase() != Phase::Open {
            break;
        }
    }
    assert!(matches!(
        told.recv(),
        Ok(Phase::Waiting {
            cause: Some(Cause::Ended),
            ..
        })
    ));
    next_error(&mut events).await;
    let phases = watcher.join().expect("the watcher panics not");
    let closed = Phase::Closed(CloseReason::Status(404));
    assert_eq!(phases.last(), Some(&closed));
    // Whoever comes late sees that it is over.
    let mut late = events.watch();
    assert_eq!(late.phase(), closed);
    assert_eq!(late.changed().await, None);
}

async fn a_watch_ends_with_its_event_source<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.send(OPEN.to_owned() + "data: 1\n\n");
        connection.wait_for_end();
    });
    let mut events = get::<R>(server.url("/"));
    let mut watches = [events.watch(), events.watch()];
    assert_eq!(next_data(&mut events).await, "1");
    assert_eq!(watches[0].changed().await, Some(Phase::Open));
    let [mut first, mut second] = watches.clone();
    let waiting = thread::spawn(move || R::run(async { first.changed().await }));
    drop(events);
    assert_eq!(waiting.join().expect("it does not panic"), None);
    assert_eq!(
        second.changed().await,
        Some(Phase::Open),
        "a clone sees it for itself"
    );
    assert_eq!(second.changed().await, None);
    server.wait_for_closed(1);
}

async fn a_watch_shows_no_state_twice_in_a_row<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: x\n\n");
    let mut events = get::<R>(server.url("/"));
    let mut watch = events.watch();
    next_data(&mut events).await;
    assert_eq!(watch.changed().await, Some(Phase::Open));
    // Others have come and gone before it looks.
    next_data(&mut events).await;
    assert_eq!(events.phase(), Phase::Open);
    assert!(
        within::<R, _>(Duration::from_millis(5), watch.changed())
            .await
            .is_none()
    );
    events.close();
    let closed = Phase::Closed(CloseReason::Caller);
    assert_eq!(watch.changed().await, Some(closed));
    assert_eq!(watch.changed().await, None);
}

async fn a_watch_that_is_gone_is_forgotten<R: Runtime>() {
    struct Task;
    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }
    let mut events = get::<R>("http://127.0.0.1:1/");
    let mut watch = events.watch();
    let task = Arc::new(Task);
    let waker = Waker::from(Arc::clone(&task));
    let mut cx = Context::from_waker(&waker);
    for _ in 0..3 {
        let mut other = watch.clone();
        assert!(pin!(other.changed()).poll(&mut cx).is_pending());
        assert!(pin!(watch.changed()).poll(&mut cx).is_pending());
    }
    // One is here, and one waits; those that are gone left nothing in the months that a connection
    // may be open.
    drop(waker);
    assert_eq!(Arc::strong_count(&task), 2);
    let other = Waker::noop();
    assert!(
        pin!(watch.changed())
            .poll(&mut Context::from_waker(other))
            .is_pending()
    );
    assert_eq!(
        Arc::strong_count(&task),
        1,
        "the task that waited last is the one to wake"
    );
}

async fn a_waker_may_hold_the_last_of_a_watch<R: Runtime>() {
    struct Task(#[expect(dead_code, reason = "it is only held")] PhaseWatch);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }
    let mut events = get::<R>("http://127.0.0.1:1/");
    let mut watch = events.watch();
    for _ in 0..2 {
        let waker = Waker::from(Arc::new(Task(watch.clone())));
        assert!(
            pin!(watch.changed())
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    drop(watch);
    let mut watch = events.watch();
    let waker = Waker::from(Arc::new(Task(watch.clone())));
    assert!(
        pin!(watch.changed())
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    events.close();
}

async fn wakers_that_panic_keep_no_watch_from_its_wake<R: Runtime>() {
    struct Task {
        panics: bool,
        wakes: AtomicUsize,
    }
    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.wakes.fetch_add(1, Ordering::SeqCst);
            assert!(!self.panics, "on purpose");
        }
    }
    let tasks = [true, false, true, true, false].map(|panics| {
        Arc::new(Task {
            panics,
            wakes: AtomicUsize::new(0),
        })
    });
    let mut events = get::<R>("http://127.0.0.1:1/");
    let mut watches = tasks.clone().map(|task| (events.watch(), task));
    for (watch, task) in &mut watches {
        let waker = Waker::from(Arc::clone(task));
        let mut cx = Context::from_waker(&waker);
        assert!(pin!(watch.changed()).poll(&mut cx).is_pending());
    }
    let failed = catch_unwind(AssertUnwindSafe(|| events.close()));
    assert!(failed.is_err());
    for (mut watch, task) in watches {
        assert_eq!(task.wakes.load(Ordering::SeqCst), 1);
        let closed = Phase::Closed(CloseReason::Caller);
        assert_eq!(watch.changed().await, Some(closed));
        assert_eq!(watch.changed().await, None);
    }
}
