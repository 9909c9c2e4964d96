//! A runtime that knows names of its own.

use core::net::{Ipv4Addr, SocketAddr};
use core::task::{Context, Poll};
use std::io;

use ssewire::Timestamp;
use ssewire::hyper::{Dial, Dialling};
use ssewire::runtime::{ReadFrom, Timer};

use super::runtime::Runtime;
use super::script::Source as Script;

/// A runtime whose names say what their addresses are: `127-0-0-2.127-0-0-1.test` has these two, in
/// this order. Other labels mean nothing.
#[derive(Default)]
pub(crate) struct Named<R>(R);

impl<R: Runtime> Dial for Named<R> {
    type Socket = R::Socket;

    fn resolve(host: String, port: u16) -> Dialling<Vec<SocketAddr>> {
        Box::pin(async move {
            let addresses = host.split('.').filter_map(|label| {
                let address = label.replace('-', ".").parse::<Ipv4Addr>().ok()?;
                Some(SocketAddr::from((address, port)))
            });
            Ok(addresses.collect())
        })
    }

    fn connect(address: SocketAddr) -> Dialling<R::Socket> {
        R::connect(address)
    }
}

impl<R: Timer> Timer for Named<R> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn set(&mut self, at: Timestamp) {
        self.0.set(at);
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_expired(cx)
    }
}

impl<R: Runtime> ReadFrom<Script> for Named<R> {
    fn poll_read(
        reader: &mut Script,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        R::poll_read(reader, cx, buffer)
    }
}

impl<R: Runtime> Runtime for Named<R> {
    fn run<F: Future>(row: F) -> F::Output {
        R::run(row)
    }
}
