//! A response that does not open the stream.

use alloc::vec::Vec;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use bytes::Bytes;
use http::Response;
use http::response::Parts;

use crate::Timestamp;
use crate::adapters::io::ByteStream;

/// A response that does not open the stream, while the start of its body is read.
pub(super) struct Rejected<B> {
    parts: Parts,
    body: B,
    body_start: Vec<u8>,
    max_bytes: usize,
    deadline: Timestamp,
}

impl<B: ByteStream> Rejected<B> {
    pub(super) fn new(parts: Parts, body: B, max_bytes: usize, now: Timestamp) -> Self {
        let deadline = now + BODY_START_TIME;
        Self {
            parts,
            body,
            body_start: Vec::new(),
            max_bytes,
            deadline,
        }
    }

    /// Reads the start of the body, which an error keeps.
    pub(super) fn poll_body_start(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.body_start.len() < self.max_bytes {
            match ready!(self.body.poll_bytes(cx)) {
                Ok([]) | Err(_) => break,
                Ok(bytes) => {
                    let len = bytes.len().min(self.max_bytes - self.body_start.len());
                    self.body_start.extend(bytes.iter().take(len));
                    self.body.consume(len);
                }
            }
        }
        Poll::Ready(())
    }

    /// Returns when to stop reading.
    pub(super) const fn deadline(&self) -> Timestamp {
        self.deadline
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        Response::from_parts(self.parts, self.body_start.into())
    }
}

/// How many bytes of the body an error keeps by default.
pub(super) const BODY_START_BYTES: usize = 8 * 1024;
/// How long to wait for them.
const BODY_START_TIME: Duration = Duration::from_secs(2);
