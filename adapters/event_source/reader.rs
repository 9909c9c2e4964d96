//! A transport of anything that reads bytes.

use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use bytes::Buf;
use http::{HeaderValue, Response, header};

use super::super::read_buffer::ReadBuffer;
use super::super::runtime::{ReadFrom, Timeout, Timer};
use super::connect::{BoxError, ByteStream, Connect, ConnectError};
use crate::client::Attempt;

/// Connects by a function of the caller's that returns a byte stream: a Unix socket, a pipe, one's
/// own HTTP.
///
/// Whatever it returns counts as an open event stream. An attempt that takes longer than the connect
/// timeout, 10 seconds by default, is dropped. Made by `from_reader` of the runtime's module.
pub struct FromReader<F, T> {
    open: F,
    connect_timeout: Option<Duration>,
    runtime: PhantomData<fn() -> T>,
}

impl<F, T> FromReader<F, T> {
    /// Makes a transport of a function that is called once for each connection.
    pub const fn new(open: F) -> Self {
        Self {
            open,
            connect_timeout: Some(CONNECT_TIMEOUT),
            runtime: PhantomData,
        }
    }

    /// Sets how long the function may take; `None` for as long as it likes.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
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
}

impl<F, T> fmt::Debug for FromReader<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromReader")
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// Is one attempt of a [`FromReader`].
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
            Some(timeout) => timeout.poll(cx).map(|()| Err(ConnectError::too_slow())),
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

/// Delivers what a byte stream of the runtime's kind reads.
pub struct ReaderStream<R, T> {
    reader: R,
    buffer: ReadBuffer,
    runtime: PhantomData<fn() -> T>,
}

impl<R, T> ReaderStream<R, T> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: ReadBuffer::new(),
            runtime: PhantomData,
        }
    }
}

impl<R, T: ReadFrom<R>> ByteStream for ReaderStream<R, T> {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], BoxError>> {
        while !self.buffer.has_remaining() {
            let reader = &mut self.reader;
            let filled = self
                .buffer
                .poll_fill(cx, |cx, room| T::poll_read(reader, cx, room));
            match ready!(filled) {
                Some(Ok(())) => {}
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None => return Poll::Ready(Ok(&[])),
            }
        }
        Poll::Ready(Ok(self.buffer.chunk()))
    }

    fn consume(&mut self, len: usize) {
        self.buffer.advance(len);
    }
}

impl<R, T> fmt::Debug for ReaderStream<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderStream").finish_non_exhaustive()
    }
}

/// Makes the answer that stands for a transport without answers.
fn event_stream<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static("text/event-stream");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// How long a connection may take to be made, unless the caller says otherwise.
pub(in super::super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
