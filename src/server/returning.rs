//! Going back: a history whose log was lost, or has lost its newest events.

use alloc::vec::Vec;

use crate::server::event_id::EventId;
use crate::server::history::History;
use crate::server::lineage::{Descent, Lineage};
use crate::server::log::Log;
use crate::server::topic::TopicKey;

impl<T> History<T> {
    /// Forgets all events, and goes on after `base`. Of each epoch up to there, `epochs` has the ID of
    /// the last event, in order.
    pub(crate) fn restart(&mut self, base: EventId, epochs: impl Iterator<Item = EventId>) {
        for topic in self.topics.values_mut() {
            topic.log = Log::new(base);
        }
        self.events = 0;
        self.bytes = 0;
        self.newest_forgotten = base;
        self.batches.clear();
        self.aged.clear();
        self.lineage = Lineage::new();
        epochs.for_each(|last| self.lineage.push(last));
        self.lineage.cut(base);
        for key in self.keys() {
            self.weigh(key, 0);
            self.forget_if_unused(key);
        }
    }

    /// Removes the events after a position, and returns `true`. Returns `false` and changes nothing if
    /// one of them has to do with a key.
    pub(crate) fn cut(&mut self, after: EventId) -> bool {
        if self
            .topics
            .values()
            .any(|topic| topic.log.has_keyed_after(after))
        {
            return false;
        }
        for key in self.keys() {
            while let Some(removed) = self.topic_mut(key).and_then(|topic| topic.log.cut(after)) {
                self.release(key, removed);
            }
            self.weigh(key, 0);
            self.forget_if_unused(key);
        }
        self.newest_forgotten = self.newest_forgotten.min(after);
        self.batches.clear();
        self.lineage.cut(after);
        true
    }

    /// Moves to the position of an ID that stands for no event.
    pub(crate) fn advance(&mut self, id: EventId) {
        self.lineage.push(id);
    }

    pub(crate) fn descent(&self, id: EventId) -> Descent {
        self.lineage.descent(id)
    }

    /// Returns whether an ID is that of an entry that was read, or known to be before all that were.
    pub(crate) fn has_id(&self, id: EventId) -> bool {
        self.descent(id) == Descent::Own
    }

    /// Returns the last ID of the newest epoch before that of an ID.
    pub(crate) fn newest_before(&self, id: EventId) -> Option<EventId> {
        self.lineage.newest_before(id)
    }

    fn keys(&self) -> Vec<TopicKey> {
        self.topics.keys().collect()
    }
}
