//! The reconnecting client as a state machine without I/O.
//!
//! A [`Client`] is the standard's `EventSource` (WHATWG HTML, "Server-sent events") with the I/O
//! taken out. Your code, the embedder, opens connections, reads bytes and watches a clock. The
//! client decides when to connect and with which last event ID, which responses to accept, how long
//! to wait and when to stop. `EventSource` in `ssewire::tokio` and `ssewire::async_std` is such an
//! embedder.
//!
//! # The states
//!
//! - *Due*: a connection is wanted. This is the first state, and the state after each wait.
//! - *Connecting*: the embedder opens a connection, or waits for its response head.
//! - *Open*: the stream is open, and events may arrive.
//! - *Waiting*: the connection was lost or could not be opened. The next attempt is due later.
//! - *Closed*: the client has stopped for good.
//!
//! [`state.rs`](../../src/ssewire/client/state.rs.html) draws them in a diagram and holds every
//! transition. [`Phase`] shows the current state, where due counts as connecting.
//!
//! # The loop
//!
//! 1. Call [`poll_action`](Client::poll_action) and carry out the action, until it returns `None`.
//! 2. Call [`poll_timeout`](Client::poll_timeout). Wait for the connection or for that time.
//! 3. Report what happened with one of the methods that start with `handle_`.
//! 4. Go to 1.
//!
//! Sockets and timers race in every embedder, so the client ignores facts that no longer fit its
//! state: bytes or the end of a connection that it wanted to drop, or a timeout that is not due.
//! But after the client has asked for a connection, do not report anything about an earlier one.
//!
//! # Examples
//!
//! The whole cycle:
//!
//! ```
//! use core::time::Duration;
//! use ssewire::client::{
//!     Action, Cause, Client, ClientConfig, CloseReason, End, Phase, ReadyState, ResponseHead,
//! };
//! use ssewire::{FrameRef, Timestamp};
//!
//! let at = |milliseconds| Timestamp::from_origin(Duration::from_millis(milliseconds));
//!
//! // Due: the client wants a connection, and no clock runs yet.
//! let mut client = Client::new(ClientConfig::new(), 0);
//! assert_eq!(client.ready_state(), ReadyState::Connecting);
//! assert_eq!(client.poll_timeout(), None);
//!
//! // Connecting: the embedder knows, and the idle timeout runs.
//! let Some(Action::Connect(attempt)) = client.poll_action(at(0)) else { panic!() };
//! assert_eq!(attempt.last_event_id(), None);
//! assert_eq!(client.ready_state(), ReadyState::Connecting);
//! assert_eq!(client.poll_timeout(), Some(at(300_000)));
//!
//! // Open: bytes become events.
//! client.handle_response(at(50), &ResponseHead::new(200).content_type("text/event-stream"));
//! assert_eq!(client.ready_state(), ReadyState::Open);
//! let mut input = &b"retry: 2000\nid: 7\ndata: hello\n\ndata: cut"[..];
//! let mut seen = Vec::new();
//! while let Some(frame) = client.handle_data(at(60), &mut input) {
//!     if let FrameRef::Event(event) = frame {
//!         seen.push(event.data().to_owned());
//!     }
//! }
//! assert_eq!(seen, ["hello"]);
//!
//! // Waiting: the connection is lost. The server asked for a wait of at least 2 seconds.
//! client.handle_end(at(100), End::Failed);
//! assert_eq!(client.cut_off_event().map(|event| event.data()), Some("cut"));
//! let Phase::Waiting { delay, cause, .. } = client.phase() else { panic!() };
//! assert_eq!(cause, Some(Cause::CutOff));
//! assert!((2000..=3000).contains(&delay.as_millis()));
//! assert_eq!(client.poll_action(at(100)), None);
//! let until = client.poll_timeout().unwrap();
//! assert_eq!(until, at(100) + delay);
//!
//! // Due again: the wait is over.
//! client.handle_timeout(until);
//! assert_eq!(client.phase(), Phase::Connecting);
//!
//! // Connecting again, to resume after the last event.
//! let Some(Action::Connect(attempt)) = client.poll_action(until) else { panic!() };
//! assert_eq!(attempt.last_event_id(), Some("7"));
//!
//! // Closed: the status 204 tells a client to stop.
//! client.handle_response(until, &ResponseHead::new(204));
//! assert_eq!(client.poll_action(until), Some(Action::Disconnect));
//! assert_eq!(client.poll_action(until), Some(Action::Close(CloseReason::NoContent)));
//! assert_eq!(client.poll_action(until), None);
//! assert_eq!(client.ready_state(), ReadyState::Closed);
//! assert_eq!(client.poll_timeout(), None);
//! ```

mod action;
mod backoff;
mod config;
mod excerpt;
mod media_type;
mod phase;
mod policy;
mod reason;
mod state;
mod stray;

use core::fmt;
use core::mem;
use core::time::Duration;

use crate::client::state::Machine;
use crate::client::stray::StrayCounter;
use crate::decode::{Decoder, Frames};
use crate::event::{Event, EventRef};
use crate::frame::FrameRef;
use crate::time::Timestamp;

pub use self::action::{Action, Attempt, OmittedId};
pub use self::config::{ClientConfig, Reconnect};
pub use self::excerpt::Excerpt;
pub use self::phase::{Phase, ReadyState};
pub use self::policy::ResponseHead;
pub use self::reason::{Cause, CloseReason, End};
pub use self::stray::StrayLines;

/// A client that reconnects, as a state machine without I/O.
///
/// Nothing happens unless a method is called. The methods fall into four families:
///
/// - **Facts** go in: [`handle_response`](Self::handle_response), [`handle_end`](Self::handle_end)
///   and [`handle_timeout`](Self::handle_timeout). The bytes of the body go in by one of
///   [`handle_data`](Self::handle_data), [`next_event`](Self::next_event) and
///   [`frames`](Self::frames), which also return what they contain.
/// - **Commands** of the caller go in: [`restart`](Self::restart), [`refuse`](Self::refuse) and
///   [`close`](Self::close).
/// - **Decisions** come out: [`poll_action`](Self::poll_action) and
///   [`poll_timeout`](Self::poll_timeout).
/// - **Views** show the state: [`phase`](Self::phase), [`ready_state`](Self::ready_state),
///   [`last_event_id`](Self::last_event_id), [`omitted_last_event_id`](Self::omitted_last_event_id),
///   [`stray_lines`](Self::stray_lines) and, once for each end of a stream,
///   [`cut_off_event`](Self::cut_off_event).
///
/// After each fact and each command, poll in this order:
///
/// 1. `poll_action`, until it returns `None`. It may start a timeout.
/// 2. `poll_timeout`.
///
/// The [module](self) describes the states and has an example of the whole cycle.
///
/// # Examples
///
/// ```
/// use ssewire::client::{Action, Client, ClientConfig, Phase, ResponseHead};
/// use ssewire::{FrameRef, Timestamp};
///
/// let now = Timestamp::default();
/// let mut client = Client::new(ClientConfig::new(), 0);
/// assert!(matches!(client.poll_action(now), Some(Action::Connect(_))));
/// client.handle_response(now, &ResponseHead::event_stream());
/// assert_eq!(client.phase(), Phase::Open);
///
/// let mut input = &b"id: 1\ndata: hello\n\n"[..];
/// let Some(FrameRef::Event(event)) = client.handle_data(now, &mut input) else { panic!() };
/// assert_eq!(event.data(), "hello");
/// assert_eq!(client.last_event_id(), Some("1"));
/// ```
#[derive(Clone)]
pub struct Client {
    decoder: Decoder,
    machine: Machine,
    stray: StrayCounter,
}

impl Client {
    /// Creates a client whose first action is to connect.
    ///
    /// No clock runs until [`poll_action`](Self::poll_action) returns that action. `seed` decides the
    /// jitter of the waits. Clients with equal seeds wait alike, so each of many clients needs a seed
    /// of its own.
    pub fn new(config: ClientConfig, seed: u64) -> Self {
        let mut decoder = Decoder::with_config(config.decoder);
        let seeded = decoder.set_last_event_id(&config.last_event_id);
        debug_assert!(seeded.is_ok(), "the configuration has checked it");
        Self {
            decoder,
            machine: Machine::new(config, seed),
            stray: StrayCounter::default(),
        }
    }

    /// Returns the next action, or `None` if there is nothing to do but to wait.
    ///
    /// Each action is returned once and must be carried out. [`Action::Connect`] starts the idle
    /// timeout of the attempt at `now`.
    #[must_use = "an action that is not carried out is lost"]
    pub fn poll_action(&mut self, now: Timestamp) -> Option<Action> {
        let last_event_id = self.decoder.last_event_id();
        let action = self.machine.poll_action(now, last_event_id)?;
        if matches!(action, Action::Connect(_)) {
            self.stray.stop();
        }
        Some(action)
    }

    /// Reports the head of the response to the current attempt.
    ///
    /// Either it opens the stream, or the client drops the connection and then waits or closes. It is
    /// ignored unless the client is connecting.
    pub fn handle_response(&mut self, now: Timestamp, head: &ResponseHead<'_>) {
        if self.machine.handle_response(now, head) {
            self.decoder.reset();
            self.stray.start();
        }
    }

    /// Takes bytes of the body, and returns the next frame in them.
    ///
    /// Like [`Decoder::decode`] this advances `input`, and `None` means that `input` is empty. All
    /// bytes are dropped if the stream is not open or an event is too large.
    pub fn handle_data<'d, 'i: 'd>(
        &'d mut self,
        now: Timestamp,
        input: &mut &'i [u8],
    ) -> Option<FrameRef<'d>> {
        if input.is_empty() {
            return None;
        }
        if !self.machine.handle_bytes(now) {
            *input = &[];
            return None;
        }
        let chunk = *input;
        match self.decoder.decode(input) {
            Ok(frame) => {
                note(&mut self.machine, frame.as_ref());
                if self.stray.is_counting() {
                    self.stray.take(chunk, input.len(), frame.as_ref());
                }
                frame
            }
            Err(_) => {
                *input = &[];
                self.machine.handle_event_too_large();
                None
            }
        }
    }

    /// Takes bytes of the body, and returns a copy of the next event in them.
    ///
    /// This does the same as [`handle_data`](Self::handle_data) and [`EventRef::to_event`], but faster.
    /// Comments are skipped, and reconnection times are applied.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::client::{Client, ClientConfig, ResponseHead};
    /// use ssewire::Timestamp;
    ///
    /// let now = Timestamp::default();
    /// let mut client = Client::new(ClientConfig::new(), 0);
    /// let _connect = client.poll_action(now);
    /// client.handle_response(now, &ResponseHead::event_stream());
    ///
    /// let mut input = &b"retry: 1\ndata: 1\n\n: hi\n\ndata: 2\n\ndata: 3"[..];
    /// let mut seen = Vec::new();
    /// while let Some(event) = client.next_event(now, &mut input) {
    ///     seen.push(event.data().to_owned());
    /// }
    /// assert_eq!(seen, ["1", "2"]);
    /// assert!(input.is_empty());
    /// ```
    #[inline]
    pub fn next_event(&mut self, now: Timestamp, input: &mut &[u8]) -> Option<Event> {
        if self.stray.is_counting() {
            return self.first_event(now, input);
        }
        self.any_event(now, input)
    }

    /// Takes bytes of the body, and returns a cursor over the frames in them.
    ///
    /// This is the fastest way to take many frames. The bytes that a cursor leaves in `input` must be
    /// passed again.
    pub fn frames<'a, 'i: 'a>(
        &'a mut self,
        now: Timestamp,
        input: &'a mut &'i [u8],
    ) -> ClientFrames<'a, 'i> {
        if !input.is_empty() && !self.machine.handle_bytes(now) {
            *input = &[];
        }
        if self.stray.is_counting() {
            self.stray.start_cursor();
        }
        ClientFrames {
            chunk: input,
            is_counting: self.stray.is_counting(),
            frames: self.decoder.frames(input),
            machine: &mut self.machine,
            stray: &mut self.stray,
        }
    }

    /// Reports the end of the connection, or of the attempt to open it.
    ///
    /// It is ignored unless the client is connecting or open. Do not report the end of a connection
    /// after the next [`Action::Connect`].
    pub fn handle_end(&mut self, now: Timestamp, how: End) {
        self.machine.handle_end(now, how);
    }

    /// Reports that the time that [`poll_timeout`](Self::poll_timeout) returned has come. Does
    /// nothing if `now` is earlier.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.machine.handle_timeout(now);
    }

    /// Drops the connection, or the attempt to open one, and opens a new one after the usual wait, for
    /// instance because the network or the credentials have changed. Does nothing while the client
    /// waits or after it has closed.
    ///
    /// Because the caller wants it, [`reconnect`](ClientConfig::reconnect),
    /// [`max_attempts`](ClientConfig::max_attempts) and [`max_wait`](ClientConfig::max_wait) do not
    /// apply.
    pub fn restart(&mut self, now: Timestamp) {
        self.machine.restart(now);
    }

    /// Refuses the response or its content: closes with [`CloseReason::Refused`], unless the client
    /// has closed already.
    pub fn refuse(&mut self) {
        self.machine.end(CloseReason::Refused);
    }

    /// Closes with [`CloseReason::Caller`], unless the client has closed already.
    pub fn close(&mut self) {
        self.machine.end(CloseReason::Caller);
    }

    /// Returns the event that the end of the last connection cut off, as [`Decoder::finish`] does.
    ///
    /// It is returned once, and only until the next connection opens. Returns `None` while a stream
    /// is open. Its ID does not count as received, so a server that can resume sends it again.
    pub fn cut_off_event(&mut self) -> Option<EventRef<'_>> {
        if self.machine.is_open() {
            return None;
        }
        self.decoder.finish()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) if nothing else happens first, or
    /// `None` if no timer runs.
    ///
    /// Every other call may change it.
    #[must_use = "without a timer the client may wait forever"]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.machine.poll_timeout()
    }

    /// Returns the state.
    pub fn phase(&self) -> Phase {
        self.machine.phase()
    }

    /// Returns whether the client has closed.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.machine.is_closed()
    }

    /// Returns the state as the standard names it.
    pub fn ready_state(&self) -> ReadyState {
        self.phase().ready_state()
    }

    /// Returns the last event ID, or `None` if it is empty.
    pub fn last_event_id(&self) -> Option<&str> {
        self.decoder.last_event_id()
    }

    /// Returns why no request can carry the last event ID. `None` if one can, or if it is empty.
    ///
    /// The server then cannot know where to resume, so events may be missed.
    pub fn omitted_last_event_id(&self) -> Option<OmittedId> {
        self.machine.omission(self.last_event_id()?)
    }

    /// Returns the lines of the stream that are no fields, if there are any and no event has come.
    ///
    /// After the end of the stream they are those of the stream that ended, until the next attempt.
    /// An event that was cut off is none that has come. Where a cursor of [`frames`](Self::frames) was
    /// dropped before it had returned `None`, the lines that it took are not counted.
    pub fn stray_lines(&self) -> Option<StrayLines> {
        self.stray.found()
    }

    /// Returns the idle timeout, or `None` if there is none.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.machine.idle_timeout()
    }
}

impl Client {
    /// Returns the first event of a stream, before which stray lines are counted.
    #[cold]
    #[inline(never)]
    fn first_event(&mut self, now: Timestamp, input: &mut &[u8]) -> Option<Event> {
        let (chunk, is_open) = (*input, self.machine.is_open());
        let counter = mem::take(&mut self.stray);
        let event = self.any_event(now, input);
        if event.is_none() && is_open {
            self.stray = counter;
            self.stray.take(chunk, 0, None);
        }
        event
    }

    #[inline(always)]
    fn any_event(&mut self, now: Timestamp, input: &mut &[u8]) -> Option<Event> {
        while !input.is_empty() && self.machine.handle_bytes(now) {
            // By reference: to move a frame takes longer than to find it.
            match &self.decoder.decode(input) {
                Ok(Some(FrameRef::Event(event))) => {
                    self.machine.handle_event();
                    return Some(event.to_event());
                }
                Ok(frame) => note(&mut self.machine, frame.as_ref()),
                Err(_) => self.machine.handle_event_too_large(),
            }
        }
        *input = &[];
        None
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("phase", &self.phase())
            .field("last_event_id", &self.last_event_id())
            .finish_non_exhaustive()
    }
}

/// A cursor over the frames of one chunk of the body, created by [`Client::frames`].
///
/// Each frame is borrowed until the next call.
///
/// # Examples
///
/// ```
/// use ssewire::client::{Client, ClientConfig, ResponseHead};
/// use ssewire::Timestamp;
///
/// let now = Timestamp::default();
/// let mut client = Client::new(ClientConfig::new(), 0);
/// let _connect = client.poll_action(now);
/// client.handle_response(now, &ResponseHead::event_stream());
///
/// let mut input = &b"data: 1\n\ndata: 2\n\n"[..];
/// let mut frames = client.frames(now, &mut input);
/// let mut count = 0;
/// while let Some(_frame) = frames.next_frame() {
///     count += 1;
/// }
/// assert_eq!(count, 2);
/// ```
#[derive(Debug)]
pub struct ClientFrames<'a, 'i> {
    chunk: &'i [u8],
    /// Whether `stray` counts.
    is_counting: bool,
    frames: Frames<'a, 'i>,
    machine: &'a mut Machine,
    stray: &'a mut StrayCounter,
}

impl<'a, 'i: 'a> ClientFrames<'a, 'i> {
    /// Returns the next frame, or `None` if all bytes were taken or the client has closed because
    /// an event was too large.
    #[inline]
    pub fn next_frame(&mut self) -> Option<FrameRef<'_>> {
        if !self.machine.is_open() {
            return None;
        }
        match self.frames.next_frame() {
            Ok(frame) => {
                note(self.machine, frame.as_ref());
                if self.is_counting {
                    self.is_counting = self.stray.advance_cursor(self.chunk, frame.as_ref());
                }
                frame
            }
            Err(_) => {
                self.machine.handle_event_too_large();
                None
            }
        }
    }
}

#[inline]
fn note(machine: &mut Machine, frame: Option<&FrameRef<'_>>) {
    match frame {
        Some(FrameRef::Event(_)) => machine.handle_event(),
        Some(FrameRef::Retry(time)) => machine.handle_retry(*time),
        Some(FrameRef::Comment(_)) | None => {}
    }
}
