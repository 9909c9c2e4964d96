//! Where a redirect leads, and what of the request goes there.

use ::http::header::{self, HeaderName};
use ::http::response::Parts;
use ::http::{HeaderMap, Method, Request, StatusCode, Uri};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use bytes::Bytes;
use iri_string::types::{UriAbsoluteStr, UriReferenceStr};

use super::peer::Peer;
use super::url::escaped;
use crate::adapters::event_source::ConnectError;
use crate::adapters::event_source::redacted;
use crate::adapters::http::head::LAST_EVENT_ID;

/// What the caller allows of redirects.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed {
    /// The headers that may go to another origin, besides [`HARMLESS`].
    pub(super) headers: Vec<HeaderName>,
    /// Whether a body may go to another origin.
    pub(super) body: bool,
    /// Whether a request may leave https for http.
    pub(super) http: bool,
}

/// Returns the request that follows a redirect, or `None` if the response is no redirect or has no
/// usable `Location`.
///
/// Fetch, "HTTP-redirect fetch": 301 and 302 turn a POST into a GET, and 303 every method but HEAD.
/// What may be a secret stays with the origin that it was meant for.
pub(super) fn next(
    request: &Request<Bytes>,
    response: &Parts,
    allowed: &Allowed,
) -> Result<Option<Request<Bytes>>, ConnectError> {
    let becomes_get = match response.status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method() == Method::POST,
        StatusCode::SEE_OTHER => request.method() != Method::HEAD,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return Ok(None),
    };
    let Some(uri) = target(request.uri(), response) else {
        return Ok(None);
    };
    let refused = |why: &str| {
        let (from, to) = (request.uri().to_string(), uri.to_string());
        let (from, to) = (redacted(&from), redacted(&to));
        let message = format!("the redirect from {from} to {to} was not followed: {why}");
        ConnectError::refused(message)
    };
    let to = Peer::of(&uri).map_err(|error| refused(&error.to_string()))?;
    let from = Peer::of(request.uri())?;
    let mut next = request.clone();
    if becomes_get && next.method() != Method::GET {
        *next.method_mut() = Method::GET;
        *next.body_mut() = Bytes::new();
        for name in BODY_HEADERS {
            next.headers_mut().remove(name);
        }
    }
    if from.is_tls && !to.is_tls && !allowed.http {
        return Err(refused("it leaves https, see Http::redirect_to_http"));
    }
    if from != to {
        if !next.body().is_empty() && !allowed.body {
            let why = "it takes the body to another origin, see Http::redirect_body";
            return Err(refused(why));
        }
        let keeps_body = !next.body().is_empty();
        retain_harmless(next.headers_mut(), keeps_body, allowed);
    }
    *next.uri_mut() = uri;
    Ok(Some(next))
}

/// Removes the headers that another origin must not see.
fn retain_harmless(headers: &mut HeaderMap, keeps_body: bool, allowed: &Allowed) {
    let dropped: Vec<_> = headers
        .keys()
        .filter(|name| {
            let is_secret = || headers.get_all(*name).iter().any(|it| it.is_sensitive());
            let is_harmless = HARMLESS.contains(name) && !is_secret();
            let is_of_body = keeps_body && BODY_HEADERS.contains(name);
            !is_harmless && !is_of_body && !allowed.headers.contains(name)
        })
        .cloned()
        .collect();
    for name in dropped {
        headers.remove(name);
    }
}

/// Resolves the `Location` of a response. An empty one leads nowhere, and only the schemes of HTTP
/// are followed.
fn target(base: &Uri, response: &Parts) -> Option<Uri> {
    let location = response.headers.get(header::LOCATION)?.as_bytes();
    if location.is_empty() {
        return None;
    }
    let (base, location) = (escaped(base.to_string().as_bytes()), escaped(location));
    let base = UriAbsoluteStr::new(&base).ok()?;
    let location = UriReferenceStr::new(&location).ok()?;
    let target: Uri = location.resolve_against(base).to_string().parse().ok()?;
    matches!(target.scheme_str(), Some("http" | "https")).then_some(target)
}

/// The headers that hold no secret, by what they are for.
const HARMLESS: [HeaderName; 6] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::USER_AGENT,
    LAST_EVENT_ID,
];

const BODY_HEADERS: [HeaderName; 5] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
];
