//! Bytes in, frames out.

use core::future::poll_fn;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use ::futures_io::AsyncRead;
use futures_core::Stream;

use super::super::inbound::Inbound;
use super::super::read_buffer::ReadBuffer;
use super::ReadError;
use crate::{Decoder, DecoderConfig, Frame, FrameRef};

/// Reads frames from a byte stream, up to its end. It does not reconnect.
///
/// It is a [`Stream`] of owned frames; [`next_frame`](Self::next_frame) is the same without an
/// extension trait, and [`for_each_frame`](Self::for_each_frame) lends the frames of each read
/// without copying them. All three can be mixed, and dropping their futures loses nothing.
///
/// Each read asks for 8 KiB at most, and frames that one read brought are given out before the
/// next. The end of the stream and a [`ReadError::Transport`] are final; a [`ReadError::Decode`]
/// is not. A poll that has read 32 times without a result lets other tasks run first.
///
/// # Examples
///
/// ```
/// use ssewire::Frame;
/// use ssewire::futures_io::EventReader;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let source = &b"event: AAPL\ndata: 121.5\n\ndata: cut off"[..];
/// let mut reader = EventReader::new(source);
///
/// while let Some(frame) = reader.next_frame().await? {
///     let Frame::Event(event) = frame else { continue };
///     assert_eq!((event.event_type(), event.data()), ("AAPL", "121.5"));
/// }
///
/// // The standard drops an event that the end cut off; a caller who wants it can have it.
/// let cut_off = reader.decoder_mut().finish();
/// assert_eq!(cut_off.map(|event| event.data()), Some("cut off"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EventReader<R> {
    inbound: Inbound<ReadBuffer>,
    reader: R,
}

impl<R> EventReader<R> {
    /// Makes a reader with the default [`DecoderConfig`].
    pub fn new(reader: R) -> Self {
        Self::with_decoder(reader, Decoder::new())
    }

    /// Makes a reader with limits and options of the caller's.
    pub fn with_config(reader: R, config: DecoderConfig) -> Self {
        Self::with_decoder(reader, Decoder::with_config(config))
    }

    /// Makes a reader that goes on with a decoder, for instance one that knows a last event ID.
    pub fn with_decoder(reader: R, decoder: Decoder) -> Self {
        Self {
            inbound: Inbound::new(ReadBuffer::new(), decoder),
            reader,
        }
    }

    /// Returns the decoder, to finish a cut-off event at the end or to set a last event ID.
    pub const fn decoder_mut(&mut self) -> &mut Decoder {
        self.inbound.decoder_mut()
    }

    /// Returns the byte stream. What is read from it directly is missing here.
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Returns the decoder, which knows the last event ID.
    pub const fn decoder(&self) -> &Decoder {
        self.inbound.decoder()
    }

    /// Returns the byte stream.
    pub const fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Returns the byte stream. What was read and not given out yet is lost.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: AsyncRead + Unpin> EventReader<R> {
    /// Returns the next frame, or `None` at the end of the stream and ever after.
    ///
    /// Cancel-safe: a dropped call has taken no frame.
    ///
    /// # Errors
    ///
    /// [`ReadError::Decode`], after which the next call goes on, or [`ReadError::Transport`],
    /// after which there is only `None`.
    pub async fn next_frame(&mut self) -> Result<Option<Frame>, ReadError> {
        poll_fn(|cx| self.poll_next_frame(cx)).await
    }

    /// Shows each frame to `visit` where it lies, without an allocation, until `visit` breaks or
    /// the stream ends.
    ///
    /// Returns what `visit` broke with, or `None` at the end. The frames behind a break wait for
    /// the next call of any method. All frames of one read are shown in one poll.
    ///
    /// Cancel-safe: a dropped call has shown every frame that it has taken. If `visit` panics, drop
    /// the reader: it may show frames again.
    ///
    /// # Errors
    ///
    /// As [`next_frame`](Self::next_frame): a [`ReadError::Decode`] ends this call, not the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use ssewire::FrameRef;
    /// use ssewire::futures_io::EventReader;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = EventReader::new(&b"data: 4\n\ndata: 19\n\ndata: [DONE]\n\n"[..]);
    ///
    /// let mut sum = 0;
    /// let ended_by = reader
    ///     .for_each_frame(|frame| {
    ///         let FrameRef::Event(event) = frame else { return ControlFlow::Continue(()) };
    ///         match event.data().parse::<u32>() {
    ///             Ok(number) => {
    ///                 sum += number;
    ///                 ControlFlow::Continue(())
    ///             }
    ///             Err(_) => ControlFlow::Break(event.data().to_owned()),
    ///         }
    ///     })
    ///     .await?;
    ///
    /// assert_eq!((sum, ended_by.as_deref()), (23, Some("[DONE]")));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn for_each_frame<T>(
        &mut self,
        mut visit: impl FnMut(FrameRef<'_>) -> ControlFlow<T>,
    ) -> Result<Option<T>, ReadError> {
        let Self { inbound, reader } = self;
        poll_fn(|cx| {
            inbound.poll_for_each_frame(cx, |cx, buffer| poll_fill(reader, cx, buffer), &mut visit)
        })
        .await
    }

    fn poll_next_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReadError>> {
        let Self { inbound, reader } = self;
        inbound.poll_next_frame(cx, |cx, buffer| poll_fill(reader, cx, buffer))
    }
}

impl<R: AsyncRead + Unpin> Stream for EventReader<R> {
    type Item = Result<Frame, ReadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next_frame(cx).map(Result::transpose)
    }
}

fn poll_fill<R: AsyncRead + Unpin>(
    reader: &mut R,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuffer,
) -> Poll<Option<io::Result<()>>> {
    buffer.poll_fill(cx, |cx, room| Pin::new(reader).poll_read(cx, room))
}
