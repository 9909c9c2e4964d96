//! The chunked transfer coding (RFC 9112, section 7.1).

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, Write};

use futures_util::AsyncWrite;

/// A writer that sends each write as a chunk, so that clients read it at once, and know the end of the
/// response from a lost connection.
pub(crate) struct Chunked<W> {
    writer: W,
    /// A chunk that is being written, and how much of it was.
    chunk: Vec<u8>,
    written: usize,
    has_ended: bool,
}

impl<W: AsyncWrite + Unpin> Chunked<W> {
    pub(crate) const fn new(writer: W) -> Self {
        Self {
            writer,
            chunk: Vec::new(),
            written: 0,
            has_ended: false,
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.chunk.get(self.written..) {
            match ready!(Pin::new(&mut self.writer).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => self.written += len,
            }
        }
        self.chunk.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Chunked<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_chunk(cx))?;
        // A chunk without bytes would be the last.
        if !bytes.is_empty() {
            write!(this.chunk, "{:x}\r\n", bytes.len())?;
            this.chunk.extend_from_slice(bytes);
            this.chunk.extend_from_slice(b"\r\n");
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_chunk(cx))?;
        Pin::new(&mut this.writer).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_chunk(cx))?;
        if !this.has_ended {
            this.has_ended = true;
            this.chunk.extend_from_slice(b"0\r\n\r\n");
        }
        ready!(this.poll_chunk(cx))?;
        Pin::new(&mut this.writer).poll_close(cx)
    }
}
