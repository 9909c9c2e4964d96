//! The reconnecting client as a state machine without I/O.
//!
//! A [`Client`] is the standard's `EventSource` (WHATWG HTML, "Server-sent events") with the I/O
//! taken out. The embedder opens connections, reads bytes and watches a clock. The client decides
//! when to connect and with which last event ID, which responses to accept, how long to wait and
//! when to stop. `EventSource` in `ssewire::tokio` and `ssewire::async_std` is such an embedder.
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
//! state: bytes or the end of a connection that it wanted to drop, or a timeout that is not due. An
//! embedder must not report anything of a connection after the client asked for the next one.
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
mod phase;
mod policy;
mod reason;
mod state;

use core::fmt;

use crate::client::state::Machine;
use crate::decode::{Decoder, Frames};
use crate::event::{Event, EventRef};
use crate::frame::FrameRef;
use crate::time::Timestamp;

pub use self::action::{Action, Attempt};
pub use self::config::{ClientConfig, Reconnect};
pub use self::phase::{Phase, ReadyState};
pub use self::policy::ResponseHead;
pub use self::reason::{Cause, CloseReason, End};

/// A client that reconnects, as a state machine without I/O.
///
/// Nothing happens unless a method is called. The methods fall into four families:
///
/// - **Facts** go in: [`handle_response`](Self::handle_response), [`handle_end`](Self::handle_end)
///   and [`handle_timeout`](Self::handle_timeout). The bytes of the body go in by one of
///   [`handle_data`](Self::handle_data), [`next_event`](Self::next_event) and
///   [`frames`](Self::frames), which also return what they contain.
/// - **Wishes** of the caller go in: [`restart`](Self::restart), [`refuse`](Self::refuse) and
///   [`close`](Self::close).
/// - **Decisions** come out: [`poll_action`](Self::poll_action) and
///   [`poll_timeout`](Self::poll_timeout).
/// - **Views** change nothing: [`phase`](Self::phase), [`ready_state`](Self::ready_state) and
///   [`last_event_id`](Self::last_event_id). [`cut_off_event`](Self::cut_off_event) is one that takes
///   what it shows.
///
/// After each fact and each wish, poll in this order:
///
/// 1. `poll_action`, until it returns `None`. It may start a timeout.
/// 2. `poll_timeout`.
///
/// The [module](self) describes the states and walks through all of them.
#[derive(Clone)]
pub struct Client {
    decoder: Decoder,
    machine: Machine,
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
        }
    }

    /// Returns the next thing to do, `None` when there is nothing to do but to wait.
    ///
    /// Each is returned once, so all must be carried out.
    #[must_use = "an action that is not carried out is lost"]
    pub fn poll_action(&mut self, now: Timestamp) -> Option<Action> {
        self.machine.poll_action(now, self.decoder.last_event_id())
    }

    /// Takes the head of the answer to the request that was asked for.
    ///
    /// It opens the stream, or makes the client drop the connection and try again or close. Ignored
    /// unless a connection is being made.
    pub fn handle_response(&mut self, now: Timestamp, head: &ResponseHead<'_>) {
        if self.machine.handle_response(now, head) {
            self.decoder.reset();
        }
    }

    /// Takes bytes of the body, and lends the next frame in them.
    ///
    /// Like [`Decoder::decode`] it advances `input`, and `None` means that all of it was taken. When
    /// the stream is not open, or an event is too large, all of it is dropped.
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
        match self.decoder.decode(input) {
            Ok(frame) => {
                note(&mut self.machine, frame.as_ref());
                frame
            }
            Err(_) => {
                *input = &[];
                self.machine.handle_event_too_large();
                None
            }
        }
    }

    /// Takes bytes of the body, and returns a copy of the next event in them: what
    /// [`handle_data`](Self::handle_data) and [`EventRef::to_event`] do together, but faster. Comments
    /// and reconnection times are taken in on the way.
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
        while !input.is_empty() && self.machine.handle_bytes(now) {
            // Looked at where it lies: to move a frame takes longer than to find it.
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

    /// Takes bytes of the body, and returns a cursor over the frames in them: the faster way to
    /// take many. What a cursor leaves in `input` must be passed again.
    pub fn frames<'a, 'i: 'a>(
        &'a mut self,
        now: Timestamp,
        input: &'a mut &'i [u8],
    ) -> ClientFrames<'a, 'i> {
        if !input.is_empty() && !self.machine.handle_bytes(now) {
            *input = &[];
        }
        ClientFrames {
            frames: self.decoder.frames(input),
            machine: &mut self.machine,
        }
    }

    /// Takes the end of the connection, or of the attempt to make it.
    ///
    /// Ignored unless a connection is made or open. Do not report it for a connection that was
    /// dropped because the client said [`Action::Disconnect`].
    pub fn handle_end(&mut self, now: Timestamp, how: End) {
        self.machine.handle_end(now, how);
    }

    /// Takes the time, when that of [`poll_timeout`](Self::poll_timeout) has come; earlier, it does
    /// nothing.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.machine.handle_timeout(now);
    }

    /// Drops the connection, made or being made, and opens a new one after the wait that is due:
    /// for a caller whose network or credentials have changed. Ignored while waiting, or closed.
    ///
    /// It is the caller's wish, so [`reconnect`](ClientConfig::reconnect),
    /// [`max_attempts`](ClientConfig::max_attempts) and [`max_wait`](ClientConfig::max_wait) have
    /// no say in it.
    pub fn restart(&mut self, now: Timestamp) {
        self.machine.restart(now);
    }

    /// Refuses the answer, or what it holds: closes with [`CloseReason::Refused`] unless closed.
    pub fn refuse(&mut self) {
        self.machine.end(CloseReason::Refused);
    }

    /// Closes with [`CloseReason::Caller`] unless closed.
    pub fn close(&mut self) {
        self.machine.end(CloseReason::Caller);
    }

    /// Lends the event that the end of the last connection cut off, as [`Decoder::finish`] does.
    ///
    /// It is to be had from the end until the next connection opens, once. `None` while a stream is
    /// open. The server will send it again, if it can, to the next request.
    pub fn cut_off_event(&mut self) -> Option<EventRef<'_>> {
        if self.machine.is_open() {
            return None;
        }
        self.decoder.finish()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) if nothing else happens first;
    /// `None` for never. Ask again after every other call.
    #[must_use = "a timer that is not set leaves the client waiting for ever"]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.machine.poll_timeout()
    }

    /// Returns where the client stands.
    pub fn phase(&self) -> Phase {
        self.machine.phase()
    }

    /// Returns where the client stands, in the standard's words.
    pub fn ready_state(&self) -> ReadyState {
        self.phase().ready_state()
    }

    /// Returns the last event ID; `None` if it is empty.
    pub fn last_event_id(&self) -> Option<&str> {
        self.decoder.last_event_id()
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

/// Lends the frames of one piece of the body, one at a time. Made by [`Client::frames`].
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
    frames: Frames<'a, 'i>,
    machine: &'a mut Machine,
}

impl<'a, 'i: 'a> ClientFrames<'a, 'i> {
    /// Takes the next frame; `None` when all bytes were taken, or the client has closed because an
    /// event was too large.
    #[inline]
    pub fn next_frame(&mut self) -> Option<FrameRef<'_>> {
        if !self.machine.is_open() {
            return None;
        }
        match self.frames.next_frame() {
            Ok(frame) => {
                note(self.machine, frame.as_ref());
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
