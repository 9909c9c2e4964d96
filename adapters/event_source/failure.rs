//! What a user is told of a connection that was lost or refused.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use http::Response;

use super::connect::BoxError;
use crate::client::{Cause, CloseReason, Phase};

/// Reports why an event source has closed, where that is not an orderly end.
///
/// It holds the answer, with a piece of its body, where an answer is the reason, and the
/// transport's error where that is; [`source`](StdError::source) gives the latter.
pub struct Error {
    reason: CloseReason,
    failure: Failure,
}

/// What is known of the last connection's end besides its [`Cause`].
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

    /// Returns why it has closed.
    pub const fn reason(&self) -> CloseReason {
        self.reason
    }

    /// Returns the answer that was the reason, with at most 8 KiB of its body.
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

/// Tells a hook that a connection is not open any more, or could not be opened.
pub struct Disconnect<'a> {
    pub(super) phase: Phase,
    pub(super) failure: &'a Failure,
}

impl<'a> Disconnect<'a> {
    /// Returns what comes now: [`Phase::Waiting`] or [`Phase::Closed`].
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns why the connection is gone; `None` where the event source has closed it itself.
    pub fn cause(&self) -> Option<Cause> {
        match self.phase {
            Phase::Waiting { cause, .. } => cause,
            Phase::Closed(reason) => reason.cause(),
            _ => None,
        }
    }

    /// Returns after what wait comes the next attempt, if any.
    pub const fn delay(&self) -> Option<Duration> {
        match self.phase {
            Phase::Waiting { delay, .. } => Some(delay),
            _ => None,
        }
    }

    /// Returns the answer that was the cause, with at most 8 KiB of its body.
    pub fn response(&self) -> Option<&'a Response<Bytes>> {
        self.failure.response()
    }

    /// Returns the transport's error that was the cause.
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
