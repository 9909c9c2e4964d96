//! How far a subscriber has read.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;
use slotmap::new_key_type;
use smallvec::SmallVec;

use crate::server::delivery::Gap;
use crate::server::history::{History, Topic, TopicKey};

new_key_type! {
    /// Names a subscriber of a [`Topics`](crate::server::Topics). It is never given out twice.
    pub struct SubscriberId;
}

#[derive(Debug)]
pub(crate) struct Subscriber {
    /// Most have one.
    pub(crate) places: SmallVec<[Place; 1]>,
    /// What it is to be told first. Few have one, and there are many subscribers.
    pub(crate) gap: Option<Box<Gap>>,
    /// Whether it was told that it gets no more.
    pub(crate) is_out: bool,
    /// Whether it has once read all there was: what it reads is no replay any more.
    pub(crate) has_caught_up: bool,
    /// Whether it has read all there is.
    pub(crate) is_idle: bool,
}

/// How far a subscriber has read in one topic.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) topic: TopicKey,
    pub(crate) next: u64,
    /// Whether the topic's list of waiting subscribers has it.
    pub(crate) is_waiting: bool,
}

impl Subscriber {
    /// Takes the newest event of its topic if that is all there is to take: what most reads find.
    #[inline]
    pub(crate) fn take_newest(&mut self, id: SubscriberId, history: &mut History) -> Option<Bytes> {
        let [place] = self.places.as_mut_slice() else {
            return None;
        };
        let topic = history.topic(place.topic)?;
        let is_usual = place.next + 1 == topic.end()
            && !self.is_out
            && self.gap.is_none()
            && !history.is_in_older_half(topic, place.next);
        if !is_usual {
            return None;
        }
        let topic = history.topic_mut(place.topic)?;
        let bytes = topic.bytes_at(place.next)?.clone();
        place.next += 1;
        place.wait(id, topic);
        self.has_caught_up = true;
        self.is_idle = true;
        Some(bytes)
    }

    /// Returns whether it has lost events, or will soon: half of what the log may hold is behind what
    /// it has to read next.
    ///
    /// A replay starts there, so it is slow only once something is lost to it.
    pub(crate) fn is_slow(&self, history: &History) -> bool {
        self.places.iter().any(|place| {
            let Some(topic) = history.topic(place.topic) else {
                return false;
            };
            place.next < topic.start()
                || self.has_caught_up && history.is_in_older_half(topic, place.next)
        })
    }

    pub(crate) fn is_at_end(&self, history: &History) -> bool {
        self.places.iter().all(|place| place.is_at_end(history))
    }

    /// Has itself named when there is more to read.
    pub(crate) fn wait(&mut self, id: SubscriberId, history: &mut History) {
        self.has_caught_up = true;
        self.is_idle = true;
        for place in &mut self.places {
            if let Some(topic) = history.topic_mut(place.topic) {
                place.wait(id, topic);
            }
        }
    }
}

impl Place {
    /// Puts its subscriber on the list of those who wait for its topic.
    #[inline]
    fn wait(&mut self, id: SubscriberId, topic: &mut Topic) {
        if !mem::replace(&mut self.is_waiting, true) {
            topic.waiting.push(id);
        }
    }

    pub(crate) fn is_at_end(&self, history: &History) -> bool {
        let topic = history.topic(self.topic);
        topic.is_none_or(|topic| self.next == topic.end())
    }
}

/// Reads several topics in the order of their events.
pub(crate) fn read_merged(
    history: &History,
    places: &mut [Place],
    max_bytes: usize,
) -> Option<Bytes> {
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
