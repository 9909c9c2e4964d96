//! A socket to a peer.

use alloc::format;
use alloc::vec;
use core::net::{IpAddr, SocketAddr};
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
    Ok(open::<R>(settings, &peer.host, peer.port).await?)
}

async fn open<R: Dial>(settings: &Settings, host: &str, port: u16) -> io::Result<R::Socket> {
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
    let delay = race::delay(settings.connect_timeout, addresses.len());
    race::connect::<R>(addresses, delay).await
}
