//! Why a subscription is refused.

use core::error::Error;
use core::fmt;

/// The error of a subscription that is refused.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::server::{Refused, Topics, TopicsConfig};
///
/// let config = TopicsConfig::new().max_topics_per_subscriber(2);
/// let mut topics = Topics::<u32>::new(config, 0xE);
/// let now = Timestamp::default();
/// let refused = topics.subscribe(now, ["a", "b", "c"], None).unwrap_err();
///
/// assert_eq!(refused, Refused::TooManyTopics { topics: 3, limit: 2 });
/// assert_eq!(
///     refused.to_string(),
///     "the subscription names 3 topics, which is more than 2 \
///      (TopicsConfig::max_topics_per_subscriber)",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// It would read more topics than
    TooManyTopics {
        /// How many different topics it would read.
        topics: usize,
        /// How many it may read.
        limit: usize,
    },
    /// The name of a topic is longer than
    /// [`TopicsConfig::max_topic_name_bytes`](crate::server::TopicsConfig::max_topic_name_bytes).
    NameTooLong {
        /// The length of the longest name, in bytes.
        bytes: usize,
        /// How long a name may be, in bytes.
        limit: usize,
    },
    /// All of its topics are [closed](crate::server::Topics::close_topic), and have nothing left
    /// for it.
    TopicClosed,
    /// The hub has been shut down.
    Closed,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyTopics { topics, limit } => write!(
                f,
                "the subscription names {topics} topics, which is more than {limit} \
                 (TopicsConfig::max_topics_per_subscriber)"
            ),
            Self::NameTooLong { bytes, limit } => write!(
                f,
                "the name of a topic has {bytes} bytes, which is more than {limit} \
                 (TopicsConfig::max_topic_name_bytes)"
            ),
            Self::TopicClosed => f.write_str("the topic is closed"),
            Self::Closed => f.write_str("the hub has been shut down"),
        }
    }
}

impl Error for Refused {}
