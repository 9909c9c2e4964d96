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
        }
    }
}

impl Error for PublishError {}
