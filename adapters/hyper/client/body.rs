//! The body of an answer, and the connection that it comes from.

use alloc::boxed::Box;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use ::hyper::body::Incoming;

use super::super::super::event_source::{BoxError, ByteStream};
use super::super::stream::BodyStream;
use super::wakes::Wakes;

/// Delivers the body of an answer to [`Http`](super::Http), and drives its connection meanwhile.
///
/// The connection belongs to it alone: dropping it closes the socket.
pub struct HttpBody {
    stream: BodyStream<Incoming>,
    connection: Connection,
    wakes: Wakes,
}

/// Drives what hyper does on a socket. How it ends is not looked at: the answer or its body say so.
pub(super) struct Connection(Option<Pin<Box<dyn Future<Output = ::hyper::Result<()>> + Send>>>);

impl Connection {
    pub(super) fn new(driver: impl Future<Output = ::hyper::Result<()>> + Send + 'static) -> Self {
        Self(Some(Box::pin(driver)))
    }

    /// Drives it until something that depends on it is done.
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
    pub(super) fn new(incoming: Incoming, connection: Connection) -> Self {
        Self {
            stream: BodyStream::new(incoming),
            connection,
            wakes: Wakes::new(),
        }
    }

    /// Waits for more, and drives the connection where the body alone has none.
    fn poll_filled(&mut self, cx: &mut Context<'_>) -> Poll<::hyper::Result<()>> {
        let Self {
            stream,
            connection,
            wakes,
        } = self;
        wakes.poll_quietly(cx, |cx| {
            let polled = stream.poll_filled(cx);
            if polled.is_ready() {
                return polled;
            }
            connection.drive(cx);
            stream.poll_filled(cx)
        })
    }
}

impl ByteStream for HttpBody {
    #[inline]
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], BoxError>> {
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
