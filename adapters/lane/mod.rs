//! Streams on bare sockets, beside an HTTP server.
//!
//! A server that holds many streams open pays for an HTTP connection, a task and a timer on each. A
//! [`Lane`] takes the connections that ask for a stream before the HTTP server sees them. One task
//! writes to all of its sockets, and a stream that waits holds little more than its subscription.
//! Everything else goes to the HTTP server, with the bytes put back that were read.
//!
//! # When to use it
//!
//! Use a lane if most connections are streams of a [`Hub`](crate::Hub) that are silent most of the
//! time, or if there are tens of thousands of them. Otherwise, a
//! [response](crate::tokio::response_with) needs less code and does more.
//!
//! An idle stream takes less than a kilobyte of the program's memory, where one behind hyper takes
//! 12. Opening a stream and sending an event cost less too. `benches/RESULTS.md` in the repository
//! has the figures.
//!
//! # What it does not do
//!
//! - **TLS and HTTP/2.** A lane takes plain HTTP/1.1. Offer it the sockets behind a proxy that ends
//!   TLS, and pass sockets with TLS of your own directly to your HTTP server.
//! - **Compression, and other middleware.** What a router does with responses does not happen to a
//!   stream of a lane. Add headers to the response that you return.
//! - **The second request of a connection.** A browser may ask for a stream on a connection on which
//!   it has loaded the page, which the HTTP server has by then. So the router needs the route of the
//!   stream as well.
//!
//! A stream of a lane ends its connection.
//!
//! # What is passed on
//!
//! A lane takes a `GET` in HTTP/1.1 without a body and without `Upgrade` or `Expect`, after which
//! nothing else was sent. All other connections are passed on, as soon as that is known. So are
//! heads that are too long or malformed, and the HTTP server answers them as it always does. A
//! connection whose head does not arrive in time is closed.
//!
//! # Clients that leave
//!
//! A lane notices that a client has closed its connection when it writes to it, and within one
//! [keep-alive](crate::server::SessionConfig::keep_alive) period in any case.
//!
//! # Examples
//!
//! `examples/lane.rs` in the repository is a whole server with hyper, `examples/lane_async_std.rs`
//! one on async-std, and `tests/peers/examples/lane_axum.rs` one with `axum::serve`.
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # mod run {
//! use ssewire::Hub;
//! use ssewire::hyper::{event_stream, start};
//! use ssewire::lane::{Decision, LaneConfig};
//! use ssewire::server::SessionConfig;
//! use ssewire::tokio::Lane;
//! use tokio::net::TcpListener;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> std::io::Result<()> {
//! let hub = Hub::new();
//! let (lane, drivers) = Lane::new(LaneConfig::new());
//! for driver in drivers {
//!     tokio::spawn(driver);
//! }
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! # let client = std::net::TcpStream::connect(listener.local_addr()?)?;
//! # std::io::Write::write_all(&mut &client, b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")?;
//!
//! // For each connection, in a task of its own:
//! let (socket, _) = listener.accept().await?;
//! let passed = lane
//!     .offer(socket, async |request| {
//!         if request.uri().path() != "/events" {
//!             return Decision::Pass;
//!         }
//!         let Ok(start) = start(&request) else {
//!             return Decision::Pass;
//!         };
//!         match hub.subscribe("news", start.unwrap_or_default()) {
//!             Ok(events) => Decision::stream(event_stream(events), SessionConfig::new()),
//!             // The router says why.
//!             Err(_) => Decision::Pass,
//!         }
//!     })
//!     .await?;
//! if let Some(socket) = passed {
//!     // Serve it with hyper: `TokioIo::new(socket)` is its connection.
//! #   unreachable!("{socket:?}");
//! }
//! # assert_eq!(lane.stream_count(), 1);
//! # Ok(())
//! # }
//! # }
//! # #[cfg(feature = "tokio")]
//! # run::main().unwrap();
//! ```

mod addresses;
mod config;
mod driver;
mod head;
mod passed;
mod seats;
mod socket;
mod stream;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use std::io;

use ::http::{Request, Response};

use self::addresses::{Addresses, Counted};
use self::head::{Head, read_head, write_head};
use self::seats::Seats;
use self::stream::{Arrival, Held};
use crate::adapters::hub::Subscription;
use crate::adapters::runtime::Sockets;
use crate::server::SessionConfig;

pub use self::config::LaneConfig;
pub use self::driver::LaneDriver;
pub use self::passed::Passed;

pub(in crate::adapters) use self::seats::Seat;

/// A handle to streams on bare sockets. See the [module](self).
///
/// A clone is another handle to the same streams. `ssewire::tokio` and `ssewire::async_std` name
/// this type with their runtimes.
pub struct Lane<K> {
    shared: Arc<Shared>,
    kind: PhantomData<fn() -> K>,
}

struct Shared {
    /// Those of each driver.
    drivers: Vec<Arc<Seats>>,
    config: LaneConfig,
    addresses: Option<Arc<Addresses>>,
}

/// What becomes of a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decision {
    /// The lane sends this response.
    Stream(Box<Answer>),
    /// The connection is passed on.
    Pass,
}

/// A response with the events of a subscription.
#[derive(Debug)]
pub struct Answer {
    response: Response<Subscription>,
    config: SessionConfig,
}

impl Decision {
    /// Returns the decision to send the events of a subscription.
    ///
    /// [`event_stream`](crate::hyper::event_stream) makes the response. Add further headers to it.
    /// The lane decides those of the connection and the length. What is among the response's
    /// extensions is dropped when the stream ends, such as a permit that counts it.
    pub fn stream(response: Response<Subscription>, config: SessionConfig) -> Self {
        Self::Stream(Box::new(Answer { response, config }))
    }
}

impl<K: Sockets> Lane<K> {
    /// Creates a lane, and the drivers that write to its streams: as many as there are
    /// [tasks](LaneConfig::tasks). Spawn each of them.
    pub fn new(config: LaneConfig) -> (Self, Vec<LaneDriver<K>>) {
        let drivers: Vec<_> = (0..config.tasks).map(|_| Arc::new(Seats::new())).collect();
        let futures = drivers.iter().map(Arc::clone).map(LaneDriver::new);
        let futures = futures.collect();
        let limit = config.max_connections_per_address;
        let lane = Self {
            shared: Arc::new(Shared {
                drivers,
                config,
                addresses: limit.map(|limit| Arc::new(Addresses::new(limit))),
            }),
            kind: PhantomData,
        };
        (lane, futures)
    }

    /// Reads the head of the first request from a socket, and asks `decide` what becomes of the
    /// connection. Returns the socket if it is passed on, and `None` if the lane has it or the
    /// client has left.
    ///
    /// Call this in a task of its own for each connection, since a slow client takes long. `decide`
    /// is only called for a
    /// [request that the lane can take](self#what-is-passed-on).
    ///
    /// # Errors
    ///
    /// - [`TimedOut`](io::ErrorKind::TimedOut) if the head does not arrive
    ///   [in time](LaneConfig::head_timeout).
    /// - [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if the address has
    ///   [too many connections](LaneConfig::max_connections_per_address).
    /// - [`BrokenPipe`](io::ErrorKind::BrokenPipe) if all drivers were dropped.
    /// - Those of the socket.
    ///
    /// The connection is closed then.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the connection is closed.
    pub async fn offer<F, A>(
        &self,
        mut socket: K::Socket,
        decide: F,
    ) -> io::Result<Option<Passed<K::Socket>>>
    where
        F: FnOnce(Request<()>) -> A,
        A: Future<Output = Decision>,
    {
        let counted = self.count(&socket)?;
        let Shared { config, .. } = &*self.shared;
        let mut read = Vec::new();
        let (max_bytes, limit) = (config.max_head_bytes, config.head_timeout);
        let head = read_head::<_, K>(&mut socket, &mut read, max_bytes, limit).await?;
        let decision = match head {
            Head::Request(request) => decide(*request).await,
            Head::Other => Decision::Pass,
            Head::Closed => return Ok(None),
        };
        match decision {
            Decision::Pass => Ok(Some(Passed::new(socket, read, counted))),
            Decision::Stream(answer) => {
                self.take(socket, *answer, counted)?;
                Ok(None)
            }
        }
    }

    /// Returns the number of open streams.
    pub fn stream_count(&self) -> usize {
        self.shared.drivers.iter().map(|seats| seats.count()).sum()
    }

    fn count(&self, socket: &K::Socket) -> io::Result<Option<Arc<Counted>>> {
        let Some(addresses) = &self.shared.addresses else {
            return Ok(None);
        };
        let counted = addresses.add(K::peer_addr(socket)?.ip());
        counted
            .map(|counted| Some(Arc::new(counted)))
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::QuotaExceeded,
                    "too many connections of one address",
                )
            })
    }

    fn take(
        &self,
        socket: K::Socket,
        answer: Answer,
        counted: Option<Arc<Counted>>,
    ) -> io::Result<()> {
        let socket = K::detach(socket)?;
        if self.shared.config.nodelay {
            // The stream is the same without it, only later.
            let _ = socket.set_nodelay(true);
        }
        let (mut head, events) = answer.response.into_parts();
        let arrival = Arrival {
            socket,
            head: write_head(&head),
            events,
            config: answer.config,
            held: Held {
                _extensions: core::mem::take(&mut head.extensions),
                _counted: counted,
            },
        };
        let drivers = self.shared.drivers.iter();
        let seats = drivers.min_by_key(|seats| (seats.is_closed(), seats.count()));
        match seats.is_some_and(|seats| seats.push(arrival)) {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the drivers of the lane were dropped",
            )),
        }
    }
}

impl<K> Clone for Lane<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            kind: PhantomData,
        }
    }
}

impl<K> fmt::Debug for Lane<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams: usize = self.shared.drivers.iter().map(|seats| seats.count()).sum();
        f.debug_struct("Lane")
            .field("stream_count", &streams)
            .finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.drivers.iter().for_each(|seats| seats.end());
    }
}
