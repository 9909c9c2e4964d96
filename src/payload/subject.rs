//! The event that an error is about.

use alloc::boxed::Box;
use alloc::format;
use core::fmt;

use crate::event::EventRef;

/// The type and the ID of the event that an error is about, shortened if a peer made them long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    event_type: Box<str>,
    id: Option<Box<str>>,
}

impl Subject {
    pub(super) fn new(event: EventRef<'_>) -> Self {
        Self {
            event_type: shorten(event.event_type()),
            id: event.id().map(shorten),
        }
    }

    pub(super) fn event_type(&self) -> &str {
        &self.event_type
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl fmt::Display for Subject {
    /// Escapes both, so that control characters from a peer do not reach a log or a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {:?}", self.event_type)?;
        match &self.id {
            Some(id) => write!(f, " with id {id:?}"),
            None => Ok(()),
        }
    }
}

/// Returns the longest start of `text` that fits into `max` bytes and ends with a whole character.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut ends = (0..=max.min(text.len())).rev();
    ends.find_map(|end| text.get(..end)).unwrap_or("")
}

fn shorten(text: &str) -> Box<str> {
    let start = cut(text, MAX_BYTES);
    if start.len() == text.len() {
        return text.into();
    }
    format!("{start}…").into()
}

/// Enough for a UUID with a prefix. A longer text can be found by its start.
const MAX_BYTES: usize = 64;
