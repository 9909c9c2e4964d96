//! Byte streams that do as they are told, for tokio and futures-io alike.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::VecDeque;
use std::io;

use tokio::io::ReadBuf;

/// One answer of a [`Source`] or a [`Sink`] to one poll.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A source gives these bytes.
    Give(Vec<u8>),
    /// A sink takes up to this many bytes.
    Take(usize),
    /// The poll is pending, and the task is woken at once.
    Wait,
    /// The poll is pending, and so is every later one.
    #[allow(dead_code, reason = "only the tests of the client wait for ever")]
    Stall,
    /// The poll fails.
    Fail(io::ErrorKind),
}

/// Gives what its steps say, then the end, and must not be read after the end or a failure.
#[derive(Debug, Default)]
pub(crate) struct Source {
    steps: VecDeque<Step>,
    /// How often it was polled.
    pub(crate) polls: usize,
    /// The most room that a read offered, in bytes.
    pub(crate) largest_room: usize,
    ended: bool,
}

impl Source {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Gives `wire` in pieces of `len` bytes and waits before each.
    pub(crate) fn in_pieces(wire: &[u8], len: usize) -> Self {
        let pieces = wire.chunks(len).map(|piece| Step::Give(piece.to_vec()));
        Self::new(pieces.flat_map(|give| [Step::Wait, give]))
    }

    fn poll(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        assert!(!self.ended, "read after the end");
        self.polls += 1;
        self.largest_room = self.largest_room.max(room.len());
        match self.steps.pop_front() {
            Some(Step::Give(mut bytes)) => {
                let len = bytes.len().min(room.len());
                let rest = bytes.split_off(len);
                room.split_at_mut(len).0.copy_from_slice(&bytes);
                if !rest.is_empty() {
                    self.steps.push_front(Step::Give(rest));
                }
                Poll::Ready(Ok(len))
            }
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Stall) => {
                self.steps.push_front(Step::Stall);
                Poll::Pending
            }
            Some(Step::Fail(kind)) => {
                self.ended = kind != io::ErrorKind::Interrupted;
                Poll::Ready(Err(kind.into()))
            }
            Some(Step::Take(_)) => unreachable!("a source takes nothing"),
            None => {
                self.ended = true;
                Poll::Ready(Ok(0))
            }
        }
    }
}

impl futures_util::io::AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, room)
    }
}

impl tokio::io::AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.poll(cx, room.initialize_unfilled());
        read.map_ok(|len| room.advance(len))
    }
}

/// Takes what its steps say, then everything.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    /// The answers to the next writes.
    pub(crate) steps: VecDeque<Step>,
    /// The answers to the next flushes and closes.
    pub(crate) flush_steps: VecDeque<Step>,
    /// What was written.
    pub(crate) taken: Vec<u8>,
    /// How much of it was flushed, in bytes.
    pub(crate) flushed: usize,
    /// How often it was closed.
    pub(crate) closed: usize,
}

impl Sink {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Takes one byte and then waits, `times` over.
    pub(crate) fn byte_by_byte(times: usize) -> Self {
        Self::new((0..times).flat_map(|_| [Step::Take(1), Step::Wait]))
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let len = match self.steps.pop_front() {
            Some(Step::Take(len)) => len.min(bytes.len()),
            None => bytes.len(),
            Some(step) => return unwritten(step, cx),
        };
        self.taken.extend_from_slice(bytes.split_at(len).0);
        Poll::Ready(Ok(len))
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(step) = self.flush_steps.pop_front() {
            return unwritten(step, cx);
        }
        self.flushed = self.taken.len();
        Poll::Ready(Ok(()))
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.flush(cx);
        self.closed += usize::from(flushed.is_ready());
        flushed
    }
}

fn unwritten<T>(step: Step, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
    match step {
        Step::Fail(kind) => Poll::Ready(Err(kind.into())),
        Step::Wait => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Step::Give(_) | Step::Stall | Step::Take(_) => unreachable!("no such answer"),
    }
}

impl futures_util::io::AsyncWrite for Sink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close(cx)
    }
}

impl tokio::io::AsyncWrite for Sink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close(cx)
    }
}
