//! HTTP on a socket, for one request.

use alloc::boxed::Box;
use core::pin::Pin;

#[cfg(feature = "tls")]
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
const READ_BYTES: usize = 128 * 1024;

type Answer = Pin<Box<dyn Future<Output = ::hyper::Result<Response<Incoming>>> + Send>>;

impl Sender {
    pub(super) async fn http1<S>(socket: S) -> Result<Self, ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let (mut protocol, connection) = http1::Builder::new()
            .max_buf_size(READ_BYTES)
            .handshake(socket)
            .await
            .map_err(ConnectError::failed)?;
        Ok(Self {
            send: Box::new(move |request| {
                Box::pin(async move { protocol.send_request(in_origin_form(request)).await })
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
        let (mut protocol, connection) =
            ::hyper::client::conn::http2::handshake(tasks.clone(), socket)
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
fn in_origin_form(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let uri = request.uri();
    let host = uri.authority().and_then(|authority| {
        let is_default = matches!(
            (uri.scheme_str(), uri.port_u16()),
            (_, None) | (Some("http"), Some(80)) | (Some("https"), Some(443))
        );
        let host = if is_default {
            authority.host()
        } else {
            authority.as_str()
        };
        HeaderValue::from_str(host).ok()
    });
    let path = uri.path_and_query().cloned();
    if let Some(host) = host {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    request
}

/// Replaces a `Host` header of the caller's with the authority that HTTP/2 sends instead (RFC 9113,
/// section 8.3.1: a client must not send a `Host` that differs from it).
#[cfg(feature = "tls")]
fn with_authority(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let host = request.headers_mut().remove(header::HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    if let Some(authority) = authority {
        let mut parts = request.uri().clone().into_parts();
        parts.authority = Some(authority);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
