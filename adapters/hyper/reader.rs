//! A body in, frames out.

use core::fmt;
use core::future::poll_fn;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;
use http_body::Body;

use super::super::inbound::Inbound;
use super::ReadError;
use super::piece::Piece;
use crate::{Decoder, DecoderConfig, Frame, FrameRef};

/// Reads frames from a body, up to its end. It does not reconnect, and looks at no status and no
/// header of the response that the body came with.
///
/// It is a [`Stream`] of owned frames; [`next_frame`](Self::next_frame) is the same without an
/// extension trait, and [`for_each_frame`](Self::for_each_frame) lends the frames of each piece of
/// the body without copying them. All three can be mixed, and dropping their futures loses nothing.
///
/// The body must be [`Unpin`], as those of hyper and reqwest are; `Box::pin` makes any body so.
/// Bytes are decoded where the body has put them, without a copy into another buffer. Trailers are
/// ignored. The end of the body and a [`ReadError::Transport`] are final; a [`ReadError::Decode`]
/// is not. A poll that has taken 32 pieces without a result lets other tasks run first.
///
/// # Examples
///
/// ```
/// use http_body_util::Full;
/// use ssewire::Frame;
/// use ssewire::hyper::EventReader;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let body = Full::new(&b"event: AAPL\ndata: 121.5\n\ndata: cut off"[..]);
/// let mut reader = EventReader::new(body);
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
pub struct EventReader<B: Body> {
    inbound: Inbound<Piece<B::Data>>,
    body: B,
}

impl<B: Body> EventReader<B> {
    /// Makes a reader with the default [`DecoderConfig`].
    pub fn new(body: B) -> Self {
        Self::with_decoder(body, Decoder::new())
    }

    /// Makes a reader with limits and options of the caller's.
    pub fn with_config(body: B, config: DecoderConfig) -> Self {
        Self::with_decoder(body, Decoder::with_config(config))
    }

    /// Makes a reader that goes on with a decoder, for instance one that knows a last event ID.
    pub fn with_decoder(body: B, decoder: Decoder) -> Self {
        Self {
            inbound: Inbound::new(Piece::new(), decoder),
            body,
        }
    }

    /// Returns the decoder, to finish a cut-off event at the end or to set a last event ID.
    pub const fn decoder_mut(&mut self) -> &mut Decoder {
        self.inbound.decoder_mut()
    }

    /// Returns the body. What is read from it directly is missing here.
    pub const fn get_mut(&mut self) -> &mut B {
        &mut self.body
    }

    /// Returns the decoder, which knows the last event ID.
    pub const fn decoder(&self) -> &Decoder {
        self.inbound.decoder()
    }

    /// Returns the body.
    pub const fn get_ref(&self) -> &B {
        &self.body
    }

    /// Returns the body. What was taken from it and not given out yet is lost.
    pub fn into_inner(self) -> B {
        self.body
    }
}

impl<B: Body + Unpin> EventReader<B> {
    /// Returns the next frame, or `None` at the end of the body and ever after.
    ///
    /// Cancel-safe: a dropped call has taken no frame.
    ///
    /// # Errors
    ///
    /// [`ReadError::Decode`], after which the next call goes on, or [`ReadError::Transport`] with
    /// the body's error, after which there is only `None`.
    pub async fn next_frame(&mut self) -> Result<Option<Frame>, ReadError<B::Error>> {
        poll_fn(|cx| self.poll_next_frame(cx)).await
    }

    /// Shows each frame to `visit` where it lies, without an allocation, until `visit` breaks or
    /// the body ends.
    ///
    /// Returns what `visit` broke with, or `None` at the end. The frames behind a break wait for
    /// the next call of any method. All frames of one piece are shown in one poll.
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
    /// use http_body_util::Full;
    /// use ssewire::FrameRef;
    /// use ssewire::hyper::EventReader;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut reader = EventReader::new(Full::new(&b"data: 4\n\ndata: 19\n\n"[..]));
    ///
    /// let mut sum = 0;
    /// let broken = reader
    ///     .for_each_frame(|frame| {
    ///         let FrameRef::Event(event) = frame else { return ControlFlow::Continue(()) };
    ///         match event.data().parse::<u32>() {
    ///             Ok(number) => {
    ///                 sum += number;
    ///                 ControlFlow::Continue(())
    ///             }
    ///             Err(error) => ControlFlow::Break(error),
    ///         }
    ///     })
    ///     .await?;
    ///
    /// assert_eq!((sum, broken), (23, None));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn for_each_frame<T>(
        &mut self,
        mut visit: impl FnMut(FrameRef<'_>) -> ControlFlow<T>,
    ) -> Result<Option<T>, ReadError<B::Error>> {
        let Self { inbound, body } = self;
        poll_fn(|cx| {
            inbound.poll_for_each_frame(cx, |cx, piece| piece.poll_fill(cx, body), &mut visit)
        })
        .await
    }

    fn poll_next_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame>, ReadError<B::Error>>> {
        let Self { inbound, body } = self;
        inbound.poll_next_frame(cx, |cx, piece| piece.poll_fill(cx, body))
    }
}

/// The body's data is never pinned.
impl<B: Body + Unpin> Unpin for EventReader<B> {}

impl<B: Body + Unpin> Stream for EventReader<B> {
    type Item = Result<Frame, ReadError<B::Error>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next_frame(cx).map(Result::transpose)
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for EventReader<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader")
            .field("inbound", &self.inbound)
            .field("body", &self.body)
            .finish()
    }
}
