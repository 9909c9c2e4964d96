//! Observations of a hub, for metrics and logs.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::time::Duration;

use super::{Hub, State};
use crate::Timestamp;
use crate::server::{EventId, Failure, GapReason, LastRead, SessionEnd, SubscriberEnd};

/// Something that happens in a hub, as [`Hub::observe`] reports it.
///
/// A stream is a [`Subscription`](super::Subscription). Its number is unique in its hub.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use ssewire::hub::{Observation, StreamEnd};
/// use ssewire::{Event, Hub};
///
/// let hub = Hub::new();
/// let (sender, seen) = mpsc::channel();
/// hub.observe(move |observation| {
///     let _ = sender.send(format!("{observation:?}"));
/// });
///
/// let subscription = hub.subscribe("news", None)?;
/// hub.publish("news", Event::new("hello"));
/// drop(subscription);
/// let seen: Vec<_> = seen.try_iter().collect();
/// assert_eq!(seen[0], r#"Opened { stream: 1, topics: ["news"] }"#);
/// assert!(seen[1].starts_with("Published"));
/// assert!(seen[2].starts_with("Ended { stream: 1, end: Left"));
/// # Ok::<(), ssewire::server::Refused>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// A stream was opened.
    #[non_exhaustive]
    Opened {
        /// The number of the stream.
        stream: u64,
        /// The names of its topics.
        topics: &'a [String],
    },
    /// A stream has ended.
    #[non_exhaustive]
    Ended {
        /// The number of the stream.
        stream: u64,
        /// Why it has ended.
        end: StreamEnd,
        /// For how long it was open.
        age: Duration,
        /// How many events it got in all.
        events: u64,
        /// How many bytes these events have.
        bytes: u64,
    },
    /// A stream got events, which are about to be written.
    #[non_exhaustive]
    Sent {
        /// The number of the stream.
        stream: u64,
        /// How many events there are.
        events: u64,
        /// How many bytes they have.
        bytes: usize,
        /// Whether they are a part of its replay.
        is_replay: bool,
        /// The time since the first of them was published.
        lag: Duration,
    },
    /// A stream got notice that events may be missing.
    #[non_exhaustive]
    Gap {
        /// The number of the stream.
        stream: u64,
        /// Why they may be missing.
        reason: GapReason,
    },
    /// An event was published. The events of a [`Presence`](crate::server::Presence) are not
    /// reported.
    #[non_exhaustive]
    Published {
        /// Its ID.
        id: EventId,
    },
    /// Events were dropped from the log. They are reported with the next publication.
    #[non_exhaustive]
    Dropped {
        /// How many were dropped to make room.
        for_room: u64,
        /// How many were dropped because of their age.
        for_age: u64,
    },
    /// The link of a hub to a log that it shares with other machines has changed.
    #[non_exhaustive]
    Relayed {
        /// How many publications wait to be in the log.
        waiting: usize,
        /// Whether the newest events may be missing here.
        is_stale: bool,
    },
    /// An attempt to reach the log that a hub shares with other machines has failed. There will be
    /// another.
    #[non_exhaustive]
    RelayFailed {
        /// Why it failed.
        failure: Failure,
        /// What that says in full, for instance the words of the server.
        message: &'a str,
    },
}

/// The reason why a stream has ended.
///
/// # Examples
///
/// ```
/// use ssewire::hub::StreamEnd;
/// use ssewire::server::SessionEnd;
///
/// assert_eq!(StreamEnd::Left.as_str(), "left");
/// assert_eq!(StreamEnd::Session(SessionEnd::MaxAge).as_str(), "max-age");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamEnd {
    /// It was dropped, most often because its client has left.
    Left,
    /// Its session has ended.
    Session(SessionEnd),
    /// The hub has ended it.
    Hub(SubscriberEnd),
    /// The hub is shut down.
    Shutdown,
}

impl StreamEnd {
    /// Returns the end as a word, for instance for the label of a metric.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Session(end) => end.as_str(),
            Self::Hub(end) => end.as_str(),
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Hub {
    /// Calls `observer` with everything that happens in the hub from now on. Streams that are open
    /// already are not observed.
    ///
    /// Each call adds an observer, which stays until the hub is dropped. An observer is called on
    /// the thread on which something happens, while no lock of the hub is held. Several threads may
    /// call it at once. Publishing and reading wait for it, so it should be fast. Without
    /// observers, publishing costs nothing extra.
    ///
    /// With the features `tracing` and `metrics`, `Hub::trace` and `Hub::record_metrics` add
    /// ready-made observers.
    pub fn observe(&self, observer: impl Fn(&Observation<'_>) + Send + Sync + 'static) {
        let mut state = self.0.lock();
        let earlier = state.observers.iter().flat_map(|all| all.iter().cloned());
        let mut all: Vec<Observer> = earlier.collect();
        all.push(Arc::new(observer));
        state.observers = Some(all.into());
        state.told = state.topics.stats();
    }
}

type Observer = Arc<dyn Fn(&Observation<'_>) + Send + Sync>;

/// All observers of a hub.
pub(super) type Observers = Arc<[Observer]>;

/// A stream that is observed.
pub(super) struct Observed {
    observers: Observers,
    pub(super) stream: u64,
    opened_at: Timestamp,
    events: u64,
    bytes: u64,
    pub(super) end: StreamEnd,
}

/// A publication that is to be reported.
pub(super) struct Published {
    observers: Observers,
    id: Option<EventId>,
    for_room: u64,
    for_age: u64,
}

pub(super) fn tell(observers: &Observers, observation: &Observation<'_>) {
    for observer in observers.iter() {
        observer(observation);
    }
}

impl Observed {
    pub(super) const fn new(observers: Observers, stream: u64, opened_at: Timestamp) -> Self {
        Self {
            observers,
            stream,
            opened_at,
            events: 0,
            bytes: 0,
            end: StreamEnd::Left,
        }
    }

    pub(super) fn tell_opened(&self, topics: &[String]) {
        let stream = self.stream;
        tell(&self.observers, &Observation::Opened { stream, topics });
    }

    pub(super) fn tell_sent(&mut self, now: Timestamp, read: LastRead, events: u64, bytes: usize) {
        self.events += events;
        self.bytes += bytes as u64;
        let sent = Observation::Sent {
            stream: self.stream,
            events,
            bytes,
            is_replay: read.is_replay,
            lag: now - read.published_at,
        };
        tell(&self.observers, &sent);
    }

    pub(super) fn tell_gap(&self, reason: GapReason) {
        let stream = self.stream;
        tell(&self.observers, &Observation::Gap { stream, reason });
    }

    pub(super) fn tell_ended(self, now: Timestamp) {
        let ended = Observation::Ended {
            stream: self.stream,
            end: self.end,
            age: now - self.opened_at,
            events: self.events,
            bytes: self.bytes,
        };
        tell(&self.observers, &ended);
    }
}

impl Published {
    /// Notes a publication, if there are observers. The lock is held.
    #[inline]
    pub(super) fn note(state: &mut State, id: Option<EventId>) -> Option<Self> {
        let observers = state.observers.clone()?;
        let stats = state.topics.stats();
        let told = mem::replace(&mut state.told, stats);
        Some(Self {
            observers,
            id,
            for_room: stats.dropped - told.dropped,
            for_age: stats.expired - told.expired,
        })
    }

    /// Calls the observers, after the lock was released.
    pub(super) fn tell(self) {
        let Self {
            observers,
            id,
            for_room,
            for_age,
        } = self;
        if let Some(id) = id {
            tell(&observers, &Observation::Published { id });
        }
        if for_room + for_age > 0 {
            tell(&observers, &Observation::Dropped { for_room, for_age });
        }
    }
}
