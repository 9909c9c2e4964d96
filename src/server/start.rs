//! Where a subscription begins.

use alloc::string::String;
use core::error::Error;
use core::fmt;
use core::str::FromStr;

use crate::server::event_id::EventId;

/// The point at which a subscription begins.
///
/// An [`EventId`] converts into this, and so does the text of a last event ID. An `Option<&str>`
/// does too, and `None` stands for [`Live`](Self::Live).
///
/// # Examples
///
/// ```
/// use ssewire::server::Start;
///
/// assert_eq!(Start::from(None), Start::Live);
/// assert_eq!(Start::from(Some("e5f-42")), Start::After("e5f-42".parse()?));
/// assert_eq!(Start::from("an ID from elsewhere"), Start::Unknown);
/// # Ok::<(), ssewire::server::InvalidEventId>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Start {
    /// With the events that are published from now on.
    #[default]
    Live,
    /// With the first event after the one with this ID.
    ///
    /// If events after that ID may be lost, the subscription begins with a
    /// [`Gap`](crate::server::Gap). It goes on with the later events that the log still has. If the
    /// log does not know the ID, these are all events of its topics.
    After(EventId),
    /// After an event whose ID was not assigned here.
    ///
    /// The subscription begins with a [`Gap`](crate::server::Gap) with the reason
    /// [`GapReason::Unknown`](crate::server::GapReason::Unknown). It goes on with all events of its
    /// topics that the log still has.
    Unknown,
    /// With the oldest event that the log has of any of its topics.
    Earliest,
    /// With this many of the newest events of its topics, counted together.
    ///
    /// Events with a [key](crate::server::Topics::publish_latest) do not count, and neither do
    /// events that [end](crate::server::Topics::remove_latest) a key. The subscription also gets
    /// the newest event of each key.
    Last(usize),
}

/// Parses a start as it stands in a query: `live`, `earliest` or `last:10`.
impl FromStr for Start {
    type Err = InvalidStart;

    fn from_str(text: &str) -> Result<Self, InvalidStart> {
        match text {
            "live" => Ok(Self::Live),
            "earliest" => Ok(Self::Earliest),
            _ => {
                let digits = text.strip_prefix("last:").ok_or(InvalidStart)?;
                let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
                let count = digits.parse().ok().filter(|_| is_plain);
                count.map(Self::Last).ok_or(InvalidStart)
            }
        }
    }
}

/// The error of parsing a text that is not a [`Start`].
///
/// # Examples
///
/// ```
/// use ssewire::server::Start;
///
/// assert_eq!("last:10".parse(), Ok(Start::Last(10)));
/// let error = "newest".parse::<Start>().unwrap_err();
/// assert_eq!(error.to_string(), "a start is live, earliest, or last: and a number");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidStart;

impl fmt::Display for InvalidStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a start is live, earliest, or last: and a number")
    }
}

impl Error for InvalidStart {}

impl From<EventId> for Start {
    fn from(id: EventId) -> Self {
        Self::After(id)
    }
}

impl From<&str> for Start {
    fn from(id: &str) -> Self {
        id.parse().map_or(Self::Unknown, Self::After)
    }
}

impl From<&String> for Start {
    fn from(id: &String) -> Self {
        Self::from(id.as_str())
    }
}

/// `None` is [`Start::Live`].
impl From<Option<&str>> for Start {
    fn from(id: Option<&str>) -> Self {
        id.map_or(Self::Live, Self::from)
    }
}
