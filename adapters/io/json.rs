//! Events whose data is JSON.

use alloc::boxed::Box;
use alloc::string::String;
use core::error::Error;
use core::fmt;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use serde::de::DeserializeOwned;

use crate::adapters::io::{ByteStream, EventReader};
use crate::{Event, EventRef, JsonError};

/// A source of owned events: a reader or an event source.
pub trait Events {
    /// The error in place of an event.
    type Error;

    /// Returns the next event, or `None` once there are no more.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Self::Error>>>;

    /// Returns whether only `None` follows.
    fn is_over(&self) -> bool;

    /// Ends it: only `None` follows.
    fn end(&mut self);
}

impl<S: ByteStream> Events for EventReader<S> {
    type Error = crate::adapters::io::ReadError<S::Error>;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Self::Error>>> {
        self.poll_next_event(cx).map(Result::transpose)
    }

    fn is_over(&self) -> bool {
        self.is_terminated()
    }

    fn end(&mut self) {
        self.set_over();
    }
}

/// A stream of what the events of a source are as JSON.
///
/// [`EventReader::json`] and [`EventSource::json`](crate::event_source::EventSource::json) create it.
/// Each event's data is parsed as a `T`, whatever its type. By default the stream ends when its source
/// does. Services that stream JSON mostly mark its end, and report errors as events; see
/// [`until`](Self::until) and [`error_when`](Self::error_when).
///
/// An error is not the end unless the source has ended: an event that is no `T` concerns itself alone.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use ssewire::tokio::EventReader;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let response = &b"data: [\"AAPL\",121.5]\n\ndata: [DONE]\n\n"[..];
/// let mut prices = EventReader::new(response)
///     .json::<(String, f64)>()
///     .until("[DONE]")
///     .error_when(|event| event.event_type() == "error");
///
/// while let Some(price) = prices.next().await {
///     let (symbol, price) = price?;
///     assert_eq!((&*symbol, price), ("AAPL", 121.5));
/// }
/// # Ok(())
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main().unwrap();
/// ```
pub struct JsonStream<S, T> {
    events: S,
    is_last: Option<Predicate>,
    is_error: Option<Predicate>,
    /// Whether the source has ended with an error.
    has_failed: bool,
    is_over: bool,
    kind: PhantomData<fn() -> T>,
}

type Predicate = Box<dyn FnMut(EventRef<'_>) -> bool + Send>;

impl<S, T> JsonStream<S, T> {
    pub(in crate::adapters) const fn new(events: S) -> Self {
        Self {
            events,
            is_last: None,
            is_error: None,
            has_failed: false,
            is_over: false,
            kind: PhantomData,
        }
    }

    /// Ends the stream at the first event with this data, which is not returned. OpenAI and most others
    /// send `[DONE]`.
    ///
    /// The source ends with it: an event source closes its connection. If the source ends without such
    /// an event, the response was cut off, and [`JsonStreamError::Unfinished`] is the last item.
    pub fn until(self, data: impl Into<String>) -> Self {
        let data = data.into();
        self.until_event(move |event| event.data() == data)
    }

    /// Ends the stream at the first event for which `predicate` returns `true`, which is not returned.
    /// Otherwise the same as [`until`](Self::until).
    pub fn until_event(
        mut self,
        predicate: impl FnMut(EventRef<'_>) -> bool + Send + 'static,
    ) -> Self {
        self.is_last = Some(Box::new(predicate));
        self
    }

    /// Returns each event for which `predicate` returns `true` as a [`JsonStreamError::Reported`].
    pub fn error_when(
        mut self,
        predicate: impl FnMut(EventRef<'_>) -> bool + Send + 'static,
    ) -> Self {
        self.is_error = Some(Box::new(predicate));
        self
    }

    /// Returns the source. Events that are taken from it directly are missing here.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.events
    }

    /// Returns the source.
    pub const fn get_ref(&self) -> &S {
        &self.events
    }

    /// Returns the source.
    pub fn into_inner(self) -> S {
        self.events
    }
}

impl<S: Events, T: DeserializeOwned> JsonStream<S, T> {
    /// Returns the next value, or `None` at the end and after it.
    ///
    /// # Errors
    ///
    /// [`JsonStreamError`]: those of the source, an event that is no `T`, an event that reports an
    /// error, and an end too early.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. If its future is dropped before it is ready, no event is lost.
    pub async fn next(&mut self) -> Option<Result<T, JsonStreamError<S::Error>>> {
        poll_fn(|cx| self.poll_value(cx)).await
    }

    fn poll_value(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, JsonStreamError<S::Error>>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let event = match ready!(self.events.poll_event(cx)) {
            Some(Ok(event)) => {
                self.has_failed = false;
                event
            }
            Some(Err(error)) => {
                // If the end follows, it is known to be none of the service's.
                self.has_failed = self.events.is_over();
                return Poll::Ready(Some(Err(JsonStreamError::Source(error))));
            }
            None => {
                self.is_over = true;
                let is_unfinished = self.is_last.is_some() && !self.has_failed;
                return Poll::Ready(is_unfinished.then_some(Err(JsonStreamError::Unfinished)));
            }
        };
        let is = |predicate: &mut Option<Predicate>| {
            predicate
                .as_mut()
                .is_some_and(|predicate| predicate(event.as_event_ref()))
        };
        if is(&mut self.is_last) {
            self.is_over = true;
            self.events.end();
            return Poll::Ready(None);
        }
        if is(&mut self.is_error) {
            return Poll::Ready(Some(Err(JsonStreamError::Reported(event))));
        }
        Poll::Ready(Some(event.parse_json().map_err(JsonStreamError::Json)))
    }
}

impl<S: Events, T: DeserializeOwned> Stream for JsonStream<S, T> {
    type Item = Result<T, JsonStreamError<S::Error>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_value(cx)
    }
}

impl<S: Events, T: DeserializeOwned> FusedStream for JsonStream<S, T> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

/// Nothing in it is pinned.
impl<S, T> Unpin for JsonStream<S, T> {}

impl<S: fmt::Debug, T> fmt::Debug for JsonStream<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonStream")
            .field("events", &self.events)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

/// The error in place of a value of a [`JsonStream`].
///
/// # Examples
///
/// ```
/// use ssewire::Event;
/// use ssewire::io::JsonStreamError;
///
/// let event = Event::new("overloaded").with_type("error")?;
/// let error = JsonStreamError::<std::io::Error>::Reported(event);
/// assert_eq!(error.to_string(), r#"the stream reports an error: event "error": "overloaded""#);
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum JsonStreamError<E> {
    /// The source failed.
    Source(E),
    /// The data of an event is not the JSON that was expected. The stream continues after it.
    Json(JsonError),
    /// This event reports an error, by [`JsonStream::error_when`].
    Reported(Event),
    /// The source ended before the event of [`JsonStream::until`], so something is missing.
    Unfinished,
}

impl<E: fmt::Display> fmt::Display for JsonStreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Json(error) => error.fmt(f),
            Self::Reported(event) => {
                let data = event.data();
                let start = data.char_indices().nth(MAX_SHOWN_CHARS);
                let (end, more) = start.map_or((data.len(), ""), |(end, _)| (end, "…"));
                let start = data.get(..end).unwrap_or_default();
                let event_type = event.event_type();
                write!(
                    f,
                    "the stream reports an error: event {event_type:?}: {start:?}{more}"
                )
            }
            Self::Unfinished => f.write_str(
                "the stream ended before the event that is to be its last, so it was cut off",
            ),
        }
    }
}

impl<E: Error> Error for JsonStreamError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(error) => error.source(),
            Self::Json(error) => error.source(),
            Self::Reported(_) | Self::Unfinished => None,
        }
    }
}

/// How much of an event's data an error shows.
const MAX_SHOWN_CHARS: usize = 256;
