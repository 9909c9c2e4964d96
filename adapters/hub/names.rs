//! The names of topics, before the hub's lock is taken.

use crate::server::{TopicNames, TopicSet};

/// One name, which is borrowed, or several.
pub(super) enum Names<'a> {
    One(&'a str),
    Several(TopicSet),
}

impl TopicNames<Self> for Names<'_> {
    fn into_topics(self) -> TopicSet {
        match self {
            Self::One(name) => TopicSet::new([name]),
            Self::Several(names) => names,
        }
    }

    fn one_name(&self) -> Option<&str> {
        match self {
            Self::One(name) => Some(name),
            Self::Several(_) => None,
        }
    }
}
