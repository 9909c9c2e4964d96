//! The latest events of all topics, within the bounds of the configuration.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::hash::BuildHasher;

use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashTable};
use slotmap::SlotMap;
use smallvec::SmallVec;

use crate::server::aged::Aged;
use crate::server::batches::Batches;
use crate::server::closings::Closings;
use crate::server::config::TopicsConfig;
use crate::server::event_id::EventId;
use crate::server::heaviest::{Heaviest, Weight};
use crate::server::joined::Facts;
use crate::server::lineage::Lineage;
use crate::server::log::{Removed, Role, Tally};
use crate::server::topic::{Topic, TopicKey, TopicMap};
use crate::time::Timestamp;

/// The latest events of all topics: one sequence of IDs, and a log for each topic.
#[derive(Debug)]
pub(crate) struct History<T> {
    max_events: usize,
    max_bytes: usize,
    max_events_per_topic: usize,
    pub(super) topics: TopicMap<T>,
    by_name: HashTable<TopicKey>,
    hasher: DefaultHashBuilder,
    pub(super) heaviest: Heaviest,
    pub(super) aged: Aged,
    closings: Closings,
    /// The number of events in the logs. One of several topics counts once.
    pub(super) events: usize,
    /// The bytes of these events, of their keys, and of the names of their topics.
    pub(super) bytes: usize,
    /// Half of what a log may hold, at least one.
    pub(super) half: Tally,
    pub(super) lineage: Lineage,
    /// The highest ID among the dropped events of topics that were forgotten.
    pub(super) newest_forgotten: EventId,
    /// How many times the streams of a topic were ended. It wraps around.
    ends: u32,
    /// How many events were dropped to make room.
    dropped: u64,
    /// How many events were dropped because of their age.
    expired: u64,
    pub(super) batches: Batches,
    /// Of the events that were read last.
    pub(crate) facts: Facts,
}

/// An event that is to be appended.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) id: EventId,
    pub(crate) now: Timestamp,
    pub(crate) bytes: Bytes,
    pub(crate) role: Role<'a>,
}

/// The topics of an event, of which most have one.
pub(crate) type TopicKeys = SmallVec<[TopicKey; 1]>;

impl<T> History<T> {
    /// Creates a history without events.
    pub(crate) fn new(config: &TopicsConfig) -> Self {
        let half = |max: usize| (max.div_ceil(2) as u64).max(1);
        let max_events_per_topic = config.max_events_per_topic.unwrap_or(usize::MAX);
        Self {
            max_events: config.max_events,
            max_bytes: config.max_bytes,
            max_events_per_topic,
            topics: SlotMap::with_key(),
            by_name: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            heaviest: Heaviest::default(),
            aged: Aged::new(config.max_age),
            closings: Closings::new(config.max_closed_topics),
            events: 0,
            bytes: 0,
            half: Tally {
                events: half(config.max_events.min(max_events_per_topic)),
                bytes: half(config.max_bytes),
            },
            lineage: Lineage::new(),
            newest_forgotten: EventId::LOWEST,
            ends: 0,
            dropped: 0,
            expired: 0,
            batches: Batches::default(),
            facts: Facts::default(),
        }
    }

    /// Appends an event to topics, for which there should be [room](Self::make_room). Its ID is higher
    /// than all before. One with the same key must have been [removed](Self::remove_key).
    pub(crate) fn push(&mut self, topics: &[TopicKey], arrival: Arrival<'_>) {
        let Arrival {
            id,
            now,
            bytes,
            role,
        } = arrival;
        let shared = (topics.len() > 1).then(|| Arc::new(()));
        let at = nanoseconds(now);
        let len = bytes.len();
        let mut left = Some(bytes);
        for (index, &topic) in topics.iter().enumerate() {
            // The last takes the bytes themselves, since a clone costs an allocation.
            let bytes = match index + 1 == topics.len() {
                true => left.take(),
                false => left.clone(),
            };
            let (Some(known), Some(bytes)) = (self.topics.get_mut(topic), bytes) else {
                continue;
            };
            if known.log.is_empty() {
                self.bytes += known.name.len();
            }
            self.bytes += role.key().map_or(0, str::len);
            known.log.push(id, at, bytes, role, shared.clone());
            if !matches!(role, Role::Present(_)) {
                self.aged.push(topic, id);
            }
        }
        self.events += 1;
        self.bytes += len;
        // One that is older belongs to the snapshot with which a log begins that is followed.
        if self.newest().is_none_or(|newest| id > newest) {
            self.lineage.push(id);
        }
        for &topic in topics {
            let len = |topics: &TopicMap<T>| topics.get(topic).map_or(0, |topic| topic.log.len());
            while len(&self.topics) > self.max_events_per_topic {
                self.note_trimmed(topic, true);
                self.dropped += 1;
                self.drop_oldest(topic, topics);
            }
            self.weigh(topic, 0);
        }
    }

    /// Drops the oldest events until one of `len` bytes fits into the logs of these topics: each time the
    /// oldest of the topic that would hold the most bytes. If that does not suffice, all are dropped.
    pub(crate) fn make_room(&mut self, topics: &[TopicKey], len: usize, key: Option<&str>) {
        for &topic in topics {
            self.note_trimmed(topic, false);
        }
        let key_len = key.map_or(0, str::len);
        while !self.has_room(topics, len, key_len) {
            for &topic in topics {
                self.weigh(topic, len + key_len);
            }
            let Some(heaviest) = self.heaviest.first() else {
                break;
            };
            self.note_trimmed(heaviest, true);
            self.dropped += 1;
            self.drop_oldest(heaviest, topics);
        }
    }

    /// Removes the event of a key from the logs of topics.
    pub(crate) fn remove_key(&mut self, topics: &[TopicKey], key: &str) {
        for &topic in topics {
            let known = self.topics.get_mut(topic);
            let Some(removed) = known.and_then(|known| known.log.remove_key(key)) else {
                continue;
            };
            self.batches.drop_with(topic, removed.entry.id);
            self.release(topic, removed);
            self.weigh(topic, 0);
        }
    }

    /// Drops the events that are too old by now.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let now = nanoseconds(now);
        while let Some((topic, id)) = self.aged.first() {
            let known = self.topics.get(topic);
            match known.and_then(|known| known.log.entry(id)) {
                Some(entry) if !self.aged.is_over(entry.at, now) => break,
                Some(_) => {
                    self.expired += 1;
                    self.drop_event(topic, id);
                }
                None => {}
            }
            self.aged.pop();
        }
        let (aged, topics) = (&mut self.aged, &self.topics);
        aged.tidy(|topic, id| {
            let topic = topics.get(topic);
            topic.is_some_and(|topic| topic.log.entry(id).is_some())
        });
    }

    /// Returns the key of a topic. A topic that is not known is added.
    pub(crate) fn find_or_add(&mut self, name: impl AsRef<str> + Into<Box<str>>) -> TopicKey {
        let hash = self.hasher.hash_one(name.as_ref());
        if let Some(key) = self.find_hashed(hash, name.as_ref()) {
            return key;
        }
        let topic = Topic::new(name.into(), self.newest_forgotten);
        let key = self.topics.insert(Box::new(topic));
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

    /// Returns the ID of the newest event.
    #[inline]
    pub(crate) fn newest(&self) -> Option<EventId> {
        self.lineage.newest()
    }

    /// Returns the position before all events.
    pub(crate) fn first_position(&self) -> Option<EventId> {
        self.lineage.first_position()
    }

    /// Returns how many times the streams of a topic were ended.
    #[inline]
    pub(crate) fn ends(&self) -> u32 {
        self.ends
    }

    /// Counts an end of streams, or something else that all subscribers have to look at.
    pub(crate) fn note_end(&mut self) {
        self.ends = self.ends.wrapping_add(1);
    }

    /// Notes that the streams of a topic are ended.
    pub(crate) fn end_streams(&mut self, key: TopicKey) {
        self.note_end();
        if let Some(topic) = self.topics.get_mut(key) {
            topic.newest_end = self.ends;
        }
    }

    /// Closes a topic until a time.
    pub(crate) fn close(&mut self, key: TopicKey, until: Timestamp) {
        let Some(topic) = self.topics.get_mut(key) else {
            return;
        };
        if topic.closed_until.replace(until).is_none() {
            if let Some(first) = self.closings.push(key) {
                self.open(first);
                self.forget_if_unused(first);
            }
        }
    }

    /// Opens a topic again if the time for which it was closed is over. Returns whether it is open.
    pub(crate) fn open_in_time(&mut self, key: TopicKey, now: Timestamp) -> bool {
        let topic = self.topics.get(key);
        let Some(until) = topic.and_then(|topic| topic.closed_until) else {
            return true;
        };
        if now < until {
            return false;
        }
        self.closings.remove(key);
        self.open(key);
        true
    }

    /// Opens the closed topics again whose time is over, of those that were closed first.
    pub(crate) fn open_due(&mut self, now: Timestamp) {
        while let Some(first) = self.closings.first() {
            if !self.open_in_time(first, now) {
                break;
            }
            self.closings.remove(first);
            self.forget_if_unused(first);
        }
    }

    fn open(&mut self, key: TopicKey) {
        if let Some(topic) = self.topics.get_mut(key) {
            topic.closed_until = None;
        }
    }

    /// Returns how many events were dropped to make room, and how many because of their age.
    pub(crate) fn dropped_and_expired(&self) -> (u64, u64) {
        (self.dropped, self.expired)
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
        self.topic(self.find_key(name)?)
    }

    pub(crate) fn find_key(&self, name: &str) -> Option<TopicKey> {
        self.find_hashed(self.hasher.hash_one(name), name)
    }

    pub(crate) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    pub(crate) fn event_count(&self) -> usize {
        self.events
    }

    pub(crate) fn byte_count(&self) -> usize {
        self.bytes
    }

    fn find_hashed(&self, hash: u64, name: &str) -> Option<TopicKey> {
        let is_named = |key: &TopicKey| self.topics.get(*key).is_some_and(|t| *t.name == *name);
        self.by_name.find(hash, is_named).copied()
    }

    /// Returns whether an event of so many bytes, with a key of so many, fits into the logs of topics.
    fn has_room(&self, topics: &[TopicKey], len: usize, key_len: usize) -> bool {
        let names = topics.iter().map(|topic| match self.topics.get(*topic) {
            Some(topic) if topic.log.is_empty() => topic.name.len() + key_len,
            _ => key_len,
        });
        let len = names.fold(len, usize::saturating_add);
        self.events < self.max_events
            && self
                .bytes
                .checked_add(len)
                .is_some_and(|bytes| bytes <= self.max_bytes)
    }

    /// Moves a topic to its place among the heaviest, as if it held so many bytes more.
    #[inline]
    pub(super) fn weigh(&mut self, key: TopicKey, more: usize) {
        let Some(topic) = self.topics.get(key) else {
            return;
        };
        match topic.log.oldest() {
            Some(oldest) => {
                let weight = Weight {
                    topic: key,
                    bytes: topic.log.bytes() + more,
                    oldest,
                };
                self.heaviest.set(weight, &mut self.topics);
            }
            None => self.heaviest.remove(key, &mut self.topics),
        }
    }

    fn note_trimmed(&mut self, key: TopicKey, is_trimmed: bool) {
        if let Some(topic) = self.topics.get_mut(key) {
            topic.log.note_trimmed(is_trimmed);
        }
    }

    /// Drops the oldest event of a topic. The topics `kept`, which are about to get an event, stay known
    /// even if they are left without one, and are weighed then.
    fn drop_oldest(&mut self, key: TopicKey, kept: &[TopicKey]) {
        let topic = self.topics.get_mut(key);
        if let Some(removed) = topic.and_then(|topic| topic.log.pop()) {
            self.batches.drop_before(key, removed.entry.id);
            self.release(key, removed);
        }
        if !kept.contains(&key) {
            self.weigh(key, 0);
            self.forget_if_unused(key);
        }
    }

    fn drop_event(&mut self, key: TopicKey, id: EventId) {
        let topic = self.topics.get_mut(key);
        if let Some(removed) = topic.and_then(|topic| topic.log.drop_event(id)) {
            self.batches.drop_with(key, id);
            self.release(key, removed);
        }
        self.weigh(key, 0);
        self.forget_if_unused(key);
    }

    /// Stops counting an event that has left the log of a topic.
    pub(super) fn release(&mut self, key: TopicKey, removed: Removed) {
        let Removed { entry, key_bytes } = removed;
        self.bytes -= key_bytes;
        if entry.is_alone() {
            self.events -= 1;
            self.bytes -= entry.bytes.len();
        }
        if let Some(topic) = self.topics.get(key).filter(|topic| topic.log.is_empty()) {
            self.bytes -= topic.name.len();
        }
    }

    /// Forgets a topic that has neither events nor subscribers, and is not closed.
    pub(crate) fn forget_if_unused(&mut self, key: TopicKey) {
        if !self.topic(key).is_some_and(Topic::is_unused) {
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

/// Returns a time as the logs note it.
fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.since_origin().as_nanos()).unwrap_or(u64::MAX)
}

/// The table never gives back the memory for this many names.
const FEW_NAMES: usize = 64;
