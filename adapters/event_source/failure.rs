//! The reports of a connection that was lost or refused.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::error::Error as StdError;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use http::{Response, header};

use super::redacted;
use crate::adapters::io::BoxError;
use crate::client::{Cause, CloseReason, OmittedId, Phase, StrayLines};

/// The reason why an event source has closed, if the end was not orderly.
///
/// Its text has all that there is to say: the URL without its secrets, the reason with the limit that
/// was hit, the error of the transport with its own causes, and what to do.
///
/// If a response is the reason, [`response`](Self::response) returns it with the start of its body.
/// If an error of the transport is the reason, it is also the [`source`](StdError::source).
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
/// assert_eq!(error.to_string(), "gave up after 1 attempt: could not connect: no route");
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
pub(super) struct Failure {
    known: Option<Box<Known>>,
    context: Option<Box<Context>>,
}

#[derive(Debug)]
enum Known {
    Response(Response<Bytes>),
    Error(BoxError),
}

/// What the end of a connection is told with.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// Without its secrets.
    pub(super) url: Option<String>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) stray_lines: Option<StrayLines>,
    pub(super) omitted_last_event_id: Option<OmittedId>,
}

impl Error {
    pub(super) const fn new(reason: CloseReason, failure: Failure) -> Self {
        Self { reason, failure }
    }

    /// Returns why the event source has closed.
    pub const fn reason(&self) -> CloseReason {
        self.reason
    }

    /// Returns the response that is the reason, with the start of its body.
    ///
    /// [`EventSource::max_error_body_bytes`](super::EventSource::max_error_body_bytes) limits it.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        self.failure.response()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("reason", &self.reason);
        if let Some(known) = &self.failure.known {
            debug.field("known", known);
        }
        debug.finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.describe(&self.reason, self.reason.cause(), f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failure.error()
    }
}

impl Failure {
    pub(super) fn of_response(response: Response<Bytes>) -> Self {
        Self::of(Known::Response(response))
    }

    pub(super) fn of_error(error: BoxError) -> Self {
        Self::of(Known::Error(error))
    }

    fn of(known: Known) -> Self {
        Self {
            known: Some(Box::new(known)),
            context: None,
        }
    }

    pub(super) fn set_context(&mut self, context: Context) {
        self.context = Some(Box::new(context));
    }

    fn context(&self) -> Option<&Context> {
        self.context.as_deref()
    }

    fn response(&self) -> Option<&Response<Bytes>> {
        match self.known.as_deref() {
            Some(Known::Response(response)) => Some(response),
            _ => None,
        }
    }

    fn error(&self) -> Option<&(dyn StdError + 'static)> {
        match self.known.as_deref() {
            Some(Known::Error(error)) => Some(&**error),
            _ => None,
        }
    }

    /// Writes a reason with all that is known about it.
    fn describe(
        &self,
        reason: &dyn fmt::Display,
        cause: Option<Cause>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let context = self.context();
        if let Some(url) = context.and_then(|context| context.url.as_ref()) {
            write!(f, "{url}: ")?;
        }
        write!(f, "{reason}")?;
        let idle_timeout = context.and_then(|context| context.idle_timeout);
        if let (Some(Cause::IdleTimeout), Some(timeout)) = (cause, idle_timeout) {
            write!(f, " ({timeout:?})")?;
        }
        let redirect = self
            .response()
            .filter(|response| response.status().is_redirection());
        if let (Some(Cause::Status(_)), Some(redirect)) = (cause, redirect) {
            f.write_str(", a redirect that was not followed: ")?;
            match redirect.headers().get(header::LOCATION) {
                Some(location) => write!(
                    f,
                    "its Location \"{}\" is not a usable http or https URL, or max_redirects were \
                     followed",
                    redacted(&String::from_utf8_lossy(location.as_bytes()))
                )?,
                None => f.write_str("it has no Location")?,
            }
        }
        if let Some(error) = self.error() {
            write_chain(error, f)?;
        }
        match context.and_then(|context| context.stray_lines) {
            Some(stray) => write!(f, "; {stray}"),
            None => Ok(()),
        }
    }
}

/// Writes an error and its causes. Many errors name their causes themselves, and some do not.
fn write_chain(error: &(dyn StdError + 'static), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut shown = error.to_string();
    write!(f, ": {shown}")?;
    let mut cause = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(error) = cause else {
            break;
        };
        let text = error.to_string();
        if !shown.contains(&text) {
            write!(f, ": {text}")?;
            shown = text;
        }
        cause = error.source();
    }
    Ok(())
}

/// The report of a connection that is no longer open, or that could not be opened.
///
/// Its text says why, as that of an [`Error`] does, and when the next attempt is if there is one.
/// [`EventSource::on_disconnect`](super::EventSource::on_disconnect) passes it to a hook.
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
///     let _ = log.send(disconnect.to_string());
/// });
///
/// while let Some(Ok(_event)) = events.next().await {}
/// assert_eq!(lines.recv().unwrap(), "the stream ended");
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

    /// Returns the response that is the cause, with the start of its body.
    ///
    /// [`EventSource::max_error_body_bytes`](super::EventSource::max_error_body_bytes) limits it.
    pub fn response(&self) -> Option<&'a Response<Bytes>> {
        self.failure.response()
    }

    /// Returns the error of the transport that is the cause.
    pub fn error(&self) -> Option<&'a (dyn StdError + 'static)> {
        self.failure.error()
    }

    /// Returns the URL without its secrets, if the transport has one.
    pub fn url(&self) -> Option<&'a str> {
        self.failure.context()?.url.as_deref()
    }

    /// Returns the lines of the stream that are no fields, if no event has come.
    ///
    /// See [`Client::stray_lines`](crate::client::Client::stray_lines).
    pub fn stray_lines(&self) -> Option<StrayLines> {
        self.failure.context()?.stray_lines
    }

    /// Returns why the next attempt, if there is one, cannot carry the last event ID. `None` if it
    /// can, or if there is no ID.
    pub fn omitted_last_event_id(&self) -> Option<OmittedId> {
        self.failure.context()?.omitted_last_event_id
    }
}

impl fmt::Debug for Disconnect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disconnect")
            .field("phase", &self.phase)
            .field("known", &self.failure.known)
            .field("context", &self.failure.context)
            .finish()
    }
}

impl fmt::Display for Disconnect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause();
        match &self.phase {
            Phase::Waiting {
                cause: Some(cause), ..
            } => self.failure.describe(cause, Some(*cause), f)?,
            Phase::Closed(reason) => self.failure.describe(reason, cause, f)?,
            _ => self.failure.describe(&"restarted by the caller", None, f)?,
        }
        let Some(delay) = self.delay() else {
            return Ok(());
        };
        write!(f, "; retrying in {delay:.1?}")?;
        match self.omitted_last_event_id() {
            Some(omitted) => write!(f, "; {omitted}"),
            None => Ok(()),
        }
    }
}

/// How many causes of an error are told.
const MAX_CAUSES: usize = 8;
