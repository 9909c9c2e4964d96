//! The subscribers of several topics, and what has news for each.

use alloc::vec::Vec;

use slotmap::{SlotMap, new_key_type};

new_key_type! {
    /// The key of a subscriber of several topics, or of none.
    pub(crate) struct ReaderKey;
}

/// What a topic knows of a subscriber that reads other topics too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membership {
    pub(crate) reader: ReaderKey,
    /// The index of the topic among those of the subscriber.
    pub(crate) index: u32,
}

/// The subscribers of several topics.
///
/// A topic notes here that it has an event for a subscriber, so that the subscriber need not ask all of
/// its topics.
#[derive(Debug)]
pub(crate) struct Readers<T>(SlotMap<ReaderKey, Reader<T>>);

#[derive(Debug)]
struct Reader<T> {
    /// The topics that had an event since it last looked, each once.
    news: Vec<u32>,
    token: Option<T>,
}

impl<T> Readers<T> {
    pub(crate) fn new() -> Self {
        Self(SlotMap::with_key())
    }

    pub(crate) fn add(&mut self) -> ReaderKey {
        self.0.insert(Reader {
            news: Vec::new(),
            token: None,
        })
    }

    /// Removes a subscriber, and returns its token.
    pub(crate) fn remove(&mut self, key: ReaderKey) -> Option<T> {
        self.0.remove(key)?.token
    }

    /// Notes that a topic has an event for a subscriber, and ends its wait.
    pub(crate) fn note_news(&mut self, membership: Membership, ready: &mut Vec<T>) {
        if let Some(reader) = self.0.get_mut(membership.reader) {
            reader.news.push(membership.index);
            ready.extend(reader.token.take());
        }
    }

    /// Removes the topics that have news for a subscriber.
    pub(crate) fn take_news(&mut self, key: ReaderKey) -> impl Iterator<Item = u32> + use<'_, T> {
        let reader = self.0.get_mut(key);
        reader.into_iter().flat_map(|reader| reader.news.drain(..))
    }

    /// Removes the topic that has news for a subscriber, if it is the only one.
    pub(crate) fn take_only_news(&mut self, key: ReaderKey) -> Option<u32> {
        let news = &mut self.0.get_mut(key)?.news;
        match news.len() {
            1 => news.pop(),
            _ => None,
        }
    }

    pub(crate) fn has_news(&self, key: ReaderKey) -> bool {
        self.0
            .get(key)
            .is_some_and(|reader| !reader.news.is_empty())
    }

    /// Holds the token of a subscriber until one of its topics has an event, unless it has one already.
    pub(crate) fn hold(&mut self, key: ReaderKey, token: impl FnOnce() -> T) {
        if let Some(reader) = self.0.get_mut(key) {
            reader.token.get_or_insert_with(token);
        }
    }

    pub(crate) fn take_token(&mut self, key: ReaderKey) -> Option<T> {
        self.0.get_mut(key)?.token.take()
    }

    /// Appends the tokens of all that wait.
    pub(crate) fn drain_into(&mut self, ready: &mut Vec<T>) {
        ready.extend(self.0.values_mut().filter_map(|reader| reader.token.take()));
    }
}
