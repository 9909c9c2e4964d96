//! What the driver needs of a transport.

use core::error::Error;
use core::fmt;

use http::Response;

use crate::adapters::io::{BoxError, ByteStream};
use crate::client::{Attempt, End};

/// Opens the connections of an [`EventSource`](super::EventSource).
///
/// Nothing here has to be [`Send`]; the event source is if all of these are. To drop a future or a
/// body must end what it stands for at once.
///
/// # Examples
///
/// A transport that answers from memory:
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
/// }
/// ```
pub trait Connect {
    /// The body of an answer.
    type Body: ByteStream<Error: Into<BoxError>>;
    /// What becomes the head and the body of an answer. `Box::pin` makes any future [`Unpin`].
    type Future: Future<Output = Result<Response<Self::Body>, ConnectError>> + Unpin;

    /// Starts one attempt: a connection of its own, and the request, which carries what
    /// [`Attempt`] says.
    fn connect(&mut self, attempt: &Attempt) -> Self::Future;

    /// Returns the method of the request, which decides whether it may be repeated.
    fn method(&self) -> &str {
        "GET"
    }
}

/// Reports an attempt that came to nothing before there was an answer.
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
    /// Reports that the connection could not be made, or ended before the response head.
    pub fn failed(source: impl Into<BoxError>) -> Self {
        Self::new(End::Failed, source)
    }

    /// Reports that the connection was not made in time.
    pub fn timed_out(source: impl Into<BoxError>) -> Self {
        Self::new(End::TimedOut, source)
    }

    /// Reports that no attempt can succeed: the event source closes.
    pub fn refused(source: impl Into<BoxError>) -> Self {
        Self::new(End::Refused, source)
    }

    /// Reports that the connect timeout is over.
    pub(in crate::adapters) fn too_slow() -> Self {
        Self::timed_out("the connection was not made within the connect timeout")
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
