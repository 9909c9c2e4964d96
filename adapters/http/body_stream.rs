//! The byte stream of a body, and the reader over it.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::Body;

use crate::adapters::io::{self, ByteStream};
use crate::{Decoder, DecoderConfig};

/// A reader of the frames and events in a body, up to its end. It does not reconnect, and ignores the
/// status and headers that the body came with.
///
/// The body must be [`Unpin`], as the bodies of hyper and reqwest are; `Box::pin` makes any body
/// [`Unpin`]. Bytes are decoded in the buffer of the body, without a copy. Trailers are ignored.
///
/// # Examples
///
/// ```
/// use http_body_util::Full;
/// use ssewire::hyper::EventReader;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut reader = EventReader::new(Full::new(&b"event: AAPL\ndata: 121.5\n\n"[..]));
///
/// while let Some(event) = reader.next_event().await? {
///     assert_eq!((event.event_type(), event.data()), ("AAPL", "121.5"));
/// }
/// # Ok(())
/// # }
/// ```
pub type EventReader<B> = io::EventReader<BodyStream<B>>;

/// Readers of bodies.
impl<B: Body> EventReader<B> {
    /// Creates a reader with the default [`DecoderConfig`].
    pub fn new(body: B) -> Self {
        Self::over(BodyStream::new(body))
    }

    /// Creates a reader with the given limits and options.
    pub fn with_config(body: B, config: DecoderConfig) -> Self {
        Self::with_decoder(body, Decoder::with_config(config))
    }

    /// Creates a reader that continues with `decoder`, for instance one that knows a last event ID.
    pub const fn with_decoder(body: B, decoder: Decoder) -> Self {
        Self::with_parts(BodyStream::new(body), decoder)
    }

    /// Returns the body. Bytes that are taken from it directly are missing here.
    pub const fn get_mut(&mut self) -> &mut B {
        &mut self.stream_mut().body
    }

    /// Returns the body.
    pub const fn get_ref(&self) -> &B {
        &self.stream().body
    }

    /// Returns the body. Bytes that were taken from it and not decoded yet are lost.
    pub fn into_inner(self) -> B {
        self.into_stream().body
    }
}

/// Returns a reader of the events in a body, with the default [`DecoderConfig`].
///
/// It is [`EventReader::new`] as a function, the counterpart of
/// [`EventStreamExt::events`](crate::io::EventStreamExt::events) for streams. It is no method, since
/// some types are both a body and a stream.
///
/// # Examples
///
/// ```
/// use http_body_util::Full;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut events = ssewire::hyper::events(Full::new(&b"data: hello\n\n"[..]));
/// while let Some(event) = events.next_event().await? {
///     assert_eq!(event.data(), "hello");
/// }
/// # Ok(())
/// # }
/// ```
pub fn events<B: Body>(body: B) -> EventReader<B> {
    EventReader::new(body)
}

/// The bytes of any body.
///
/// A [`Connect`](crate::event_source::Connect) over an HTTP client of your own returns its bodies
/// as this; [`from_fn`](super::from_fn()) creates one from a closure. The body must be [`Unpin`];
/// `Box::pin` makes any body [`Unpin`]. Trailers are ignored.
///
/// # Examples
///
/// ```
/// use core::task::{Context, Poll, Waker};
///
/// use http_body_util::Full;
/// use ssewire::hyper::BodyStream;
/// use ssewire::io::ByteStream;
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
    /// The data of the last frame of the body that has not been consumed.
    data: Option<B::Data>,
}

impl<B: Body> BodyStream<B> {
    /// Creates the stream of a body.
    pub const fn new(body: B) -> Self {
        Self { body, data: None }
    }

    /// Returns what there is to lend.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.data.as_ref().map_or(&[], Buf::chunk)
    }
}

impl<B: Body + Unpin> BodyStream<B> {
    /// Waits until there is something to lend, or the end.
    #[inline]
    pub(super) fn poll_filled(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), B::Error>> {
        if !self.bytes().is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.poll_fill(cx)
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), B::Error>> {
        for _ in 0..EMPTY_FRAMES_PER_POLL {
            // Given back before the wait: an idle reader keeps no memory of the body.
            self.data = None;
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
                return Poll::Ready(Ok(()));
            };
            self.data = frame?.into_data().ok();
            if !self.bytes().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<B: Body + Unpin> ByteStream for BodyStream<B> {
    type Error = B::Error;

    #[inline]
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], B::Error>> {
        ready!(self.poll_filled(cx))?;
        Poll::Ready(Ok(self.bytes()))
    }

    #[inline]
    fn consume(&mut self, len: usize) {
        if let Some(data) = &mut self.data {
            data.advance(len);
        }
    }
}

/// The body's data is never pinned.
impl<B: Body + Unpin> Unpin for BodyStream<B> {}

impl<B: Body> fmt::Debug for BodyStream<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyStream")
            .field(
                "unread_bytes",
                &self.data.as_ref().map_or(0, Buf::remaining),
            )
            .finish_non_exhaustive()
    }
}

/// How many frames without data one poll takes before it lets other tasks run.
const EMPTY_FRAMES_PER_POLL: u32 = 32;
