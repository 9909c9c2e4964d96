//! The byte stream of a reader, with the fixed buffer that it reads into.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;
use core::marker::PhantomData;
use core::task::{Context, Poll, ready};
use std::io;

use crate::adapters::io::ByteStream;
use crate::adapters::runtime::ReadFrom;

/// The byte stream of a reader of the runtime `K`, which is any type for which `K` implements
/// [`ReadFrom`].
///
/// A read asks for 8 KiB at most, and takes place only when all bytes of the read before are
/// consumed. Interrupted reads are repeated.
pub struct ReaderStream<R, K> {
    reader: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    kind: PhantomData<fn() -> K>,
}

impl<R, K> ReaderStream<R, K> {
    /// Creates the stream of a reader.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; BUFFER_BYTES].into(),
            start: 0,
            end: 0,
            kind: PhantomData,
        }
    }

    /// Returns the reader. Bytes that are read from it directly are missing here.
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Returns the reader.
    pub const fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Returns the reader. Bytes that were read and not consumed are lost.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R, K: ReadFrom<R>> ByteStream for ReaderStream<R, K> {
    type Error = io::Error;

    #[inline]
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.start == self.end {
            ready!(self.poll_fill(cx))?;
        }
        Poll::Ready(Ok(self
            .buffer
            .get(self.start..self.end)
            .unwrap_or_default()))
    }

    #[inline]
    fn consume(&mut self, len: usize) {
        self.start = self.end.min(self.start + len);
    }
}

impl<R, K: ReadFrom<R>> ReaderStream<R, K> {
    /// Reads once, over everything that the buffer held.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..INTERRUPTS_PER_POLL {
            match ready!(K::poll_read(&mut self.reader, cx, &mut self.buffer)) {
                Ok(len) if len > self.buffer.len() => {
                    let message = "the reader claims more bytes than it was given room for";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
                }
                Ok(len) => {
                    (self.start, self.end) = (0, len);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<R, K> fmt::Debug for ReaderStream<R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderStream")
            .field("unread_bytes", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}

/// The most bytes that one read asks for.
const BUFFER_BYTES: usize = 8 * 1024;
/// How many interrupted reads one poll repeats before it lets other tasks run.
const INTERRUPTS_PER_POLL: u32 = 32;
