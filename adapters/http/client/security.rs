//! What is between HTTP and a socket: TLS or nothing.

use ::hyper::rt::{Read, Write};

use super::Settings;
use super::peer::Peer;
use super::sender::{Heads, Sender};
use crate::adapters::event_source::ConnectError;

#[cfg(feature = "tls")]
use super::tls::Tls;

/// What is between HTTP and a socket: TLS or nothing. It is known before a socket is opened.
pub(super) struct Security {
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

#[cfg(feature = "tls")]
impl Security {
    pub(super) fn of(settings: &Settings, peer: &Peer) -> Result<Self, ConnectError> {
        let tls = match &settings.tls {
            _ if !peer.is_tls => None,
            Some(tls) => Some(tls.clone()),
            None => Some(super::roots::platform().map_err(ConnectError::failed)?),
        };
        Ok(Self { tls })
    }

    /// Speaks HTTP over a socket that leads to a peer.
    pub(super) async fn over<S>(
        self,
        peer: &Peer,
        socket: S,
        heads: Heads,
    ) -> Result<Sender, ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let Some(tls) = self.tls else {
            return Sender::http1(socket, heads).await;
        };
        let (socket, is_http2) = tls.handshake(peer.name().into(), socket).await?;
        if is_http2 {
            Sender::http2(socket).await
        } else {
            Sender::http1(socket, heads).await
        }
    }
}

#[cfg(not(feature = "tls"))]
impl Security {
    pub(super) fn of(_: &Settings, peer: &Peer) -> Result<Self, ConnectError> {
        if peer.is_tls {
            return Err(ConnectError::refused("https needs the feature tls"));
        }
        Ok(Self {})
    }

    /// Speaks HTTP over a socket that leads to a peer.
    pub(super) async fn over<S>(
        self,
        _: &Peer,
        socket: S,
        heads: Heads,
    ) -> Result<Sender, ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        Sender::http1(socket, heads).await
    }
}
