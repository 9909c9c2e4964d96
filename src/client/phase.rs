//! The state of a client, by its own names and by those of the standard.

use core::time::Duration;

use crate::client::reason::{Cause, CloseReason};

/// The state of a client.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::client::{Cause, Client, ClientConfig, End, Phase, ReadyState};
///
/// let now = Timestamp::default();
/// let mut client = Client::new(ClientConfig::new(), 0);
/// let _connect = client.poll_action(now);
/// client.handle_end(now, End::Failed);
///
/// let Phase::Waiting { delay, cause, .. } = client.phase() else { panic!() };
/// assert!((500..=1000).contains(&delay.as_millis()));
/// assert_eq!(cause, Some(Cause::CouldNotConnect));
/// assert_eq!(client.phase().ready_state(), ReadyState::Connecting);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// A connection is due or being opened, or its response head has not arrived yet.
    Connecting,
    /// The stream is open.
    Open,
    /// The client waits before its next attempt.
    #[non_exhaustive]
    Waiting {
        /// The whole wait, some of which may have passed.
        delay: Duration,
        /// Why the last connection was lost or could not be opened. `None` if the caller asked for
        /// another one by [`restart`](crate::client::Client::restart).
        cause: Option<Cause>,
    },
    /// The client has stopped for good.
    Closed(CloseReason),
}

/// The ready states of the standard's `EventSource`, with its numbers. There are no others, so a
/// match on them can be exhaustive.
///
/// # Examples
///
/// ```
/// use ssewire::client::{Client, ClientConfig, ReadyState};
///
/// let mut client = Client::new(ClientConfig::new(), 0);
/// assert_eq!(client.ready_state(), ReadyState::Connecting);
/// client.close();
/// assert_eq!(client.ready_state() as u8, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReadyState {
    /// Connecting, or waiting to.
    Connecting = 0,
    /// Connected: events may arrive.
    Open = 1,
    /// Closed for good.
    Closed = 2,
}

impl Phase {
    /// Returns the ready state that the standard has for this phase.
    pub const fn ready_state(self) -> ReadyState {
        match self {
            Self::Connecting | Self::Waiting { .. } => ReadyState::Connecting,
            Self::Open => ReadyState::Open,
            Self::Closed(_) => ReadyState::Closed,
        }
    }
}
