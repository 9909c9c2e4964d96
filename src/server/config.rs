//! The configurations of a session and of topics.

use core::time::Duration;

use fastrand::Rng;

/// The configuration of a [`Session`](crate::server::Session).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::server::{Session, SessionConfig};
/// use ssewire::{EventRef, Timestamp};
///
/// let config = SessionConfig::new()
///     .keep_alive(Duration::from_secs(30))
///     .retry(Duration::from_secs(2));
///
/// let mut out = Vec::new();
/// let now = Timestamp::from_origin(Duration::ZERO);
/// let mut session = Session::open(now, config, 0, &mut out);
/// session.send(now, EventRef::new("hi"), &mut out);
/// assert_eq!(out, b":\nretry: 2000\ndata: hi\n\n");
/// assert_eq!(session.poll_timeout(), Some(now + Duration::from_secs(30)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) retry: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    max_age: Option<Duration>,
    jitter_percent: u8,
}

impl SessionConfig {
    /// Creates the default configuration.
    pub const fn new() -> Self {
        Self {
            keep_alive: Some(Duration::from_secs(15)),
            retry: None,
            max_age: None,
            write_timeout: Some(Duration::from_secs(30)),
            jitter_percent: 10,
        }
    }

    /// Sets the length of a silence after which a comment is sent. The default is 15 seconds; `None`
    /// and zero mean never.
    pub fn keep_alive(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.keep_alive = time.into().filter(|time| !time.is_zero());
        self
    }

    /// Sets the reconnection time that is sent with the first event. By default none is sent, and the
    /// client uses its own. Zero is a time like any other.
    pub fn retry(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.retry = time.into();
        self
    }

    /// Sets the age at which the session ends. Its client then connects again: to a server that was
    /// added meanwhile, or with credentials that are checked again. By default there is no such
    /// age; `None` and zero mean that too.
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.max_age = age.into().filter(|age| !age.is_zero());
        self
    }

    /// Sets for how long the peer may take no bytes while some are waiting. The default is 30 seconds;
    /// `None` and zero mean for ever.
    pub fn write_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.write_timeout = time.into().filter(|time| !time.is_zero());
        self
    }

    /// Sets by how much, at most, the maximum age is shortened at random, in percent. The default
    /// is 10; more than 100 counts as 100.
    ///
    /// This spreads the reconnects of clients that connected at the same time.
    pub const fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = if percent < 100 { percent } else { 100 };
        self
    }

    /// Returns the maximum age of one session: the configured age, shortened by the jitter that the
    /// seed draws.
    pub(crate) fn jittered_max_age(&self, seed: u64) -> Option<Duration> {
        let age = self.max_age?;
        let spread = age / 100 * u32::from(self.jitter_percent);
        let nanoseconds = u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX);
        let less = Rng::with_seed(seed).u64(0..=nanoseconds);
        Some(age.saturating_sub(Duration::from_nanos(less)))
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// The configuration of [`Topics`](crate::server::Topics).
///
/// # Examples
///
/// ```
/// use ssewire::EventRef;
/// use ssewire::server::{SlowReader, Topics, TopicsConfig};
///
/// let config = TopicsConfig::new()
///     .max_events(2)
///     .max_bytes(1 << 20)
///     .slow_reader(SlowReader::SkipToLive);
///
/// let mut topics = Topics::<u32>::new(config, 0xE);
/// for price in ["121.5", "121.6", "121.7"] {
///     topics.publish("prices", EventRef::new(price));
/// }
/// assert_eq!(topics.event_count(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicsConfig {
    pub(crate) max_events: usize,
    pub(crate) max_bytes: usize,
    pub(crate) max_topic_name_bytes: usize,
    pub(crate) max_topics_per_subscriber: usize,
    pub(crate) slow_reader: SlowReader,
}

impl TopicsConfig {
    /// Creates the default configuration.
    pub const fn new() -> Self {
        Self {
            max_events: 10_000,
            max_bytes: 16 << 20,
            max_topic_name_bytes: 1024,
            max_topics_per_subscriber: 1024,
            slow_reader: SlowReader::Disconnect,
        }
    }

    /// Sets how many events of all topics together the log holds. The default is 10,000; the minimum
    /// is 1.
    pub const fn max_events(mut self, events: usize) -> Self {
        self.max_events = if events == 0 { 1 } else { events };
        self
    }

    /// Sets how many bytes the log may hold: its events, encoded, and the names of their topics. The
    /// default is 16 MiB.
    ///
    /// The newest event is kept even if it is larger.
    ///
    /// Beside these bytes a log takes at most 192 bytes per event and 768 bytes per topic, whatever is
    /// published in whatever order, and up to 8 batches of joined events that its readers share. A
    /// topic that has subscribers and no events takes these bytes too, and its name.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how long the name of a topic may be, in bytes. The default is 1 KiB.
    ///
    /// A subscription that names a longer one is
    /// [refused](crate::server::Refused::NameTooLong), so an event of such a topic has no readers and
    /// is not kept.
    pub const fn max_topic_name_bytes(mut self, bytes: usize) -> Self {
        self.max_topic_name_bytes = bytes;
        self
    }

    /// Sets how many topics one subscriber may read. The default is 1,024.
    ///
    /// A subscription that names more is [refused](crate::server::Refused::TooManyTopics). A topic
    /// takes a microsecond to subscribe to, during which nothing can be published, and memory until its
    /// last subscriber leaves, so set this higher only if clients do not choose the topics themselves.
    pub const fn max_topics_per_subscriber(mut self, topics: usize) -> Self {
        self.max_topics_per_subscriber = topics;
        self
    }

    /// Sets what happens to a subscriber that does not keep up. By default it is disconnected.
    ///
    /// A subscriber that has once read all events no longer keeps up when half of the events or bytes
    /// that the log may hold were published after the event that it has to read next. Before that, in
    /// its replay, it no longer keeps up when an event that it has to read was dropped from the log.
    pub const fn slow_reader(mut self, slow_reader: SlowReader) -> Self {
        self.slow_reader = slow_reader;
        self
    }
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// What happens to a subscriber that does not keep up, as
/// [`TopicsConfig::slow_reader`] defines it.
///
/// # Examples
///
/// ```
/// use ssewire::EventRef;
/// use ssewire::server::{Delivery, GapReason, SlowReader, Topics, TopicsConfig};
///
/// let config = TopicsConfig::new().max_events(4).slow_reader(SlowReader::SkipToLive);
/// let mut topics = Topics::<u32>::new(config, 0xE);
/// let mut reader = topics.subscribe("prices", None)?;
/// for price in ["121.5", "121.6", "121.7"] {
///     topics.publish("prices", EventRef::new(price));
/// }
///
/// let Some(Delivery::Gap(gap)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(gap.reason, GapReason::Lagged);
/// assert_eq!(topics.poll_delivery(&mut reader, 1 << 16), None);
/// # topics.unsubscribe(reader);
/// # Ok::<(), ssewire::server::Refused>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowReader {
    /// The subscriber is disconnected while the log still holds the events that it has not read, so
    /// that it can resume without a loss.
    #[default]
    Disconnect,
    /// The subscriber gets a gap with the reason
    /// [`GapReason::Lagged`](crate::server::GapReason::Lagged), then the events that are published
    /// next.
    SkipToLive,
}
