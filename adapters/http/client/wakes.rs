//! The wake-ups between a connection and the body that drives it.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicU8, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, PoisonError};

/// Wakes the task for what comes from outside, and not for what it does itself.
///
/// A connection and a body that are polled together wake each other, and so their own task, with
/// every piece: it would be polled twice for each, the second time for nothing.
pub(super) struct Wakes {
    shared: Arc<Shared>,
    /// Of `shared`.
    waker: Waker,
}

struct Shared {
    /// Of the task.
    waker: Mutex<Waker>,
    state: AtomicU8,
}

impl Wakes {
    pub(super) fn new() -> Self {
        let shared = Arc::new(Shared {
            waker: Mutex::new(Waker::noop().clone()),
            state: AtomicU8::new(0),
        });
        Self {
            waker: Waker::from(Arc::clone(&shared)),
            shared,
        }
    }

    /// Polls what wakes the task by being polled.
    ///
    /// When it is ready the caller polls it again before it waits for anything, so what it was woken
    /// for meanwhile is seen then. When it is pending, any wake-up is passed on.
    pub(super) fn poll_quietly<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.shared.set_waker(cx.waker());
        self.shared.state.store(POLLED, Ordering::SeqCst);
        let polled = poll(&mut Context::from_waker(&self.waker));
        let state = self.shared.state.swap(0, Ordering::SeqCst);
        if polled.is_pending() && state & WOKEN != 0 {
            cx.waker().wake_by_ref();
        }
        polled
    }
}

impl Shared {
    fn set_waker(&self, waker: &Waker) {
        self.lock().clone_from(waker);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waker> {
        // A waker is whole at all times.
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(WOKEN, Ordering::SeqCst) & POLLED == 0 {
            // Not under the lock: what wakes may poll at once.
            let waker = self.lock().clone();
            waker.wake();
        }
    }
}

/// It is being polled.
const POLLED: u8 = 1;
/// It was woken, perhaps by itself.
const WOKEN: u8 = 2;

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Task {
        fn wakes(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn passes_on_what_comes_between_polls() {
        let (wakes, task) = (Wakes::new(), Arc::new(Task::default()));
        let waker = Waker::from(Arc::clone(&task));
        let mut kept = None;
        let polled = wakes.poll_quietly(&mut Context::from_waker(&waker), |cx| {
            kept = Some(cx.waker().clone());
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        assert_eq!(task.wakes(), 0);

        let kept = kept.expect("it was polled");
        kept.wake_by_ref();
        assert_eq!(task.wakes(), 1);
        kept.wake();
        assert_eq!(task.wakes(), 2);
    }

    #[test]
    fn keeps_back_what_comes_with_a_result_but_not_what_comes_without() {
        let (wakes, task) = (Wakes::new(), Arc::new(Task::default()));
        let waker = Waker::from(Arc::clone(&task));
        let woken_while = |result: Poll<()>| {
            let before = task.wakes();
            let polled = wakes.poll_quietly(&mut Context::from_waker(&waker), |cx| {
                cx.waker().wake_by_ref();
                result
            });
            assert_eq!(polled, result);
            task.wakes() - before
        };
        assert_eq!(woken_while(Poll::Ready(())), 0);
        assert_eq!(woken_while(Poll::Pending), 1);
        assert_eq!(woken_while(Poll::Ready(())), 0);
    }

    #[test]
    fn wakes_the_task_that_polled_last() {
        let wakes = Wakes::new();
        let tasks = [0; 2].map(|_| Arc::new(Task::default()));
        let mut kept = None;
        for task in &tasks {
            let waker = Waker::from(Arc::clone(task));
            let polled = wakes.poll_quietly(&mut Context::from_waker(&waker), |cx| {
                kept.get_or_insert_with(|| cx.waker().clone());
                Poll::<()>::Pending
            });
            assert!(polled.is_pending());
        }
        kept.expect("it was polled").wake();
        assert_eq!(tasks.map(|task| task.wakes()), [0, 1]);
    }
}
