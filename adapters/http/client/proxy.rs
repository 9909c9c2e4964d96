//! The way to a peer through a proxy.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Display;
use core::net::IpAddr;
use std::env;

use ::http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use ::hyper::client::conn::http1;
use ::hyper::rt::{Read, Write};
use ::hyper::upgrade::{Upgraded, on};
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio_socks::io::Compat;
use tokio_socks::tcp::Socks5Stream;
use tokio_util::compat::TokioAsyncReadCompatExt;

use super::Settings;
use super::body::Connection;
use super::budget::{Budget, Metered};
use super::dial::dial;
use super::peer::Peer;
use super::security::Security;
use super::sender::{Heads, Sender};
use crate::adapters::event_source::ConnectError;
use crate::adapters::event_source::redacted;
use crate::adapters::runtime::Dial;

/// Which proxies are used.
#[derive(Clone, Debug, Default)]
pub(super) enum Proxies {
    /// Those that the environment names.
    #[default]
    Environment,
    None,
    /// The one with this URL.
    One(String),
}

impl Proxies {
    /// Returns the proxy for a request to a URL.
    pub(super) fn find(&self, uri: &Uri) -> Result<Option<Proxy>, ConnectError> {
        match self {
            Self::None => Ok(None),
            Self::Environment => match Matcher::from_env().intercept(uri) {
                Some(proxy) => Proxy::new(proxy).map(Some),
                None => check_environment(uri).map(|()| None),
            },
            Self::One(url) => {
                let Some(proxy) = parse(url, uri) else {
                    let url = redacted(url);
                    return Err(refused(&url, "its URL is invalid, see Http::proxy"));
                };
                Proxy::new(proxy).map(Some)
            }
        }
    }
}

/// Checks that a request that goes through no proxy is not meant to: the rules pass over a URL that
/// they cannot parse, and what should have been hidden would be sent in the open.
fn check_environment(uri: &Uri) -> Result<(), ConnectError> {
    if env::var_os("REQUEST_METHOD").is_some() {
        return Ok(());
    }
    let variables = match uri.scheme_str() {
        Some("https") => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let direct = env::var("NO_PROXY").or_else(|_| env::var("no_proxy"));
    let any = Matcher::builder().all("http://proxy.invalid");
    let is_direct = any.no(direct.unwrap_or_default()).build();
    if is_direct.intercept(uri).is_none() {
        return Ok(());
    }
    for name in variables {
        let url = env::var(name).unwrap_or_default();
        if !url.is_empty() && parse(&url, uri).is_none() {
            let why = format!("its URL is invalid, see the variable {name}");
            return Err(refused(&redacted(&url), &why));
        }
    }
    Ok(())
}

/// Parses the URL of a proxy for a request to `uri`.
fn parse(url: &str, uri: &Uri) -> Option<Intercept> {
    Matcher::builder().all(url).build().intercept(uri)
}

/// A proxy.
pub(super) struct Proxy {
    protocol: Protocol,
    address: Peer,
    /// The URL, without user name and password.
    url: String,
    matched: Intercept,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    /// Looks up names itself.
    Socks5h,
    /// Is told addresses.
    Socks5,
}

impl Proxy {
    fn new(matched: Intercept) -> Result<Self, ConnectError> {
        let uri = matched.uri();
        let url = uri.to_string();
        let (protocol, port) = match uri.scheme_str() {
            Some("http") => (Protocol::Http, 80),
            Some("socks5") => (Protocol::Socks5, 1080),
            Some("socks5h") => (Protocol::Socks5h, 1080),
            _ => {
                let why = "only proxies with http, socks5 or socks5h are supported";
                return Err(refused(&url, why));
            }
        };
        let host = uri.host().unwrap_or_default();
        let address = Peer {
            is_tls: false,
            host: host.trim_matches(['[', ']']).into(),
            port: uri.port_u16().unwrap_or(port),
        };
        Ok(Self {
            protocol,
            address,
            url,
            matched,
        })
    }

    /// Opens a connection to a peer.
    pub(super) async fn connect<R: Dial>(
        &self,
        settings: &Settings,
        security: Security,
        peer: &Peer,
        budget: &Budget,
        heads: Heads,
    ) -> Result<Sender, ConnectError> {
        let socket = dial::<R>(settings, &self.address).await;
        let socket = socket.map_err(|error| self.failed(&error))?;
        let socket = Metered::new(socket, budget.clone());
        let authorization = self.matched.basic_auth().cloned();
        match self.protocol {
            Protocol::Http if peer.is_tls => {
                let tunnel = self.tunnel(socket, peer, authorization).await?;
                security.over(peer, tunnel, heads).await
            }
            Protocol::Http => Sender::http1_to_proxy(socket, heads, authorization).await,
            Protocol::Socks5 | Protocol::Socks5h => {
                let socket = self.socks5::<R, _>(socket, peer).await?;
                security.over(peer, socket, heads).await
            }
        }
    }

    /// Opens a tunnel through an HTTP proxy (RFC 9110, section 9.3.6).
    async fn tunnel<S>(
        &self,
        socket: S,
        peer: &Peer,
        authorization: Option<HeaderValue>,
    ) -> Result<Upgraded, ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let target = match peer.name() {
            address if address.contains(':') => format!("[{address}]:{}", peer.port),
            name => format!("{name}:{}", peer.port),
        };
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = Uri::try_from(&target).map_err(ConnectError::refused)?;
        let host = HeaderValue::try_from(target).map_err(ConnectError::refused)?;
        request.headers_mut().insert(header::HOST, host);
        if let Some(authorization) = authorization {
            let headers = request.headers_mut();
            headers.insert(header::PROXY_AUTHORIZATION, authorization);
        }
        let (mut protocol, connection) = http1::handshake(socket)
            .await
            .map_err(|error| self.failed(&error))?;
        let mut connection = Connection::new(connection.with_upgrades());
        let response = Box::pin(protocol.send_request(request));
        let response = connection.drive_until(response).await;
        let response = response.map_err(|error| self.failed(&error))?;
        match response.status() {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let why = "it wants a user name and a password, which its URL may contain";
                return Err(refused(&self.url, why));
            }
            status if !status.is_success() => {
                let why = format!("its response to CONNECT has status {}", status.as_u16());
                return Err(self.failed(&why));
            }
            _ => {}
        }
        let upgraded = connection.drive_until(on(response)).await;
        upgraded.map_err(|error| self.failed(&error))
    }

    async fn socks5<R: Dial, S>(&self, socket: S, peer: &Peer) -> Result<S, ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let socket = Compat::new(TokioIo::new(socket).compat());
        let mut host = String::from(peer.name());
        if self.protocol == Protocol::Socks5 && host.parse::<IpAddr>().is_err() {
            let addresses = R::resolve(host.clone(), peer.port).await;
            let addresses = addresses.map_err(|error| {
                let why = format!("could not look up {host}, see socks5h: {error}");
                self.failed(&why)
            })?;
            let address = addresses.first().ok_or_else(|| {
                let why = format!("the host {host} has no address");
                self.failed(&why)
            })?;
            host = address.ip().to_string();
        }
        let target = (host, peer.port);
        let connected = match self.matched.raw_auth() {
            Some((user, password)) => {
                Socks5Stream::connect_with_password_and_socket(socket, target, user, password).await
            }
            None => Socks5Stream::connect_with_socket(socket, target).await,
        };
        let socket = connected.map_err(|error| self.failed(&error))?;
        Ok(socket.into_inner().into_inner().into_inner().into_inner())
    }

    fn failed(&self, why: &dyn Display) -> ConnectError {
        ConnectError::failed(format!(
            "no connection through the proxy {}: {why}",
            self.url
        ))
    }
}

fn refused(url: &str, why: &str) -> ConnectError {
    ConnectError::refused(format!("the proxy {url} cannot be used: {why}"))
}
