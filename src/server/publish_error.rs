//! Why an event is not published.

use core::error::Error;
use core::fmt;

use crate::server::event_id::EventId;

/// The error of an event that cannot be published.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::server::{PublishError, Topics, TopicsConfig};
/// use ssewire::{EventRef, Timestamp};
///
/// let now = Timestamp::default();
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// topics.close_topic(now, "job 7", Duration::from_secs(60));
///
/// let error = topics.publish(now, "job 7", EventRef::new("too late")).unwrap_err();
/// assert_eq!(error, PublishError::TopicClosed);
/// assert_eq!(error.to_string(), "the topic is closed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublishError {
    /// A topic is [closed](crate::server::Topics::close_topic).
    TopicClosed,
    /// The name of a topic is longer than
    /// [`TopicsConfig::max_topic_name_bytes`](crate::server::TopicsConfig::max_topic_name_bytes).
    NameTooLong {
        /// The length of the name, in bytes.
        bytes: usize,
        /// How long a name may be, in bytes.
        limit: usize,
    },
    /// The key is longer than
    /// [`TopicsConfig::max_topic_name_bytes`](crate::server::TopicsConfig::max_topic_name_bytes).
    KeyTooLong {
        /// The length of the key, in bytes.
        bytes: usize,
        /// How long a key may be, in bytes.
        limit: usize,
    },
    /// No topic was named.
    NoTopic,
    /// The ID that was given is not higher than those of all events before, or its number is 0.
    IdNotNewer {
        /// The ID of the newest event or, before the first, the ID with the number 0.
        newest: EventId,
    },
    /// The topics follow a [`Relay`](crate::server::Relay), which alone publishes to them.
    Followed,
    /// The relay holds as many publications as it may that are not in the log yet.
    OutboxFull,
    /// The event with its topics and its key is larger than
    /// [`RelayConfig::max_entry_bytes`](crate::server::RelayConfig::max_entry_bytes).
    TooLarge {
        /// Its size, in bytes.
        bytes: usize,
        /// How large it may be, in bytes.
        limit: usize,
    },
    /// The server of the log refused the event, or refused this machine for as long as the event
    /// could wait. It will not be published.
    Refused(Refusal),
    /// The event was not sent to the server of the log in time, and will not be.
    Expired,
    /// The event was sent to the server of the log, and may or may not be in the log.
    Unknown,
    /// The relay has been shut down.
    RelayClosed,
}

/// Why the server of a log refused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Its memory is full (`OOM`).
    OutOfMemory,
    /// It has too few replicas (`NOREPLICAS`).
    NoReplicas,
    /// It cannot save its data (`MISCONF`).
    NotSaved,
    /// The user may not do that, or the password is wrong (`NOPERM`, `NOAUTH`, `WRONGPASS`).
    NoPermission,
    /// It would take more keys than it may hold.
    TooManyKeys,
    /// An event that was sent later is in the log, and this one is not.
    Overtaken,
    /// Something else.
    Other,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "its memory is full",
            Self::NoReplicas => "it has too few replicas",
            Self::NotSaved => "it cannot save its data",
            Self::NoPermission => "the user has no permission, or the password is wrong",
            Self::TooManyKeys => "there are too many keys",
            Self::Overtaken => "a later event took its place",
            Self::Other => "it gave no known reason",
        })
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TopicClosed => f.write_str("the topic is closed"),
            Self::NameTooLong { bytes, limit } => write!(
                f,
                "the name of a topic has {bytes} bytes, which is more than {limit} \
                 (TopicsConfig::max_topic_name_bytes)"
            ),
            Self::KeyTooLong { bytes, limit } => write!(
                f,
                "the key of an event has {bytes} bytes, which is more than {limit} \
                 (TopicsConfig::max_topic_name_bytes)"
            ),
            Self::NoTopic => f.write_str("the event names no topic"),
            Self::IdNotNewer { newest } => {
                write!(
                    f,
                    "the ID of an appended event must be higher than {newest}"
                )
            }
            Self::Followed => f.write_str("the topics follow a relay; publish to that"),
            Self::OutboxFull => f.write_str(
                "too many events wait for the server of the log (RelayConfig::max_entries, \
                 RelayConfig::max_bytes)",
            ),
            Self::TooLarge { bytes, limit } => write!(
                f,
                "the event has {bytes} bytes, which is more than {limit} \
                 (RelayConfig::max_entry_bytes)"
            ),
            Self::Refused(why) => write!(f, "the server of the log refused the event: {why}"),
            Self::Expired => f.write_str(
                "the server of the log could not be reached in time, and the event was not sent",
            ),
            Self::Unknown => f.write_str(
                "the server of the log did not respond, and the event may or may not be published",
            ),
            Self::RelayClosed => f.write_str("the relay has been shut down"),
        }
    }
}

impl Error for PublishError {}
