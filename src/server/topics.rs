//! Who reads which topics, and how far.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt::Write;
use core::mem;

use slotmap::SlotMap;
use smallvec::SmallVec;

use crate::event::EventRef;
use crate::server::config::{SlowReader, TopicsConfig};
use crate::server::delivery::{Delivery, Gap, GapReason};
use crate::server::event_id::EventId;
use crate::server::history::{History, TopicKey};
use crate::server::outgoing::Encoded;
use crate::server::subscriber::{Place, Subscriber, SubscriberId, read_merged};

/// Holds topics, their latest events, and the subscribers' places in them.
///
/// Events are kept once, encoded, in a log that is bounded in events and bytes; a subscriber is a
/// place in it, so a slow one costs no memory and the publisher never waits. All events of all topics
/// are numbered in one sequence, so that one last event ID says how far a connection has read in all
/// of its topics. The sequence belongs to an epoch, which the embedder draws at random: an ID of
/// another epoch, from before a restart, is recognised.
///
/// Whatever a subscriber misses it is told, as a [`Gap`].
///
/// # Examples
///
/// ```
/// use ssewire::EventRef;
/// use ssewire::server::{Delivery, Topics, TopicsConfig};
///
/// let mut topics = Topics::new(TopicsConfig::new(), 0xE);
/// let reader = topics.subscribe(["news", "weather"], None);
/// assert_eq!(topics.poll_delivery(reader, 1 << 16), None);
///
/// let id = topics.publish("news", EventRef::new("hello"));
/// topics.publish("sports", EventRef::new("not for this reader"));
/// topics.publish("weather", EventRef::new("rain"));
/// assert_eq!(topics.poll_ready(), Some(reader));
/// let Some(Delivery::Events(events)) = topics.poll_delivery(reader, 1 << 16) else { panic!() };
/// assert_eq!(events.into_bytes(), "id: e-1\ndata: hello\n\nid: e-3\ndata: rain\n\n");
///
/// // It reconnects, having seen the first.
/// topics.unsubscribe(reader);
/// let reader = topics.subscribe(["news", "weather"], Some(&id.to_string()));
/// let Some(Delivery::Events(events)) = topics.poll_delivery(reader, 1 << 16) else { panic!() };
/// assert_eq!(events.into_bytes(), "id: e-3\ndata: rain\n\n");
/// ```
#[derive(Debug)]
pub struct Topics {
    config: TopicsConfig,
    epoch: u64,
    history: History,
    subscribers: SlotMap<SubscriberId, Subscriber>,
    /// Those who were at the end of the log and are not any more.
    ready: VecDeque<SubscriberId>,
    stats: TopicsStats,
    /// Scratch for the text of an ID.
    id: String,
}

/// Counts what has become of subscribers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicsStats {
    /// Slow readers that were disconnected.
    pub disconnected: u64,
    /// How often a slow reader was moved to the newest event.
    pub skipped: u64,
    /// Subscriptions that could not resume without a gap.
    pub gaps: u64,
}

impl Topics {
    /// Makes a log without events. `epoch` must differ from one start of the program to the next.
    pub fn new(config: TopicsConfig, epoch: u64) -> Self {
        Self {
            history: History::new(config.max_events, config.max_bytes),
            config,
            epoch,
            subscribers: SlotMap::with_key(),
            ready: VecDeque::new(),
            stats: TopicsStats::default(),
            id: String::new(),
        }
    }

    /// Appends an event to a topic, under a new ID that takes the place of any that it has, and
    /// returns that.
    ///
    /// Costs the subscribers of this topic that wait for it, and nothing for any other. Ask
    /// [`poll_ready`](Self::poll_ready) for them.
    pub fn publish(&mut self, topic: &str, event: EventRef<'_>) -> EventId {
        let id = EventId::new(self.epoch, self.history.next_number());
        self.id.clear();
        let _ = write!(self.id, "{id}");
        let bytes = event.with_checked_id(&self.id).to_bytes();
        let topic = self.history.find_or_add(topic);
        self.history.push(topic, bytes);
        self.wake(topic);
        id
    }

    /// Adds a subscriber of topics, which need not have been heard of.
    ///
    /// Without a last event ID it gets what is published from now on. With one, it gets what was
    /// published to its topics since; if the log does not say what that is, it is told a [`Gap`]
    /// first and then gets all that the log has.
    pub fn subscribe<T: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
        last_event_id: Option<&str>,
    ) -> SubscriberId {
        let (behind, mut reason) = match last_event_id {
            None => (self.history.newest(), None),
            Some(text) => match text.parse::<EventId>() {
                Err(_) => (0, Some(GapReason::Unknown)),
                Ok(id) if id.epoch() != self.epoch => (0, Some(GapReason::OtherEpoch)),
                Ok(id) if id.number() > self.history.newest() => (0, Some(GapReason::Unknown)),
                Ok(id) => (id.number(), None),
            },
        };
        let mut places: SmallVec<[Place; 1]> = SmallVec::new();
        let mut resumes_after = 0;
        for name in topics {
            let key = self.history.find_or_add(name.as_ref());
            let Some(topic) = self.history.topic_mut(key) else {
                continue;
            };
            if places.iter().any(|place| place.topic == key) {
                continue;
            }
            topic.subscribers += 1;
            let (next, dropped) = topic.place_behind(behind);
            if let Some(dropped) = dropped {
                resumes_after = resumes_after.max(dropped);
                reason = reason.or(Some(GapReason::TooOld));
            }
            places.push(Place {
                topic: key,
                next,
                is_waiting: false,
            });
        }
        self.stats.gaps += u64::from(reason.is_some());
        self.subscribers.insert(Subscriber {
            has_caught_up: places.iter().all(|place| place.is_at_end(&self.history)),
            places,
            gap: reason.map(|reason| {
                Box::new(Gap {
                    reason,
                    resumes_after: EventId::new(self.epoch, resumes_after),
                })
            }),
            is_out: false,
            is_idle: false,
        })
    }

    /// Removes a subscriber, and returns whether there was one.
    pub fn unsubscribe(&mut self, id: SubscriberId) -> bool {
        let Some(subscriber) = self.subscribers.remove(id) else {
            return false;
        };
        for place in subscriber.places {
            if let Some(topic) = self.history.topic_mut(place.topic) {
                topic.subscribers -= 1;
                // Those who have left stay in the list until they are most of it, or until the next
                // event.
                if topic.waiting.len() > 2 * topic.subscribers + FEW {
                    let subscribers = &self.subscribers;
                    topic.waiting.retain(|id| subscribers.contains_key(*id));
                }
            }
            self.history.forget_if_unused(place.topic);
        }
        true
    }

    /// Returns what comes next for a subscriber, at most about `max_bytes` of it; `None` if there is
    /// nothing before it is named by [`poll_ready`](Self::poll_ready), or no such subscriber.
    ///
    /// Readers at the same place share the same bytes.
    pub fn poll_delivery(&mut self, id: SubscriberId, max_bytes: usize) -> Option<Delivery> {
        let subscriber = self.subscribers.get_mut(id)?;
        if let Some(bytes) = subscriber.take_newest(id, &mut self.history) {
            return Some(Delivery::Events(Encoded::new(bytes)));
        }
        if subscriber.is_out {
            return Some(Delivery::Disconnected);
        }
        if let Some(gap) = subscriber.gap.take() {
            return Some(Delivery::Gap(*gap));
        }
        if subscriber.is_slow(&self.history) {
            return self.handle_slow(id);
        }
        let events = match subscriber.places.as_mut_slice() {
            [place] => {
                let read = self.history.read(place.topic, place.next, max_bytes);
                read.map(|(bytes, next)| {
                    place.next = next;
                    bytes
                })
            }
            places => read_merged(&self.history, places, max_bytes),
        };
        if subscriber.is_at_end(&self.history) {
            subscriber.wait(id, &mut self.history);
        }
        events.map(|bytes| Delivery::Events(Encoded::new(bytes)))
    }

    /// Returns whether a subscriber has read all there is; if so, [`poll_ready`](Self::poll_ready)
    /// will name it when there is more.
    pub fn is_at_end(&self, id: SubscriberId) -> bool {
        let subscriber = self.subscribers.get(id);
        subscriber.is_some_and(|subscriber| subscriber.is_idle)
    }

    /// Returns the next subscriber that had read all there was and now has more, once. Ask until there
    /// is none, after every publication.
    #[must_use = "a subscriber that is not woken waits for ever"]
    pub fn poll_ready(&mut self) -> Option<SubscriberId> {
        loop {
            let id = self.ready.pop_front()?;
            if self.subscribers.contains_key(id) {
                return Some(id);
            }
        }
    }

    /// Returns the names of the topics that a subscriber reads.
    pub fn topics_of(&self, id: SubscriberId) -> impl Iterator<Item = &str> {
        let places = self
            .subscribers
            .get(id)
            .map(|subscriber| &subscriber.places);
        let topics = places.into_iter().flatten().map(|place| place.topic);
        topics.filter_map(|key| self.history.topic(key).map(|topic| topic.name()))
    }

    /// Returns how many subscribers there are.
    pub fn subscriber_count(&self) -> usize {
        self.subscribers.len()
    }

    /// Returns how many subscribers a topic has.
    pub fn subscriber_count_of(&self, topic: &str) -> usize {
        let key = self.history.find(topic);
        let topic = key.and_then(|key| self.history.topic(key));
        topic.map_or(0, |topic| topic.subscribers)
    }

    /// Returns how many topics have events or subscribers.
    pub fn topic_count(&self) -> usize {
        self.history.topic_count()
    }

    /// Returns how many events the log holds.
    pub fn event_count(&self) -> usize {
        self.history.event_count()
    }

    /// Returns how many bytes the events in the log take, encoded.
    pub fn byte_count(&self) -> usize {
        self.history.byte_count()
    }

    /// Returns what has become of subscribers so far.
    pub fn stats(&self) -> TopicsStats {
        self.stats
    }

    /// Names those who wait for the next event of a topic.
    fn wake(&mut self, key: TopicKey) {
        let Some(topic) = self.history.topic_mut(key) else {
            return;
        };
        let mut waiting = mem::take(&mut topic.waiting);
        for id in waiting.drain(..) {
            let Some(subscriber) = self.subscribers.get_mut(id) else {
                continue;
            };
            for place in &mut subscriber.places {
                if place.topic == key {
                    place.is_waiting = false;
                }
            }
            if mem::take(&mut subscriber.is_idle) {
                self.ready.push_back(id);
            }
        }
        if let Some(topic) = self.history.topic_mut(key) {
            topic.waiting = waiting;
        }
    }

    fn handle_slow(&mut self, id: SubscriberId) -> Option<Delivery> {
        let subscriber = self.subscribers.get_mut(id)?;
        match self.config.slow_reader {
            SlowReader::Disconnect => {
                subscriber.is_out = true;
                self.stats.disconnected += 1;
                Some(Delivery::Disconnected)
            }
            SlowReader::SkipToLive => {
                for place in &mut subscriber.places {
                    let topic = self.history.topic(place.topic);
                    place.next = topic.map_or(place.next, |topic| topic.end());
                }
                self.stats.skipped += 1;
                Some(Delivery::Gap(Gap {
                    reason: GapReason::Lagged,
                    resumes_after: EventId::new(self.epoch, self.history.newest()),
                }))
            }
        }
    }
}

/// How many of those who have left do not matter.
const FEW: usize = 16;
