//! The log of one topic.

use alloc::collections::VecDeque;

use bytes::Bytes;

use crate::server::event_id::EventId;
use crate::server::room;

/// The latest events of one topic, the oldest first.
///
/// A place in a log is the ID of the event before it, so it stays valid whatever leaves the log, and is
/// the same in the logs of all topics.
#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    newest_dropped: EventId,
    /// The ID of the newest event, which may be dropped.
    newest: EventId,
    /// The ID of the event before it.
    before_newest: EventId,
}

/// An event in a log.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Higher than that of the entry before.
    pub(crate) id: EventId,
    /// How much was published up to this event.
    pub(crate) tally: Tally,
    /// The encoded event.
    pub(crate) bytes: Bytes,
}

/// How much was published to all topics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

impl Log {
    /// Creates an empty log. Of the events up to `newest_dropped` it has none.
    pub(crate) const fn new(newest_dropped: EventId) -> Self {
        Self {
            entries: VecDeque::new(),
            newest_dropped,
            newest: newest_dropped,
            before_newest: newest_dropped,
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        room::make(&mut self.entries);
        self.before_newest = self.newest;
        self.newest = entry.id;
        self.entries.push_back(entry);
    }

    /// Drops the oldest event, and returns it.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.newest_dropped = entry.id;
        room::give_back(&mut self.entries);
        Some(entry)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the ID of the newest event that was dropped, which is the lowest ID if none was.
    #[inline]
    pub(crate) fn newest_dropped(&self) -> EventId {
        self.newest_dropped
    }

    /// Returns the ID of the newest event, which may be dropped.
    #[inline]
    pub(crate) fn newest(&self) -> EventId {
        self.newest
    }

    /// Returns the newest event, if it is in the log and is the only one with a higher ID.
    #[inline]
    pub(crate) fn only_entry_after(&self, id: EventId) -> Option<&Entry> {
        match self.before_newest <= id {
            true => self.entries.back(),
            false => None,
        }
    }

    /// Returns the index of the first event with a higher ID, which is the number of entries if there
    /// is none.
    pub(crate) fn index_after(&self, id: EventId) -> usize {
        match self.before_newest <= id {
            true => self.entries.len() - usize::from(self.newest > id && !self.is_empty()),
            false => self.entries.partition_point(|entry| entry.id <= id),
        }
    }

    #[inline]
    pub(crate) fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    /// Returns the events from an index on.
    pub(crate) fn entries_from(&self, index: usize) -> impl Iterator<Item = &Entry> {
        self.entries.range(index.min(self.entries.len())..)
    }
}
