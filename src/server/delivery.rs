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
/// use ssewire::server::{Delivery, Topics, TopicsConfig};
/// use ssewire::{EventRef, Timestamp};
///
/// let now = Timestamp::default();
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let mut reader = topics.subscribe(now, "news", None)?;
/// topics.publish(now, "news", EventRef::new("hello"))?;
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// One event or several in a row, each with its ID.
    Events(Encoded),
    /// A notice that events may be missing here.
    Gap(Gap),
    /// The end, after which the subscriber gets nothing more.
    /// [Unsubscribe](crate::server::Topics::unsubscribe) it. Its client may subscribe again, with
    /// the ID of the last event that it got.
    Ended(SubscriberEnd),
}

/// The reason why a subscriber has ended.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::Timestamp;
/// use ssewire::server::{Delivery, SubscriberEnd, Topics, TopicsConfig};
///
/// let now = Timestamp::default();
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let mut reader = topics.subscribe(now, "job 7", None)?;
/// topics.close_topic(now, "job 7", Duration::from_secs(60));
///
/// let delivery = topics.poll_delivery(&mut reader, 1 << 16);
/// assert_eq!(delivery, Some(Delivery::Ended(SubscriberEnd::TopicsClosed)));
/// # topics.unsubscribe(reader);
/// # Ok::<(), ssewire::server::Refused>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubscriberEnd {
    /// It did not keep up.
    TooSlow,
    /// All of its topics are [closed](crate::server::Topics::close_topic), and it has read all
    /// events.
    TopicsClosed,
    /// The application has ended it.
    Application,
}

impl SubscriberEnd {
    /// Returns the end as a word: `too-slow`, `topics-closed` or `application`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooSlow => "too-slow",
            Self::TopicsClosed => "topics-closed",
            Self::Application => "application",
        }
    }
}

/// A notice that events before the following ones may be missing.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Delivery, GapReason, Topics, TopicsConfig};
/// use ssewire::{EventRef, Timestamp};
///
/// let now = Timestamp::default();
/// let mut topics = Topics::<u32>::new(TopicsConfig::new().max_events(1), 0xE);
/// for news in ["first", "second", "third"] {
///     topics.publish(now, "news", EventRef::new(news))?;
/// }
///
/// let mut reader = topics.subscribe(now, "news", "e-1")?;
/// let Some(Delivery::Gap(gap)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(gap.reason, GapReason::TooOld);
/// assert_eq!(gap.to_event().to_bytes(), "id: e-2\nevent: gap\ndata: too-old\n\n");
/// # topics.unsubscribe(reader);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Gap {
    /// Why events may be missing.
    pub reason: GapReason,
    /// The position after which no events are missing. A client that has this ID resumes there.
    ///
    /// If the topics have events with a [key](crate::server::Topics::publish_latest) from before
    /// the gap, this is the position before the oldest of them, so that the newest event of each
    /// key comes again.
    pub resumes_after: EventId,
}

impl Gap {
    /// Returns the event that reports the gap to a client.
    ///
    /// Its type is `gap`, its data is the [reason](GapReason::as_str), and its ID is
    /// [`resumes_after`](Self::resumes_after). A client that reconnects with that ID does not get
    /// the same gap again, unless it still lacks the newest events of keys.
    ///
    /// A page that shows the state of keys should clear it at a gap, because the end of a key may
    /// be among the missing events.
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
    /// The last event ID is from an epoch that the log does not know.
    OtherEpoch,
    /// The last event ID was never assigned here.
    Unknown,
    /// The subscriber did not keep up, and was moved to the newest event.
    Lagged,
    /// The epoch of the last event ID ended with a lower ID, as far as the log knows. The events
    /// between these two IDs are lost.
    Diverged,
}

impl GapReason {
    /// Returns the reason as a word: `too-old`, `other-epoch`, `unknown`, `lagged` or `diverged`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooOld => "too-old",
            Self::OtherEpoch => "other-epoch",
            Self::Unknown => "unknown",
            Self::Lagged => "lagged",
            Self::Diverged => "diverged",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
