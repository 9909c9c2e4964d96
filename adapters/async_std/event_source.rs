//! The reconnecting client on async-std.

use std::io;

use super::super::event_source::{self, FromReader};
use super::Runtime;
use crate::client::Attempt;

/// Receives events on async-std, over any [`Connect`](crate::event_source::Connect).
#[cfg(not(feature = "hyper"))]
pub type EventSource<C> = event_source::EventSource<C, Runtime>;

/// Receives events on async-std, over HTTP unless it is given another
/// [`Connect`](crate::event_source::Connect).
#[cfg(feature = "hyper")]
pub type EventSource<C = Http> = event_source::EventSource<C, Runtime>;

/// Sends the requests of an [`EventSource`] over async-std's sockets.
#[cfg(feature = "hyper")]
pub type Http = super::super::hyper::Http<Runtime>;

/// Makes a transport of a function that returns an [`AsyncRead`](::futures_io::AsyncRead), once for
/// each connection.
///
/// # Examples
///
/// ```no_run
/// use async_std::os::unix::net::UnixStream;
/// use ssewire::async_std::{EventSource, from_reader};
/// use ssewire::client::ClientConfig;
///
/// let connect = from_reader(|_attempt| UnixStream::connect("/run/prices.sock"));
/// let events = EventSource::new(connect, ClientConfig::new());
/// ```
pub fn from_reader<F, A, R>(open: F) -> FromReader<F, Runtime>
where
    F: FnMut(&Attempt) -> A,
    A: Future<Output = io::Result<R>>,
{
    FromReader::new(open)
}
