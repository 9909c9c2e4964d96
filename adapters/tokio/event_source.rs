//! The reconnecting client on tokio.

use std::io;

use super::super::event_source::{self, FromReader};
use super::Runtime;
use crate::client::Attempt;

/// Receives events on tokio, over any [`Connect`](crate::event_source::Connect).
#[cfg(not(feature = "hyper"))]
pub type EventSource<C> = event_source::EventSource<C, Runtime>;

/// Receives events on tokio, over HTTP unless it is given another
/// [`Connect`](crate::event_source::Connect).
#[cfg(feature = "hyper")]
pub type EventSource<C = Http> = event_source::EventSource<C, Runtime>;

/// Sends the requests of an [`EventSource`] over tokio's sockets.
#[cfg(feature = "hyper")]
pub type Http = super::super::hyper::Http<Runtime>;

/// Makes a transport of a function that returns an [`AsyncRead`](::tokio::io::AsyncRead), once for
/// each connection.
///
/// # Examples
///
/// ```no_run
/// use ssewire::client::ClientConfig;
/// use ssewire::tokio::{EventSource, from_reader};
/// use tokio::net::UnixStream;
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
