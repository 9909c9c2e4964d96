//! The traits through which the adapters use a runtime: its timers, its readers and writers, and its
//! sockets.
//!
//! `ssewire::tokio::Runtime` and `ssewire::async_std::Runtime` implement those that they need. The
//! traits are separate because no use needs them all: a timer alone drives an
//! [`EventSource`](crate::event_source::EventSource) over a transport of your own, reading and
//! writing depend on the type of the reader or writer too, and only HTTP opens sockets.

#[cfg(feature = "hyper")]
use alloc::boxed::Box;
#[cfg(feature = "hyper")]
use alloc::string::String;
#[cfg(feature = "hyper")]
use alloc::vec::Vec;
#[cfg(any(feature = "hyper", feature = "lane"))]
use core::net::SocketAddr;
#[cfg(feature = "hyper")]
use core::pin::Pin;
use core::task::{Context, Poll};
#[cfg(feature = "client")]
use core::time::Duration;
use std::io;
#[cfg(feature = "lane")]
use std::net::TcpStream;
#[cfg(feature = "redis")]
use std::path::PathBuf;

use crate::Timestamp;

/// A clock with one alarm.
pub trait Timer {
    /// Returns the current time, since an origin that stays the same for this timer.
    fn now(&self) -> Timestamp;

    /// Sets the alarm, replacing any that was set before.
    fn set(&mut self, at: Timestamp);

    /// Waits for the alarm. Only the task of the last call is woken.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// A runtime that has timers.
pub trait Runtime {
    /// Its timer.
    type Timer: Timer + Default;
}

/// A runtime that looks up names and opens the sockets of [`Http`](crate::hyper::Http).
#[cfg(feature = "hyper")]
pub trait Dial: Timer + Default + Send + 'static {
    /// A connected socket.
    type Socket: ::hyper::rt::Read + ::hyper::rt::Write + Send + Unpin + 'static;

    /// Looks up the addresses of `host`, in the order in which they should be tried. It is a name, or
    /// an IPv6 address with a zone; addresses without one are not looked up.
    ///
    /// The runtimes of this crate do at most 16 look-ups at a time in the whole process. Each holds a
    /// thread, and goes on when its future is dropped.
    fn resolve(host: String, port: u16) -> Dialling<Vec<SocketAddr>>;

    /// Connects to an address.
    fn connect(address: SocketAddr) -> Dialling<Self::Socket>;

    /// Connects to the Unix socket at `path`. The default implementation returns an error of the kind
    /// [`Unsupported`](io::ErrorKind::Unsupported).
    #[cfg(feature = "redis")]
    fn connect_unix(path: PathBuf) -> Dialling<UnixSocket> {
        let _ = path;
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

/// A connected Unix socket of a [`Dial`].
#[cfg(feature = "redis")]
pub type UnixSocket = Box<dyn Duplex>;

/// What reads and writes.
#[cfg(feature = "redis")]
pub trait Duplex: ::hyper::rt::Read + ::hyper::rt::Write + Send + Unpin {}

#[cfg(feature = "redis")]
impl<S: ::hyper::rt::Read + ::hyper::rt::Write + Send + Unpin> Duplex for S {}

/// A future of [`Dial`].
#[cfg(feature = "hyper")]
pub type Dialling<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// A runtime whose TCP sockets can leave its reactor and come back, for a
/// [`Lane`](crate::lane::Lane).
#[cfg(feature = "lane")]
pub trait Sockets:
    Timer + Default + ReadFrom<Self::Socket> + WriteTo<Self::Socket> + Send + Unpin + 'static
{
    /// A TCP socket that the reactor knows.
    type Socket: Send + Unpin + 'static;

    /// Takes a socket from the reactor. It does not block.
    ///
    /// # Errors
    ///
    /// Those of the reactor.
    fn detach(socket: Self::Socket) -> io::Result<TcpStream>;

    /// Gives a socket that does not block to the reactor.
    ///
    /// # Errors
    ///
    /// Those of the reactor.
    fn attach(socket: TcpStream) -> io::Result<Self::Socket>;

    /// Returns the address of the peer.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    fn peer_addr(socket: &Self::Socket) -> io::Result<SocketAddr>;
}

/// A timer that never expires, for uses that need none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untimed;

impl Timer for Untimed {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn set(&mut self, _: Timestamp) {}

    fn poll_expired(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

/// A runtime that reads from `R`.
pub trait ReadFrom<R> {
    /// Reads into `buffer` and returns the number of bytes read. 0 is the end.
    ///
    /// # Errors
    ///
    /// Those of the reader.
    fn poll_read(
        reader: &mut R,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>>;
}

/// A runtime that writes to `W`.
pub trait WriteTo<W> {
    /// Writes the start of `bytes` and returns the number of bytes written.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    fn poll_write(writer: &mut W, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Flushes what was written.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    fn poll_flush(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Closes the writer.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    fn poll_close(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// A [`Timer`] for a deadline that mostly moves away. It is set again only when it has expired too
/// early, not each time the deadline moves.
pub(super) struct Alarm<T> {
    timer: T,
    set_for: Option<Timestamp>,
}

impl<T: Timer> Alarm<T> {
    pub(super) const fn new(timer: T) -> Self {
        Self {
            timer,
            set_for: None,
        }
    }

    #[cfg(feature = "lane")]
    pub(super) const fn timer(&self) -> &T {
        &self.timer
    }

    pub(super) fn now(&self) -> Timestamp {
        self.timer.now()
    }

    /// Waits for `deadline`, and returns the time at which it was found to have passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Timestamp) -> Poll<Timestamp> {
        if self.set_for.is_none_or(|set_for| deadline < set_for) {
            self.timer.set(deadline);
            self.set_for = Some(deadline);
        }
        loop {
            match self.timer.poll_expired(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => {
                    let now = self.now();
                    if deadline <= now {
                        self.set_for = None;
                        return Poll::Ready(now);
                    }
                    self.timer.set(deadline);
                    self.set_for = Some(deadline);
                }
            }
        }
    }
}

#[cfg(feature = "client")]
/// A wait of a certain length, from the first poll on.
pub(super) struct Timeout<T> {
    wait: Duration,
    /// The timer and the deadline. `None` until the first poll.
    running: Option<(Alarm<T>, Timestamp)>,
}

#[cfg(feature = "client")]
impl<T> Timeout<T> {
    pub(super) const fn new(wait: Duration) -> Self {
        Self {
            wait,
            running: None,
        }
    }

    pub(super) const fn wait(&self) -> Duration {
        self.wait
    }
}

#[cfg(feature = "client")]
impl<T: Timer + Default> Timeout<T> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let wait = self.wait;
        let (alarm, deadline) = self.running.get_or_insert_with(|| {
            let alarm = Alarm::new(T::default());
            let deadline = alarm.now() + wait;
            (alarm, deadline)
        });
        alarm.poll(cx, *deadline).map(drop)
    }
}
