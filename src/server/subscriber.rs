//! A subscriber, and how far it has read.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::mem;

use bytes::Bytes;
use slotmap::Key as _;

use crate::server::delivery::{Gap, SubscriberEnd};
use crate::server::event_id::EventId;
use crate::server::following::Deferred;
use crate::server::history::History;
use crate::server::joined::Joined;
use crate::server::readers::{Membership, ReaderKey, Readers};
use crate::server::reading::{Position, TooSlow};
use crate::server::topic::{Topic, TopicKey};
use crate::server::wait_list::Ticket;

/// A subscriber of some topics, as [`Topics::subscribe`](crate::server::Topics::subscribe) returns
/// it.
///
/// It is valid only for the [`Topics`](crate::server::Topics) that returned it. They count it, and
/// may hold a token for it, until it is passed to
/// [`unsubscribe`](crate::server::Topics::unsubscribe).
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::server::{Start, Topics, TopicsConfig};
///
/// let now = Timestamp::default();
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let subscriber = topics.subscribe(now, ["news", "weather"], Start::Live)?;
/// assert!(topics.topics_of(&subscriber).eq(["news", "weather"]));
/// assert_eq!(topics.subscriber_count(), 1);
///
/// topics.unsubscribe(subscriber);
/// assert_eq!(topics.subscriber_count(), 0);
/// # Ok::<(), ssewire::server::Refused>(())
/// ```
#[derive(Debug)]
#[must_use = "it is counted until it is unsubscribed"]
pub struct Subscriber {
    pub(crate) position: Position,
    /// Few need one, and there are many subscribers.
    pub(crate) opening: Option<Box<Opening>>,
    /// Why it has ended.
    pub(crate) end: Option<SubscriberEnd>,
    /// The number of ends of streams that it has looked at.
    pub(crate) ends_seen: u32,
    pub(crate) cursors: Cursors,
}

/// What a subscriber begins with.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// The gap that is delivered first.
    pub(crate) gap: Option<Gap>,
    /// Events without a key are skipped if they come before the one with this ID.
    pub(crate) unkeyed_from: Option<EventId>,
    /// The start of a subscriber that has not begun, which then has nothing else of these.
    pub(crate) deferred: Option<Deferred>,
}

/// The topics that a subscriber reads.
#[derive(Debug)]
pub(crate) enum Cursors {
    /// One, as most do.
    One(Cursor),
    /// Several, or none.
    Several(Box<Several>),
}

/// A topic that a subscriber reads.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) topic: TopicKey,
    /// Names the subscriber among those that wait for the topic.
    pub(crate) ticket: Ticket,
}

/// The topics of a subscriber of several.
///
/// Each topic is in one of three places:
///
/// - In `unread`, if it may have unread events.
/// - In the list of its members, if the subscriber has read all of its events.
/// - Among the news that [`Readers`] has for the subscriber, if it has had an event since then.
#[derive(Debug)]
pub(crate) struct Several {
    pub(crate) key: ReaderKey,
    pub(crate) cursors: Vec<Cursor>,
    /// The indexes of the topics with events that are not read, by the ID of the first of these.
    unread: BinaryHeap<Reverse<(EventId, u32)>>,
    /// The indexes of the topics that were closed when they were read to their end.
    over: Vec<u32>,
    /// The indexes of cursors without a topic.
    free: Vec<u32>,
}

impl Opening {
    /// Returns what a subscriber begins with, if there is something.
    pub(crate) fn new(gap: Option<Gap>, unkeyed_from: Option<EventId>) -> Option<Box<Self>> {
        (gap.is_some() || unkeyed_from.is_some()).then(|| {
            Box::new(Self {
                gap,
                unkeyed_from,
                deferred: None,
            })
        })
    }
}

impl Cursor {
    /// Returns whether it has a topic, and was not removed.
    pub(crate) fn is_used(&self) -> bool {
        !self.topic.is_null()
    }
}

impl Subscriber {
    /// Returns the gap that is delivered first.
    #[inline]
    pub(crate) fn take_gap(&mut self) -> Option<Gap> {
        let opening = self.opening.as_deref_mut()?;
        let gap = opening.gap.take();
        if opening.unkeyed_from.is_none() {
            self.opening = None;
        }
        gap
    }

    /// Reads the next events, joined up to about `max_bytes`, or returns `None` if it has read them
    /// all.
    #[inline]
    pub(crate) fn read<T>(
        &mut self,
        history: &mut History<T>,
        readers: &mut Readers<T>,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        let position = &mut self.position;
        if let Some(opening) = self.opening.as_deref() {
            if let Some(unkeyed_from) = opening.unkeyed_from.filter(|from| position.after < *from) {
                let read = match &mut self.cursors {
                    Cursors::One(cursor) => {
                        history.read_from(cursor.topic, position, unkeyed_from, max_bytes)?
                    }
                    Cursors::Several(several) => {
                        several.look_at_news(history, readers, *position);
                        several.read_merged(history, position, unkeyed_from, max_bytes)?
                    }
                };
                self.position.is_live = self.is_at_end(history, readers);
                if self.position.is_live {
                    // It has all there is, and all events to come have higher IDs.
                    self.position.after = history.newest().unwrap_or(self.position.after);
                    self.opening = None;
                }
                return Ok(read);
            }
            self.opening = None;
        }
        match &mut self.cursors {
            Cursors::One(cursor) => {
                let read = history.read(cursor.topic, position, max_bytes)?;
                if !position.is_live {
                    position.is_live = history.is_at_end(cursor.topic, position);
                }
                Ok(read)
            }
            Cursors::Several(several) => several.read(history, readers, position, max_bytes),
        }
    }

    /// Returns whether a subscriber that has read all events gets no more, because all of its
    /// topics are closed.
    #[inline]
    pub(crate) fn is_closed<T>(&self, history: &History<T>) -> bool {
        match &self.cursors {
            Cursors::One(cursor) => history.topic(cursor.topic).is_some_and(Topic::is_closed),
            Cursors::Several(several) => several.is_closed(history),
        }
    }

    /// Returns whether the streams of one of its topics were ended since it last looked.
    pub(crate) fn is_ended<T>(&mut self, history: &History<T>) -> bool {
        let seen = mem::replace(&mut self.ends_seen, history.ends());
        let mut topics = self.topics().iter();
        // The counter wraps around, after more ends than happen between two looks.
        topics.any(|cursor| {
            let topic = history.topic(cursor.topic);
            topic.is_some_and(|topic| topic.newest_end.wrapping_sub(seen) as i32 > 0)
        })
    }

    /// Goes on from another position.
    pub(crate) fn go_to<T>(
        &mut self,
        history: &mut History<T>,
        readers: &mut Readers<T>,
        position: Position,
    ) {
        self.position = position;
        if let Cursors::Several(several) = &mut self.cursors {
            several.look_again(history, readers, position);
        }
        self.position.is_live = self.is_at_end(history, readers);
    }

    #[inline]
    pub(crate) fn is_at_end<T>(&self, history: &History<T>, readers: &Readers<T>) -> bool {
        match &self.cursors {
            Cursors::One(cursor) => history.is_at_end(cursor.topic, &self.position),
            Cursors::Several(several) => several.is_at_end(readers),
        }
    }

    /// Returns the topics that it reads.
    pub(crate) fn topic_keys(&self) -> impl Iterator<Item = TopicKey> {
        let used = self.topics().iter().filter(|cursor| cursor.is_used());
        used.map(|cursor| cursor.topic)
    }

    pub(crate) fn topics(&self) -> &[Cursor] {
        match &self.cursors {
            Cursors::One(cursor) => core::slice::from_ref(cursor),
            Cursors::Several(several) => &several.cursors,
        }
    }
}

impl Several {
    pub(crate) fn new<T>(
        topics: &[TopicKey],
        history: &mut History<T>,
        readers: &mut Readers<T>,
        position: Position,
    ) -> Self {
        let cursors = topics.iter().map(|topic| Cursor {
            topic: *topic,
            ticket: Ticket::default(),
        });
        let mut several = Self {
            key: readers.add(),
            cursors: cursors.collect(),
            unread: BinaryHeap::new(),
            over: Vec::new(),
            free: Vec::new(),
        };
        // So many do not fit into memory that an index needs more bits.
        for index in 0..several.cursors.len() as u32 {
            several.look_at(history, position, index);
        }
        several
    }

    pub(crate) fn is_at_end<T>(&self, readers: &Readers<T>) -> bool {
        self.unread.is_empty() && !readers.has_news(self.key)
    }

    /// Returns whether all of its topics are read to their end and closed. Returns `false` if there
    /// are none.
    pub(crate) fn is_closed<T>(&self, history: &History<T>) -> bool {
        let are_over =
            !self.over.is_empty() && self.over.len() + self.free.len() == self.cursors.len();
        // One that was closed may be open again.
        are_over
            && self.over.iter().all(|index| {
                let cursor = self.cursors.get(*index as usize);
                let topic = cursor.and_then(|cursor| history.topic(cursor.topic));
                topic.is_some_and(Topic::is_closed)
            })
    }

    /// Adds a topic, whose events after the position are read.
    pub(crate) fn add<T>(&mut self, history: &mut History<T>, position: Position, topic: TopicKey) {
        let cursor = Cursor {
            topic,
            ticket: Ticket::default(),
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.cursors.len() as u32,
        };
        match self.cursors.get_mut(index as usize) {
            Some(free) => *free = cursor,
            None => self.cursors.push(cursor),
        }
        self.look_at(history, position, index);
    }

    /// Removes a topic. Returns whether it had it.
    pub(crate) fn remove<T>(
        &mut self,
        history: &mut History<T>,
        readers: &mut Readers<T>,
        position: Position,
        topic: TopicKey,
    ) -> bool {
        let Some(index) = self.cursors.iter().position(|cursor| cursor.topic == topic) else {
            return false;
        };
        // What has news is then unread or a member again.
        self.look_at_news(history, readers, position);
        if let Some(cursor) = self.cursors.get_mut(index) {
            cursor.topic = TopicKey::null();
            if let Some(topic) = history.topic_mut(topic) {
                topic.members.remove(&mut cursor.ticket);
            }
        }
        let index = index as u32;
        self.over.retain(|over| *over != index);
        self.unread.retain(|Reverse((_, unread))| *unread != index);
        self.free.push(index);
        true
    }

    #[inline(never)]
    fn read<T>(
        &mut self,
        history: &mut History<T>,
        readers: &mut Readers<T>,
        position: &mut Position,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        if self.unread.is_empty() {
            if let Some(index) = readers.take_only_news(self.key) {
                return self.read_one(history, position, index, max_bytes);
            }
        }
        self.look_at_news(history, readers, *position);
        if let (Some(Reverse((_, index))), 1) = (self.unread.peek().copied(), self.unread.len()) {
            self.unread.clear();
            return self.read_one(history, position, index, max_bytes);
        }
        self.read_merged(history, position, EventId::LOWEST, max_bytes)
    }

    /// Reads the one topic that has unread events.
    fn read_one<T>(
        &mut self,
        history: &mut History<T>,
        position: &mut Position,
        index: u32,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        let Some(cursor) = self.cursors.get(index as usize) else {
            return Ok(None);
        };
        let read = history.read(cursor.topic, position, max_bytes);
        let is_last = matches!(read, Ok(Some(_))) && history.is_at_end(cursor.topic, position);
        match is_last {
            true => self.join(history, index),
            false => self.look_at(history, *position, index),
        }
        position.is_live |= self.unread.is_empty();
        read
    }

    /// Reads several topics in the order of their events, but of those before `unkeyed_from` only
    /// the ones with a key.
    fn read_merged<T>(
        &mut self,
        history: &mut History<T>,
        position: &mut Position,
        unkeyed_from: EventId,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        let mut joined = Joined::default();
        'topics: while let Some(Reverse((_, index))) = self.unread.peek().copied() {
            let topic = self.cursors.get(index as usize).map(|cursor| cursor.topic);
            let Some(log) = topic
                .and_then(|topic| history.topic(topic))
                .map(|topic| &topic.log)
            else {
                self.unread.pop();
                continue;
            };
            if position.has_lost(log) {
                match joined.is_empty() {
                    true => return Err(TooSlow),
                    // The loss is reported after what was read.
                    false => break,
                }
            }
            self.unread.pop();
            // An event of several topics is the next in each of them, and is read once.
            let others = self.unread.peek().map(|Reverse((id, _))| *id);
            for entry in log.entries_after(position.after) {
                if joined.is_empty() {
                    if let Err(error) = history.check_pace(log, entry.pace(), position) {
                        self.unread.push(Reverse((entry.id, index)));
                        return Err(error);
                    }
                }
                let is_wanted = entry.key().is_some() || entry.id >= unkeyed_from;
                if others.is_some_and(|other| entry.id > other)
                    || is_wanted && !joined.push(entry, max_bytes)
                {
                    self.unread.push(Reverse((entry.id, index)));
                    if others.is_some_and(|other| entry.id > other) {
                        continue 'topics;
                    }
                    break 'topics;
                }
                position.after = entry.id;
            }
            self.join(history, index);
        }
        position.is_live |= self.unread.is_empty();
        history.facts = joined.facts();
        Ok(joined.into_bytes())
    }

    /// Looks at all topics again, from another position.
    fn look_again<T>(
        &mut self,
        history: &mut History<T>,
        readers: &mut Readers<T>,
        position: Position,
    ) {
        // What has news is looked at anyway.
        drop(readers.take_news(self.key));
        self.unread.clear();
        self.over.clear();
        for index in 0..self.cursors.len() {
            if let Some(cursor) = self.cursors.get_mut(index) {
                if let Some(topic) = history.topic_mut(cursor.topic) {
                    topic.members.remove(&mut cursor.ticket);
                }
            }
            self.look_at(history, position, index as u32);
        }
    }

    fn look_at_news<T>(
        &mut self,
        history: &mut History<T>,
        readers: &mut Readers<T>,
        position: Position,
    ) {
        for index in readers.take_news(self.key) {
            self.look_at(history, position, index);
        }
    }

    /// Adds the subscriber to the members of a topic that it has read to its end.
    fn join<T>(&mut self, history: &mut History<T>, index: u32) {
        let Some(cursor) = self.cursors.get_mut(index as usize) else {
            return;
        };
        if let Some(topic) = history.topic_mut(cursor.topic) {
            let reader = self.key;
            let membership = Membership { reader, index };
            topic.members.hold(&mut cursor.ticket, || membership);
            let is_closed = topic.is_closed();
            self.forget_over(index);
            if is_closed {
                self.over.push(index);
            }
        }
    }

    fn forget_over(&mut self, index: u32) {
        if !self.over.is_empty() {
            self.over.retain(|over| *over != index);
        }
    }

    /// Puts a topic among those with unread events if it has any, otherwise in its list of members.
    fn look_at<T>(&mut self, history: &mut History<T>, position: Position, index: u32) {
        self.forget_over(index);
        let topic = self.cursors.get(index as usize).map(|cursor| cursor.topic);
        let log = topic
            .and_then(|topic| history.topic(topic))
            .map(|topic| &topic.log);
        let next = log.and_then(|log| match position.has_lost(log) {
            // A loss is reported before anything else is read. Otherwise, an event of another topic
            // that has the ID of the newest lost one would move the position past it.
            true => Some(position.after),
            false => log.first_after(position.after).map(|entry| entry.id),
        });
        match next {
            Some(id) => self.unread.push(Reverse((id, index))),
            None => self.join(history, index),
        }
    }
}
