//! Who waits for all subscriptions to go.

use core::mem;
use core::task::Waker;

use slotmap::DefaultKey;

use super::Shared;

/// Keeps the waker of one call of [`Hub::shutdown`](super::Hub::shutdown) in the hub.
pub(super) struct Closer<'h> {
    hub: &'h Shared,
    key: Option<DefaultKey>,
}

impl<'h> Closer<'h> {
    pub(super) const fn new(hub: &'h Shared) -> Self {
        Self { hub, key: None }
    }

    /// Returns how many subscriptions there are. If there are any, `waker` is woken when the last
    /// one goes.
    pub(super) fn wait(&mut self, waker: &Waker) -> usize {
        let waker = waker.clone();
        let mut state = self.hub.lock();
        let left = state.topics.subscriber_count();
        let replaced = if left == 0 {
            Some(waker)
        } else if let Some(kept) = self.key.and_then(|key| state.closers.get_mut(key)) {
            Some(mem::replace(kept, waker))
        } else {
            self.key = Some(state.closers.insert(waker));
            None
        };
        drop(state);
        // To drop a waker may free a task, and the subscriptions that it holds.
        drop(replaced);
        left
    }
}

impl Drop for Closer<'_> {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        let waker = self.key.and_then(|key| state.closers.remove(key));
        drop(state);
        drop(waker);
    }
}
