//! A subscription: the events of some topics, as a stream.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::future::poll_fn;
use core::mem;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use futures_core::Stream;

use super::handle::SharedSubscriber;
use super::observation::Observed;
use super::waiter::{Waiter, WaiterId, WaiterRef};
use super::{Announcement, Closing, Shared, State, StreamEnd, SubscriptionHandle};
#[cfg(feature = "lane")]
use crate::adapters::lane::Seat;
use crate::adapters::wakers;
use crate::server::{
    Delivery, Encoded, EventId, EventStream, GapReason, LastRead, Outgoing, SessionEnd, Subscriber,
    SubscriberEnd,
};
use crate::{EventRef, Timestamp};

/// The events of some topics, encoded, as [`Hub::subscribe`](super::Hub::subscribe) returns them.
///
/// Each item is a batch of the events that are waiting. It has at most 64 KiB, unless a single
/// event is longer. An item may also be an event of type `gap` (see [`Gap`](crate::server::Gap)).
/// To unsubscribe, drop the subscription.
///
/// The subscription ends in these cases:
///
/// - The hub is shut down.
/// - All of its topics are closed, and it has read their events.
/// - A [handle](Self::handle) ends it, or the streams of one of its topics are
///   [ended](super::Hub::end_streams).
/// - It does not keep up, and the hub disconnects slow readers.
///
/// It does not end when the last [`Hub`](super::Hub) is dropped, because it holds the hub too.
///
/// Pass a subscription to a response as it is, so that the response can send its
/// [position](Self::position) too. [`into_stream`](Self::into_stream) returns it as a plain
/// [`Stream`], without the position.
///
/// A waiting task is woken once, however many events follow before it polls again.
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
/// let hello = hub.publish("news", Event::new("hello")).await.unwrap();
/// let rain = hub.publish("weather", Event::new("rain")).await.unwrap();
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
    pub(super) hub: Arc<Shared>,
    subscriber: Held,
    /// The version of the hub at which it began to wait, or [`AWAKE`].
    waits_since: usize,
    /// The waiter that the hub holds. Not the waiter itself, which may own the task that owns this.
    waiter: WaiterId,
    /// What few subscriptions have.
    rare: Option<Box<Rare>>,
    /// Whether the ID of the last item is that of the position.
    is_position_told: bool,
}

type Predicate = dyn FnMut(EventRef<'_>) -> bool + Send;

#[derive(Default)]
struct Rare {
    /// In a mutex that is never locked: it makes a subscription `Sync`.
    predicate: Option<Box<Mutex<Predicate>>>,
    announcements: Vec<Announcement>,
    observed: Option<Observed>,
    /// What is known of the events that were read last.
    read: LastRead,
    /// Why there is a gap, if that was read last.
    gap: Option<GapReason>,
}

impl Rare {
    /// Returns what is left of the events or the gap that were read last, and calls the observers.
    fn give(&mut self, events: Encoded, now: Timestamp) -> Option<Encoded> {
        if let Some(reason) = self.gap.take() {
            if let Some(observed) = &self.observed {
                observed.tell_gap(reason);
            }
            return Some(events);
        }
        let mut count = u64::from(self.read.events);
        let given = match &mut self.predicate {
            None => events,
            Some(keep) => {
                let keep = unlocked(keep);
                count = 0;
                events.filter(|event| {
                    let is_kept = keep(event);
                    count += u64::from(is_kept);
                    is_kept
                })?
            }
        };
        if let Some(observed) = &mut self.observed {
            observed.tell_sent(now, self.read, count, given.as_bytes().len());
        }
        Some(given)
    }
}

/// Where the subscriber is.
enum Held {
    Here(Subscriber),
    /// There are handles.
    Shared(Arc<SharedSubscriber>),
    /// After the end.
    Gone,
}

impl Subscription {
    pub(super) const fn new(hub: Arc<Shared>, subscriber: Subscriber) -> Self {
        Self {
            hub,
            subscriber: Held::Here(subscriber),
            waits_since: AWAKE,
            waiter: WaiterId::NONE,
            rare: None,
            is_position_told: false,
        }
    }

    /// Waits for the next events. Returns `None` at the end, and from then on.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no event is lost.
    pub async fn next(&mut self) -> Option<Encoded> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next events, as [`next`](Self::next) waits for them.
    #[inline]
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        self.poll(cx, WaiterRef::Task(cx.waker()), Patience::None)
    }

    /// Returns the subscription as a stream.
    ///
    /// A response that sends this stream does not know the position, and so does not send it to its
    /// client. In [`Hub::shutdown_over`](super::Hub::shutdown_over), the stream ends after the
    /// events that are left for it.
    pub const fn into_stream(self) -> SubscriptionStream {
        SubscriptionStream(self)
    }

    /// Returns the ID up to which the subscription has all events of its topics. See
    /// [`Topics::position_of`](crate::server::Topics::position_of).
    ///
    /// After the end it is the ID with epoch 0 and number 0.
    pub fn position(&self) -> EventId {
        let state = self.hub.lock();
        let position = |subscriber: &Subscriber| state.topics.position_of(subscriber);
        let position = match &self.subscriber {
            Held::Here(subscriber) => Some(position(subscriber)),
            Held::Shared(shared) => shared.lock().as_ref().map(position),
            Held::Gone => None,
        };
        position.unwrap_or(EventId::new(0, 0))
    }

    /// Returns a handle that ends the subscription, or changes its topics, from elsewhere.
    pub fn handle(&mut self) -> SubscriptionHandle {
        let subscriber = mem::replace(&mut self.subscriber, Held::Gone);
        if let Held::Here(subscriber) = subscriber {
            self.subscriber = Held::Shared(Arc::new(SharedSubscriber::new(subscriber)));
        } else {
            self.subscriber = subscriber;
        }
        match &self.subscriber {
            Held::Shared(shared) => SubscriptionHandle::new(&self.hub, shared),
            _ => SubscriptionHandle::of_none(),
        }
    }

    /// Keeps only the events for which `keep` returns `true`. Gaps are always kept.
    ///
    /// Only this subscription takes longer. Its events are decoded, and those that are left are
    /// joined again. The position moves on with the events that are left out.
    ///
    /// A subscription that is narrowed several times keeps only the events that each call keeps. A
    /// panic of `keep` reaches the caller that polls, and the events of that poll are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # mod run {
    /// use ssewire::{Event, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # pub async fn main() -> Result<(), ssewire::InvalidField> {
    /// let hub = Hub::new();
    /// let mut apple = hub
    ///     .subscribe("prices", None)
    ///     .unwrap()
    ///     .narrow(|event| event.event_type() == "AAPL");
    ///
    /// hub.publish("prices", Event::new("3125").with_type("AMZN")?);
    /// let id = hub.publish("prices", Event::new("121.5").with_type("AAPL")?).id().unwrap();
    /// let events = apple.next().await.unwrap();
    /// assert_eq!(events.into_bytes(), format!("id: {id}\nevent: AAPL\ndata: 121.5\n\n"));
    /// # Ok(())
    /// # }
    /// # }
    /// # #[cfg(feature = "tokio")]
    /// # run::main().unwrap();
    /// ```
    #[must_use]
    pub fn narrow(mut self, mut keep: impl FnMut(EventRef<'_>) -> bool + Send + 'static) -> Self {
        let predicate = &mut self.rare.get_or_insert_default().predicate;
        *predicate = Some(match predicate.take() {
            None => Box::new(Mutex::new(keep)),
            Some(mut before) => Box::new(Mutex::new(move |event: EventRef<'_>| {
                unlocked(&mut before)(event) && keep(event)
            })),
        });
        self
    }

    /// Polls as a response does. If it has to wait, the seat is made ready afterwards.
    #[cfg(feature = "lane")]
    #[inline]
    pub(in crate::adapters) fn poll_seated(
        &mut self,
        cx: &Context<'_>,
        seat: &Seat,
    ) -> Poll<Option<Result<Outgoing, Infallible>>> {
        let events = ready!(self.poll(cx, WaiterRef::Seat(seat), Patience::Window));
        Poll::Ready(events.map(|events| Ok(events.into())))
    }

    /// Keeps an announcement as long as the subscription lasts.
    pub(super) fn keep(&mut self, announcement: Announcement) {
        let rare = self.rare.get_or_insert_default();
        rare.announcements.push(announcement);
    }

    /// Reports to the observers that it is open.
    pub(super) fn observe(&mut self, observed: Observed, topics: &[String]) {
        let rare = self.rare.get_or_insert_default();
        let observed = rare.observed.insert(observed);
        observed.tell_opened(topics);
    }

    #[inline]
    fn poll(
        &mut self,
        cx: &Context<'_>,
        waiter: WaiterRef<'_>,
        patience: Patience,
    ) -> Poll<Option<Encoded>> {
        let is_held = self.waiter == waiter.id();
        if is_held && self.waits_since == self.hub.version.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        match self.rare {
            None => self.poll_hub(waiter, patience),
            Some(_) => self.poll_rare(cx, waiter, patience),
        }
    }

    /// Polls, drops the events that are left out, and calls the observers.
    #[cold]
    fn poll_rare(
        &mut self,
        cx: &Context<'_>,
        waiter: WaiterRef<'_>,
        patience: Patience,
    ) -> Poll<Option<Encoded>> {
        for _ in 0..BATCHES_PER_POLL {
            let Some(events) = ready!(self.poll_hub(waiter, patience)) else {
                return Poll::Ready(None);
            };
            let given = match &mut self.rare {
                Some(rare) => rare.give(events, self.hub.clock.now()),
                None => Some(events),
            };
            if given.is_some() {
                return Poll::Ready(given);
            }
            self.is_position_told = false;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_hub(&mut self, waiter: WaiterRef<'_>, patience: Patience) -> Poll<Option<Encoded>> {
        let is_held = self.waiter == waiter.id();
        self.waits_since = AWAKE;
        if !is_held {
            let replaced = self.stop_waiting();
            // Dropping a waker may free a task with its subscriptions, which need the lock.
            drop(replaced);
            self.waiter = waiter.id();
        }
        let mut state = self.hub.lock();
        let closing = state.closing;
        let mut guard = None;
        let subscriber = match &mut self.subscriber {
            Held::Here(subscriber) => Some(subscriber),
            Held::Shared(shared) => guard.insert(shared.lock()).as_mut(),
            Held::Gone => None,
        };
        let Some(subscriber) = subscriber else {
            return Poll::Ready(None);
        };
        let (delivery, waits) = state.poll(subscriber, patience, waiter);
        drop(guard);
        if waits {
            self.waits_since = self.hub.version.load(Ordering::Relaxed);
        }
        if let Some(rare) = &mut self.rare {
            rare.read = state.topics.last_read();
        }
        drop(state);
        self.is_position_told |= delivery.is_some();
        let ended = match delivery {
            Some(Delivery::Events(events)) => return Poll::Ready(Some(events)),
            None if waits => return Poll::Pending,
            Some(Delivery::Gap(gap)) => {
                if let Some(rare) = &mut self.rare {
                    rare.gap = Some(gap.reason);
                }
                return Poll::Ready(Some(Encoded::from(gap)));
            }
            ended => ended,
        };
        self.note_end(match ended {
            Some(Delivery::Ended(end)) if closing == Closing::Not => StreamEnd::Hub(end),
            _ => StreamEnd::Shutdown,
        });
        self.leave();
        Poll::Ready(None)
    }

    fn note_end(&mut self, end: StreamEnd) {
        let observed = self.rare.as_mut().and_then(|rare| rare.observed.as_mut());
        if let Some(observed) = observed {
            observed.end = end;
        }
    }

    fn stop_waiting(&mut self) -> Option<Waiter> {
        let mut state = self.hub.lock();
        match &mut self.subscriber {
            Held::Here(subscriber) => state.topics.stop_waiting(subscriber),
            Held::Shared(shared) => state.topics.stop_waiting(shared.lock().as_mut()?),
            Held::Gone => None,
        }
    }

    fn leave(&mut self) {
        let mut state = self.hub.lock();
        let subscriber = match mem::replace(&mut self.subscriber, Held::Gone) {
            Held::Here(subscriber) => Some(subscriber),
            Held::Shared(shared) => shared.lock().take(),
            Held::Gone => None,
        };
        let Some(subscriber) = subscriber else {
            return;
        };
        let rare = self.rare.take();
        self.hub.members.note(&state.topics, &subscriber, false);
        let tokens = state.topics.unsubscribe(subscriber);
        let is_last = state.topics.subscriber_count() == 0;
        let closers = is_last.then(|| state.closers.take());
        drop(state);
        drop(tokens);
        wakers::wake_all(closers.into_iter().flatten());
        self.hub.members.tell();
        if let Some(rare) = rare {
            drop(rare.announcements);
            if let Some(observed) = rare.observed {
                observed.tell_ended(self.hub.clock.now());
            }
        }
    }
}

fn unlocked(predicate: &mut Mutex<Predicate>) -> &mut Predicate {
    predicate.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// What a reader does while the hub is shut down over a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// It ends after the events that are left.
    None,
    /// It reads on, and ends at a moment of its own.
    Window,
}

impl State {
    /// Reads what there is for a subscriber. Returns whether it waits for more.
    #[inline]
    fn poll(
        &mut self,
        subscriber: &mut Subscriber,
        patience: Patience,
        waiter: WaiterRef<'_>,
    ) -> (Option<Delivery>, bool) {
        let delivery = match self.closing {
            Closing::AtOnce => Some(Delivery::Ended(SubscriberEnd::Application)),
            _ => self.topics.poll_delivery(subscriber, MAX_BYTES),
        };
        // During a shutdown it need not wait: when there is nothing left, it ends.
        let may_wait = match self.closing {
            Closing::Not => true,
            Closing::Spread => patience == Patience::Window,
            Closing::Gently | Closing::AtOnce => false,
        };
        let waits = may_wait && self.topics.wait_with(subscriber, || waiter.to_waiter());
        (delivery, waits)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.leave();
    }
}

impl EventStream for Subscription {
    type Error = Infallible;

    #[inline]
    fn poll_next_item(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Outgoing, Infallible>>> {
        let waiter = WaiterRef::Task(cx.waker());
        let events = ready!(self.get_mut().poll(cx, waiter, Patience::Window));
        Poll::Ready(events.map(|events| Ok(events.into())))
    }

    fn untold_position(&self) -> Option<EventId> {
        // Where nodes come and go, the ID of a client should not grow old.
        #[cfg(feature = "redis")]
        if self.hub.is_relayed {
            return Some(self.position()).filter(|position| *position != EventId::new(0, 0));
        }
        let is_untold = !self.is_position_told && !matches!(self.subscriber, Held::Gone);
        is_untold.then(|| self.position())
    }

    fn is_drained(&self) -> bool {
        let state = self.hub.lock();
        match &self.subscriber {
            Held::Here(subscriber) => state.topics.is_drained(subscriber),
            Held::Shared(shared) => {
                let subscriber = shared.lock();
                let drained = subscriber
                    .as_ref()
                    .map(|subscriber| state.topics.is_drained(subscriber));
                drained.unwrap_or_default()
            }
            Held::Gone => false,
        }
    }

    fn closing(&self) -> Option<Duration> {
        self.hub.window.get().copied()
    }

    fn handle_session_end(self: Pin<&mut Self>, end: SessionEnd) {
        self.get_mut().note_end(StreamEnd::Session(end));
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("has_ended", &matches!(self.subscriber, Held::Gone))
            .finish_non_exhaustive()
    }
}

/// A [`Subscription`] as a stream, as [`Subscription::into_stream`] returns it.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use futures_util::StreamExt;
/// use ssewire::{Event, Hub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() {
/// let hub = Hub::new();
/// let news = hub.subscribe("news", None).unwrap().into_stream();
/// let mut lengths = news.map(|events| events.as_bytes().len());
/// hub.publish("news", Event::new("hello"));
/// assert!(lengths.next().await > Some(10));
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main();
/// ```
#[derive(Debug)]
pub struct SubscriptionStream(Subscription);

impl Stream for SubscriptionStream {
    type Item = Encoded;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        self.get_mut().0.poll_next(cx)
    }
}

/// No version of a hub, since it is odd.
const AWAKE: usize = usize::MAX;
/// The length of an item, unless one event is longer.
const MAX_BYTES: usize = 64 * 1024;
/// How many batches one poll leaves out.
const BATCHES_PER_POLL: usize = 16;
