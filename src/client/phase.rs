//! Where a client stands, in its own words and in the standard's.

use core::time::Duration;

use crate::client::reason::{Cause, CloseReason};

/// The state of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// A connection is due or being opened, or its response head has not arrived yet.
    Connecting,
    /// The stream is open.
    Open,
    /// The client waits before its next attempt.
    Waiting {
        /// The whole wait, some of which may have passed.
        delay: Duration,
        /// Why the last connection is no longer open, or was not opened.
        cause: Cause,
    },
    /// The client has stopped for good.
    Closed(CloseReason),
}

/// The ready states of the standard's `EventSource`, with its numbers.
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
