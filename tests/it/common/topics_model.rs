//! The topics told as simply as can be: every event ever, with its topics, and for each reader how far
//! it has been told. Each operation is done on both, and both must answer alike.
#![allow(
    clippy::indexing_slicing,
    reason = "a model may panic: that is its word"
)]

use core::time::Duration;

use ssewire::server::{
    Announced, Delivery, EventId, Gap, GapReason, Presence, PublishError, Refused, SlowReader,
    Start as From, Subscriber, SubscriberEnd, Topics, TopicsConfig,
};
use ssewire::{Event, EventRef, Timestamp};

/// Something that is done to the topics. Numbers that name nothing are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// An event with this much data. Each bit is a topic; none is an error.
    Publish {
        topics: u8,
        size: usize,
        key: Key,
    },
    /// An event with an ID of the caller's: of a newer epoch, or a number on.
    Append {
        topic: u8,
        is_new_epoch: bool,
    },
    /// Time passes.
    Pass {
        seconds: u8,
    },
    /// Each bit is a topic.
    Subscribe {
        topics: u8,
        start: Start,
    },
    Read {
        reader: u8,
        max_bytes: usize,
    },
    /// It waits, if it has read all there is; anew, after it has stopped.
    Wait {
        reader: u8,
        is_anew: bool,
    },
    Unsubscribe {
        reader: u8,
    },
    /// A client leaves and comes back with the ID that it has seen last.
    Resume {
        reader: u8,
    },
    /// Somebody is here, with a key.
    Announce {
        topic: u8,
        key: u8,
    },
    /// Somebody is here no longer.
    Withdraw {
        announced: u8,
    },
    /// A topic is closed for some time.
    Close {
        topic: u8,
        seconds: u8,
    },
    /// All streams of a topic are ended.
    EndStreams {
        topic: u8,
    },
    /// A reader is ended.
    End {
        reader: u8,
    },
    /// A reader reads these topics too. Each bit is one.
    AddTopics {
        reader: u8,
        topics: u8,
    },
    RemoveTopics {
        reader: u8,
        topics: u8,
    },
    /// A subscription of too many topics, or of one whose name is too long.
    SubscribeTooMuch {
        names: bool,
    },
}

/// The key of an event, of a few.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    None,
    Latest(u8),
    /// As the latest, and it does not age.
    Present(u8),
    Removed(u8),
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Fresh,
    Earliest,
    Last(u8),
    /// This many events ago, if there were so many.
    Ago(u8),
    /// A number that was not reached yet, of an epoch this many events ago.
    Beyond(u8),
    OtherEpoch(u8),
    Garbage(u8),
}

/// What the topics may hold, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_events: usize,
    pub(crate) max_bytes: usize,
    pub(crate) max_events_per_topic: Option<usize>,
    /// In seconds.
    pub(crate) max_age: Option<u64>,
    pub(crate) slow_reader: SlowReader,
}

/// What a reader is woken by: another one at each wait.
type Token = u64;

/// The topics and what they should be.
pub(crate) struct Model {
    topics: Topics<Token>,
    limits: Limits,
    /// In seconds.
    now: u64,
    /// That of the next publication.
    epoch: u64,
    /// All events ever, the first one first.
    events: Vec<Published>,
    /// The newest event of which the log can know nothing, because its topic is forgotten.
    forgotten: EventId,
    known: [Option<Known>; TOPICS],
    /// The closed topics, in the order in which they were closed, and until when.
    closed: Vec<(usize, u64)>,
    readers: Vec<Reader>,
    /// What was announced, in this order: the number, the topic and the key.
    announced: Vec<(Announced, usize, u8)>,
    last_token: Token,
    gaps: u64,
    disconnected: u64,
    skipped: u64,
    refused: u64,
}

/// A topic that the log knows.
#[derive(Clone, Copy)]
struct Known {
    newest_dropped: EventId,
    is_trimmed: bool,
}

struct Published {
    id: EventId,
    /// Whether it was published to each topic.
    topics: [bool; TOPICS],
    /// Whether the log of each topic holds it.
    held: [bool; TOPICS],
    /// Whether the log of each topic has dropped it, and not replaced it.
    dropped: [bool; TOPICS],
    at: u64,
    key: Option<u8>,
    /// It tells of the end of a key.
    is_removal: bool,
    ages: bool,
    bytes: Vec<u8>,
}

struct Reader {
    subscriber: Subscriber,
    topics: Vec<usize>,
    /// It has all events up to this one, or was told that there is a gap.
    after: EventId,
    /// The last event that it got, or where it began. What was lost since then it may be told, even if it
    /// was not to get it.
    last: EventId,
    told: EventId,
    /// Of the events before this one it wants those with a key only.
    unkeyed_from: EventId,
    /// The last ID that its client has seen.
    last_id: Option<String>,
    gap: Option<(GapReason, EventId)>,
    /// Why it gets no more.
    end: Option<SubscriberEnd>,
    has_caught_up: bool,
    /// What it is to be named by, if it waits.
    waits: Option<Token>,
}

impl Model {
    pub(crate) fn new(limits: Limits) -> Self {
        let config = TopicsConfig::new()
            .max_events(limits.max_events)
            .max_bytes(limits.max_bytes)
            .max_events_per_topic(limits.max_events_per_topic)
            .max_age(limits.max_age.map(Duration::from_secs))
            .max_topic_name_bytes(LONGEST)
            .max_topics_per_subscriber(TOPICS)
            .max_closed_topics(MAX_CLOSED)
            .slow_reader(limits.slow_reader);
        Self {
            topics: Topics::new(config, EPOCH),
            limits: Limits {
                max_events: limits.max_events.max(1),
                max_events_per_topic: limits.max_events_per_topic.map(|events| events.max(1)),
                max_age: limits.max_age.filter(|age| *age > 0),
                ..limits
            },
            now: 0,
            epoch: EPOCH,
            events: Vec::new(),
            forgotten: LOWEST,
            known: [None; TOPICS],
            closed: Vec::new(),
            readers: Vec::new(),
            announced: Vec::new(),
            last_token: 0,
            gaps: 0,
            disconnected: 0,
            skipped: 0,
            refused: 0,
        }
    }

    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Publish { topics, size, key } => self.publish(named(topics), size, key),
            Op::Append {
                topic,
                is_new_epoch,
            } => self.append(usize::from(topic) % TOPICS, is_new_epoch),
            Op::Pass { seconds } => self.now += u64::from(seconds),
            Op::Subscribe { topics, start } => self.subscribe_from(topics, start),
            Op::Read { reader, max_bytes } => {
                if let Some(index) = self.pick(reader) {
                    self.read(index, max_bytes);
                }
            }
            Op::Wait { reader, is_anew } => {
                if let Some(index) = self.pick(reader) {
                    if is_anew {
                        self.stop_waiting(index);
                    }
                    self.wait(index);
                }
            }
            Op::Unsubscribe { reader } => {
                if let Some(index) = self.pick(reader) {
                    self.unsubscribe(index);
                }
            }
            Op::Resume { reader } => {
                if let Some(index) = self.pick(reader) {
                    let (topics, last_id) = self.unsubscribe(index);
                    let start = last_id.as_deref().map_or(From::Live, From::from);
                    self.subscribe(topics, start, last_id);
                }
            }
            Op::Announce { topic, key } => {
                self.announce(usize::from(topic) % TOPICS, key % KEYS.len() as u8);
            }
            Op::Withdraw { announced } => self.withdraw(announced.into()),
            Op::Close { topic, seconds } => self.close(usize::from(topic) % TOPICS, seconds.into()),
            Op::EndStreams { topic } => self.end_streams(usize::from(topic) % TOPICS),
            Op::End { reader } => {
                if let Some(index) = self.pick(reader) {
                    self.end(index);
                }
            }
            Op::AddTopics { reader, topics } => {
                if let Some(index) = self.pick(reader) {
                    self.add_topics(index, named(topics));
                }
            }
            Op::RemoveTopics { reader, topics } => {
                if let Some(index) = self.pick(reader) {
                    self.remove_topics(index, named(topics));
                }
            }
            Op::SubscribeTooMuch { names } => self.subscribe_too_much(names),
        }
        self.check_counts();
    }

    /// Lets everyone read all there is, and leave.
    pub(crate) fn finish(mut self) {
        self.topics.wake_all();
        let readers = self.readers.iter_mut();
        let waited = readers.filter_map(|reader| reader.waits.take());
        assert_same(self.topics.take_ready(), waited);
        for index in 0..self.readers.len() {
            // Nothing is lost meanwhile, so it ends.
            while self.read(index, 100) {}
            self.check_counts();
        }
        while !self.readers.is_empty() {
            self.unsubscribe(0);
            self.check_counts();
        }
        assert!(self.topics.topic_count() <= TOPICS);
    }

    fn publish(&mut self, topics: [bool; TOPICS], size: usize, key: Key) {
        let data = "x".repeat(size);
        let event = EventRef::new(&data);
        let names = || {
            (0..TOPICS)
                .filter(|topic| topics[*topic])
                .map(|topic| NAMES[topic])
        };
        let now = self.time();
        let published = match key {
            Key::None => self.topics.publish(now, names(), event),
            Key::Latest(key) => {
                let key = KEYS[usize::from(key) % KEYS.len()];
                self.topics.publish_latest(now, names(), key, event)
            }
            Key::Removed(key) => {
                let key = KEYS[usize::from(key) % KEYS.len()];
                self.topics.remove_latest(now, names(), key, event)
            }
            Key::Present(_) => unreachable!("that is announced"),
        };
        self.expire();
        if topics == [false; TOPICS] {
            self.refused += 1;
            assert_eq!(published, Err(PublishError::NoTopic));
            return;
        }
        if !self.open_for_event(topics) {
            self.refused += 1;
            assert_eq!(published, Err(PublishError::TopicClosed));
            return;
        }
        let id = self.next_id();
        assert_eq!(published, Ok(id), "ids in sequence");
        self.add(id, topics, &data, key);
    }

    fn announce(&mut self, topic: usize, key: u8) {
        let (here, gone) = (Event::new(HERE), Event::new(GONE));
        let presence = Presence::new(NAMES[topic], KEYS[usize::from(key)], here, gone);
        let announced = self.topics.announce(self.time(), presence);
        self.expire();
        if !self.open_for_event(only(topic)) {
            self.refused += 1;
            assert_eq!(announced.err(), Some(PublishError::TopicClosed));
            return;
        }
        self.announced
            .push((announced.expect("it is open"), topic, key));
        self.add(self.next_id(), only(topic), HERE, Key::Present(key));
    }

    fn withdraw(&mut self, announced: usize) {
        let Some(index) = announced.checked_rem(self.announced.len()) else {
            return;
        };
        let (announced, topic, key) = self.announced.remove(index);
        self.topics.withdraw(self.time(), announced);
        let same = |other: &(Announced, usize, u8)| (other.1, other.2) == (topic, key);
        let left = self.announced.iter().rposition(same);
        // One that is not shown leaves in silence.
        if left.is_some_and(|left| left >= index) {
            return;
        }
        self.expire();
        if !self.open_for_event(only(topic)) {
            self.refused += 1;
            let is_shown = |event: &&mut Published| event.held[topic] && event.key == Some(key);
            if let Some(event) = self.events.iter_mut().find(is_shown) {
                event.held[topic] = false;
            }
            self.forget(topic);
            return;
        }
        let (data, key) = match left {
            Some(_) => (HERE, Key::Present(key)),
            None => (GONE, Key::Removed(key)),
        };
        self.add(self.next_id(), only(topic), data, key);
    }

    fn next_id(&self) -> EventId {
        let newest = self.newest();
        let number = match newest.epoch() == self.epoch {
            true => newest.number() + 1,
            false => 1,
        };
        EventId::new(self.epoch, number)
    }

    fn append(&mut self, topic: usize, is_new_epoch: bool) {
        let newest = self.newest();
        let id = match is_new_epoch {
            true => EventId::new(newest.epoch().max(self.epoch) + 2, 7),
            false => EventId::new(newest.epoch(), newest.number() + 3),
        };
        let now = self.time();
        let mut append = |id| {
            let event = EventRef::new("appended");
            self.topics.append(now, id, NAMES[topic], None, event)
        };
        if !self.events.is_empty() {
            assert_eq!(append(newest), Err(PublishError::IdNotNewer { newest }));
            self.refused += 1;
        }
        let appended = append(id);
        self.expire();
        // The epoch goes on with the ID, whether the topic is closed or not.
        if id.epoch() >= self.epoch {
            self.epoch = id.epoch() + 1;
        }
        let topics = only(topic);
        if !self.open_for_event(topics) {
            assert_eq!(appended, Err(PublishError::TopicClosed));
            self.refused += 1;
            return;
        }
        assert_eq!(appended, Ok(()));
        self.add(id, topics, "appended", Key::None);
    }

    fn add(&mut self, id: EventId, topics: [bool; TOPICS], data: &str, key: Key) {
        let event = Event::new(data).with_id(id.to_string()).expect("an ID");
        let bytes = event.to_bytes().to_vec();
        let of_event: Vec<usize> = (0..TOPICS).filter(|topic| topics[*topic]).collect();
        of_event.iter().for_each(|topic| self.learn(*topic));
        let ages = !matches!(key, Key::Present(_));
        let is_removal = matches!(key, Key::Removed(_));
        let (key, removed) = match key {
            Key::None => (None, None),
            Key::Latest(key) | Key::Present(key) => {
                (Some(key % KEYS.len() as u8), Some(key % KEYS.len() as u8))
            }
            Key::Removed(key) => (None, Some(key % KEYS.len() as u8)),
        };
        for topic in &of_event {
            let same = |event: &&mut Published| {
                event.held[*topic] && event.key.is_some() && event.key == removed
            };
            if let Some(event) = self.events.iter_mut().find(same) {
                event.held[*topic] = false;
            }
            let known = self.known[*topic].as_mut().expect("learnt");
            known.is_trimmed = false;
        }
        let key_len = key.map_or(0, |key| KEYS[usize::from(key)].len());
        while !self.has_room(&of_event, bytes.len(), key_len) {
            let more = |topic| match of_event.contains(&topic) {
                true => bytes.len() + key_len,
                false => 0,
            };
            let candidates = (0..TOPICS).filter(|topic| self.oldest(*topic).is_some());
            let heaviest = candidates.max_by(|one, other| {
                let weight = |topic: usize| self.bytes_of(topic) + more(topic);
                let by_age = self.oldest(*other).cmp(&self.oldest(*one));
                let by_name = NAMES[*other].cmp(NAMES[*one]);
                weight(*one).cmp(&weight(*other)).then(by_age).then(by_name)
            });
            let Some(heaviest) = heaviest else { break };
            self.trim(heaviest, &of_event);
        }
        self.events.push(Published {
            id,
            topics,
            held: topics,
            dropped: [false; TOPICS],
            at: self.now,
            key,
            is_removal,
            ages,
            bytes,
        });
        for topic in &of_event {
            let most = self.limits.max_events_per_topic.unwrap_or(usize::MAX);
            while self.held_by(*topic).count() > most {
                self.trim(*topic, &of_event);
            }
        }
        self.check_woken(|reader| reader.topics.iter().any(|topic| topics[*topic]));
    }

    fn trim(&mut self, topic: usize, kept: &[usize]) {
        self.known[topic]
            .as_mut()
            .expect("it has events")
            .is_trimmed = true;
        self.drop_oldest(topic, kept);
    }

    fn drop_oldest(&mut self, topic: usize, kept: &[usize]) {
        let oldest = self.events.iter_mut().find(|event| event.held[topic]);
        let oldest = oldest.expect("it has events");
        oldest.held[topic] = false;
        let id = oldest.id;
        self.note_dropped(topic, id);
        if !kept.contains(&topic) {
            self.forget(topic);
        }
    }

    fn note_dropped(&mut self, topic: usize, id: EventId) {
        let mut events = self.events.iter_mut();
        let event = events.find(|event| event.id == id);
        event.expect("it was published").dropped[topic] = true;
        let known = self.known[topic].as_mut().expect("it has events");
        known.newest_dropped = known.newest_dropped.max(id);
    }

    fn expire(&mut self) {
        let Some(max_age) = self.limits.max_age else {
            return;
        };
        for index in 0..self.events.len() {
            for topic in 0..TOPICS {
                let event = &mut self.events[index];
                if event.ages && event.held[topic] && self.now - event.at >= max_age {
                    event.held[topic] = false;
                    let id = event.id;
                    self.note_dropped(topic, id);
                    self.forget(topic);
                }
            }
        }
    }

    fn subscribe_too_much(&mut self, names: bool) {
        let now = self.time();
        let refused = match names {
            true => {
                let names = (0..=TOPICS).map(|name| name.to_string());
                self.topics.subscribe(now, names, None)
            }
            false => self.topics.subscribe(now, [NAMES[1], TOO_LONG], None),
        };
        let expected = match names {
            true => Refused::TooManyTopics {
                topics: TOPICS + 1,
                limit: TOPICS,
            },
            false => Refused::NameTooLong {
                bytes: TOO_LONG.len(),
                limit: LONGEST,
            },
        };
        assert_eq!(refused.err(), Some(expected));
    }

    fn subscribe_from(&mut self, topics: u8, start: Start) {
        if self.readers.len() == READERS {
            return;
        }
        // In either order, and some twice.
        let mut topics: Vec<usize> = (0..TOPICS).filter(|bit| topics >> bit & 1 == 1).collect();
        if self.events.len() % 2 == 1 {
            topics.reverse();
        }
        let ago = |events: u8| match self.events.len().checked_sub(1 + usize::from(events)) {
            Some(index) => self.events[index].id,
            None => EventId::new(self.first_epoch(), 0),
        };
        let id = match start {
            Start::Fresh => return self.subscribe(topics, From::Live, None),
            Start::Earliest => return self.subscribe(topics, From::Earliest, None),
            Start::Last(count) => return self.subscribe(topics, From::Last(count.into()), None),
            Start::Ago(events) => ago(events).to_string(),
            Start::Beyond(events) => {
                let id = ago(events);
                let last = self
                    .events
                    .iter()
                    .rfind(|event| event.id.epoch() == id.epoch());
                let number = last.map_or(0, |event| event.id.number()) + 1;
                EventId::new(id.epoch(), number).to_string()
            }
            Start::OtherEpoch(number) => format!("{:x}-{number}", EPOCH ^ 1),
            Start::Garbage(kind) => GARBAGE[usize::from(kind) % GARBAGE.len()].to_owned(),
        };
        self.subscribe(topics, From::from(id.as_str()), Some(id));
    }

    fn subscribe(&mut self, topics: Vec<usize>, start: From, last_id: Option<String>) {
        let named = topics
            .iter()
            .chain(topics.first())
            .map(|topic| NAMES[*topic]);
        let subscriber = self.topics.subscribe(self.time(), named, start);
        self.expire();
        self.open_due();
        topics.iter().for_each(|topic| self.learn(*topic));
        let dropped = topics.iter().map(|topic| self.newest_dropped(*topic));
        let dropped = dropped.max().unwrap_or(LOWEST);
        let newest = self.newest();
        let first = EventId::new(self.first_epoch(), 0);
        let (mut after, mut told, mut unkeyed_from, mut reason) = (newest, dropped, LOWEST, None);
        let mut resumes_after = LOWEST;
        match start {
            From::Live => told = LOWEST,
            From::Earliest => {
                let oldest = topics.iter().filter_map(|topic| self.oldest(*topic)).min();
                after = oldest.map_or(newest, before);
            }
            From::Last(count) => {
                let held = |event: &&Published| topics.iter().any(|topic| event.held[*topic]);
                let unkeyed = self.events.iter();
                let unkeyed = unkeyed.filter(|event| event.key.is_none() && !event.is_removal);
                let unkeyed: Vec<_> = unkeyed.filter(held).map(|event| event.id).collect();
                let from = unkeyed.len().saturating_sub(count);
                let keyed = self.events.iter().filter(|event| event.key.is_some());
                let keyed = keyed.filter(held).map(|event| event.id).next();
                let next = EventId::new(newest.epoch(), newest.number() + 1);
                let last = unkeyed.get(from).copied();
                unkeyed_from = match (last, keyed) {
                    (Some(last), Some(keyed)) if keyed < last => last,
                    (None, Some(_)) => next,
                    _ => LOWEST,
                };
                after = match (last, keyed) {
                    (Some(last), Some(keyed)) => before(last.min(keyed)),
                    (Some(first), None) | (None, Some(first)) => before(first),
                    (None, None) => newest,
                };
            }
            From::Unknown => (after, reason) = (first, Some(GapReason::Unknown)),
            From::After(id) => {
                let same = self
                    .events
                    .iter()
                    .filter(|event| event.id.epoch() == id.epoch());
                let last = same.map(|event| event.id).max();
                (after, reason) = match last {
                    Some(last) if id <= last => (id, None),
                    Some(_) if id.epoch() == self.epoch => (first, Some(GapReason::Unknown)),
                    Some(last) => (last, Some(GapReason::Diverged)),
                    None if id == newest || id == EventId::new(self.epoch, 0) => (id, None),
                    None if id.epoch() == newest.epoch() => (first, Some(GapReason::Unknown)),
                    None => (first, Some(GapReason::OtherEpoch)),
                };
            }
            other => panic!("{other:?} is not known"),
        }
        if matches!(start, From::Live | From::Unknown | From::After(_)) {
            reason = reason.or((dropped > after).then_some(GapReason::TooOld));
            told = match reason {
                Some(_) => dropped.max(after),
                None => LOWEST,
            };
            let held = |event: &&Published| topics.iter().any(|topic| event.held[*topic]);
            let mut later = self.events.iter().filter(|event| event.id > after);
            let next = later.find(held).map(|event| before(event.id));
            resumes_after = next.map_or(told, |next| told.min(next));
            // Whoever has a gap may have missed the newest event of any key.
            let snapshot = self.snapshot_before(after, &topics);
            if let (Some(_), Some(snapshot)) = (reason, snapshot) {
                unkeyed_from = EventId::new(after.epoch(), after.number() + 1);
                after = snapshot;
                resumes_after = snapshot;
            }
        }
        let named = topics.len();
        let topics: Vec<usize> = topics
            .into_iter()
            .filter(|topic| {
                let known = self.known[*topic].expect("learnt");
                let held = self.held_by(*topic).last().map(|event| event.id);
                let is_lost = known.newest_dropped > after && known.newest_dropped > told;
                let has_nothing = held <= Some(after) && !is_lost;
                self.open_in_time(*topic) || !has_nothing
            })
            .collect();
        if named > 0 && topics.is_empty() {
            assert_eq!(subscriber.err(), Some(Refused::TopicClosed));
            return;
        }
        let subscriber = subscriber.expect("few topics");
        let is_same = self
            .topics
            .topics_of(&subscriber)
            .eq(topics.iter().map(|topic| NAMES[*topic]));
        assert!(is_same, "each topic once, in order");
        self.gaps += u64::from(reason.is_some());
        let mut reader = Reader {
            subscriber,
            has_caught_up: false,
            topics,
            after,
            last: after,
            told,
            unkeyed_from,
            last_id,
            gap: reason.map(|reason| (reason, resumes_after)),
            end: None,
            waits: None,
        };
        reader.has_caught_up = self.next(&reader).is_none();
        let position = self.topics.position_of(&reader.subscriber);
        assert!(position >= after, "{position} is before {after}");
        self.readers.push(reader);
    }

    /// Returns the position before the oldest event with a key, if that is not after `after`.
    fn snapshot_before(&self, after: EventId, topics: &[usize]) -> Option<EventId> {
        let held = |event: &&Published| topics.iter().any(|topic| event.held[*topic]);
        let mut keyed = self.events.iter().filter(|event| event.key.is_some());
        let oldest = keyed.find(held)?.id;
        (oldest <= after).then(|| before(oldest))
    }

    /// Returns what it takes to resume.
    fn unsubscribe(&mut self, index: usize) -> (Vec<usize>, Option<String>) {
        let Reader {
            subscriber,
            topics,
            waits,
            last_id,
            ..
        } = self.readers.swap_remove(index);
        assert_eq!(self.topics.unsubscribe(subscriber), waits);
        topics.iter().for_each(|topic| self.forget(*topic));
        (topics, last_id)
    }

    fn wait(&mut self, index: usize) {
        self.last_token += 1;
        let token = self.last_token;
        let reader = &self.readers[index];
        let has_something = reader.end.is_some()
            || self.are_closed(reader)
            || reader.gap.is_some()
            || self.next(reader).is_some()
            || self.lost_before(reader, HIGHEST).is_some();
        let reader = &mut self.readers[index];
        let waits = self.topics.wait(&mut reader.subscriber, &token);
        // One whose events have all left the log before it has looked may have to look once more.
        assert!(!(waits && has_something), "it has something to read");
        if waits {
            reader.waits.get_or_insert(token);
        }
    }

    fn close(&mut self, topic: usize, seconds: u64) {
        let time = Duration::from_secs(seconds);
        self.topics.close_topic(self.time(), NAMES[topic], time);
        self.open_due();
        self.learn(topic);
        let until = self.now + seconds;
        match self.closed.iter_mut().find(|closed| closed.0 == topic) {
            Some(closed) => closed.1 = until,
            None => self.closed.push((topic, until)),
        }
        if self.closed.len() > MAX_CLOSED {
            let (first, _) = self.closed.remove(0);
            self.forget(first);
        }
        self.check_woken(|reader| reader.topics.contains(&topic));
    }

    fn end_streams(&mut self, topic: usize) {
        let ended = self.topics.end_subscribers(NAMES[topic]);
        let mut count = 0;
        for reader in &mut self.readers {
            if reader.topics.contains(&topic) {
                reader.end.get_or_insert(SubscriberEnd::Application);
                count += 1;
            }
        }
        assert_eq!(ended, count);
        self.check_woken(|reader| reader.topics.contains(&topic));
    }

    fn end(&mut self, index: usize) {
        let reader = &mut self.readers[index];
        let token = self.topics.end_subscriber(&mut reader.subscriber);
        assert_eq!(token, reader.waits.take());
        reader.end.get_or_insert(SubscriberEnd::Application);
    }

    fn add_topics(&mut self, index: usize, topics: [bool; TOPICS]) {
        let names = (0..TOPICS).filter(|topic| topics[*topic]);
        let names: Vec<_> = names.map(|topic| NAMES[topic]).collect();
        let now = self.time();
        let reader = &mut self.readers[index];
        let position = self.topics.position_of(&reader.subscriber);
        let added = self.topics.add_topics(now, &mut reader.subscriber, &names);
        self.expire();
        self.open_due();
        let named: Vec<usize> = (0..TOPICS).filter(|topic| topics[*topic]).collect();
        let open: Vec<usize> = named
            .iter()
            .copied()
            .filter(|topic| self.open_in_time(*topic))
            .collect();
        if open.is_empty() && !named.is_empty() {
            assert_eq!(added, Err(Refused::TopicClosed));
            return;
        }
        open.iter().for_each(|topic| self.learn(*topic));
        assert_eq!(added, Ok(self.readers[index].waits.take()));
        // Up to there it has read all events of its topics, of which there may have been none for long.
        let reader = &self.readers[index];
        assert!(position >= reader.after || position == LOWEST);
        let skipped = self.events.iter().filter(|event| {
            let is_wanted = event.key.is_some() || event.id >= reader.unkeyed_from;
            let is_read = reader.topics.iter().any(|topic| event.held[*topic]);
            is_wanted && is_read && reader.after < event.id && event.id <= position
        });
        assert_eq!(skipped.count(), 0, "it has not read all of its events");
        let after = position.max(reader.after);
        let new = open
            .into_iter()
            .filter(|topic| !reader.topics.contains(topic));
        let new: Vec<usize> = new.collect();
        self.readers[index].after = after;
        self.readers[index].last = after;
        let reader = &self.readers[index];
        let lost = new.iter().filter(|topic| self.has_lost(reader, **topic));
        let lost = lost.map(|topic| self.newest_dropped(*topic)).max();
        let reader = &mut self.readers[index];
        if let Some(lost) = lost {
            reader.told = reader.told.max(lost);
            self.gaps += u64::from(reader.gap.is_none());
            let reason = reader.gap.map_or(GapReason::TooOld, |(reason, _)| reason);
            reader.gap = Some((reason, reader.after));
        }
        if let Some((_, resumes_after)) = &mut reader.gap {
            *resumes_after = reader.after;
        }
        reader.topics.extend(new);
    }

    fn remove_topics(&mut self, index: usize, topics: [bool; TOPICS]) {
        let names = (0..TOPICS).filter(|topic| topics[*topic]);
        let names = names.map(|topic| NAMES[topic]);
        let reader = &mut self.readers[index];
        let token = self.topics.remove_topics(&mut reader.subscriber, names);
        assert_eq!(token, reader.waits.take());
        reader.topics.retain(|topic| !topics[*topic]);
        (0..TOPICS)
            .filter(|topic| topics[*topic])
            .for_each(|topic| self.forget(topic));
    }

    /// Opens a topic if its time is over. Returns whether it is open.
    fn open_in_time(&mut self, topic: usize) -> bool {
        let now = self.now;
        self.closed
            .retain(|(closed, until)| *closed != topic || *until > now);
        !self.is_closed(topic)
    }

    /// Opens the topics whose time is over, of those that were closed first.
    fn open_due(&mut self) {
        while let Some((first, until)) = self.closed.first().copied() {
            if until > self.now {
                break;
            }
            self.closed.remove(0);
            self.forget(first);
        }
    }

    /// Returns whether all topics of an event are open.
    fn open_for_event(&mut self, topics: [bool; TOPICS]) -> bool {
        let mut found = Vec::new();
        for topic in (0..TOPICS).filter(|topic| topics[*topic]) {
            self.learn(topic);
            if !self.open_in_time(topic) {
                found.into_iter().for_each(|topic| self.forget(topic));
                return false;
            }
            found.push(topic);
        }
        true
    }

    fn is_closed(&self, topic: usize) -> bool {
        self.closed.iter().any(|(closed, _)| *closed == topic)
    }

    /// Returns whether a reader has topics, and all are closed.
    fn are_closed(&self, reader: &Reader) -> bool {
        let mut topics = reader.topics.iter();
        !reader.topics.is_empty() && topics.all(|topic| self.is_closed(*topic))
    }

    /// Checks that those who wait and are meant are woken, and nobody else.
    fn check_woken(&mut self, is_meant: impl Fn(&Reader) -> bool) {
        let readers = self.readers.iter_mut();
        let readers = readers.filter(|reader| is_meant(reader));
        let waited = readers.filter_map(|reader| reader.waits.take());
        assert_same(self.topics.take_ready(), waited);
    }

    fn stop_waiting(&mut self, index: usize) {
        let reader = &mut self.readers[index];
        let token = self.topics.stop_waiting(&mut reader.subscriber);
        assert_eq!(token, reader.waits.take());
    }

    /// Reads once, and returns whether there may be more.
    fn read(&mut self, index: usize, max_bytes: usize) -> bool {
        let reader = &self.readers[index];
        let next = self.next(reader);
        let is_lost = reader
            .topics
            .iter()
            .any(|topic| self.has_lost(reader, *topic));
        let is_late = reader.has_caught_up
            && reader
                .topics
                .iter()
                .any(|topic| self.is_late(reader, *topic));
        let has_one = reader.topics.len() == 1;
        let reader = &mut self.readers[index];
        let delivery = self.topics.poll_delivery(&mut reader.subscriber, max_bytes);
        if let Some(end) = reader.end {
            assert_eq!(delivery, Some(Delivery::Ended(end)), "once and for all");
            return false;
        }
        if let Some(expected) = reader.gap {
            let gap = gap_like(delivery, expected);
            // Cut off now, it returns with this ID, and must not lose what would have come.
            let reader = &self.readers[index];
            if let Some(next) = self.next(reader) {
                assert!(gap.resumes_after < self.events[next].id);
            }
            let reader = &mut self.readers[index];
            reader.gap = None;
            reader.last_id = gap.to_event().id().map(str::to_owned);
            return true;
        }
        match delivery {
            Some(Delivery::Gap(gap)) if gap.reason == GapReason::Lagged => {
                assert!(is_lost || is_late, "it keeps up");
                self.skipped += 1;
                let newest = self.newest();
                let snapshot = self.snapshot_before(newest, &self.readers[index].topics);
                assert_eq!(gap.resumes_after, snapshot.unwrap_or(newest));
                let reader = &mut self.readers[index];
                reader.after = snapshot.unwrap_or(newest);
                reader.last = reader.after;
                reader.told = newest;
                reader.unkeyed_from = snapshot.map_or(LOWEST, |_| after(newest));
                let has_caught_up = self.next(&self.readers[index]).is_none();
                let reader = &mut self.readers[index];
                reader.has_caught_up = has_caught_up;
                reader.last_id = gap.to_event().id().map(str::to_owned);
                true
            }
            Some(OUT) => {
                assert!(is_lost || is_late, "it keeps up");
                assert_eq!(self.limits.slow_reader, SlowReader::Disconnect);
                self.disconnected += 1;
                self.readers[index].end = Some(SubscriberEnd::TooSlow);
                false
            }
            Some(Delivery::Ended(SubscriberEnd::TopicsClosed)) => {
                assert_eq!(next, None, "there is something to read");
                assert_eq!(self.lost_before(&self.readers[index], HIGHEST), None);
                let reader = &self.readers[index];
                assert!(self.are_closed(reader), "its topics are open");
                self.readers[index].end = Some(SubscriberEnd::TopicsClosed);
                false
            }
            None => {
                assert_eq!(next, None, "there is something to read");
                assert_eq!(self.lost_before(&self.readers[index], HIGHEST), None);
                assert!(
                    !self.are_closed(&self.readers[index]),
                    "its topics are closed"
                );
                // Otherwise it would look for ever.
                if self.readers[index].waits.is_none() {
                    let subscriber = &mut self.readers[index].subscriber;
                    assert!(self.topics.wait(subscriber, &0), "it has read all there is");
                    assert_eq!(self.topics.stop_waiting(subscriber), Some(0));
                }
                self.note_caught_up(index);
                false
            }
            Some(Delivery::Events(events)) => {
                let lost = self.lost_before(&self.readers[index], HIGHEST);
                assert!(
                    !has_one || lost.is_none() && !is_late,
                    "it does not keep up"
                );
                self.check_events(index, events.as_bytes(), max_bytes);
                true
            }
            Some(delivery) => panic!("{delivery:?} for no reason"),
        }
    }

    /// Checks that these are the next events, byte for byte, and notes that they are read.
    fn check_events(&mut self, index: usize, bytes: &[u8], max_bytes: usize) {
        let mut rest = bytes;
        let mut count = 0;
        while !rest.is_empty() {
            let reader = &self.readers[index];
            let Some(next) = self.next(reader) else {
                panic!("too much: {:?}", String::from_utf8_lossy(rest));
            };
            let event = &self.events[next];
            rest = rest
                .strip_prefix(event.bytes.as_slice())
                .unwrap_or_else(|| {
                    panic!(
                        "{} was to come: {:?}",
                        event.id,
                        String::from_utf8_lossy(rest)
                    )
                });
            count += 1;
            let last = event.id;
            // What is lost before this event is told before it.
            if let Some(lost) = self.lost_before(reader, last) {
                panic!(
                    "{lost} is lost in silence before {last}, after {} and {}",
                    reader.after, reader.told
                );
            }
            let reader = &mut self.readers[index];
            reader.after = last;
            reader.last = last;
            reader.last_id = Some(last.to_string());
        }
        assert!(count > 0, "nothing is no delivery");
        assert!(
            count == 1 || bytes.len() <= max_bytes,
            "{} bytes instead of {max_bytes}",
            bytes.len()
        );
        let reader = &self.readers[index];
        // What is lost is told next.
        if self.next(reader).is_none() && self.lost_before(reader, HIGHEST).is_none() {
            self.note_caught_up(index);
        }
    }

    fn note_caught_up(&mut self, index: usize) {
        let newest = self.newest();
        let reader = &mut self.readers[index];
        reader.has_caught_up = true;
        if reader.after < reader.unkeyed_from {
            // It has skipped the others.
            reader.after = reader.after.max(newest);
            reader.unkeyed_from = LOWEST;
        }
    }

    fn check_counts(&self) {
        assert_eq!(self.topics.subscriber_count(), self.readers.len());
        for (topic, name) in NAMES.iter().enumerate() {
            let readers = self.readers.iter();
            let count = readers
                .filter(|reader| reader.topics.contains(&topic))
                .count();
            assert_eq!(self.topics.subscriber_count_of(name), count);
        }
        assert_eq!(self.topics.position(), self.newest());
        let known = self.known.iter().flatten().count();
        assert_eq!(self.topics.topic_count(), known);
        assert_eq!(self.topics.event_count(), self.event_count());
        assert_eq!(self.topics.byte_count(), self.byte_count());
        let stats = self.topics.stats();
        let told = (stats.gaps, stats.disconnected, stats.skipped, stats.refused);
        let expected = (self.gaps, self.disconnected, self.skipped, self.refused);
        assert_eq!(told, expected);
        assert!(self.event_count() <= self.limits.max_events);
        assert!(self.byte_count() <= self.limits.max_bytes || self.event_count() == 1);
    }

    /// Notes that a topic is heard of.
    fn learn(&mut self, topic: usize) {
        let newest_dropped = self.forgotten;
        self.known[topic].get_or_insert(Known {
            newest_dropped,
            is_trimmed: false,
        });
    }

    /// Forgets a topic that has neither events nor readers.
    fn forget(&mut self, topic: usize) {
        let mut readers = self.readers.iter();
        let is_read = readers.any(|reader| reader.topics.contains(&topic));
        if self.oldest(topic).is_some() || is_read || self.is_closed(topic) {
            return;
        }
        if let Some(known) = self.known[topic].take() {
            self.forgotten = self.forgotten.max(known.newest_dropped);
        }
    }

    fn newest_dropped(&self, topic: usize) -> EventId {
        self.known[topic].map_or(LOWEST, |known| known.newest_dropped)
    }

    /// Returns whether a reader has missed events of a topic and was not told.
    fn has_lost(&self, reader: &Reader, topic: usize) -> bool {
        let dropped = self.newest_dropped(topic);
        dropped > reader.last && dropped > reader.told
    }

    /// Returns an event that a reader was to get before `last`, and that no log has any more.
    fn lost_before(&self, reader: &Reader, last: EventId) -> Option<EventId> {
        let lost = self.events.iter().find(|event| {
            let is_between = reader.after.max(reader.told) < event.id && event.id < last;
            let is_wanted = event.key.is_some() || event.id >= reader.unkeyed_from;
            let is_dropped = reader.topics.iter().any(|topic| event.dropped[*topic]);
            let is_held = reader.topics.iter().any(|topic| event.held[*topic]);
            is_between && is_wanted && is_dropped && !is_held
        });
        lost.map(|event| event.id)
    }

    /// Returns whether what a reader has to read next of a topic may soon be dropped.
    fn is_late(&self, reader: &Reader, topic: usize) -> bool {
        let next = self.held_by(topic).find(|event| event.id > reader.after);
        let Some(next) = next.filter(|event| event.key.is_none()) else {
            return false;
        };
        let events = self.events.iter().filter(|event| event.topics[topic]);
        let later = events.filter(|event| event.id > next.id && event.key.is_none());
        let lengths: Vec<_> = later.map(|event| event.bytes.len()).collect();
        let most = self.limits.max_events_per_topic.unwrap_or(usize::MAX);
        let most = most.min(self.limits.max_events);
        let is_trimmed = self.known[topic].is_some_and(|known| known.is_trimmed);
        let bytes = lengths.iter().sum::<usize>();
        lengths.len() >= most.div_ceil(2).max(1)
            || bytes >= self.limits.max_bytes.div_ceil(2).max(1)
            || is_trimmed && !lengths.is_empty() && 2 * lengths.len() >= self.held_by(topic).count()
    }

    /// Returns the index of the event that a reader has to read next.
    fn next(&self, reader: &Reader) -> Option<usize> {
        let is_next = |event: &Published| {
            event.id > reader.after
                && reader.topics.iter().any(|topic| event.held[*topic])
                && (event.key.is_some() || event.id >= reader.unkeyed_from)
        };
        self.events.iter().position(is_next)
    }

    fn has_room(&self, topics: &[usize], len: usize, key_len: usize) -> bool {
        let names = topics.iter().map(|topic| match self.oldest(*topic) {
            Some(_) => key_len,
            None => key_len + NAMES[*topic].len(),
        });
        self.event_count() < self.limits.max_events
            && self.byte_count() + len + names.sum::<usize>() <= self.limits.max_bytes
    }

    fn held_by(&self, topic: usize) -> impl Iterator<Item = &Published> {
        self.events.iter().filter(move |event| event.held[topic])
    }

    fn oldest(&self, topic: usize) -> Option<EventId> {
        self.held_by(topic).next().map(|event| event.id)
    }

    /// Returns the bytes of the events of a topic and of their keys.
    fn bytes_of(&self, topic: usize) -> usize {
        let bytes = |event: &Published| event.bytes.len() + key_len(event);
        self.held_by(topic).map(bytes).sum()
    }

    fn event_count(&self) -> usize {
        let held = self
            .events
            .iter()
            .filter(|event| event.held.contains(&true));
        held.count()
    }

    fn byte_count(&self) -> usize {
        let held = self
            .events
            .iter()
            .filter(|event| event.held.contains(&true));
        let events: usize = held.map(|event| event.bytes.len()).sum();
        let keys = (0..TOPICS)
            .flat_map(|topic| self.held_by(topic))
            .map(key_len);
        let names = (0..TOPICS).filter(|topic| self.oldest(*topic).is_some());
        events + keys.sum::<usize>() + names.map(|topic| NAMES[topic].len()).sum::<usize>()
    }

    fn newest(&self) -> EventId {
        let newest = self.events.last().map(|event| event.id);
        newest.unwrap_or(EventId::new(self.epoch, 0))
    }

    fn first_epoch(&self) -> u64 {
        let first = self.events.first().map(|event| event.id.epoch());
        first.unwrap_or(self.epoch)
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_origin(Duration::from_secs(self.now))
    }

    fn pick(&self, reader: u8) -> Option<usize> {
        usize::from(reader).checked_rem(self.readers.len())
    }
}

impl Op {
    /// Takes an operation from the front of some bytes; `None` at their end.
    #[allow(dead_code, reason = "the fuzz targets use it")]
    pub(crate) fn parse(bytes: &mut &[u8]) -> Option<Self> {
        let mut next = || {
            let (first, rest) = bytes.split_first()?;
            *bytes = rest;
            Some(*first)
        };
        Some(match next()? % 21 {
            0..=3 => Self::Publish {
                topics: next()?,
                size: match next()? {
                    size @ 0..=249 => size.into(),
                    large => 300 * usize::from(large - 249),
                },
                key: match next()? {
                    key @ 0..=99 => Key::Latest(key),
                    key @ 100..=139 => Key::Removed(key),
                    _ => Key::None,
                },
            },
            4 => Self::Append {
                topic: next()?,
                is_new_epoch: next()? % 4 == 0,
            },
            5 => Self::Pass { seconds: next()? },
            6 => Self::Subscribe {
                topics: next()?,
                start: match next()? {
                    0..=29 => Start::Fresh,
                    30..=49 => Start::Earliest,
                    count @ 50..=89 => Start::Last(count - 50),
                    events @ 90..=199 => Start::Ago(events - 90),
                    events @ 200..=219 => Start::Beyond(events - 200),
                    number @ 220..=239 => Start::OtherEpoch(number - 220),
                    kind => Start::Garbage(kind - 240),
                },
            },
            7 | 8 => Self::Read {
                reader: next()?,
                max_bytes: 8 * usize::from(next()?),
            },
            9 => Self::Unsubscribe { reader: next()? },
            10 | 11 => {
                let byte = next()?;
                Self::Wait {
                    reader: byte / 2,
                    is_anew: byte % 2 == 1,
                }
            }
            12 => Self::Resume { reader: next()? },
            18 => Self::Announce {
                topic: next()?,
                key: next()?,
            },
            19 => Self::Withdraw { announced: next()? },
            13 => Self::Close {
                topic: next()?,
                seconds: next()?,
            },
            14 => Self::EndStreams { topic: next()? },
            15 => Self::End { reader: next()? },
            16 => Self::AddTopics {
                reader: next()?,
                topics: next()?,
            },
            17 => Self::RemoveTopics {
                reader: next()?,
                topics: next()?,
            },
            _ => Self::SubscribeTooMuch {
                names: next()? % 2 == 1,
            },
        })
    }
}

/// Returns the gap that is to be delivered.
fn gap_like(delivery: Option<Delivery>, expected: (GapReason, EventId)) -> Gap {
    match delivery {
        Some(Delivery::Gap(gap)) if (gap.reason, gap.resumes_after) == expected => gap,
        other => panic!("{other:?} instead of a gap: {expected:?}"),
    }
}

fn assert_same(mut tokens: Vec<Token>, waited: impl Iterator<Item = Token>) {
    let mut waited: Vec<_> = waited.collect();
    waited.sort_unstable();
    tokens.sort_unstable();
    assert_eq!(tokens, waited, "who has waited, and nobody else");
}

fn named(bits: u8) -> [bool; TOPICS] {
    core::array::from_fn(|topic| bits >> topic & 1 == 1)
}

fn only(topic: usize) -> [bool; TOPICS] {
    core::array::from_fn(|other| other == topic)
}

fn key_len(event: &Published) -> usize {
    event.key.map_or(0, |key| KEYS[usize::from(key)].len())
}

fn after(id: EventId) -> EventId {
    EventId::new(id.epoch(), id.number() + 1)
}

/// Returns the position before an event.
fn before(id: EventId) -> EventId {
    EventId::new(id.epoch(), id.number() - 1)
}

const OUT: Delivery = Delivery::Ended(SubscriberEnd::TooSlow);
const HIGHEST: EventId = EventId::new(u64::MAX, u64::MAX);
const LOWEST: EventId = EventId::new(0, 0);
const EPOCH: u64 = 0xE5F;
const NAMES: [&str; TOPICS] = ["", "a", "b", "topic", "a\nb"];
const TOPICS: usize = 5;
const KEYS: [&str; 4] = ["", "k", "key", "keys!"];
const HERE: &str = "here";
const GONE: &str = "gone";
const LONGEST: usize = 5;
const TOO_LONG: &str = "topics";
const READERS: usize = 12;
const MAX_CLOSED: usize = 3;
const GARBAGE: [&str; 12] = [
    "",
    "-",
    "e5f",
    "e5f-",
    "E5F-1",
    "0e5f-1",
    "e5f-01",
    "e5f-+1",
    "e5f-1 ",
    "e5f-18446744073709551616",
    "1e5f0000000000000e5f-1",
    "\u{1F600}-\u{664}",
];
