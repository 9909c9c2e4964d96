//! Where subscriptions begin, and where they are.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;

use crate::server::delivery::{Gap, GapReason};
use crate::server::event_id::EventId;
use crate::server::history::History;
use crate::server::lineage::Descent;
use crate::server::start::Start;
use crate::server::subscriber::Subscriber;
use crate::server::topic::TopicKey;
use crate::server::topics::Topics;

/// Where a subscription begins.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// It has all events up to the one with this ID.
    pub(crate) after: EventId,
    /// The ID up to which it was told that events may be missing, or need not be told.
    pub(crate) told: EventId,
    /// Events without a key are skipped if they come before the one with this ID.
    pub(crate) unkeyed_from: Option<EventId>,
    pub(crate) gap: Option<Gap>,
}

impl Beginning {
    /// Returns that of a subscriber that waits until it can begin.
    pub(super) const fn later() -> Self {
        Self {
            after: EventId::LOWEST,
            told: EventId::LOWEST,
            unkeyed_from: None,
            gap: None,
        }
    }
}

impl<T> Topics<T> {
    /// Returns the position after all events that were published so far.
    ///
    /// This is the ID of the newest event or, before the first, the ID with the number 0 in the
    /// epoch.
    ///
    /// A subscription that starts [after](Start::After) this ID gets all events that are published
    /// from now on. So a page can load its state first, together with this position, and then
    /// subscribe.
    pub fn position(&self) -> EventId {
        let newest = self.history.newest();
        newest.unwrap_or_else(|| EventId::new(self.epoch, 0))
    }

    /// Returns the position of a subscriber, which is the ID up to which it has all events of its
    /// topics.
    ///
    /// Right after [`subscribe`](Self::subscribe), this is the position that the start chose. For
    /// [`Start::Earliest`] and [`Start::Last`] it is the position before the first event of the
    /// replay, so that a client that loses its connection during the replay can resume without a
    /// loss.
    pub fn position_of(&self, subscriber: &Subscriber) -> EventId {
        match subscriber.opening.is_none() && subscriber.is_at_end(&self.history, &self.readers) {
            true => self.position().max(subscriber.position.after),
            false => subscriber.position.after,
        }
    }

    pub(super) fn begin(&self, start: Start, topics: &[TopicKey]) -> Beginning {
        let newest = self.position();
        let first = self.history.first_position().unwrap_or(newest);
        let (after, reason) = match start {
            Start::Live => (newest, None),
            Start::Unknown => (first, Some(GapReason::Unknown)),
            Start::After(id) => match self.descent(id) {
                Descent::Own => (id, None),
                Descent::Beyond(_) if id.epoch() == self.epoch => (first, Some(GapReason::Unknown)),
                Descent::Beyond(last) => (last, Some(GapReason::Diverged)),
                Descent::Foreign => (first, Some(GapReason::OtherEpoch)),
            },
            Start::Earliest => return self.earliest(topics),
            Start::Last(count) => return self.last(count, topics),
        };
        let newest_dropped = self.newest_dropped(topics);
        let is_lost = newest_dropped > after;
        let reason = reason.or(is_lost.then_some(GapReason::TooOld));
        let told = match reason {
            Some(_) => newest_dropped.max(after),
            None => EventId::LOWEST,
        };
        let snapshot = reason.and_then(|_| self.snapshot_before(after, topics.iter().copied()));
        Beginning {
            after: snapshot.unwrap_or(after),
            told,
            unkeyed_from: snapshot.map(|_| after.next()),
            gap: reason.map(|reason| Gap {
                reason,
                resumes_after: snapshot.unwrap_or_else(|| self.before_next(after, told, topics)),
            }),
        }
    }

    /// Returns the highest position up to `told` that is before all events after `after`. Events of one
    /// topic may be lost while older ones of another are still to come.
    fn before_next(&self, after: EventId, told: EventId, topics: &[TopicKey]) -> EventId {
        let topics = topics.iter().filter_map(|topic| self.history.topic(*topic));
        let next = topics.filter_map(|topic| Some(topic.log.first_after(after)?.id));
        next.min().map_or(told, |next| told.min(next.before()))
    }

    /// Returns the position before the oldest event with a key, if the ID of that event is not
    /// above `after`. A subscriber with a gap at `after` may have missed the newest event of any
    /// key, so it gets all of these again.
    pub(super) fn snapshot_before(
        &self,
        after: EventId,
        topics: impl Iterator<Item = TopicKey>,
    ) -> Option<EventId> {
        let oldest = self.oldest_keyed(topics)?;
        (oldest <= after).then(|| oldest.before())
    }

    fn oldest_keyed(&self, topics: impl Iterator<Item = TopicKey>) -> Option<EventId> {
        let topics = topics.filter_map(|topic| self.history.topic(topic));
        topics.filter_map(|topic| topic.log.oldest_keyed()).min()
    }

    /// Returns what is known of an ID. The first position of an epoch is known even before the
    /// first event of the epoch is published.
    fn descent(&self, id: EventId) -> Descent {
        let newest = self.position();
        match self.history.descent(id) {
            // The epochs of a log that is followed are all known, so this one was lost.
            Descent::Foreign if self.following.is_some() => {
                let last = self.history.newest_before(id);
                last.map_or(Descent::Foreign, Descent::Beyond)
            }
            Descent::Foreign if id == newest => Descent::Own,
            Descent::Foreign if id.epoch() == newest.epoch() => Descent::Beyond(newest),
            Descent::Foreign if id == EventId::new(self.epoch, 0) => Descent::Own,
            descent => descent,
        }
    }

    fn earliest(&self, topics: &[TopicKey]) -> Beginning {
        let oldest = topics
            .iter()
            .filter_map(|topic| self.history.topic(*topic)?.log.oldest());
        self.beginning_at(oldest.min(), None, topics)
    }

    fn last(&self, count: usize, topics: &[TopicKey]) -> Beginning {
        let first = self.history.last_plain(count, topics);
        match (first, self.oldest_keyed(topics.iter().copied())) {
            (Some(first), Some(keyed)) if keyed < first => {
                self.beginning_at(Some(keyed), Some(first), topics)
            }
            (None, Some(keyed)) => {
                self.beginning_at(Some(keyed), Some(self.position().next()), topics)
            }
            (first, _) => self.beginning_at(first, None, topics),
        }
    }

    /// Begins with an event or, for `None`, with the next one that is published. Dropped events
    /// cause no gap.
    fn beginning_at(
        &self,
        first: Option<EventId>,
        unkeyed_from: Option<EventId>,
        topics: &[TopicKey],
    ) -> Beginning {
        Beginning {
            after: first.map_or_else(|| self.position(), EventId::before),
            told: self.newest_dropped(topics),
            unkeyed_from,
            gap: None,
        }
    }

    pub(super) fn newest_dropped(&self, topics: &[TopicKey]) -> EventId {
        let topics = topics.iter().filter_map(|topic| self.history.topic(*topic));
        let dropped = topics.map(|topic| topic.log.newest_dropped());
        dropped.max().unwrap_or(EventId::LOWEST)
    }
}

impl<T> History<T> {
    /// Returns the oldest of the `count` newest events that have nothing to do with a key, or
    /// `None` if there are none.
    fn last_plain(&self, count: usize, topics: &[TopicKey]) -> Option<EventId> {
        let logs = topics.iter().filter_map(|topic| self.topic(*topic));
        let mut logs: Vec<_> = logs.map(|topic| topic.log.plain_from_newest()).collect();
        let mut next: BinaryHeap<_> = BinaryHeap::with_capacity(logs.len());
        for (index, log) in logs.iter_mut().enumerate() {
            next.extend(log.next().map(|id| (id, index)));
        }
        let mut first = None;
        let mut left = count;
        while let Some((id, index)) = next.pop() {
            // An event of several topics counts once.
            if first != Some(id) {
                if left == 0 {
                    break;
                }
                left -= 1;
                first = Some(id);
            }
            let following = logs.get_mut(index).and_then(Iterator::next);
            next.extend(following.map(|id| (id, index)));
        }
        first
    }
}
