//! The other end of a connection, as a URL names it.

use alloc::format;
use alloc::string::{String, ToString};

use ::http::{Uri, uri::Scheme};

use crate::adapters::event_source::ConnectError;
use crate::adapters::event_source::redacted;

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) is_tls: bool,
    /// A name or an address, in lower case and without brackets. An address may have a zone, after a
    /// single `%`.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Peer {
    pub(super) fn of(uri: &Uri) -> Result<Self, ConnectError> {
        let refused = |why| {
            let uri = uri.to_string();
            ConnectError::refused(format!("the URL \"{}\" {why}", redacted(&uri)))
        };
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(refused("is not http or https")),
        };
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err(refused("has no host"));
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            let why = "has a user name: send it in an Authorization header instead";
            return Err(refused(why));
        }
        let port = authority.strip_prefix(host).unwrap_or_default();
        if port.len() > 1 && uri.port_u16().is_none() {
            return Err(refused("has an invalid port"));
        }
        let default = if is_tls { 443 } else { 80 };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            is_tls,
            host: match host.split_once("%25") {
                // RFC 6874, section 2: the zone follows a `%`, which is encoded.
                Some((address, zone)) => format!("{address}%{zone}"),
                None => host.to_ascii_lowercase(),
            },
            port: uri.port_u16().unwrap_or(default),
        })
    }

    /// Returns the host without the zone, which means nothing to anybody else.
    #[cfg(any(feature = "proxy", feature = "tls"))]
    pub(super) fn name(&self) -> &str {
        self.host.split('%').next().unwrap_or_default()
    }
}
