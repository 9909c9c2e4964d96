//! Encoded bytes on their way out.

use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll, ready};
use std::io;

use crate::FrameRef;

/// A queue of whole frames, and how much of it the transport has accepted.
#[derive(Default)]
pub(super) struct Outbound {
    queued: Vec<u8>,
    written: usize,
    failed: Option<io::ErrorKind>,
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
        Ok(write(&mut self.queued))
    }

    /// Returns the number of bytes that have not been written yet.
    pub(super) fn len(&self) -> usize {
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

#[cfg(test)]
mod tests {
    use core::task::Waker;

    use super::*;
    use crate::EventRef;

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
