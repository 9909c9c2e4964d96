//! A socket whose peer has to read.

use alloc::format;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use crate::Timestamp;
use crate::adapters::runtime::{Alarm, Timer};

/// A socket that fails when its peer takes no bytes for a while.
///
/// A peer that does not read holds what is waiting for it: with hyper up to its
/// [buffer](https://docs.rs/hyper/1/hyper/server/conn/http1/struct.Builder.html#method.max_buf_size), one
/// item of the body, which is 64 KiB or one event, and what the kernel buffers. No body can know that
/// nobody reads it, so the time limit belongs to the socket. When it is over, writing fails with
/// [`io::ErrorKind::TimedOut`], the server drops the connection, and the subscription leaves its hub.
///
/// The time runs from a write, flush or shutdown that has to wait until the peer takes bytes. It does
/// not run while there is nothing to write. Reading is passed on.
///
/// This implements the traits of its socket: those of tokio, of futures-io and of hyper.
/// `ssewire::tokio` and `ssewire::async_std` name it with their timers.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use core::time::Duration;
/// use ssewire::tokio::WriteTimeout;
/// use tokio::io::AsyncWriteExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() {
/// // The peer has room for four bytes, and takes none of them.
/// let (socket, _peer) = tokio::io::duplex(4);
/// let mut socket = WriteTimeout::new(socket, Duration::from_millis(10));
/// let error = socket.write_all(b"data: hi\n\n").await.unwrap_err();
/// assert_eq!(error.to_string(), "the peer took no bytes for 10ms (write timeout)");
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main();
/// ```
pub struct WriteTimeout<S, T> {
    socket: S,
    limit: Option<Duration>,
    alarm: Alarm<T>,
    write: Wait,
    flush: Wait,
}

/// How far a wait for the peer has come.
#[derive(Clone, Copy)]
enum Wait {
    Not,
    Until(Timestamp),
    Over,
}

impl<S, T: Timer + Default> WriteTimeout<S, T> {
    /// Wraps a socket. `None` and zero mean that its peer may wait for ever.
    pub fn new(socket: S, limit: impl Into<Option<Duration>>) -> Self {
        Self {
            socket,
            limit: limit.into().filter(|limit| !limit.is_zero()),
            alarm: Alarm::new(T::default()),
            write: Wait::Not,
            flush: Wait::Not,
        }
    }
}

impl<S, T> WriteTimeout<S, T> {
    /// Returns the socket.
    pub const fn get_ref(&self) -> &S {
        &self.socket
    }

    /// Returns the socket.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Returns the socket.
    pub fn into_inner(self) -> S {
        self.socket
    }
}

impl<S: Unpin, T: Timer + Unpin> WriteTimeout<S, T> {
    #[allow(dead_code, reason = "for the traits of the features that are on")]
    fn socket(self: Pin<&mut Self>) -> Pin<&mut S> {
        Pin::new(&mut self.get_mut().socket)
    }

    #[allow(dead_code, reason = "for the traits of the features that are on")]
    fn poll_write_within<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let this = self.get_mut();
        let polled = poll(Pin::new(&mut this.socket), cx);
        within(this.limit, &mut this.alarm, &mut this.write, cx, polled)
    }

    /// A flush that is done says nothing about a write that waits, so it has a time of its own.
    #[allow(dead_code, reason = "for the traits of the features that are on")]
    fn poll_flush_within<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let this = self.get_mut();
        let polled = poll(Pin::new(&mut this.socket), cx);
        within(this.limit, &mut this.alarm, &mut this.flush, cx, polled)
    }
}

fn within<T: Timer, R>(
    limit: Option<Duration>,
    alarm: &mut Alarm<T>,
    wait: &mut Wait,
    cx: &mut Context<'_>,
    polled: Poll<io::Result<R>>,
) -> Poll<io::Result<R>> {
    let (Poll::Pending, Some(limit)) = (&polled, limit) else {
        *wait = Wait::Not;
        return polled;
    };
    let until = match *wait {
        Wait::Not => alarm.now() + limit,
        Wait::Until(until) => until,
        Wait::Over => return Poll::Ready(Err(timed_out(limit))),
    };
    *wait = match alarm.poll(cx, until) {
        Poll::Pending => Wait::Until(until),
        Poll::Ready(_) => Wait::Over,
    };
    match wait {
        Wait::Over => Poll::Ready(Err(timed_out(limit))),
        _ => Poll::Pending,
    }
}

fn timed_out(limit: Duration) -> io::Error {
    let message = format!("the peer took no bytes for {limit:?} (write timeout)");
    io::Error::new(io::ErrorKind::TimedOut, message)
}

#[cfg(feature = "tokio")]
mod tokio_io {
    use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::*;

    impl<S: AsyncRead + Unpin, T: Timer + Unpin> AsyncRead for WriteTimeout<S, T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.socket().poll_read(cx, buffer)
        }
    }

    impl<S: AsyncWrite + Unpin, T: Timer + Unpin> AsyncWrite for WriteTimeout<S, T> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_within(cx, |socket, cx| socket.poll_write(cx, bytes))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            pieces: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_within(cx, |socket, cx| socket.poll_write_vectored(cx, pieces))
        }

        fn is_write_vectored(&self) -> bool {
            self.socket.is_write_vectored()
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush_within(cx, AsyncWrite::poll_flush)
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush_within(cx, AsyncWrite::poll_shutdown)
        }
    }
}

#[cfg(feature = "futures-io")]
mod futures_io {
    use ::futures_io::{AsyncRead, AsyncWrite};

    use super::*;

    impl<S: AsyncRead + Unpin, T: Timer + Unpin> AsyncRead for WriteTimeout<S, T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            self.socket().poll_read(cx, buffer)
        }
    }

    impl<S: AsyncWrite + Unpin, T: Timer + Unpin> AsyncWrite for WriteTimeout<S, T> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_within(cx, |socket, cx| socket.poll_write(cx, bytes))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            pieces: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_within(cx, |socket, cx| socket.poll_write_vectored(cx, pieces))
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush_within(cx, AsyncWrite::poll_flush)
        }

        fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush_within(cx, AsyncWrite::poll_close)
        }
    }
}

#[cfg(feature = "hyper")]
mod hyper_io {
    use ::hyper::rt::{Read, ReadBufCursor, Write};

    use super::*;

    impl<S: Read + Unpin, T: Timer + Unpin> Read for WriteTimeout<S, T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            self.socket().poll_read(cx, buffer)
        }
    }

    impl<S: Write + Unpin, T: Timer + Unpin> Write for WriteTimeout<S, T> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_within(cx, |socket, cx| socket.poll_write(cx, bytes))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            pieces: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_within(cx, |socket, cx| socket.poll_write_vectored(cx, pieces))
        }

        fn is_write_vectored(&self) -> bool {
            self.socket.is_write_vectored()
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush_within(cx, Write::poll_flush)
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush_within(cx, Write::poll_shutdown)
        }
    }
}

impl<S: fmt::Debug, T> fmt::Debug for WriteTimeout<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTimeout")
            .field("socket", &self.socket)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
