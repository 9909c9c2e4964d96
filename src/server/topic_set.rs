//! The names of the topics of one subscription.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashSet;
use smallvec::SmallVec;

use crate::server::config::TopicsConfig;
use crate::server::refused::Refused;

/// The names of topics, each once, in the order in which they were named first.
///
/// [`Topics::subscribe`](crate::server::Topics::subscribe) and `Hub::subscribe` create it from any
/// [`TopicNames`]. Creating it takes time and memory for each name, so `Hub` creates it before it
/// takes its lock.
///
/// # Examples
///
/// ```
/// use ssewire::server::TopicSet;
///
/// let topics = TopicSet::new(["news", "weather", "news"]);
/// assert!(topics.iter().eq(["news", "weather"]));
/// assert_eq!(topics.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSet(SmallVec<[Box<str>; 1]>);

impl TopicSet {
    /// Creates a set of names. Each name after its first occurrence is left out.
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter();
        let mut set: SmallVec<[Box<str>; 1]> = names.map(|name| name.as_ref().into()).collect();
        if let [_, _, ..] = set.as_slice() {
            let mut seen = HashSet::with_capacity(set.len());
            let is_first: Vec<bool> = set.iter().map(|name| seen.insert(&**name)).collect();
            drop(seen);
            let mut is_first = is_first.into_iter();
            set.retain(|_| is_first.next().unwrap_or_default());
        }
        Self(set)
    }

    /// Returns the number of names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns an iterator over the names, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// Returns the names, if their number and their lengths are within the limits.
    pub(crate) fn within(self, config: &TopicsConfig) -> Result<SmallVec<[Box<str>; 1]>, Refused> {
        let (topics, limit) = (self.len(), config.max_topics_per_subscriber);
        if topics > limit {
            return Err(Refused::TooManyTopics { topics, limit });
        }
        let bytes = self.iter().map(str::len).max().unwrap_or_default();
        let limit = config.max_topic_name_bytes;
        if bytes > limit {
            return Err(Refused::NameTooLong { bytes, limit });
        }
        Ok(self.0)
    }
}

/// One name of a topic or several, for a subscription or an event.
///
/// One name is a `&str`, a `&String` or a `String`. Several names are an array, a vector, an
/// iterator or any other [`IntoIterator`] of names. `Kind` separates the implementations for one
/// name and for several. The compiler infers it.
///
/// # Examples
///
/// ```
/// use ssewire::server::TopicNames;
///
/// assert!("news".into_topics().iter().eq(["news"]));
/// assert!(["news", "weather"].into_topics().iter().eq(["news", "weather"]));
/// assert!("news,weather".split(',').into_topics().iter().eq(["news", "weather"]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name topics",
    label = "neither a name nor several names",
    note = "pass one name, as in `\"news\"`, or several, as in `[\"news\", \"weather\"]`"
)]
pub trait TopicNames<Kind: ?Sized> {
    /// Returns the names, each once.
    fn into_topics(self) -> TopicSet;

    /// Returns the name, without a copy, if this is a single name.
    fn one_name(&self) -> Option<&str> {
        None
    }
}

impl TopicNames<str> for &str {
    fn into_topics(self) -> TopicSet {
        TopicSet::new([self])
    }

    fn one_name(&self) -> Option<&str> {
        Some(self)
    }
}

impl TopicNames<str> for &String {
    fn into_topics(self) -> TopicSet {
        TopicSet::new([self])
    }

    fn one_name(&self) -> Option<&str> {
        Some(self)
    }
}

impl TopicNames<str> for String {
    fn into_topics(self) -> TopicSet {
        TopicSet(SmallVec::from_buf([self.into_boxed_str()]))
    }

    fn one_name(&self) -> Option<&str> {
        Some(self)
    }
}

impl<I> TopicNames<[String]> for I
where
    I: IntoIterator<Item: AsRef<str>>,
{
    fn into_topics(self) -> TopicSet {
        TopicSet::new(self)
    }
}

impl TopicNames<Self> for TopicSet {
    fn into_topics(self) -> TopicSet {
        self
    }

    fn one_name(&self) -> Option<&str> {
        match self.0.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }
}
