//! One topic: its events, and who waits for the next.

use alloc::boxed::Box;

use slotmap::new_key_type;

use crate::server::log::Log;
use crate::server::readers::Membership;
use crate::server::wait_list::WaitList;

new_key_type! {
    /// The key of a topic, for as long as the topic has events or subscribers.
    pub(crate) struct TopicKey;
}

/// A topic that has events or subscribers.
#[derive(Debug)]
pub(crate) struct Topic<T> {
    pub(crate) name: Box<str>,
    pub(crate) log: Log,
    pub(crate) subscriber_count: usize,
    /// The tokens of the subscribers of this topic alone that wait.
    pub(crate) waiting: WaitList<T>,
    /// The subscribers of several topics that have no news of this one.
    pub(crate) members: WaitList<Membership>,
}
