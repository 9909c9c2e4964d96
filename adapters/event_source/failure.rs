//! The reports of a connection that was lost or refused.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::adapters::io::BoxError;
use crate::client::{Cause, CloseReason, Phase};

/// The reason why an event source has closed, if the end was not orderly.
///
/// If a response is the reason, [`response`](Self::response) returns it with the start of its body.
/// If an error of the transport is the reason, it is the [`source`](StdError::source).
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use std::error::Error as _;
/// use std::io;
///
/// use ssewire::client::{Cause, ClientConfig};
/// use ssewire::tokio::{EventSource, from_reader};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() {
/// let connect = from_reader(|_attempt| async { Err::<&[u8], _>(io::Error::other("no route")) });
/// let mut events = EventSource::new(connect, ClientConfig::new().max_attempts(1));
///
/// let error = events.next().await.unwrap().unwrap_err();
/// assert_eq!(error.to_string(), "gave up after 1 attempt: could not connect");
/// assert_eq!(error.reason().cause(), Some(Cause::CouldNotConnect));
/// assert_eq!(error.source().unwrap().to_string(), "no route");
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main();
/// ```
pub struct Error {
    reason: CloseReason,
    failure: Failure,
}

/// The details of the end of the last connection, besides its [`Cause`].
#[derive(Default)]
pub(super) struct Failure(Option<Box<Known>>);

#[derive(Debug)]
enum Known {
    Response(Response<Bytes>),
    Error(BoxError),
}

impl Error {
    pub(super) const fn new(reason: CloseReason, failure: Failure) -> Self {
        Self { reason, failure }
    }

    /// Returns why the event source has closed.
    pub const fn reason(&self) -> CloseReason {
        self.reason
    }

    /// Returns the response that is the reason, with at most 8 KiB of its body.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        self.failure.response()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("reason", &self.reason);
        if let Some(known) = &self.failure.0 {
            debug.field("known", known);
        }
        debug.finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failure.error()
    }
}

impl Failure {
    pub(super) fn of_response(response: Response<Bytes>) -> Self {
        Self(Some(Box::new(Known::Response(response))))
    }

    pub(super) fn of_error(error: BoxError) -> Self {
        Self(Some(Box::new(Known::Error(error))))
    }

    fn response(&self) -> Option<&Response<Bytes>> {
        match self.0.as_deref() {
            Some(Known::Response(response)) => Some(response),
            _ => None,
        }
    }

    fn error(&self) -> Option<&(dyn StdError + 'static)> {
        match self.0.as_deref() {
            Some(Known::Error(error)) => Some(&**error),
            _ => None,
        }
    }
}

/// The report of a connection that is no longer open, or that could not be opened.
///
/// Its text says why. [`EventSource::on_disconnect`](super::EventSource::on_disconnect) passes it to
/// a hook.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use std::sync::mpsc;
///
/// use ssewire::client::{ClientConfig, Reconnect};
/// use ssewire::tokio::{EventSource, from_reader};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() {
/// let (log, lines) = mpsc::channel();
/// let connect = from_reader(|_attempt| async { Ok(&b"data: hello\n\n"[..]) });
/// let config = ClientConfig::new().reconnect(Reconnect::Never);
/// let mut events = EventSource::new(connect, config).on_disconnect(move |disconnect| {
///     let next = match disconnect.delay() {
///         Some(delay) => format!("next attempt in {delay:?}"),
///         None => "closed".to_owned(),
///     };
///     let _ = log.send(format!("{disconnect}; {next}"));
/// });
///
/// while let Some(Ok(_event)) = events.next().await {}
/// assert_eq!(lines.recv().unwrap(), "the stream ended; closed");
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main();
/// ```
pub struct Disconnect<'a> {
    pub(super) phase: Phase,
    pub(super) failure: &'a Failure,
}

impl<'a> Disconnect<'a> {
    /// Returns the new state: [`Phase::Waiting`] or [`Phase::Closed`].
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns why the connection was lost or could not be opened, or `None` if it ended for
    /// another reason, which [`phase`](Self::phase) returns.
    pub fn cause(&self) -> Option<Cause> {
        match self.phase {
            Phase::Waiting { cause, .. } => cause,
            Phase::Closed(reason) => reason.cause(),
            _ => None,
        }
    }

    /// Returns the wait before the next attempt, or `None` if there is none.
    pub const fn delay(&self) -> Option<Duration> {
        match self.phase {
            Phase::Waiting { delay, .. } => Some(delay),
            _ => None,
        }
    }

    /// Returns the response that is the cause, with at most 8 KiB of its body.
    pub fn response(&self) -> Option<&'a Response<Bytes>> {
        self.failure.response()
    }

    /// Returns the error of the transport that is the cause.
    pub fn error(&self) -> Option<&'a (dyn StdError + 'static)> {
        self.failure.error()
    }
}

impl fmt::Debug for Disconnect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disconnect")
            .field("phase", &self.phase)
            .field("known", &self.failure.0)
            .finish()
    }
}

impl fmt::Display for Disconnect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.phase {
            Phase::Waiting {
                cause: Some(cause), ..
            } => cause.fmt(f)?,
            Phase::Waiting { .. } => f.write_str("restarted by the caller")?,
            Phase::Closed(reason) => reason.fmt(f)?,
            _ => {}
        }
        match self.error() {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}
