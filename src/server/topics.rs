//! Topics: publishing, subscribing, reading and waiting.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::mem;

use smallvec::SmallVec;

use crate::event::EventRef;
use crate::server::config::{SlowReader, TopicsConfig};
use crate::server::delivery::{Delivery, Gap, GapReason};
use crate::server::encoded::Encoded;
use crate::server::event_id::EventId;
use crate::server::history::{History, TooSlow};
use crate::server::subscriber::{Cursor, Subscriber};
use crate::server::waiters::{Ticket, Waiters};

/// Topics, their latest events, and their subscribers.
///
/// Each event is encoded and stored once, in a log that is bounded in events and in bytes. A
/// subscriber is a position in that log: a slow one costs no memory, and publishing never waits. The
/// events of all topics are numbered in one sequence, so one last event ID tells how far a connection
/// has read in all of its topics. The sequence belongs to an epoch, a number that the caller draws at
/// random, so an ID from before a restart is recognized. A subscriber that may have missed events is
/// told so by a [`Gap`].
///
/// `T` is a token that names a waiting subscriber to the caller: the number of a connection, or a
/// [`Waker`](core::task::Waker).
///
/// For each subscriber, call [`poll_delivery`](Self::poll_delivery) until it returns `None`, then
/// [`wait`](Self::wait). After each [`publish`](Self::publish), call [`take_ready`](Self::take_ready)
/// and wake the subscribers that the tokens name.
///
/// # Examples
///
/// ```
/// use ssewire::EventRef;
/// use ssewire::server::{Delivery, Topics, TopicsConfig};
///
/// let mut topics = Topics::new(TopicsConfig::new(), 0xE);
/// let mut reader = topics.subscribe(["news", "weather"], None);
/// assert_eq!(topics.poll_delivery(&mut reader, 1 << 16), None);
/// assert!(topics.wait(&mut reader, &"connection 7"));
///
/// let id = topics.publish("news", EventRef::new("hello"));
/// topics.publish("sports", EventRef::new("not for this reader"));
/// assert_eq!(topics.take_ready(), ["connection 7"]);
/// topics.publish("weather", EventRef::new("rain"));
/// let Some(Delivery::Events(events)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(events.into_bytes(), "id: e-1\ndata: hello\n\nid: e-3\ndata: rain\n\n");
///
/// // It reconnects, and the first event is the last that it received.
/// topics.unsubscribe(reader);
/// let mut reader = topics.subscribe(["news", "weather"], Some(&id.to_string()));
/// let Some(Delivery::Events(events)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(events.into_bytes(), "id: e-3\ndata: rain\n\n");
/// ```
#[derive(Debug)]
pub struct Topics<T> {
    config: TopicsConfig,
    epoch: u64,
    history: History,
    waiters: Waiters<T>,
    subscriber_count: usize,
    stats: TopicsStats,
    /// A buffer for the text of an ID.
    id: String,
}

/// Counts of slow readers and gaps since the [`Topics`] were created.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Topics, TopicsConfig};
///
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let reader = topics.subscribe(["news"], Some("an ID that was not assigned here"));
///
/// let stats = topics.stats();
/// assert_eq!((stats.gaps, stats.disconnected, stats.skipped), (1, 0, 0));
/// # topics.unsubscribe(reader);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicsStats {
    /// How many slow readers were disconnected.
    pub disconnected: u64,
    /// How many times a slow reader was moved to the newest event.
    pub skipped: u64,
    /// How many subscriptions could not resume without a gap.
    pub gaps: u64,
}

impl<T> Topics<T> {
    /// Creates topics without events. `epoch` must differ from one start of the program to the next.
    pub fn new(config: TopicsConfig, epoch: u64) -> Self {
        Self {
            history: History::new(config.max_events, config.max_bytes),
            config,
            epoch,
            waiters: Waiters::new(),
            subscriber_count: 0,
            stats: TopicsStats::default(),
            id: String::new(),
        }
    }

    /// Appends an event to a topic, and returns the event's new ID, which replaces any that it had.
    ///
    /// Ends the wait of the topic's subscribers; their tokens are then returned by
    /// [`take_ready`](Self::take_ready). Other subscribers cost nothing.
    pub fn publish(&mut self, topic: &str, event: EventRef<'_>) -> EventId {
        let id = EventId::new(self.epoch, self.history.next_number());
        self.id.clear();
        let _ = write!(self.id, "{id}");
        let bytes = event.with_checked_id(&self.id).to_bytes();
        let topic = self.history.push(topic, bytes);
        self.waiters.wake(topic);
        id
    }

    /// Adds a subscriber of topics, which need not have any events yet. A topic that is named several
    /// times counts once.
    ///
    /// Without a last event ID, the subscriber gets the events that are published from now on. With
    /// one, it also gets those that were published to its topics after that ID. If events after that
    /// ID may be lost, it gets a [`Gap`] first, then all events of its topics that the log has.
    pub fn subscribe<N: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = N>,
        last_event_id: Option<&str>,
    ) -> Subscriber {
        let (start, mut reason) = self.start_of(last_event_id);
        let mut cursors: SmallVec<[Cursor; 1]> = SmallVec::new();
        let mut resumes_after = 0;
        for name in topics {
            let topic = self.history.find_or_add(name.as_ref());
            if cursors.iter().any(|cursor| cursor.topic == topic) {
                continue;
            }
            let Some(log) = self.history.add_subscriber(topic) else {
                continue;
            };
            if log.newest_dropped() > start {
                resumes_after = resumes_after.max(log.newest_dropped());
                reason = reason.or(Some(GapReason::TooOld));
            }
            cursors.push(Cursor {
                topic,
                position: log.position_after(start),
                ticket: Ticket::default(),
            });
        }
        if cursors.is_empty() {
            // It waits until all are woken.
            cursors.push(Cursor::default());
        }
        self.stats.gaps += u64::from(reason.is_some());
        self.subscriber_count += 1;
        let gap = reason.map(|reason| Gap {
            reason,
            resumes_after: EventId::new(self.epoch, resumes_after),
        });
        let mut subscriber = Subscriber {
            cursors,
            gap: gap.map(Box::new),
            is_disconnected: false,
            has_caught_up: false,
        };
        subscriber.has_caught_up = subscriber.is_at_end(&self.history);
        subscriber
    }

    /// Removes a subscriber, and returns its tokens as [`stop_waiting`](Self::stop_waiting) does.
    pub fn unsubscribe(&mut self, mut subscriber: Subscriber) -> Vec<T> {
        let tokens = self.stop_waiting(&mut subscriber);
        for cursor in subscriber.cursors {
            if self.history.remove_subscriber(cursor.topic) == 0 {
                self.waiters.remove_topic(cursor.topic);
            }
        }
        self.subscriber_count -= 1;
        tokens
    }

    /// Returns the next delivery to a subscriber, or `None` if there is none yet. After `None`,
    /// call [`wait`](Self::wait).
    ///
    /// Events are joined up to `max_bytes`, but there is always at least one. Subscribers at the same
    /// position share the same bytes.
    pub fn poll_delivery(
        &mut self,
        subscriber: &mut Subscriber,
        max_bytes: usize,
    ) -> Option<Delivery> {
        if subscriber.is_disconnected {
            return Some(Delivery::Disconnected);
        }
        if let Some(gap) = subscriber.gap.take() {
            return Some(Delivery::Gap(*gap));
        }
        match subscriber.read(&mut self.history, max_bytes) {
            Ok(events) => events.map(|bytes| Delivery::Events(Encoded::new(bytes))),
            Err(TooSlow) => Some(self.handle_slow(subscriber)),
        }
    }

    /// Holds `token` until there is a delivery to a subscriber; then
    /// [`take_ready`](Self::take_ready) returns it. If there is a delivery already, this holds nothing
    /// and returns `false`.
    ///
    /// The token is cloned for each of the subscriber's topics, and each clone is held until that topic
    /// has an event. A topic for which one is held already keeps that one. To wait with another token,
    /// call [`stop_waiting`](Self::stop_waiting) first.
    pub fn wait(&mut self, subscriber: &mut Subscriber, token: &T) -> bool
    where
        T: Clone,
    {
        let has_something = subscriber.is_disconnected
            || subscriber.gap.is_some()
            || !subscriber.is_at_end(&self.history);
        if has_something {
            return false;
        }
        for cursor in &mut subscriber.cursors {
            self.waiters.hold(cursor.topic, &mut cursor.ticket, token);
        }
        true
    }

    /// Ends the wait of a subscriber, and returns the tokens that were held for it.
    pub fn stop_waiting(&mut self, subscriber: &mut Subscriber) -> Vec<T> {
        let cursors = subscriber.cursors.iter_mut();
        let tokens = cursors.filter_map(|cursor| {
            let ticket = mem::take(&mut cursor.ticket);
            self.waiters.remove(cursor.topic, ticket)
        });
        tokens.collect()
    }

    /// Returns the tokens of all subscribers whose wait has ended since the last call. Call it after
    /// every publication.
    ///
    /// A subscriber of several topics may be named several times: once for each topic that had an
    /// event.
    #[must_use = "a subscriber that is not woken waits for ever"]
    pub fn take_ready(&mut self) -> Vec<T> {
        self.waiters.take_ready()
    }

    /// Ends the wait of all subscribers, as if each had something to read. Their tokens are then
    /// returned by [`take_ready`](Self::take_ready).
    pub fn wake_all(&mut self) {
        self.waiters.wake_all();
    }

    /// Returns the names of the topics that a subscriber reads.
    pub fn topics_of(&self, subscriber: &Subscriber) -> impl Iterator<Item = &str> {
        let topics = subscriber.cursors.iter().map(|cursor| cursor.topic);
        topics.filter_map(|topic| self.history.name(topic))
    }

    /// Returns the number of subscribers.
    pub fn subscriber_count(&self) -> usize {
        self.subscriber_count
    }

    /// Returns the number of subscribers of a topic.
    pub fn subscriber_count_of(&self, topic: &str) -> usize {
        self.history.subscriber_count(topic)
    }

    /// Returns the number of topics that have events or subscribers.
    pub fn topic_count(&self) -> usize {
        self.history.topic_count()
    }

    /// Returns the number of events in the log.
    pub fn event_count(&self) -> usize {
        self.history.event_count()
    }

    /// Returns the length in bytes of all events in the log, encoded.
    pub fn byte_count(&self) -> usize {
        self.history.byte_count()
    }

    /// Returns how many gaps and slow readers there were.
    pub fn stats(&self) -> TopicsStats {
        self.stats
    }

    /// Returns the number of the event after which a subscriber starts to read, and the reason for a
    /// gap if its last event ID does not tell.
    fn start_of(&self, last_event_id: Option<&str>) -> (u64, Option<GapReason>) {
        let newest = self.history.newest();
        let Some(id) = last_event_id else {
            return (newest, None);
        };
        match id.parse::<EventId>() {
            Err(_) => (0, Some(GapReason::Unknown)),
            Ok(id) if id.epoch() != self.epoch => (0, Some(GapReason::OtherEpoch)),
            Ok(id) if id.number() > newest => (0, Some(GapReason::Unknown)),
            Ok(id) => (id.number(), None),
        }
    }

    fn handle_slow(&mut self, subscriber: &mut Subscriber) -> Delivery {
        match self.config.slow_reader {
            SlowReader::Disconnect => {
                subscriber.is_disconnected = true;
                self.stats.disconnected += 1;
                Delivery::Disconnected
            }
            SlowReader::SkipToLive => {
                subscriber.skip_to_end(&self.history);
                self.stats.skipped += 1;
                Delivery::Gap(Gap {
                    reason: GapReason::Lagged,
                    resumes_after: EventId::new(self.epoch, self.history.newest()),
                })
            }
        }
    }
}
