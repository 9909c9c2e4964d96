//! The reader, the writer, the reconnecting client and kept-alive responses on async-std.
//!
//! The reader and the writer are those of [`futures_io`](crate::futures_io). Timers and sockets
//! come from async-io and async-net, as those of smol do. They work on any executor. The feature
//! brings no code of async-std itself, which is no longer maintained. Its authors name smol as its
//! successor.
//!
//! # Examples
//!
//! Following a stream:
//!
//! ```no_run
//! # #[cfg(feature = "hyper")]
//! # fn follow() -> Result<(), ssewire::async_std::Error> {
//! use ssewire::async_std::EventSource;
//!
//! async_std::task::block_on(async {
//!     let mut events = EventSource::get("http://127.0.0.1:8888/sse");
//!     while let Some(event) = events.next().await {
//!         println!("{}", event?.data());
//!     }
//!     Ok(())
//! })
//! # }
//! ```

#[cfg(feature = "hyper")]
use alloc::boxed::Box;
#[cfg(feature = "hyper")]
use alloc::string::String;
#[cfg(feature = "lane")]
use alloc::sync::Arc;
#[cfg(feature = "hyper")]
use alloc::vec::Vec;
#[cfg(any(feature = "hyper", feature = "lane"))]
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
#[cfg(all(unix, feature = "redis"))]
use std::path::PathBuf;
use std::time::Instant;

#[cfg(feature = "lane")]
use async_io::Async;
#[cfg(any(feature = "hyper", feature = "lane"))]
use async_net::TcpStream;
#[cfg(all(unix, feature = "redis"))]
use async_net::unix::UnixStream;
#[cfg(feature = "hyper")]
use hyper_util::rt::TokioIo;
#[cfg(feature = "hyper")]
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

use crate::Timestamp;
use crate::adapters::futures_io::FuturesIo;
#[cfg(feature = "hyper")]
use crate::adapters::http::look_up;
#[cfg(all(unix, feature = "redis"))]
use crate::adapters::runtime::UnixSocket;
use crate::adapters::runtime::{self, ReadFrom, Timer, WriteTo};
#[cfg(feature = "hyper")]
use crate::adapters::runtime::{Dial, Dialling};
use crate::adapters::surface::surface;

pub use crate::adapters::futures_io::{EventReader, EventWriter};

surface!(
    "async_std",
    "async-std",
    "[`AsyncRead`](::futures_io::AsyncRead)"
);

/// The timers of async-io and, with the feature `hyper`, the sockets of async-net. They work on any
/// executor.
#[derive(Debug)]
pub struct Runtime {
    origin: Instant,
    timer: Option<async_io::Timer>,
}

impl Default for Runtime {
    #[expect(
        clippy::disallowed_methods,
        reason = "an adapter reads the clock for the core"
    )]
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            timer: None,
        }
    }
}

/// The writers of futures-io have these timers too.
impl runtime::Runtime for FuturesIo {
    type Timer = Runtime;
}

impl Timer for Runtime {
    fn now(&self) -> Timestamp {
        Timestamp::from_origin(self.origin.elapsed())
    }

    fn set(&mut self, at: Timestamp) {
        self.timer = Some(match self.origin.checked_add(at.since_origin()) {
            Some(at) => async_io::Timer::at(at),
            None => async_io::Timer::never(),
        });
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) => Pin::new(timer).poll(cx).map(drop),
            None => Poll::Pending,
        }
    }
}

impl<R> ReadFrom<R> for Runtime
where
    FuturesIo: ReadFrom<R>,
{
    fn poll_read(
        reader: &mut R,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        FuturesIo::poll_read(reader, cx, buffer)
    }
}

impl<W> WriteTo<W> for Runtime
where
    FuturesIo: WriteTo<W>,
{
    fn poll_write(writer: &mut W, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        FuturesIo::poll_write(writer, cx, bytes)
    }

    fn poll_flush(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        FuturesIo::poll_flush(writer, cx)
    }

    fn poll_close(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        FuturesIo::poll_close(writer, cx)
    }
}

/// The sockets are those of async-net, and each has one owner.
#[cfg(feature = "lane")]
impl runtime::Sockets for Runtime {
    type Socket = TcpStream;

    fn detach(socket: TcpStream) -> io::Result<std::net::TcpStream> {
        let owner = Arc::<Async<std::net::TcpStream>>::from(socket);
        let sole = Arc::into_inner(owner);
        let sole = sole.ok_or_else(|| io::Error::other("the socket has a clone"))?;
        sole.into_inner()
    }

    fn attach(socket: std::net::TcpStream) -> io::Result<TcpStream> {
        Ok(Async::new_nonblocking(socket)?.into())
    }

    fn peer_addr(socket: &TcpStream) -> io::Result<SocketAddr> {
        socket.peer_addr()
    }
}

#[cfg(feature = "hyper")]
impl Dial for Runtime {
    type Socket = TokioIo<Compat<TcpStream>>;

    fn resolve(host: String, port: u16) -> Dialling<Vec<SocketAddr>> {
        Box::pin(look_up(host, port, blocking::unblock))
    }

    fn connect(address: SocketAddr) -> Dialling<Self::Socket> {
        Box::pin(async move {
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            Ok(TokioIo::new(socket.compat()))
        })
    }

    #[cfg(all(unix, feature = "redis"))]
    fn connect_unix(path: PathBuf) -> Dialling<UnixSocket> {
        Box::pin(async move {
            let socket = UnixStream::connect(path).await?;
            Ok(Box::new(TokioIo::new(socket.compat())) as UnixSocket)
        })
    }
}
