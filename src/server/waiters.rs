//! The subscribers that wait, by topic.

use alloc::vec::Vec;
use core::mem;

use slotmap::{Key, SecondaryMap};

use crate::server::log::TopicKey;

/// The tokens of the subscribers that wait for the next event of a topic, and of those whose wait is
/// over.
#[derive(Debug)]
pub(crate) struct Waiters<T> {
    by_topic: SecondaryMap<TopicKey, WaitList<T>>,
    /// Those that read no topic. They wait under the null key.
    without_topic: WaitList<T>,
    ready: Vec<T>,
}

/// The tokens of the subscribers that wait for the same topic.
#[derive(Debug)]
struct WaitList<T> {
    slots: Vec<Option<T>>,
    /// The slots without a token.
    free: Vec<u32>,
    /// How many times all tokens were taken, counted from 1.
    round: u64,
}

/// The name of a token in a wait list, valid in the round in which the token was added. The default
/// names none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ticket {
    slot: u32,
    round: u64,
}

impl<T> Waiters<T> {
    pub(crate) fn new() -> Self {
        Self {
            by_topic: SecondaryMap::new(),
            without_topic: WaitList::new(),
            ready: Vec::new(),
        }
    }

    /// Holds a token until the topic's subscribers are woken. Does nothing if the token that `ticket`
    /// names is still held.
    #[inline]
    pub(crate) fn hold(&mut self, topic: TopicKey, ticket: &mut Ticket, token: &T)
    where
        T: Clone,
    {
        match self.by_topic.get_mut(topic) {
            Some(list) => list.hold(ticket, token),
            None if topic.is_null() => self.without_topic.hold(ticket, token),
            None => {
                let mut list = WaitList::new();
                list.hold(ticket, token);
                self.by_topic.insert(topic, list);
            }
        }
    }

    /// Stops holding the token that a ticket names, and returns it if it was still held.
    pub(crate) fn remove(&mut self, topic: TopicKey, ticket: Ticket) -> Option<T> {
        match self.by_topic.get_mut(topic) {
            Some(list) => list.remove(ticket),
            None if topic.is_null() => self.without_topic.remove(ticket),
            None => None,
        }
    }

    /// Drops the list of a topic that has lost its last subscriber, and with it the validity of all
    /// tickets for the topic.
    pub(crate) fn remove_topic(&mut self, topic: TopicKey) {
        self.by_topic.remove(topic);
    }

    /// Ends the wait of all subscribers of a topic.
    pub(crate) fn wake(&mut self, topic: TopicKey) {
        if let Some(list) = self.by_topic.get_mut(topic) {
            list.drain_into(&mut self.ready);
        }
    }

    /// Ends the wait of all subscribers.
    pub(crate) fn wake_all(&mut self) {
        let lists = self.by_topic.values_mut();
        for list in lists.chain([&mut self.without_topic]) {
            list.drain_into(&mut self.ready);
        }
    }

    /// Returns the tokens of those whose wait has ended since the last call.
    pub(crate) fn take_ready(&mut self) -> Vec<T> {
        mem::take(&mut self.ready)
    }
}

impl<T> WaitList<T> {
    const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            round: 1,
        }
    }

    #[inline]
    fn hold(&mut self, ticket: &mut Ticket, token: &T)
    where
        T: Clone,
    {
        if ticket.round != self.round {
            ticket.slot = self.insert(token.clone());
            ticket.round = self.round;
        }
    }

    #[inline]
    fn insert(&mut self, token: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            if let Some(free) = self.slots.get_mut(slot as usize) {
                *free = Some(token);
                return slot;
            }
        }
        self.slots.push(Some(token));
        // A token is held for a subscriber of its own, and so many do not fit into memory.
        (self.slots.len() - 1) as u32
    }

    fn remove(&mut self, ticket: Ticket) -> Option<T> {
        if ticket.round != self.round {
            return None;
        }
        let token = self.slots.get_mut(ticket.slot as usize)?.take()?;
        if self.free.len() + 1 == self.slots.len() {
            // This was the last token.
            self.clear(0);
        } else {
            self.free.push(ticket.slot);
        }
        Some(token)
    }

    fn drain_into(&mut self, tokens: &mut Vec<T>) {
        if self.slots.is_empty() {
            return;
        }
        let held = self.held();
        tokens.reserve(held);
        tokens.extend(self.slots.drain(..).flatten());
        self.clear(held);
        self.round += 1;
    }

    fn held(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Forgets all slots, and gives back memory that is not needed for this many tokens.
    fn clear(&mut self, expected: usize) {
        self.slots.clear();
        self.free.clear();
        self.slots.shrink_to(expected * 4 + FEW_SLOTS);
        self.free.shrink_to(expected * 4 + FEW_SLOTS);
    }
}

/// The memory of this many slots is never given back.
const FEW_SLOTS: usize = 64;
