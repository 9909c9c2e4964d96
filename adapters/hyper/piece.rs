//! What the body has delivered and the decoder has not taken yet.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::Body;

/// Holds the data of one body frame.
pub(super) struct Piece<D>(Option<D>);

impl<D: Buf> Piece<D> {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Takes the next frame of the body. Trailers count as a frame without data.
    pub(super) fn poll_fill<B: Body<Data = D> + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut B,
    ) -> Poll<Option<Result<(), B::Error>>> {
        // Given back before the wait: an idle reader keeps no memory of the body.
        self.0 = None;
        Poll::Ready(ready!(Pin::new(body).poll_frame(cx)).map(|frame| {
            self.0 = frame?.into_data().ok();
            Ok(())
        }))
    }
}

impl<D: Buf> Buf for Piece<D> {
    fn remaining(&self) -> usize {
        self.0.as_ref().map_or(0, Buf::remaining)
    }

    fn chunk(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], Buf::chunk)
    }

    fn advance(&mut self, len: usize) {
        if let Some(data) = &mut self.0 {
            data.advance(len);
        }
    }
}
