//! The log of one topic.

use alloc::collections::VecDeque;

use bytes::Bytes;
use slotmap::new_key_type;

new_key_type! {
    /// The key of a topic, for as long as the topic has events or subscribers.
    pub(crate) struct TopicKey;
}

/// A place in the log of one topic, between two events.
///
/// Only a [`Log`] can tell what comes before and after it, so that nobody else depends on how a log
/// counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(u64);

/// The latest events of one topic, the oldest first.
#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// The position before the oldest entry, which is the number of events that were dropped.
    start: u64,
    /// The number of the newest event that was dropped.
    newest_dropped: u64,
}

/// An event in a log.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its number in the sequence of all topics.
    pub(crate) number: u64,
    /// The bytes of all events of all topics up to this one.
    pub(crate) total_bytes: u64,
    /// The encoded event.
    pub(crate) bytes: Bytes,
}

impl Log {
    /// Creates an empty log. Of the events up to `newest_dropped` it has none.
    pub(crate) const fn new(newest_dropped: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            start: 0,
            newest_dropped,
        }
    }

    /// Appends an event. Its number is higher than all before it.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    /// Drops the oldest event, and returns it.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.start += 1;
        self.newest_dropped = entry.number;
        Some(entry)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the number of the newest event that was dropped; 0 if none was.
    pub(crate) fn newest_dropped(&self) -> u64 {
        self.newest_dropped
    }

    /// Returns the position before the oldest event.
    pub(crate) fn start(&self) -> Position {
        Position(self.start)
    }

    /// Returns the position after the newest event.
    pub(crate) fn end(&self) -> Position {
        Position(self.start + self.entries.len() as u64)
    }

    /// Returns the position after all events up to the one with this number, which may be of another
    /// topic.
    pub(crate) fn position_after(&self, number: u64) -> Position {
        let before = self.entries.partition_point(|entry| entry.number <= number);
        Position(self.start + before as u64)
    }

    /// Returns the event after a position, and the position after that event.
    pub(crate) fn entry_after(&self, position: Position) -> Option<(&Entry, Position)> {
        let index = position.0.checked_sub(self.start)?;
        let entry = self.entries.get(usize::try_from(index).ok()?)?;
        Some((entry, Position(position.0 + 1)))
    }

    /// Returns the events after a position, each with the position after it.
    pub(crate) fn entries_after(
        &self,
        position: Position,
    ) -> impl Iterator<Item = (&Entry, Position)> {
        let index = position.0.saturating_sub(self.start);
        let index = usize::try_from(index)
            .map_or(self.entries.len(), |index| index.min(self.entries.len()));
        let after = (self.start + index as u64 + 1..).map(Position);
        self.entries.range(index..).zip(after)
    }
}
