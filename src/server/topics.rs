//! Topics: publishing, subscribing, reading and waiting.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use smallvec::SmallVec;

use crate::server::beginning::Beginning;
use crate::server::config::{SlowReader, TopicsConfig};
use crate::server::delivery::{Delivery, Gap, GapReason, SubscriberEnd};
use crate::server::encoded::Encoded;
use crate::server::event_id::EventId;
use crate::server::following::{Deferred, Following};
use crate::server::history::{History, TopicKeys};
use crate::server::presence::Presences;
use crate::server::readers::Readers;
use crate::server::reading::{Position, TooSlow};
use crate::server::refused::Refused;
use crate::server::start::Start;
use crate::server::subscriber::{Cursor, Cursors, Opening, Several, Subscriber};
use crate::server::topic_set::TopicNames;
use crate::server::wait_list::Ticket;
use crate::time::Timestamp;

/// Topics, their latest events, and their subscribers.
///
/// Each event is encoded and stored once, in a log that is bounded in events and in bytes. A
/// subscriber is a position in that log, so a slow one costs no memory, and publishing never waits
/// for it. The events of all topics are numbered in one sequence, so one last event ID is enough to
/// resume in all topics of a connection. The sequence belongs to an epoch, a number that is higher
/// after each start of the program, so an ID from before a restart is recognized. A subscriber that
/// may have missed events gets a [`Gap`].
///
/// `T` is a token that names a waiting subscriber to the caller, such as the number of a connection
/// or a [`Waker`](core::task::Waker).
///
/// For each subscriber, call [`poll_delivery`](Self::poll_delivery) until it returns `None`, then
/// [`wait`](Self::wait). After each [`publish`](Self::publish), call
/// [`take_ready`](Self::take_ready) and wake the subscribers that the tokens name.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Delivery, Topics, TopicsConfig};
/// use ssewire::{EventRef, Timestamp};
///
/// let now = Timestamp::default();
/// let mut topics = Topics::new(TopicsConfig::new(), 0xE);
/// let mut reader = topics.subscribe(now, ["news", "weather"], None)?;
/// assert_eq!(topics.poll_delivery(&mut reader, 1 << 16), None);
/// assert!(topics.wait(&mut reader, &"connection 7"));
///
/// let id = topics.publish(now, "news", EventRef::new("hello"))?;
/// topics.publish(now, "sports", EventRef::new("not for this reader"))?;
/// assert_eq!(topics.take_ready(), ["connection 7"]);
/// topics.publish(now, "weather", EventRef::new("rain"))?;
/// let Some(Delivery::Events(events)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(events.into_bytes(), "id: e-1\ndata: hello\n\nid: e-3\ndata: rain\n\n");
///
/// // It reconnects, and the first event is the last that it received.
/// topics.unsubscribe(reader);
/// let mut reader = topics.subscribe(now, ["news", "weather"], id)?;
/// let Some(Delivery::Events(events)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(events.into_bytes(), "id: e-3\ndata: rain\n\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Topics<T> {
    pub(super) config: TopicsConfig,
    /// That of the next publication.
    pub(super) epoch: u64,
    pub(super) history: History<T>,
    pub(super) readers: Readers<T>,
    pub(super) presences: Presences,
    /// The tokens of those whose wait is over.
    pub(super) ready: Vec<T>,
    subscriber_count: usize,
    pub(super) stats: TopicsStats,
    /// Whether the events that were read last were a part of a replay.
    was_replay: bool,
    /// A buffer for the text of an ID.
    pub(super) id: String,
    /// The log that is followed, if there is one.
    pub(super) following: Option<Box<Following<T>>>,
}

/// Counts of slow readers, of gaps, and of events that were refused or dropped, since the
/// [`Topics`] were created.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::server::{Topics, TopicsConfig};
///
/// let now = Timestamp::default();
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let reader = topics.subscribe(now, "news", "an ID that was not assigned here")?;
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
    /// How many times a subscriber got a gap because it could not resume, or because of topics that
    /// were added to it.
    pub gaps: u64,
    /// How many events could not be published.
    pub refused: u64,
    /// How many events were dropped from the log of a topic to make room for others. An event of
    /// several topics counts once for each.
    pub dropped: u64,
    /// How many events were dropped from the log of a topic because of their age. An event of
    /// several topics counts once for each.
    pub expired: u64,
}

/// Facts about the events of a delivery, as [`Topics::last_read`] returns them.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::server::{Topics, TopicsConfig};
/// use ssewire::{EventRef, Timestamp};
///
/// let at = |seconds| Timestamp::from_origin(Duration::from_secs(seconds));
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let mut reader = topics.subscribe(at(0), "news", None)?;
/// topics.publish(at(1), "news", EventRef::new("hello"))?;
/// topics.publish(at(2), "news", EventRef::new("rain"))?;
/// topics.poll_delivery(&mut reader, 1 << 16);
///
/// let read = topics.last_read();
/// assert_eq!((read.events, read.is_replay, read.published_at), (2, false, at(1)));
/// # topics.unsubscribe(reader);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastRead {
    /// How many events there were.
    pub events: u32,
    /// Whether they were a part of the replay with which the subscriber began.
    pub is_replay: bool,
    /// When the first of them was published.
    pub published_at: Timestamp,
}

impl<T> Topics<T> {
    /// Creates topics without events.
    ///
    /// `epoch` must be higher than at the last start of the program. The current time is a good
    /// choice.
    pub fn new(config: TopicsConfig, epoch: u64) -> Self {
        Self {
            history: History::new(&config),
            config,
            epoch,
            readers: Readers::new(),
            presences: Presences::default(),
            ready: Vec::new(),
            subscriber_count: 0,
            stats: TopicsStats::default(),
            was_replay: false,
            id: String::new(),
            following: None,
        }
    }

    /// Adds a subscriber of topics, which need not have any events yet.
    ///
    /// A topic that is named several times counts once. Topics that are [closed](Self::close_topic)
    /// and have no events for the subscriber are left out. A subscriber without topics waits until
    /// some are [added](Self::add_topics).
    ///
    /// `start` is a [`Start`] or converts into one. `None` stands for the events that are published
    /// from now on, and a last event ID for all events that were published after it.
    ///
    /// # Errors
    ///
    /// [`Refused`] if there are too many topics, if the name of one is too long, or if all of them
    /// are closed and have no events for the subscriber.
    pub fn subscribe<K: ?Sized>(
        &mut self,
        now: Timestamp,
        topics: impl TopicNames<K>,
        start: impl Into<Start>,
    ) -> Result<Subscriber, Refused> {
        let names = topics.into_topics().within(&self.config)?;
        self.history.expire(now);
        self.history.open_due(now);
        let mut keys: TopicKeys = SmallVec::with_capacity(names.len());
        for name in names {
            keys.push(self.history.find_or_add(name));
        }
        let start = start.into();
        let is_certain = self.is_certain(start, now);
        let beginning = match is_certain {
            true => self.begin(start, &keys),
            false => Beginning::later(),
        };
        if is_certain && !keys.is_empty() {
            self.leave_out_closed(now, &mut keys, &beginning);
            if keys.is_empty() {
                return Err(Refused::TopicClosed);
            }
        }
        for key in &keys {
            if let Some(topic) = self.history.topic_mut(*key) {
                topic.subscriber_count += 1;
            }
        }
        self.stats.gaps += u64::from(beginning.gap.is_some());
        self.subscriber_count += 1;
        let position = Position {
            after: beginning.after,
            told: beginning.told,
            is_live: false,
        };
        let cursors = match keys.as_slice() {
            [topic] => Cursors::One(Cursor {
                topic: *topic,
                ticket: Ticket::default(),
            }),
            _ => {
                let (history, readers) = (&mut self.history, &mut self.readers);
                Cursors::Several(Box::new(Several::new(&keys, history, readers, position)))
            }
        };
        let mut opening = Opening::new(beginning.gap, beginning.unkeyed_from);
        if !is_certain {
            let deferred = Deferred::new(start, now);
            opening.get_or_insert_default().deferred = Some(deferred);
        }
        let mut subscriber = Subscriber {
            position,
            opening,
            end: None,
            ends_seen: self.history.ends(),
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

    /// Returns the next delivery to a subscriber, or `None` if there is none yet.
    ///
    /// After `None`, call [`wait`](Self::wait). After [`Delivery::Ended`], each call returns the
    /// same end again.
    ///
    /// Events are joined into a batch of at most `max_bytes`. An event that is longer is delivered
    /// alone. Subscribers of one topic at the same position share the bytes of a batch. Topics that
    /// have no events for the subscriber cost nothing.
    pub fn poll_delivery(
        &mut self,
        subscriber: &mut Subscriber,
        max_bytes: usize,
    ) -> Option<Delivery> {
        self.note_end(subscriber);
        if let Some(end) = subscriber.end {
            return Some(Delivery::Ended(end));
        }
        if subscriber.opening.is_some() && !self.begin_deferred(subscriber) {
            return None;
        }
        if let Some(gap) = subscriber.take_gap() {
            return Some(Delivery::Gap(gap));
        }
        let is_replay = !subscriber.position.is_live;
        match subscriber.read(&mut self.history, &mut self.readers, max_bytes) {
            Ok(Some(bytes)) => {
                self.was_replay = is_replay;
                Some(Delivery::Events(Encoded::events(bytes)))
            }
            Ok(None) if subscriber.is_closed(&self.history) => {
                subscriber.end = Some(SubscriberEnd::TopicsClosed);
                Some(Delivery::Ended(SubscriberEnd::TopicsClosed))
            }
            Ok(None) => None,
            Err(TooSlow) => Some(self.handle_slow(subscriber)),
        }
    }

    /// Returns whether [`poll_delivery`](Self::poll_delivery) is known to return `None` now. If
    /// this returns `false`, it may return `None` all the same.
    pub fn is_drained(&self, subscriber: &Subscriber) -> bool {
        subscriber.end.is_none()
            && subscriber.opening.is_none()
            && subscriber.ends_seen == self.history.ends()
            && subscriber.is_at_end(&self.history, &self.readers)
            && !subscriber.is_closed(&self.history)
    }

    /// Holds a clone of `token` until there is a delivery to a subscriber, and returns `true`.
    /// [`take_ready`](Self::take_ready) then returns the token.
    ///
    /// If there may be a delivery already, this holds nothing and returns `false`. Call
    /// [`poll_delivery`](Self::poll_delivery) again then.
    ///
    /// A subscriber for which a token is held already keeps that one. To wait with another token,
    /// call [`stop_waiting`](Self::stop_waiting) first.
    pub fn wait(&mut self, subscriber: &mut Subscriber, token: &T) -> bool
    where
        T: Clone,
    {
        self.wait_with(subscriber, || token.clone())
    }

    /// Waits as [`wait`](Self::wait) does, with a token that is only made if it is held.
    pub fn wait_with(&mut self, subscriber: &mut Subscriber, token: impl FnOnce() -> T) -> bool {
        if subscriber.end.is_some() || subscriber.ends_seen != self.history.ends() {
            return false;
        }
        if subscriber.opening.is_some() {
            return self.wait_to_begin(subscriber, token);
        }
        match &mut subscriber.cursors {
            Cursors::One(cursor) => {
                if let Some(topic) = self.history.topic_mut(cursor.topic) {
                    if !subscriber.position.is_at_end(&topic.log) || topic.is_closed() {
                        return false;
                    }
                    topic.waiting.hold(&mut cursor.ticket, token);
                }
            }
            Cursors::Several(several)
                if !several.is_at_end(&self.readers) || several.is_closed(&self.history) =>
            {
                return false;
            }
            Cursors::Several(several) => self.readers.hold(several.key, token),
        }
        true
    }

    /// Ends the wait of a subscriber, and returns its token if one was held.
    pub fn stop_waiting(&mut self, subscriber: &mut Subscriber) -> Option<T> {
        if let Some(token) = self.drop_deferred_token(subscriber) {
            return Some(token);
        }
        match &mut subscriber.cursors {
            Cursors::One(cursor) => {
                let topic = self.history.topic_mut(cursor.topic)?;
                topic.waiting.remove(&mut cursor.ticket)
            }
            Cursors::Several(several) => self.readers.take_token(several.key),
        }
    }

    /// Returns the tokens of all subscribers whose wait has ended since the last call, each once.
    /// Call it after each publication, and after each other call that ends a wait.
    #[must_use = "a subscriber that is not woken waits for ever"]
    pub fn take_ready(&mut self) -> Vec<T> {
        mem::take(&mut self.ready)
    }

    /// Ends the wait of all subscribers, as if each had something to read.
    /// [`take_ready`](Self::take_ready) then returns their tokens.
    pub fn wake_all(&mut self) {
        for topic in self.history.topics_mut() {
            topic.waiting.drain_into(&mut self.ready);
        }
        self.readers.drain_into(&mut self.ready);
        self.wake_deferred();
    }

    /// Returns the names of the topics that a subscriber reads.
    pub fn topics_of(&self, subscriber: &Subscriber) -> impl Iterator<Item = &str> {
        let topics = subscriber.topic_keys();
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

    /// Returns the number of topics that have events or subscribers, or are closed.
    pub fn topic_count(&self) -> usize {
        self.history.topic_count()
    }

    /// Returns the number of events in the log.
    pub fn event_count(&self) -> usize {
        self.history.event_count()
    }

    /// Returns the number of bytes in the log, as [`TopicsConfig::max_bytes`] counts them.
    pub fn byte_count(&self) -> usize {
        self.history.byte_count()
    }

    /// Returns counts of slow readers, of gaps, and of events that were refused or dropped.
    pub fn stats(&self) -> TopicsStats {
        let (dropped, expired) = self.history.dropped_and_expired();
        TopicsStats {
            dropped,
            expired,
            ..self.stats
        }
    }

    /// Returns facts about the events that [`poll_delivery`](Self::poll_delivery) returned last, to
    /// any subscriber.
    pub fn last_read(&self) -> LastRead {
        let facts = self.history.facts;
        LastRead {
            events: facts.events,
            is_replay: self.was_replay,
            published_at: Timestamp::from_origin(Duration::from_nanos(facts.at)),
        }
    }

    /// Drops the events that are older than [`TopicsConfig::max_age`].
    ///
    /// Publishing and subscribing do so too. This is needed only to free the memory of the events
    /// while neither happens.
    pub fn expire(&mut self, now: Timestamp) {
        self.history.expire(now);
    }

    /// Leaves out the topics that are closed and have nothing for a subscriber.
    fn leave_out_closed(&mut self, now: Timestamp, keys: &mut TopicKeys, from: &Beginning) {
        let history = &mut self.history;
        keys.retain(|key| {
            if history.open_in_time(*key, now) {
                return true;
            }
            let position = Position {
                after: from.after,
                told: from.told,
                is_live: false,
            };
            let topic = history.topic(*key);
            topic.is_some_and(|topic| !position.is_at_end(&topic.log))
        });
    }

    /// Notes that the streams of one of a subscriber's topics were ended, or that the log that is
    /// followed went back.
    #[inline]
    pub(super) fn note_end(&mut self, subscriber: &mut Subscriber) {
        if subscriber.ends_seen != self.history.ends() {
            self.look_at_ends(subscriber);
        }
    }

    fn handle_slow(&mut self, subscriber: &mut Subscriber) -> Delivery {
        match self.config.slow_reader {
            SlowReader::Disconnect => {
                subscriber.end = Some(SubscriberEnd::TooSlow);
                self.stats.disconnected += 1;
                Delivery::Ended(SubscriberEnd::TooSlow)
            }
            SlowReader::SkipToLive => {
                self.stats.skipped += 1;
                let newest = self.position();
                Delivery::Gap(Gap {
                    reason: GapReason::Lagged,
                    resumes_after: self.go_on(subscriber, newest, newest),
                })
            }
        }
    }

    /// Lets a subscriber with a gap go on after a position, and get the newest event of each key again.
    /// Returns the position of which it has to be told.
    pub(super) fn go_on(
        &mut self,
        subscriber: &mut Subscriber,
        after: EventId,
        told: EventId,
    ) -> EventId {
        let snapshot = self.snapshot_before(after, subscriber.topic_keys());
        let resumes_after = snapshot.unwrap_or(after);
        subscriber.opening = Opening::new(None, snapshot.map(|_| after.next()));
        let position = Position {
            after: resumes_after,
            told,
            is_live: false,
        };
        subscriber.go_to(&mut self.history, &mut self.readers, position);
        resumes_after
    }
}
