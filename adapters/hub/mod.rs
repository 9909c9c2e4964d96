//! Topics that many tasks share: [`Topics`] with a lock and wakers.
//!
//! A hub needs the standard library only: no runtime, no timer, and no task of its own.
//!
//! # Examples
//!
//! One task publishes, another reads until the hub is shut down:
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # mod run {
//! use core::time::Duration;
//! use ssewire::{Event, Hub};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() {
//! let hub = Hub::new();
//! let mut subscription = hub.subscribe("news", None).unwrap();
//! let reader = tokio::spawn(async move {
//!     let mut bytes = 0;
//!     while let Some(events) = subscription.next().await {
//!         bytes += events.as_bytes().len();
//!     }
//!     bytes
//! });
//!
//! hub.publish("news", Event::new("hello"));
//! let left = hub.shutdown(tokio::time::sleep(Duration::from_secs(5))).await;
//! assert_eq!(left, 0);
//! assert!(reader.await.unwrap() > 0);
//! # }
//! # }
//! # #[cfg(feature = "tokio")]
//! # run::main();
//! ```

mod changes;
mod closing;
mod members;
mod subscription;

use alloc::sync::Arc;
use core::borrow::Borrow;
use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Poll, Waker};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::closing::ShutdownWait;
use self::members::Members;
use crate::adapters::seed::random_seed;
use crate::adapters::wakers::{self, WakerList};
use crate::server::{EventId, Refused, Start, TopicNames, Topics, TopicsConfig, TopicsStats};
use crate::{Event, EventRef};

pub use self::members::Membership;
pub use self::subscription::Subscription;

/// A handle to topics that many tasks share. Events are published to a topic, and each subscription
/// gets the events of its topics.
///
/// A clone is another handle to the same topics. Each event is encoded and stored once, in one bounded
/// log, and each subscription is a position in that log, so publishing never waits for a subscriber. A
/// subscription with a last event ID resumes after that event, without a loss and without a
/// repetition, or gets an event of type `gap` if that is impossible (see
/// [`Gap`](crate::server::Gap)).
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
/// let mut subscription = hub.subscribe("prices", None).unwrap();
///
/// let id = hub.publish("prices", Event::new("121.5"));
/// let events = subscription.next().await.unwrap();
/// assert_eq!(events.into_bytes(), format!("id: {id}\ndata: 121.5\n\n"));
///
/// // A client returns with the ID of the last event that it received.
/// hub.publish("prices", Event::new("121.7"));
/// let mut resumed = hub.subscribe("prices", id).unwrap();
/// assert!(resumed.next().await.unwrap().as_bytes().ends_with(b"data: 121.7\n\n"));
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main();
/// ```
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    /// Goes up, under the lock, with everything that may end a subscription's wait. A subscription that
    /// has been waiting since this version need not take the lock to know that it still waits.
    version: AtomicUsize,
    state: Mutex<State>,
    members: Members,
}

struct State {
    topics: Topics<Waker>,
    closing: Closing,
    /// Those that wait for the last subscription to leave.
    closers: WakerList,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closing {
    Not,
    /// Subscriptions end after the events that are left for them.
    Gently,
    /// Subscriptions end.
    AtOnce,
}

impl Hub {
    /// Creates a hub with the default [`TopicsConfig`].
    pub fn new() -> Self {
        Self::with_config(TopicsConfig::new())
    }

    /// Creates a hub. Its epoch is drawn at random.
    pub fn with_config(config: TopicsConfig) -> Self {
        let epoch = random_seed();
        Self(Arc::new(Shared {
            version: AtomicUsize::new(0),
            state: Mutex::new(State {
                topics: Topics::new(config, epoch),
                closing: Closing::Not,
                closers: WakerList::default(),
            }),
            members: Members::default(),
        }))
    }

    /// Calls `listener` whenever a subscription joins or leaves a topic, in the order in which that
    /// happens. Replaces an earlier listener.
    ///
    /// The listener runs on a thread that subscribes or drops a subscription. No lock that the hub's
    /// methods need is held meanwhile, so it may publish, subscribe and replace itself. A listener
    /// that panics is not called again.
    ///
    /// A listener should be fast. While it is called, changes wait, and other threads go on. A thread
    /// calls it with 64 changes at most if another has changes too, which then takes over. When more
    /// than 8,192 changes wait, those of one topic are merged, and
    /// [`Membership::changes`] is how many; those that cancel out are dropped.
    pub fn on_membership(&self, listener: impl FnMut(&Membership) + Send + 'static) {
        self.0.members.listen(listener);
    }

    /// Publishes an event to a topic, and returns the event's new ID, which replaces any that it had.
    pub fn publish(&self, topic: impl AsRef<str>, event: impl Borrow<Event>) -> EventId {
        self.publish_ref(topic, event.borrow().into())
    }

    /// Publishes a borrowed event as [`publish`](Self::publish) does.
    pub fn publish_ref(&self, topic: impl AsRef<str>, event: EventRef<'_>) -> EventId {
        let topic = topic.as_ref();
        let mut state = self.0.lock();
        let id = state.topics.publish(topic, event);
        self.0.wake_ready(state);
        id
    }

    /// Subscribes to topics, which need not have any events yet.
    ///
    /// `topics` is [one name or several](TopicNames). `start` is the [`Start`], or what converts into
    /// it: `None` for the events that are published from now on, or a last event ID for all events
    /// that were published after it.
    ///
    /// # Errors
    ///
    /// [`Refused`] if there are too many topics, if the name of one is too long, or if a
    /// [shutdown](Self::shutdown) is over. Until then a subscription gets what it has missed, and then
    /// ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Hub;
    /// use ssewire::server::{Refused, TopicsConfig};
    ///
    /// let hub = Hub::with_config(TopicsConfig::new().max_topics_per_subscriber(10));
    /// let one = hub.subscribe("prices", None)?;
    /// let several = hub.subscribe(["prices", "news"], None)?;
    ///
    /// // Whoever can name topics can name many.
    /// let request: Vec<String> = (0..1_000).map(|topic| topic.to_string()).collect();
    /// let refused = hub.subscribe(&request, None).unwrap_err();
    /// assert_eq!(refused, Refused::TooManyTopics { topics: 1_000, limit: 10 });
    /// # Ok::<(), Refused>(())
    /// ```
    pub fn subscribe<K: ?Sized>(
        &self,
        topics: impl TopicNames<K>,
        start: impl Into<Start>,
    ) -> Result<Subscription, Refused> {
        // These may be long, or call the hub, so they run before the lock is taken.
        let (topics, start) = (topics.into_topics(), start.into());
        let mut state = self.0.lock();
        if state.closing == Closing::AtOnce {
            return Err(Refused::Closed);
        }
        let subscriber = state.topics.subscribe(topics, start)?;
        self.0.members.note(&state.topics, &subscriber, true);
        drop(state);
        let subscription = Subscription::new(Arc::clone(&self.0), subscriber);
        self.0.members.tell();
        Ok(subscription)
    }

    /// Shuts the hub down: each subscription, present or future, ends after the events that are left
    /// for it. Waits until the last one has ended, or until `deadline` is ready. The subscriptions that
    /// are left then end without further events, and their number is returned.
    ///
    /// `deadline` is a timer of the caller's runtime, for instance `tokio::time::sleep`, whatever it
    /// returns.
    ///
    /// When this returns, a server may still hold the last bytes of its responses, above all with
    /// HTTP/2. So shut the server down after it, and wait for that too: until hyper-util's
    /// [`GracefulShutdown`](https://docs.rs/hyper-util/latest/hyper_util/server/graceful/struct.GracefulShutdown.html)
    /// or axum's `with_graceful_shutdown` is over, or a deadline of its own, since a client that never
    /// finishes its request would hold them up. The example `shared/server.rs` does so.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the subscriptions still end after the events that are left for them.
    /// To end them at once, call this again with a deadline that is ready.
    pub async fn shutdown<T>(&self, deadline: impl Future<Output = T>) -> usize {
        self.close(Closing::Gently);
        let mut deadline = pin!(deadline);
        let mut wait = ShutdownWait::new(&self.0);
        let left = poll_fn(|cx| {
            let left = wait.poll(cx.waker());
            if left > 0 && deadline.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            Poll::Ready(left)
        })
        .await;
        self.close(Closing::AtOnce);
        left
    }

    /// Returns the number of subscriptions.
    pub fn subscriber_count(&self) -> usize {
        self.0.lock().topics.subscriber_count()
    }

    /// Returns the number of subscriptions of a topic.
    pub fn subscriber_count_of(&self, topic: impl AsRef<str>) -> usize {
        let topic = topic.as_ref();
        self.0.lock().topics.subscriber_count_of(topic)
    }

    /// Returns how many gaps and slow subscriptions there were.
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
        // The only foreign code that runs under the lock is the cloning of wakers, and a panic there
        // leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases the lock, then wakes those whose wait is over.
    fn wake_ready(&self, mut state: MutexGuard<'_, State>) {
        self.version.fetch_add(1, Ordering::Release);
        let ready = state.topics.take_ready();
        drop(state);
        wakers::wake_all(ready);
    }
}
