//! Encoded bytes on their way out.

use alloc::vec::Vec;
use core::fmt;
#[cfg(feature = "lane")]
use core::mem;
use core::task::{Context, Poll, ready};
use std::io;

use crate::FrameRef;

/// A queue of whole frames, and how much of it the transport has accepted.
#[derive(Default)]
pub(in crate::adapters) struct Outbound {
    queued: Vec<u8>,
    written: usize,
    failed: Option<io::ErrorKind>,
    /// Whether each addition becomes a chunk of the chunked transfer coding.
    #[cfg(feature = "lane")]
    is_chunked: bool,
}

#[cfg(feature = "lane")]
impl Outbound {
    /// Creates a queue of chunks (RFC 9112, section 7.1), after the head of a response.
    pub(in crate::adapters) fn chunked(head: Vec<u8>) -> Self {
        Self {
            queued: head,
            is_chunked: true,
            ..Self::default()
        }
    }

    /// Takes a buffer, if the queue is empty.
    pub(in crate::adapters) fn borrow_buffer(&mut self, buffer: &mut Vec<u8>) {
        if self.len() == 0 {
            self.written = 0;
            self.queued = mem::take(buffer);
            self.queued.clear();
        }
    }

    /// Gives its buffer away, if the queue is empty.
    pub(in crate::adapters) fn return_buffer(&mut self, buffer: &mut Vec<u8>) {
        if self.len() == 0 {
            self.written = 0;
            *buffer = mem::take(&mut self.queued);
        }
    }

    /// Frees the room for what may be queued next.
    pub(in crate::adapters) fn shrink(&mut self) {
        self.queued.drain(..self.written);
        self.written = 0;
        self.queued.shrink_to_fit();
    }

    /// Turns what `write` appends into a chunk.
    fn queue_chunk<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.queued.len();
        self.queued.extend_from_slice(&[0; LONGEST_SIZE]);
        let result = write(&mut self.queued);
        let len = self.queued.len() - start - LONGEST_SIZE;
        if len == 0 {
            self.queued.truncate(start);
            return result;
        }
        let room = self.queued.get_mut(start..start + LONGEST_SIZE);
        let unused = room.map_or(0, |room| write_size(len, room));
        match self.written == start {
            true => self.written += unused,
            false => drop(self.queued.drain(start..start + unused)),
        }
        self.queued.extend_from_slice(b"\r\n");
        result
    }
}

impl Outbound {
    /// Queues a frame, unless the transport has failed.
    pub(super) fn push(&mut self, frame: FrameRef<'_>) {
        // A failure is reported when the queue is written.
        let _ = self.queue(|out| frame.encode(out));
    }

    /// Queues what `write` appends, unless the transport has failed.
    pub(super) fn queue<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> io::Result<R> {
        if let Some(kind) = self.failed {
            return Err(io::Error::new(kind, FAILED_EARLIER));
        }
        // Written bytes are dropped once they are most of the queue: one that never runs dry would
        // keep them for ever.
        if self.written > self.queued.len() / 2 {
            self.queued.drain(..self.written);
            self.written = 0;
        }
        #[cfg(feature = "lane")]
        if self.is_chunked {
            return Ok(self.queue_chunk(write));
        }
        Ok(write(&mut self.queued))
    }

    /// Returns the number of bytes that have not been written yet.
    pub(in crate::adapters) fn len(&self) -> usize {
        self.queued.len() - self.written
    }

    /// Writes until nothing is queued.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        mut poll_write: impl FnMut(&mut Context<'_>, &[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        if let Some(kind) = self.failed {
            return Poll::Ready(Err(io::Error::new(kind, FAILED_EARLIER)));
        }
        loop {
            let rest = self.queued.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let len = rest.len();
            match ready!(poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err(self.fail(io::ErrorKind::WriteZero.into()))),
                Ok(written) => self.written += written.min(len),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(self.fail(error))),
            }
        }
        self.written = 0;
        self.queued.clear();
        self.queued.shrink_to(KEPT_BYTES);
        Poll::Ready(Ok(()))
    }

    /// Flushes or closes the transport.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        mut poll_flush: impl FnMut(&mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        loop {
            match ready!(poll_flush(cx)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                flushed => return Poll::Ready(flushed.map_err(|error| self.fail(error))),
            }
        }
    }

    /// Gives up the queue: after an error nobody knows how much of it arrived.
    fn fail(&mut self, error: io::Error) -> io::Error {
        *self = Self {
            failed: Some(error.kind()),
            ..Self::default()
        };
        error
    }
}

/// Writes the size of a chunk at the end of `room`. Returns the length of the rest.
#[cfg(feature = "lane")]
fn write_size(mut size: usize, room: &mut [u8]) -> usize {
    let mut unused = room.len();
    let mut put = |byte| {
        unused -= 1;
        room.get_mut(unused).map(|place| *place = byte)
    };
    put(b'\n');
    put(b'\r');
    loop {
        let digit = (size % 16) as u8;
        put(match digit {
            0..10 => b'0' + digit,
            _ => b'a' + digit - 10,
        });
        size /= 16;
        if size == 0 {
            return unused;
        }
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("queued_bytes", &self.len())
            .field("failed", &self.failed)
            .finish()
    }
}

const FAILED_EARLIER: &str = "an earlier write of the stream failed";
/// The capacity in bytes that is kept for the next frame. What a large frame took beyond it is freed.
const KEPT_BYTES: usize = 64 * 1024;
/// The length of the longest size of a chunk, with the end of its line.
#[cfg(feature = "lane")]
const LONGEST_SIZE: usize = usize::BITS as usize / 4 + 2;

#[cfg(test)]
mod tests {
    use core::task::Waker;

    use super::*;
    use crate::EventRef;

    #[cfg(feature = "lane")]
    #[test]
    fn each_addition_becomes_a_chunk() {
        for len in [1, 9, 10, 15, 16, 255, 256, 65_535, 65_536] {
            let mut outbound = Outbound::chunked(Vec::new());
            let text = "x".repeat(len);
            for _ in 0..2 {
                outbound
                    .queue(|out| out.extend_from_slice(text.as_bytes()))
                    .unwrap();
                outbound.queue(|_| ()).unwrap();
            }
            let chunk = alloc::format!("{len:x}\r\n{text}\r\n");
            let written = &outbound.queued[outbound.written..];
            assert_eq!(written, (chunk.clone() + &chunk).as_bytes());
        }
    }

    #[test]
    fn a_queue_that_never_runs_dry_gives_back_what_was_written() {
        let mut outbound = Outbound::default();
        let event = EventRef::new("0123456789");
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            outbound.push(event.into());
            // The peer always takes one byte less than there is.
            let mut room = outbound.queued.len() - outbound.written - 1;
            let written = outbound.poll_write(&mut cx, |_, bytes| {
                if room == 0 {
                    return Poll::Pending;
                }
                let len = room.min(bytes.len());
                room -= len;
                Poll::Ready(Ok(len))
            });
            assert!(written.is_pending());
        }
        assert!(outbound.queued.len() <= 4 * event.to_bytes().len());
    }
}
