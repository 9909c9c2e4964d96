//! What the event source needs of tokio.

use alloc::boxed::Box;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::time::{Instant, Sleep, sleep_until};

use super::super::runtime::{ReadFrom, Timer, WriteTo};
use crate::Timestamp;

/// Brings tokio's clock, timers, readers and, for the feature `hyper`, sockets. They need a runtime
/// with its drivers enabled.
pub struct Runtime {
    origin: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            sleep: None,
        }
    }
}

impl Timer for Runtime {
    fn now(&self) -> Timestamp {
        Timestamp::from_origin(self.origin.elapsed())
    }

    fn set(&mut self, at: Timestamp) {
        // A time that lies beyond what the clock can show is as good as far away.
        let far = || Instant::now() + core::time::Duration::from_secs(FAR);
        let at = self
            .origin
            .checked_add(at.since_origin())
            .unwrap_or_else(far);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(sleep_until(at))),
        }
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
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
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(reader).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
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
        Pin::new(writer).poll_shutdown(cx)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

/// How far away is far, in seconds: a year.
const FAR: u64 = 365 * 24 * 60 * 60;
