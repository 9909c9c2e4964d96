//! Waiting for the last subscription to leave.

use core::task::Waker;

use super::Shared;
use crate::adapters::wakers::WaiterId;

/// A call of [`Hub::shutdown`](super::Hub::shutdown) that waits.
pub(super) struct ShutdownWait<'h> {
    hub: &'h Shared,
    /// `None` until it has to wait.
    waiter: Option<WaiterId>,
}

impl<'h> ShutdownWait<'h> {
    pub(super) const fn new(hub: &'h Shared) -> Self {
        Self { hub, waiter: None }
    }

    /// Returns the number of subscriptions. If there are any, `waker` is woken when the last one
    /// leaves.
    pub(super) fn poll(&mut self, waker: &Waker) -> usize {
        // Cloned, and dropped, without the lock.
        let waker = waker.clone();
        let mut state = self.hub.lock();
        let left = state.topics.subscriber_count();
        let unneeded = if left == 0 {
            Some(waker)
        } else {
            let closers = &mut state.closers;
            let waiter = *self.waiter.get_or_insert_with(|| closers.add_waiter());
            closers.insert(waiter, waker)
        };
        drop(state);
        drop(unneeded);
        left
    }
}

impl Drop for ShutdownWait<'_> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            let removed = self.hub.lock().closers.remove(waiter);
            drop(removed);
        }
    }
}
