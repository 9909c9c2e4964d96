//! The responses that are no streams.

use core::convert::Infallible;

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use serde_json::{Value, json};

pub(super) type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Returns a response that says what is wrong.
pub(super) fn refusal(status: StatusCode, error: impl AsRef<str>) -> Reply {
    with_json(status, &json!({ "error": error.as_ref() }))
}

pub(super) fn with_json(status: StatusCode, value: &Value) -> Reply {
    with_text(status, "application/json", format!("{value}\n"))
}

pub(super) fn with_text(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Reply {
    let mut reply = Response::new(Full::new(text.into()).boxed_unsync());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

pub(super) fn no_content() -> Reply {
    let mut reply = Response::new(Full::default().boxed_unsync());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}
