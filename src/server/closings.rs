//! The topics that are closed.

use alloc::collections::VecDeque;

use crate::server::topic::TopicKey;

/// The closed topics, the one that was closed first in front, so that their number has a limit.
#[derive(Debug)]
pub(crate) struct Closings {
    max: usize,
    topics: VecDeque<TopicKey>,
}

impl Closings {
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            max,
            topics: VecDeque::new(),
        }
    }

    /// Adds a topic that was not closed. If there are too many then, removes the first and returns it.
    pub(crate) fn push(&mut self, topic: TopicKey) -> Option<TopicKey> {
        self.topics.push_back(topic);
        match self.topics.len() > self.max {
            true => self.topics.pop_front(),
            false => None,
        }
    }

    /// Returns the topic that was closed first.
    pub(crate) fn first(&self) -> Option<TopicKey> {
        self.topics.front().copied()
    }

    pub(crate) fn remove(&mut self, topic: TopicKey) {
        self.topics.retain(|closed| *closed != topic);
    }
}
