//! The byte stream of any stream of chunks.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::adapters::io::{ByteStream, EventReader};

/// Reads events from any stream of chunks.
///
/// Such a stream is what most HTTP clients and many other libraries return: `bytes_stream()` of a
/// reqwest response, the payload of actix's client, a channel of buffers. Its items are
/// `Result<impl AsRef<[u8]>, E>`.
///
/// # Examples
///
/// ```
/// use futures_util::stream;
/// use ssewire::io::EventStreamExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let chunks = stream::iter(["data: hel", "lo\n\n"].map(Ok::<_, std::io::Error>));
///
/// let mut events = chunks.events();
/// while let Some(event) = events.next_event().await? {
///     assert_eq!(event.data(), "hello");
/// }
/// # Ok(())
/// # }
/// ```
pub trait EventStreamExt: Stream + Sized {
    /// A chunk of the stream.
    type Chunk;

    /// Returns a reader of the events in the stream, with the default
    /// [`DecoderConfig`](crate::DecoderConfig).
    ///
    /// The stream must be [`Unpin`] for the reader to read. `Box::pin` makes any stream so. For another
    /// configuration use [`EventReader::with_parts`] over a [`ChunkStream`].
    fn events(self) -> EventReader<ChunkStream<Self, Self::Chunk>>;
}

impl<S, C, E> EventStreamExt for S
where
    S: Stream<Item = Result<C, E>>,
    C: AsRef<[u8]>,
{
    type Chunk = C;

    fn events(self) -> EventReader<ChunkStream<Self, C>> {
        EventReader::over(ChunkStream::new(self))
    }
}

/// The bytes of any stream of chunks.
///
/// It is the byte stream of [`EventStreamExt::events`], and can be the body of a transport of your own
/// ([`Connect`](crate::event_source::Connect)). The stream must be [`Unpin`]; `Box::pin` makes any
/// stream so. Bytes are decoded where they are, without a copy into another buffer.
///
/// # Examples
///
/// ```
/// use core::task::{Context, Poll, Waker};
///
/// use futures_util::stream;
/// use ssewire::io::{ByteStream, ChunkStream};
///
/// let chunks = stream::iter([Ok::<_, std::io::Error>(b"data: x\n\n")]);
/// let mut bytes = ChunkStream::new(chunks);
/// let mut cx = Context::from_waker(Waker::noop());
///
/// let Poll::Ready(Ok(lent)) = bytes.poll_bytes(&mut cx) else { panic!() };
/// assert_eq!(lent, b"data: x\n\n");
/// bytes.consume(9);
/// assert!(matches!(bytes.poll_bytes(&mut cx), Poll::Ready(Ok([]))));
/// ```
pub struct ChunkStream<S, C> {
    stream: S,
    /// The last chunk of the stream, until it was consumed.
    chunk: Option<C>,
    /// How many bytes of it were consumed.
    consumed: usize,
}

impl<S, C> ChunkStream<S, C> {
    /// Creates the bytes of a stream.
    pub const fn new(stream: S) -> Self {
        Self {
            stream,
            chunk: None,
            consumed: 0,
        }
    }

    /// Returns the stream. Bytes that were taken from it and not decoded yet are lost.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S, C: AsRef<[u8]>> ChunkStream<S, C> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match &self.chunk {
            Some(chunk) => chunk.as_ref().get(self.consumed..).unwrap_or_default(),
            None => &[],
        }
    }
}

impl<S, C, E> ChunkStream<S, C>
where
    S: Stream<Item = Result<C, E>> + Unpin,
    C: AsRef<[u8]>,
{
    /// Waits for a chunk that is not empty, or for the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        for _ in 0..EMPTY_CHUNKS_PER_POLL {
            // Given back before the wait: an idle reader keeps no chunk.
            (self.chunk, self.consumed) = (None, 0);
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                Some(Ok(chunk)) => self.chunk = Some(chunk),
            }
            if !self.bytes().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S, C, E> ByteStream for ChunkStream<S, C>
where
    S: Stream<Item = Result<C, E>> + Unpin,
    C: AsRef<[u8]>,
{
    type Error = E;

    #[inline]
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], E>> {
        if self.bytes().is_empty() {
            ready!(self.poll_fill(cx))?;
        }
        Poll::Ready(Ok(self.bytes()))
    }

    #[inline]
    fn consume(&mut self, len: usize) {
        self.consumed += len;
    }
}

/// The chunk is never pinned.
impl<S: Unpin, C> Unpin for ChunkStream<S, C> {}

impl<S, C> fmt::Debug for ChunkStream<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkStream")
            .field("has_chunk", &self.chunk.is_some())
            .finish_non_exhaustive()
    }
}

/// How many empty chunks one poll takes before it lets other tasks run.
const EMPTY_CHUNKS_PER_POLL: u32 = 32;
