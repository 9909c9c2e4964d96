//! The event source that users hold.

use alloc::boxed::Box;
use core::fmt;
use core::future::poll_fn;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use http::response::Parts;

use super::connect::Connect;
use super::driver::Driver;
use super::failure::{Disconnect, Error};
use super::hooks::Hooks;
use super::watch::{PhaseSender, PhaseWatch};
use crate::adapters::io::BoxError;
#[cfg(feature = "json")]
use crate::adapters::io::{Events, JsonStream};
use crate::adapters::runtime::Timer;
use crate::adapters::seed::random_seed;
use crate::client::{Attempt, ClientConfig, OmittedId, Phase};
use crate::{Event, EventRef, Frame, FrameRef};

/// A stream of events that reconnects.
///
/// It recovers from whatever a new connection can fix, so an error is final and only `None` follows
/// it. [`ClientConfig`] decides what is tried again, and how often. By default, a server that
/// cannot be reached is tried again without end, and [`on_disconnect`](Self::on_disconnect) reports
/// each failure. If the end is orderly, `None` follows the last event and there is no error.
///
/// An event source spawns nothing. It works only while one of its methods or futures is polled, and
/// dropping it closes the connection at once.
///
/// # Methods
///
/// - **Hooks**, to set before the first poll: [`on_attempt`](Self::on_attempt),
///   [`on_open`](Self::on_open), [`on_disconnect`](Self::on_disconnect) and
///   [`stop_when`](Self::stop_when).
/// - **Owned** items: [`next`](Self::next), which is also the [`Stream`], and
///   [`next_frame`](Self::next_frame).
/// - **Borrowed** items, which are faster to take: [`for_each_event`](Self::for_each_event) and
///   [`for_each_frame`](Self::for_each_frame).
/// - **Commands**: [`close`](Self::close) and [`restart`](Self::restart).
/// - **Views**: [`phase`](Self::phase), [`watch`](Self::watch),
///   [`last_event_id`](Self::last_event_id) and [`cut_off_event`](Self::cut_off_event).
///
/// All four ways to take items can be mixed.
///
/// # Panics in hooks
///
/// If a hook, a visitor or the transport panics, the panic reaches whoever polls, and the event source
/// stays usable. An event that a visitor or [`stop_when`](Self::stop_when) panics at counts as taken. A
/// connection that is being opened when a hook or the transport panics is given up: the event source
/// closes with [`CloseReason::Refused`](crate::client::CloseReason::Refused).
///
/// # Examples
///
/// `ssewire::tokio` and `ssewire::async_std` have this type with their own timers:
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use ssewire::client::{ClientConfig, Reconnect};
/// use ssewire::tokio::{EventSource, from_reader};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A transport of your own can be anything that reads bytes.
/// let connect = from_reader(|_attempt| async { Ok(&b"data: hello\n\n"[..]) });
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
    driver: Driver<C, T>,
}

impl<C: Connect, T: Timer> EventSource<C, T> {
    /// Creates an event source over a transport, with the timer of its runtime and a random seed.
    ///
    /// The first connection is opened when the event source is first polled. If `config` does not
    /// decide when to reconnect, the transport's [`method`](Connect::method) does.
    pub fn new(connect: C, config: ClientConfig) -> Self
    where
        T: Default,
    {
        Self::with_timer(connect, config, random_seed(), T::default())
    }

    /// Creates an event source over a transport, with a timer and the seed of the jitter. Otherwise
    /// the same as [`new`](Self::new).
    pub fn with_timer(connect: C, config: ClientConfig, seed: u64, timer: T) -> Self {
        Self {
            driver: Driver::new(connect, config, seed, timer),
        }
    }

    /// Calls `hook` before each attempt to connect.
    ///
    /// The attempt tells its number since the last progress, the last event ID that it carries and, if
    /// it cannot carry one, [why](Attempt::omitted_last_event_id).
    pub fn on_attempt(mut self, hook: impl FnMut(&Attempt) + Send + 'static) -> Self {
        self.hooks_mut().on_attempt = Some(Box::new(hook));
        self
    }

    /// Calls `hook` with the head of each response that opens the stream.
    ///
    /// The hook can refuse the response. Its error then closes the event source, and is the
    /// [`source`](core::error::Error::source) of the [`Error`] that follows.
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

    /// Calls `hook` whenever a connection is lost, could not be opened, is refused or is closed.
    pub fn on_disconnect(mut self, hook: impl FnMut(&Disconnect<'_>) + Send + 'static) -> Self {
        self.hooks_mut().on_disconnect = Some(Box::new(hook));
        self
    }

    /// Closes the event source after the first event for which `predicate` returns `true`.
    ///
    /// That event is still returned. The connection is closed with it, even if more would follow.
    pub fn stop_when(
        mut self,
        predicate: impl FnMut(EventRef<'_>) -> bool + Send + 'static,
    ) -> Self {
        self.hooks_mut().stop_when = Some(Box::new(predicate));
        self
    }

    /// Sets how many bytes of the body of a response that does not open the stream are kept for
    /// [`Error::response`] and [`Disconnect::response`]; 8 KiB by default. They are waited for, but no
    /// longer than 2 seconds. With 0 nothing is read.
    pub const fn max_error_body_bytes(mut self, bytes: usize) -> Self {
        self.driver.max_error_body_bytes = bytes;
        self
    }

    /// Returns the next event, or `None` once the event source has closed.
    ///
    /// # Errors
    ///
    /// [`Error`] if the event source has closed and the end was not orderly. It is returned once;
    /// `None` follows.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. If its future is dropped before it is ready, no event is lost.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        poll_fn(|cx| self.driver.poll_taken(cx, |chunk| chunk.next_event())).await
    }

    /// Returns the next frame, or `None` once the event source has closed.
    ///
    /// Frames are events, reconnection times and, if
    /// [`DecoderConfig::comments`](crate::DecoderConfig::comments) is set, comments. A comment is
    /// returned as soon as its line has ended.
    ///
    /// # Errors
    ///
    /// The same as [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. If its future is dropped before it is ready, no frame is lost.
    pub async fn next_frame(&mut self) -> Option<Result<Frame, Error>> {
        poll_fn(|cx| self.driver.poll_taken(cx, |chunk| chunk.next_frame())).await
    }

    /// Calls `visit` with each event until it breaks or the event source closes.
    ///
    /// Returns the value that `visit` breaks with, or `None` after an orderly end. The events are
    /// borrowed, so no memory is allocated for them. All events of one chunk are visited in one poll.
    /// The events after the one that `visit` breaks at are left to the next call of any method.
    ///
    /// # Errors
    ///
    /// The same as [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. If its future is dropped before it is ready, each event that has
    /// arrived was either visited or is left to the next call.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # mod run {
    /// use core::ops::ControlFlow;
    ///
    /// use ssewire::client::ClientConfig;
    /// use ssewire::tokio::{EventSource, from_reader};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let connect = from_reader(|_attempt| async { Ok(&b"data: 1\n\ndata: 2\n\ndata: 3\n\n"[..]) });
    /// let mut events = EventSource::new(connect, ClientConfig::new());
    ///
    /// let mut sum = 0;
    /// let third = events
    ///     .for_each_event(|event| match event.data().parse::<u32>() {
    ///         Ok(3) => ControlFlow::Break("three"),
    ///         number => {
    ///             sum += number.unwrap_or_default();
    ///             ControlFlow::Continue(())
    ///         }
    ///     })
    ///     .await?;
    /// assert_eq!(third, Some("three"));
    /// assert_eq!(sum, 3);
    /// # Ok(())
    /// # }
    /// # }
    /// # #[cfg(feature = "tokio")]
    /// # run::main().unwrap();
    /// ```
    pub async fn for_each_event<R>(
        &mut self,
        mut visit: impl FnMut(EventRef<'_>) -> ControlFlow<R>,
    ) -> Result<Option<R>, Error> {
        let visit = |frame: FrameRef<'_>| match frame {
            FrameRef::Event(event) => visit(event),
            _ => ControlFlow::Continue(()),
        };
        self.for_each_frame(visit).await
    }

    /// Calls `visit` with each frame until it breaks or the event source closes.
    ///
    /// Otherwise the same as [`for_each_event`](Self::for_each_event), for the frames of
    /// [`next_frame`](Self::next_frame).
    ///
    /// # Errors
    ///
    /// The same as [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. If its future is dropped before it is ready, each frame that has
    /// arrived was either visited or is left to the next call.
    pub async fn for_each_frame<R>(
        &mut self,
        mut visit: impl FnMut(FrameRef<'_>) -> ControlFlow<R>,
    ) -> Result<Option<R>, Error> {
        let end = poll_fn(|cx| {
            self.driver
                .poll_taken(cx, |chunk| chunk.for_each_frame(&mut visit))
        });
        end.await.transpose()
    }

    /// Returns a stream of what the events are as JSON.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[cfg(all(feature = "tokio", feature = "hyper"))]
    /// # mod run {
    /// use ssewire::tokio::EventSource;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut prices = EventSource::get("http://127.0.0.1:8888/prices")
    ///     .json::<(String, f64)>()
    ///     .error_when(|event| event.event_type() == "error");
    /// while let Some(price) = prices.next().await {
    ///     let (symbol, price) = price?;
    ///     println!("{symbol}: {price}");
    /// }
    /// # Ok(())
    /// # }
    /// # }
    /// ```
    #[cfg(feature = "json")]
    pub fn json<V: serde::de::DeserializeOwned>(self) -> JsonStream<Self, V> {
        JsonStream::new(self)
    }

    /// Closes the event source and its connection. Only `None` follows.
    pub fn close(&mut self) {
        self.driver.close();
    }

    /// Drops the connection, and opens a new one after the usual wait, for instance because the
    /// network has changed. Does nothing while the event source waits or after it has closed.
    pub fn restart(&mut self) {
        self.driver.restart();
    }

    /// Returns a view of the state that other tasks can wait on.
    pub fn watch(&mut self) -> PhaseWatch {
        let phase = self.phase();
        let watched = &mut self.hooks_mut().watched;
        watched
            .get_or_insert_with(|| PhaseSender::new(phase))
            .watch()
    }

    /// Returns the event that the end of the last connection cut off, if there is one.
    ///
    /// It is returned once, and only until the next connection opens. See
    /// [`Client::cut_off_event`](crate::client::Client::cut_off_event).
    pub fn cut_off_event(&mut self) -> Option<EventRef<'_>> {
        self.driver.client.cut_off_event()
    }

    /// Returns the state.
    pub const fn phase(&self) -> Phase {
        self.driver.phase
    }

    /// Returns the last event ID, or `None` if it is empty.
    pub fn last_event_id(&self) -> Option<&str> {
        self.driver.client.last_event_id()
    }

    /// Returns why no request can carry the last event ID. `None` if one can, or if it is empty.
    ///
    /// See [`Client::omitted_last_event_id`](crate::client::Client::omitted_last_event_id).
    pub fn omitted_last_event_id(&self) -> Option<OmittedId> {
        self.driver.client.omitted_last_event_id()
    }

    fn hooks_mut(&mut self) -> &mut Hooks {
        self.driver.hooks.get_or_insert_default()
    }
}

impl<C: Connect, T: Timer> Stream for EventSource<C, T>
where
    Self: Unpin,
{
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.driver.poll_taken(cx, |chunk| chunk.next_event())
    }
}

#[cfg(feature = "json")]
impl<C: Connect, T: Timer> Events for EventSource<C, T> {
    type Error = Error;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        self.driver.poll_taken(cx, |chunk| chunk.next_event())
    }

    fn is_over(&self) -> bool {
        self.driver.is_over
    }

    fn end(&mut self) {
        self.close();
    }
}

impl<C: Connect, T: Timer> FusedStream for EventSource<C, T>
where
    Self: Unpin,
{
    /// Returns whether only `None` follows.
    fn is_terminated(&self) -> bool {
        self.driver.is_over
    }
}

/// No field is pinned.
impl<C: Connect, T> Unpin for EventSource<C, T> {}

impl<C: Connect, T> fmt::Debug for EventSource<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("client", &self.driver.client)
            .finish_non_exhaustive()
    }
}
