//! A socket to a peer.

use alloc::format;
use alloc::vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;

use super::Settings;
use super::peer::Peer;
use super::race;
use crate::adapters::event_source::ConnectError;
use crate::adapters::runtime::Dial;

/// Opens a socket to a peer.
pub(super) async fn dial<R: Dial>(
    settings: &Settings,
    peer: &Peer,
) -> Result<R::Socket, ConnectError> {
    Ok(open::<R>(&peer.host, peer.port, settings.connect_timeout).await?)
}

/// Opens a socket to a host, which is a name or an address. All that the name has are tried.
pub(in crate::adapters) async fn open<R: Dial>(
    host: &str,
    port: u16,
    connect_timeout: Option<Duration>,
) -> io::Result<R::Socket> {
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => R::resolve(host.into(), port).await.map_err(|error| {
            let message = format!("could not look up {host}: {error}");
            io::Error::new(error.kind(), message)
        })?,
    };
    if addresses.is_empty() {
        return Err(io::Error::other(format!("the host {host} has no address")));
    }
    let delay = race::delay(connect_timeout, addresses.len());
    race::connect::<R>(addresses, delay).await
}
