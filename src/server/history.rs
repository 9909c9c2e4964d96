//! The latest events of all topics, within the bounds of the configuration.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use bytes::Bytes;
use hashbrown::HashMap;
use slotmap::SlotMap;

use crate::server::batches::Batches;
use crate::server::log::{Entry, Log, Position, TopicKey};

/// The latest events of all topics: one sequence of numbers, and a log for each topic.
#[derive(Debug)]
pub(crate) struct History {
    max_events: usize,
    max_bytes: usize,
    topics: SlotMap<TopicKey, Topic>,
    by_name: HashMap<Box<str>, TopicKey>,
    /// The topic of each event in the logs, the oldest event first.
    order: VecDeque<TopicKey>,
    /// The bytes of the events in the logs.
    bytes: usize,
    /// The bytes of all events so far.
    total_bytes: u64,
    /// The number of the newest event; the first is 1.
    newest: u64,
    /// The highest number among the dropped events of topics that were forgotten.
    newest_forgotten: u64,
    batches: Batches,
}

#[derive(Debug)]
struct Topic {
    name: Box<str>,
    log: Log,
    subscriber_count: usize,
}

/// Events for one reader.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Bytes,
    /// The position after the last of them.
    pub(crate) end: Position,
    /// Whether that is the end of the log.
    pub(crate) is_last: bool,
}

/// The error of a reader that does not keep up.
#[derive(Debug)]
pub(crate) struct TooSlow;

impl History {
    pub(crate) fn new(max_events: usize, max_bytes: usize) -> Self {
        Self {
            max_events,
            max_bytes,
            topics: SlotMap::with_key(),
            by_name: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            total_bytes: 0,
            newest: 0,
            newest_forgotten: 0,
            batches: Batches::default(),
        }
    }

    /// Appends the event with the [next number](Self::next_number) to a topic, then drops the oldest
    /// events until the rest is within bounds. The newest event always stays.
    pub(crate) fn push(&mut self, topic: &str, bytes: Bytes) -> TopicKey {
        let key = self.find_or_add(topic);
        let Some(topic) = self.topics.get_mut(key) else {
            return key;
        };
        self.newest += 1;
        self.bytes += bytes.len();
        self.total_bytes += bytes.len() as u64;
        topic.log.push(Entry {
            number: self.newest,
            total_bytes: self.total_bytes,
            bytes,
        });
        self.order.push_back(key);
        while self.order.len() > 1
            && (self.order.len() > self.max_events || self.bytes > self.max_bytes)
        {
            self.drop_oldest();
        }
        key
    }

    /// Returns the key of a topic. A topic that is not known is added.
    pub(crate) fn find_or_add(&mut self, name: &str) -> TopicKey {
        if let Some(key) = self.by_name.get(name) {
            return *key;
        }
        let key = self.topics.insert(Topic {
            name: name.into(),
            // If the topic was known before, its events are lost.
            log: Log::new(self.newest_forgotten),
            subscriber_count: 0,
        });
        self.by_name.insert(name.into(), key);
        key
    }

    /// Counts a subscriber of a topic, which keeps the topic known. Returns the topic's log.
    pub(crate) fn add_subscriber(&mut self, topic: TopicKey) -> Option<&Log> {
        let topic = self.topics.get_mut(topic)?;
        topic.subscriber_count += 1;
        Some(&topic.log)
    }

    /// Stops counting a subscriber of a topic. Returns how many are left.
    pub(crate) fn remove_subscriber(&mut self, topic: TopicKey) -> usize {
        let Some(found) = self.topics.get_mut(topic) else {
            return 0;
        };
        found.subscriber_count -= 1;
        let left = found.subscriber_count;
        self.forget_if_unused(topic);
        left
    }

    /// Reads the events of a topic after `start`, joined up to about `max_bytes`; `None` if there are
    /// none.
    pub(crate) fn read(
        &mut self,
        topic: TopicKey,
        start: Position,
        is_live: bool,
        max_bytes: usize,
    ) -> Result<Option<Batch>, TooSlow> {
        let Some(log) = self.topics.get(topic).map(|topic| &topic.log) else {
            return Ok(None);
        };
        self.check_pace(log, start, is_live)?;
        let Some((first, after_first)) = log.entry_after(start) else {
            return Ok(None);
        };
        let log_end = log.end();
        let (bytes, end) = if after_first == log_end || first.bytes.len() >= max_bytes {
            (first.bytes.clone(), after_first)
        } else {
            self.batches.join(topic, log, start, max_bytes)
        };
        Ok(Some(Batch {
            bytes,
            end,
            is_last: end == log_end,
        }))
    }

    /// Fails if the reader at a position has lost events. If it is live, it fails already when half of
    /// what the logs may hold was published after the event that it has to read next.
    ///
    /// A replay may start that far back, so it fails only once events are lost.
    #[inline]
    pub(crate) fn check_pace(
        &self,
        log: &Log,
        position: Position,
        is_live: bool,
    ) -> Result<(), TooSlow> {
        let half = |max: usize| (max.div_ceil(2) as u64).max(1);
        let is_too_slow = match log.entry_after(position) {
            Some((entry, _)) => {
                is_live
                    && (self.newest - entry.number >= half(self.max_events)
                        || self.total_bytes - entry.total_bytes >= half(self.max_bytes))
            }
            None => position < log.start(),
        };
        match is_too_slow {
            true => Err(TooSlow),
            false => Ok(()),
        }
    }

    /// Returns the number of the event that is published next.
    pub(crate) fn next_number(&self) -> u64 {
        self.newest + 1
    }

    /// Returns the number of the newest event; 0 if there was none yet.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    pub(crate) fn log(&self, topic: TopicKey) -> Option<&Log> {
        self.topics.get(topic).map(|topic| &topic.log)
    }

    pub(crate) fn name(&self, topic: TopicKey) -> Option<&str> {
        self.topics.get(topic).map(|topic| &*topic.name)
    }

    pub(crate) fn subscriber_count(&self, topic: &str) -> usize {
        let key = self.by_name.get(topic);
        let topic = key.and_then(|key| self.topics.get(*key));
        topic.map_or(0, |topic| topic.subscriber_count)
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

    fn drop_oldest(&mut self) {
        let Some(key) = self.order.pop_front() else {
            return;
        };
        if let Some(topic) = self.topics.get_mut(key) {
            if let Some(entry) = topic.log.pop() {
                self.bytes -= entry.bytes.len();
                self.batches.drop_before(key, topic.log.start());
            }
        }
        self.forget_if_unused(key);
    }

    /// Forgets a topic that has neither events nor subscribers.
    fn forget_if_unused(&mut self, key: TopicKey) {
        let is_unused = |topic: &Topic| topic.log.is_empty() && topic.subscriber_count == 0;
        if self.topics.get(key).is_some_and(is_unused) {
            if let Some(topic) = self.topics.remove(key) {
                self.newest_forgotten = self.newest_forgotten.max(topic.log.newest_dropped());
                self.by_name.remove(&topic.name);
            }
        }
    }
}
