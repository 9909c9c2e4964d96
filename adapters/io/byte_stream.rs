//! The source of a reader's bytes.

use alloc::boxed::Box;
use core::error::Error;
use core::task::{Context, Poll};

/// A stream of bytes, which lends the bytes that have arrived and keeps those that are not
/// consumed.
///
/// # Examples
///
/// A stream from memory:
///
/// ```
/// use core::convert::Infallible;
/// use core::task::{Context, Poll};
///
/// use ssewire::Frame;
/// use ssewire::io::{ByteStream, EventReader};
///
/// struct Canned(&'static [u8]);
///
/// impl ByteStream for Canned {
///     type Error = Infallible;
///
///     fn poll_bytes(&mut self, _: &mut Context<'_>) -> Poll<Result<&[u8], Infallible>> {
///         Poll::Ready(Ok(self.0))
///     }
///
///     fn consume(&mut self, len: usize) {
///         self.0 = &self.0[len..];
///     }
/// }
///
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// # use super::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() -> Result<(), Box<dyn core::error::Error>> {
/// let mut reader = EventReader::over(Canned(b"data: hello\n\n"));
/// let Some(Frame::Event(event)) = reader.next_frame().await? else { panic!() };
/// assert_eq!(event.data(), "hello");
/// # Ok(())
/// # }
/// # }
/// # fn main() {
/// # #[cfg(feature = "tokio")]
/// # run::main().unwrap();
/// # }
/// ```
pub trait ByteStream {
    /// The error that ends the stream early.
    type Error;

    /// Lends the bytes that have arrived and were not consumed, or waits for some.
    ///
    /// An empty slice marks the end. This is not called again after the end or an error. A call that
    /// is ready does only a bounded amount of work, whatever the peer sends.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], Self::Error>>;

    /// Drops the first `len` of the bytes that were lent last.
    fn consume(&mut self, len: usize);
}

/// Any error of a transport.
pub type BoxError = Box<dyn Error + Send + Sync>;
