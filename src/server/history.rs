//! The latest events of all topics, within the bounds of the configuration.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::hash::BuildHasher;

use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashTable};
use slotmap::SlotMap;

use crate::server::batches::Batches;
use crate::server::event_id::EventId;
use crate::server::log::{Entry, Log, Tally};
use crate::server::room;
use crate::server::topic::{Topic, TopicKey};
use crate::server::wait_list::WaitList;

/// The latest events of all topics: one sequence of IDs, and a log for each topic.
#[derive(Debug)]
pub(crate) struct History<T> {
    max_events: usize,
    max_bytes: usize,
    /// In boxes, since the map never gives back the memory of a place.
    topics: SlotMap<TopicKey, Box<Topic<T>>>,
    by_name: HashTable<TopicKey>,
    hasher: DefaultHashBuilder,
    /// The topic of each event in the logs, the oldest event first.
    order: VecDeque<TopicKey>,
    /// The bytes of the events in the logs, and of the names of their topics.
    bytes: usize,
    /// All that was ever published.
    tally: Tally,
    /// Half of what the logs may hold, at least one.
    half: Tally,
    /// The ID of the newest event; that with the number 0 if there was none yet.
    newest: EventId,
    /// The highest ID among the dropped events of topics that were forgotten.
    newest_forgotten: EventId,
    batches: Batches,
}

/// How far a reader has read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// The ID of the last event up to which it has read all events of its topics.
    pub(crate) after: EventId,
    /// The ID up to which it was told that events may be missing.
    pub(crate) told: EventId,
    /// Whether it has once read all events. Then it is live, and no longer in a replay.
    pub(crate) is_live: bool,
}

/// The error of a reader that does not keep up.
#[derive(Debug)]
pub(crate) struct TooSlow;

impl Position {
    /// Returns whether a log has dropped events that the reader has neither read nor been told of.
    #[inline]
    pub(crate) fn has_lost(&self, log: &Log) -> bool {
        log.newest_dropped() > self.after && log.newest_dropped() > self.told
    }

    /// Returns whether the reader has nothing to read in a log, and has lost nothing.
    #[inline]
    pub(crate) fn is_at_end(&self, log: &Log) -> bool {
        log.newest() <= self.after || log.is_empty() && log.newest() <= self.told
    }
}

impl<T> History<T> {
    /// Creates a history without events, whose first ID is the one after `newest`.
    pub(crate) fn new(max_events: usize, max_bytes: usize, newest: EventId) -> Self {
        let half = |max: usize| (max.div_ceil(2) as u64).max(1);
        Self {
            max_events,
            max_bytes,
            topics: SlotMap::with_key(),
            by_name: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            order: VecDeque::new(),
            bytes: 0,
            tally: Tally::default(),
            half: Tally {
                events: half(max_events),
                bytes: half(max_bytes),
            },
            newest,
            newest_forgotten: EventId::LOWEST,
            batches: Batches::default(),
        }
    }

    /// Appends an event to a topic. Its ID is higher than all before. The oldest events are dropped
    /// first, until it fits; it is kept even if it does not.
    pub(crate) fn push(&mut self, key: TopicKey, id: EventId, bytes: Bytes) {
        self.make_room(key, bytes.len());
        let Some(topic) = self.topics.get_mut(key) else {
            return;
        };
        if topic.log.is_empty() {
            self.bytes += topic.name.len();
        }
        self.newest = id;
        self.bytes += bytes.len();
        self.tally.events += 1;
        self.tally.bytes += bytes.len() as u64;
        topic.log.push(Entry {
            id,
            tally: self.tally,
            bytes,
        });
        room::make(&mut self.order);
        self.order.push_back(key);
    }

    /// Drops the oldest events until one of `len` bytes fits into the log of a topic.
    pub(crate) fn make_room(&mut self, key: TopicKey, len: usize) {
        while !self.order.is_empty() {
            let topic = self.topics.get(key);
            let name = topic.filter(|topic| topic.log.is_empty());
            let len = len + name.map_or(0, |topic| topic.name.len());
            if self.order.len() < self.max_events
                && self
                    .bytes
                    .checked_add(len)
                    .is_some_and(|bytes| bytes <= self.max_bytes)
            {
                break;
            }
            self.drop_oldest(key);
        }
    }

    /// Returns the key of a topic. A topic that is not known is added.
    pub(crate) fn find_or_add(&mut self, name: impl AsRef<str> + Into<Box<str>>) -> TopicKey {
        let hash = self.hasher.hash_one(name.as_ref());
        if let Some(key) = self.find_hashed(hash, name.as_ref()) {
            return key;
        }
        let key = self.topics.insert(Box::new(Topic {
            name: name.into(),
            // If the topic was known before, its events are lost.
            log: Log::new(self.newest_forgotten),
            subscriber_count: 0,
            waiting: WaitList::new(),
            members: WaitList::new(),
        }));
        let (topics, hasher) = (&self.topics, &self.hasher);
        self.by_name.insert_unique(hash, key, |key| {
            topics
                .get(*key)
                .map_or(0, |topic| hasher.hash_one(&*topic.name))
        });
        key
    }

    /// Stops counting a subscriber of a topic.
    pub(crate) fn remove_subscriber(&mut self, key: TopicKey) {
        if let Some(topic) = self.topics.get_mut(key) {
            topic.subscriber_count -= 1;
            self.forget_if_unused(key);
        }
    }

    /// Reads the events of a topic after a position, joined up to about `max_bytes`; `None` if there
    /// are none.
    #[inline]
    pub(crate) fn read(
        &mut self,
        key: TopicKey,
        position: &mut Position,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        let Some(log) = self.topics.get(key).map(|topic| &topic.log) else {
            return Ok(None);
        };
        if log.newest() <= position.after {
            return Ok(None);
        }
        if position.has_lost(log) {
            return Err(TooSlow);
        }
        // Most readers have read all events but the last.
        if let Some(entry) = log.only_entry_after(position.after) {
            self.check_pace(entry.tally, position)?;
            position.after = entry.id;
            return Ok(Some(entry.bytes.clone()));
        }
        self.read_several(key, position, max_bytes)
    }

    fn read_several(
        &mut self,
        key: TopicKey,
        position: &mut Position,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        let Some(log) = self.topics.get(key).map(|topic| &topic.log) else {
            return Ok(None);
        };
        if let Some(batch) = self.batches.find(key, position.after, max_bytes) {
            self.check_pace(batch.first, position)?;
            position.after = batch.end;
            return Ok(Some(batch.bytes.clone()));
        }
        let index = log.index_after(position.after);
        let Some(first) = log.entry(index) else {
            return Ok(None);
        };
        self.check_pace(first.tally, position)?;
        if first.id == log.newest() || first.bytes.len() >= max_bytes {
            position.after = first.id;
            return Ok(Some(first.bytes.clone()));
        }
        let batch = self
            .batches
            .join(key, log, position.after, index, max_bytes);
        Ok(batch.map(|batch| {
            position.after = batch.end;
            batch.bytes.clone()
        }))
    }

    /// Fails if a live reader has half of what the logs may hold after the event that it has to read
    /// next.
    ///
    /// A replay may start that far back, so it fails only once events are lost.
    #[inline]
    pub(crate) fn check_pace(&self, next: Tally, position: &Position) -> Result<(), TooSlow> {
        let is_too_slow = position.is_live
            && (self.tally.events - next.events >= self.half.events
                || self.tally.bytes - next.bytes >= self.half.bytes);
        match is_too_slow {
            true => Err(TooSlow),
            false => Ok(()),
        }
    }

    /// Returns whether a reader of a topic has nothing to read, and has lost nothing.
    #[inline]
    pub(crate) fn is_at_end(&self, key: TopicKey, position: &Position) -> bool {
        let topic = self.topics.get(key);
        topic.is_none_or(|topic| position.is_at_end(&topic.log))
    }

    /// Returns the ID of the newest event; that with the number 0 if there was none yet.
    pub(crate) fn newest(&self) -> EventId {
        self.newest
    }

    /// Reports that an ID was assigned to an event that is not kept.
    pub(crate) fn skip(&mut self, id: EventId) {
        self.newest = id;
    }

    #[inline]
    pub(crate) fn topic(&self, key: TopicKey) -> Option<&Topic<T>> {
        self.topics.get(key).map(|topic| &**topic)
    }

    #[inline]
    pub(crate) fn topic_mut(&mut self, key: TopicKey) -> Option<&mut Topic<T>> {
        self.topics.get_mut(key).map(|topic| &mut **topic)
    }

    pub(crate) fn topics_mut(&mut self) -> impl Iterator<Item = &mut Topic<T>> {
        self.topics.values_mut().map(|topic| &mut **topic)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Topic<T>> {
        let key = self.find_hashed(self.hasher.hash_one(name), name)?;
        self.topic(key)
    }

    pub(crate) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    pub(crate) fn event_count(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn byte_count(&self) -> usize {
        self.bytes
    }

    fn find_hashed(&self, hash: u64, name: &str) -> Option<TopicKey> {
        let is_named = |key: &TopicKey| self.topics.get(*key).is_some_and(|t| *t.name == *name);
        self.by_name.find(hash, is_named).copied()
    }

    /// Drops the oldest event. The topic `kept` stays known even if it is left without events.
    fn drop_oldest(&mut self, kept: TopicKey) {
        let Some(key) = self.order.pop_front() else {
            return;
        };
        room::give_back(&mut self.order);
        let Some(topic) = self.topics.get_mut(key) else {
            return;
        };
        if let Some(entry) = topic.log.pop() {
            self.bytes -= entry.bytes.len();
            self.batches.drop_before(key, entry.id);
        }
        if topic.log.is_empty() {
            self.bytes -= topic.name.len();
        }
        if key != kept {
            self.forget_if_unused(key);
        }
    }

    /// Forgets a topic that has neither events nor subscribers.
    fn forget_if_unused(&mut self, key: TopicKey) {
        let is_unused = |topic: &Topic<T>| topic.log.is_empty() && topic.subscriber_count == 0;
        if !self.topic(key).is_some_and(is_unused) {
            return;
        }
        let Some(topic) = self.topics.remove(key) else {
            return;
        };
        self.newest_forgotten = self.newest_forgotten.max(topic.log.newest_dropped());
        let hash = self.hasher.hash_one(&*topic.name);
        if let Ok(found) = self.by_name.find_entry(hash, |found| *found == key) {
            found.remove();
        }
        let (topics, hasher) = (&self.topics, &self.hasher);
        if self.by_name.capacity() > 4 * (self.by_name.len() + FEW_NAMES) {
            self.by_name.shrink_to(2 * self.by_name.len(), |key| {
                topics
                    .get(*key)
                    .map_or(0, |topic| hasher.hash_one(&*topic.name))
            });
        }
    }
}

/// The table never gives back the memory for this many names.
const FEW_NAMES: usize = 64;
