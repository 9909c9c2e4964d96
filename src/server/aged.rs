//! The events of all topics by age.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::server::event_id::EventId;
use crate::server::room;
use crate::server::topic::TopicKey;

/// The events of all topics, the oldest first, if their age has a limit.
///
/// Events that left their log otherwise stay here, until they are the first or too many.
#[derive(Debug)]
pub(crate) struct Aged {
    /// In nanoseconds.
    max_age: Option<u64>,
    order: VecDeque<(TopicKey, EventId)>,
    /// How many entries there were when those of lost events were last removed.
    tidied: usize,
}

impl Aged {
    pub(crate) fn new(max_age: Option<Duration>) -> Self {
        Self {
            max_age: max_age.map(|age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)),
            order: VecDeque::new(),
            tidied: 0,
        }
    }

    pub(crate) fn push(&mut self, topic: TopicKey, id: EventId) {
        if self.max_age.is_some() {
            room::make(&mut self.order);
            self.order.push_back((topic, id));
        }
    }

    pub(crate) fn first(&self) -> Option<(TopicKey, EventId)> {
        self.order.front().copied()
    }

    pub(crate) fn pop(&mut self) {
        self.order.pop_front();
        self.tidied = self.tidied.min(self.order.len());
        room::give_back(&mut self.order);
    }

    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.tidied = 0;
    }

    /// Returns whether an event of time `at` is too old. Times are in nanoseconds.
    pub(crate) fn is_over(&self, at: u64, now: u64) -> bool {
        self.max_age
            .is_some_and(|max_age| now.saturating_sub(at) >= max_age)
    }

    /// Removes the events that are no longer in their log, once there may be more of them than of others.
    pub(crate) fn tidy(&mut self, is_held: impl Fn(TopicKey, EventId) -> bool) {
        if self.order.len() > 2 * self.tidied + FEW {
            self.order.retain(|(topic, id)| is_held(*topic, *id));
            self.tidied = self.order.len();
            room::give_back(&mut self.order);
        }
    }
}

/// There may always be this many entries.
const FEW: usize = 64;
