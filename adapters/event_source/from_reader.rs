//! A transport over anything that reads bytes.

use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use http::{HeaderValue, Response, header};

use super::connect::{Connect, ConnectError};
use crate::adapters::io::ReaderStream;
use crate::adapters::runtime::{ReadFrom, Timeout, Timer};
use crate::client::Attempt;

/// A transport that calls a function to open a reader: a Unix socket, a pipe, an HTTP client of your
/// own.
///
/// The reader that it opens counts as an open event stream, and its opening as a `GET`, which may be
/// repeated. An attempt that takes longer than the
/// connect timeout, 10 seconds by default, is dropped. `from_reader` in the module of a runtime
/// creates it.
pub struct FromReader<F, T> {
    open: F,
    connect_timeout: Option<Duration>,
    runtime: PhantomData<fn() -> T>,
}

impl<F, T> FromReader<F, T> {
    /// Creates a transport from a function that is called once for each connection.
    pub const fn new(open: F) -> Self {
        Self {
            open,
            connect_timeout: Some(CONNECT_TIMEOUT),
            runtime: PhantomData,
        }
    }

    /// Sets how long the function may take. `None` or zero sets no limit.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into().filter(|timeout| !timeout.is_zero());
        self
    }
}

impl<F, T, A, R> Connect for FromReader<F, T>
where
    F: FnMut(&Attempt) -> A,
    A: Future<Output = io::Result<R>>,
    T: Timer + ReadFrom<R> + Default,
{
    type Body = ReaderStream<R, T>;
    type Future = OpenReader<A, T>;

    fn connect(&mut self, attempt: &Attempt) -> Self::Future {
        OpenReader {
            future: Box::pin((self.open)(attempt)),
            timeout: self.connect_timeout.map(Timeout::new),
        }
    }

    fn method(&self) -> Option<&str> {
        Some("GET")
    }
}

impl<F, T> fmt::Debug for FromReader<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromReader")
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// The future of one connection of a [`FromReader`].
pub struct OpenReader<A, T> {
    future: Pin<Box<A>>,
    timeout: Option<Timeout<T>>,
}

impl<A, T, R> Future for OpenReader<A, T>
where
    A: Future<Output = io::Result<R>>,
    T: Timer + Default,
{
    type Output = Result<Response<ReaderStream<R, T>>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(opened) = self.future.as_mut().poll(cx) {
            return Poll::Ready(match opened {
                Ok(reader) => Ok(event_stream(ReaderStream::new(reader))),
                Err(error) => Err(error.into()),
            });
        }
        match &mut self.timeout {
            Some(timeout) => timeout.poll(cx).map(|()| {
                let wait = timeout.wait();
                let message = alloc::format!("connect_timeout is {wait:?}");
                Err(ConnectError::timed_out(message))
            }),
            None => Poll::Pending,
        }
    }
}

/// Nothing in it is pinned where it lies.
impl<A, T> Unpin for OpenReader<A, T> {}

impl<A, T> fmt::Debug for OpenReader<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenReader").finish_non_exhaustive()
    }
}

/// Returns the response that stands for a transport that has none.
fn event_stream<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static("text/event-stream");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// The default connect timeout.
pub(in crate::adapters) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
