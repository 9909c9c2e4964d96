//! The body of an answer, and the connection that it comes from.

use alloc::boxed::Box;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use ::hyper::body::{Body, Incoming};
use bytes::{Buf, Bytes};

use super::super::super::event_source::{BoxError, ByteStream};
use super::wakes::Wakes;

/// Delivers the body of an answer to [`Http`](super::Http), and drives its connection meanwhile.
///
/// The connection belongs to it alone: dropping it closes the socket.
pub struct HttpBody {
    incoming: Incoming,
    connection: Connection,
    wakes: Wakes,
    piece: Bytes,
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
            incoming,
            connection,
            wakes: Wakes::new(),
            piece: Bytes::new(),
        }
    }

    /// Waits for the next piece that has data; no data is the end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ::hyper::Error>> {
        // Given back before the wait: an idle connection keeps no memory of what it brought.
        self.piece = Bytes::new();
        let Self {
            incoming,
            connection,
            wakes,
            ..
        } = self;
        wakes.poll_quietly(cx, |cx| {
            let polled = poll_data(incoming, cx);
            if polled.is_ready() {
                return polled;
            }
            connection.drive(cx);
            poll_data(incoming, cx)
        })
    }
}

/// Takes the next data there is; none are the end.
fn poll_data(incoming: &mut Incoming, cx: &mut Context<'_>) -> Poll<Result<Bytes, ::hyper::Error>> {
    loop {
        match Pin::new(&mut *incoming).poll_frame(cx)? {
            Poll::Ready(None) => return Poll::Ready(Ok(Bytes::new())),
            Poll::Ready(Some(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Poll::Ready(Ok(data)),
                _ => {}
            },
            Poll::Pending => return Poll::Pending,
        }
    }
}

impl ByteStream for HttpBody {
    #[inline]
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], BoxError>> {
        if self.piece.is_empty() {
            match self.poll_piece(cx) {
                Poll::Ready(piece) => self.piece = piece?,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(&self.piece))
    }

    #[inline]
    fn consume(&mut self, len: usize) {
        self.piece.advance(len);
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBody")
            .field("unread_bytes", &self.piece.len())
            .finish_non_exhaustive()
    }
}
