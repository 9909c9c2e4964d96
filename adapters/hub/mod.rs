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

mod announcement;
mod burst;
mod changes;
mod clock;
mod closing;
mod handle;
mod members;
mod names;
mod observation;
mod publication;
#[cfg(feature = "metrics")]
mod record;
#[cfg(feature = "redis")]
mod relayed;
mod subscription;
#[cfg(feature = "tracing")]
mod trace;
mod waiter;

#[cfg(feature = "redis")]
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Poll;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use self::clock::Clock;
use self::closing::ShutdownWait;
use self::members::Members;
use self::names::Names;
use self::observation::{Observed, Observers, Published};
use self::waiter::Waiter;
#[cfg(feature = "redis")]
use crate::adapters::wakers;
use crate::adapters::wakers::WakerList;
#[cfg(feature = "redis")]
use crate::server::Kind;
use crate::server::{
    EventId, PublishError, Refused, Start, TopicNames, Topics, TopicsConfig, TopicsStats,
};
use crate::{Event, EventRef, Timestamp};

pub use self::announcement::Announcement;
pub use self::burst::Burst;
pub use self::handle::SubscriptionHandle;
pub use self::members::Membership;
pub use self::observation::{Observation, StreamEnd};
pub use self::publication::Publication;
pub use self::subscription::{Subscription, SubscriptionStream};

/// A handle to topics that many tasks share. Events are published to a topic, and each subscription
/// gets the events of its topics.
///
/// A clone is another handle to the same topics. Each event is encoded and stored once, in one
/// bounded log. Each subscription is a position in that log, so publishing never waits for a
/// subscriber. A subscription with a last event ID resumes after that event, without a loss and
/// without a repetition. If that is impossible, it gets an event of type `gap` (see
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
/// let id = hub.publish("prices", Event::new("121.5")).await.unwrap();
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

pub(in crate::adapters) struct Shared {
    /// Goes up, under the lock, with everything that may end a subscription's wait. A subscription
    /// that has been waiting since this version need not take the lock to know that it still waits.
    version: AtomicUsize,
    /// The time within which responses end, once a shutdown is spread over it.
    window: OnceLock<Duration>,
    clock: Clock,
    state: Mutex<State>,
    members: Members,
    /// Whether the events go by way of a log.
    #[cfg(feature = "redis")]
    is_relayed: bool,
}

struct State {
    topics: Topics<Waiter>,
    closing: Closing,
    /// Those that wait for the last subscription to leave.
    closers: WakerList,
    observers: Option<Observers>,
    /// The counts that the observers know.
    told: TopicsStats,
    /// The number of streams that were opened while there were observers.
    observed_count: u64,
    #[cfg(feature = "redis")]
    relayed: Option<Box<relayed::Relayed>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closing {
    Not,
    /// Responses end within the window, each at a moment of its own.
    Spread,
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

    /// Creates a hub.
    ///
    /// Its epoch is the system time, followed by random digits. So the IDs of a hub that is created
    /// later are higher, unless the system's clock is set back.
    pub fn with_config(config: TopicsConfig) -> Self {
        Self::over(
            Topics::new(config, clock::new_epoch()),
            #[cfg(feature = "redis")]
            None,
        )
    }

    fn over(
        topics: Topics<Waiter>,
        #[cfg(feature = "redis")] relayed: Option<Box<relayed::Relayed>>,
    ) -> Self {
        Self(Arc::new(Shared {
            version: AtomicUsize::new(0),
            window: OnceLock::new(),
            clock: Clock::new(),
            #[cfg(feature = "redis")]
            is_relayed: relayed.is_some(),
            state: Mutex::new(State {
                topics,
                #[cfg(feature = "redis")]
                relayed,
                closing: Closing::Not,
                closers: WakerList::default(),
                observers: None,
                told: TopicsStats::default(),
                observed_count: 0,
            }),
            members: Members::default(),
        }))
    }

    /// Calls `listener` whenever a subscription joins or leaves a topic, in the order in which that
    /// happens. Replaces an earlier listener.
    ///
    /// The listener runs on a thread that creates, reads or drops a subscription, or changes one
    /// through a handle. It is called without any lock that the hub's methods need, so it may
    /// publish, subscribe and replace itself. A listener that panics is not called again.
    ///
    /// A listener should be fast. While it runs, other threads go on, and their changes wait. A
    /// thread that has made 64 calls lets the next thread that has changes take over. When 8,192
    /// changes wait, further ones of one topic are merged, and [`Membership::changes`] is their
    /// number. Merged changes that cancel out are dropped.
    pub fn on_membership(&self, listener: impl FnMut(&Membership) + Send + 'static) {
        self.0.members.listen(listener);
    }

    /// Publishes an event to one topic or several. It gets a new ID, which replaces any that it
    /// had.
    ///
    /// An event of several topics is stored once, and a subscription to several of them gets it
    /// once.
    ///
    /// The returned [`Publication`] is a future of the ID. It need not be awaited. Its error is a
    /// [`PublishError`] if no topic is named, if the name of a topic is too long, or if a topic is
    /// closed.
    pub fn publish<K: ?Sized>(
        &self,
        topics: impl TopicNames<K>,
        event: impl Borrow<Event>,
    ) -> Publication {
        self.publish_ref(topics, event.borrow().into())
    }

    /// Publishes a borrowed event as [`publish`](Self::publish) does.
    pub fn publish_ref<K: ?Sized>(
        &self,
        topics: impl TopicNames<K>,
        event: EventRef<'_>,
    ) -> Publication {
        // The burst wakes those that wait also if an observer panics.
        self.burst().publish_ref(topics, event)
    }

    /// Publishes an event that replaces the one with the same key. Of each key, a topic keeps only
    /// the newest event.
    ///
    /// A subscription that starts with the [earliest](Start::Earliest) or the [last](Start::Last)
    /// events gets the newest event of each key. So does one that falls behind. It is not
    /// disconnected for events that were replaced. See [`Topics::publish_latest`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # mod run {
    /// use ssewire::server::Start;
    /// use ssewire::{Event, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # pub async fn main() {
    /// let hub = Hub::new();
    /// hub.publish_latest("prices", "AAPL", Event::new("121.5"));
    /// let newest = hub.publish_latest("prices", "AAPL", Event::new("121.7"));
    ///
    /// let mut prices = hub.subscribe("prices", Start::Earliest).unwrap();
    /// let events = prices.next().await.unwrap();
    /// let id = newest.await.unwrap();
    /// assert_eq!(events.into_bytes(), format!("id: {id}\ndata: 121.7\n\n"));
    /// # }
    /// # }
    /// # #[cfg(feature = "tokio")]
    /// # run::main();
    /// ```
    pub fn publish_latest<K: ?Sized>(
        &self,
        topics: impl TopicNames<K>,
        key: impl AsRef<str>,
        event: impl Borrow<Event>,
    ) -> Publication {
        self.burst().publish_latest(topics, key, event)
    }

    /// Publishes an event that reports the end of a key, and removes the event of the key from the
    /// log. See [`Topics::remove_latest`].
    pub fn remove_latest<K: ?Sized>(
        &self,
        topics: impl TopicNames<K>,
        key: impl AsRef<str>,
        event: impl Borrow<Event>,
    ) -> Publication {
        self.burst().remove_latest(topics, key, event)
    }

    /// Returns a handle for several publications in a row, which wakes each waiting subscription
    /// once, when it is dropped. The subscriptions then get all of these events together.
    ///
    /// On a runtime with several threads, this keeps one thread from reading the first event while
    /// another still publishes the others.
    pub fn burst(&self) -> Burst<'_> {
        Burst::new(&self.0)
    }

    /// Appends an event that already has an ID, for instance from a database after a restart. See
    /// [`Topics::append`].
    ///
    /// # Errors
    ///
    /// [`PublishError`] if the ID is not higher than those of all events before or its number is 0,
    /// if no topic is named, if the name of a topic or the key is too long, or if a topic is
    /// closed.
    pub fn append<K: ?Sized>(
        &self,
        id: EventId,
        topics: impl TopicNames<K>,
        key: Option<&str>,
        event: impl Borrow<Event>,
    ) -> Result<(), PublishError> {
        let event = event.borrow().into();
        let appended = self.burst().add(topics, |topics, now, names| {
            topics.append(now, id, names, key, event)?;
            Ok(id)
        });
        appended.into_result().map(drop)
    }

    /// Returns the position after all events that were published so far.
    ///
    /// A subscription that starts after this ID gets all events that are published from now on. So
    /// a page can load its state first, together with this position, and then subscribe without
    /// missing an event.
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
    /// hub.publish("news", Event::new("old"));
    /// let position = hub.position();
    /// let id = hub.publish("news", Event::new("new")).id().unwrap();
    ///
    /// let mut news = hub.subscribe("news", position).unwrap();
    /// let events = news.next().await.unwrap();
    /// assert_eq!(events.into_bytes(), format!("id: {id}\ndata: new\n\n"));
    /// # }
    /// # }
    /// # #[cfg(feature = "tokio")]
    /// # run::main();
    /// ```
    pub fn position(&self) -> EventId {
        self.0.lock().topics.position()
    }

    /// Closes a topic for some time. Its subscriptions get what is left for them and then end,
    /// unless they read other topics that are open.
    ///
    /// While it is closed, publishing to it is an error. A new subscription is
    /// [refused](Refused::TopicClosed) if it names only closed topics and the log has no events of
    /// these for it. Over HTTP that is a status 204, after which clients do not return.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # mod run {
    /// use core::time::Duration;
    /// use ssewire::server::Refused;
    /// use ssewire::{Event, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # pub async fn main() {
    /// let hub = Hub::new();
    /// let mut job = hub.subscribe("job 7", None).unwrap();
    /// hub.publish("job 7", Event::new("done"));
    /// hub.close_topic("job 7", Duration::from_secs(60));
    ///
    /// assert!(job.next().await.is_some());
    /// assert!(job.next().await.is_none());
    /// assert_eq!(hub.subscribe("job 7", None).unwrap_err(), Refused::TopicClosed);
    /// # }
    /// # }
    /// # #[cfg(feature = "tokio")]
    /// # run::main();
    /// ```
    pub fn close_topic(&self, topic: impl AsRef<str>, time: Duration) {
        #[cfg(feature = "redis")]
        if self.0.is_relayed {
            let topic = topic.as_ref().into();
            drop(self.0.relay(Kind::Close { topic, time }));
            return;
        }
        let now = self.0.clock.now();
        let mut state = self.0.lock();
        state.topics.close_topic(now, topic.as_ref(), time);
        self.0.wake_ready(state);
    }

    /// Ends all subscriptions of a topic, and returns their number.
    ///
    /// The events that they have not read are left out. A subscription that reads other topics too
    /// ends as well. With a topic per user, this ends the streams of a user who logs out.
    pub fn end_streams(&self, topic: impl AsRef<str>) -> usize {
        #[cfg(feature = "redis")]
        if self.0.is_relayed {
            let topic = topic.as_ref().into();
            drop(self.0.relay(Kind::End { topic }));
        }
        let mut state = self.0.lock();
        let count = state.topics.end_subscribers(topic.as_ref());
        self.0.wake_ready(state);
        count
    }

    /// Subscribes to topics, which need not have any events yet.
    ///
    /// `topics` is [one name or several](TopicNames). `start` is a [`Start`] or converts into one.
    /// `None` stands for the events that are published from now on, and a last event ID for all
    /// events that were published after it.
    ///
    /// # Errors
    ///
    /// [`Refused`] if there are too many topics, if the name of one is too long, if all of them are
    /// [closed](Self::close_topic) and have no events for the subscription, or if a
    /// [shutdown](Self::shutdown) is over. During a shutdown, a subscription still gets the events
    /// that it has missed, and then ends.
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
        let (topics, start, now) = (topics.into_topics(), start.into(), self.0.clock.now());
        let mut state = self.0.lock();
        if state.closing == Closing::AtOnce {
            return Err(Refused::Closed);
        }
        let subscriber = state.topics.subscribe(now, topics, start)?;
        self.0.members.note(&state.topics, &subscriber, true);
        let observers = state.observers.clone();
        let observed = observers.map(|observers| {
            let topics = state.topics.topics_of(&subscriber);
            let topics: Vec<String> = topics.map(String::from).collect();
            state.observed_count += 1;
            let observed = Observed::new(observers, state.observed_count, now);
            (observed, topics)
        });
        drop(state);
        let mut subscription = Subscription::new(Arc::clone(&self.0), subscriber);
        self.0.members.tell();
        if let Some((observed, topics)) = observed {
            subscription.observe(observed, &topics);
        }
        Ok(subscription)
    }

    /// Shuts the hub down.
    ///
    /// Each subscription, present or future, ends after the events that are left for it. This waits
    /// until the last one has ended, or until `deadline` is ready. The subscriptions that are left
    /// then end without further events, and their number is returned.
    ///
    /// `deadline` is a timer of the caller's runtime, such as `tokio::time::sleep`. Its output is
    /// ignored.
    ///
    /// When this returns, a server may still hold the last bytes of its responses, above all with
    /// HTTP/2. So shut the server down next, with hyper-util's
    /// [`GracefulShutdown`](https://docs.rs/hyper-util/latest/hyper_util/server/graceful/struct.GracefulShutdown.html)
    /// or axum's `with_graceful_shutdown`, and wait for that too. Set a deadline for it as well,
    /// because a client that never finishes its request would hold it up. The example
    /// `shared/server.rs` does so.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the subscriptions still end after the events that are left for
    /// them. To end them at once, call this again with a deadline that is ready.
    pub async fn shutdown<T>(&self, deadline: impl Future<Output = T>) -> usize {
        self.shut_down(Closing::Gently, deadline).await
    }

    /// Shuts the hub down as [`shutdown`](Self::shutdown) does, but spreads the ends of the
    /// responses over `window`, so that the clients do not all return at once.
    ///
    /// A response with a [`Session`](crate::server::Session) goes on until a random moment within
    /// `window`, and ends after all events that it has by then. A response without one ends at the
    /// deadline. A subscription that is read without a response ends after the events that are left
    /// for it.
    ///
    /// The deadline ends the subscriptions that are left, so it should be later than the window. If
    /// there are several calls, the first sets the window.
    ///
    /// # Cancel safety
    ///
    /// As for [`shutdown`](Self::shutdown).
    pub async fn shutdown_over<T>(
        &self,
        window: Duration,
        deadline: impl Future<Output = T>,
    ) -> usize {
        // Of several shutdowns, the first sets the window.
        self.0.window.get_or_init(|| window);
        self.shut_down(Closing::Spread, deadline).await
    }

    async fn shut_down<T>(&self, closing: Closing, deadline: impl Future<Output = T>) -> usize {
        self.close(closing);
        let mut deadline = pin!(deadline);
        let mut wait = ShutdownWait::new(&self.0);
        let left = poll_fn(|cx| {
            let left = wait.poll(cx.waker());
            if (left > 0 || self.0.has_unsettled()) && deadline.as_mut().poll(cx).is_pending() {
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

    /// Returns counts of slow readers, of gaps, and of events that were refused or dropped.
    pub fn stats(&self) -> TopicsStats {
        self.0.lock().topics.stats()
    }

    fn close(&self, closing: Closing) {
        let mut state = self.0.lock();
        state.closing = state.closing.max(closing);
        state.topics.wake_all();
        #[cfg(feature = "redis")]
        let waiting = state.relayed.as_mut().map(|relayed| relayed.close(closing));
        self.0.wake_ready(state);
        #[cfg(feature = "redis")]
        wakers::wake_all(waiting.into_iter().flatten());
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
    #[inline]
    fn lock(&self) -> MutexGuard<'_, State> {
        // The only foreign code that runs under the lock is the cloning of wakers, and a panic
        // there leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether publications are on their way.
    fn has_unsettled(&self) -> bool {
        #[cfg(feature = "redis")]
        if self.is_relayed {
            let state = self.lock();
            let relayed = state.relayed.as_ref();
            return relayed.is_some_and(|relayed| relayed.waiting() > 0);
        }
        false
    }

    /// Notes something that may end a subscription's wait. The lock is held.
    #[inline]
    fn note_change(&self) {
        // In steps of two, so that no version is `AWAKE`, which is odd.
        self.version.fetch_add(2, Ordering::Release);
    }

    /// Publishes an event. Adds the wakers of those whose wait is over to `ready`.
    fn publish<K: ?Sized>(
        &self,
        ready: &mut Vec<Waiter>,
        topics: impl TopicNames<K>,
        add: impl FnOnce(&mut Topics<Waiter>, Timestamp, Names<'_>) -> Result<EventId, PublishError>,
    ) -> Publication {
        let now = self.clock.now();
        let result = match topics.one_name() {
            Some(name) => self.publish_to(ready, now, Names::One(name), add),
            None => self.publish_to(ready, now, Names::Several(topics.into_topics()), add),
        };
        Publication::new(result)
    }

    fn publish_to(
        &self,
        ready: &mut Vec<Waiter>,
        now: Timestamp,
        names: Names<'_>,
        add: impl FnOnce(&mut Topics<Waiter>, Timestamp, Names<'_>) -> Result<EventId, PublishError>,
    ) -> Result<EventId, PublishError> {
        let mut state = self.lock();
        let result = add(&mut state.topics, now, names);
        self.note_change();
        match ready.is_empty() {
            true => *ready = state.topics.take_ready(),
            false => ready.extend(state.topics.take_ready()),
        }
        if let Some(published) = Published::note(&mut state, result.ok()) {
            drop(state);
            published.tell();
        }
        result
    }

    /// Releases the lock, then wakes those whose wait is over.
    fn wake_ready(&self, mut state: MutexGuard<'_, State>) {
        self.note_change();
        let ready = state.topics.take_ready();
        drop(state);
        waiter::wake_all(ready);
    }
}
