//! The publications that are not settled.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Outcome;
use super::action::Failure;
use super::entry::Entry;
use crate::server::event_id::EventId;
use crate::server::publish_error::{PublishError, Refusal};
use crate::time::Timestamp;

/// The publications that are not settled, in the order in which they were made.
///
/// Their numbers rise. How many are in each state is counted, since there may be many thousands, and they
/// are asked for with every response.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    items: VecDeque<Item>,
    counts: Counts,
    bytes: usize,
    outcomes: VecDeque<Outcome>,
}

#[derive(Debug)]
struct Item {
    entry: Entry,
    bytes: usize,
    deadline: Timestamp,
    /// Whether it was ever sent.
    was_sent: bool,
    state: ItemState,
}

/// How many entries are in each state.
#[derive(Debug, Default)]
struct Counts {
    new: usize,
    sent: usize,
    seen: usize,
    unsure: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ItemState {
    /// It is to be sent.
    New,
    /// Its response is to come on the connection that is there.
    Sent,
    /// The same, and the reader has seen it.
    Seen(EventId),
    /// It was sent on a connection that is gone.
    Unsure,
}

impl Counts {
    fn of(&mut self, state: ItemState) -> &mut usize {
        match state {
            ItemState::New => &mut self.new,
            ItemState::Sent => &mut self.sent,
            ItemState::Seen(_) => &mut self.seen,
            ItemState::Unsure => &mut self.unsure,
        }
    }

    fn change(&mut self, item: &mut Item, state: ItemState) {
        *self.of(item.state) -= 1;
        *self.of(state) += 1;
        item.state = state;
    }
}

impl Outbox {
    pub(super) fn push(&mut self, entry: Entry, bytes: usize, deadline: Timestamp) {
        self.bytes += bytes;
        self.counts.new += 1;
        self.items.push_back(Item {
            entry,
            bytes,
            deadline,
            was_sent: false,
            state: ItemState::New,
        });
    }

    /// Returns the next entries to send, and notes that they are sent.
    pub(super) fn take_new(&mut self, max_count: usize, max_bytes: usize) -> Vec<Entry> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        for item in &mut self.items {
            if item.state != ItemState::New {
                continue;
            }
            if taken.len() == max_count || bytes + item.bytes > max_bytes && !taken.is_empty() {
                break;
            }
            bytes += item.bytes;
            self.counts.change(item, ItemState::Sent);
            item.was_sent = true;
            taken.push(item.entry.clone());
        }
        taken
    }

    /// Settles the first entry whose response is to come.
    pub(super) fn settle_first(&mut self, result: Result<EventId, PublishError>) {
        if let Some(index) = self.first_sent() {
            self.settle(index, result);
        }
    }

    /// Notes that the first entry whose response is to come is to be sent again, after all those
    /// whose response is to come.
    pub(super) fn retry_first(&mut self) {
        if let Some(item) = self
            .first_sent()
            .and_then(|index| self.items.get_mut(index))
        {
            self.counts.change(item, ItemState::New);
        }
    }

    /// Notes that no more responses come.
    pub(super) fn handle_lost(&mut self) {
        let mut index = 0;
        while let Some(item) = self.items.get_mut(index) {
            match item.state {
                ItemState::Seen(id) => {
                    index = self.settle_overtaken(index);
                    self.settle(index, Ok(id));
                }
                ItemState::Sent => {
                    self.counts.change(item, ItemState::Unsure);
                    index += 1;
                }
                ItemState::New | ItemState::Unsure => index += 1,
            }
        }
    }

    /// Takes the fact that the reader has seen an entry.
    pub(super) fn handle_seen(&mut self, number: u64, id: EventId) {
        let found = self
            .items
            .binary_search_by_key(&number, |item| item.entry.number);
        let Ok(index) = found else {
            return;
        };
        let Some(item) = self.items.get_mut(index) else {
            return;
        };
        match item.state {
            // Its response settles it.
            ItemState::Sent => self.counts.change(item, ItemState::Seen(id)),
            ItemState::Seen(_) => {}
            ItemState::New | ItemState::Unsure => {
                let index = self.settle_overtaken(index);
                self.settle(index, Ok(id));
            }
        }
    }

    /// Settles the entries of which nobody knows whether they are in the log: they are sent again,
    /// or reported as unknown.
    pub(super) fn settle_unsure(&mut self, is_unknown: bool) {
        let mut index = 0;
        while let Some(item) = self.items.get_mut(index) {
            match item.state {
                ItemState::Unsure if is_unknown => self.settle(index, Err(PublishError::Unknown)),
                ItemState::Unsure => {
                    self.counts.change(item, ItemState::New);
                    index += 1;
                }
                _ => index += 1,
            }
        }
    }

    /// Settles the entries whose time is over, but for those whose response is to come.
    /// `failure` is what keeps them from being sent.
    pub(super) fn expire(&mut self, now: Timestamp, failure: Option<Failure>) {
        let unsent = match failure {
            Some(Failure::Refused(refusal)) => PublishError::Refused(refusal),
            _ => PublishError::Expired,
        };
        let mut index = 0;
        while let Some(item) = self.items.get(index) {
            let is_over = item.deadline <= now;
            match item.state {
                ItemState::New | ItemState::Unsure if is_over => {
                    let error = match item.was_sent {
                        true => PublishError::Unknown,
                        false => unsent,
                    };
                    self.settle(index, Err(error));
                }
                // Deadlines come in the order of the entries.
                ItemState::New => return,
                _ => index += 1,
            }
        }
    }

    /// Settles all entries, since none will be sent.
    pub(super) fn close(&mut self) {
        while let Some(item) = self.items.front() {
            let result = match item.state {
                ItemState::Seen(id) => Ok(id),
                _ if item.was_sent => Err(PublishError::Unknown),
                _ => Err(PublishError::Expired),
            };
            self.settle(0, result);
        }
    }

    pub(super) fn poll_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    pub(super) fn has_unsure(&self) -> bool {
        self.counts.unsure > 0
    }

    /// Returns whether an entry is sent of which nobody knows whether it is in the log.
    pub(super) fn has_sent(&self) -> bool {
        self.counts.sent + self.counts.unsure > 0
    }

    /// Returns whether the response to an entry is to come.
    pub(super) fn awaits_response(&self) -> bool {
        self.counts.sent + self.counts.seen > 0
    }

    pub(super) fn has_new(&self) -> bool {
        self.counts.new > 0
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let is_open = |item: &&Item| matches!(item.state, ItemState::New | ItemState::Unsure);
        Some(self.items.iter().find(is_open)?.deadline)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn byte_count(&self) -> usize {
        self.bytes
    }

    fn first_sent(&self) -> Option<usize> {
        if !self.awaits_response() {
            return None;
        }
        let is_sent = |item: &Item| matches!(item.state, ItemState::Sent | ItemState::Seen(_));
        self.items.iter().position(is_sent)
    }

    /// Settles those that were sent before an entry that is in the log, and are not in it. Returns the
    /// index that the entry then has.
    fn settle_overtaken(&mut self, mut index: usize) -> usize {
        let mut before = 0;
        while before < index {
            match self.items.get(before).map(|item| item.state) {
                Some(ItemState::Sent | ItemState::Unsure) => {
                    self.settle(before, Err(PublishError::Refused(Refusal::Overtaken)));
                    index -= 1;
                }
                _ => before += 1,
            }
        }
        index
    }

    fn settle(&mut self, index: usize, result: Result<EventId, PublishError>) {
        if let Some(item) = self.items.remove(index) {
            self.bytes -= item.bytes;
            *self.counts.of(item.state) -= 1;
            self.outcomes.push_back(Outcome {
                number: item.entry.number,
                result,
            });
        }
    }
}
