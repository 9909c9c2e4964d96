//! Reading one topic.

use bytes::Bytes;

use crate::server::event_id::EventId;
use crate::server::history::History;
use crate::server::joined::{Facts, Joined};
use crate::server::log::{Log, Tally};
use crate::server::topic::TopicKey;

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
        log.newest() <= self.after || log.newest_held() <= Some(self.after) && !self.has_lost(log)
    }
}

impl<T> History<T> {
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
            self.check_pace(log, entry.pace(), position)?;
            position.after = entry.id;
            self.facts = Facts {
                events: 1,
                at: entry.at,
            };
            return Ok(Some(entry.bytes.clone()));
        }
        if let Some(batch) = self.batches.find(key, position.after, max_bytes) {
            self.check_pace(log, batch.first, position)?;
            position.after = batch.end;
            self.facts = batch.facts;
            return Ok(Some(batch.bytes.clone()));
        }
        let Some(first) = log.first_after(position.after) else {
            return Ok(None);
        };
        self.check_pace(log, first.pace(), position)?;
        if first.id == log.newest() || first.bytes.len() >= max_bytes {
            position.after = first.id;
            self.facts = Facts {
                events: 1,
                at: first.at,
            };
            return Ok(Some(first.bytes.clone()));
        }
        let batch = self.batches.join(key, log, position.after, max_bytes);
        Ok(batch.map(|batch| {
            position.after = batch.end;
            self.facts = batch.facts;
            batch.bytes.clone()
        }))
    }

    /// Reads as [`read`](Self::read) does, but of the events before `unkeyed_from` only those with a key.
    /// Of these it returns nothing if nothing is left, and has then read the others.
    pub(crate) fn read_from(
        &mut self,
        key: TopicKey,
        position: &mut Position,
        unkeyed_from: EventId,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        let Some(log) = self.topics.get(key).map(|topic| &topic.log) else {
            return Ok(None);
        };
        if position.has_lost(log) {
            return Err(TooSlow);
        }
        let mut joined = Joined::default();
        for entry in log.entries_after(position.after) {
            let is_wanted = entry.key().is_some() || entry.id >= unkeyed_from;
            if is_wanted && !joined.push(entry, max_bytes) {
                break;
            }
            position.after = entry.id;
        }
        self.facts = joined.facts();
        Ok(joined.into_bytes())
    }

    /// Fails if the event that a live reader has to read next may soon be dropped.
    ///
    /// A replay may start that far back, so it fails only once events are lost. An event with a key has no
    /// pace: what was published after it may have taken the place of something else.
    #[inline]
    pub(crate) fn check_pace(
        &self,
        log: &Log,
        next: Option<Tally>,
        position: &Position,
    ) -> Result<(), TooSlow> {
        match next {
            Some(next) if position.is_live && log.is_far_back(next, self.half) => Err(TooSlow),
            _ => Ok(()),
        }
    }

    /// Returns whether a reader of a topic has nothing to read, and has lost nothing.
    #[inline]
    pub(crate) fn is_at_end(&self, key: TopicKey, position: &Position) -> bool {
        let topic = self.topics.get(key);
        topic.is_none_or(|topic| position.is_at_end(&topic.log))
    }
}
