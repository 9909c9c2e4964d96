//! Those that wait for the next event of one topic.

use alloc::vec::Vec;

/// A list whose items are removed one by one, each by its ticket, or all at once.
#[derive(Debug)]
pub(crate) struct WaitList<T> {
    slots: Vec<Option<T>>,
    /// The slots without an item.
    free: Vec<u32>,
    /// How many times all items were taken, counted from 1.
    round: u64,
}

/// The name of an item in a wait list, valid in the round in which the item was added. The default names
/// none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ticket {
    slot: u32,
    round: u64,
}

impl<T> WaitList<T> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            round: 1,
        }
    }

    /// Adds an item, unless the one that the ticket names is still in the list.
    #[inline]
    pub(crate) fn hold(&mut self, ticket: &mut Ticket, item: impl FnOnce() -> T) {
        if ticket.round != self.round {
            ticket.slot = self.insert(item());
            ticket.round = self.round;
        }
    }

    #[inline]
    fn insert(&mut self, item: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            if let Some(free) = self.slots.get_mut(slot as usize) {
                *free = Some(item);
                return slot;
            }
        }
        self.slots.push(Some(item));
        // An item is held for a subscriber of its own, and so many do not fit into memory.
        (self.slots.len() - 1) as u32
    }

    /// Removes the item that a ticket names, and returns it if it was still in the list.
    pub(crate) fn remove(&mut self, ticket: &mut Ticket) -> Option<T> {
        let Ticket { slot, round } = core::mem::take(ticket);
        if round != self.round {
            return None;
        }
        let item = self.slots.get_mut(slot as usize)?.take()?;
        if self.free.len() + 1 == self.slots.len() {
            // This was the last item.
            self.clear(0);
        } else {
            self.free.push(slot);
        }
        Some(item)
    }

    /// Removes all items, and calls `take` with each.
    pub(crate) fn take_each(&mut self, take: impl FnMut(T)) {
        if self.slots.is_empty() {
            return;
        }
        let held = self.len();
        self.slots.drain(..).flatten().for_each(take);
        self.clear(held);
        self.round += 1;
    }

    /// Removes all items, and appends them to `items`.
    pub(crate) fn drain_into(&mut self, items: &mut Vec<T>) {
        if self.slots.is_empty() {
            return;
        }
        let held = self.len();
        items.reserve(held);
        items.extend(self.slots.drain(..).flatten());
        self.clear(held);
        self.round += 1;
    }

    fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Forgets all slots, and gives back memory that is not needed for this many items.
    fn clear(&mut self, expected: usize) {
        self.slots.clear();
        self.free.clear();
        self.slots.shrink_to(expected * 4 + FEW_SLOTS);
        self.free.shrink_to(expected * 4 + FEW_SLOTS);
    }
}

/// The memory of this many slots is never given back.
const FEW_SLOTS: usize = 64;
