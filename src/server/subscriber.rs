//! A subscriber, and how far it has read.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::server::delivery::Gap;
use crate::server::event_id::EventId;
use crate::server::history::{History, Position, TooSlow};
use crate::server::readers::{Membership, ReaderKey, Readers};
use crate::server::topic::TopicKey;
use crate::server::wait_list::Ticket;

/// A subscriber of some topics, as [`Topics::subscribe`](crate::server::Topics::subscribe) returns it.
///
/// It is valid only for the [`Topics`](crate::server::Topics) that it is from. These count it, and may
/// hold a token for it, until it is passed to
/// [`unsubscribe`](crate::server::Topics::unsubscribe).
///
/// # Examples
///
/// ```
/// use ssewire::server::{Start, Topics, TopicsConfig};
///
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let subscriber = topics.subscribe(["news", "weather"], Start::Live)?;
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
    /// The gap that is delivered first. Few have one, and there are many subscribers.
    pub(crate) gap: Option<Box<Gap>>,
    pub(crate) is_disconnected: bool,
    pub(crate) cursors: Cursors,
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
/// Each topic is in one of three places: in `unread`; in the list of its members, if the subscriber has
/// read all of its events; or among the news that [`Readers`] has for the subscriber, if it had an event
/// since.
#[derive(Debug)]
pub(crate) struct Several {
    pub(crate) key: ReaderKey,
    pub(crate) cursors: Vec<Cursor>,
    /// The indexes of the topics with events that are not read, by the ID of the first of these.
    unread: BinaryHeap<Reverse<(EventId, u32)>>,
}

impl Subscriber {
    /// Reads the next events, joined up to about `max_bytes`; `None` if it has read them all.
    #[inline]
    pub(crate) fn read<T>(
        &mut self,
        history: &mut History<T>,
        readers: &mut Readers<T>,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        let position = &mut self.position;
        match &mut self.cursors {
            Cursors::One(cursor) => {
                let bytes = history.read(cursor.topic, position, max_bytes)?;
                if !position.is_live {
                    position.is_live = history.is_at_end(cursor.topic, position);
                }
                Ok(bytes)
            }
            Cursors::Several(several) => several.read(history, readers, position, max_bytes),
        }
    }

    /// Skips all events that it has not read.
    pub(crate) fn skip_to_end<T>(&mut self, history: &mut History<T>, readers: &mut Readers<T>) {
        self.position.after = history.newest();
        self.position.is_live = true;
        if let Cursors::Several(several) = &mut self.cursors {
            several.look_at_news(history, readers, self.position);
            for Reverse((_, index)) in several.unread.drain() {
                several.cursors.join(history, several.key, index);
            }
        }
    }

    #[inline]
    pub(crate) fn is_at_end<T>(&self, history: &History<T>, readers: &Readers<T>) -> bool {
        match &self.cursors {
            Cursors::One(cursor) => history.is_at_end(cursor.topic, &self.position),
            Cursors::Several(several) => several.is_at_end(readers),
        }
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
        topics: SmallVec<[TopicKey; 1]>,
        history: &mut History<T>,
        readers: &mut Readers<T>,
        position: Position,
    ) -> Self {
        let cursors = topics.into_iter().map(|topic| Cursor {
            topic,
            ticket: Ticket::default(),
        });
        let mut several = Self {
            key: readers.add(),
            cursors: cursors.collect(),
            unread: BinaryHeap::new(),
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
        self.read_merged(history, position, max_bytes)
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
            true => self.cursors.join(history, self.key, index),
            false => self.look_at(history, *position, index),
        }
        position.is_live |= self.unread.is_empty();
        read
    }

    /// Reads several topics in the order of their events.
    fn read_merged<T>(
        &mut self,
        history: &mut History<T>,
        position: &mut Position,
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
                match joined.first {
                    // It is told after what was read.
                    Some(_) => break,
                    None => return Err(TooSlow),
                }
            }
            self.unread.pop();
            // An event of several topics is the next in each of them, and is read once.
            let others = self.unread.peek().map(|Reverse((id, _))| *id);
            for entry in log.entries_from(log.index_after(position.after)) {
                if joined.first.is_none() {
                    if let Err(error) = history.check_pace(entry.tally, position) {
                        self.unread.push(Reverse((entry.id, index)));
                        return Err(error);
                    }
                }
                if others.is_some_and(|other| entry.id > other)
                    || !joined.push(&entry.bytes, max_bytes)
                {
                    self.unread.push(Reverse((entry.id, index)));
                    if others.is_some_and(|other| entry.id > other) {
                        continue 'topics;
                    }
                    break 'topics;
                }
                position.after = entry.id;
            }
            self.cursors.join(history, self.key, index);
        }
        position.is_live |= self.unread.is_empty();
        Ok(joined.into_bytes())
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

    /// Puts a topic among those with unread events if it has any, otherwise in its list of members.
    fn look_at<T>(&mut self, history: &mut History<T>, position: Position, index: u32) {
        let topic = self.cursors.get(index as usize).map(|cursor| cursor.topic);
        let log = topic
            .and_then(|topic| history.topic(topic))
            .map(|topic| &topic.log);
        let next = log.and_then(|log| match position.has_lost(log) {
            true => Some(log.newest_dropped()),
            false => log
                .entry(log.index_after(position.after))
                .map(|entry| entry.id),
        });
        match next {
            Some(id) => self.unread.push(Reverse((id, index))),
            None => self.cursors.join(history, self.key, index),
        }
    }
}

/// The cursors of a subscriber of several topics.
trait Join {
    /// Adds the subscriber to the members of a topic.
    fn join<T>(&mut self, history: &mut History<T>, reader: ReaderKey, index: u32);
}

impl Join for Vec<Cursor> {
    fn join<T>(&mut self, history: &mut History<T>, reader: ReaderKey, index: u32) {
        if let Some(cursor) = self.get_mut(index as usize) {
            if let Some(topic) = history.topic_mut(cursor.topic) {
                let membership = Membership { reader, index };
                topic.members.hold(&mut cursor.ticket, || membership);
            }
        }
    }
}

/// Events that are joined, unless there is one only.
#[derive(Default)]
struct Joined {
    first: Option<Bytes>,
    /// All, if there is more than one.
    all: Vec<u8>,
}

impl Joined {
    /// Adds an event, if it fits or is the first. Returns whether it was added.
    fn push(&mut self, bytes: &Bytes, max_bytes: usize) -> bool {
        let Some(first) = &self.first else {
            self.first = Some(bytes.clone());
            return true;
        };
        if self.all.len().max(first.len()) + bytes.len() > max_bytes {
            return false;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(first);
        }
        self.all.extend_from_slice(bytes);
        true
    }

    fn into_bytes(self) -> Option<Bytes> {
        match self.all.is_empty() {
            true => self.first,
            false => Some(self.all.into()),
        }
    }
}
