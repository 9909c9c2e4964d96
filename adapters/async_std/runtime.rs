//! What the event source needs of async-std.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::time::Instant;

use ::futures_io::{AsyncRead, AsyncWrite};

use super::super::runtime::{ReadFrom, Timer, WriteTo};
use crate::Timestamp;

/// Brings async-io's timers and, for the feature `hyper`, async-net's sockets. They need no runtime.
pub struct Runtime {
    origin: Instant,
    timer: Option<async_io::Timer>,
}

impl Default for Runtime {
    #[expect(
        clippy::disallowed_methods,
        reason = "an adapter reads the clock for the core"
    )]
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            timer: None,
        }
    }
}

impl Timer for Runtime {
    fn now(&self) -> Timestamp {
        Timestamp::from_origin(self.origin.elapsed())
    }

    fn set(&mut self, at: Timestamp) {
        self.timer = Some(match self.origin.checked_add(at.since_origin()) {
            Some(at) => async_io::Timer::at(at),
            None => async_io::Timer::never(),
        });
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) => Pin::new(timer).poll(cx).map(drop),
            None => Poll::Pending,
        }
    }
}

impl<R: AsyncRead + Unpin> ReadFrom<R> for Runtime {
    fn poll_read(
        reader: &mut R,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(reader).poll_read(cx, buffer)
    }
}

impl<W: AsyncWrite + Unpin> WriteTo<W> for Runtime {
    fn poll_write(writer: &mut W, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(writer).poll_write(cx, bytes)
    }

    fn poll_flush(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(writer).poll_flush(cx)
    }

    fn poll_close(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(writer).poll_close(cx)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}
