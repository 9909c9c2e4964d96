//! The transport of an event source.

use alloc::string::String;
use core::error::Error;
use core::fmt;

use http::Response;

use crate::adapters::io::{BoxError, ByteStream};
use crate::client::{Attempt, End};

/// A transport that opens the connections of an [`EventSource`](super::EventSource).
///
/// Its types need not be [`Send`]. The event source is [`Send`] if all of them are. Dropping a future
/// must end the attempt at once, and dropping a body must close the connection.
///
/// # Examples
///
/// A transport that responds from memory:
///
/// ```
/// use core::convert::Infallible;
/// use core::future::{Ready, ready};
/// use core::task::{Context, Poll};
///
/// use http::Response;
/// use ssewire::client::Attempt;
/// use ssewire::event_source::{Connect, ConnectError};
/// use ssewire::io::ByteStream;
///
/// struct Canned(&'static [u8]);
///
/// impl ByteStream for Canned {
///     type Error = Infallible;
///
///     fn poll_bytes(&mut self, _: &mut Context<'_>) -> Poll<Result<&[u8], Infallible>> {
///         Poll::Ready(Ok(self.0))
///     }
///
///     fn consume(&mut self, len: usize) {
///         self.0 = &self.0[len..];
///     }
/// }
///
/// struct Memory;
///
/// impl Connect for Memory {
///     type Body = Canned;
///     type Future = Ready<Result<Response<Canned>, ConnectError>>;
///
///     fn connect(&mut self, attempt: &Attempt) -> Self::Future {
///         let body = match attempt.last_event_id() {
///             None => &b"id: 1\ndata: first\n\n"[..],
///             Some(_) => &b"data: more\n\n"[..],
///         };
///         let response = Response::builder().header("content-type", "text/event-stream");
///         ready(response.body(Canned(body)).map_err(ConnectError::failed))
///     }
///
///     // It may be asked again and again.
///     fn method(&self) -> Option<&str> {
///         Some("GET")
///     }
/// }
/// ```
pub trait Connect {
    /// The body of a response.
    type Body: ByteStream<Error: Into<BoxError>>;
    /// The future of a response. `Box::pin` makes any future [`Unpin`].
    type Future: Future<Output = Result<Response<Self::Body>, ConnectError>> + Unpin;

    /// Starts an attempt: opens a connection and sends a request with the last event ID of `attempt`.
    fn connect(&mut self, attempt: &Attempt) -> Self::Future;

    /// Returns the method of the request, or `None` if it is not known.
    ///
    /// Unless [`ClientConfig::reconnect`](crate::client::ClientConfig::reconnect) decides, only a
    /// `GET` is ever repeated: a repeated POST may cost money. A transport that has no methods but
    /// only opens a stream returns `Some("GET")`.
    fn method(&self) -> Option<&str>;

    /// Returns the URL that messages name, without its secrets; see
    /// [`redacted`](super::redacted()). `None` by default, and for a transport that has no URL.
    fn url(&self) -> Option<String> {
        None
    }

    /// Returns the last event ID that the caller has put into the request itself; `None` by default.
    /// The first attempt carries it, unless
    /// [`ClientConfig::last_event_id`](crate::client::ClientConfig::last_event_id) sets another.
    fn last_event_id(&self) -> Option<&str> {
        None
    }
}

/// The error of an attempt that failed before a response arrived.
///
/// # Examples
///
/// ```
/// use ssewire::event_source::ConnectError;
///
/// let error = ConnectError::failed("no route to host");
/// assert_eq!(error.to_string(), "no route to host");
/// ```
pub struct ConnectError {
    end: End,
    source: BoxError,
}

impl ConnectError {
    /// Creates the error of a connection that could not be opened, or that ended before the response
    /// head.
    pub fn failed(source: impl Into<BoxError>) -> Self {
        Self::new(End::Failed, source)
    }

    /// Creates the error of a connection that was not opened in time.
    pub fn timed_out(source: impl Into<BoxError>) -> Self {
        Self::new(End::TimedOut, source)
    }

    /// Creates the error of a transport that knows that no attempt can succeed. The event source
    /// closes.
    pub fn refused(source: impl Into<BoxError>) -> Self {
        Self::new(End::Refused, source)
    }

    fn new(end: End, source: impl Into<BoxError>) -> Self {
        Self {
            end,
            source: source.into(),
        }
    }

    pub(super) fn into_parts(self) -> (End, BoxError) {
        (self.end, self.source)
    }
}

impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectError")
            .field(&self.end)
            .field(&self.source)
            .finish()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

impl From<std::io::Error> for ConnectError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error)
    }
}
