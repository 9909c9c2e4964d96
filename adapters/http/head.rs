//! The heads of responses, and the last event ID of a request.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ::http::{Request, Response, StatusCode};

use crate::server::{self, InvalidLastEventId, Refused, Start};

/// Returns the response of an event stream: status 200, and headers that let each event through at
/// once.
///
/// A browser requires `Content-Type: text/event-stream`. `Cache-Control: no-cache, no-transform`
/// and `X-Accel-Buffering: no` stop caches, proxies that compress and nginx from holding events
/// back. Add further headers to the returned response.
///
/// # Examples
///
/// ```
/// use futures_util::stream;
/// use ssewire::Event;
/// use ssewire::hyper::{EventBody, event_stream};
///
/// let response = event_stream(EventBody::new(stream::iter([Event::new("hi")])));
///
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["content-type"], "text/event-stream");
/// assert_eq!(response.headers()["cache-control"], "no-cache, no-transform");
/// assert_eq!(response.headers()["x-accel-buffering"], "no");
/// ```
pub fn event_stream<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    let cache = HeaderValue::from_static("no-cache, no-transform");
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// Returns the response of a server that has no room for another stream: status 503, with a
/// `Retry-After` that is rounded up to whole seconds and is at least one.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
///
/// let response = ssewire::hyper::service_unavailable(Duration::from_secs(30));
/// assert_eq!(response.status(), 503);
/// assert_eq!(response.headers()["retry-after"], "30");
/// ```
pub fn service_unavailable(retry_after: Duration) -> Response<String> {
    let rounded = u64::from(retry_after.subsec_nanos() > 0);
    let seconds = retry_after.as_secs().saturating_add(rounded);
    let mut response = Response::new(String::from(
        "no room for another stream, try again later\n",
    ));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// Returns the response to a subscription that is refused.
///
/// Its status is 204 if the topics are closed, 503 with a `Retry-After` of one second if the hub
/// has been shut down, and otherwise 400. A browser reconnects after none of these. The client of
/// this crate tries again after a 503.
///
/// The body is the reason, as [`Refused`] displays it, unless the status is 204.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::Hub;
/// use ssewire::hyper::refused;
///
/// let hub = Hub::new();
/// let error = hub.subscribe("a name of a topic ".repeat(100), None).unwrap_err();
/// assert_eq!(refused(error).status(), 400);
///
/// hub.close_topic("job 7", Duration::from_secs(60));
/// let error = hub.subscribe("job 7", None).unwrap_err();
/// assert_eq!(refused(error).status(), 204);
/// ```
pub fn refused(reason: Refused) -> Response<String> {
    match reason {
        Refused::Closed => return service_unavailable(Duration::from_secs(1)),
        Refused::TopicClosed => return no_content(),
        _ => {}
    }
    let mut response = Response::new(format!("{reason}\n"));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

/// Returns the response with status 204, after which a client does not reconnect.
///
/// # Examples
///
/// ```
/// assert_eq!(ssewire::hyper::no_content().status(), 204);
/// ```
pub fn no_content() -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Returns the last event ID that a request carries, or `None` if it carries none or an empty one.
///
/// # Errors
///
/// The same as [`server::last_event_id`]. Respond with status 400.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use ssewire::hyper::last_event_id;
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(last_event_id(&headers), Ok(None));
/// headers.insert("last-event-id", "e5f-42".parse().unwrap());
/// assert_eq!(last_event_id(&headers), Ok(Some("e5f-42")));
/// ```
pub fn last_event_id(headers: &HeaderMap) -> Result<Option<&str>, InvalidLastEventId> {
    let values = headers.get_all(LAST_EVENT_ID).iter();
    server::last_event_id(values.map(HeaderValue::as_bytes))
}

/// Returns where the client of a request wants to begin, or `None` if the request has no last event
/// ID.
///
/// The ID is in the `Last-Event-ID` header or, if there is none, in the query, as `last_event_id`
/// or `lastEventId`.
///
/// # Errors
///
/// The same as [`server::start_of_request`]. Respond with status 400.
///
/// # Examples
///
/// ```
/// use http::Request;
/// use ssewire::hyper::start;
/// use ssewire::server::Start;
///
/// let request = Request::get("/prices?last_event_id=e5f-42").body(()).unwrap();
/// assert_eq!(start(&request), Ok(Some(Start::from("e5f-42"))));
///
/// // A page that opens gets all prices at once, and one that reconnects what it has missed.
/// let request = Request::get("/prices").body(()).unwrap();
/// assert_eq!(start(&request)?.unwrap_or(Start::Earliest), Start::Earliest);
/// # Ok::<(), ssewire::hyper::InvalidLastEventId>(())
/// ```
pub fn start<B>(request: &Request<B>) -> Result<Option<Start>, InvalidLastEventId> {
    let values = request.headers().get_all(LAST_EVENT_ID).iter();
    let values = values.map(HeaderValue::as_bytes);
    server::start_of_request(values, request.uri().query())
}

pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
