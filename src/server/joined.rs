//! Events that are read, and events that are joined for one reader.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::server::log::Entry;

/// Events that a reader has read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) bytes: Bytes,
    /// How many there are.
    pub(crate) events: u32,
    /// When the first was published, in nanoseconds since the origin of the clock.
    pub(crate) at: u64,
}

impl Read {
    pub(crate) fn one(entry: &Entry) -> Self {
        Self {
            bytes: entry.bytes.clone(),
            events: 1,
            at: entry.at,
        }
    }
}

/// Events that are joined, unless there is one only.
#[derive(Default)]
pub(crate) struct Joined {
    first: Option<Read>,
    events: u32,
    /// All, if there is more than one.
    all: Vec<u8>,
}

impl Joined {
    /// Adds an event, if it fits or is the first. Returns whether it was added.
    pub(crate) fn push(&mut self, entry: &Entry, max_bytes: usize) -> bool {
        let Some(first) = &self.first else {
            self.first = Some(Read::one(entry));
            self.events = 1;
            return true;
        };
        if self.all.len().max(first.bytes.len()) + entry.bytes.len() > max_bytes {
            return false;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&first.bytes);
        }
        self.all.extend_from_slice(&entry.bytes);
        self.events += 1;
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn into_read(self) -> Option<Read> {
        let first = self.first?;
        Some(Read {
            bytes: match self.all.is_empty() {
                true => first.bytes,
                false => self.all.into(),
            },
            events: self.events,
            at: first.at,
        })
    }
}
