//! Events that many readers want together.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::server::history::{Topic, TopicKey};

/// Holds the pieces that were joined last, so that each is joined once.
#[derive(Debug, Default)]
pub(crate) struct Batches(VecDeque<Batch>);

#[derive(Debug)]
struct Batch {
    topic: TopicKey,
    start: u64,
    end: u64,
    bytes: Bytes,
}

impl Batches {
    /// Joins the events of a topic from its `start`th on, as many as `max_bytes` have room for, and
    /// returns them with the place behind them.
    pub(crate) fn join<T>(
        &mut self,
        key: TopicKey,
        topic: &Topic<T>,
        start: u64,
        max_bytes: usize,
    ) -> (Bytes, u64) {
        let is_wanted = |batch: &&Batch| {
            batch.start == start && batch.topic == key && batch.bytes.len() <= max_bytes
        };
        if let Some(batch) = self.0.iter().rev().find(is_wanted) {
            return (batch.bytes.clone(), batch.end);
        }
        let mut len = 0;
        let mut end = start;
        while let Some(bytes) = topic.bytes_at(end) {
            if len + bytes.len() > max_bytes {
                break;
            }
            len += bytes.len();
            end += 1;
        }
        let mut joined = Vec::with_capacity(len);
        (start..end)
            .filter_map(|place| topic.bytes_at(place))
            .for_each(|bytes| joined.extend_from_slice(bytes));
        let bytes = Bytes::from(joined);
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Batch {
            topic: key,
            start,
            end,
            bytes: bytes.clone(),
        });
        (bytes, end)
    }

    /// Drops what begins before a place of a topic: a batch lives no longer than what it was made of.
    pub(crate) fn drop_before(&mut self, key: TopicKey, start: u64) {
        self.0
            .retain(|batch| batch.topic != key || batch.start >= start);
    }
}

/// How many are kept.
const KEPT: usize = 8;
