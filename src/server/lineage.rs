//! The epochs of the events that a log has seen.

use alloc::collections::VecDeque;

use crate::server::event_id::EventId;

/// The epochs whose events were seen, each with the highest number in it, the newest epoch last.
///
/// An ID of such an epoch is known to be that of an event, whether the log still has it or not.
#[derive(Debug)]
pub(crate) struct Lineage {
    /// Up to [`MOST`] epochs. The numbers of one epoch rise up to the number here.
    epochs: VecDeque<EventId>,
}

/// What a lineage knows of an ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Descent {
    /// It may be that of an event.
    Own,
    /// Its epoch ended before it, with this ID.
    Beyond(EventId),
    /// Its epoch is not known.
    Foreign,
}

impl Lineage {
    /// Creates the lineage of a log without events.
    pub(crate) const fn new() -> Self {
        Self {
            epochs: VecDeque::new(),
        }
    }

    /// Adds the ID of an event, which is higher than all before.
    #[inline]
    pub(crate) fn push(&mut self, id: EventId) {
        match self.epochs.back_mut() {
            Some(newest) if newest.epoch() == id.epoch() => *newest = id,
            _ => self.begin(id),
        }
    }

    #[cold]
    fn begin(&mut self, id: EventId) {
        if self.epochs.len() == MOST {
            self.epochs.pop_front();
        }
        self.epochs.push_back(id);
    }

    /// Returns the ID of the newest event.
    #[inline]
    pub(crate) fn newest(&self) -> Option<EventId> {
        self.epochs.back().copied()
    }

    /// Goes back to a position, which becomes the newest, after that of a known event or of none.
    pub(crate) fn cut(&mut self, after: EventId) {
        while self
            .newest()
            .is_some_and(|newest| newest.epoch() > after.epoch())
        {
            self.epochs.pop_back();
        }
        match self.epochs.back_mut() {
            Some(newest) if newest.epoch() == after.epoch() => *newest = after,
            _ => self.begin(after),
        }
    }

    /// Returns the last ID of the newest epoch before that of an ID.
    pub(crate) fn newest_before(&self, id: EventId) -> Option<EventId> {
        let index = self
            .epochs
            .partition_point(|newest| newest.epoch() < id.epoch());
        self.epochs.get(index.checked_sub(1)?).copied()
    }

    /// Returns the newest ID that is also in another log, of whose epochs the last IDs are given.
    pub(crate) fn common(
        &self,
        others: impl DoubleEndedIterator<Item = EventId>,
    ) -> Option<EventId> {
        let mut ours = self.epochs.iter().rev().copied().peekable();
        for theirs in others.rev() {
            while ours.next_if(|ours| ours.epoch() > theirs.epoch()).is_some() {}
            if let Some(ours) = ours.next_if(|ours| ours.epoch() == theirs.epoch()) {
                return Some(ours.min(theirs));
            }
        }
        None
    }

    /// Returns the position before the first event.
    pub(crate) fn first_position(&self) -> Option<EventId> {
        let first = self.epochs.front()?;
        Some(EventId::new(first.epoch(), 0))
    }

    pub(crate) fn descent(&self, id: EventId) -> Descent {
        let index = self
            .epochs
            .partition_point(|newest| newest.epoch() < id.epoch());
        match self.epochs.get(index) {
            Some(newest) if newest.epoch() == id.epoch() && id <= *newest => Descent::Own,
            Some(newest) if newest.epoch() == id.epoch() => Descent::Beyond(*newest),
            _ => Descent::Foreign,
        }
    }
}

/// How many epochs are known.
const MOST: usize = 1000;
