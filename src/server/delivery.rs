//! Deliveries to a subscriber: events, gaps, and the end.

use alloc::string::String;
use core::fmt::{self, Write};

use crate::event::{Event, EventRef};
use crate::server::encoded::Encoded;
use crate::server::event_id::EventId;

/// A delivery to a subscriber, as [`Topics::poll_delivery`](crate::server::Topics::poll_delivery)
/// returns it.
///
/// # Examples
///
/// ```
/// use ssewire::EventRef;
/// use ssewire::server::{Delivery, Topics, TopicsConfig};
///
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let mut reader = topics.subscribe("news", None)?;
/// topics.publish("news", EventRef::new("hello"));
///
/// let mut out = Vec::new();
/// while let Some(delivery) = topics.poll_delivery(&mut reader, 1 << 16) {
///     match delivery {
///         Delivery::Events(events) => out.extend_from_slice(events.as_bytes()),
///         Delivery::Gap(gap) => gap.to_event().encode(&mut out),
///         _ => break,
///     }
/// }
/// assert_eq!(out, b"id: e-1\ndata: hello\n\n");
/// # topics.unsubscribe(reader);
/// # Ok::<(), ssewire::server::Refused>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// One event or several in a row, each with its ID.
    Events(Encoded),
    /// A notice that events may be missing here.
    Gap(Gap),
    /// The end: the subscriber did not keep up, and gets no more.
    /// [Unsubscribe](crate::server::Topics::unsubscribe) it. It may subscribe again, with the ID of the
    /// last event that it got.
    Disconnected,
}

/// A notice that events before the following ones may be missing.
///
/// # Examples
///
/// ```
/// use ssewire::EventRef;
/// use ssewire::server::{Delivery, GapReason, Topics, TopicsConfig};
///
/// let mut topics = Topics::<u32>::new(TopicsConfig::new().max_events(1), 0xE);
/// for news in ["first", "second", "third"] {
///     topics.publish("news", EventRef::new(news));
/// }
///
/// let mut reader = topics.subscribe("news", "e-1")?;
/// let Some(Delivery::Gap(gap)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(gap.reason, GapReason::TooOld);
/// assert_eq!(gap.to_event().to_bytes(), "id: e-2\nevent: gap\ndata: too-old\n\n");
/// # topics.unsubscribe(reader);
/// # Ok::<(), ssewire::server::Refused>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Gap {
    /// Why events may be missing.
    pub reason: GapReason,
    /// The ID after which no events are missing.
    pub resumes_after: EventId,
}

impl Gap {
    /// Returns the event that tells a client of the gap. Its type is `gap`, its data is the
    /// [reason](GapReason::as_str), and its ID is [`resumes_after`](Self::resumes_after), so that a
    /// client that reconnects with that ID does not get the same gap again.
    pub fn to_event(&self) -> Event {
        let mut id = String::new();
        let _ = write!(id, "{}", self.resumes_after);
        let event = EventRef::new(self.reason.as_str()).with_checked_id(&id);
        event.with_type("gap").unwrap_or(event).to_event()
    }
}

/// The reason for a [`Gap`].
///
/// # Examples
///
/// ```
/// use ssewire::server::GapReason;
///
/// assert_eq!(GapReason::TooOld.as_str(), "too-old");
/// assert_eq!(GapReason::Lagged.to_string(), "lagged");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The log no longer has all events after the last event ID.
    TooOld,
    /// The last event ID is from another epoch.
    OtherEpoch,
    /// The last event ID was never assigned here.
    Unknown,
    /// The subscriber did not keep up, and was moved to the newest event.
    Lagged,
}

impl GapReason {
    /// Returns the reason as a word: `too-old`, `other-epoch`, `unknown` or `lagged`.
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
