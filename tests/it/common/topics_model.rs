//! The topics told as simply as can be: every event ever, with its topic, and for each reader how far
//! it has been told. Each operation is done on both, and both must answer alike.
#![allow(
    clippy::indexing_slicing,
    reason = "a model may panic: that is its word"
)]

use ssewire::server::{
    Delivery, EventId, Gap, GapReason, Refused, SlowReader, Subscriber, Topics, TopicsConfig,
    TopicsStats,
};
use ssewire::{Event, EventRef};

/// Something that is done to the topics. Numbers that name nothing are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// An event with this much data.
    Publish {
        topic: u8,
        size: usize,
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
    /// A subscription of too many topics, or of one whose name is too long.
    SubscribeTooMuch {
        names: bool,
    },
}

/// The last event ID of a subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Fresh,
    /// This many events ago, if there were so many.
    Ago(u8),
    /// This many events that were not published yet.
    Future(u8),
    OtherEpoch(u8),
    Garbage(u8),
}

/// What a reader is woken by: another one at each wait.
type Token = u64;

/// The topics and what they should be.
pub(crate) struct Model {
    topics: Topics<Token>,
    max_events: usize,
    max_bytes: usize,
    slow_reader: SlowReader,
    /// All events ever: the one with the number 1 is the first.
    events: Vec<Published>,
    /// How many of them, from the first on, are not in the log any more.
    evicted: usize,
    /// The newest event of which the log can know nothing, because its topic is forgotten.
    forgotten: u64,
    /// What was forgotten when the topic was last heard of anew; `None` for one that is forgotten.
    known: [Option<u64>; TOPICS],
    readers: Vec<Reader>,
    last_token: Token,
    stats: TopicsStats,
}

struct Published {
    topic: usize,
    bytes: Vec<u8>,
}

struct Reader {
    subscriber: Subscriber,
    topics: Vec<usize>,
    /// Up to this event the topics owe it none.
    read_to: u64,
    /// Up to this event it was given each one, or told that there is a gap.
    accounted: u64,
    /// The last ID that its client has seen.
    last_id: Option<String>,
    gap: Option<(GapReason, EventId)>,
    is_out: bool,
    has_caught_up: bool,
    /// What it is to be named by, if it waits.
    waits: Option<Token>,
}

impl Model {
    pub(crate) fn new(max_events: usize, max_bytes: usize, slow_reader: SlowReader) -> Self {
        let config = TopicsConfig::new()
            .max_events(max_events)
            .max_bytes(max_bytes)
            .max_topic_name_bytes(LONGEST)
            .max_topics_per_subscriber(TOPICS)
            .slow_reader(slow_reader);
        Self {
            topics: Topics::new(config, EPOCH),
            max_events: max_events.max(1),
            max_bytes,
            slow_reader,
            events: Vec::new(),
            evicted: 0,
            forgotten: 0,
            known: [None; TOPICS],
            readers: Vec::new(),
            last_token: 0,
            stats: TopicsStats::default(),
        }
    }

    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Publish { topic, size } => self.publish(usize::from(topic) % TOPICS, size),
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
                    self.subscribe(topics, last_id.as_deref());
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
        assert!(self.topics.topic_count() <= self.topics.event_count());
    }

    fn publish(&mut self, topic: usize, size: usize) {
        let number = self.events.len() as u64 + 1;
        let data = "x".repeat(size);
        let id = self.topics.publish(NAMES[topic], EventRef::new(&data));
        assert_eq!(
            (id.epoch(), id.number()),
            (EPOCH, number),
            "ids in sequence"
        );
        let event = Event::new(data).with_id(id.to_string()).expect("an ID");
        self.events.push(Published {
            topic,
            bytes: event.to_bytes().to_vec(),
        });
        self.learn(topic);
        while self.events.len() - self.evicted > 1
            && (self.events.len() - self.evicted > self.max_events || self.held() > self.max_bytes)
        {
            self.evicted += 1;
            self.forget(self.events[self.evicted - 1].topic);
        }
        let readers = self.readers.iter_mut();
        let readers = readers.filter(|reader| reader.topics.contains(&topic));
        let waited = readers.filter_map(|reader| reader.waits.take());
        assert_same(self.topics.take_ready(), waited);
    }

    fn subscribe_too_much(&mut self, names: bool) {
        let refused = match names {
            true => {
                let names = (0..=TOPICS).map(|name| name.to_string());
                self.topics.subscribe(names, None)
            }
            false => self.topics.subscribe([NAMES[1], TOO_LONG], None),
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
        let newest = self.events.len() as u64;
        let id = match start {
            Start::Fresh => None,
            Start::Ago(events) => Some(format!(
                "{EPOCH:x}-{}",
                newest.saturating_sub(events.into())
            )),
            Start::Future(events) => Some(format!("{EPOCH:x}-{}", newest + 1 + u64::from(events))),
            Start::OtherEpoch(number) => Some(format!("{:x}-{number}", EPOCH ^ 1)),
            Start::Garbage(kind) => Some(GARBAGE[usize::from(kind) % GARBAGE.len()].to_owned()),
        };
        self.subscribe(topics, id.as_deref());
    }

    fn subscribe(&mut self, topics: Vec<usize>, last_id: Option<&str>) {
        let newest = self.events.len() as u64;
        let number = last_id.and_then(|id| id.strip_prefix(OWN)?.parse::<u64>().ok());
        let (behind, mut reason) = match (last_id, number) {
            (None, _) => (newest, None),
            (Some(id), _) if GARBAGE.contains(&id) => (0, Some(GapReason::Unknown)),
            (Some(_), None) => (0, Some(GapReason::OtherEpoch)),
            (Some(_), Some(number)) if number > newest => (0, Some(GapReason::Unknown)),
            (Some(_), Some(number)) => (number, None),
        };
        let mut resumes_after = 0;
        for &topic in &topics {
            self.learn(topic);
            // What is lost for sure, and what could be for all that the log knows.
            let dropped = self.dropped(topic).max(self.known[topic].unwrap_or(0));
            if dropped > behind {
                resumes_after = resumes_after.max(dropped);
                reason = reason.or(Some(GapReason::TooOld));
            }
        }
        let named = topics
            .iter()
            .chain(topics.first())
            .map(|topic| NAMES[*topic]);
        let subscriber = self.topics.subscribe(named, last_id).expect("few topics");
        let is_same = self
            .topics
            .topics_of(&subscriber)
            .eq(topics.iter().map(|topic| NAMES[*topic]));
        assert!(is_same, "each topic once, in order");
        self.stats.gaps += u64::from(reason.is_some());
        let read_to = behind.max(self.evicted as u64);
        let mut unread = self.events.iter().skip(read_to as usize);
        self.readers.push(Reader {
            subscriber,
            has_caught_up: !unread.any(|event| topics.contains(&event.topic)),
            topics,
            read_to,
            accounted: behind,
            last_id: last_id.map(str::to_owned),
            gap: reason.map(|reason| (reason, own_id(resumes_after))),
            is_out: false,
            waits: None,
        });
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
        let has_something =
            reader.is_out || reader.gap.is_some() || self.unread(reader).next().is_some();
        let reader = &mut self.readers[index];
        let waits = self.topics.wait(&mut reader.subscriber, &token);
        assert_eq!(waits, !has_something);
        if waits {
            reader.waits.get_or_insert(token);
        }
    }

    fn stop_waiting(&mut self, index: usize) {
        let reader = &mut self.readers[index];
        let token = self.topics.stop_waiting(&mut reader.subscriber);
        assert_eq!(token, reader.waits.take());
    }

    /// Reads once, and returns whether there may be more.
    fn read(&mut self, index: usize, max_bytes: usize) -> bool {
        let newest = self.events.len() as u64;
        let reader = &self.readers[index];
        let next = self.unread(reader).next();
        let is_slow = next.is_some_and(|number| {
            number <= self.evicted as u64 || reader.has_caught_up && self.is_soon_evicted(number)
        });
        let reader = &mut self.readers[index];
        let delivery = self.topics.poll_delivery(&mut reader.subscriber, max_bytes);
        if reader.is_out {
            assert_eq!(delivery, Some(Delivery::Disconnected), "once and for all");
            return false;
        }
        if let Some(expected) = reader.gap {
            let gap = gap_like(delivery, expected);
            self.tell(index, gap);
            return true;
        }
        if is_slow {
            match self.slow_reader {
                SlowReader::SkipToLive => {
                    let gap = gap_like(delivery, (GapReason::Lagged, own_id(newest)));
                    self.stats.skipped += 1;
                    self.tell(index, gap);
                    self.readers[index].read_to = newest;
                    self.readers[index].has_caught_up = true;
                    return true;
                }
                _ => {
                    assert_eq!(delivery, Some(Delivery::Disconnected));
                    self.stats.disconnected += 1;
                    self.readers[index].is_out = true;
                    return false;
                }
            }
        }
        match delivery {
            None => {
                assert_eq!(next, None, "there is something to read");
                self.readers[index].has_caught_up = true;
                false
            }
            Some(Delivery::Events(events)) => {
                self.check_events(index, events.as_bytes(), max_bytes);
                true
            }
            Some(delivery) => panic!("{delivery:?} for no reason"),
        }
    }

    /// Checks that these are the next events, byte for byte, and notes that they are read.
    fn check_events(&mut self, index: usize, bytes: &[u8], max_bytes: usize) {
        let reader = &self.readers[index];
        let mut rest = bytes;
        let mut count = 0;
        let mut last = reader.accounted;
        // By what its client was told, not by what the topics owe.
        for number in self.events_behind(reader, reader.accounted) {
            if rest.is_empty() {
                break;
            }
            let event = &self.events[number as usize - 1].bytes;
            rest = rest.strip_prefix(event.as_slice()).unwrap_or_else(|| {
                panic!("{number} was to come: {:?}", String::from_utf8_lossy(rest))
            });
            count += 1;
            last = number;
        }
        assert!(
            rest.is_empty(),
            "too much: {:?}",
            String::from_utf8_lossy(rest)
        );
        assert!(count > 0, "nothing is no delivery");
        assert!(
            count == 1 || bytes.len() <= max_bytes,
            "{} bytes instead of {max_bytes}",
            bytes.len()
        );
        let reader = &mut self.readers[index];
        reader.read_to = last;
        reader.accounted = last;
        reader.last_id = Some(own_id(last).to_string());
        let has_more = self.unread(&self.readers[index]).next().is_some();
        self.readers[index].has_caught_up |= !has_more;
    }

    /// Notes that a reader was told a gap.
    fn tell(&mut self, index: usize, gap: Gap) {
        let event = gap.to_event();
        assert_eq!(
            (event.event_type(), event.data()),
            ("gap", gap.reason.as_str())
        );
        let evicted = self.evicted as u64;
        let reader = &mut self.readers[index];
        assert!(
            gap.reason == GapReason::Lagged || gap.resumes_after.number() <= evicted,
            "told more than is lost"
        );
        reader.gap = None;
        reader.accounted = reader.accounted.max(gap.resumes_after.number());
        reader.last_id = event.id().map(str::to_owned);
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
        let known = self.known.iter().flatten().count();
        assert_eq!(self.topics.topic_count(), known);
        assert_eq!(self.topics.event_count(), self.events.len() - self.evicted);
        assert_eq!(self.topics.byte_count(), self.held());
        assert_eq!(self.topics.stats(), self.stats);
        assert!(self.topics.event_count() <= self.max_events);
        assert!(self.topics.byte_count() <= self.max_bytes || self.topics.event_count() == 1);
    }

    /// Notes that a topic is heard of.
    fn learn(&mut self, topic: usize) {
        self.known[topic].get_or_insert(self.forgotten);
    }

    /// Forgets a topic that has neither events nor readers.
    fn forget(&mut self, topic: usize) {
        let is_held = self.events[self.evicted..]
            .iter()
            .any(|event| event.topic == topic);
        let is_read = self
            .readers
            .iter()
            .any(|reader| reader.topics.contains(&topic));
        if is_held || is_read {
            return;
        }
        if let Some(known) = self.known[topic].take() {
            self.forgotten = self.forgotten.max(known).max(self.dropped(topic));
        }
    }

    /// Returns the newest event of a topic that is not in the log any more.
    fn dropped(&self, topic: usize) -> u64 {
        let evicted = &self.events[..self.evicted];
        let place = evicted.iter().rposition(|event| event.topic == topic);
        place.map_or(0, |place| place as u64 + 1)
    }

    /// Returns whether half of what the log may hold was published behind an event.
    fn is_soon_evicted(&self, number: u64) -> bool {
        let newer = &self.events[number as usize..];
        let bytes: usize = newer.iter().map(|event| event.bytes.len()).sum();
        !newer.is_empty() && (2 * newer.len() >= self.max_events || 2 * bytes >= self.max_bytes)
    }

    fn held(&self) -> usize {
        let held = &self.events[self.evicted..];
        let is_held = |topic: &usize| held.iter().any(|event| event.topic == *topic);
        let names = (0..TOPICS).filter(is_held).map(|topic| NAMES[topic].len());
        held.iter().map(|event| event.bytes.len()).sum::<usize>() + names.sum::<usize>()
    }

    fn unread(&self, reader: &Reader) -> impl Iterator<Item = u64> {
        self.events_behind(reader, reader.read_to)
    }

    fn events_behind(&self, reader: &Reader, number: u64) -> impl Iterator<Item = u64> {
        let events = self.events.iter().enumerate().skip(number as usize);
        events.filter_map(|(index, event)| {
            reader
                .topics
                .contains(&event.topic)
                .then_some(index as u64 + 1)
        })
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
        Some(match next()? % 10 {
            0..=2 => Self::Publish {
                topic: next()?,
                size: match next()? {
                    size @ 0..=249 => size.into(),
                    large => 300 * usize::from(large - 249),
                },
            },
            3 => Self::Subscribe {
                topics: next()?,
                start: match next()? {
                    0..=39 => Start::Fresh,
                    events @ 40..=199 => Start::Ago(events - 40),
                    events @ 200..=219 => Start::Future(events - 200),
                    number @ 220..=239 => Start::OtherEpoch(number - 220),
                    kind => Start::Garbage(kind - 240),
                },
            },
            4 | 5 => Self::Read {
                reader: next()?,
                max_bytes: 8 * usize::from(next()?),
            },
            6 => Self::Unsubscribe { reader: next()? },
            7 => {
                let byte = next()?;
                Self::Wait {
                    reader: byte / 2,
                    is_anew: byte % 2 == 1,
                }
            }
            8 => Self::Resume { reader: next()? },
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

/// Reads an ID of the topics' own.
fn own_id(number: u64) -> EventId {
    format!("{OWN}{number}").parse().expect("an ID")
}

const EPOCH: u64 = 0xE5F;
const OWN: &str = "e5f-";
const NAMES: [&str; TOPICS] = ["", "a", "b", "topic", "a\nb"];
const TOPICS: usize = 5;
const LONGEST: usize = 5;
const TOO_LONG: &str = "topics";
const READERS: usize = 12;
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
