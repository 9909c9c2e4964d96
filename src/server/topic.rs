//! One topic: its events, and who waits for the next.

use alloc::boxed::Box;

use slotmap::{SlotMap, new_key_type};

use crate::server::event_id::EventId;
use crate::server::log::Log;
use crate::server::readers::Membership;
use crate::server::wait_list::WaitList;
use crate::time::Timestamp;

new_key_type! {
    /// The key of a topic, for as long as the topic has events or subscribers.
    pub(crate) struct TopicKey;
}

/// The topics, in boxes, since the map never gives back the memory of a place.
pub(crate) type TopicMap<T> = SlotMap<TopicKey, Box<Topic<T>>>;

/// A topic that has events or subscribers, or is closed.
#[derive(Debug)]
pub(crate) struct Topic<T> {
    pub(crate) name: Box<str>,
    pub(crate) log: Log,
    /// Its place in the heap of the heaviest topics.
    pub(crate) place: Option<u32>,
    pub(crate) subscriber_count: usize,
    /// Until when it is closed.
    pub(crate) closed_until: Option<Timestamp>,
    /// The newest end of its streams, as [`History`](crate::server::history::History) counts them.
    pub(crate) newest_end: u32,
    /// The tokens of the subscribers of this topic alone that wait.
    pub(crate) waiting: WaitList<T>,
    /// The subscribers of several topics that have no news of this one.
    pub(crate) members: WaitList<Membership>,
}

impl<T> Topic<T> {
    /// Creates a topic. If it was known before, its events up to this ID are lost.
    pub(crate) const fn new(name: Box<str>, newest_lost: EventId) -> Self {
        Self {
            name,
            log: Log::new(newest_lost),
            place: None,
            subscriber_count: 0,
            closed_until: None,
            newest_end: 0,
            waiting: WaitList::new(),
            members: WaitList::new(),
        }
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.closed_until.is_some()
    }

    pub(crate) fn is_unused(&self) -> bool {
        self.log.is_empty() && self.subscriber_count == 0 && !self.is_closed()
    }
}
