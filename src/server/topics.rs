//! Who reads which topics, and how far.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::mem;

use bytes::Bytes;
use slotmap::{SlotMap, new_key_type};

use crate::event::{Event, EventRef};
use crate::server::event_id::EventId;
use crate::server::history::{History, TopicKey};
use crate::server::outgoing::Encoded;

new_key_type! {
    /// Names a subscriber of a [`Topics`]. It is never given out twice.
    pub struct SubscriberId;
}

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

/// What a subscriber gets next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// One event or several in a row, each with its ID.
    Events(Encoded),
    /// Events may be missing here.
    Gap(Gap),
    /// The subscriber has fallen behind and gets no more: [unsubscribe](Topics::unsubscribe) it. It
    /// may subscribe anew, from the ID that it has seen last.
    Disconnected,
}

/// Tells a subscriber that events before those that follow may have been lost to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// The ID from which on nothing is missing.
    pub resumes_after: EventId,
}

impl Gap {
    /// Returns the event that tells a client: of type `gap`, with the [reason](GapReason::as_str) as
    /// its data, and with the ID from which on nothing is missing, so that the next reconnect does
    /// not meet the same gap.
    pub fn to_event(&self) -> Event {
        let mut id = String::new();
        let _ = write!(id, "{}", self.resumes_after);
        let event = EventRef::new(self.reason.as_str()).with_checked_id(&id);
        event.with_type("gap").unwrap_or(event).to_event()
    }
}

/// Says why events may have been lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// Events behind the last event ID are no longer in the log.
    TooOld,
    /// The last event ID is from another epoch.
    OtherEpoch,
    /// The last event ID was not given out here.
    Unknown,
    /// The subscriber has fallen behind and was moved to the newest event.
    Lagged,
}

impl GapReason {
    /// Returns a word for it: `too-old`, `other-epoch`, `unknown` or `lagged`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooOld => "too-old",
            Self::OtherEpoch => "other-epoch",
            Self::Unknown => "unknown",
            Self::Lagged => "lagged",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says what becomes of a subscriber that does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowReader {
    /// It is disconnected while the log still holds what it has not read, so that it can resume with
    /// nothing lost.
    #[default]
    Disconnect,
    /// It is told a [`GapReason::Lagged`] and goes on with what is published next.
    SkipToLive,
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

#[derive(Debug)]
struct Subscriber {
    places: Vec<Place>,
    gap: Option<Gap>,
    /// Whether it was told that it gets no more.
    is_out: bool,
    /// Whether it has once read all there was: what it reads is no replay any more.
    has_caught_up: bool,
    /// Whether it has read all there is.
    is_idle: bool,
}

/// How far a subscriber has read in one topic.
#[derive(Debug)]
struct Place {
    topic: TopicKey,
    next: u64,
    /// Whether the topic's list of waiting subscribers has it.
    is_waiting: bool,
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
        let mut places: Vec<Place> = Vec::new();
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
        let has_nothing = |place: &Place| {
            let topic = self.history.topic(place.topic);
            topic.is_none_or(|topic| place.next == topic.end())
        };
        self.subscribers.insert(Subscriber {
            has_caught_up: places.iter().all(has_nothing),
            places,
            gap: reason.map(|reason| Gap {
                reason,
                resumes_after: EventId::new(self.epoch, resumes_after),
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
        if subscriber.is_out {
            return Some(Delivery::Disconnected);
        }
        if let Some(gap) = subscriber.gap.take() {
            return Some(Delivery::Gap(gap));
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
        if events.is_none() {
            subscriber.wait(id, &mut self.history);
        }
        events.map(|bytes| Delivery::Events(Encoded::new(bytes)))
    }

    /// Returns the next subscriber that had nothing to read and now has, once. Ask until there is
    /// none, after every publication.
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

impl Subscriber {
    /// Returns whether it has lost events, or will soon: half of what the log may hold is behind what
    /// it has to read next.
    ///
    /// A replay starts there, so it is slow only once something is lost to it.
    fn is_slow(&self, history: &History) -> bool {
        self.places.iter().any(|place| {
            let Some(topic) = history.topic(place.topic) else {
                return false;
            };
            place.next < topic.start()
                || self.has_caught_up && history.is_in_older_half(topic, place.next)
        })
    }

    /// Has itself named when there is more to read.
    fn wait(&mut self, id: SubscriberId, history: &mut History) {
        self.has_caught_up = true;
        self.is_idle = true;
        for place in &mut self.places {
            if let Some(topic) = history.topic_mut(place.topic) {
                if !mem::replace(&mut place.is_waiting, true) {
                    topic.waiting.push(id);
                }
            }
        }
    }
}

/// Reads several topics in the order of their events.
fn read_merged(history: &History, places: &mut [Place], max_bytes: usize) -> Option<Bytes> {
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

/// Configures [`Topics`].
///
/// # Examples
///
/// ```
/// use ssewire::server::{SlowReader, TopicsConfig};
///
/// let config = TopicsConfig::new()
///     .max_events(1_000)
///     .max_bytes(1 << 20)
///     .slow_reader(SlowReader::SkipToLive);
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicsConfig {
    max_events: usize,
    max_bytes: usize,
    slow_reader: SlowReader,
}

impl TopicsConfig {
    /// Makes the default configuration.
    pub const fn new() -> Self {
        Self {
            max_events: 10_000,
            max_bytes: 16 << 20,
            slow_reader: SlowReader::Disconnect,
        }
    }

    /// Sets how many events the log holds, of all topics together; 10,000 by default, at least 1.
    pub const fn max_events(mut self, events: usize) -> Self {
        self.max_events = if events == 0 { 1 } else { events };
        self
    }

    /// Sets how many bytes the events in the log may take, encoded; 16 MiB by default. The newest
    /// event is held even if it is larger. Beside its bytes an event takes about 80 bytes.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets what becomes of a subscriber that does not keep up; by default it is disconnected.
    ///
    /// A subscriber that has once read all there was does not keep up when half of what the log may
    /// hold, in events or in bytes, was published behind what it has to read next; one that has not,
    /// when something that it has to read has been dropped.
    pub const fn slow_reader(mut self, slow_reader: SlowReader) -> Self {
        self.slow_reader = slow_reader;
        self
    }
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// How many of those who have left do not matter.
const FEW: usize = 16;
