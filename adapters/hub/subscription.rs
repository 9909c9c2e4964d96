//! A subscription: the events of some topics, as a stream.

use alloc::sync::Arc;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::ptr;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::{Closing, Shared};
use crate::adapters::wakers;
use crate::server::{Delivery, Encoded, Subscriber};

/// The events of some topics, encoded, as [`Hub::subscribe`](super::Hub::subscribe) returns them.
///
/// Each item is a batch of all the events that are waiting, up to 64 KiB. To unsubscribe, drop the
/// subscription.
///
/// The subscription ends when the hub is shut down, or when it does not keep up and the hub
/// disconnects slow readers. It does not end when the last [`Hub`](super::Hub) is dropped, because
/// it holds the hub too.
///
/// The task that waits is woken once for each topic that has an event, however many events follow
/// before it polls again.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use ssewire::{Event, Hub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() {
/// let hub = Hub::new();
/// let mut subscription = hub.subscribe(["news", "weather"], None).unwrap();
/// let hello = hub.publish("news", Event::new("hello"));
/// let rain = hub.publish("weather", Event::new("rain"));
///
/// let events = subscription.next().await.unwrap();
/// let expected = format!("id: {hello}\ndata: hello\n\nid: {rain}\ndata: rain\n\n");
/// assert_eq!(events.into_bytes(), expected);
///
/// drop(subscription);
/// assert_eq!(hub.subscriber_count(), 0);
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main();
/// ```
pub struct Subscription {
    hub: Arc<Shared>,
    /// `None` after the end.
    subscriber: Option<Subscriber>,
    /// The version of the hub at which it began to wait, if it waits.
    waits_since: Option<usize>,
    /// The waker that the hub holds. Not the waker itself, which may own the task that owns this.
    waker: WakerId,
}

impl Subscription {
    pub(super) const fn new(hub: Arc<Shared>, subscriber: Subscriber) -> Self {
        Self {
            hub,
            subscriber: Some(subscriber),
            waits_since: None,
            waker: WakerId::NONE,
        }
    }

    /// Waits for the next events. Returns `None` at the end, and from then on.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no event is lost.
    pub async fn next(&mut self) -> Option<Encoded> {
        poll_fn(|cx| self.poll_next_events(cx)).await
    }

    #[inline]
    fn poll_next_events(&mut self, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        let is_held = self.waker == WakerId::of(cx.waker());
        if is_held && self.waits_since == Some(self.hub.version.load(Ordering::Acquire)) {
            return Poll::Pending;
        }
        self.poll_hub(cx, is_held)
    }

    fn poll_hub(&mut self, cx: &mut Context<'_>, is_held: bool) -> Poll<Option<Encoded>> {
        let Some(subscriber) = &mut self.subscriber else {
            return Poll::Ready(None);
        };
        self.waits_since = None;
        if !is_held {
            let replaced = self.hub.lock().topics.stop_waiting(subscriber);
            // Dropping a waker may free a task with its subscriptions, which need the lock.
            drop(replaced);
            self.waker = WakerId::of(cx.waker());
        }
        let mut state = self.hub.lock();
        let delivery = match state.closing {
            Closing::AtOnce => Some(Delivery::Disconnected),
            _ => state.topics.poll_delivery(subscriber, MAX_BYTES),
        };
        // During a shutdown it need not wait: when there is nothing left, it ends.
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
        let tokens = state.topics.unsubscribe(subscriber);
        let is_last = state.topics.subscriber_count() == 0;
        let closers = is_last.then(|| state.closers.take());
        drop(state);
        drop(tokens);
        wakers::wake_all(closers.into_iter().flatten());
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

/// The identity of a waker among those that the hub holds, as in [`Waker::will_wake`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WakerId(usize, usize);

impl WakerId {
    const NONE: Self = Self(0, 0);

    fn of(waker: &Waker) -> Self {
        Self(waker.data().addr(), ptr::from_ref(waker.vtable()).addr())
    }
}

/// The length of an item, unless one event is longer.
const MAX_BYTES: usize = 64 * 1024;
