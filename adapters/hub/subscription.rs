//! One subscriber's view of a hub.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::ptr;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::{Closing, Shared, wake_each};
use crate::server::{Delivery, Encoded, Subscriber};

/// Gives the events of some topics, encoded: all that are waiting at once, up to 64 KiB.
///
/// It ends when the hub is shut down, or when it has fallen behind and the hub disconnects slow
/// readers; not when the last [`Hub`](super::Hub) is dropped, as it holds the hub itself.
/// To drop it is to leave. Made by [`Hub::subscribe`](super::Hub::subscribe).
///
/// Its task is woken once for each of its topics that has an event, however many come before it is
/// polled.
pub struct Subscription {
    hub: Arc<Shared>,
    /// `None` once it has left.
    subscriber: Option<Subscriber>,
    /// What the hub's version was when it began to wait, if it waits.
    waits_since: Option<usize>,
    /// Whom it had woken last. Not the waker itself: that may own the task that owns this.
    woken: WakerId,
}

impl Subscription {
    pub(super) const fn new(hub: Arc<Shared>, subscriber: Subscriber) -> Self {
        Self {
            hub,
            subscriber: Some(subscriber),
            waits_since: None,
            woken: WakerId::NONE,
        }
    }

    /// Waits for the next events; `None` at the end and ever after.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<Encoded> {
        poll_fn(|cx| self.poll_next_events(cx)).await
    }

    #[inline]
    fn poll_next_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        let is_known = self.woken == WakerId::of(cx.waker());
        if is_known && self.waits_since == Some(self.hub.version.load(Ordering::Acquire)) {
            return Poll::Pending;
        }
        self.poll_hub(cx, is_known)
    }

    fn poll_hub(&mut self, cx: &mut Context<'_>, is_known: bool) -> Poll<Option<Encoded>> {
        let Some(subscriber) = &mut self.subscriber else {
            return Poll::Ready(None);
        };
        self.waits_since = None;
        if !is_known {
            let replaced = self.hub.lock().topics.stop_waiting(subscriber);
            // To drop a waker may free a task, and the subscriptions that it holds: not under the lock.
            drop(replaced);
            self.woken = WakerId::of(cx.waker());
        }
        let mut state = self.hub.lock();
        let delivery = match state.closing {
            Closing::AtOnce => Some(Delivery::Disconnected),
            _ => state.topics.poll_delivery(subscriber, PIECE_BYTES),
        };
        // Once a shutdown has begun, the end is found by asking.
        let waits = state.closing == Closing::Not && state.topics.wait(subscriber, cx.waker());
        self.waits_since = waits.then(|| self.hub.version.load(Ordering::Relaxed));
        drop(state);
        match delivery {
            Some(Delivery::Events(events)) => Poll::Ready(Some(events)),
            Some(Delivery::Gap(gap)) => Poll::Ready(Some(Encoded::from(&gap.to_event()))),
            None if waits => Poll::Pending,
            _ => {
                self.leave();
                Poll::Ready(None)
            }
        }
    }

    fn leave(&mut self) {
        let Some(subscriber) = self.subscriber.take() else {
            return;
        };
        let mut state = self.hub.lock();
        self.hub.members.note(&state.topics, &subscriber, false);
        let wakers = state.topics.unsubscribe(subscriber);
        let closers: Vec<Waker> = match state.topics.subscriber_count() {
            0 => state.closers.drain().map(|(_, waker)| waker).collect(),
            _ => Vec::new(),
        };
        drop(state);
        drop(wakers);
        wake_each(closers);
        self.hub.members.tell();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Stream for Subscription {
    type Item = Encoded;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        self.get_mut().poll_next_events(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("subscriber", &self.subscriber)
            .finish_non_exhaustive()
    }
}

/// Tells wakers apart, as [`Waker::will_wake`] does, among those that the hub holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WakerId(usize, usize);

impl WakerId {
    const NONE: Self = Self(0, 0);

    fn of(waker: &Waker) -> Self {
        Self(waker.data().addr(), ptr::from_ref(waker.vtable()).addr())
    }
}

/// How much one item holds, unless one event is larger.
const PIECE_BYTES: usize = 64 * 1024;
