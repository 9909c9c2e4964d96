//! The events of every topic, as far back as there is room.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use hashbrown::HashMap;
use slotmap::{SlotMap, new_key_type};

use crate::server::subscriber::SubscriberId;

new_key_type! {
    /// Names a topic for as long as it has events or subscribers.
    pub(crate) struct TopicKey;
}

/// Holds the log: one sequence of events, each in the log of its topic.
#[derive(Debug, Default)]
pub(crate) struct History {
    max_events: usize,
    max_bytes: usize,
    topics: SlotMap<TopicKey, Topic>,
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
    batches: VecDeque<Batch>,
}

/// Holds the log of one topic.
#[derive(Debug)]
pub(crate) struct Topic {
    name: Box<str>,
    log: VecDeque<Entry>,
    /// How many events were dropped before those in the log.
    start: u64,
    /// The number of the newest event that was dropped.
    dropped: u64,
    /// How many subscribers there are.
    pub(crate) subscribers: usize,
    /// Who waits for the next event.
    pub(crate) waiting: Vec<SubscriberId>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    /// The bytes of all events up to this one.
    published_bytes: u64,
    bytes: Bytes,
}

/// Holds events that many readers want together, joined once.
#[derive(Debug)]
struct Batch {
    topic: TopicKey,
    start: u64,
    end: u64,
    bytes: Bytes,
}

impl History {
    pub(crate) fn new(max_events: usize, max_bytes: usize) -> Self {
        Self {
            max_events,
            max_bytes,
            ..Self::default()
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

    /// Returns whether half of what the log may hold was published behind the event at a place: soon
    /// it will be dropped.
    pub(crate) fn is_in_older_half(&self, topic: &Topic, place: u64) -> bool {
        let half = |max: usize| (max.div_ceil(2) as u64).max(1);
        topic.entry(place).is_some_and(|entry| {
            self.newest - entry.number >= half(self.max_events)
                || self.published_bytes - entry.published_bytes >= half(self.max_bytes)
        })
    }

    pub(crate) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    pub(crate) fn find(&self, name: &str) -> Option<TopicKey> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn topic(&self, key: TopicKey) -> Option<&Topic> {
        self.topics.get(key)
    }

    pub(crate) fn topic_mut(&mut self, key: TopicKey) -> Option<&mut Topic> {
        self.topics.get_mut(key)
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
            waiting: Vec::new(),
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
        let is_unused = |topic: &Topic| topic.log.is_empty() && topic.subscribers == 0;
        if self.topics.get(key).is_some_and(is_unused) {
            if let Some(topic) = self.topics.remove(key) {
                self.forgotten = self.forgotten.max(topic.dropped);
                self.by_name.remove(&topic.name);
            }
        }
    }

    /// Joins the events of a topic from its `start`th on, up to about `max_bytes`, and returns them
    /// with the place behind them. `None` if there are none.
    pub(crate) fn read(
        &mut self,
        key: TopicKey,
        start: u64,
        max_bytes: usize,
    ) -> Option<(Bytes, u64)> {
        let topic = self.topics.get(key)?;
        let first = topic.entry(start)?;
        if topic.entry(start + 1).is_none() || first.bytes.len() >= max_bytes {
            return Some((first.bytes.clone(), start + 1));
        }
        let is_wanted = |batch: &&Batch| {
            batch.start == start && batch.topic == key && batch.bytes.len() <= max_bytes
        };
        if let Some(batch) = self.batches.iter().rev().find(is_wanted) {
            return Some((batch.bytes.clone(), batch.end));
        }
        let mut len = 0;
        let mut end = start;
        while let Some(entry) = topic.entry(end) {
            if len + entry.bytes.len() > max_bytes {
                break;
            }
            len += entry.bytes.len();
            end += 1;
        }
        let mut joined = Vec::with_capacity(len);
        (start..end)
            .filter_map(|place| topic.entry(place))
            .for_each(|entry| joined.extend_from_slice(&entry.bytes));
        let bytes = Bytes::from(joined);
        if self.batches.len() == BATCHES {
            self.batches.pop_front();
        }
        self.batches.push_back(Batch {
            topic: key,
            start,
            end,
            bytes: bytes.clone(),
        });
        Some((bytes, end))
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
            }
        }
        // A batch lives no longer than what it was made of.
        let topics = &self.topics;
        self.batches.retain(|batch| {
            let topic = topics.get(batch.topic);
            topic.is_some_and(|topic| topic.start <= batch.start)
        });
        self.forget_if_unused(key);
    }
}

impl Topic {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the place of the oldest event that is left.
    pub(crate) fn start(&self) -> u64 {
        self.start
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

/// How many joined pieces are kept for other readers at the same place.
const BATCHES: usize = 8;
