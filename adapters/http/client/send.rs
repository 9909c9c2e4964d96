//! One request on a connection of its own, and the redirects that follow.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use ::http::{HeaderValue, Method, Request, Response, Uri, header};
use bytes::Bytes;
use http_body_util::Full;

use super::Settings;
use super::body::HttpBody;
use super::budget::{Budget, Metered};
use super::peer::Peer;
use super::redirect;
use super::sender::Sender;
use crate::adapters::event_source::ConnectError;
use crate::adapters::runtime::{Dial, Timeout, Timer};

/// Sends a request and follows redirects. The first redirect over the limit is a response like any
/// other.
pub(super) async fn follow<R: Dial>(
    settings: Arc<Settings>,
    mut request: Request<Bytes>,
) -> Result<Response<HttpBody>, ConnectError> {
    let mut redirects = settings.max_redirects;
    loop {
        let budget = Budget::new();
        let response = budget.in_turns(send::<R>(&settings, &request, &budget));
        let response = response.await?;
        if redirects == 0 {
            return Ok(response);
        }
        redirects -= 1;
        let (parts, body) = response.into_parts();
        match redirect::next(&request, &parts) {
            Some(next) => request = next,
            None => return Ok(Response::from_parts(parts, body)),
        }
    }
}

async fn send<R: Dial>(
    settings: &Settings,
    request: &Request<Bytes>,
    budget: &Budget,
) -> Result<Response<HttpBody>, ConnectError> {
    let Sender {
        send,
        mut connection,
    } = in_time::<R, _>(settings, connect::<R>(settings, request.uri(), budget)).await?;
    let (mut parts, body) = request.clone().into_parts();
    // RFC 9110, section 8.6: expected of a method that has content, even of none.
    if body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method) {
        let length = parts.headers.entry(header::CONTENT_LENGTH);
        length.or_insert(HeaderValue::from_static("0"));
    }
    let answer = send(Request::from_parts(parts, Full::new(body)));
    let answer = connection.drive_until(answer).await;
    Ok(answer
        .map_err(ConnectError::failed)?
        .map(|incoming| HttpBody::new(incoming, connection, budget.clone())))
}

async fn connect<R: Dial>(
    #[cfg_attr(not(feature = "tls"), expect(unused_variables))] settings: &Settings,
    uri: &Uri,
    budget: &Budget,
) -> Result<Sender, ConnectError> {
    let peer = Peer::of(uri)?;
    if peer.is_tls {
        #[cfg(feature = "tls")]
        return secure::<R>(settings, peer, budget).await;
        #[cfg(not(feature = "tls"))]
        return Err(ConnectError::refused("https needs the feature tls"));
    }
    let socket = R::dial(peer.host, peer.port).await?;
    Sender::http1(Metered::new(socket, budget.clone())).await
}

#[cfg(feature = "tls")]
async fn secure<R: Dial>(
    settings: &Settings,
    peer: Peer,
    budget: &Budget,
) -> Result<Sender, ConnectError> {
    let tls = match &settings.tls {
        Some(tls) => tls.clone(),
        None => super::Tls::platform()?,
    };
    let socket = R::dial(peer.host.clone(), peer.port).await?;
    let socket = Metered::new(socket, budget.clone());
    let (socket, is_http2) = tls.handshake(peer.host, socket).await?;
    if is_http2 {
        Sender::http2(socket).await
    } else {
        Sender::http1(socket).await
    }
}

async fn in_time<R, F>(settings: &Settings, connecting: F) -> Result<Sender, ConnectError>
where
    R: Timer + Default,
    F: Future<Output = Result<Sender, ConnectError>>,
{
    let mut connecting = pin!(connecting);
    let mut timeout = settings.connect_timeout.map(Timeout::<R>::new);
    poll_fn(|cx| match connecting.as_mut().poll(cx) {
        Poll::Ready(connected) => Poll::Ready(connected),
        Poll::Pending => match &mut timeout {
            Some(timeout) => timeout.poll(cx).map(|()| Err(ConnectError::too_slow())),
            None => Poll::Pending,
        },
    })
    .await
}
