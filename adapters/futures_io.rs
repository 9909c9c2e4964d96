//! The reader and the writer over futures-io's [`AsyncRead`] and [`AsyncWrite`], for smol,
//! async-std and others.
//!
//! They need no runtime and spawn nothing.
//!
//! # Examples
//!
//! ```
//! use futures_util::io::Cursor;
//! use ssewire::Event;
//! use ssewire::futures_io::{EventReader, EventWriter};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mut writer = EventWriter::new(Cursor::new(Vec::new()));
//! writer.send(&Event::new("hello")).await?;
//!
//! let wire = writer.into_inner().into_inner();
//! let mut reader = EventReader::new(Cursor::new(wire));
//! while let Some(event) = reader.next_event().await? {
//!     assert_eq!(event.data(), "hello");
//! }
//! # Ok(())
//! # }
//! ```

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use ::futures_io::{AsyncRead, AsyncWrite};

use crate::adapters::io::{self as adapter, ReaderStream};
use crate::adapters::runtime::{ReadFrom, WriteTo};

pub use crate::adapters::io::ReadError;

/// A reader of the frames and events in an [`AsyncRead`].
pub type EventReader<R> = adapter::EventReader<ReaderStream<R, FuturesIo>>;

/// A writer of frames to an [`AsyncWrite`].
pub type EventWriter<W> = adapter::EventWriter<W, FuturesIo>;

/// The readers and writers of futures-io, as a runtime.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct FuturesIo;

impl<R: AsyncRead + Unpin> ReadFrom<R> for FuturesIo {
    fn poll_read(
        reader: &mut R,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(reader).poll_read(cx, buffer)
    }
}

impl<W: AsyncWrite + Unpin> WriteTo<W> for FuturesIo {
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
