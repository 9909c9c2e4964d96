//! The socket of a stream, which the reactor of the runtime knows only while it takes no bytes.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::mem;
use core::task::{Context, Poll, Waker};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use super::seats::Seat;
use crate::adapters::runtime::{Sockets, WriteTo};

/// The socket of a stream.
pub(super) struct LaneSocket<K: Sockets> {
    state: State<K>,
    /// How much of the last chunk was written.
    end: u8,
}

enum State<K: Sockets> {
    /// It takes bytes, as far as is known.
    Free(TcpStream),
    /// It takes no bytes, and the reactor does not know that it is waited for.
    Full(TcpStream),
    Blocked(Box<Blocked<K>>),
    /// It could not be moved to the reactor or back.
    Lost,
}

/// A socket that the reactor knows, and the waker of its stream.
struct Blocked<K: Sockets> {
    socket: K::Socket,
    waker: Waker,
}

impl<K: Sockets> LaneSocket<K> {
    pub(super) const fn new(socket: TcpStream) -> Self {
        Self {
            state: State::Free(socket),
            end: 0,
        }
    }

    /// If the socket took no bytes, asks the reactor to make the stream ready when it does. Returns
    /// whether it was asked just now, so that the socket has to be tried once more.
    pub(super) fn attach(&mut self, seat: &Seat) -> io::Result<bool> {
        let State::Full(_) = self.state else {
            return Ok(false);
        };
        let State::Full(socket) = mem::replace(&mut self.state, State::Lost) else {
            return Ok(false);
        };
        self.state = State::Blocked(Box::new(Blocked {
            socket: K::attach(socket)?,
            waker: Waker::from(Arc::new(seat.clone())),
        }));
        Ok(true)
    }

    /// Takes the socket from the reactor, if it is there.
    pub(super) fn detach(&mut self) -> io::Result<()> {
        if let State::Blocked(_) = self.state {
            if let State::Blocked(blocked) = mem::replace(&mut self.state, State::Lost) {
                self.state = State::Free(K::detach(blocked.socket)?);
            }
        }
        Ok(())
    }

    /// Returns whether the peer has closed its side, or the connection is broken. What the peer has
    /// sent is dropped.
    pub(super) fn is_left(&self) -> bool {
        let (State::Free(socket) | State::Full(socket)) = &self.state else {
            // It has a write timeout.
            return false;
        };
        match { socket }.read(&mut [0; DROPPED]) {
            Ok(read) => read == 0,
            Err(error) => !is_temporary(&error),
        }
    }

    fn poll_bytes(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = match &mut self.state {
            State::Free(socket) => { &*socket }.write(bytes),
            State::Full(_) => return Poll::Pending,
            State::Blocked(blocked) => {
                let Blocked { socket, waker } = &mut **blocked;
                return K::poll_write(socket, &mut Context::from_waker(waker), bytes);
            }
            State::Lost => Err(io::ErrorKind::NotConnected.into()),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.state = match mem::replace(&mut self.state, State::Lost) {
                    State::Free(socket) => State::Full(socket),
                    other => other,
                };
                Poll::Pending
            }
            written => Poll::Ready(written),
        }
    }

    fn shut_down(&mut self) -> io::Result<()> {
        self.detach()?;
        match &self.state {
            State::Free(socket) | State::Full(socket) => socket.shutdown(Shutdown::Write),
            _ => Ok(()),
        }
    }
}

/// How a lane writes to its sockets.
pub(super) struct Writes<K>(PhantomData<K>);

impl<K: Sockets> WriteTo<LaneSocket<K>> for Writes<K> {
    fn poll_write(
        socket: &mut LaneSocket<K>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        socket.poll_bytes(bytes)
    }

    fn poll_flush(_: &mut LaneSocket<K>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(socket: &mut LaneSocket<K>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = LAST_CHUNK
            .get(socket.end.into()..)
            .filter(|rest| !rest.is_empty())
        {
            match socket.poll_bytes(rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                // It is at most the length of the last chunk.
                Poll::Ready(Ok(written)) => socket.end += written as u8,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        // A peer that has left needs no end.
        let _ = socket.shut_down();
        Poll::Ready(Ok(()))
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// The end of a body in chunks (RFC 9112, section 7.1).
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// How many bytes of the peer are dropped at a time.
const DROPPED: usize = 1024;
