//! The other end of a connection, as a URL names it.

use alloc::string::String;

use ::http::{Uri, uri::Scheme};

use crate::adapters::event_source::ConnectError;

/// The other end of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) is_tls: bool,
    /// A name or an address, in lower case and without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Peer {
    pub(super) fn of(uri: &Uri) -> Result<Self, ConnectError> {
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(ConnectError::refused("the URL is not http or https")),
        };
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err(ConnectError::refused("the URL has no host"));
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            let message = "the URL has a user name: send it in an Authorization header instead";
            return Err(ConnectError::refused(message));
        }
        let port = authority.strip_prefix(host).unwrap_or_default();
        if port.len() > 1 && uri.port_u16().is_none() {
            return Err(ConnectError::refused("the URL has an invalid port"));
        }
        let default = if is_tls { 443 } else { 80 };
        Ok(Self {
            is_tls,
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_ascii_lowercase(),
            port: uri.port_u16().unwrap_or(default),
        })
    }
}
