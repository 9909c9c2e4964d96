//! Which topic holds the most bytes.

use alloc::vec::Vec;

use crate::server::event_id::EventId;
use crate::server::topic::{TopicKey, TopicMap};

/// The topics that have events, as a heap: the one with the most bytes is the first.
///
/// Of topics with equal bytes, the one whose oldest event is older counts as heavier. Each topic knows
/// its place in the heap, so a topic that has changed is moved in logarithmic time.
#[derive(Debug, Default)]
pub(crate) struct Heaviest(Vec<Weight>);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight {
    pub(crate) topic: TopicKey,
    pub(crate) bytes: usize,
    pub(crate) oldest: EventId,
}

impl Heaviest {
    /// Returns the topic with the most bytes.
    pub(crate) fn first(&self) -> Option<TopicKey> {
        self.0.first().map(|weight| weight.topic)
    }

    /// Adds a topic, or moves it to where its weight belongs.
    pub(crate) fn set<T>(&mut self, weight: Weight, topics: &mut TopicMap<T>) {
        let Some(topic) = topics.get(weight.topic) else {
            return;
        };
        let place = match topic.place {
            Some(place) => place as usize,
            None => {
                self.0.push(weight);
                self.0.len() - 1
            }
        };
        if let Some(old) = self.0.get_mut(place) {
            *old = weight;
        }
        let place = self.rise(place, topics);
        self.sink(place, topics);
    }

    /// Removes a topic, if it is there.
    pub(crate) fn remove<T>(&mut self, topic: TopicKey, topics: &mut TopicMap<T>) {
        let Some(place) = topics.get_mut(topic).and_then(|topic| topic.place.take()) else {
            return;
        };
        let place = place as usize;
        self.0.swap_remove(place);
        if place < self.0.len() {
            let place = self.rise(place, topics);
            self.sink(place, topics);
        }
        if self.0.capacity() > 4 * (self.0.len() + FEW) {
            self.0.shrink_to(2 * self.0.len());
        }
    }

    /// Moves a topic towards the first place, as far as it is heavier than what is above. Returns its
    /// place.
    fn rise<T>(&mut self, mut place: usize, topics: &mut TopicMap<T>) -> usize {
        while place > 0 {
            let above = (place - 1) / 2;
            if !self.is_heavier(place, above, topics) {
                break;
            }
            self.swap(place, above, topics);
            place = above;
        }
        self.note(place, topics);
        place
    }

    /// Moves a topic away from the first place, as far as it is lighter than what is below.
    fn sink<T>(&mut self, mut place: usize, topics: &mut TopicMap<T>) {
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let mut heaviest = place;
            for below in [left, right] {
                if below < self.0.len() && self.is_heavier(below, heaviest, topics) {
                    heaviest = below;
                }
            }
            if heaviest == place {
                return;
            }
            self.swap(place, heaviest, topics);
            self.note(heaviest, topics);
            place = heaviest;
        }
    }

    fn is_heavier<T>(&self, place: usize, than: usize, topics: &TopicMap<T>) -> bool {
        let (Some(weight), Some(than)) = (self.0.get(place), self.0.get(than)) else {
            return false;
        };
        let name = |key| topics.get(key).map(|topic| &*topic.name);
        weight.bytes > than.bytes
            || weight.bytes == than.bytes
                && (weight.oldest < than.oldest
                    || weight.oldest == than.oldest && name(weight.topic) < name(than.topic))
    }

    fn swap<T>(&mut self, place: usize, other: usize, topics: &mut TopicMap<T>) {
        self.0.swap(place, other);
        self.note(place, topics);
    }

    /// Tells the topic at a place where it is.
    fn note<T>(&self, place: usize, topics: &mut TopicMap<T>) {
        let weight = self.0.get(place);
        if let Some(topic) = weight.and_then(|weight| topics.get_mut(weight.topic)) {
            // So many topics do not fit into memory that a place needs more bits.
            topic.place = Some(place as u32);
        }
    }
}

/// The memory of this many topics is never given back.
const FEW: usize = 64;
