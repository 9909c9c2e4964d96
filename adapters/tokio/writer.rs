//! Frames in, bytes out.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use ::tokio::io::AsyncWrite;

use super::super::outbound::Outbound;
use crate::FrameRef;

/// Writes frames to a byte stream, each whole and flushed.
///
/// After an error it stays failed: every later call returns an error of the same kind and writes
/// nothing, since nobody knows where in a frame the other side stands.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use ssewire::tokio::EventWriter;
/// use ssewire::{Event, EventRef, FrameRef};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut writer = EventWriter::new(Vec::new());
///
/// writer.send(FrameRef::Retry(Duration::from_secs(3))).await?;
/// writer.send(EventRef::new("121.5").with_type("AAPL")?).await?;
/// writer.send(&Event::new("bye")).await?;
/// writer.close().await?;
///
/// let wire = writer.into_inner();
/// assert_eq!(wire, b"retry: 3000\n\nevent: AAPL\ndata: 121.5\n\ndata: bye\n\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EventWriter<W> {
    outbound: Outbound,
    writer: W,
}

impl<W> EventWriter<W> {
    /// Makes a writer.
    pub fn new(writer: W) -> Self {
        Self {
            outbound: Outbound::default(),
            writer,
        }
    }

    /// Returns the byte stream. What is written to it directly may land inside of a frame.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// Returns the byte stream.
    pub const fn get_ref(&self) -> &W {
        &self.writer
    }

    /// Returns the byte stream. What cancelled calls left in the queue is lost.
    pub fn into_inner(self) -> W {
        self.writer
    }

    /// Returns the queue and the byte stream behind it.
    pub(in super::super) const fn parts(&mut self) -> (&mut Outbound, &mut W) {
        (&mut self.outbound, &mut self.writer)
    }
}

impl<W: AsyncWrite + Unpin> EventWriter<W> {
    /// Queues a frame, and writes and flushes everything that is queued.
    ///
    /// The frame is queued by the call itself, whole. Cancel-safe in that sense: when the future is
    /// dropped, what is left of the queue leaves first at the next call of any method, so nothing
    /// is torn, lost or doubled. Whoever cancels must not send the frame again, nor cancel without
    /// end: the queue has no limit.
    ///
    /// # Errors
    ///
    /// Those of the byte stream, and [`io::ErrorKind::WriteZero`] where it takes no more bytes.
    pub fn send<'f, F>(&mut self, frame: F) -> impl Future<Output = io::Result<()>>
    where
        F: Into<FrameRef<'f>>,
    {
        self.outbound.push(frame.into());
        self.flush()
    }

    /// Writes and flushes what cancelled calls left in the queue.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn flush(&mut self) -> io::Result<()> {
        let Self { outbound, writer } = self;
        poll_fn(|cx| {
            ready!(poll_write(outbound, writer, cx))?;
            outbound.poll_flush(cx, |cx| Pin::new(&mut *writer).poll_flush(cx))
        })
        .await
    }

    /// Writes what is queued and shuts the byte stream down, which ends the stream of events.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn close(&mut self) -> io::Result<()> {
        let Self { outbound, writer } = self;
        poll_fn(|cx| {
            ready!(poll_write(outbound, writer, cx))?;
            outbound.poll_flush(cx, |cx| Pin::new(&mut *writer).poll_shutdown(cx))
        })
        .await
    }
}

fn poll_write<W: AsyncWrite + Unpin>(
    outbound: &mut Outbound,
    writer: &mut W,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    outbound.poll_write(cx, |cx, bytes| Pin::new(&mut *writer).poll_write(cx, bytes))
}
