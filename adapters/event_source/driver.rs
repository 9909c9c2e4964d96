//! The loop: actions out to the transport, facts in from it.

use alloc::boxed::Box;
use core::fmt;
use core::future::poll_fn;
use core::hash::BuildHasher;
use core::mem;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::hash::RandomState;
use std::time::SystemTime;

use futures_core::Stream;
use http::response::Parts;
use http::{HeaderMap, HeaderName, Response, header};

use super::super::runtime::{Alarm, Timer};
use super::connect::{BoxError, ByteStream, Connect};
use super::failure::{Disconnect, Error, Failure};
use super::hooks::Hooks;
use super::rejected::Rejected;
use super::watch::{PhaseSender, PhaseWatch};
use crate::client::{Action, Client, ClientConfig, CloseReason, End, Phase, ResponseHead};
use crate::{Event, EventRef, Frame, FrameRef, Timestamp};

/// Receives events, and reconnects as long as that makes sense.
///
/// It is a [`Stream`] of events. What it can mend by a new connection it mends, so an error is the
/// last item but the final `None`; an orderly end has none. [`ClientConfig`] says what is tried
/// again and how patiently.
///
/// Nothing is spawned and nothing happens unless it is polled, which drives the connection too; to
/// drop it closes the socket at once. All calls are cancel-safe: what a dropped future has not
/// given out, the next call gives.
///
/// # Examples
///
/// `ssewire::tokio` and `ssewire::async_std` name it with their own timers:
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use ssewire::client::{ClientConfig, Reconnect};
/// use ssewire::tokio::{EventSource, from_reader};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A transport of one's own: whatever reads bytes.
/// let connect = from_reader(|_request| async { Ok(&b"data: hello\n\n"[..]) });
/// let config = ClientConfig::new().reconnect(Reconnect::Never);
///
/// let mut events = EventSource::new(connect, config);
/// while let Some(event) = events.next().await {
///     assert_eq!(event?.data(), "hello");
/// }
/// # Ok(())
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main().unwrap();
/// ```
pub struct EventSource<C: Connect, T> {
    client: Client,
    connect: C,
    connection: Connection<C>,
    alarm: Alarm<T>,
    /// When the bytes arrived that are being decoded.
    now: Timestamp,
    /// Whether bytes that arrived then are still there.
    has_unread: bool,
    /// What was done since it waited for something last, in the units of [`TURN`].
    turn: u32,
    /// Whether the client may have decided something since it was asked last.
    is_unsettled: bool,
    /// What was told last.
    phase: Phase,
    failure: Failure,
    /// Whether the last item was given out.
    is_over: bool,
    hooks: Option<Box<Hooks>>,
}

enum Connection<C: Connect> {
    None,
    Connecting(C::Future),
    Open(C::Body),
    Rejected(Box<Rejected<C::Body>>),
}

impl<C: Connect, T: Timer> EventSource<C, T> {
    /// Makes an event source over a transport and a timer. The first connection is made when it is
    /// polled first.
    ///
    /// The transport's [`method`](Connect::method) decides about reconnects where `config` does
    /// not, and the jitter gets a random seed where `config` has none.
    pub fn with_timer(connect: C, config: ClientConfig, timer: T) -> Self {
        let config = config.method(connect.method());
        let client = Client::new(config, RandomState::new().hash_one(0));
        Self {
            phase: client.phase(),
            client,
            connect,
            connection: Connection::None,
            alarm: Alarm::new(timer),
            now: Timestamp::default(),
            has_unread: false,
            turn: 0,
            is_unsettled: true,
            failure: Failure::default(),
            is_over: false,
            hooks: None,
        }
    }

    /// Makes an event source over a transport, with the timer of its runtime.
    pub fn new(connect: C, config: ClientConfig) -> Self
    where
        T: Default,
    {
        Self::with_timer(connect, config, T::default())
    }

    /// Has every answer that opens the stream shown to `hook`, which may refuse it: an error closes
    /// the event source and becomes the [`source`](core::error::Error::source) of its error.
    pub fn on_open<E>(
        mut self,
        mut hook: impl FnMut(&Parts) -> Result<(), E> + Send + 'static,
    ) -> Self
    where
        E: Into<BoxError>,
    {
        self.hooks_mut().on_open = Some(Box::new(move |parts| hook(parts).map_err(Into::into)));
        self
    }

    /// Has `hook` called whenever a connection is lost, not made, refused or closed.
    pub fn on_disconnect(mut self, hook: impl FnMut(&Disconnect<'_>) + Send + 'static) -> Self {
        self.hooks_mut().on_disconnect = Some(Box::new(hook));
        self
    }

    /// Ends the stream with the first event for which `predicate` holds. That event is still given
    /// out; the connection is closed with it, without waiting for its end.
    pub fn stop_when(
        mut self,
        predicate: impl FnMut(EventRef<'_>) -> bool + Send + 'static,
    ) -> Self {
        self.hooks_mut().stop_when = Some(Box::new(predicate));
        self
    }

    /// Waits for the next event. `None` after the last one, or after an error, and ever after.
    ///
    /// # Errors
    ///
    /// [`Error`] once, when the event source has closed and that was not orderly.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        poll_fn(|cx| self.poll_next_event(cx)).await
    }

    /// Waits for the next frame: events, reconnection times, and comments if the
    /// [`DecoderConfig`](crate::DecoderConfig) asks for them. A comment is there as soon as its line
    /// ends.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn next_frame(&mut self) -> Option<Result<Frame, Error>> {
        poll_fn(|cx| self.poll_next_frame(cx)).await
    }

    /// Shows each event to `visit` where it lies, without an allocation, until `visit` breaks or the
    /// event source closes. All events of one piece of the body are shown in one poll.
    ///
    /// Returns what `visit` broke with, and `None` after an orderly end. Events behind a break wait
    /// for the next call of any method.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn for_each_event<R>(
        &mut self,
        mut visit: impl FnMut(EventRef<'_>) -> ControlFlow<R>,
    ) -> Result<Option<R>, Error> {
        let outcome = poll_fn(|cx| {
            self.poll_taken(cx, |client, hooks, now, input| {
                visit_events(client, hooks, now, input, &mut visit)
            })
        });
        outcome.await.transpose()
    }

    /// Ends the event source: the connection is closed, and the stream gives `None`.
    pub fn close(&mut self) {
        self.client.close();
        self.connection = Connection::None;
        self.settle();
    }

    /// Drops the connection and opens a new one after the wait that is due, for instance because
    /// the network has changed. Ignored while it waits, and once it is closed.
    pub fn restart(&mut self) {
        self.client.restart(self.alarm.now());
        self.connection = Connection::None;
        self.settle();
    }

    /// Returns a view of the state that other tasks can wait on.
    pub fn watch(&mut self) -> PhaseWatch {
        let phase = self.phase;
        let watched = &mut self.hooks_mut().watched;
        watched
            .get_or_insert_with(|| PhaseSender::new(phase))
            .watch()
    }

    /// Lends the event that the end of the last connection cut off, once and until the next
    /// connection opens; see [`Client::cut_off_event`].
    pub fn cut_off_event(&mut self) -> Option<EventRef<'_>> {
        self.client.cut_off_event()
    }

    /// Returns the transport.
    pub const fn connect_mut(&mut self) -> &mut C {
        &mut self.connect
    }

    /// Returns the state.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the last event ID; `None` if it is empty.
    pub fn last_event_id(&self) -> Option<&str> {
        self.client.last_event_id()
    }

    fn hooks_mut(&mut self) -> &mut Hooks {
        self.hooks.get_or_insert_default()
    }

    fn poll_next_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        self.poll_taken(cx, |client, hooks, now, input| {
            let event = client.next_event(now, input);
            if let (Some(hooks), Some(event)) = (hooks, &event) {
                if hooks.stops_at(event.as_event_ref()) {
                    client.close();
                }
            }
            event
        })
    }

    fn poll_next_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        self.poll_taken(cx, |client, hooks, now, input| {
            let frame = client.handle_data(now, input)?;
            let stops = matches!(frame, FrameRef::Event(event) if stops_at(hooks, event));
            let frame = frame.to_frame();
            if stops {
                client.close();
            }
            Some(frame)
        })
    }

    /// Goes on until `take` has taken something out of the bytes that arrive, or all is over.
    fn poll_taken<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Client, &mut Option<Box<Hooks>>, Timestamp, &mut &[u8]) -> Option<R>,
    ) -> Poll<Option<Result<R, Error>>> {
        loop {
            if self.is_unsettled && !matches!(self.connection, Connection::Rejected(_)) {
                self.settle();
            }
            if let (Connection::None, Phase::Closed(reason)) = (&self.connection, self.phase) {
                return Poll::Ready(self.last_item(reason).map(Err));
            }
            // A peer that never lets the transport run dry, or fails without a wait, would keep all
            // other work of the task waiting.
            if self.turn >= TURN {
                self.turn = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Connection::Open(body) = &mut self.connection else {
                ready!(self.poll_aside(cx));
                self.turn += READ;
                continue;
            };
            match body.poll_bytes(cx) {
                Poll::Ready(Ok([])) => self.lose(End::Clean, Failure::default()),
                Poll::Ready(Ok(mut bytes)) => {
                    self.turn += if self.has_unread { 1 } else { READ };
                    if !self.has_unread {
                        self.now = self.alarm.now();
                    }
                    let len = bytes.len();
                    let taken = take(&mut self.client, &mut self.hooks, self.now, &mut bytes);
                    let left = bytes.len();
                    body.consume(len - left);
                    self.has_unread = left > 0;
                    if matches!(self.client.phase(), Phase::Closed(_)) {
                        self.settle();
                    }
                    if taken.is_some() {
                        return Poll::Ready(taken.map(Ok));
                    }
                }
                Poll::Ready(Err(error)) => self.lose(End::Failed, Failure::of_error(error)),
                Poll::Pending => ready!(self.poll_timeout(cx)),
            }
        }
    }

    /// Goes on while no stream is open; ready when something has changed.
    fn poll_aside(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.connection {
            Connection::Connecting(future) => match Pin::new(future).poll(cx) {
                Poll::Ready(Ok(response)) => self.take_answer(response),
                Poll::Ready(Err(error)) => {
                    let (end, source) = error.into_parts();
                    self.lose(end, Failure::of_error(source));
                }
                Poll::Pending => return self.poll_timeout(cx),
            },
            Connection::Rejected(rejected) => {
                let is_late = self.alarm.poll(cx, rejected.deadline()).is_ready();
                if !is_late {
                    ready!(rejected.poll_piece(cx));
                }
                let connection = mem::replace(&mut self.connection, Connection::None);
                if let Connection::Rejected(rejected) = connection {
                    self.failure = Failure::of_response(rejected.into_response());
                }
                self.is_unsettled = true;
            }
            Connection::None | Connection::Open(_) => return self.poll_timeout(cx),
        }
        Poll::Ready(())
    }

    fn last_item(&mut self, reason: CloseReason) -> Option<Error> {
        if mem::replace(&mut self.is_over, true) || reason.is_orderly() {
            return None;
        }
        Some(Error::new(reason, mem::take(&mut self.failure)))
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let expired = match self.client.poll_timeout() {
            Some(deadline) => self.alarm.poll(cx, deadline),
            None => Poll::Pending,
        };
        let Poll::Ready(now) = expired else {
            self.turn = 0;
            return Poll::Pending;
        };
        self.client.handle_timeout(now);
        self.is_unsettled = true;
        Poll::Ready(())
    }

    fn take_answer(&mut self, response: Response<C::Body>) {
        let now = self.alarm.now();
        let (parts, body) = response.into_parts();
        self.client.handle_response(now, &head_of(&parts));
        self.is_unsettled = true;
        self.has_unread = false;
        if !matches!(self.client.phase(), Phase::Open) {
            let rejected = Rejected::new(parts, body, now);
            self.connection = Connection::Rejected(Box::new(rejected));
            return;
        }
        let hook = self.hooks.as_mut().and_then(|hooks| hooks.on_open.as_mut());
        match hook.map_or(Ok(()), |hook| hook(&parts)) {
            Ok(()) => self.connection = Connection::Open(body),
            Err(error) => {
                self.failure = Failure::of_error(error);
                self.client.refuse();
            }
        }
    }

    fn lose(&mut self, end: End, failure: Failure) {
        self.connection = Connection::None;
        self.failure = failure;
        self.client.handle_end(self.alarm.now(), end);
        self.is_unsettled = true;
    }

    /// Carries out what the client has decided, and tells.
    fn settle(&mut self) {
        self.is_unsettled = false;
        while let Some(action) = self.client.poll_action(self.alarm.now()) {
            match action {
                Action::Connect(request) => {
                    self.failure = Failure::default();
                    self.connection = Connection::Connecting(self.connect.connect(&request));
                }
                _ => self.connection = Connection::None,
            }
        }
        let phase = self.client.phase();
        let before = mem::replace(&mut self.phase, phase);
        if let (true, Some(hooks)) = (phase != before, &mut self.hooks) {
            hooks.phase_changed(before, phase, &self.failure);
        }
    }
}

impl<C: Connect, T: Timer> Stream for EventSource<C, T>
where
    Self: Unpin,
{
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next_event(cx)
    }
}

/// Nothing in it is pinned where it lies.
impl<C: Connect, T> Unpin for EventSource<C, T> {}

impl<C: Connect, T> fmt::Debug for EventSource<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

fn stops_at(hooks: &mut Option<Box<Hooks>>, event: EventRef<'_>) -> bool {
    match hooks {
        None => false,
        Some(hooks) => hooks.stops_at(event),
    }
}

fn visit_events<R>(
    client: &mut Client,
    hooks: &mut Option<Box<Hooks>>,
    now: Timestamp,
    input: &mut &[u8],
    visit: &mut impl FnMut(EventRef<'_>) -> ControlFlow<R>,
) -> Option<R> {
    let mut frames = client.frames(now, input);
    while let Some(frame) = frames.next_frame() {
        let FrameRef::Event(event) = frame else {
            continue;
        };
        let stops = stops_at(hooks, event);
        let flow = visit(event);
        if stops {
            client.close();
            return flow.break_value();
        }
        if let ControlFlow::Break(value) = flow {
            return Some(value);
        }
    }
    None
}

/// Picks what the client needs of a head. Of several values of a header the last one counts.
fn head_of(parts: &Parts) -> ResponseHead<'_> {
    let mut head = ResponseHead::new(parts.status.as_u16());
    if let Some(value) = last(&parts.headers, header::CONTENT_TYPE) {
        head = head.content_type(value);
    }
    if let Some(value) = last(&parts.headers, header::DATE) {
        head = head.date(value);
    }
    if let Some(value) = last(&parts.headers, header::RETRY_AFTER) {
        head = head.retry_after(value).unix_time(unix_time());
    }
    head
}

fn last(headers: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    let value = headers.get_all(name).iter().next_back();
    value.map(|value| value.as_bytes())
}

#[expect(
    clippy::disallowed_methods,
    reason = "an adapter reads the clocks for the core"
)]
fn unix_time() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

/// How much is done, in all calls together, before other tasks get their turn: taking out one item
/// is 1 of it.
const TURN: u32 = 1024;
/// How much of it is a read, or a step on the way to a connection. 16 of them are well below
/// tokio's budget for a task, 128, which would leave nothing for the others in it.
const READ: u32 = 64;
