//! The events of every topic, as far back as there is room.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use bytes::Bytes;
use hashbrown::HashMap;
use slotmap::{SlotMap, new_key_type};

use crate::server::batches::Batches;
use crate::server::waiting::Waiting;

new_key_type! {
    /// Names a topic for as long as it has events or subscribers.
    pub(crate) struct TopicKey;
}

/// Holds the log: one sequence of events, each in the log of its topic.
#[derive(Debug)]
pub(crate) struct History<T> {
    max_events: usize,
    max_bytes: usize,
    topics: SlotMap<TopicKey, Topic<T>>,
    by_name: HashMap<Box<str>, TopicKey>,
    /// The topics of all events, the oldest event's first.
    order: VecDeque<TopicKey>,
    bytes: usize,
    /// The bytes of all events ever.
    published_bytes: u64,
    /// The number of the newest event; the first is 1.
    newest: u64,
    /// The newest event that was dropped from a topic that is forgotten.
    forgotten: u64,
    batches: Batches,
}

/// Holds the log of one topic.
#[derive(Debug)]
pub(crate) struct Topic<T> {
    name: Box<str>,
    log: VecDeque<Entry>,
    /// How many events were dropped before those in the log.
    start: u64,
    /// The number of the newest event that was dropped.
    dropped: u64,
    /// How many subscribers there are.
    pub(crate) subscribers: usize,
    /// Who waits for the next event.
    pub(crate) waiting: Waiting<T>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    /// The bytes of all events up to this one.
    published_bytes: u64,
    bytes: Bytes,
}

/// Holds what a reader gets at once.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// The place behind it.
    pub(crate) end: u64,
    /// Whether that is the end of the log.
    pub(crate) is_last: bool,
}

/// Tells that a reader does not keep pace.
#[derive(Debug)]
pub(crate) struct TooSlow;

impl<T> History<T> {
    pub(crate) fn new(max_events: usize, max_bytes: usize) -> Self {
        Self {
            max_events,
            max_bytes,
            topics: SlotMap::with_key(),
            by_name: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            published_bytes: 0,
            newest: 0,
            forgotten: 0,
            batches: Batches::default(),
        }
    }

    /// Returns the number of the event that comes next.
    pub(crate) fn next_number(&self) -> u64 {
        self.newest + 1
    }

    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    pub(crate) fn event_count(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn byte_count(&self) -> usize {
        self.bytes
    }

    pub(crate) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    pub(crate) fn find(&self, name: &str) -> Option<TopicKey> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn topic(&self, key: TopicKey) -> Option<&Topic<T>> {
        self.topics.get(key)
    }

    pub(crate) fn topic_mut(&mut self, key: TopicKey) -> Option<&mut Topic<T>> {
        self.topics.get_mut(key)
    }

    pub(crate) fn topics_mut(&mut self) -> impl Iterator<Item = &mut Topic<T>> {
        self.topics.values_mut()
    }

    pub(crate) fn find_or_add(&mut self, name: &str) -> TopicKey {
        if let Some(key) = self.by_name.get(name) {
            return *key;
        }
        let key = self.topics.insert(Topic {
            name: name.into(),
            log: VecDeque::new(),
            start: 0,
            // Whatever it had before it was forgotten is lost.
            dropped: self.forgotten,
            subscribers: 0,
            waiting: Waiting::new(),
        });
        self.by_name.insert(name.into(), key);
        key
    }

    /// Appends the event with the next number, and drops what there is no more room for. The newest
    /// event always stays.
    pub(crate) fn push(&mut self, key: TopicKey, bytes: Bytes) {
        let Some(topic) = self.topics.get_mut(key) else {
            return;
        };
        self.newest += 1;
        self.bytes += bytes.len();
        self.published_bytes += bytes.len() as u64;
        topic.log.push_back(Entry {
            number: self.newest,
            published_bytes: self.published_bytes,
            bytes,
        });
        self.order.push_back(key);
        while self.order.len() > 1
            && (self.order.len() > self.max_events || self.bytes > self.max_bytes)
        {
            self.drop_oldest();
        }
    }

    /// Forgets a topic that has neither events nor subscribers.
    pub(crate) fn forget_if_unused(&mut self, key: TopicKey) {
        let is_unused = |topic: &Topic<T>| topic.log.is_empty() && topic.subscribers == 0;
        if self.topics.get(key).is_some_and(is_unused) {
            if let Some(topic) = self.topics.remove(key) {
                self.forgotten = self.forgotten.max(topic.dropped);
                self.by_name.remove(&topic.name);
            }
        }
    }

    /// Returns the events of a topic from its `start`th on, joined up to about `max_bytes`; `None` if
    /// there are none.
    pub(crate) fn read(
        &mut self,
        key: TopicKey,
        start: u64,
        is_live: bool,
        max_bytes: usize,
    ) -> Result<Option<Piece>, TooSlow> {
        let Some(topic) = self.topics.get(key) else {
            return Ok(None);
        };
        self.check_speed(topic, start, is_live)?;
        let Some(first) = topic.entry(start) else {
            return Ok(None);
        };
        let log_end = topic.end();
        let (bytes, end) = if start + 1 == log_end || first.bytes.len() >= max_bytes {
            (first.bytes.clone(), start + 1)
        } else {
            self.batches.join(key, topic, start, max_bytes)
        };
        Ok(Some(Piece {
            bytes,
            end,
            is_last: end == log_end,
        }))
    }

    /// Fails if events were lost to a reader at a place, or, to one that is live, will be soon: half of
    /// what the log may hold is behind what it has to read next.
    ///
    /// A replay starts there, so it is too slow only once something is lost to it.
    #[inline]
    pub(crate) fn check_speed(
        &self,
        topic: &Topic<T>,
        place: u64,
        is_live: bool,
    ) -> Result<(), TooSlow> {
        let half = |max: usize| (max.div_ceil(2) as u64).max(1);
        let is_too_slow = match topic.entry(place) {
            Some(entry) => {
                is_live
                    && (self.newest - entry.number >= half(self.max_events)
                        || self.published_bytes - entry.published_bytes >= half(self.max_bytes))
            }
            None => place < topic.start,
        };
        match is_too_slow {
            true => Err(TooSlow),
            false => Ok(()),
        }
    }

    fn drop_oldest(&mut self) {
        let Some(key) = self.order.pop_front() else {
            return;
        };
        if let Some(topic) = self.topics.get_mut(key) {
            if let Some(entry) = topic.log.pop_front() {
                topic.start += 1;
                topic.dropped = entry.number;
                self.bytes -= entry.bytes.len();
                self.batches.drop_before(key, topic.start);
            }
        }
        self.forget_if_unused(key);
    }
}

impl<T> Topic<T> {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the place behind the newest event.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.log.len() as u64
    }

    /// Returns the place behind the event with a number, and the number of the newest event that
    /// was dropped if it was behind that.
    pub(crate) fn place_behind(&self, number: u64) -> (u64, Option<u64>) {
        let before = self.log.partition_point(|entry| entry.number <= number);
        let dropped = (self.dropped > number).then_some(self.dropped);
        (self.start + before as u64, dropped)
    }

    /// Returns the number of the event at a place.
    pub(crate) fn number_at(&self, place: u64) -> Option<u64> {
        self.entry(place).map(|entry| entry.number)
    }

    pub(crate) fn bytes_at(&self, place: u64) -> Option<&Bytes> {
        self.entry(place).map(|entry| &entry.bytes)
    }

    fn entry(&self, place: u64) -> Option<&Entry> {
        let index = place.checked_sub(self.start)?;
        self.log.get(usize::try_from(index).ok()?)
    }
}
