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
use crate::server::history::{History, Position, TooSlow};
use crate::server::readers::Readers;
use crate::server::refused::Refused;
use crate::server::start::Start;
use crate::server::subscriber::{Cursor, Cursors, Several, Subscriber};
use crate::server::topic::TopicKey;
use crate::server::topic_set::TopicNames;
use crate::server::wait_list::Ticket;

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
/// let mut reader = topics.subscribe(["news", "weather"], None)?;
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
/// let mut reader = topics.subscribe(["news", "weather"], id)?;
/// let Some(Delivery::Events(events)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(events.into_bytes(), "id: e-3\ndata: rain\n\n");
/// # Ok::<(), ssewire::server::Refused>(())
/// ```
#[derive(Debug)]
pub struct Topics<T> {
    config: TopicsConfig,
    epoch: u64,
    history: History<T>,
    readers: Readers<T>,
    /// The tokens of those whose wait is over.
    ready: Vec<T>,
    subscriber_count: usize,
    stats: TopicsStats,
    /// A buffer for the text of an ID.
    id: String,
}

/// Counts of slow readers, gaps and refused events since the [`Topics`] were created.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Topics, TopicsConfig};
///
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let reader = topics.subscribe("news", "an ID that was not assigned here")?;
///
/// let stats = topics.stats();
/// assert_eq!((stats.gaps, stats.disconnected, stats.skipped), (1, 0, 0));
/// # topics.unsubscribe(reader);
/// # Ok::<(), ssewire::server::Refused>(())
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
    /// How many events were not kept because the name of their topic was too long.
    pub refused: u64,
}

impl<T> Topics<T> {
    /// Creates topics without events. `epoch` must differ from one start of the program to the next.
    pub fn new(config: TopicsConfig, epoch: u64) -> Self {
        let before_first = EventId::new(epoch, 0);
        Self {
            history: History::new(config.max_events, config.max_bytes, before_first),
            config,
            epoch,
            readers: Readers::new(),
            ready: Vec::new(),
            subscriber_count: 0,
            stats: TopicsStats::default(),
            id: String::new(),
        }
    }

    /// Appends an event to a topic, and returns the event's new ID, which replaces any that it had.
    ///
    /// Ends the wait of the topic's subscribers; their tokens are then returned by
    /// [`take_ready`](Self::take_ready). Other subscribers cost nothing.
    ///
    /// A topic whose name is too long has no subscribers, so an event of it is counted in
    /// [`TopicsStats::refused`] and is not kept.
    pub fn publish(&mut self, topic: &str, event: EventRef<'_>) -> EventId {
        let id = EventId::new(self.epoch, self.history.newest().number() + 1);
        if topic.len() > self.config.max_topic_name_bytes {
            self.history.skip(id);
            self.stats.refused += 1;
            return id;
        }
        self.id.clear();
        let _ = write!(self.id, "{id}");
        let event = event.with_checked_id(&self.id);
        let key = self.history.find_or_add(topic);
        if event.data().len() > LARGE {
            // Otherwise it would be held for a moment together with all that it replaces.
            self.history.make_room(key, event.encoded_len());
        }
        self.history.push(key, id, event.to_bytes());
        if let Some(topic) = self.history.topic_mut(key) {
            topic.waiting.drain_into(&mut self.ready);
            let (readers, ready) = (&mut self.readers, &mut self.ready);
            topic
                .members
                .take_each(|member| readers.note_news(member, ready));
        }
        id
    }

    /// Adds a subscriber of topics, which need not have any events yet. A topic that is named several
    /// times counts once.
    ///
    /// The subscriber gets the events that are published from now on or, after the event that a last
    /// event ID names, those that were published since then too; see [`Start`].
    ///
    /// # Errors
    ///
    /// [`Refused`] if there are too many topics, or the name of one is too long.
    pub fn subscribe<K: ?Sized>(
        &mut self,
        topics: impl TopicNames<K>,
        start: impl Into<Start>,
    ) -> Result<Subscriber, Refused> {
        let names = topics.into_topics().within(&self.config)?;
        let (start, mut reason) = self.resolve(start.into());
        let mut told = EventId::new(self.epoch, 0);
        let mut keys: SmallVec<[TopicKey; 1]> = SmallVec::with_capacity(names.len());
        for name in names {
            let key = self.history.find_or_add(name);
            if let Some(topic) = self.history.topic_mut(key) {
                topic.subscriber_count += 1;
                let newest_dropped = topic.log.newest_dropped();
                if newest_dropped > start {
                    told = told.max(newest_dropped);
                    reason = reason.or(Some(GapReason::TooOld));
                }
            }
            keys.push(key);
        }
        self.stats.gaps += u64::from(reason.is_some());
        self.subscriber_count += 1;
        let gap = reason.map(|reason| Gap {
            reason,
            resumes_after: told,
        });
        let position = Position {
            after: start,
            told,
            is_live: false,
        };
        let cursors = match keys.as_slice() {
            [topic] => Cursors::One(Cursor {
                topic: *topic,
                ticket: Ticket::default(),
            }),
            _ => {
                let (history, readers) = (&mut self.history, &mut self.readers);
                Cursors::Several(Box::new(Several::new(keys, history, readers, position)))
            }
        };
        let mut subscriber = Subscriber {
            position,
            gap: gap.map(Box::new),
            is_disconnected: false,
            cursors,
        };
        subscriber.position.is_live = subscriber.is_at_end(&self.history, &self.readers);
        Ok(subscriber)
    }

    /// Removes a subscriber, and returns its token if one is held.
    pub fn unsubscribe(&mut self, mut subscriber: Subscriber) -> Option<T> {
        let token = self.stop_waiting(&mut subscriber);
        match subscriber.cursors {
            Cursors::One(cursor) => self.history.remove_subscriber(cursor.topic),
            Cursors::Several(several) => {
                self.readers.remove(several.key);
                for mut cursor in several.cursors {
                    if let Some(topic) = self.history.topic_mut(cursor.topic) {
                        topic.members.remove(&mut cursor.ticket);
                    }
                    self.history.remove_subscriber(cursor.topic);
                }
            }
        }
        self.subscriber_count -= 1;
        token
    }

    /// Returns the next delivery to a subscriber, or `None` if there is none yet. After `None`,
    /// call [`wait`](Self::wait).
    ///
    /// Events are joined up to `max_bytes`, but there is always at least one. Subscribers of one topic
    /// at the same position share the same bytes. The topics of a subscriber that have no event for it
    /// cost nothing.
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
        match subscriber.read(&mut self.history, &mut self.readers, max_bytes) {
            Ok(events) => events.map(|bytes| Delivery::Events(Encoded::events(bytes))),
            Err(TooSlow) => Some(self.handle_slow(subscriber)),
        }
    }

    /// Holds a clone of `token` until there is a delivery to a subscriber; then
    /// [`take_ready`](Self::take_ready) returns it. If there is a delivery already, this holds nothing
    /// and returns `false`.
    ///
    /// A subscriber for which a token is held already keeps that one. To wait with another token, call
    /// [`stop_waiting`](Self::stop_waiting) first.
    pub fn wait(&mut self, subscriber: &mut Subscriber, token: &T) -> bool
    where
        T: Clone,
    {
        if subscriber.is_disconnected || subscriber.gap.is_some() {
            return false;
        }
        match &mut subscriber.cursors {
            Cursors::One(cursor) => {
                if let Some(topic) = self.history.topic_mut(cursor.topic) {
                    if !subscriber.position.is_at_end(&topic.log) {
                        return false;
                    }
                    topic.waiting.hold(&mut cursor.ticket, || token.clone());
                }
            }
            Cursors::Several(several) if !several.is_at_end(&self.readers) => return false,
            Cursors::Several(several) => self.readers.hold(several.key, token),
        }
        true
    }

    /// Ends the wait of a subscriber, and returns its token if one was held.
    pub fn stop_waiting(&mut self, subscriber: &mut Subscriber) -> Option<T> {
        match &mut subscriber.cursors {
            Cursors::One(cursor) => {
                let topic = self.history.topic_mut(cursor.topic)?;
                topic.waiting.remove(&mut cursor.ticket)
            }
            Cursors::Several(several) => self.readers.take_token(several.key),
        }
    }

    /// Returns the tokens of all subscribers whose wait has ended since the last call, each once. Call
    /// it after every publication.
    #[must_use = "a subscriber that is not woken waits for ever"]
    pub fn take_ready(&mut self) -> Vec<T> {
        mem::take(&mut self.ready)
    }

    /// Ends the wait of all subscribers, as if each had something to read. Their tokens are then
    /// returned by [`take_ready`](Self::take_ready).
    pub fn wake_all(&mut self) {
        for topic in self.history.topics_mut() {
            topic.waiting.drain_into(&mut self.ready);
        }
        self.readers.drain_into(&mut self.ready);
    }

    /// Returns the names of the topics that a subscriber reads.
    pub fn topics_of(&self, subscriber: &Subscriber) -> impl Iterator<Item = &str> {
        let topics = subscriber.topics().iter().map(|cursor| cursor.topic);
        topics.filter_map(|topic| Some(&*self.history.topic(topic)?.name))
    }

    /// Returns the number of subscribers.
    pub fn subscriber_count(&self) -> usize {
        self.subscriber_count
    }

    /// Returns the number of subscribers of a topic.
    pub fn subscriber_count_of(&self, topic: &str) -> usize {
        let topic = self.history.find(topic);
        topic.map_or(0, |topic| topic.subscriber_count)
    }

    /// Returns the number of topics that have events or subscribers.
    pub fn topic_count(&self) -> usize {
        self.history.topic_count()
    }

    /// Returns the number of events in the log.
    pub fn event_count(&self) -> usize {
        self.history.event_count()
    }

    /// Returns the length in bytes of all events in the log, encoded, and of the names of their topics.
    pub fn byte_count(&self) -> usize {
        self.history.byte_count()
    }

    /// Returns how many gaps, slow readers and refused events there were.
    pub fn stats(&self) -> TopicsStats {
        self.stats
    }

    /// Returns the ID after which a subscriber starts to read, and the reason for a gap if its last
    /// event ID does not tell.
    fn resolve(&self, start: Start) -> (EventId, Option<GapReason>) {
        let newest = self.history.newest();
        let everything = EventId::new(self.epoch, 0);
        match start {
            Start::Live => (newest, None),
            Start::Unknown => (everything, Some(GapReason::Unknown)),
            Start::After(id) if id.epoch() != self.epoch => {
                (everything, Some(GapReason::OtherEpoch))
            }
            Start::After(id) if id > newest => (everything, Some(GapReason::Unknown)),
            Start::After(id) => (id, None),
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
                subscriber.skip_to_end(&mut self.history, &mut self.readers);
                self.stats.skipped += 1;
                Delivery::Gap(Gap {
                    reason: GapReason::Lagged,
                    resumes_after: self.history.newest(),
                })
            }
        }
    }
}

/// For data of more bytes, room is made before the event is encoded.
const LARGE: usize = 1024;
