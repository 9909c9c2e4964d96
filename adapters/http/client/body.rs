//! The body of a response, and the connection that it comes from.

use alloc::boxed::Box;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use ::hyper::body::Incoming;

use super::budget::Budget;
use super::wakes::Wakes;
use crate::adapters::http::BodyStream;
use crate::adapters::io::ByteStream;

/// The body of a response to [`Http`](super::Http).
///
/// Polling it drives its connection too, which belongs to it alone: dropping it closes the socket.
pub struct HttpBody {
    stream: BodyStream<Incoming>,
    connection: Connection,
    budget: Budget,
    wakes: Wakes,
}

/// What hyper does on a socket. Its result is not used: the response or its body has the error.
pub(super) struct Connection(Option<Pin<Box<dyn Future<Output = ::hyper::Result<()>> + Send>>>);

impl Connection {
    pub(super) fn new(driver: impl Future<Output = ::hyper::Result<()>> + Send + 'static) -> Self {
        Self(Some(Box::pin(driver)))
    }

    /// Drives the connection until a future that depends on it is done.
    pub(super) async fn drive_until<F: Future + Unpin>(&mut self, mut future: F) -> F::Output {
        poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
            Poll::Pending => {
                self.drive(cx);
                Pin::new(&mut future).poll(cx)
            }
            done => done,
        })
        .await
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.0 {
            if driver.as_mut().poll(cx).is_ready() {
                self.0 = None;
            }
        }
    }
}

impl HttpBody {
    pub(super) fn new(incoming: Incoming, connection: Connection, budget: Budget) -> Self {
        Self {
            stream: BodyStream::new(incoming),
            connection,
            budget,
            wakes: Wakes::new(),
        }
    }

    /// Waits for more bytes, driving the connection while the body has none.
    fn poll_filled(&mut self, cx: &mut Context<'_>) -> Poll<::hyper::Result<()>> {
        let Self {
            stream,
            connection,
            budget,
            wakes,
        } = self;
        let polled = wakes.poll_quietly(cx, |cx| {
            let polled = stream.poll_filled(cx);
            if polled.is_ready() {
                return polled;
            }
            connection.drive(cx);
            stream.poll_filled(cx)
        });
        if polled.is_pending() {
            budget.refill();
        }
        polled
    }
}

impl ByteStream for HttpBody {
    type Error = ::hyper::Error;

    #[inline]
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<::hyper::Result<&[u8]>> {
        if self.stream.bytes().is_empty() {
            ready!(self.poll_filled(cx))?;
        }
        Poll::Ready(Ok(self.stream.bytes()))
    }

    #[inline]
    fn consume(&mut self, len: usize) {
        self.stream.consume(len);
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBody")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
