//! Batches: events that were joined because several readers want them together.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::server::event_id::EventId;
use crate::server::joined::Facts;
use crate::server::log::{Log, Tally};
use crate::server::topic::TopicKey;

/// The batches that were joined last, so that readers at the same position share one.
#[derive(Debug, Default)]
pub(crate) struct Batches(VecDeque<Batch>);

/// Events of one topic, joined.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    topic: TopicKey,
    /// The ID after which the events were read.
    start: EventId,
    /// The pace of the first of them.
    pub(crate) first: Option<Tally>,
    /// The ID of the last of them.
    pub(crate) end: EventId,
    pub(crate) bytes: Bytes,
    pub(crate) facts: Facts,
}

impl Batches {
    /// Returns the batch after `start`, if there is one that fits into `max_bytes`.
    #[inline]
    pub(crate) fn find(&self, topic: TopicKey, start: EventId, max_bytes: usize) -> Option<&Batch> {
        let is_wanted = |batch: &&Batch| {
            batch.start == start && batch.topic == topic && batch.bytes.len() <= max_bytes
        };
        self.0.iter().rev().find(is_wanted)
    }

    /// Joins as many events after `start` as fit into `max_bytes`.
    pub(crate) fn join(
        &mut self,
        topic: TopicKey,
        log: &Log,
        start: EventId,
        max_bytes: usize,
    ) -> Option<&Batch> {
        let first = log.first_after(start)?;
        let (first, at) = (first.pace(), first.at);
        let mut len = 0;
        let mut count = 0;
        let mut end = start;
        for entry in log.entries_after(start) {
            if len + entry.bytes.len() > max_bytes {
                break;
            }
            len += entry.bytes.len();
            count += 1;
            end = entry.id;
        }
        let mut joined = Vec::with_capacity(len);
        for entry in log.entries_after(start).take(count) {
            joined.extend_from_slice(&entry.bytes);
        }
        if self.0.len() == MAX_BATCHES {
            self.0.pop_front();
        }
        self.0.push_back(Batch {
            topic,
            start,
            first,
            end,
            bytes: Bytes::from(joined),
            facts: Facts {
                events: u32::try_from(count).unwrap_or(u32::MAX),
                at,
            },
        });
        self.0.back()
    }

    /// Drops the batches of a topic with an event that was replaced.
    pub(crate) fn drop_with(&mut self, topic: TopicKey, id: EventId) {
        self.0
            .retain(|batch| batch.topic != topic || id <= batch.start || batch.end < id);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Drops the batches of a topic with events that are no longer in the log. A batch lives no longer
    /// than the events that it was joined from.
    pub(crate) fn drop_before(&mut self, topic: TopicKey, start: EventId) {
        self.0
            .retain(|batch| batch.topic != topic || batch.start >= start);
    }
}

const MAX_BATCHES: usize = 8;
