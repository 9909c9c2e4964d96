//! The wakers of tasks that wait for the same thing.

use alloc::collections::BTreeMap;
use core::mem;
use core::panic::AssertUnwindSafe;
use core::task::Waker;
use std::panic::{catch_unwind, resume_unwind};
use std::thread;

/// The wakers of tasks that wait for the same thing, at most one for each waiter.
///
/// A list is used under a lock, and wakers run code of others: waking one may poll a task, and
/// dropping one may free a task with all that it holds. So a list neither wakes nor drops a waker. It
/// returns them, for the caller to drop or [wake](wake_all) once the lock is free.
#[derive(Debug, Default)]
pub(super) struct WakerList {
    wakers: BTreeMap<WaiterId, Waker>,
    newest: WaiterId,
}

/// The ID of a waiter in its list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaiterId(u64);

impl WakerList {
    /// Returns the ID of a new waiter.
    pub(super) fn add_waiter(&mut self) -> WaiterId {
        self.newest.0 += 1;
        self.newest
    }

    /// Adds the waker of a waiter. Returns the one that it replaces.
    #[must_use = "to be dropped once the lock is free"]
    pub(super) fn insert(&mut self, waiter: WaiterId, waker: Waker) -> Option<Waker> {
        self.wakers.insert(waiter, waker)
    }

    /// Removes the waker of a waiter, and returns it.
    #[must_use = "to be dropped once the lock is free"]
    pub(super) fn remove(&mut self, waiter: WaiterId) -> Option<Waker> {
        self.wakers.remove(&waiter)
    }

    /// Removes all wakers, and returns them.
    #[must_use = "whoever waits has to be woken, once the lock is free"]
    pub(super) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        mem::take(&mut self.wakers).into_values()
    }
}

/// Wakes all, even if some panic. Then goes on with the first panic, unless the thread is panicking
/// already: a second panic that leaves a destructor would abort the process.
pub(super) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    let mut wakers = wakers.into_iter();
    let mut first_panic = None;
    while let Err(panic) = catch_unwind(AssertUnwindSafe(|| wakers.by_ref().for_each(Waker::wake)))
    {
        first_panic.get_or_insert(panic);
    }
    if let Some(panic) = first_panic {
        if !thread::panicking() {
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::task::Wake;
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts its wakes, and panics with the number of each if it is told to.
    #[derive(Default)]
    struct Task {
        panics: bool,
        wakes: AtomicUsize,
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            let wakes = self.wakes.fetch_add(1, Ordering::SeqCst) + 1;
            if self.panics {
                std::panic::panic_any(wakes);
            }
        }
    }

    fn task(panics: bool) -> (Arc<Task>, Waker) {
        let task = Arc::new(Task {
            panics,
            ..Task::default()
        });
        (Arc::clone(&task), Waker::from(task))
    }

    #[test]
    fn each_waiter_has_one_waker() {
        let mut list = WakerList::default();
        let (one, other) = (list.add_waiter(), list.add_waiter());
        let ((old_task, old), (new_task, new)) = (task(false), task(false));
        assert!(list.insert(one, old.clone()).is_none());
        assert!(list.insert(other, new.clone()).is_none());
        let replaced = list.insert(one, new.clone()).expect("the old one");
        assert!(replaced.will_wake(&old));
        let removed = list.remove(other).expect("the new one");
        assert!(removed.will_wake(&new));
        assert!(list.remove(other).is_none());

        wake_all(list.take());
        assert_eq!(old_task.wakes.load(Ordering::SeqCst), 0);
        assert_eq!(new_task.wakes.load(Ordering::SeqCst), 1);
        assert_eq!(list.take().count(), 0);
        assert!(list.remove(one).is_none());
    }

    #[test]
    fn all_are_woken_whichever_panic_and_the_first_panic_goes_on() {
        let (good_task, good) = task(false);
        let (bad_task, bad) = task(true);
        for pattern in 0..32_u32 {
            let before = [&good_task, &bad_task].map(|task| task.wakes.load(Ordering::SeqCst));
            let wakers: Vec<Waker> = (0..5)
                .map(|bit| if pattern >> bit & 1 == 1 { &bad } else { &good }.clone())
                .collect();
            let result = catch_unwind(AssertUnwindSafe(|| wake_all(wakers)));
            let panics = pattern.count_ones() as usize;
            let after = [&good_task, &bad_task].map(|task| task.wakes.load(Ordering::SeqCst));
            assert_eq!(after, [before[0] + 5 - panics, before[1] + panics]);
            let panic = result
                .err()
                .map(|panic| *panic.downcast().expect("a number"));
            assert_eq!(panic, (panics > 0).then_some(before[1] + 1));
        }
    }

    #[test]
    fn a_panic_that_is_under_way_stays_the_only_one() {
        struct WakesOnDrop(Vec<Waker>);
        impl Drop for WakesOnDrop {
            fn drop(&mut self) {
                wake_all(mem::take(&mut self.0));
            }
        }

        let (good_task, good) = task(false);
        let (bad_task, bad) = task(true);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _wakes = WakesOnDrop([&bad, &good, &bad, &good].map(Waker::clone).into());
            panic!("the one");
        }));
        let panic = result.expect_err("it panics");
        assert_eq!(panic.downcast_ref(), Some(&"the one"));
        assert_eq!(good_task.wakes.load(Ordering::SeqCst), 2);
        assert_eq!(bad_task.wakes.load(Ordering::SeqCst), 2);
    }
}
