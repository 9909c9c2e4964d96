//! Why a connection has ended, and why a client has closed.

use core::fmt;
use core::time::Duration;

use crate::client::excerpt::Excerpt;

/// How a connection, or the attempt to open one, ended. The embedder reports it.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::client::{Client, ClientConfig, CloseReason, End, Phase, Reconnect};
///
/// let now = Timestamp::default();
/// let config = ClientConfig::new().reconnect(Reconnect::Never);
/// let mut client = Client::new(config, 0);
/// let _connect = client.poll_action(now);
/// client.handle_end(now, End::TimedOut);
/// assert_eq!(client.phase(), Phase::Closed(CloseReason::ConnectTimeout));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// The peer ended it in an orderly way.
    Clean,
    /// It broke, or could not be opened.
    Failed,
    /// It was not opened within the embedder's time limit.
    TimedOut,
    /// The embedder knows that no other attempt can succeed, for instance because the URL is invalid.
    Refused,
}

/// Why a connection was lost, or could not be opened. Another attempt may fix each of these.
///
/// # Examples
///
/// ```
/// use ssewire::client::Cause;
///
/// assert_eq!(Cause::CutOff.to_string(), "the stream was cut off");
/// assert_eq!(Cause::Status(503).to_string(), "the response has status 503");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// No response arrived: the connection could not be opened, or ended before the response head.
    CouldNotConnect,
    /// The connection was not opened within the connect timeout.
    ConnectTimeout,
    /// The response has this status, after which another attempt may succeed.
    Status(u16),
    /// The stream ended in an orderly way.
    Ended,
    /// The stream broke.
    CutOff,
    /// Nothing arrived within the idle timeout.
    IdleTimeout,
}

/// Why a client has closed.
///
/// # Examples
///
/// ```
/// use ssewire::client::{Cause, CloseReason};
///
/// assert!(CloseReason::NoContent.is_orderly());
/// assert!(!CloseReason::CutOff.is_orderly());
/// assert_eq!(CloseReason::CutOff.cause(), Some(Cause::CutOff));
/// assert_eq!(CloseReason::Status(404).to_string(), "the response has status 404");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The caller closed it.
    Caller,
    /// The response has status 204, which tells a client to stop (WHATWG HTML, "Server-sent events":
    /// "Clients will reconnect if the connection is closed; a client can be told to stop
    /// reconnecting using the HTTP 204 No Content response code").
    NoContent,
    /// The response has this status. Either no other attempt can succeed after it, or the
    /// configuration wants none.
    Status(u16),
    /// The response has status 200, but its content type is not `text/event-stream`.
    ContentType {
        /// The content type that it has, if it has one.
        value: Option<Excerpt>,
    },
    /// The response has status 200, but its body has a content coding, for instance gzip, which the
    /// client does not decode.
    ContentEncoding {
        /// The codings.
        value: Excerpt,
    },
    /// The embedder or the caller refused the request or the response.
    Refused,
    /// The stream ended in an orderly way, and the configuration wants no other attempt.
    Ended,
    /// No response arrived, and the configuration wants no other attempt.
    CouldNotConnect,
    /// The connection was not opened within the connect timeout, and the configuration wants no other
    /// attempt.
    ConnectTimeout,
    /// The stream broke, and the configuration wants no other attempt.
    CutOff,
    /// Nothing arrived within the idle timeout, and the configuration wants no other attempt.
    IdleTimeout,
    /// The attempts without progress have reached
    /// [`max_attempts`](crate::client::ClientConfig::max_attempts).
    #[non_exhaustive]
    GaveUp {
        /// The number of attempts, at least 1.
        attempts: u32,
        /// Why the last one failed.
        cause: Cause,
    },
    /// The server asked for a wait that is longer than
    /// [`max_wait`](crate::client::ClientConfig::max_wait).
    #[non_exhaustive]
    WaitTooLong {
        /// The wait that the server asked for.
        wait: Duration,
        /// The longest wait that the configuration accepts.
        max_wait: Duration,
        /// Why the client would have waited.
        cause: Cause,
    },
    /// An event was larger than [`max_event_bytes`](crate::DecoderConfig::max_event_bytes).
    EventTooLarge {
        /// That limit, in bytes.
        max_event_bytes: usize,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CouldNotConnect => f.write_str("could not connect"),
            Self::ConnectTimeout => f.write_str("could not connect within the connect timeout"),
            Self::Status(status) => write!(f, "the response has status {status}"),
            Self::Ended => f.write_str("the stream ended"),
            Self::CutOff => f.write_str("the stream was cut off"),
            Self::IdleTimeout => f.write_str("nothing arrived within the idle timeout"),
        }
    }
}

impl CloseReason {
    /// Returns why the last connection was lost or could not be opened. `None` if the client closed
    /// for another reason.
    pub const fn cause(&self) -> Option<Cause> {
        Some(match *self {
            Self::Status(status) => Cause::Status(status),
            Self::Ended => Cause::Ended,
            Self::CouldNotConnect => Cause::CouldNotConnect,
            Self::ConnectTimeout => Cause::ConnectTimeout,
            Self::CutOff => Cause::CutOff,
            Self::IdleTimeout => Cause::IdleTimeout,
            Self::GaveUp { cause, .. } | Self::WaitTooLong { cause, .. } => cause,
            Self::Caller
            | Self::NoContent
            | Self::ContentType { .. }
            | Self::ContentEncoding { .. }
            | Self::Refused
            | Self::EventTooLarge { .. } => return None,
        })
    }

    /// Returns whether nothing went wrong: the caller closed the client, the server told it to stop,
    /// or the one stream that the configuration wants has ended.
    pub const fn is_orderly(&self) -> bool {
        matches!(self, Self::Caller | Self::NoContent | Self::Ended)
    }

    /// Returns the reason to close where `cause` is not followed by another attempt.
    pub(crate) const fn after(cause: Cause) -> Self {
        match cause {
            Cause::CouldNotConnect => Self::CouldNotConnect,
            Cause::ConnectTimeout => Self::ConnectTimeout,
            Cause::Status(status) => Self::Status(status),
            Cause::Ended => Self::Ended,
            Cause::CutOff => Self::CutOff,
            Cause::IdleTimeout => Self::IdleTimeout,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => f.write_str("closed by the caller"),
            Self::NoContent => {
                f.write_str("the response has status 204, which tells a client to stop")
            }
            Self::ContentType { value: Some(value) } => write!(
                f,
                "the response is not of type text/event-stream but {value}; check that the URL is \
                 that of an event stream"
            ),
            Self::ContentType { value: None } => f.write_str(
                "the response is not of type text/event-stream, since it has no Content-Type; \
                 check_content_type(false) accepts it",
            ),
            Self::ContentEncoding { value } => write!(
                f,
                "the response has the Content-Encoding {value}, which is not decoded; turn \
                 compression off for text/event-stream in the server or proxy"
            ),
            Self::Refused => f.write_str("the request or the response was refused"),
            Self::GaveUp { attempts: 1, cause } => write!(f, "gave up after 1 attempt: {cause}"),
            Self::GaveUp { attempts, cause } => {
                write!(f, "gave up after {attempts} attempts: {cause}")
            }
            Self::WaitTooLong {
                wait,
                max_wait,
                cause,
            } => write!(
                f,
                "{cause}, and the server asked for a wait of {wait:?}, which is longer than \
                 max_wait ({max_wait:?}); a longer max_wait accepts it"
            ),
            Self::EventTooLarge { max_event_bytes } => write!(
                f,
                "an event is larger than max_event_bytes ({max_event_bytes})"
            ),
            Self::Status(_)
            | Self::Ended
            | Self::CouldNotConnect
            | Self::ConnectTimeout
            | Self::CutOff
            | Self::IdleTimeout => self.cause().map_or(Ok(()), |cause| cause.fmt(f)),
        }
    }
}
