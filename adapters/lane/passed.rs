//! A socket with the bytes put back that were read from it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;

use super::addresses::Counted;

/// A socket that is the caller's to serve, as [`Lane::offer`](super::Lane::offer) returns it.
///
/// It reads as if nothing had been read from it yet, and writes as the socket does.
pub struct Passed<S> {
    socket: S,
    read: Vec<u8>,
    /// How much of `read` was read again.
    again: usize,
    /// Counts the connection until it is closed.
    _counted: Option<Arc<Counted>>,
}

impl<S> Passed<S> {
    pub(super) const fn new(socket: S, read: Vec<u8>, counted: Option<Arc<Counted>>) -> Self {
        Self {
            socket,
            read,
            again: 0,
            _counted: counted,
        }
    }

    /// Returns the socket.
    pub const fn get_ref(&self) -> &S {
        &self.socket
    }

    /// Returns the socket. Bytes that are read from it directly may come before those that were put
    /// back.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Returns the bytes that were read and are not read again yet.
    pub fn buffer(&self) -> &[u8] {
        self.read.get(self.again..).unwrap_or_default()
    }

    /// Copies bytes that were put back. Returns their number, which is 0 if there are none.
    #[allow(dead_code, reason = "for the traits of the features that are on")]
    fn read_again(&mut self, buffer: &mut [u8]) -> usize {
        let rest = self.buffer();
        let len = rest.len().min(buffer.len());
        let (Some(from), Some(to)) = (rest.get(..len), buffer.get_mut(..len)) else {
            return 0;
        };
        to.copy_from_slice(from);
        self.again += len;
        if self.again == self.read.len() {
            self.read = Vec::new();
            self.again = 0;
        }
        len
    }

    #[allow(dead_code, reason = "for the traits of the features that are on")]
    fn socket(self: Pin<&mut Self>) -> Pin<&mut S>
    where
        S: Unpin,
    {
        Pin::new(&mut self.get_mut().socket)
    }
}

#[cfg(feature = "tokio")]
mod tokio_io {
    use core::task::{Context, Poll};
    use std::io;

    use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::*;

    impl<S: AsyncRead + Unpin> AsyncRead for Passed<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.buffer().is_empty() || buffer.remaining() == 0 {
                return self.socket().poll_read(cx, buffer);
            }
            let read = self.read_again(buffer.initialize_unfilled());
            buffer.advance(read);
            Poll::Ready(Ok(()))
        }
    }

    impl<S: AsyncWrite + Unpin> AsyncWrite for Passed<S> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.socket().poll_write(cx, bytes)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            pieces: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.socket().poll_write_vectored(cx, pieces)
        }

        fn is_write_vectored(&self) -> bool {
            self.socket.is_write_vectored()
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.socket().poll_flush(cx)
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.socket().poll_shutdown(cx)
        }
    }
}

#[cfg(feature = "futures-io")]
mod futures_io {
    use core::task::{Context, Poll};
    use std::io;

    use ::futures_io::{AsyncRead, AsyncWrite};

    use super::*;

    impl<S: AsyncRead + Unpin> AsyncRead for Passed<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            match self.read_again(buffer) {
                0 => self.socket().poll_read(cx, buffer),
                read => Poll::Ready(Ok(read)),
            }
        }
    }

    impl<S: AsyncWrite + Unpin> AsyncWrite for Passed<S> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.socket().poll_write(cx, bytes)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            pieces: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.socket().poll_write_vectored(cx, pieces)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.socket().poll_flush(cx)
        }

        fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.socket().poll_close(cx)
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Passed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passed")
            .field("socket", &self.socket)
            .field("buffered_bytes", &self.buffer().len())
            .finish_non_exhaustive()
    }
}
