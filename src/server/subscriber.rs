//! A subscriber, and how far it has read.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::server::delivery::Gap;
use crate::server::history::{History, TooSlow};
use crate::server::log::{Position, TopicKey};
use crate::server::waiters::Ticket;

/// A subscriber of some topics, as [`Topics::subscribe`](crate::server::Topics::subscribe) returns it.
///
/// It is valid only for the [`Topics`](crate::server::Topics) that it is from. These count it, and may
/// hold a token for it, until it is passed to
/// [`unsubscribe`](crate::server::Topics::unsubscribe).
///
/// # Examples
///
/// ```
/// use ssewire::server::{Topics, TopicsConfig};
///
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let subscriber = topics.subscribe(["news", "weather"], None);
/// assert!(topics.topics_of(&subscriber).eq(["news", "weather"]));
/// assert_eq!(topics.subscriber_count(), 1);
///
/// topics.unsubscribe(subscriber);
/// assert_eq!(topics.subscriber_count(), 0);
/// ```
#[derive(Debug)]
#[must_use = "it is counted until it is unsubscribed"]
pub struct Subscriber {
    /// Most have one.
    pub(crate) cursors: SmallVec<[Cursor; 1]>,
    /// The gap that is delivered first. Few have one, and there are many subscribers.
    pub(crate) gap: Option<Box<Gap>>,
    pub(crate) is_disconnected: bool,
    /// Whether it has once read all events. Then it is live, and no longer in a replay.
    pub(crate) has_caught_up: bool,
}

/// How far a subscriber has read in one topic.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    pub(crate) topic: TopicKey,
    pub(crate) position: Position,
    /// Names the subscriber's token among those that wait for the topic.
    pub(crate) ticket: Ticket,
}

impl Subscriber {
    /// Reads the next events, joined up to about `max_bytes`; `None` if it has read them all.
    pub(crate) fn read(
        &mut self,
        history: &mut History,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        let is_live = self.has_caught_up;
        // With one topic, as nearly all have, one look-up is enough.
        if let [cursor] = self.cursors.as_mut_slice() {
            let batch = history.read(cursor.topic, cursor.position, is_live, max_bytes)?;
            self.has_caught_up |= batch.as_ref().is_none_or(|batch| batch.is_last);
            return Ok(batch.map(|batch| {
                cursor.position = batch.end;
                batch.bytes
            }));
        }
        for cursor in &self.cursors {
            if let Some(log) = history.log(cursor.topic) {
                history.check_pace(log, cursor.position, is_live)?;
            }
        }
        let bytes = read_merged(history, &mut self.cursors, max_bytes);
        self.has_caught_up |= self.is_at_end(history);
        Ok(bytes)
    }

    /// Skips all events that it has not read.
    pub(crate) fn skip_to_end(&mut self, history: &History) {
        for cursor in &mut self.cursors {
            if let Some(log) = history.log(cursor.topic) {
                cursor.position = log.end();
            }
        }
        self.has_caught_up = true;
    }

    pub(crate) fn is_at_end(&self, history: &History) -> bool {
        let is_at_end = |cursor: &Cursor| {
            let log = history.log(cursor.topic);
            log.is_none_or(|log| cursor.position == log.end())
        };
        self.cursors.iter().all(is_at_end)
    }
}

/// Reads several topics in the order of their events.
fn read_merged(history: &History, cursors: &mut [Cursor], max_bytes: usize) -> Option<Bytes> {
    let mut first: Option<Bytes> = None;
    let mut joined = Vec::new();
    loop {
        let next = cursors
            .iter_mut()
            .filter_map(|cursor| {
                let log = history.log(cursor.topic)?;
                let (entry, after) = log.entry_after(cursor.position)?;
                Some((entry, after, cursor))
            })
            .min_by_key(|(entry, ..)| entry.number);
        let Some((entry, after, cursor)) = next else {
            break;
        };
        match &first {
            None => first = Some(entry.bytes.clone()),
            Some(only) => {
                if joined.is_empty() {
                    joined.extend_from_slice(only);
                }
                if joined.len() + entry.bytes.len() > max_bytes {
                    break;
                }
                joined.extend_from_slice(&entry.bytes);
            }
        }
        cursor.position = after;
    }
    // The second event may have been too long to be joined to the first.
    match first {
        Some(only) if joined.len() <= only.len() => Some(only),
        Some(_) => Some(joined.into()),
        None => None,
    }
}
