//! Topics that many tasks share: [`Topics`](crate::server::Topics) behind a lock and wakers.
//!
//! Needs nothing but std: no runtime, no timer, no task of its own.

mod closing;
mod members;
mod subscription;

use alloc::sync::Arc;
use alloc::vec::{self, Vec};
use core::borrow::Borrow;
use core::fmt;
use core::future::poll_fn;
use core::hash::BuildHasher;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Poll, Waker};
use std::hash::RandomState;
use std::sync::{Mutex, MutexGuard, PoisonError};

use slotmap::{DefaultKey, SlotMap};

use self::closing::Closer;
use self::members::Members;
use crate::server::{EventId, Topics, TopicsConfig, TopicsStats};
use crate::{Event, EventRef};

pub use self::members::Membership;
pub use self::subscription::Subscription;

/// Publishes events to topics, and gives each subscriber those of its topics.
///
/// A clone is another handle of the same hub. Publishing never waits for a subscriber: events are
/// encoded once and kept in one bounded log, in which each subscription is a place. A subscription
/// that comes with a last event ID gets what was published since, without a gap and without a double,
/// or an event of type `gap` that says that it cannot (see [`Gap`](crate::server::Gap)).
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
/// let mut subscription = hub.subscribe(["prices"], None);
///
/// let id = hub.publish("prices", Event::new("121.5"));
/// let events = subscription.next().await.unwrap();
/// assert_eq!(events.into_bytes(), format!("id: {id}\ndata: 121.5\n\n"));
///
/// // A client that comes back, with the ID of the last event that it has seen.
/// hub.publish("prices", Event::new("121.7"));
/// let mut resumed = hub.subscribe(["prices"], Some(&id.to_string()));
/// assert!(resumed.next().await.unwrap().as_bytes().ends_with(b"data: 121.7\n\n"));
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main();
/// ```
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    /// Goes on, under the lock, with everything that may end a subscription's wait. Whoever waits since
    /// the version that this still has need not take the lock to know that it waits.
    version: AtomicUsize,
    state: Mutex<State>,
    members: Members,
}

struct State {
    topics: Topics<Waker>,
    closing: Closing,
    /// Who waits for the last subscription to go.
    closers: SlotMap<DefaultKey, Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closing {
    Not,
    /// Subscriptions give what is left for them, and end.
    Gently,
    /// Subscriptions end.
    AtOnce,
}

impl Hub {
    /// Makes a hub with the default [`TopicsConfig`].
    pub fn new() -> Self {
        Self::with_config(TopicsConfig::new())
    }

    /// Makes a hub. Its epoch is drawn at random.
    pub fn with_config(config: TopicsConfig) -> Self {
        let epoch = RandomState::new().hash_one(0);
        Self(Arc::new(Shared {
            version: AtomicUsize::new(0),
            state: Mutex::new(State {
                topics: Topics::new(config, epoch),
                closing: Closing::Not,
                closers: SlotMap::new(),
            }),
            members: Members::default(),
        }))
    }

    /// Has `listener` told whenever a subscription comes to a topic or leaves it, in the order in
    /// which that happens. It takes the place of an earlier one.
    ///
    /// It is called by whoever subscribes, or drops a subscription, with no lock held that this hub's
    /// methods need: it may publish, subscribe and replace itself. One that panics is told no more.
    pub fn on_membership(&self, listener: impl FnMut(&Membership) + Send + 'static) {
        self.0.members.listen(listener);
    }

    /// Publishes an event to a topic, and returns the ID that it was given, in place of any of its
    /// own.
    pub fn publish(&self, topic: impl AsRef<str>, event: impl Borrow<Event>) -> EventId {
        self.publish_ref(topic, event.borrow().into())
    }

    /// As [`publish`](Self::publish), for an event that is only borrowed.
    pub fn publish_ref(&self, topic: impl AsRef<str>, event: EventRef<'_>) -> EventId {
        let topic = topic.as_ref();
        let mut state = self.0.lock();
        let id = state.topics.publish(topic, event);
        self.0.wake_ready(state);
        id
    }

    /// Subscribes to topics, which need not exist, from now on or from behind the event that
    /// `last_event_id` names; see [`Topics::subscribe`].
    ///
    /// The subscription ends at once if the hub is shut down.
    pub fn subscribe<T: AsRef<str>>(
        &self,
        topics: impl IntoIterator<Item = T>,
        last_event_id: Option<&str>,
    ) -> Subscription {
        // Whatever names the topics may ask the hub, so it runs before the lock.
        let topics: Vec<T> = topics.into_iter().collect();
        let names: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
        let mut state = self.0.lock();
        let subscriber = state.topics.subscribe(names, last_event_id);
        self.0.members.note(&state.topics, &subscriber, true);
        drop(state);
        let subscription = Subscription::new(Arc::clone(&self.0), subscriber);
        self.0.members.tell();
        subscription
    }

    /// Ends all subscriptions, present and future: each gives what it has not given yet, then ends.
    /// Returns when all are gone, or when `deadline` is done, with the number of those that are left;
    /// these end without giving any more.
    ///
    /// `deadline` is a timer of the caller's runtime, for instance `tokio::time::sleep`.
    pub async fn shutdown(&self, deadline: impl Future<Output = ()>) -> usize {
        self.close(Closing::Gently);
        let mut deadline = pin!(deadline);
        let mut closer = Closer::new(&self.0);
        let left = poll_fn(|cx| {
            let left = closer.wait(cx.waker());
            if left > 0 && deadline.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            Poll::Ready(left)
        })
        .await;
        self.close(Closing::AtOnce);
        left
    }

    /// Returns how many subscriptions there are.
    pub fn subscriber_count(&self) -> usize {
        self.0.lock().topics.subscriber_count()
    }

    /// Returns how many subscriptions a topic has.
    pub fn subscriber_count_of(&self, topic: impl AsRef<str>) -> usize {
        let topic = topic.as_ref();
        self.0.lock().topics.subscriber_count_of(topic)
    }

    /// Returns what has become of subscriptions so far.
    pub fn stats(&self) -> TopicsStats {
        self.0.lock().topics.stats()
    }

    fn close(&self, closing: Closing) {
        let mut state = self.0.lock();
        state.closing = state.closing.max(closing);
        state.topics.wake_all();
        self.0.wake_ready(state);
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("subscriber_count", &self.subscriber_count())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of a caller's runs under the lock but clones of wakers; a panic there leaves whole
        // events behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those whose wait is over, once the lock is free.
    fn wake_ready(&self, mut state: MutexGuard<'_, State>) {
        self.version.fetch_add(1, Ordering::Release);
        let ready = state.topics.take_ready();
        drop(state);
        wake_each(ready);
    }
}

/// Wakes each, even if one panics.
fn wake_each(wakers: Vec<Waker>) {
    struct Rest(vec::IntoIter<Waker>);

    impl Drop for Rest {
        fn drop(&mut self) {
            self.0.by_ref().for_each(Waker::wake);
        }
    }

    let mut rest = Rest(wakers.into_iter());
    rest.0.by_ref().for_each(Waker::wake);
}
