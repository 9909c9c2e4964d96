//! A transport over an HTTP client of the caller's.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use ::http::header::{self, HeaderMap, HeaderValue};
use ::http::{Method, Response};
use http_body::Body;

use super::body_stream::BodyStream;
use super::head::LAST_EVENT_ID;
use crate::adapters::event_source::{Connect, ConnectError, redacted};
use crate::adapters::io::BoxError;
use crate::client::Attempt;

/// Creates a transport from a closure that sends a request by an HTTP client of your own, once for each
/// attempt.
///
/// `method` is the method of the request, which decides whether it may be repeated: by default only a
/// GET is. The closure returns a future of an [`http::Response`](Response). Its body must be [`Unpin`];
/// `Box::pin` makes any body so. Send the [headers](request_headers) of the attempt with the request.
///
/// An error of the closure counts as a connection that could not be opened, unless it is a
/// [`ConnectError`], which says so itself. Only the idle timeout limits an attempt, so set a connect
/// timeout in the HTTP client.
///
/// # Examples
///
/// The reconnecting client over reqwest:
///
/// ```ignore
/// let client = reqwest::Client::new();
/// let connect = ssewire::hyper::from_fn(Method::GET, move |attempt| {
///     let request = client.get(url).headers(request_headers(attempt));
///     async { request.send().await.map(http::Response::from) }
/// });
/// let mut events = EventSource::new(connect, ClientConfig::new());
/// ```
///
/// A closure without any client:
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use core::convert::Infallible;
///
/// use http_body_util::Full;
/// use ssewire::http::Method;
/// use ssewire::hyper::{event_stream, from_fn};
/// use ssewire::tokio::{ClientConfig, EventSource};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let connect = from_fn(Method::POST, |_attempt| async {
///     Ok::<_, Infallible>(event_stream(Full::new(&b"data: hello\n\n"[..])))
/// });
/// let mut events = EventSource::new(connect, ClientConfig::new());
/// while let Some(event) = events.next().await {
///     assert_eq!(event?.data(), "hello");
/// }
/// # Ok(())
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main().unwrap();
/// ```
pub const fn from_fn<F, A>(method: Method, send: F) -> FromFn<F>
where
    F: FnMut(&Attempt) -> A,
{
    FromFn {
        method,
        url: None,
        send,
    }
}

/// Returns the headers of a request that the protocol decides: `Accept`, `Accept-Encoding`,
/// `Cache-Control` and, if the attempt carries one, `Last-Event-ID`.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::client::{Action, Client, ClientConfig};
/// use ssewire::hyper::request_headers;
///
/// let mut client = Client::new(ClientConfig::new().last_event_id("42")?, 0);
/// let Some(Action::Connect(attempt)) = client.poll_action(Timestamp::default()) else {
///     panic!("a new client connects");
/// };
/// let headers = request_headers(&attempt);
/// assert_eq!(headers["accept"], "text/event-stream");
/// assert_eq!(headers["last-event-id"], "42");
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
pub fn request_headers(attempt: &Attempt) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let stream = HeaderValue::from_static("text/event-stream");
    headers.insert(header::ACCEPT, stream);
    // A coding would have to be decoded.
    let identity = HeaderValue::from_static("identity");
    headers.insert(header::ACCEPT_ENCODING, identity);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let id = attempt.last_event_id().map(str::as_bytes);
    // The attempt has checked it.
    if let Some(Ok(id)) = id.map(HeaderValue::from_bytes) {
        headers.insert(LAST_EVENT_ID, id);
    }
    headers
}

/// A transport that calls a closure, created by [`from_fn`].
pub struct FromFn<F> {
    method: Method,
    url: Option<String>,
    send: F,
}

impl<F> FromFn<F> {
    /// Sets the URL that messages name, of which the [secrets](redacted) are left out.
    pub fn url(mut self, url: impl AsRef<str>) -> Self {
        self.url = Some(redacted(url.as_ref()));
        self
    }
}

impl<F, A, B, E> Connect for FromFn<F>
where
    F: FnMut(&Attempt) -> A,
    A: Future<Output = Result<Response<B>, E>>,
    B: Body<Error: Into<BoxError>> + Unpin,
    E: Into<BoxError>,
{
    type Body = BodyStream<B>;
    type Future = Sending<A>;

    fn connect(&mut self, attempt: &Attempt) -> Sending<A> {
        Sending(Box::pin((self.send)(attempt)))
    }

    fn method(&self) -> Option<&str> {
        Some(self.method.as_str())
    }

    fn url(&self) -> Option<String> {
        self.url.clone()
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The future of one attempt of a [`FromFn`].
pub struct Sending<A>(Pin<Box<A>>);

impl<A, B, E> Future for Sending<A>
where
    A: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Into<BoxError>,
{
    type Output = Result<Response<BodyStream<B>>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(|sent| match sent {
            Ok(response) => Ok(response.map(BodyStream::new)),
            Err(error) => Err(match error.into().downcast::<ConnectError>() {
                Ok(error) => *error,
                Err(error) => ConnectError::failed(error),
            }),
        })
    }
}

impl<A> fmt::Debug for Sending<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
