//! The fixed buffer between a byte stream and the decoder.

use alloc::boxed::Box;
use alloc::vec;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::Buf;

/// Holds what one read delivered and the decoder has not taken yet.
pub(super) struct ReadBuffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl ReadBuffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; READ_BUFFER_BYTES].into(),
            start: 0,
            end: 0,
        }
    }

    /// Reads once, over everything that the buffer held. A read of no bytes is the end.
    ///
    /// An interrupted read leaves the buffer empty, so that [`Inbound`](super::inbound::Inbound)
    /// repeats it.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        poll_read: impl FnOnce(&mut Context<'_>, &mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<Option<io::Result<()>>> {
        (self.start, self.end) = (0, 0);
        Poll::Ready(match ready!(poll_read(cx, &mut self.bytes)) {
            Ok(0) => None,
            Ok(len) if len > self.bytes.len() => {
                let message = "reader claims more bytes than it was given room for";
                Some(Err(io::Error::new(io::ErrorKind::InvalidData, message)))
            }
            Ok(len) => {
                self.end = len;
                Some(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Some(Ok(())),
            Err(error) => Some(Err(error)),
        })
    }
}

impl Buf for ReadBuffer {
    fn remaining(&self) -> usize {
        self.end - self.start
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    fn advance(&mut self, len: usize) {
        self.start += len;
    }
}

/// The most that one read asks for.
pub(super) const READ_BUFFER_BYTES: usize = 8 * 1024;
