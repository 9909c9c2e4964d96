//! A log that many machines share, through a server that keeps it.
//!
//! A [`Relay`] takes the place of the publisher of [`Topics`]. What is published on one machine goes
//! to the log, comes back from there on all machines, and has one ID and one place in one order.
//! The log is a stream of Redis, or of a server like it. It may lose its newest entries when its
//! server fails, or be lost whole, and a relay then tells its subscribers so.
//!
//! `state.rs` has the diagram of the states.

mod action;
mod config;
mod entry;
mod outbox;
mod presence;
mod reading;
mod state;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use fastrand::Rng;

use self::outbox::Outbox;
use self::presence::Announcements;
use self::state::{Publisher, Reader};
use crate::server::event_id::EventId;
use crate::server::publish_error::PublishError;
use crate::server::topics::Topics;
use crate::time::Timestamp;

pub use self::action::{
    Action, Append, Appended, Beat, Failure, Join, Link, Origin, Request, Response, Run, Stored,
};
pub use self::config::RelayConfig;
pub use self::entry::{Entry, Kind};
pub use self::presence::Change;

/// The part of one machine in a log that many machines share.
///
/// It belongs to [`Topics`] that [follow](Topics::following) it, which each method takes. Facts
/// enter with the `handle` methods. After each of them, and after
/// [`publish`](Self::publish), call these until they return `None`, in this order:
///
/// 1. [`poll_action`](Self::poll_action), and do what it asks.
/// 2. [`poll_outcome`](Self::poll_outcome), and report it to the publisher.
/// 3. [`poll_timeout`](Self::poll_timeout), once, and call
///    [`handle_timeout`](Self::handle_timeout) at that time.
///
/// Then wake the subscribers that [`Topics::take_ready`] returns.
///
/// Input that no longer fits the state, such as a response on a connection that was given up, is
/// ignored.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Action, Link, Relay, RelayConfig, Topics, TopicsConfig};
/// use ssewire::Timestamp;
///
/// let now = Timestamp::default();
/// let mut topics = Topics::<u32>::following(TopicsConfig::new());
/// let mut relay = Relay::new(RelayConfig::new(), 7);
/// assert_eq!(relay.poll_action(now), Some(Action::Connect(Link::Publisher)));
/// assert!(!topics.is_loaded());
/// ```
#[derive(Debug)]
pub struct Relay {
    config: RelayConfig,
    rng: Rng,
    /// This machine, in this life of its process.
    node: u64,
    newest_number: u64,
    publisher: Publisher,
    reader: Reader,
    /// When the response on each connection, or the connection itself, is overdue.
    publisher_due: Option<Timestamp>,
    reader_due: Option<Timestamp>,
    actions: VecDeque<Action>,
    outbox: Outbox,
    /// How many times in a row the connections failed.
    failures: u32,
    /// Why the last of them failed.
    failure: Option<Failure>,
    /// Before this, no connection is opened.
    retry_at: Timestamp,
    /// The log as the last join found it.
    joined: Option<Joined>,
    /// The ID of the newest entry that was read.
    tip: Option<EventId>,
    /// The position before the first entry that was read.
    base: EventId,
    /// A load begins after this ID at the earliest, since the log lacks entries there.
    loads_after: EventId,
    /// The newest epoch that was seen.
    floor: u64,
    /// Whether the next join opens an epoch in any case.
    opens_epoch: bool,
    /// The ID that must be read before entries are sent again.
    resolve: Option<EventId>,
    /// Whether the reader may have missed an entry that was sent.
    has_hole: bool,
    /// An entry that is known to be in the log and was not read, and since when nothing was.
    unread: Option<(EventId, Timestamp)>,
    /// When the log was last asked for its newest ID.
    probed_at: Timestamp,
    /// Since when the server refuses entries for want of replicas.
    lonely_since: Option<Timestamp>,
    /// The size of a large entry that was read not long ago.
    large: usize,
    stale_since: Option<Timestamp>,
    /// Whether the log was loaded once. Before that nothing is appended, so that a subscriber that is
    /// there already gets what is published.
    was_loaded: bool,
    is_closed: bool,
    announcements: Announcements,
    /// The topics whose streams were ended, each with the time until which a lost log would undo that.
    ended: Vec<(String, Timestamp)>,
}

#[derive(Clone, Debug)]
struct Joined {
    generation: u64,
    epoch: u64,
    server: String,
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The number that [`Relay::publish`] returned.
    pub number: u64,
    /// The ID of the entry, or why it has none.
    pub result: Result<EventId, PublishError>,
}

/// How a [`Relay`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Since when the newest entries may be missing. `None` if the relay reads the log.
    pub stale_since: Option<Timestamp>,
    /// Why the last attempt to read it failed. `None` if the relay reads the log, or if the first
    /// attempt has not ended.
    pub failure: Option<Failure>,
    /// How many attempts in a row have failed.
    pub failures: u32,
    /// How many publications wait to be in the log.
    pub waiting: usize,
    /// The bytes of these publications.
    pub waiting_bytes: usize,
}

impl Relay {
    /// Creates a relay that has no connection. `seed` is random, and must not be that of another
    /// machine, or of an earlier start of this one.
    pub fn new(config: RelayConfig, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let node = rng.u64(1..);
        Self {
            config,
            rng,
            node,
            newest_number: 0,
            publisher: Publisher::Down,
            reader: Reader::Down,
            publisher_due: None,
            reader_due: None,
            actions: VecDeque::new(),
            outbox: Outbox::default(),
            failures: 0,
            failure: None,
            retry_at: Timestamp::default(),
            joined: None,
            tip: None,
            base: EventId::LOWEST,
            loads_after: EventId::LOWEST,
            floor: 0,
            opens_epoch: false,
            resolve: None,
            has_hole: false,
            unread: None,
            probed_at: Timestamp::default(),
            lonely_since: None,
            large: 0,
            stale_since: Some(Timestamp::default()),
            was_loaded: false,
            is_closed: false,
            announcements: Announcements::default(),
            ended: Vec::new(),
        }
    }

    /// Publishes what an entry tells to all machines. `wall` is the number of milliseconds since
    /// 1970. Returns the number by which [`poll_outcome`](Self::poll_outcome) reports it.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if it is too large, if too much waits already, or if the relay is
    /// [closed](Self::close).
    pub fn publish(&mut self, now: Timestamp, wall: u64, kind: Kind) -> Result<u64, PublishError> {
        let ended = match &kind {
            Kind::End { topic } => Some(topic.clone()),
            _ => None,
        };
        let number = self.enqueue(now, wall, kind)?;
        if let Some(topic) = ended {
            self.ended
                .retain(|(ended, until)| *until > now && *ended != topic);
            if self.ended.len() < MAX_ENDED {
                self.ended.push((topic, now + ENDED_AGAIN));
            }
        }
        Ok(number)
    }

    /// Adds an entry to those that are to be appended.
    fn enqueue(&mut self, now: Timestamp, wall: u64, kind: Kind) -> Result<u64, PublishError> {
        if self.is_closed {
            return Err(PublishError::RelayClosed);
        }
        let number = self.newest_number + 1;
        let entry = Entry {
            sender: self.node,
            number,
            at: wall,
            kind,
        };
        let (bytes, limit) = (entry.byte_count(), self.config.max_entry_bytes);
        if bytes > limit {
            return Err(PublishError::TooLarge { bytes, limit });
        }
        let is_full = self.outbox.len() >= self.config.max_entries
            || self.outbox.byte_count() + bytes > self.config.max_bytes;
        if is_full {
            return Err(PublishError::OutboxFull);
        }
        self.newest_number = number;
        self.outbox.push(entry, bytes, now + self.config.deadline);
        Ok(number)
    }

    /// Returns what to do next, or `None` if there is nothing to do now.
    #[must_use = "the relay waits until it is done"]
    pub fn poll_action(&mut self, now: Timestamp) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        self.next_action(now)
    }

    /// Returns what became of a publication, in no particular order.
    #[must_use = "the publisher waits for it"]
    pub fn poll_outcome(&mut self) -> Option<Outcome> {
        loop {
            let outcome = self.outbox.poll_outcome()?;
            if !self.settle_presence(outcome.number, outcome.result.is_ok()) {
                return Some(outcome);
            }
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), or `None` if there is no need.
    #[must_use = "the relay waits until then"]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let retry = (!self.is_closed && self.is_down()).then_some(self.retry_at);
        let unread = self.unread.map(|(_, since)| since + UNREAD_TIMEOUT);
        let times = [
            retry,
            self.publisher_due,
            self.reader_due,
            self.outbox.next_deadline(),
            unread,
            self.next_beat(),
        ];
        times.into_iter().flatten().min()
    }

    /// Takes the fact that time has passed.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
        self.outbox.expire(now, self.failure);
        let unread = self.unread.map(|(_, since)| since + UNREAD_TIMEOUT);
        if is_due(self.publisher_due) || is_due(self.reader_due) || is_due(unread) {
            self.renew(now, Failure::TimedOut);
        }
    }

    /// Returns how the relay is.
    pub fn health(&self) -> Health {
        Health {
            stale_since: self.stale_since,
            failure: self.failure,
            failures: self.failures,
            waiting: self.outbox.len(),
            waiting_bytes: self.outbox.byte_count(),
        }
    }

    /// Publishes nothing more. What was published before is still sent.
    pub fn refuse_new(&mut self) {
        self.is_closed = true;
    }

    /// Ends the relay. What was not sent is [expired](PublishError::Expired), and of what was sent
    /// without a response, nothing is [known](PublishError::Unknown).
    pub fn close(&mut self) {
        self.is_closed = true;
        self.go_down();
        self.outbox.close();
    }

    /// Returns how many entries to ask for.
    fn read_count(&self) -> usize {
        (READ_BYTES / self.large.max(1)).clamp(1, MAX_READ)
    }

    fn next_entry_wait<T>(&self, topics: &Topics<T>) -> Duration {
        match topics.awaits_tip() {
            true => SHORT_WAIT,
            false => READ_WAIT,
        }
    }
}

/// For this long, the streams of a topic are ended again in each new epoch.
const ENDED_AGAIN: Duration = Duration::from_secs(60);
/// How many topics are remembered for that.
const MAX_ENDED: usize = 1_024;
/// How long the server may take for a response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a read waits for an entry.
const READ_WAIT: Duration = Duration::from_secs(5);
/// The same, while a subscriber waits to know where it is.
const SHORT_WAIT: Duration = Duration::from_millis(100);
/// After this time the log is asked for its newest ID.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// In this time, something has to be read if an entry is in the log that was not.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(10);
/// For this long, a master without replicas is believed to be one.
const LONELY_TIMEOUT: Duration = Duration::from_secs(5);
/// The bytes that one read asks for, as far as the size of an entry can be guessed.
const READ_BYTES: usize = 1 << 20;
const MAX_READ: usize = 128;
/// The most that is appended by one request.
const MAX_APPEND: usize = 512;
const MAX_APPEND_BYTES: usize = 1 << 20;
/// The wait after a second failure, which doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const MAX_RETRY: Duration = Duration::from_secs(2);
