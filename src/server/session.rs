//! One open response.
//!
//! ```text
//!            ┌──────┐   the caller ends it, or its age is due     ┌────────────────────┐
//!  open ───▶ │ Open │ ──────────────────────────────────────────▶ │ Ended              │
//!            └──────┘                                             │ (Caller or MaxAge) │
//!               │                                                 └────────────────────┘
//!               │ the write timeout is due                                   │
//!               │                                    ┌─────────────────┐     │ the same
//!               └──────────────────────────────────▶ │ Ended (Stalled) │ ◀───┘
//!                                                    └─────────────────┘
//! ```

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::frame::FrameRef;
use crate::server::config::SessionConfig;
use crate::server::encoded::Outgoing;
use crate::server::wire::Wire;
use crate::time::Timestamp;

/// An open response, which is kept alive by comments and ends at its maximum age.
///
/// A session writes into the caller's buffer, and the caller reads the clock for it. It opens with a
/// comment, so that the first byte leaves at once, and writes another whenever nothing was sent for a
/// while: "authors can include a comment line (one starting with a ':' character) every 15 seconds or
/// so" (WHATWG HTML, "Authoring notes" of server-sent events). What is between events follows the rules
/// of a [`Wire`].
///
/// Report what happens by [`send`](Self::send), [`pass`](Self::pass),
/// [`handle_sent`](Self::handle_sent), [`handle_blocked`](Self::handle_blocked) and [`handle_unblocked`](Self::handle_unblocked). Call
/// [`handle_timeout`](Self::handle_timeout) at the time that [`poll_timeout`](Self::poll_timeout)
/// returns. After each call write what is in the buffer, and close the response once
/// [`ended`](Self::ended) returns why.
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
/// let mut session = Session::open(at(0), config, 0, &mut out);
/// assert_eq!(out, b":\n");
///
/// // The first event begins with the reconnection time.
/// out.clear();
/// session.send(at(10), &Event::new("hi"), &mut out);
/// assert_eq!(out, b"retry: 2000\ndata: hi\n\n");
///
/// // Nothing is sent until the next comment is due.
/// out.clear();
/// assert_eq!(session.poll_timeout(), Some(at(25)));
/// session.handle_timeout(at(25), &mut out);
/// assert_eq!(out, b":\n");
///
/// // At its maximum age it ends, and the client reconnects, perhaps to another server.
/// session.handle_timeout(at(60), &mut out);
/// assert_eq!(out, b":\n\n");
/// assert_eq!(session.ended(), Some(SessionEnd::MaxAge));
/// assert_eq!(session.poll_timeout(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Session {
    keep_alive: Option<Duration>,
    write_timeout: Option<Duration>,
    wire: Wire,
    transport: Transport,
    state: State,
}

/// Whether the transport takes bytes. This matters after the end too: what was sent before still has
/// to leave.
#[derive(Clone, Copy, Debug)]
enum Transport {
    TakesBytes,
    Blocked {
        /// When the write timeout is over.
        until: Option<Timestamp>,
    },
}

#[derive(Clone, Copy, Debug)]
enum State {
    Open {
        /// When the next comment is due.
        comment_at: Option<Timestamp>,
        /// When the maximum age is reached.
        end_at: Option<Timestamp>,
    },
    Ended(SessionEnd),
}

/// The reason why a session ended.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::server::{Session, SessionConfig, SessionEnd};
/// use ssewire::Timestamp;
///
/// let now = Timestamp::from_origin(Duration::ZERO);
/// let mut session = Session::open(now, SessionConfig::new(), 0, &mut Vec::new());
/// session.end(&mut Vec::new());
/// assert_eq!(session.ended(), Some(SessionEnd::Caller));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The caller ended it.
    Caller,
    /// It reached its maximum age.
    MaxAge,
    /// The peer took no bytes during the write timeout. This may replace another end, while the
    /// last bytes wait for the peer.
    Stalled,
}

impl Session {
    /// Opens a session. Writes a comment, which is the first byte of the response. The reconnection
    /// time, if one is configured, is written at the head of the first event.
    ///
    /// The seed determines by how much the configured jitter shortens the maximum age: sessions with
    /// equal seeds last equally long. Draw it at random.
    pub fn open(now: Timestamp, config: SessionConfig, seed: u64, out: &mut Vec<u8>) -> Self {
        let mut wire = Wire::with_retry(config.retry);
        wire.keep_alive(out);
        Self {
            keep_alive: config.keep_alive,
            write_timeout: config.write_timeout,
            wire,
            transport: Transport::TakesBytes,
            state: State::Open {
                comment_at: config.keep_alive.map(|time| now + time),
                end_at: config.jittered_max_age(seed).map(|age| now + age),
            },
        }
    }

    /// Writes a frame, and returns `true`. If the session has ended, writes nothing and returns
    /// `false`.
    ///
    /// If the maximum age is due, the frame is still written, and the session ends.
    pub fn send<'f>(
        &mut self,
        now: Timestamp,
        frame: impl Into<FrameRef<'f>>,
        out: &mut Vec<u8>,
    ) -> bool {
        if self.ended().is_some() {
            return false;
        }
        let len = out.len();
        self.wire.write_frame(frame.into(), out);
        self.handle_written(now, out.len() > len, out);
        true
    }

    /// Writes an item as [`send`](Self::send) does, or returns its bytes if they can be sent as they
    /// are, after `out`. That spares a copy of events that are encoded already.
    ///
    /// If the session has ended, does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use ssewire::server::{Encoded, Session, SessionConfig};
    /// use ssewire::{Event, Frame, Timestamp};
    ///
    /// let now = Timestamp::from_origin(Duration::ZERO);
    /// let mut out = Vec::new();
    /// let mut session = Session::open(now, SessionConfig::new(), 0, &mut out);
    ///
    /// let hi = Encoded::from(&Event::new("hi"));
    /// assert_eq!(session.pass(now, hi.clone(), &mut out), Some(hi.into_bytes()));
    /// assert_eq!(session.pass(now, Frame::Comment("a comment".into()), &mut out), None);
    /// assert_eq!(out, b":\n:a comment\n");
    /// ```
    pub fn pass(
        &mut self,
        now: Timestamp,
        item: impl Into<Outgoing>,
        out: &mut Vec<u8>,
    ) -> Option<Bytes> {
        if self.ended().is_some() {
            return None;
        }
        let len = out.len();
        let bytes = self.wire.pass(item, out);
        self.handle_written(now, bytes.is_some() || out.len() > len, out);
        bytes
    }

    /// Reports that the caller sent whole events itself. Returns whether the session is open.
    ///
    /// If the maximum age is due, the session ends: one that always has something to send may never
    /// wait for [`handle_timeout`](Self::handle_timeout).
    pub fn handle_sent(&mut self, now: Timestamp) -> bool {
        let State::Open { comment_at, end_at } = &mut self.state else {
            return false;
        };
        self.wire.handle_sent();
        if is_due(*end_at, now) {
            self.state = State::Ended(SessionEnd::MaxAge);
            return false;
        }
        *comment_at = self.keep_alive.map(|time| now + time);
        true
    }

    /// Reports that the transport takes no more bytes for now. The write timeout runs from the first
    /// such call until [`handle_unblocked`](Self::handle_unblocked), even if the session ends
    /// meanwhile.
    pub fn handle_blocked(&mut self, now: Timestamp) {
        let is_new = matches!(self.transport, Transport::TakesBytes);
        if is_new && self.ended() != Some(SessionEnd::Stalled) {
            let until = self.write_timeout.map(|time| now + time);
            self.transport = Transport::Blocked { until };
        }
    }

    /// Reports that the transport has taken bytes.
    pub fn handle_unblocked(&mut self) {
        self.transport = Transport::TakesBytes;
    }

    /// Writes a comment or ends the session, whichever is due. Does nothing if nothing is.
    pub fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        if is_due(self.stalled_at(), now) {
            self.transport = Transport::TakesBytes;
            self.state = State::Ended(SessionEnd::Stalled);
        }
        let State::Open { comment_at, end_at } = &mut self.state else {
            return;
        };
        if is_due(*end_at, now) {
            self.state = State::Ended(SessionEnd::MaxAge);
            self.wire.end(out);
        } else if is_due(*comment_at, now) {
            *comment_at = self.keep_alive.map(|time| now + time);
            // While bytes wait for the peer to read, a comment would only wait too.
            if matches!(self.transport, Transport::TakesBytes) {
                self.wire.keep_alive(out);
            }
        }
    }

    /// Ends the session, unless it has ended already. Writes a blank line if a comment was written
    /// last.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if let State::Open { .. } = self.state {
            self.state = State::Ended(SessionEnd::Caller);
            self.wire.end(out);
        }
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout) if nothing is sent
    /// before; `None` if there is no timer.
    #[must_use = "without a timer the session stays silent and open"]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let (comment_at, end_at) = match self.state {
            State::Open { comment_at, end_at } => (comment_at, end_at),
            State::Ended(_) => (None, None),
        };
        let all = [comment_at, end_at, self.stalled_at()];
        all.into_iter().flatten().min()
    }

    /// Returns why the session ended; `None` while it is open.
    pub fn ended(&self) -> Option<SessionEnd> {
        match self.state {
            State::Open { .. } => None,
            State::Ended(end) => Some(end),
        }
    }

    /// Starts the next silence if anything was written, or ends the session if its maximum age is
    /// due. A reconnection time that waits for an event breaks no silence.
    fn handle_written(&mut self, now: Timestamp, has_written: bool, out: &mut Vec<u8>) {
        let State::Open { comment_at, end_at } = &mut self.state else {
            return;
        };
        if is_due(*end_at, now) {
            self.state = State::Ended(SessionEnd::MaxAge);
            self.wire.end(out);
        } else if has_written {
            *comment_at = self.keep_alive.map(|time| now + time);
        }
    }

    /// Returns when the write timeout is over.
    fn stalled_at(&self) -> Option<Timestamp> {
        match self.transport {
            Transport::TakesBytes => None,
            Transport::Blocked { until } => until,
        }
    }
}

fn is_due(deadline: Option<Timestamp>, now: Timestamp) -> bool {
    deadline.is_some_and(|at| at <= now)
}
