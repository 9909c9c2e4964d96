//! Frames in, bytes out.

use core::fmt;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::task::{Context, Poll, ready};
use std::io;

use crate::FrameRef;
use crate::adapters::io::outbound::Outbound;
use crate::adapters::runtime::WriteTo;

/// A writer of frames to a byte stream, each whole and flushed.
///
/// After an error the writer stays failed: every later call returns an error of the same kind and
/// writes nothing, because the position of the other side within a frame is unknown.
///
/// The runtime `K` says which writers it takes: anything for which it implements [`WriteTo`]. The
/// modules of the runtimes name this type with theirs.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use std::time::Duration;
///
/// use ssewire::tokio::EventWriter;
/// use ssewire::{Event, EventRef, FrameRef};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main().unwrap();
/// ```
pub struct EventWriter<W, K> {
    outbound: Outbound,
    writer: W,
    kind: PhantomData<fn() -> K>,
}

impl<W, K> EventWriter<W, K> {
    /// Creates a writer.
    pub fn new(writer: W) -> Self {
        Self {
            outbound: Outbound::default(),
            writer,
            kind: PhantomData,
        }
    }

    /// Returns the inner writer. What is written to it directly may land inside a frame.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// Returns the inner writer.
    pub const fn get_ref(&self) -> &W {
        &self.writer
    }

    /// Returns the inner writer. What cancelled calls left in the queue is lost.
    pub fn into_inner(self) -> W {
        self.writer
    }

    /// Returns the queue and the inner writer.
    #[cfg(feature = "server")]
    pub(super) const fn parts(&mut self) -> (&mut Outbound, &mut W) {
        (&mut self.outbound, &mut self.writer)
    }
}

impl<W, K: WriteTo<W>> EventWriter<W, K> {
    /// Queues a frame, then writes and flushes everything that is queued.
    ///
    /// The call itself queues the frame, whole, even if the future is never polled.
    ///
    /// # Errors
    ///
    /// Those of the inner writer, and [`io::ErrorKind::WriteZero`] if it accepts no more bytes.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the rest of the queue is written first by the next call of any
    /// method, so nothing is torn, lost or sent twice. Do not send the frame again after cancelling,
    /// and do not cancel without end: the queue has no limit.
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
        let Self {
            outbound, writer, ..
        } = self;
        poll_fn(|cx| {
            ready!(poll_write::<W, K>(outbound, writer, cx))?;
            outbound.poll_flush(cx, |cx| K::poll_flush(writer, cx))
        })
        .await
    }

    /// Writes what is queued and closes the byte stream, which ends the stream of events.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn close(&mut self) -> io::Result<()> {
        let Self {
            outbound, writer, ..
        } = self;
        poll_fn(|cx| {
            ready!(poll_write::<W, K>(outbound, writer, cx))?;
            outbound.poll_flush(cx, |cx| K::poll_close(writer, cx))
        })
        .await
    }
}

impl<W: fmt::Debug, K> fmt::Debug for EventWriter<W, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWriter")
            .field("outbound", &self.outbound)
            .field("writer", &self.writer)
            .finish()
    }
}

fn poll_write<W, K: WriteTo<W>>(
    outbound: &mut Outbound,
    writer: &mut W,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    outbound.poll_write(cx, |cx, bytes| K::poll_write(writer, cx, bytes))
}
