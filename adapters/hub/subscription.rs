//! One subscriber's view of a hub.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::mem;
use core::pin::Pin;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::{Closing, Shared};
use crate::server::{Delivery, Encoded, SubscriberId};

/// Gives the events of some topics, encoded: all that are waiting at once, up to 64 KiB.
///
/// It ends when the hub is shut down, or when it has fallen behind and the hub disconnects slow
/// readers. To drop it is to leave. Made by [`Hub::subscribe`](super::Hub::subscribe).
pub struct Subscription {
    hub: Arc<Shared>,
    id: SubscriberId,
    /// Whether the hub has rung since it was asked last.
    rings: Arc<AtomicBool>,
    /// Whom the hub wakes when it rings. Not the waker itself: that may own the task that owns this.
    woken: Option<WakerId>,
    /// Whether it has taken all there was, so that the hub rings when there is more.
    is_at_end: bool,
    has_left: bool,
}

impl Subscription {
    pub(super) const fn new(hub: Arc<Shared>, id: SubscriberId, rings: Arc<AtomicBool>) -> Self {
        Self {
            hub,
            id,
            rings,
            woken: None,
            is_at_end: false,
            has_left: false,
        }
    }

    /// Waits for the next events; `None` at the end and ever after.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<Encoded> {
        poll_fn(|cx| self.poll_next_events(cx)).await
    }

    fn poll_next_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        while !self.has_left {
            let waker = WakerId::of(cx.waker());
            let is_known = self.woken == Some(waker);
            if is_known && self.is_at_end && !self.rings.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            self.woken = Some(waker);
            // To drop a waker may free a task, and the subscriptions that it holds: not under the
            // lock.
            let mut replaced = Some(cx.waker().clone());
            let mut state = self.hub.lock();
            if let Some(bell) = state.bells.get_mut(self.id) {
                mem::swap(&mut bell.waker, &mut replaced);
            }
            // The lock is held: nothing is published between this and the look.
            self.rings.store(false, Ordering::Relaxed);
            let delivery = match state.closing {
                Closing::AtOnce => Some(Delivery::Disconnected),
                _ => state.topics.poll_delivery(self.id, PIECE_BYTES),
            };
            // Once a shutdown has begun, the end is found by asking.
            self.is_at_end = state.closing == Closing::Not && state.topics.is_at_end(self.id);
            drop(state);
            drop(replaced);
            match delivery {
                Some(Delivery::Events(events)) => return Poll::Ready(Some(events)),
                Some(Delivery::Gap(gap)) => {
                    return Poll::Ready(Some(Encoded::from(&gap.to_event())));
                }
                None if self.is_at_end => {}
                _ => self.leave(),
            }
        }
        Poll::Ready(None)
    }

    fn leave(&mut self) {
        if mem::replace(&mut self.has_left, true) {
            return;
        }
        let mut state = self.hub.lock();
        self.hub.members.note(&state.topics, self.id, false);
        state.topics.unsubscribe(self.id);
        let bell = state.bells.remove(self.id);
        let closers: Vec<Waker> = match state.topics.subscriber_count() {
            0 => state.closers.drain().map(|(_, waker)| waker).collect(),
            _ => Vec::new(),
        };
        drop(state);
        drop(bell);
        closers.into_iter().for_each(Waker::wake);
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

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        self.get_mut().poll_next_events(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Tells wakers apart, as [`Waker::will_wake`] does. It is good for as long as the hub holds the
/// waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WakerId(usize, usize);

impl WakerId {
    fn of(waker: &Waker) -> Self {
        Self(waker.data().addr(), ptr::from_ref(waker.vtable()).addr())
    }
}

/// How much one item holds, unless one event is larger.
const PIECE_BYTES: usize = 64 * 1024;
