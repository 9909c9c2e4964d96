//! Why a connection has ended, and why a client has closed.

use core::fmt;
use core::time::Duration;

/// Says how a connection, or an attempt to make one, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// The peer ended it in an orderly way.
    Clean,
    /// It could not be made, or broke.
    Failed,
    /// The embedder did not wait any longer for it to be made.
    TimedOut,
    /// No further attempt can succeed, as the embedder knows: a URL that is none, a request that
    /// its caller called off.
    Refused,
}

/// Says why a connection is not open any more, or was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// No answer came: the connection could not be made, or ended before the response head.
    CouldNotConnect,
    /// Making the connection took too long.
    ConnectTimeout,
    /// The answer had this status, which is worth another attempt.
    Status(u16),
    /// The stream ended in an orderly way.
    Ended,
    /// The stream broke.
    CutOff,
    /// Nothing was received for the idle timeout, not even a response head.
    IdleTimeout,
    /// The caller asked for a new connection.
    Restart,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CouldNotConnect => f.write_str("could not connect"),
            Self::ConnectTimeout => f.write_str("connecting timed out"),
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::Ended => f.write_str("the stream ended"),
            Self::CutOff => f.write_str("the stream was cut off"),
            Self::IdleTimeout => f.write_str("nothing was received within the idle timeout"),
            Self::Restart => f.write_str("a new connection was asked for"),
        }
    }
}

/// Says why the client has stopped for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The caller closed it.
    Caller,
    /// The server answered 204, which tells a client to stop (WHATWG HTML, "Server-sent events":
    /// "Clients will reconnect if the connection is closed; a client can be told to stop
    /// reconnecting using the HTTP 204 No Content response code").
    NoContent,
    /// The answer had this status, after which another attempt makes no sense or is not wanted.
    Status(u16),
    /// The answer was a 200, but its content type was not `text/event-stream`.
    ContentType,
    /// The embedder or its caller refused the request or the answer.
    Refused,
    /// The stream ended in an orderly way, and no new connection is wanted.
    Ended,
    /// The connection was lost or not made, and no new attempt is wanted.
    Lost(Cause),
    /// As many attempts in a row as are allowed came to nothing.
    GaveUp {
        /// How many they were.
        attempts: u32,
        /// What became of the last one.
        cause: Cause,
    },
    /// The server asked for a longer wait than is acceptable.
    WaitTooLong {
        /// The wait it asked for.
        wait: Duration,
        /// What it was to follow.
        cause: Cause,
    },
    /// An event was larger than [`max_event_bytes`](crate::DecoderConfig::max_event_bytes).
    EventTooLarge,
}

impl CloseReason {
    /// Returns why the last connection is not open, where the end was not the client's own doing.
    pub fn cause(&self) -> Option<Cause> {
        match *self {
            Self::Lost(cause) | Self::GaveUp { cause, .. } | Self::WaitTooLong { cause, .. } => {
                Some(cause)
            }
            Self::Status(status) => Some(Cause::Status(status)),
            Self::Ended => Some(Cause::Ended),
            _ => None,
        }
    }

    /// Returns whether things went as they should: the caller closed, the server said that it has
    /// no more, or the stream ended and one connection was all that was wanted.
    pub fn is_orderly(&self) -> bool {
        matches!(self, Self::Caller | Self::NoContent | Self::Ended)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => f.write_str("closed by the caller"),
            Self::NoContent => f.write_str("the server answered 204: no more to come"),
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::ContentType => f.write_str("the answer is not of type text/event-stream"),
            Self::Refused => f.write_str("the request or its answer was refused"),
            Self::Ended => f.write_str("the stream ended"),
            Self::Lost(cause) => cause.fmt(f),
            Self::GaveUp { attempts, cause } => {
                write!(f, "gave up after {attempts} attempts: {cause}")
            }
            Self::WaitTooLong { wait, cause } => write!(
                f,
                "{cause}, and the server asks for a wait of {wait:?}, longer than max_wait"
            ),
            Self::EventTooLarge => f.write_str("an event is larger than max_event_bytes"),
        }
    }
}
