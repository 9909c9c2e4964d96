//! The half that all readers share: bytes that were read, the decoder that takes them, the end.

use core::fmt;
use core::ops::ControlFlow;
use core::task::{Context, Poll, ready};

use bytes::Buf;

use super::error::ReadError;
use crate::{DecodeError, Decoder, Frame, FrameRef};

/// Decodes what a transport delivers into `C`, piece by piece.
///
/// The transport is a `poll_fill`, called only when `C` is empty. It puts bytes in and returns
/// `Some(Ok(()))`, or says with `None` that there will be no more. A call that puts none in is
/// repeated. No call follows the end or an error.
pub(super) struct Inbound<C> {
    decoder: Decoder,
    unread: C,
    ended: bool,
}

impl<C: Buf> Inbound<C> {
    pub(super) const fn new(unread: C, decoder: Decoder) -> Self {
        Self {
            decoder,
            unread,
            ended: false,
        }
    }

    /// Returns the next frame, `None` at the end of the stream and ever after.
    pub(super) fn poll_next_frame<E>(
        &mut self,
        cx: &mut Context<'_>,
        poll_fill: impl FnMut(&mut Context<'_>, &mut C) -> Poll<Option<Result<(), E>>>,
    ) -> Poll<Result<Option<Frame>, ReadError<E>>> {
        self.poll_decode(cx, poll_fill, |decoder, input| {
            Ok(decoder.decode(input)?.map(|frame| frame.to_frame()))
        })
    }

    /// Shows frames to `visit` until it breaks or the stream ends, which is `None`.
    pub(super) fn poll_for_each_frame<T, E>(
        &mut self,
        cx: &mut Context<'_>,
        poll_fill: impl FnMut(&mut Context<'_>, &mut C) -> Poll<Option<Result<(), E>>>,
        mut visit: impl FnMut(FrameRef<'_>) -> ControlFlow<T>,
    ) -> Poll<Result<Option<T>, ReadError<E>>> {
        self.poll_decode(cx, poll_fill, |decoder, input| {
            let mut frames = decoder.frames(input);
            while let Some(frame) = frames.next_frame()? {
                if let ControlFlow::Break(value) = visit(frame) {
                    return Ok(Some(value));
                }
            }
            Ok(None)
        })
    }

    pub(super) const fn decoder_mut(&mut self) -> &mut Decoder {
        &mut self.decoder
    }

    pub(super) const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn poll_decode<T, E>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll_fill: impl FnMut(&mut Context<'_>, &mut C) -> Poll<Option<Result<(), E>>>,
        mut decode: impl FnMut(&mut Decoder, &mut &[u8]) -> Result<Option<T>, DecodeError>,
    ) -> Poll<Result<Option<T>, ReadError<E>>> {
        let mut reads = 0;
        loop {
            while self.unread.has_remaining() {
                let mut input = self.unread.chunk();
                let len = input.len();
                let decoded = decode(&mut self.decoder, &mut input);
                let taken = len - input.len();
                self.unread.advance(taken);
                if let Some(value) = decoded? {
                    return Poll::Ready(Ok(Some(value)));
                }
            }
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            // A peer that never lets the transport run dry, and sends nothing that ends this poll,
            // would keep all other work of the task waiting.
            if reads == READS_PER_POLL {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            reads += 1;
            match ready!(poll_fill(cx, &mut self.unread)) {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Err(ReadError::Transport(error)));
                }
                None => self.ended = true,
            }
        }
    }
}

impl<C: Buf> fmt::Debug for Inbound<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("decoder", &self.decoder)
            .field("unread_bytes", &self.unread.remaining())
            .field("ended", &self.ended)
            .finish()
    }
}

/// How often one poll may read before it lets other tasks run.
const READS_PER_POLL: usize = 32;
