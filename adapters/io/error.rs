//! The errors of a reader.

use core::error::Error;
use core::fmt;
use std::io;

use crate::DecodeError;

/// The error of a reader: a failure of its transport, or an event that cannot be decoded.
///
/// It displays as the inner error. If the transport's error is an [`io::Error`], this converts into
/// one, so `?` works in functions that return [`io::Result`].
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use ssewire::tokio::{EventReader, ReadError};
/// use ssewire::{DecodeError, DecoderConfig, Frame};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() -> std::io::Result<()> {
/// let input = &b"data: far too long\n\ndata: short\n\n"[..];
/// let mut reader = EventReader::with_config(input, DecoderConfig::new().max_event_bytes(12));
///
/// let error = reader.next_frame().await.unwrap_err();
/// assert!(matches!(error, ReadError::Decode(DecodeError::EventTooLarge)));
/// assert_eq!(error.to_string(), "an event is larger than max_event_bytes");
///
/// let Some(Frame::Event(event)) = reader.next_frame().await? else { panic!() };
/// assert_eq!(event.data(), "short");
/// # Ok(())
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main().unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError<E = io::Error> {
    /// The transport failed. The stream is over: every later read finds its end.
    Transport(E),
    /// The peer sent an event that cannot be decoded. It was skipped, and the stream continues after
    /// it.
    Decode(DecodeError),
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
        }
    }
}

impl<E: Error> Error for ReadError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Transport(error) => error.source(),
            Self::Decode(error) => error.source(),
        }
    }
}

impl<E> From<DecodeError> for ReadError<E> {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Transport(error) => error,
            ReadError::Decode(error) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
