//! Who reads which topics, and how far.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::mem;

use smallvec::SmallVec;

use crate::event::EventRef;
use crate::server::config::{SlowReader, TopicsConfig};
use crate::server::delivery::{Delivery, Gap, GapReason};
use crate::server::event_id::EventId;
use crate::server::history::{History, TooSlow, TopicKey};
use crate::server::outgoing::Encoded;
use crate::server::subscriber::{Place, Subscriber};
use crate::server::waiting::{Ticket, Waiting};

/// Holds topics, their latest events, and who waits for more of them.
///
/// Events are kept once, encoded, in a log that is bounded in events and bytes; a subscriber is a
/// place in it, so a slow one costs no memory and the publisher never waits. All events of all topics
/// are numbered in one sequence, so that one last event ID says how far a connection has read in all
/// of its topics. The sequence belongs to an epoch, which the embedder draws at random: an ID of
/// another epoch, from before a restart, is recognised.
///
/// Whatever a subscriber misses it is told, as a [`Gap`].
///
/// `T` is the token by which somebody who waits is known to whoever wakes it: the number of a
/// connection, or a [`Waker`](core::task::Waker).
///
/// # Examples
///
/// ```
/// use ssewire::EventRef;
/// use ssewire::server::{Delivery, Topics, TopicsConfig};
///
/// let mut topics = Topics::new(TopicsConfig::new(), 0xE);
/// let mut reader = topics.subscribe(["news", "weather"], None);
/// assert_eq!(topics.poll_delivery(&mut reader, 1 << 16), None);
/// assert!(topics.wait(&mut reader, &"connection 7"));
///
/// let id = topics.publish("news", EventRef::new("hello"));
/// topics.publish("sports", EventRef::new("not for this reader"));
/// assert_eq!(topics.take_ready(), ["connection 7"]);
/// topics.publish("weather", EventRef::new("rain"));
/// let Some(Delivery::Events(events)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(events.into_bytes(), "id: e-1\ndata: hello\n\nid: e-3\ndata: rain\n\n");
///
/// // It reconnects, having seen the first.
/// topics.unsubscribe(reader);
/// let mut reader = topics.subscribe(["news", "weather"], Some(&id.to_string()));
/// let Some(Delivery::Events(events)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(events.into_bytes(), "id: e-3\ndata: rain\n\n");
/// ```
#[derive(Debug)]
pub struct Topics<T> {
    config: TopicsConfig,
    epoch: u64,
    history: History<T>,
    subscriber_count: usize,
    /// Who waits though it reads no topic.
    waiting: Waiting<T>,
    /// The tokens of those who have waited and need not any more.
    ready: Vec<T>,
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

impl<T> Topics<T> {
    /// Makes a log without events. `epoch` must differ from one start of the program to the next.
    pub fn new(config: TopicsConfig, epoch: u64) -> Self {
        Self {
            history: History::new(config.max_events, config.max_bytes),
            config,
            epoch,
            subscriber_count: 0,
            waiting: Waiting::new(),
            ready: Vec::new(),
            stats: TopicsStats::default(),
            id: String::new(),
        }
    }

    /// Appends an event to a topic, under a new ID that takes the place of any that it has, and
    /// returns that.
    ///
    /// Costs the subscribers of this topic that wait for it, and nothing for any other. Their tokens
    /// are then had from [`take_ready`](Self::take_ready).
    pub fn publish(&mut self, topic: &str, event: EventRef<'_>) -> EventId {
        let id = EventId::new(self.epoch, self.history.next_number());
        self.id.clear();
        let _ = write!(self.id, "{id}");
        let bytes = event.with_checked_id(&self.id).to_bytes();
        let key = self.history.find_or_add(topic);
        self.history.push(key, bytes);
        if let Some(topic) = self.history.topic_mut(key) {
            topic.waiting.take_all(&mut self.ready);
        }
        id
    }

    /// Adds a subscriber of topics, which need not have been heard of.
    ///
    /// Without a last event ID it gets what is published from now on. With one, it gets what was
    /// published to its topics since; if the log does not say what that is, it is told a [`Gap`]
    /// first and then gets all that the log has.
    pub fn subscribe<N: AsRef<str>>(
        &mut self,
        topics: impl IntoIterator<Item = N>,
        last_event_id: Option<&str>,
    ) -> Subscriber {
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
                ticket: Ticket::default(),
            });
        }
        if places.is_empty() {
            // It waits for nothing but to be woken.
            places.push(Place::default());
        }
        self.stats.gaps += u64::from(reason.is_some());
        self.subscriber_count += 1;
        Subscriber {
            has_caught_up: places.iter().all(|place| place.is_at_end(&self.history)),
            places,
            gap: reason.map(|reason| {
                Box::new(Gap {
                    reason,
                    resumes_after: EventId::new(self.epoch, resumes_after),
                })
            }),
            is_out: false,
        }
    }

    /// Removes a subscriber, and returns its tokens as [`stop_waiting`](Self::stop_waiting) does.
    pub fn unsubscribe(&mut self, mut subscriber: Subscriber) -> Vec<T> {
        let tokens = self.stop_waiting(&mut subscriber);
        for place in subscriber.places {
            if let Some(topic) = self.history.topic_mut(place.topic) {
                topic.subscribers -= 1;
            }
            self.history.forget_if_unused(place.topic);
        }
        self.subscriber_count -= 1;
        tokens
    }

    /// Returns what comes next for a subscriber, at most about `max_bytes` of it; `None` if there is
    /// nothing yet: then [`wait`](Self::wait).
    ///
    /// Readers at the same place share the same bytes.
    pub fn poll_delivery(
        &mut self,
        subscriber: &mut Subscriber,
        max_bytes: usize,
    ) -> Option<Delivery> {
        if subscriber.is_out {
            return Some(Delivery::Disconnected);
        }
        if let Some(gap) = subscriber.gap.take() {
            return Some(Delivery::Gap(*gap));
        }
        match subscriber.read(&mut self.history, max_bytes) {
            Ok(events) => events.map(|bytes| Delivery::Events(Encoded::new(bytes))),
            Err(TooSlow) => Some(self.handle_slow(subscriber)),
        }
    }

    /// Has `token` given back by [`take_ready`](Self::take_ready) when there is something for a
    /// subscriber. Returns `false`, and does nothing, if there is something already.
    ///
    /// It is kept once for each of the subscriber's topics, until that has an event. Where one is kept
    /// already it stays: [`stop_waiting`](Self::stop_waiting) first, to wait under another token.
    pub fn wait(&mut self, subscriber: &mut Subscriber, token: &T) -> bool
    where
        T: Clone,
    {
        let has_something =
            subscriber.is_out || subscriber.gap.is_some() || !subscriber.is_at_end(&self.history);
        if has_something {
            return false;
        }
        for place in &mut subscriber.places {
            self.waiting_for(place.topic).hold(&mut place.ticket, token);
        }
        true
    }

    /// Ends the wait of a subscriber, and returns the tokens that were kept for it.
    pub fn stop_waiting(&mut self, subscriber: &mut Subscriber) -> Vec<T> {
        let places = subscriber.places.iter_mut();
        let tokens = places.filter_map(|place| {
            let ticket = mem::take(&mut place.ticket);
            self.waiting_for(place.topic).remove(ticket)
        });
        tokens.collect()
    }

    /// Returns the tokens of all whose wait is over, and keeps them no more. Ask after every
    /// publication.
    ///
    /// A token comes once for each event that its subscriber waited for, so that one that reads
    /// several topics may be named several times before it has read on.
    #[must_use = "a subscriber that is not woken waits for ever"]
    pub fn take_ready(&mut self) -> Vec<T> {
        mem::take(&mut self.ready)
    }

    /// Ends the wait of all subscribers, as if each had something to read. Their tokens are then had
    /// from [`take_ready`](Self::take_ready).
    pub fn wake_all(&mut self) {
        let topics = self.history.topics_mut().map(|topic| &mut topic.waiting);
        for waiting in topics.chain([&mut self.waiting]) {
            waiting.take_all(&mut self.ready);
        }
    }

    /// Returns the names of the topics that a subscriber reads.
    pub fn topics_of(&self, subscriber: &Subscriber) -> impl Iterator<Item = &str> {
        let topics = subscriber.places.iter().map(|place| place.topic);
        topics.filter_map(|key| self.history.topic(key).map(|topic| topic.name()))
    }

    /// Returns how many subscribers there are.
    pub fn subscriber_count(&self) -> usize {
        self.subscriber_count
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

    /// Returns those who wait for a topic; for none, those who read none.
    #[inline]
    fn waiting_for(&mut self, key: TopicKey) -> &mut Waiting<T> {
        match self.history.topic_mut(key) {
            Some(topic) => &mut topic.waiting,
            None => &mut self.waiting,
        }
    }

    fn handle_slow(&mut self, subscriber: &mut Subscriber) -> Delivery {
        match self.config.slow_reader {
            SlowReader::Disconnect => {
                subscriber.is_out = true;
                self.stats.disconnected += 1;
                Delivery::Disconnected
            }
            SlowReader::SkipToLive => {
                for place in &mut subscriber.places {
                    let topic = self.history.topic(place.topic);
                    place.next = topic.map_or(place.next, |topic| topic.end());
                }
                subscriber.has_caught_up = true;
                self.stats.skipped += 1;
                Delivery::Gap(Gap {
                    reason: GapReason::Lagged,
                    resumes_after: EventId::new(self.epoch, self.history.newest()),
                })
            }
        }
    }
}
