//! What a subscriber gets.

use alloc::string::String;
use core::fmt::{self, Write};

use crate::event::{Event, EventRef};
use crate::server::encoded::Encoded;
use crate::server::event_id::EventId;

/// What a subscriber gets next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// One event or several in a row, each with its ID.
    Events(Encoded),
    /// Events may be missing here.
    Gap(Gap),
    /// The subscriber has fallen behind and gets no more:
    /// [unsubscribe](crate::server::Topics::unsubscribe) it. It may subscribe anew, from the ID that
    /// it has seen last.
    Disconnected,
}

/// Tells a subscriber that events before those that follow may have been lost to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// The ID from which on nothing is missing.
    pub resumes_after: EventId,
}

impl Gap {
    /// Returns the event that tells a client: of type `gap`, with the [reason](GapReason::as_str) as
    /// its data, and with the ID from which on nothing is missing, so that the next reconnect does
    /// not meet the same gap.
    pub fn to_event(&self) -> Event {
        let mut id = String::new();
        let _ = write!(id, "{}", self.resumes_after);
        let event = EventRef::new(self.reason.as_str()).with_checked_id(&id);
        event.with_type("gap").unwrap_or(event).to_event()
    }
}

/// Says why events may have been lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// Events behind the last event ID are no longer in the log.
    TooOld,
    /// The last event ID is from another epoch.
    OtherEpoch,
    /// The last event ID was not given out here.
    Unknown,
    /// The subscriber has fallen behind and was moved to the newest event.
    Lagged,
}

impl GapReason {
    /// Returns a word for it: `too-old`, `other-epoch`, `unknown` or `lagged`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooOld => "too-old",
            Self::OtherEpoch => "other-epoch",
            Self::Unknown => "unknown",
            Self::Lagged => "lagged",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
