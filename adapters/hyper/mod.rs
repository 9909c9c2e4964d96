//! HTTP: a response that sends events, a reader of any [`http_body::Body`], and the transport of the
//! reconnecting client.
//!
//! Response and reader need no runtime and no hyper: the traits of the `http` and `http-body` crates
//! are enough for hyper 1.x, axum, tonic and reqwest (whose response gives its body by
//! `http::Response::from(response).into_body()`). The client is `EventSource` in `ssewire::tokio` and
//! `ssewire::async_std`; [`Http`] is how it connects, through hyper's own client. Nothing is spawned.

mod body;
mod client;
mod piece;
mod reader;
mod stream;

use ::http::{HeaderValue, Response, header};

pub use self::body::EventBody;
#[cfg(feature = "tls")]
pub use self::client::Tls;
pub use self::client::{Dial, Http, HttpBody};
pub use self::reader::EventReader;
pub use self::stream::BodyStream;
pub use super::error::ReadError;

/// Makes the response that an event stream is: status 200 and the headers that let each event
/// through at once.
///
/// `Content-Type: text/event-stream` is what makes a browser listen; `Cache-Control: no-cache` and
/// `X-Accel-Buffering: no` keep caches and nginx from holding events back. More headers can be
/// added to what is returned.
///
/// # Examples
///
/// ```
/// use futures_util::stream;
/// use ssewire::Event;
/// use ssewire::hyper::{EventBody, response};
///
/// let response = response(EventBody::new(stream::iter([Event::new("hi")])));
///
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["content-type"], "text/event-stream");
/// assert_eq!(response.headers()["cache-control"], "no-cache");
/// assert_eq!(response.headers()["x-accel-buffering"], "no");
/// ```
pub fn response<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
