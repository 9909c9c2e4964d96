//! Frames in, bytes out.

use core::fmt;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::task::{Context, Poll, ready};
use std::io;

use crate::FrameRef;
use crate::adapters::io::outbound::Outbound;
use crate::adapters::runtime::WriteTo;

/// A writer of frames to a byte stream. Each frame is written whole and flushed.
///
/// After an error, every later call returns an error of the same kind and writes nothing, because
/// it is unknown how much of a frame has reached the peer.
///
/// `W` is any type for which the runtime `K` implements [`WriteTo`]. The modules of the runtimes
/// name this type with their own `K`.
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

    /// Returns the inner writer. Bytes that are written to it directly may end up inside a frame.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// Returns the inner writer.
    pub const fn get_ref(&self) -> &W {
        &self.writer
    }

    /// Returns the inner writer. The frames that cancelled calls left in the queue are lost.
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
    /// If the future is dropped, the next call of any method writes the rest of the queue first, so
    /// no frame is torn, lost or sent twice. Do not send the frame again after cancelling, and do
    /// not keep cancelling: the queue has no limit.
    pub fn send<'f, F>(&mut self, frame: F) -> impl Future<Output = io::Result<()>>
    where
        F: Into<FrameRef<'f>>,
    {
        self.outbound.push(frame.into());
        self.flush()
    }

    /// Writes and flushes the frames that cancelled calls left in the queue.
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

    /// Writes all queued frames and closes the byte stream, which ends the stream of events.
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
