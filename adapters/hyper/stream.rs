//! A body in, bytes for an event source out.

use core::fmt;
use core::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::Body;

use super::super::event_source::{BoxError, ByteStream};
use super::piece::Piece;

/// Delivers the bytes of any body to an event source: for a [`Connect`] of one's own over an HTTP
/// client that gives its answers as [`http_body::Body`].
///
/// The body must be [`Unpin`]; `Box::pin` makes any body so. Trailers are ignored.
/// `examples/reqwest.rs` is a [`Connect`] over reqwest.
///
/// [`Connect`]: super::super::event_source::Connect
///
/// # Examples
///
/// ```
/// use core::task::{Context, Poll, Waker};
///
/// use http_body_util::Full;
/// use ssewire::event_source::ByteStream;
/// use ssewire::hyper::BodyStream;
///
/// let mut stream = BodyStream::new(Full::new(&b"data: x\n\n"[..]));
/// let mut cx = Context::from_waker(Waker::noop());
///
/// let Poll::Ready(Ok(bytes)) = stream.poll_bytes(&mut cx) else { panic!() };
/// assert_eq!(bytes, b"data: x\n\n");
/// stream.consume(9);
/// assert!(matches!(stream.poll_bytes(&mut cx), Poll::Ready(Ok([]))));
/// ```
pub struct BodyStream<B: Body> {
    body: B,
    piece: Piece<B::Data>,
}

impl<B: Body> BodyStream<B> {
    /// Makes a stream of a body.
    pub const fn new(body: B) -> Self {
        Self {
            body,
            piece: Piece::new(),
        }
    }
}

impl<B: Body + Unpin> BodyStream<B> {
    /// Waits until there is something to lend, or the end.
    #[inline]
    pub(super) fn poll_filled(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), B::Error>> {
        while !self.piece.has_remaining() {
            match ready!(self.piece.poll_fill(cx, &mut self.body)) {
                Some(filled) => filled?,
                None => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Lends what there is.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.piece.chunk()
    }
}

impl<B> ByteStream for BodyStream<B>
where
    B: Body<Error: Into<BoxError>> + Unpin,
{
    #[inline]
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], BoxError>> {
        ready!(self.poll_filled(cx)).map_err(Into::into)?;
        Poll::Ready(Ok(self.bytes()))
    }

    #[inline]
    fn consume(&mut self, len: usize) {
        self.piece.advance(len);
    }
}

impl<B: Body> fmt::Debug for BodyStream<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyStream")
            .field("unread_bytes", &self.piece.remaining())
            .finish_non_exhaustive()
    }
}
