//! The byte streams that a connection to Redis is made of.

use alloc::boxed::Box;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::adapters::runtime::{ReadFrom, WriteTo};

/// An open connection.
pub(super) type Socket = Pin<Box<dyn Stream>>;

/// What a connection is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// A byte stream of the runtime `R`, with the traits that the client crate asks for.
pub(super) struct Adapted<R, S> {
    stream: S,
    // A stream is `Send` whether or not the runtime's timer is.
    runtime: PhantomData<fn() -> R>,
}

impl<R, S> Adapted<R, S> {
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream,
            runtime: PhantomData,
        }
    }
}

impl<R: ReadFrom<S>, S: Unpin> AsyncRead for Adapted<R, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let free = buffer.initialize_unfilled();
        let read = ready!(R::poll_read(&mut self.get_mut().stream, cx, free))?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<R: WriteTo<S>, S: Unpin> AsyncWrite for Adapted<R, S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        R::poll_write(&mut self.get_mut().stream, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        R::poll_flush(&mut self.get_mut().stream, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        R::poll_close(&mut self.get_mut().stream, cx)
    }
}
