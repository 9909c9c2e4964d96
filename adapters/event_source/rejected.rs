//! An answer that is no event stream.

use alloc::vec::Vec;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use bytes::Bytes;
use http::Response;
use http::response::Parts;

use crate::Timestamp;
use crate::adapters::io::ByteStream;

/// Holds an answer that is no event stream, while a piece of its body is read.
pub(super) struct Rejected<B> {
    parts: Parts,
    body: B,
    piece: Vec<u8>,
    deadline: Timestamp,
}

impl<B: ByteStream> Rejected<B> {
    pub(super) fn new(parts: Parts, body: B, now: Timestamp) -> Self {
        Self {
            parts,
            body,
            piece: Vec::new(),
            deadline: now + PIECE_TIME,
        }
    }

    /// Reads the piece of the body that an error keeps.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.piece.len() < PIECE_BYTES {
            match ready!(self.body.poll_bytes(cx)) {
                Ok([]) | Err(_) => break,
                Ok(bytes) => {
                    let len = bytes.len().min(PIECE_BYTES - self.piece.len());
                    self.piece.extend(bytes.iter().take(len));
                    self.body.consume(len);
                }
            }
        }
        Poll::Ready(())
    }

    /// Returns when to take what has come of it.
    pub(super) const fn deadline(&self) -> Timestamp {
        self.deadline
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        Response::from_parts(self.parts, self.piece.into())
    }
}

/// How much of the body of an answer that is no event stream is kept for the error.
const PIECE_BYTES: usize = 8 * 1024;
/// How long to wait for it.
const PIECE_TIME: Duration = Duration::from_secs(2);
