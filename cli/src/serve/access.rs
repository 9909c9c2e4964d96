//! Who may do what: tokens, and the origins of pages.

use core::fmt;
use core::str::FromStr;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode};
use subtle::ConstantTimeEq;

use super::query::Query;
use super::reply::{Reply, no_content, refusal};

/// A secret that a request has to show. It is never displayed.
#[derive(Clone)]
pub(crate) struct Token(String);

impl FromStr for Token {
    type Err = &'static str;

    fn from_str(token: &str) -> Result<Self, Self::Err> {
        match token {
            "" => Err("the token is empty"),
            _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err("no header can carry it: a token is visible ASCII")
            }
            _ => Ok(Self(token.into())),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// An origin whose pages may use the server, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Any,
    One(HeaderValue),
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(origin: &str) -> Result<Self, Self::Err> {
        if origin == "*" {
            return Ok(Self::Any);
        }
        let is_bare = |rest: &str| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']);
        let has_scheme = |rest: (&str, &str)| !rest.0.is_empty() && is_bare(rest.1);
        match HeaderValue::from_str(origin) {
            Ok(value) if origin.split_once("://").is_some_and(has_scheme) => Ok(Self::One(value)),
            _ => Err("an origin is a scheme and a host, as in https://shop.example, or *"),
        }
    }
}

/// What requests have to show.
pub(crate) struct Access {
    pub(crate) publish: Option<Token>,
    pub(crate) subscribe: Option<Token>,
    pub(crate) origins: Vec<Origin>,
}

impl Access {
    /// Refuses a request that may not publish.
    pub(super) fn check_publisher(&self, request: &Request<()>) -> Result<(), Reply> {
        // A page of another origin can send a POST without asking. One of this server may do that.
        let headers = request.headers();
        if let Some(origin) = headers.get(header::ORIGIN) {
            if self.allowed(origin).is_none() && !is_own(origin, headers) {
                return Err(refusal(
                    StatusCode::FORBIDDEN,
                    "pages of this origin may not publish (--allow-origin)",
                ));
            }
        }
        check(self.publish.as_ref(), headers, None)
    }

    /// Refuses a request that may not read.
    pub(super) fn check_subscriber(
        &self,
        request: &Request<()>,
        query: &Query,
    ) -> Result<(), Reply> {
        let in_query = query.access_token.as_deref();
        check(self.subscribe.as_ref(), request.headers(), in_query)
    }

    /// Returns the response to a preflight (Fetch, "CORS-preflight request"), if a request is one.
    pub(super) fn preflight(&self, request: &Request<()>) -> Option<Reply> {
        let headers = request.headers();
        let origin = headers.get(header::ORIGIN)?;
        let is_preflight = request.method() == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        if self.allowed(origin).is_none() {
            let text = "pages of this origin may not do that (--allow-origin)";
            return Some(refusal(StatusCode::FORBIDDEN, text));
        }
        let mut reply = no_content();
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, cache-control, content-type, last-event-id",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            reply
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        Some(reply)
    }

    /// Tells the browser whether the page that asked may read the response.
    pub(super) fn share(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        if !self.origins.contains(&Origin::Any) {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        if let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
    }

    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.origins.contains(&Origin::Any) {
            return Some(HeaderValue::from_static("*"));
        }
        let one = Origin::One(origin.clone());
        self.origins.contains(&one).then(|| origin.clone())
    }
}

/// Returns whether a page comes from this server, by whatever scheme a proxy offers it.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let origin = origin.to_str().ok();
    let authority = origin.and_then(|origin| origin.split_once("://"));
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    match (authority, host) {
        (Some((_, authority)), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

fn check(token: Option<&Token>, headers: &HeaderMap, in_query: Option<&str>) -> Result<(), Reply> {
    let Some(token) = token else {
        return Ok(());
    };
    let in_header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let is_right = |shown: &str| bool::from(shown.as_bytes().ct_eq(token.0.as_bytes()));
    // RFC 6750, section 3.1, which also has the header.
    let text = match in_header.or(in_query) {
        Some(shown) if is_right(shown) => return Ok(()),
        Some(_) => "the token is wrong",
        None => "this needs a token, as in Authorization: Bearer TOKEN",
    };
    let mut reply = refusal(StatusCode::UNAUTHORIZED, text);
    let bearer = HeaderValue::from_static("Bearer");
    reply.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    Err(reply)
}
