//! How far a subscriber has read.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::server::delivery::Gap;
use crate::server::history::{History, TooSlow, TopicKey};
use crate::server::waiting::Ticket;

/// One reader's place in the log of a [`Topics`](crate::server::Topics), and means nothing to another.
///
/// Give it to [`unsubscribe`](crate::server::Topics::unsubscribe) in the end: the topics count it, and
/// may keep a token of it, until then.
#[derive(Debug)]
#[must_use = "it is counted until it is unsubscribed"]
pub struct Subscriber {
    /// Most have one.
    pub(crate) places: SmallVec<[Place; 1]>,
    /// What it is to be told first. Few have one, and there are many subscribers.
    pub(crate) gap: Option<Box<Gap>>,
    /// Whether it was told that it gets no more.
    pub(crate) is_out: bool,
    /// Whether it has once read all there was: what it reads is no replay any more.
    pub(crate) has_caught_up: bool,
}

/// How far a subscriber has read in one topic.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) topic: TopicKey,
    pub(crate) next: u64,
    /// Its token among those that wait for the topic, unless that has been given back since.
    pub(crate) ticket: Ticket,
}

impl Subscriber {
    /// Takes what is next, joined up to about `max_bytes`; `None` if it has read all there is.
    pub(crate) fn read<T>(
        &mut self,
        history: &mut History<T>,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, TooSlow> {
        let is_live = self.has_caught_up;
        // Nearly all have one, and it is looked up once.
        if let [place] = self.places.as_mut_slice() {
            let piece = history.read(place.topic, place.next, is_live, max_bytes)?;
            self.has_caught_up |= piece.as_ref().is_none_or(|piece| piece.is_last);
            return Ok(piece.map(|piece| {
                place.next = piece.end;
                piece.bytes
            }));
        }
        for place in &self.places {
            if let Some(topic) = history.topic(place.topic) {
                history.check_speed(topic, place.next, is_live)?;
            }
        }
        let bytes = read_merged(history, &mut self.places, max_bytes);
        self.has_caught_up |= self.is_at_end(history);
        Ok(bytes)
    }

    pub(crate) fn is_at_end<T>(&self, history: &History<T>) -> bool {
        self.places.iter().all(|place| place.is_at_end(history))
    }
}

impl Place {
    pub(crate) fn is_at_end<T>(&self, history: &History<T>) -> bool {
        let topic = history.topic(self.topic);
        topic.is_none_or(|topic| self.next == topic.end())
    }
}

/// Reads several topics in the order of their events.
fn read_merged<T>(history: &History<T>, places: &mut [Place], max_bytes: usize) -> Option<Bytes> {
    let mut first: Option<Bytes> = None;
    let mut joined = Vec::new();
    loop {
        let next = places
            .iter_mut()
            .filter_map(|place| {
                let topic = history.topic(place.topic)?;
                Some((
                    topic.number_at(place.next)?,
                    topic.bytes_at(place.next)?,
                    place,
                ))
            })
            .min_by_key(|(number, ..)| *number);
        let Some((_, bytes, place)) = next else {
            break;
        };
        match &first {
            None => first = Some(bytes.clone()),
            Some(only) => {
                if joined.is_empty() {
                    joined.extend_from_slice(only);
                }
                if joined.len() + bytes.len() > max_bytes {
                    break;
                }
                joined.extend_from_slice(bytes);
            }
        }
        place.next += 1;
    }
    // The second event may have been too long to be joined to the first.
    match first {
        Some(only) if joined.len() <= only.len() => Some(only),
        Some(_) => Some(joined.into()),
        None => None,
    }
}
