//! One open response.
//!
//! ```text
//!            ┌──────┐   the caller ends it, its age is due, or    ┌────────────────────┐
//!  open ───▶ │ Open │   its moment in a shutdown has come         │ Ended (Caller,     │
//!            └──────┘ ──────────────────────────────────────────▶ │ MaxAge, Shutdown)  │
//!               │                                                 └────────────────────┘
//!               │ the write timeout is due                                   │
//!               │                                    ┌─────────────────┐     │ the same
//!               └──────────────────────────────────▶ │ Ended (Stalled) │ ◀───┘
//!                                                    └─────────────────┘
//! ```

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::time::Duration;

use bytes::Bytes;
use fastrand::Rng;

use crate::event::EventRef;
use crate::frame::FrameRef;
use crate::server::config::{Rare, SessionConfig};
use crate::server::encoded::{Encoded, Outgoing};
use crate::server::event_id::EventId;
use crate::server::wire::Wire;
use crate::time::Timestamp;

/// An open response, which is kept alive by comments and ends at its maximum age.
///
/// A session writes into the caller's buffer, and the caller reads the clock for it. It opens with
/// a comment, so that the first byte is sent at once. It writes another comment whenever nothing
/// was sent for a while, because "authors can include a comment line (one starting with a ':'
/// character) every 15 seconds or so" (WHATWG HTML, "Authoring notes" of server-sent events).
/// Comments and reconnection times follow the rules of a [`Wire`].
///
/// Write items with [`send`](Self::send) and [`pass`](Self::pass), and report everything else with
/// the methods that begin with `handle_`. Call [`handle_timeout`](Self::handle_timeout) at the time
/// that [`poll_timeout`](Self::poll_timeout) returns. After each call, send the bytes in the
/// buffer. Close the response once [`ended`](Self::ended) returns a reason.
///
/// If events are [gathered](SessionConfig::gather), take them only while
/// [`takes_events`](Self::takes_events) returns `true`, and call
/// [`handle_drained`](Self::handle_drained) when no more are waiting.
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
    tells_position: bool,
    rare: Option<Arc<Rare>>,
    seed: u64,
}

/// Whether the transport takes bytes. This matters after the end too: what was sent before still
/// has to leave.
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
        /// The time at which it ends, and the reason.
        end: Option<(Timestamp, SessionEnd)>,
        /// The time at which the gathered events are sent.
        gathers_until: Option<Timestamp>,
        position: Position,
    },
    Ended(SessionEnd),
}

/// What the client knows of the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Nothing, as no event was sent.
    Unknown,
    /// All, from an event, or from the notice of this ID.
    Told(Option<EventId>),
    /// Not yet that it is here.
    Untold(EventId),
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
    /// Its moment in a [shutdown](Session::handle_closing) has come.
    Shutdown,
    /// The peer took no bytes during the write timeout. This may replace another end, while the
    /// last bytes wait for the peer.
    Stalled,
}

impl SessionEnd {
    /// Returns the end as a word: `caller`, `max-age`, `shutdown` or `stalled`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::MaxAge => "max-age",
            Self::Shutdown => "shutdown",
            Self::Stalled => "stalled",
        }
    }
}

impl Session {
    /// Opens a session, and writes a comment as the first bytes of the response.
    ///
    /// A configured reconnection time is written later, as [`SessionConfig::retry`] describes.
    ///
    /// The seed determines by how much the configured jitter shortens the maximum age, and the
    /// moment at which the session ends in a [shutdown](Self::handle_closing). Sessions with equal
    /// seeds are shortened equally. Draw it at random.
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
                end: config
                    .jittered_max_age(seed)
                    .map(|age| (now + age, SessionEnd::MaxAge)),
                gathers_until: None,
                position: Position::Unknown,
            },
            tells_position: config.tells_position,
            rare: config.rare,
            seed,
        }
    }

    /// Reports the position of the events, which is the ID up to which the client has all events
    /// that it asked for.
    ///
    /// Before the first item, this writes the notice that [`SessionConfig::position_notice`] sets.
    /// After that, it only notes the position. If no item follows, the notice of the new position
    /// takes the place of the next comment.
    pub fn handle_position(&mut self, id: EventId, out: &mut Vec<u8>) {
        if !self.tells_position {
            return;
        }
        let State::Open { position, .. } = &mut self.state else {
            return;
        };
        match position {
            Position::Unknown => {
                *position = Position::Told(Some(id));
                self.write_position(id, out);
            }
            Position::Told(told) if *told == Some(id) => {}
            Position::Told(_) | Position::Untold(_) => *position = Position::Untold(id),
        }
    }

    /// Reports that all responses are to end within `window`, in a shutdown.
    ///
    /// The session ends at a moment within the window that its seed determines, or at its maximum
    /// age if that is earlier. Once that moment is set, further reports change nothing.
    pub fn handle_closing(&mut self, now: Timestamp, window: Duration) {
        let State::Open { end, .. } = &mut self.state else {
            return;
        };
        if matches!(end, Some((_, SessionEnd::Shutdown))) {
            return;
        }
        let nanoseconds = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
        // Not the moment of the maximum age, though it has the same seed.
        let moment = Rng::with_seed(!self.seed).u64(0..=nanoseconds);
        let at = now + Duration::from_nanos(moment);
        if end.is_none_or(|(earlier, _)| at < earlier) {
            *end = Some((at, SessionEnd::Shutdown));
        }
    }

    /// Reports that all events that were waiting have been sent. Call this only if there were any.
    ///
    /// If events are [gathered](SessionConfig::gather), the session takes no more until the window
    /// is over. Otherwise, this does nothing.
    pub fn handle_drained(&mut self, now: Timestamp) {
        let Some(window) = self.gather() else {
            return;
        };
        if let State::Open { gathers_until, .. } = &mut self.state {
            if gathers_until.is_none_or(|until| until <= now) {
                *gathers_until = Some(now + window);
            }
        }
    }

    /// Returns whether the session takes events now.
    ///
    /// While events are [gathered](SessionConfig::gather), this returns `false`, and they should
    /// stay in their source. After the end it returns `false` too.
    pub fn takes_events(&self, now: Timestamp) -> bool {
        match &self.state {
            State::Open {
                gathers_until, end, ..
            } => !gathers_until.is_some_and(|until| now < until) || end_due(*end, now).is_some(),
            State::Ended(_) => false,
        }
    }

    /// Returns whether the session is configured to [gather](SessionConfig::gather) events.
    pub fn is_gathering(&self) -> bool {
        self.gather().is_some()
    }

    /// Writes a frame, and returns `true`. If the session has ended, writes nothing and returns
    /// `false`.
    ///
    /// If the maximum age is due, the frame is still written, and the session ends. In a shutdown,
    /// the session goes on until [`handle_timeout`](Self::handle_timeout) ends it, so that all
    /// waiting events are sent.
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

    /// Writes an item as [`send`](Self::send) does, or returns its bytes if they can be sent
    /// unchanged after those in `out`. This avoids a copy of events that are encoded already.
    ///
    /// If the session has ended, does nothing and returns `None`.
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
    /// If the maximum age is due, or the moment of the session in a shutdown has come, the session
    /// ends. A caller that always has something to send might otherwise never call
    /// [`handle_timeout`](Self::handle_timeout).
    pub fn handle_sent(&mut self, now: Timestamp) -> bool {
        let State::Open {
            comment_at,
            end,
            position,
            ..
        } = &mut self.state
        else {
            return false;
        };
        self.wire.handle_sent();
        *position = Position::Told(None);
        // In a shutdown it sends all that there is.
        if let Some(end) = end_due(*end, now).filter(|end| *end != SessionEnd::Shutdown) {
            self.state = State::Ended(end);
            return false;
        }
        *comment_at = self.keep_alive.map(|time| now + time);
        true
    }

    /// Reports that the transport takes no more bytes for now. The write timeout runs from the
    /// first such call until [`handle_unblocked`](Self::handle_unblocked), even if the session ends
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

    /// Writes a comment, takes events again after they were gathered, or ends the session,
    /// whichever is due. If nothing is due, does nothing.
    ///
    /// In place of the comment, this writes the notice of a position that the client does not know,
    /// and the [heartbeat](SessionConfig::heartbeat) if one is configured. While the transport is
    /// blocked, it writes none of these.
    pub fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        if is_due(self.stalled_at(), now) {
            self.transport = Transport::TakesBytes;
            self.state = State::Ended(SessionEnd::Stalled);
        }
        let State::Open {
            comment_at,
            end,
            gathers_until,
            position,
        } = &mut self.state
        else {
            return;
        };
        if is_due(*gathers_until, now) {
            *gathers_until = None;
        }
        if let Some(end) = end_due(*end, now) {
            self.state = State::Ended(end);
            self.wire.end(out);
        } else if is_due(*comment_at, now) {
            *comment_at = self.keep_alive.map(|time| now + time);
            // While bytes wait for the peer to read, a comment would only wait too.
            if matches!(self.transport, Transport::TakesBytes) {
                let untold = match *position {
                    Position::Untold(id) => Some(id),
                    _ => None,
                };
                if let Some(id) = untold {
                    *position = Position::Told(Some(id));
                    self.write_position(id, out);
                }
                self.write_heartbeat(untold.is_some(), out);
            }
        }
    }

    /// Ends the session, and writes what an orderly [end](Wire::end) of the response needs. If the
    /// session has ended already, does nothing.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if let State::Open { .. } = self.state {
            self.state = State::Ended(SessionEnd::Caller);
            self.wire.end(out);
        }
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout), or `None` if
    /// there is no timer.
    ///
    /// Ask again after every other call, which may change the time.
    #[must_use = "without a timer the session stays silent and open"]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let (comment_at, end_at, gathers_until) = match self.state {
            State::Open {
                comment_at,
                end,
                gathers_until,
                ..
            } => (comment_at, end.map(|(at, _)| at), gathers_until),
            State::Ended(_) => (None, None, None),
        };
        let all = [comment_at, end_at, gathers_until, self.stalled_at()];
        all.into_iter().flatten().min()
    }

    /// Returns why the session has ended, or `None` while it is open.
    pub fn ended(&self) -> Option<SessionEnd> {
        match self.state {
            State::Open { .. } => None,
            State::Ended(end) => Some(end),
        }
    }

    /// Starts the next silence if anything was written, or ends the session if its maximum age is
    /// due. A reconnection time that waits for an event does not end a silence.
    fn handle_written(&mut self, now: Timestamp, has_written: bool, out: &mut Vec<u8>) {
        let State::Open {
            comment_at,
            end,
            position,
            ..
        } = &mut self.state
        else {
            return;
        };
        if has_written {
            *position = Position::Told(None);
        }
        match end_due(*end, now) {
            // In a shutdown it sends all that there is.
            Some(end) if end != SessionEnd::Shutdown => {
                self.state = State::Ended(end);
                self.wire.end(out);
            }
            _ if has_written => *comment_at = self.keep_alive.map(|time| now + time),
            _ => {}
        }
    }

    fn write_position(&mut self, id: EventId, out: &mut Vec<u8>) {
        let rare = self.rare.as_deref();
        match rare.and_then(|rare| rare.position_type.as_ref()) {
            Some(event) => {
                let event = EventRef::from(event);
                let mut text = String::new();
                let _ = write!(text, "{id}");
                self.wire
                    .write_frame(event.with_checked_id(&text).into(), out);
            }
            None => self.wire.write_position(id, out),
        }
    }

    /// Writes the event that a page sees, or a comment if nothing else keeps the connection alive.
    fn write_heartbeat(&mut self, is_alive: bool, out: &mut Vec<u8>) {
        match self.rare.as_deref().and_then(|rare| rare.heartbeat.clone()) {
            Some(event) => self.wire.write(Encoded::events(event), out),
            None if is_alive => {}
            None => self.wire.keep_alive(out),
        }
    }

    fn gather(&self) -> Option<Duration> {
        self.rare.as_deref()?.gather
    }

    /// Returns when the write timeout is over.
    fn stalled_at(&self) -> Option<Timestamp> {
        match self.transport {
            Transport::TakesBytes => None,
            Transport::Blocked { until } => until,
        }
    }
}

/// Returns why a session has to end by now, if it has to.
fn end_due(end: Option<(Timestamp, SessionEnd)>, now: Timestamp) -> Option<SessionEnd> {
    end.filter(|(at, _)| *at <= now).map(|(_, end)| end)
}

fn is_due(deadline: Option<Timestamp>, now: Timestamp) -> bool {
    deadline.is_some_and(|at| at <= now)
}
