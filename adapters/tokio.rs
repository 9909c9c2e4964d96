//! The reader and the writer over tokio's [`AsyncRead`] and [`AsyncWrite`], the reconnecting client
//! and kept-alive responses on tokio.
//!
//! Nothing is spawned. The reader and the writer work on any executor. The client and the responses
//! need a tokio runtime with timers enabled, and HTTP also needs I/O enabled. `#[tokio::main]`
//! enables both.
//!
//! # Examples
//!
//! Following a stream:
//!
//! ```no_run
//! # #[cfg(feature = "hyper")]
//! # mod run {
//! use ssewire::tokio::EventSource;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> Result<(), ssewire::tokio::Error> {
//! let mut events = EventSource::get("http://127.0.0.1:8888/sse");
//! while let Some(event) = events.next().await {
//!     println!("{}", event?.data());
//! }
//! # Ok(())
//! # }
//! # }
//! ```

use alloc::boxed::Box;
#[cfg(feature = "hyper")]
use alloc::string::String;
#[cfg(feature = "hyper")]
use alloc::vec::Vec;
#[cfg(any(feature = "hyper", feature = "lane"))]
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
#[cfg(all(unix, feature = "redis"))]
use std::path::PathBuf;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(any(feature = "hyper", feature = "lane"))]
use ::tokio::net::TcpStream;
#[cfg(all(unix, feature = "redis"))]
use ::tokio::net::UnixStream;
#[cfg(feature = "hyper")]
use ::tokio::task::spawn_blocking;
use ::tokio::time::{Instant, Sleep, sleep_until};
#[cfg(feature = "hyper")]
use hyper_util::rt::TokioIo;

use crate::Timestamp;
#[cfg(feature = "hyper")]
use crate::adapters::http::look_up;
use crate::adapters::io::{self as adapter, ReaderStream};
#[cfg(all(unix, feature = "redis"))]
use crate::adapters::runtime::UnixSocket;
use crate::adapters::runtime::{self, ReadFrom, Timer, WriteTo};
#[cfg(feature = "hyper")]
use crate::adapters::runtime::{Dial, Dialling};
use crate::adapters::surface::surface;

surface!("tokio", "tokio", "[`AsyncRead`]");

/// A reader of the frames and events in an [`AsyncRead`]: a socket, a pipe, a file, a TLS stream.
pub type EventReader<R> = adapter::EventReader<ReaderStream<R, Runtime>>;

/// A writer of frames to an [`AsyncWrite`].
pub type EventWriter<W> = adapter::EventWriter<W, Runtime>;

/// Tokio's clock, timers, readers, writers and, with the feature `hyper`, sockets.
///
/// Timers and sockets need a tokio runtime with their drivers enabled.
#[derive(Debug)]
pub struct Runtime {
    origin: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    polls: u8,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            sleep: None,
            polls: 0,
        }
    }
}

impl runtime::Runtime for Runtime {
    type Timer = Self;
}

impl Timer for Runtime {
    fn now(&self) -> Timestamp {
        Timestamp::from_origin(self.origin.elapsed())
    }

    fn set(&mut self, at: Timestamp) {
        // A time beyond what the clock can show is as good as far away.
        let far = || Instant::now() + core::time::Duration::from_secs(FAR);
        let at = self
            .origin
            .checked_add(at.since_origin())
            .unwrap_or_else(far);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(sleep_until(at))),
        }
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.sleep else {
            return Poll::Pending;
        };
        if sleep.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // Tokio itself looks at the clock when it has nothing else to do, or after 61 polls of tasks,
        // which can take long if a server wants it so.
        self.polls = self.polls.wrapping_add(1);
        if self.polls % POLLS_PER_CLOCK == 0 && sleep.deadline() <= Instant::now() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl<R: AsyncRead + Unpin> ReadFrom<R> for Runtime {
    fn poll_read(
        reader: &mut R,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(reader).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<W: AsyncWrite + Unpin> WriteTo<W> for Runtime {
    fn poll_write(writer: &mut W, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(writer).poll_write(cx, bytes)
    }

    fn poll_flush(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(writer).poll_flush(cx)
    }

    fn poll_close(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(writer).poll_shutdown(cx)
    }
}

#[cfg(feature = "hyper")]
impl Dial for Runtime {
    type Socket = TokioIo<TcpStream>;

    fn resolve(host: String, port: u16) -> Dialling<Vec<SocketAddr>> {
        Box::pin(look_up(host, port, async |look_up| {
            let looked_up = spawn_blocking(look_up).await;
            looked_up.map_err(io::Error::other)?
        }))
    }

    fn connect(address: SocketAddr) -> Dialling<Self::Socket> {
        Box::pin(async move {
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            Ok(TokioIo::new(socket))
        })
    }

    #[cfg(all(unix, feature = "redis"))]
    fn connect_unix(path: PathBuf) -> Dialling<UnixSocket> {
        Box::pin(async move {
            let socket = UnixStream::connect(path).await?;
            Ok(Box::new(TokioIo::new(socket)) as UnixSocket)
        })
    }
}

#[cfg(feature = "lane")]
impl runtime::Sockets for Runtime {
    type Socket = TcpStream;

    fn detach(socket: TcpStream) -> io::Result<std::net::TcpStream> {
        socket.into_std()
    }

    fn attach(socket: std::net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_std(socket)
    }

    fn peer_addr(socket: &TcpStream) -> io::Result<SocketAddr> {
        socket.peer_addr()
    }
}

/// How many polls there are for each look at the clock.
const POLLS_PER_CLOCK: u8 = 8;
/// How far away is far, in seconds: a year.
const FAR: u64 = 365 * 24 * 60 * 60;
