//! Where a redirect leads, and what of the request goes there.

use ::http::header::{self, HeaderName};
use ::http::response::Parts;
use ::http::{Method, Request, StatusCode, Uri};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use iri_string::types::{UriAbsoluteStr, UriReferenceStr};

use super::peer::Peer;

/// Returns the request that follows a redirect, or `None` if the response is no redirect or has no
/// usable `Location`.
///
/// Fetch, "HTTP-redirect fetch": 301 and 302 turn a POST into a GET, and 303 every method but HEAD.
/// Credentials stay with the origin that they were meant for.
pub(super) fn next(request: &Request<Bytes>, response: &Parts) -> Option<Request<Bytes>> {
    let becomes_get = match response.status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method() == Method::POST,
        StatusCode::SEE_OTHER => request.method() != Method::HEAD,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return None,
    };
    let uri = target(request.uri(), response)?;
    let mut next = request.clone();
    if becomes_get && next.method() != Method::GET {
        *next.method_mut() = Method::GET;
        *next.body_mut() = Bytes::new();
        for name in BODY_HEADERS {
            next.headers_mut().remove(name);
        }
    }
    if !is_same_origin(request.uri(), &uri) {
        let headers = next.headers_mut();
        let mut dropped = Vec::from(CREDENTIALS);
        // The caller's `Host` names the first origin.
        dropped.push(header::HOST);
        dropped.extend(
            headers
                .iter()
                .filter(|(_, value)| value.is_sensitive())
                .map(|(name, _)| name.clone()),
        );
        for name in dropped {
            headers.remove(name);
        }
    }
    *next.uri_mut() = uri;
    Some(next)
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

/// Returns a URL as RFC 3986 allows it: braces, spaces, brackets outside the host and everything but
/// ASCII are percent-encoded. The fragment, which is not sent, is left out.
fn escaped(url: &[u8]) -> String {
    let authority_end = authority_end(url);
    let mut escaped = String::new();
    for (at, byte) in url.iter().enumerate() {
        let is_allowed = match byte {
            b'#' => break,
            b'[' | b']' => at < authority_end,
            b'%' => url
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(byte),
        };
        if is_allowed {
            escaped.push(char::from(*byte));
        } else {
            escaped.push_str(&alloc::format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Returns the index at which host and port end, or 0 if there are none.
fn authority_end(url: &[u8]) -> usize {
    let is_delimiter = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
    let scheme_len = url.iter().position(is_delimiter).unwrap_or_default();
    let (scheme, rest) = url.split_at(scheme_len);
    match rest.strip_prefix(b"//") {
        Some(rest) if scheme.is_empty() || scheme.ends_with(b":") => {
            let len = rest.iter().position(is_delimiter);
            scheme_len + 2 + len.unwrap_or(rest.len())
        }
        _ => 0,
    }
}

fn is_same_origin(one: &Uri, other: &Uri) -> bool {
    matches!((Peer::of(one), Peer::of(other)), (Ok(one), Ok(other)) if one == other)
}

const CREDENTIALS: [HeaderName; 3] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
];

const BODY_HEADERS: [HeaderName; 5] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
];
