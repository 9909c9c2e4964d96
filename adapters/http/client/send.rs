//! One request on a connection of its own, and the redirects that follow.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::error::Error;
use core::future::poll_fn;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Poll;
use core::time::Duration;

use ::http::{HeaderValue, Method, Request, Response, Uri, header};
use bytes::Bytes;
use http_body_util::Full;

use super::Settings;
use super::body::HttpBody;
use super::budget::{Budget, Metered};
use super::dial::dial;
use super::peer::Peer;
use super::redirect;
use super::security::Security;
use super::sender::{Heads, Sender};
use crate::adapters::event_source::ConnectError;
use crate::adapters::event_source::redacted;
use crate::adapters::runtime::{Dial, Timeout};

/// What the attempts of a transport have in common.
#[derive(Clone, Copy)]
pub(super) struct Sending<'a> {
    pub(super) settings: &'a Settings,
    /// Whether a response had more headers than is usual.
    pub(super) has_large_heads: &'a AtomicBool,
}

/// Sends a request and follows redirects. The first redirect over the limit is a response like any
/// other.
pub(super) async fn follow<R: Dial>(
    sending: Sending<'_>,
    mut request: Request<Bytes>,
) -> Result<Response<HttpBody>, ConnectError> {
    let settings = sending.settings;
    let mut redirects = settings.max_redirects;
    loop {
        let budget = Budget::new();
        let response = budget.in_turns(send::<R>(sending, &request, &budget));
        let response = response.await?;
        if redirects == 0 {
            return Ok(response);
        }
        redirects -= 1;
        let (parts, body) = response.into_parts();
        match redirect::next(&request, &parts, &settings.redirects)? {
            Some(next) => request = next,
            None => return Ok(Response::from_parts(parts, body)),
        }
    }
}

async fn send<R: Dial>(
    sending: Sending<'_>,
    request: &Request<Bytes>,
    budget: &Budget,
) -> Result<Response<HttpBody>, ConnectError> {
    let uri = request.uri();
    let settings = sending.settings;
    let heads = sending.heads(request.method());
    let connecting = connect::<R>(settings, uri, budget, heads);
    let Some(connected) = in_time::<R, _>(settings.connect_timeout, connecting).await else {
        return Err(ConnectError::timed_out(late(
            "connection to",
            uri,
            settings.connect_timeout,
            "connect_timeout",
        )));
    };
    let Sender {
        send,
        mut connection,
    } = connected?;
    let (mut parts, body) = request.clone().into_parts();
    // RFC 9110, section 8.6: expected of a method that has content, even of none.
    if body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method) {
        let length = parts.headers.entry(header::CONTENT_LENGTH);
        length.or_insert(HeaderValue::from_static("0"));
    }
    let response = send(Request::from_parts(parts, Full::new(body)));
    let response = connection.drive_until(response);
    let Some(response) = in_time::<R, _>(settings.response_timeout, response).await else {
        return Err(ConnectError::failed(late(
            "response from",
            uri,
            settings.response_timeout,
            "response_timeout",
        )));
    };
    match response {
        Ok(response) => {
            Ok(response.map(|incoming| HttpBody::new(incoming, connection, budget.clone())))
        }
        Err(error) if heads == Heads::Usual && is_too_large(&error) => {
            sending.has_large_heads.store(true, Ordering::Relaxed);
            drop(connection);
            Box::pin(self::send::<R>(sending, request, budget)).await
        }
        Err(error) => Err(ConnectError::failed(NoResponse {
            url: redacted(&uri.to_string()),
            error,
        })),
    }
}

async fn connect<R: Dial>(
    settings: &Settings,
    uri: &Uri,
    budget: &Budget,
    heads: Heads,
) -> Result<Sender, ConnectError> {
    let peer = Peer::of(uri)?;
    let security = Security::of(settings, &peer)?;
    #[cfg(feature = "proxy")]
    if let Some(proxy) = settings.proxies.find(uri)? {
        let connecting = proxy.connect::<R>(settings, security, &peer, budget, heads);
        return connecting.await;
    }
    let socket = dial::<R>(settings, &peer).await?;
    let socket = Metered::new(socket, budget.clone());
    security.over(&peer, socket, heads).await
}

impl Sending<'_> {
    /// Returns what heads to expect. A request that is safe to repeat is sent again if its response
    /// turns out to have a larger one.
    fn heads(self, method: &Method) -> Heads {
        if method.is_safe() && !self.has_large_heads.load(Ordering::Relaxed) {
            Heads::Usual
        } else {
            Heads::Large
        }
    }
}

/// Waits for a future, or until the time is up, which gives `None`.
async fn in_time<R: Dial, F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut timeout = limit.map(Timeout::<R>::new);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => match &mut timeout {
            Some(timeout) => timeout.poll(cx).map(|()| None),
            None => Poll::Pending,
        },
    })
    .await
}

fn late(what: &str, uri: &Uri, limit: Option<Duration>, setting: &str) -> String {
    let (url, limit) = (redacted(&uri.to_string()), limit.unwrap_or_default());
    format!("no {what} {url} within {limit:?}, the limit of Http::{setting}")
}

/// Returns whether a head is too large. hyper's own method for this needs its feature `server`.
fn is_too_large(error: &::hyper::Error) -> bool {
    error.is_parse() && error.to_string().contains("too large")
}

/// The error of a connection that ended before the response head.
#[derive(Debug)]
struct NoResponse {
    url: String,
    error: ::hyper::Error,
}

impl core::fmt::Display for NoResponse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "no response from {}: {}", self.url, self.error)?;
        let mut source = self.error.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl Error for NoResponse {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
