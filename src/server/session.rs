//! One open response.

use alloc::vec::Vec;
use core::time::Duration;

use fastrand::Rng;

use crate::frame::FrameRef;
use crate::time::Timestamp;

/// Keeps one response alive, and ends it.
///
/// It writes into a buffer of the caller's and watches a clock that the caller reads. A comment opens
/// the stream, so that its first byte leaves at once, and another follows whenever nothing was sent
/// for a while: "authors can include a comment line (one starting with a ':' character) every 15
/// seconds or so" (WHATWG HTML, "Authoring notes" of server-sent events).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::server::{Session, SessionConfig, SessionEnd};
/// use ssewire::{Event, Timestamp};
///
/// let at = |seconds| Timestamp::from_origin(Duration::from_secs(seconds));
/// let config = SessionConfig::new()
///     .retry(Duration::from_secs(2))
///     .max_age(Duration::from_secs(60))
///     .jitter_percent(0);
///
/// let mut out = Vec::new();
/// let mut session = Session::open(config, at(0), &mut out);
/// assert_eq!(out, b":\nretry: 2000\n\n");
///
/// out.clear();
/// session.send(at(10), &Event::new("hi"), &mut out);
/// assert_eq!(out, b"data: hi\n\n");
///
/// // Silence until the next comment is due.
/// out.clear();
/// assert_eq!(session.poll_timeout(), Some(at(25)));
/// session.handle_timeout(at(25), &mut out);
/// assert_eq!(out, b":\n\n");
///
/// // Old enough: the client reconnects, perhaps to another server.
/// session.handle_timeout(at(60), &mut out);
/// assert_eq!(session.ended(), Some(SessionEnd::MaxAge));
/// assert_eq!(session.poll_timeout(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Session {
    keep_alive: Option<Duration>,
    write_timeout: Option<Duration>,
    transport: Transport,
    state: State,
}

/// Outlasts the end: what was sent before still has to leave.
#[derive(Clone, Copy, Debug)]
enum Transport {
    TakesBytes,
    Blocked {
        /// When a peer that does not read has had time enough.
        until: Option<Timestamp>,
    },
}

#[derive(Clone, Copy, Debug)]
enum State {
    Open {
        /// When a comment is due.
        silent_until: Option<Timestamp>,
        /// When it is old enough.
        ends: Option<Timestamp>,
    },
    Ended(SessionEnd),
}

/// Says why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The caller ended it.
    Caller,
    /// It reached its age.
    MaxAge,
    /// The peer read nothing for the write timeout; this may come after another end.
    Stalled,
}

impl Session {
    /// Opens a session: writes the comment, and the reconnection time if there is one, that are the
    /// first to leave.
    pub fn open(config: SessionConfig, now: Timestamp, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(b":\n");
        match config.retry {
            Some(time) => FrameRef::Retry(time).encode(out),
            None => out.push(b'\n'),
        }
        Self {
            keep_alive: config.keep_alive,
            write_timeout: config.write_timeout,
            transport: Transport::TakesBytes,
            state: State::Open {
                silent_until: config.keep_alive.map(|time| now + time),
                ends: config.age().map(|age| now + age),
            },
        }
    }

    /// Writes a frame; nothing once the session has ended. Returns whether it did.
    pub fn send<'f>(
        &mut self,
        now: Timestamp,
        frame: impl Into<FrameRef<'f>>,
        out: &mut Vec<u8>,
    ) -> bool {
        let is_open = self.handle_sent(now);
        if is_open {
            frame.into().encode(out);
        }
        is_open
    }

    /// Notes that something else was sent, for instance frames that were encoded before. Returns
    /// whether the session is open.
    pub fn handle_sent(&mut self, now: Timestamp) -> bool {
        match &mut self.state {
            State::Open { silent_until, .. } => {
                *silent_until = self.keep_alive.map(|time| now + time);
                true
            }
            State::Ended(_) => false,
        }
    }

    /// Notes that the transport takes no more bytes for now: from the first such call until
    /// [`handle_unblocked`](Self::handle_unblocked) the write timeout runs, even if the session ends
    /// meanwhile.
    pub fn handle_blocked(&mut self, now: Timestamp) {
        let is_new = matches!(self.transport, Transport::TakesBytes);
        if is_new && self.ended() != Some(SessionEnd::Stalled) {
            let until = self.write_timeout.map(|time| now + time);
            self.transport = Transport::Blocked { until };
        }
    }

    /// Notes that the transport has taken bytes.
    pub fn handle_unblocked(&mut self) {
        self.transport = Transport::TakesBytes;
    }

    /// Takes the time, when that of [`poll_timeout`](Self::poll_timeout) has come: writes a comment,
    /// or ends the session.
    pub fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        let is_due = |deadline: &Option<Timestamp>| deadline.is_some_and(|at| at <= now);
        if is_due(&self.stalled()) {
            self.transport = Transport::TakesBytes;
            self.state = State::Ended(SessionEnd::Stalled);
        }
        let State::Open { silent_until, ends } = &mut self.state else {
            return;
        };
        if is_due(ends) {
            self.state = State::Ended(SessionEnd::MaxAge);
        } else if is_due(silent_until) {
            *silent_until = self.keep_alive.map(|time| now + time);
            // What waits for a peer that does not read is no silence.
            if matches!(self.transport, Transport::TakesBytes) {
                out.extend_from_slice(b":\n\n");
            }
        }
    }

    /// Ends the session, unless it has ended.
    pub fn end(&mut self) {
        if let State::Open { .. } = self.state {
            self.state = State::Ended(SessionEnd::Caller);
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) if nothing is sent before;
    /// `None` for never.
    #[must_use = "a timer that is not set leaves the session silent"]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let (silent_until, ends) = match self.state {
            State::Open { silent_until, ends } => (silent_until, ends),
            State::Ended(_) => (None, None),
        };
        let all = [silent_until, ends, self.stalled()];
        all.into_iter().flatten().min()
    }

    /// Returns why the session is over; `None` while it is open.
    pub fn ended(&self) -> Option<SessionEnd> {
        match self.state {
            State::Open { .. } => None,
            State::Ended(end) => Some(end),
        }
    }

    fn stalled(&self) -> Option<Timestamp> {
        match self.transport {
            Transport::TakesBytes => None,
            Transport::Blocked { until } => until,
        }
    }
}

/// Configures a [`Session`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    keep_alive: Option<Duration>,
    retry: Option<Duration>,
    max_age: Option<Duration>,
    write_timeout: Option<Duration>,
    jitter_percent: u8,
    jitter_seed: Option<u64>,
}

impl SessionConfig {
    /// Makes the default configuration.
    pub const fn new() -> Self {
        Self {
            keep_alive: Some(Duration::from_secs(15)),
            retry: None,
            max_age: None,
            write_timeout: Some(Duration::from_secs(30)),
            jitter_percent: 10,
            jitter_seed: None,
        }
    }

    /// Sets after how much silence a comment is sent; 15 seconds by default, `None` for never. A time
    /// of zero, which would be comments without end, is never too.
    pub fn keep_alive(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.keep_alive = time.into().filter(|time| !time.is_zero());
        self
    }

    /// Sets the reconnection time that the session opens with; by default there is none, and the
    /// client has its own.
    pub fn retry(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.retry = time.into();
        self
    }

    /// Sets after what time the session ends, so that its client connects anew: to a server that
    /// was added meanwhile, or with credentials that are checked again. Never, by default.
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.max_age = age.into();
        self
    }

    /// Sets for how long a peer may take no bytes although there are some; 30 seconds by default,
    /// `None` for ever.
    pub fn write_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.write_timeout = time.into();
        self
    }

    /// Sets by how much the age may fall short by chance, in percent; 10 by default, at most 100.
    /// It keeps clients that came together from coming back together.
    pub const fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = if percent < 100 { percent } else { 100 };
        self
    }

    /// Seeds that chance; sessions with equal seeds last equally long. The core has no randomness and
    /// uses 0 if this is not called; the adapters then draw a seed.
    pub const fn jitter_seed(mut self, seed: u64) -> Self {
        self.jitter_seed = Some(seed);
        self
    }

    /// Returns whether [`jitter_seed`](Self::jitter_seed) was called.
    pub const fn has_jitter_seed(&self) -> bool {
        self.jitter_seed.is_some()
    }

    fn age(&self) -> Option<Duration> {
        let age = self.max_age?;
        let spread = age / 100 * u32::from(self.jitter_percent);
        let nanoseconds = u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX);
        let less = Rng::with_seed(self.jitter_seed.unwrap_or_default()).u64(0..=nanoseconds);
        Some(age.saturating_sub(Duration::from_nanos(less)))
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::new()
    }
}
