//! Who waits for the same.

use alloc::vec::Vec;

use slotmap::{SlotMap, new_key_type};

new_key_type! {
    struct WaitKey;
}

/// Holds the tokens of those who wait.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    tokens: SlotMap<WaitKey, T>,
    /// How often the tokens were given a new place: keys are good for one.
    place: u64,
}

/// Names a token for as long as it is held.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ticket {
    key: WaitKey,
    place: u64,
}

impl<T> Waiting<T> {
    pub(crate) fn new() -> Self {
        Self {
            tokens: SlotMap::with_key(),
            place: 0,
        }
    }

    /// Holds a token, unless the one that a ticket names is still held.
    #[inline]
    pub(crate) fn hold(&mut self, ticket: &mut Ticket, token: &T)
    where
        T: Clone,
    {
        if ticket.place != self.place || !self.tokens.contains_key(ticket.key) {
            *ticket = Ticket {
                key: self.tokens.insert(token.clone()),
                place: self.place,
            };
        }
    }

    /// Gives back the token that a ticket names.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        match ticket.place == self.place {
            true => self.tokens.remove(ticket.key),
            false => None,
        }
    }

    /// Gives back all tokens.
    pub(crate) fn take_all(&mut self, tokens: &mut Vec<T>) {
        if self.tokens.is_empty() {
            return;
        }
        // This goes over the room of those who have left, too: once.
        let is_sparse = self.tokens.len() * 4 + FEW < self.tokens.capacity();
        tokens.extend(self.tokens.drain().map(|(_, token)| token));
        if is_sparse {
            self.tokens = SlotMap::with_key();
            self.place += 1;
        }
    }
}

/// How much room does not matter.
const FEW: usize = 64;
