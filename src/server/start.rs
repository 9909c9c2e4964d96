//! Where a subscription begins.

use alloc::string::String;

use crate::server::event_id::EventId;

/// Where a subscription begins.
///
/// A last event ID converts into this, and so does an `Option` of one: without an ID a subscription
/// begins with the events that are published from now on.
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
    /// [`Gap`](crate::server::Gap), and then has all events of its topics that are in the log.
    After(EventId),
    /// After an event whose ID was not assigned here. The subscription begins with a
    /// [`Gap`](crate::server::Gap) for the reason
    /// [`GapReason::Unknown`](crate::server::GapReason::Unknown), and then has all events of its
    /// topics that are in the log.
    Unknown,
}

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
