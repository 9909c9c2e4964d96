//! The configurations of a session and of topics.

use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;
use fastrand::Rng;

use crate::event::{Event, EventRef};

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
    pub(crate) tells_position: bool,
    /// What few sessions have, shared by all that have this configuration.
    pub(crate) rare: Option<Arc<Rare>>,
}

/// Settings that few sessions have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rare {
    /// The event that is sent in place of a comment.
    pub(crate) heartbeat: Option<Bytes>,
    /// The event that reports the position, without its ID.
    pub(crate) position_type: Option<Event>,
    pub(crate) gather: Option<Duration>,
}

/// The notice by which a session tells its client the position, as
/// [`SessionConfig::position_notice`] sets it.
///
/// A client that loses its connection before its first event has no last event ID. Without notice,
/// it would miss the events that are published until it reconnects. So a session whose events know
/// their position begins with the ID of that position.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::server::{EventId, PositionNotice, Session, SessionConfig};
/// use ssewire::{Event, Timestamp};
///
/// let now = Timestamp::default();
/// let config = SessionConfig::new().retry(Duration::from_secs(2));
/// let mut out = Vec::new();
/// let mut session = Session::open(now, config, 0, &mut out);
/// session.handle_position(EventId::new(0xE, 7), &mut out);
/// assert_eq!(out, b":\nretry: 2000\nid: e-7\n\n");
///
/// // As an event, for clients that take no ID without one.
/// let notice = PositionNotice::Event(Event::new("").with_type("position")?);
/// let config = SessionConfig::new().position_notice(notice);
/// out.clear();
/// let mut session = Session::open(now, config, 0, &mut out);
/// session.handle_position(EventId::new(0xE, 7), &mut out);
/// assert_eq!(out, b":\nid: e-7\nevent: position\ndata: \n\n");
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PositionNotice {
    /// A block with an ID and no data, which a client takes over without firing an event (WHATWG
    /// HTML, "Interpreting an event stream"). This is the default.
    ///
    /// Some clients do not follow the standard. httpx-sse, fetch-event-source and r3labs/sse take
    /// such a block for an empty event, and eventsource of npm ignores its ID.
    #[default]
    Block,
    /// This event, with the ID of the position. All clients take its ID. Give it a type that the
    /// page does not listen to.
    Event(Event),
    /// Nothing. A client that loses its connection before its first event begins again without an
    /// ID.
    Off,
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
            tells_position: true,
            rare: None,
        }
    }

    /// Sets the length of the silence after which a comment is sent. The default is 15 seconds.
    /// `None` and zero mean never.
    pub fn keep_alive(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.keep_alive = time.into().filter(|time| !time.is_zero());
        self
    }

    /// Sets the reconnection time that is sent with the first event, in whole milliseconds, rounded
    /// up. By default none is sent, and the client uses its own. Zero is sent like any other time.
    ///
    /// If a [notice of the position](Self::position_notice) comes before the first event, the time
    /// is sent with the notice. After a [block](PositionNotice::Block), it is sent with the first
    /// event again, because some clients ignore the time in a block without data.
    pub fn retry(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.retry = time.into();
        self
    }

    /// Sets the age at which the session ends. Its client then reconnects, perhaps to a server that
    /// was added meanwhile, and its credentials are checked again. By default there is no such age.
    /// `None` and zero mean the same.
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.max_age = age.into().filter(|age| !age.is_zero());
        self
    }

    /// Sets how long the peer may take no bytes while some wait to be sent. After that, the session
    /// ends as [`Stalled`](crate::server::SessionEnd::Stalled). The default is 30 seconds. `None`
    /// and zero mean that there is no limit.
    pub fn write_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.write_timeout = time.into().filter(|time| !time.is_zero());
        self
    }

    /// Sets by how much the maximum age may be shortened at random, in percent. The default is 10.
    /// More than 100 counts as 100.
    ///
    /// This spreads the reconnects of clients that connected at the same time.
    pub const fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = if percent < 100 { percent } else { 100 };
        self
    }

    /// Sets the notice by which the client learns the position, if the events know it, as those of
    /// a `Hub` do. The default is a [block](PositionNotice::Block) with the ID alone.
    ///
    /// When the position moves without an event, because a subscription leaves events out, the
    /// notice is sent again in place of the next comment that keeps the connection alive.
    pub fn position_notice(mut self, notice: PositionNotice) -> Self {
        self.tells_position = notice != PositionNotice::Off;
        let event = match notice {
            PositionNotice::Event(event) => Some(event),
            _ => None,
        };
        if event.is_some() || self.rare.is_some() {
            self.rare_mut().position_type = event;
        }
        self
    }

    /// Sets the event that keeps the connection alive in place of a comment. A page can see it,
    /// unlike a comment.
    ///
    /// The event is sent without its ID. By default, and with `None`, comments are sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use ssewire::server::{Session, SessionConfig};
    /// use ssewire::{Event, Timestamp};
    ///
    /// let at = |seconds| Timestamp::from_origin(Duration::from_secs(seconds));
    /// let config = SessionConfig::new().heartbeat(Event::new("").with_type("alive")?);
    /// let mut out = Vec::new();
    /// let mut session = Session::open(at(0), config, 0, &mut out);
    /// session.handle_timeout(at(15), &mut out);
    /// assert_eq!(out, b":\nevent: alive\ndata: \n\n");
    /// # Ok::<(), ssewire::InvalidField>(())
    /// ```
    pub fn heartbeat(mut self, event: impl Into<Option<Event>>) -> Self {
        let event = event.into();
        let without_id = |event: Event| {
            let plain = EventRef::new(event.data());
            let typed = plain.with_type(event.event_type());
            typed.unwrap_or(plain).to_bytes()
        };
        self.rare_mut().heartbeat = event.map(without_id);
        self
    }

    /// Sets how long events are gathered after a write. By default they are not gathered. `None`
    /// and zero mean the same.
    ///
    /// The first event after a silence is sent at once. The events that follow wait until `window`
    /// has passed since the last write, and are then sent together. Each event is later by at most
    /// `window`. In return, there are far fewer writes, which cost most of a server's time.
    pub fn gather(mut self, window: impl Into<Option<Duration>>) -> Self {
        self.rare_mut().gather = window.into().filter(|window| !window.is_zero());
        self
    }

    fn rare_mut(&mut self) -> &mut Rare {
        Arc::make_mut(self.rare.get_or_insert_default())
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
/// use ssewire::server::{SlowReader, Topics, TopicsConfig};
/// use ssewire::{EventRef, Timestamp};
///
/// let now = Timestamp::default();
/// let config = TopicsConfig::new()
///     .max_events(2)
///     .max_bytes(1 << 20)
///     .slow_reader(SlowReader::SkipToLive);
///
/// let mut topics = Topics::<u32>::new(config, 0xE);
/// for price in ["121.5", "121.6", "121.7"] {
///     topics.publish(now, "prices", EventRef::new(price))?;
/// }
/// assert_eq!(topics.event_count(), 2);
/// # Ok::<(), ssewire::server::PublishError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicsConfig {
    pub(crate) max_events: usize,
    pub(crate) max_bytes: usize,
    pub(crate) max_events_per_topic: Option<usize>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_closed_topics: usize,
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
            max_events_per_topic: None,
            max_age: None,
            max_closed_topics: 1024,
            max_topic_name_bytes: 1024,
            max_topics_per_subscriber: 1024,
            slow_reader: SlowReader::Disconnect,
        }
    }

    /// Sets how many events the log holds, of all topics together. The default is 10,000, and the
    /// minimum is 1.
    ///
    /// To make room for another event, the topic that holds the most bytes loses its oldest event.
    /// An event of several topics counts once.
    pub const fn max_events(mut self, events: usize) -> Self {
        self.max_events = if events == 0 { 1 } else { events };
        self
    }

    /// Sets how many bytes the log holds, of all topics together. The default is 16 MiB.
    ///
    /// The encoded events, their keys, and the names of their topics count. An event of several
    /// topics counts once, and its key counts once for each topic.
    ///
    /// The newest event is kept even if it alone is larger.
    ///
    /// In addition, the log takes at most 192 bytes for each event and 768 bytes for each topic,
    /// and up to 8 batches that its subscribers share. A topic that has subscribers but no events
    /// takes 768 bytes and its name too.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how many events each topic holds. By default there is no such limit. The minimum is 1.
    ///
    /// The topic loses its oldest event to make room for another.
    pub fn max_events_per_topic(mut self, events: impl Into<Option<usize>>) -> Self {
        self.max_events_per_topic = events.into().map(|events| events.max(1));
        self
    }

    /// Sets how old an event may become. By default there is no limit. `None` and zero mean the
    /// same.
    ///
    /// An older event is dropped with the next publication or subscription, or by
    /// [`Topics::expire`](crate::server::Topics::expire). The event of a
    /// [`Presence`](crate::server::Presence) is not dropped for its age.
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.max_age = age.into().filter(|age| !age.is_zero());
        self
    }

    /// Sets how many topics can be [closed](crate::server::Topics::close_topic) at a time. The
    /// default is 1,024. When one more is closed, the one that was closed first is open again.
    pub const fn max_closed_topics(mut self, topics: usize) -> Self {
        self.max_closed_topics = topics;
        self
    }

    /// Sets how long the name of a topic and the key of an event may be, in bytes. The default is
    /// 1,024.
    ///
    /// A subscription to a topic with a longer name is
    /// [refused](crate::server::Refused::NameTooLong). An event with a longer name or key is not
    /// published, which is a [`PublishError`](crate::server::PublishError).
    pub const fn max_topic_name_bytes(mut self, bytes: usize) -> Self {
        self.max_topic_name_bytes = bytes;
        self
    }

    /// Sets how many topics one subscriber may read. The default is 1,024.
    ///
    /// A subscription to more topics is [refused](crate::server::Refused::TooManyTopics).
    /// Subscribing takes about a microsecond for each topic, during which nothing can be published.
    /// Each topic also takes memory until its last subscriber leaves. So set this higher only if
    /// clients do not choose the topics themselves.
    pub const fn max_topics_per_subscriber(mut self, topics: usize) -> Self {
        self.max_topics_per_subscriber = topics;
        self
    }

    /// Sets what happens to a subscriber that does not keep up. By default it is
    /// [disconnected](SlowReader::Disconnect).
    ///
    /// When a subscriber reads, it does not keep up in these cases:
    ///
    /// - An event that it has not read was dropped from the log.
    /// - It is no longer in its replay, and half of the events or bytes that the log of a topic may
    ///   hold were published to the topic after the event that it has to read next.
    /// - It is no longer in its replay, the topic has just lost an event to make room, and half of
    ///   the events that the topic still holds were published after the event that it has to read
    ///   next.
    ///
    /// A subscriber is in its replay until it has read all events once.
    ///
    /// Events with a key do not count in the last two cases, because a subscriber that falls behind
    /// gets the newest event of each key.
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

/// The treatment of a subscriber that does not keep up, as [`TopicsConfig::slow_reader`] defines
/// it.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Delivery, GapReason, SlowReader, Topics, TopicsConfig};
/// use ssewire::{EventRef, Timestamp};
///
/// let now = Timestamp::default();
/// let config = TopicsConfig::new().max_events(4).slow_reader(SlowReader::SkipToLive);
/// let mut topics = Topics::<u32>::new(config, 0xE);
/// let mut reader = topics.subscribe(now, "prices", None)?;
/// for price in ["121.5", "121.6", "121.7"] {
///     topics.publish(now, "prices", EventRef::new(price))?;
/// }
///
/// let Some(Delivery::Gap(gap)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(gap.reason, GapReason::Lagged);
/// assert_eq!(topics.poll_delivery(&mut reader, 1 << 16), None);
/// # topics.unsubscribe(reader);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowReader {
    /// The subscriber is disconnected. It can subscribe again after the last event that it got,
    /// without a loss if the log still holds all events that follow.
    #[default]
    Disconnect,
    /// The subscriber gets a gap with the reason
    /// [`GapReason::Lagged`](crate::server::GapReason::Lagged), then the newest event of each key,
    /// and then the events that are published next.
    SkipToLive,
}
