//! A bound on the work of one poll, whatever the peer sends.
//!
//! hyper, h2 and rustls read a socket until it has no more or until they have found what their caller
//! waits for. A peer that sends fast enough, and nothing that anybody waits for, would keep them in
//! one poll for ever: informational heads, the zeros of a chunk size, HTTP/2 frames without content.
//! What they have queued meanwhile would take memory without bound, and no timeout could fire. So the
//! socket itself, below all of them, stops reading when its budget is used up. Only the poll at the
//! top refills it, once it has let other tasks run. A budget that the socket refilled by itself would
//! be spent several times in one poll, because the layers above poll it more than once.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll};
use std::io;

use ::hyper::rt::{Read, ReadBufCursor, Write};

/// What may be read from a socket before the task must let others run.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicU32>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU32::new(TURN)))
    }

    /// Begins another turn. It must follow a poll that has returned `Pending` to the task.
    pub(super) fn refill(&self) {
        self.0.store(TURN, Ordering::Relaxed);
    }

    /// Refills the budget after each poll of a future that is pending.
    pub(super) async fn in_turns<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let polled = future.as_mut().poll(cx);
            if polled.is_pending() {
                self.refill();
            }
            polled
        })
        .await
    }

    /// Takes the cost of a read of at most `len` bytes. Returns whether there was any budget left.
    fn take(&self, len: usize) -> bool {
        // Only one task polls a socket and refills its budget.
        let left = self.0.load(Ordering::Relaxed);
        let cost = 1 + u32::try_from(len / READ_BYTES).unwrap_or(TURN);
        self.0.store(left.saturating_sub(cost), Ordering::Relaxed);
        left > 0
    }
}

/// A socket that reads within a budget.
#[derive(Debug)]
pub(super) struct Metered<S> {
    socket: S,
    budget: Budget,
}

impl<S> Metered<S> {
    pub(super) const fn new(socket: S, budget: Budget) -> Self {
        Self { socket, budget }
    }
}

impl<S: Read + Unpin> Read for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.budget.take(buffer.remaining()) {
            return Pin::new(&mut self.socket).poll_read(cx, buffer);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: Write + Unpin> Write for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }
}

/// The budget of a turn. It is far below that of tokio for a task, 128, which when it is used up
/// holds off timers too.
const TURN: u32 = 16;
/// How many bytes a read can bring for each further unit.
const READ_BYTES: usize = 8 * 1024;
