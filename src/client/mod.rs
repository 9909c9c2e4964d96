//! The reconnecting client as a state machine: facts in, decisions out.
//!
//! A [`Client`] is the standard's `EventSource` without I/O (WHATWG HTML, "Server-sent events").
//! Whoever embeds it opens connections, reads bytes and watches a clock; the client says when to
//! connect and with which last event ID, which answers to accept, how long to wait, and when it is
//! over. The adapters' `EventSource` is such an embedder.
//!
//! ```text
//!                 new
//!                  │
//!                  ▼
//!           ┌────────────┐   answer that stops, refusal, close     ┌────────┐
//!      ┌───►│ Connecting ├────────────────────────────────────────►│        │
//!      │    └──┬──────┬──┘                                         │        │
//!      │    200│      │retried answer, end,                        │        │
//!      │       │      │idle timeout, restart                       │        │
//! the  │       ▼      │                                            │        │
//! wait │    ┌──────┐  │      event too large, refusal, close       │ Closed │
//! is   │    │ Open ├──┼───────────────────────────────────────────►│        │
//! over │    └──┬───┘  │                                            │        │
//!      │   end,│      │                                            │        │
//!      │   idle│timeout, restart                                   │        │
//!      │       ▼      ▼                                            │        │
//!      │    ┌────────────┐           refusal, close                │        │
//!      └────┤  Waiting   ├────────────────────────────────────────►│        │
//!           └────────────┘                                         └────────┘
//! ```
//!
//! The arrows into `Waiting` lead to `Closed` instead where the policy wants no new attempt: after
//! a method that is not to be repeated, after too many attempts, or before too long a wait.
//!
//! # The loop
//!
//! 1. Carry out what [`poll_action`](Client::poll_action) says until it says nothing.
//! 2. Wait for the connection, or for the time that [`poll_timeout`](Client::poll_timeout) names.
//! 3. Report what happened: [`handle_response`](Client::handle_response),
//!    [`handle_data`](Client::handle_data) (or [`frames`](Client::frames), for many events at a
//!    time), [`handle_end`](Client::handle_end), [`handle_timeout`](Client::handle_timeout).
//! 4. Go to 1.
//!
//! Facts that no longer fit are ignored, since sockets and timers race in every embedder: bytes or
//! the end of a connection that was to be dropped, a timeout that is not due. What comes from a
//! connection must not be reported once the next one was asked for.
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
//! let mut client = Client::new(ClientConfig::new(), at(0));
//!
//! // Connecting: it asks for a connection, and waits for the response head.
//! let Some(Action::Connect(request)) = client.poll_action() else { panic!() };
//! assert_eq!(request.last_event_id(), None);
//! assert_eq!(client.ready_state(), ReadyState::Connecting);
//! assert_eq!(client.poll_timeout(), Some(at(300_000))); // the idle timeout
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
//! // Waiting: the connection is lost, and the server said how long to wait at least.
//! client.handle_end(at(100), End::Failed);
//! assert_eq!(client.cut_off_event().map(|event| event.data()), Some("cut"));
//! let Phase::Retrying { delay, cause } = client.phase() else { panic!() };
//! assert_eq!(cause, Cause::CutOff);
//! assert!((2000..=3000).contains(&delay.as_millis()));
//! assert_eq!(client.poll_action(), None);
//! let until = client.poll_timeout().unwrap();
//! assert_eq!(until, at(100) + delay);
//!
//! // Connecting again, from where the stream broke.
//! client.handle_timeout(until);
//! let Some(Action::Connect(request)) = client.poll_action() else { panic!() };
//! assert_eq!(request.last_event_id(), Some("7"));
//!
//! // Closed: 204 tells a client to stop.
//! client.handle_response(until, &ResponseHead::new(204));
//! assert_eq!(client.poll_action(), Some(Action::Disconnect));
//! assert_eq!(client.poll_action(), Some(Action::Close(CloseReason::NoContent)));
//! assert_eq!(client.poll_action(), None);
//! assert_eq!(client.ready_state(), ReadyState::Closed);
//! assert_eq!(client.poll_timeout(), None);
//! ```

mod backoff;
mod config;
mod policy;
mod state;
mod words;

use core::fmt;

use crate::client::state::Machine;
use crate::decode::{Decoder, Frames};
use crate::event::{Event, EventRef};
use crate::frame::FrameRef;
use crate::time::Timestamp;

pub use self::config::{ClientConfig, Reconnect};
pub use self::policy::ResponseHead;
pub use self::words::{Action, Cause, CloseReason, End, Phase, ReadyState, Request};

/// Decides for a reconnecting client what to do next.
///
/// The [module](self) shows the states and how to drive it. It holds a [`Decoder`] and little else,
/// and is inert: nothing happens unless a method is called.
#[derive(Clone)]
pub struct Client {
    decoder: Decoder,
    machine: Machine,
}

impl Client {
    /// Makes a client that wants to connect at once.
    pub fn new(config: ClientConfig, now: Timestamp) -> Self {
        let mut decoder = Decoder::with_config(config.decoder);
        let seeded = decoder.set_last_event_id(&config.last_event_id);
        debug_assert!(seeded.is_ok(), "the configuration has checked it");
        Self {
            decoder,
            machine: Machine::new(config, now),
        }
    }

    /// Returns the next thing to do, `None` when there is nothing to do but to wait.
    ///
    /// Each is returned once, so all must be carried out.
    #[must_use = "an action that is not carried out is lost"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.machine.poll_action(self.decoder.last_event_id())
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
    /// let mut client = Client::new(ClientConfig::new(), now);
    /// let _connect = client.poll_action();
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
        match self.machine.phase() {
            Phase::Connecting | Phase::Retrying { .. } => ReadyState::Connecting,
            Phase::Open => ReadyState::Open,
            Phase::Closed(_) => ReadyState::Closed,
        }
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
/// let mut client = Client::new(ClientConfig::new(), now);
/// let _connect = client.poll_action();
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
