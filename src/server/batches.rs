//! Batches: events that were joined because several readers want them together.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::server::log::{Log, Position, TopicKey};

/// The batches that were joined last, so that readers at the same position share one.
#[derive(Debug, Default)]
pub(crate) struct Batches(VecDeque<Batch>);

#[derive(Debug)]
struct Batch {
    topic: TopicKey,
    start: Position,
    end: Position,
    bytes: Bytes,
}

impl Batches {
    /// Joins as many events after `start` as fit into `max_bytes`, and returns them with the position
    /// after them.
    pub(crate) fn join(
        &mut self,
        topic: TopicKey,
        log: &Log,
        start: Position,
        max_bytes: usize,
    ) -> (Bytes, Position) {
        let is_wanted = |batch: &&Batch| {
            batch.start == start && batch.topic == topic && batch.bytes.len() <= max_bytes
        };
        if let Some(batch) = self.0.iter().rev().find(is_wanted) {
            return (batch.bytes.clone(), batch.end);
        }
        let mut len = 0;
        let mut count = 0;
        let mut end = start;
        for (entry, after) in log.entries_after(start) {
            if len + entry.bytes.len() > max_bytes {
                break;
            }
            len += entry.bytes.len();
            count += 1;
            end = after;
        }
        let mut joined = Vec::with_capacity(len);
        for (entry, _) in log.entries_after(start).take(count) {
            joined.extend_from_slice(&entry.bytes);
        }
        let bytes = Bytes::from(joined);
        if self.0.len() == MAX_BATCHES {
            self.0.pop_front();
        }
        self.0.push_back(Batch {
            topic,
            start,
            end,
            bytes: bytes.clone(),
        });
        (bytes, end)
    }

    /// Drops the batches of a topic that start before a position. A batch lives no longer than the
    /// events that it was joined from.
    pub(crate) fn drop_before(&mut self, topic: TopicKey, start: Position) {
        self.0
            .retain(|batch| batch.topic != topic || batch.start >= start);
    }
}

const MAX_BATCHES: usize = 8;
