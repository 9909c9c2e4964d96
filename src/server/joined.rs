//! Events that are read, and events that are joined for one reader.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::server::log::Entry;

/// What is known of the events that were read last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    /// How many there are.
    pub(crate) events: u32,
    /// When the first was published, in nanoseconds since the origin of the clock.
    pub(crate) at: u64,
}

/// Events that are joined, unless there is one only.
#[derive(Default)]
pub(crate) struct Joined {
    first: Option<Bytes>,
    facts: Facts,
    /// All, if there is more than one.
    all: Vec<u8>,
}

impl Joined {
    /// Adds an event, if it fits or is the first. Returns whether it was added.
    pub(crate) fn push(&mut self, entry: &Entry, max_bytes: usize) -> bool {
        let Some(first) = &self.first else {
            self.first = Some(entry.bytes.clone());
            self.facts = Facts {
                events: 1,
                at: entry.at,
            };
            return true;
        };
        if self.all.len().max(first.len()) + entry.bytes.len() > max_bytes {
            return false;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(first);
        }
        self.all.extend_from_slice(&entry.bytes);
        self.facts.events += 1;
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Returns what is known of the events.
    pub(crate) fn facts(&self) -> Facts {
        self.facts
    }

    pub(crate) fn into_bytes(self) -> Option<Bytes> {
        match self.all.is_empty() {
            true => self.first,
            false => Some(self.all.into()),
        }
    }
}
