//! Bytes in, frames out.

use core::fmt;
use core::future::poll_fn;
use core::mem;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;

#[cfg(feature = "json")]
use crate::adapters::io::JsonStream;
use crate::adapters::io::{ByteStream, Progress, ReadError, ReaderStream};
use crate::{DecodeError, Decoder, DecoderConfig, Event, EventRef, Frame, FrameRef};

/// A reader of the frames and events in a byte stream, up to its end. It does not reconnect.
///
/// It is a [`Stream`] of owned frames. [`next_event`](Self::next_event) and
/// [`next_frame`](Self::next_frame) need no extension trait, and
/// [`for_each_event`](Self::for_each_event) and [`for_each_frame`](Self::for_each_frame) lend what
/// has arrived without copying it. You can mix all of these, and dropping their futures loses
/// nothing.
///
/// Every frame that has arrived is returned before the stream is polled for more. The end of the
/// stream and a [`ReadError::Transport`] are final; a [`ReadError::Decode`] is not. A poll that has
/// received 32 chunks without a result lets other tasks run first.
///
/// Each runtime's module names this type for its own readers: see
/// [`tokio::EventReader`](crate::tokio::EventReader),
/// [`futures_io::EventReader`](crate::futures_io::EventReader) and
/// [`hyper::EventReader`](crate::hyper::EventReader), whose `new` takes the reader or the body
/// itself. [`over`](Self::over) takes any other [`ByteStream`].
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use ssewire::tokio::EventReader;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() -> std::io::Result<()> {
/// let source = &b"event: AAPL\ndata: 121.5\n\ndata: cut off"[..];
/// let mut reader = EventReader::new(source);
///
/// while let Some(event) = reader.next_event().await? {
///     assert_eq!((event.event_type(), event.data()), ("AAPL", "121.5"));
/// }
///
/// // The standard discards an event that the end cut off. The decoder still has it.
/// let cut_off = reader.decoder_mut().finish();
/// assert_eq!(cut_off.map(|event| event.data()), Some("cut off"));
/// # Ok(())
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main().unwrap();
/// ```
pub struct EventReader<S> {
    decoder: Decoder,
    stream: S,
    /// Whether the decoder has left bytes in the stream that was lent last.
    has_unread: bool,
    /// How many bytes were decoded but not consumed yet. 0 between two polls, unless a visitor panicked.
    decoded: usize,
    is_over: bool,
}

impl<S> EventReader<S> {
    /// Creates a reader of any byte stream, with the default [`DecoderConfig`].
    pub fn over(stream: S) -> Self {
        Self::with_parts(stream, Decoder::new())
    }

    /// Creates a reader of any byte stream that continues with `decoder`.
    pub const fn with_parts(stream: S, decoder: Decoder) -> Self {
        Self {
            decoder,
            stream,
            has_unread: false,
            decoded: 0,
            is_over: false,
        }
    }

    /// Returns the decoder, to finish an event that the end cut off or to set a last event ID.
    pub const fn decoder_mut(&mut self) -> &mut Decoder {
        &mut self.decoder
    }

    /// Returns the decoder, which knows the last event ID.
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Returns the byte stream. Bytes that are taken from it directly are missing here.
    pub const fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Returns the byte stream.
    pub const fn stream(&self) -> &S {
        &self.stream
    }

    /// Returns the byte stream. Bytes that were lent and not decoded yet are still in it.
    pub fn into_stream(self) -> S {
        self.stream
    }
}

/// Readers of a runtime's kind.
impl<R, K> EventReader<ReaderStream<R, K>> {
    /// Creates a reader with the default [`DecoderConfig`].
    pub fn new(reader: R) -> Self {
        Self::over(ReaderStream::new(reader))
    }

    /// Creates a reader with the given limits and options.
    pub fn with_config(reader: R, config: DecoderConfig) -> Self {
        Self::with_decoder(reader, Decoder::with_config(config))
    }

    /// Creates a reader that continues with `decoder`, for instance one that knows a last event ID.
    pub fn with_decoder(reader: R, decoder: Decoder) -> Self {
        Self::with_parts(ReaderStream::new(reader), decoder)
    }

    /// Returns the inner reader. Bytes that are read from it directly are missing here.
    pub const fn get_mut(&mut self) -> &mut R {
        self.stream.get_mut()
    }

    /// Returns the inner reader.
    pub const fn get_ref(&self) -> &R {
        self.stream.get_ref()
    }

    /// Returns the inner reader. Bytes that were read and not decoded yet are lost.
    pub fn into_inner(self) -> R {
        self.stream.into_inner()
    }
}

impl<S: ByteStream> EventReader<S> {
    /// Returns the next event, or `None` at the end of the stream and after it.
    ///
    /// Comments and reconnection times are skipped.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError::Decode`] for an event that cannot be decoded; the next call continues
    /// after that event. Returns [`ReadError::Transport`] if the stream fails; it has then ended.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no event is lost.
    pub async fn next_event(&mut self) -> Result<Option<Event>, ReadError<S::Error>> {
        poll_fn(|cx| self.poll_next_event(cx)).await
    }

    /// Returns the next frame, or `None` at the end of the stream and after it.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no frame is lost.
    pub async fn next_frame(&mut self) -> Result<Option<Frame>, ReadError<S::Error>> {
        poll_fn(|cx| self.poll_next_frame(cx)).await
    }

    /// Calls `visit` with each event until `visit` breaks or the stream ends, without an allocation
    /// per event.
    ///
    /// Returns the value that `visit` broke with, or `None` at the end. Events after a break are
    /// left for the next call of any method. All events of one chunk are visited in one poll.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event): a [`ReadError::Decode`] ends this call, not the stream.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, each event that has arrived was either visited or is left for the
    /// next call. The event that `visit` panics at counts as visited, and the reader stays usable.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # mod run {
    /// use std::ops::ControlFlow;
    ///
    /// use ssewire::tokio::EventReader;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # pub async fn main() -> std::io::Result<()> {
    /// let mut reader = EventReader::new(&b"data: 4\n\ndata: 19\n\ndata: [DONE]\n\n"[..]);
    ///
    /// let mut sum = 0;
    /// let ended_by = reader
    ///     .for_each_event(|event| match event.data().parse::<u32>() {
    ///         Ok(number) => {
    ///             sum += number;
    ///             ControlFlow::Continue(())
    ///         }
    ///         Err(_) => ControlFlow::Break(event.data().to_owned()),
    ///     })
    ///     .await?;
    ///
    /// assert_eq!((sum, ended_by.as_deref()), (23, Some("[DONE]")));
    /// # Ok(())
    /// # }
    /// # }
    /// # #[cfg(feature = "tokio")]
    /// # run::main().unwrap();
    /// ```
    pub async fn for_each_event<T>(
        &mut self,
        mut visit: impl FnMut(EventRef<'_>) -> ControlFlow<T>,
    ) -> Result<Option<T>, ReadError<S::Error>> {
        self.for_each_frame(|frame| match frame {
            FrameRef::Event(event) => visit(event),
            _ => ControlFlow::Continue(()),
        })
        .await
    }

    /// Calls `visit` with each frame until `visit` breaks or the stream ends, without an allocation
    /// per frame.
    ///
    /// Otherwise this is [`for_each_event`](Self::for_each_event).
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event): a [`ReadError::Decode`] ends this call, not the stream.
    pub async fn for_each_frame<T>(
        &mut self,
        mut visit: impl FnMut(FrameRef<'_>) -> ControlFlow<T>,
    ) -> Result<Option<T>, ReadError<S::Error>> {
        poll_fn(|cx| {
            self.poll_decode::<_, true>(cx, |decoder, input| {
                let mut frames = decoder.frames(input);
                while let Some(frame) = frames.next_frame()? {
                    if let ControlFlow::Break(value) = visit(frame) {
                        return Ok(Some(value));
                    }
                }
                Ok(None)
            })
        })
        .await
    }

    /// Returns a stream of what the events are as JSON.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::stream;
    /// use ssewire::io::EventStreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let chunks = stream::iter([Ok::<_, std::io::Error>("data: 1\n\ndata: [DONE]\n\n")]);
    /// let mut numbers = chunks.events().json::<u32>().until("[DONE]");
    /// while let Some(number) = numbers.next().await {
    ///     assert_eq!(number?, 1);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "json")]
    pub const fn json<T: serde::de::DeserializeOwned>(self) -> JsonStream<Self, T> {
        JsonStream::new(self)
    }

    #[inline]
    pub(super) fn poll_next_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Event>, ReadError<S::Error>>> {
        self.poll_decode::<_, false>(cx, |decoder, input| {
            while let Some(frame) = decoder.decode(input)? {
                if let FrameRef::Event(event) = frame {
                    return Ok(Some(event.to_event()));
                }
            }
            Ok(None)
        })
    }

    #[cfg(feature = "json")]
    pub(super) const fn set_over(&mut self) {
        self.is_over = true;
    }

    /// Consumes what was decoded before a visitor panicked.
    #[cold]
    fn recover(&mut self) {
        self.stream.consume(mem::take(&mut self.decoded));
        self.has_unread = false;
    }

    fn poll_next_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame>, ReadError<S::Error>>> {
        self.poll_decode::<_, false>(cx, |decoder, input| {
            Ok(decoder.decode(input)?.map(|frame| frame.to_frame()))
        })
    }

    /// Decodes chunk after chunk until `decode` finds something or the stream is over.
    ///
    /// `CAN_PANIC` is whether `decode` runs code of the caller's.
    fn poll_decode<T, const CAN_PANIC: bool>(
        &mut self,
        cx: &mut Context<'_>,
        mut decode: impl FnMut(&mut Decoder, &mut &[u8]) -> Result<Option<T>, DecodeError>,
    ) -> Poll<Result<Option<T>, ReadError<S::Error>>> {
        if self.decoded > 0 {
            self.recover();
        }
        let mut chunks = 0;
        while !self.is_over {
            // A peer that never lets the stream run dry, and sends nothing that ends this poll,
            // would keep all other work of the task waiting.
            if chunks == CHUNKS_PER_POLL && !self.has_unread {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            chunks += u32::from(!self.has_unread);
            match ready!(self.stream.poll_bytes(cx)) {
                Ok([]) => self.is_over = true,
                Ok(bytes) => {
                    let len = bytes.len();
                    let (found, decoded) = if CAN_PANIC {
                        let mut progress = Progress::new(&mut self.decoded, bytes);
                        let found = decode(&mut self.decoder, &mut progress.input);
                        drop(progress);
                        (found, mem::take(&mut self.decoded))
                    } else {
                        let mut left = bytes;
                        let found = decode(&mut self.decoder, &mut left);
                        (found, len - left.len())
                    };
                    self.stream.consume(decoded);
                    self.has_unread = decoded < len;
                    if let Some(value) = found? {
                        return Poll::Ready(Ok(Some(value)));
                    }
                }
                Err(error) => {
                    self.is_over = true;
                    return Poll::Ready(Err(ReadError::Transport(error)));
                }
            }
        }
        Poll::Ready(Ok(None))
    }
}

/// Nothing in it is pinned where it lies.
impl<S> Unpin for EventReader<S> {}

impl<S: ByteStream> Stream for EventReader<S> {
    type Item = Result<Frame, ReadError<S::Error>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next_frame(cx).map(Result::transpose)
    }
}

impl<S: ByteStream> FusedStream for EventReader<S> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl<S: fmt::Debug> fmt::Debug for EventReader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader")
            .field("decoder", &self.decoder)
            .field("stream", &self.stream)
            .field("is_over", &self.is_over)
            .finish()
    }
}

/// How many chunks one poll may receive before it lets other tasks run.
const CHUNKS_PER_POLL: u32 = 32;
