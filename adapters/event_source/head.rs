//! The head of an HTTP response, as the client sees it.

use core::time::Duration;
use std::time::SystemTime;

use http::response::Parts;
use http::{HeaderMap, HeaderName, header};

use crate::client::ResponseHead;

/// Returns the parts of a head that the client needs. If a header has several lines and the client does
/// not want to know all of them, the last one counts.
pub(super) fn response_head(parts: &Parts) -> ResponseHead<'_> {
    let mut head = ResponseHead::new(parts.status.as_u16());
    for value in parts.headers.get_all(header::CONTENT_TYPE) {
        head = head.content_type(value.as_bytes());
    }
    for value in parts.headers.get_all(header::CONTENT_ENCODING) {
        head = head.content_encoding(value.as_bytes());
    }
    if let Some(value) = last_value(&parts.headers, header::DATE) {
        head = head.date(value);
    }
    if let Some(value) = last_value(&parts.headers, header::RETRY_AFTER) {
        head = head.retry_after(value).unix_time(unix_time());
    }
    if let Some(value) = last_value(&parts.headers, RETRY_AFTER_MS) {
        head = head.retry_after_ms(value);
    }
    head
}

fn last_value(headers: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    let value = headers.get_all(name).iter().next_back();
    value.map(|value| value.as_bytes())
}

#[expect(
    clippy::disallowed_methods,
    reason = "an adapter reads the clocks for the core"
)]
fn unix_time() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

/// LLM services send it next to `Retry-After`, or instead of it.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
