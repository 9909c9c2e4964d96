//! HTTP on a socket, for one request.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::pin::Pin;

use ::http::uri::Authority;
use ::http::{HeaderValue, Request, Response, Uri, header};
use ::hyper::body::Incoming;
use ::hyper::client::conn::http1;
use ::hyper::rt::{Read, Write};
use bytes::Bytes;
use http_body_util::Full;

use super::body::Connection;
use crate::adapters::event_source::ConnectError;

/// A connection on which nothing was sent yet.
pub(super) struct Sender {
    pub(super) send: Box<dyn FnOnce(Request<Full<Bytes>>) -> Answer + Send>,
    pub(super) connection: Connection,
}

/// The most bytes that are read at once, and that the head of a response may take. hyper's buffer
/// never shrinks after a burst, so more would cost every connection that has seen one, and is not
/// faster.
const HEAD_BYTES: u32 = 128 * 1024;

/// The most headers that a large head may have.
const MAX_HEADERS: usize = 512;

/// What heads are expected over HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heads {
    /// Those with up to 100 headers, which is hyper's default.
    Usual,
    /// Those with more. hyper then allocates room for all of them, which leaves gaps in the memory of
    /// a process with many streams: 4 KiB for each, measured with glibc.
    Large,
}

type Answer = Pin<Box<dyn Future<Output = ::hyper::Result<Response<Incoming>>> + Send>>;

impl Sender {
    pub(super) async fn http1<S>(socket: S, heads: Heads) -> Result<Self, ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        Self::http1_with(socket, heads, in_origin_form).await
    }

    /// Speaks HTTP to a proxy, which passes the request on (RFC 9112, section 3.2.2).
    #[cfg(feature = "proxy")]
    pub(super) async fn http1_to_proxy<S>(
        socket: S,
        heads: Heads,
        authorization: Option<HeaderValue>,
    ) -> Result<Self, ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let in_absolute_form = |request| {
            let mut request = with_host(request);
            if let Some(authorization) = authorization {
                let headers = request.headers_mut();
                headers.insert(header::PROXY_AUTHORIZATION, authorization);
            }
            request
        };
        Self::http1_with(socket, heads, in_absolute_form).await
    }

    async fn http1_with<S>(
        socket: S,
        heads: Heads,
        prepared: impl FnOnce(Request<Full<Bytes>>) -> Request<Full<Bytes>> + Send + 'static,
    ) -> Result<Self, ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let mut builder = http1::Builder::new();
        builder
            .max_buf_size(HEAD_BYTES as usize)
            .allow_obsolete_multiline_headers_in_responses(true);
        if heads == Heads::Large {
            builder.max_headers(MAX_HEADERS);
        }
        let handshake = builder.handshake(socket).await;
        let (mut protocol, connection) = handshake.map_err(ConnectError::failed)?;
        Ok(Self {
            send: Box::new(move |request| {
                Box::pin(async move { protocol.send_request(prepared(request)).await })
            }),
            connection: Connection::new(connection),
        })
    }

    #[cfg(feature = "tls")]
    pub(super) async fn http2<S>(socket: S) -> Result<Self, ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        use super::tasks::{Tasks, WithTasks};

        let tasks = Tasks::default();
        let (mut protocol, connection) = ::hyper::client::conn::http2::Builder::new(tasks.clone())
            .max_header_list_size(HEAD_BYTES)
            .handshake(socket)
            .await
            .map_err(ConnectError::failed)?;
        Ok(Self {
            send: Box::new(move |request| {
                Box::pin(async move { protocol.send_request(with_authority(request)).await })
            }),
            connection: Connection::new(WithTasks::new(connection, tasks)),
        })
    }
}

/// Splits the URL into the target of an HTTP/1.1 request line and the `Host` header (RFC 9112,
/// sections 3.2 and 3.2.1).
fn in_origin_form(request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let mut request = with_host(request);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    request
}

/// Adds the `Host` header, unless there is one of the caller's.
fn with_host(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let uri = request.uri();
    let host = uri.authority().and_then(|authority| {
        let is_default = matches!(
            (uri.scheme_str(), uri.port_u16()),
            (_, None) | (Some("http"), Some(80)) | (Some("https"), Some(443))
        );
        let host = without_zone(authority);
        let host = match authority.port_u16() {
            Some(port) if !is_default => format!("{host}:{port}"),
            _ => host,
        };
        HeaderValue::try_from(host).ok()
    });
    if let Some(host) = host {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    request
}

/// Returns the host without the zone of an address, which means nothing to the server (RFC 6874,
/// section 4: "MUST remove any ZoneID").
fn without_zone(authority: &Authority) -> String {
    match authority.host().split_once("%25") {
        Some((address, _)) => format!("{address}]"),
        None => authority.host().into(),
    }
}

/// Replaces a `Host` header of the caller's with the authority that HTTP/2 sends instead (RFC 9113,
/// section 8.3.1: a client must not send a `Host` that differs from it).
#[cfg(feature = "tls")]
fn with_authority(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let host = request.headers_mut().remove(header::HOST);
    let authority = match (host, request.uri().authority()) {
        (Some(host), _) => Authority::try_from(host.as_bytes()).ok(),
        (None, Some(authority)) if authority.host().contains('%') => {
            let port = authority.port_u16().unwrap_or(443);
            Authority::try_from(format!("{}:{port}", without_zone(authority))).ok()
        }
        (None, _) => None,
    };
    if let Some(authority) = authority {
        let mut parts = request.uri().clone().into_parts();
        parts.authority = Some(authority);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
