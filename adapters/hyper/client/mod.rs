//! HTTP for the reconnecting client, through hyper.

mod body;
mod dial;
mod redirect;
mod send;
mod sender;
#[cfg(feature = "tls")]
mod tasks;
#[cfg(feature = "tls")]
mod tls;
mod wakes;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use core::pin::Pin;
use core::time::Duration;

use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Request, Response, Uri};
use bytes::Bytes;

use super::super::event_source::{CONNECT_TIMEOUT, Connect, ConnectError, EventSource};
use super::super::runtime::Timer;
use super::answer::LAST_EVENT_ID;
use crate::client::{self, ClientConfig};

pub use self::body::HttpBody;
pub use self::dial::Dial;
#[cfg(feature = "tls")]
pub use self::tls::Tls;

/// Sends the requests of an [`EventSource`] over HTTP, each on a connection of its own.
///
/// `ssewire::tokio::Http` and `ssewire::async_std::Http` name it with their sockets. What it sends is
/// `Accept: text/event-stream`, `Cache-Control: no-cache` and the last event ID, a `User-Agent` if it
/// is given no other, and what it is told to. It asks for no compression, and uses no proxy and no
/// cookies of its own.
///
/// HTTP/1.1, or HTTP/2 where TLS negotiates it. `https` needs the feature `tls`. A URL that cannot be
/// used closes the event source at the first attempt, with the error as its
/// [`source`](core::error::Error::source).
///
/// Up to 10 redirects are followed, by the method and body rules of browsers. `Authorization`,
/// `Cookie`, `Proxy-Authorization`, a `Host` of the caller's and values marked
/// [sensitive](HeaderValue::is_sensitive) are dropped for good as soon as scheme, host or port
/// change. A redirect that does not say where to is an answer like any other.
///
/// # Examples
///
/// ```no_run
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use ssewire::client::ClientConfig;
/// use ssewire::tokio::{EventSource, Http};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = Http::post("https://llm.example/v1/chat/completions")
///     .header("authorization", "Bearer …")
///     .header("content-type", "application/json")
///     .body(r#"{"stream":true}"#);
/// let mut events = EventSource::new(request, ClientConfig::new())
///     .stop_when(|event| event.data() == "[DONE]");
/// while let Some(event) = events.next().await {
///     println!("{}", event?.data());
/// }
/// # Ok(())
/// # }
/// # }
/// ```
pub struct Http<R> {
    method: Method,
    url: Result<Uri, String>,
    headers: HeaderMap,
    invalid: Option<String>,
    body: Bytes,
    settings: Arc<Settings>,
    before_request: Option<BeforeRequest>,
    runtime: PhantomData<fn() -> R>,
}

/// What does not change from one attempt to the next.
#[derive(Clone, Debug)]
struct Settings {
    connect_timeout: Option<Duration>,
    max_redirects: u32,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

type BeforeRequest = Box<dyn FnMut(Request<Bytes>) -> Rebuilt + Send>;
type Rebuilt = Pin<Box<dyn Future<Output = Result<Request<Bytes>, ConnectError>> + Send>>;

impl<R> Http<R> {
    /// Makes a GET of a URL.
    pub fn get(url: impl AsRef<str>) -> Self {
        Self::new(Method::GET, url)
    }

    /// Makes a POST to a URL.
    pub fn post(url: impl AsRef<str>) -> Self {
        Self::new(Method::POST, url)
    }

    /// Makes a request of any method.
    pub fn new(method: Method, url: impl AsRef<str>) -> Self {
        let url = url.as_ref();
        let invalid =
            |error: ::http::uri::InvalidUri| alloc::format!("the URL {url:?} is invalid: {error}");
        Self {
            method,
            url: url.parse().map_err(invalid),
            headers: HeaderMap::new(),
            invalid: None,
            body: Bytes::new(),
            settings: Arc::new(Settings {
                connect_timeout: Some(CONNECT_TIMEOUT),
                max_redirects: MAX_REDIRECTS,
                #[cfg(feature = "tls")]
                tls: None,
            }),
            before_request: None,
            runtime: PhantomData,
        }
    }

    /// Adds a header. One that cannot be sent closes the event source at the first attempt.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
        V: TryInto<HeaderValue, Error: fmt::Display>,
    {
        match (name.try_into(), value.try_into()) {
            (Ok(name), Ok(value)) => {
                self.headers.append(name, value);
            }
            (Err(error), _) => self.invalid = Some(error.to_string()),
            (Ok(name), Err(error)) => self.invalid = Some(alloc::format!("{name}: {error}")),
        }
        self
    }

    /// Sets the body, which is sent with every attempt.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets how long a connection may take to be made, TLS included and each redirect anew; 10
    /// seconds by default, `None` for as long as the system tries.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        Arc::make_mut(&mut self.settings).connect_timeout = timeout.into();
        self
    }

    /// Sets how many redirects are followed; 10 by default. The answer behind them counts, even if
    /// it is a redirect.
    pub fn max_redirects(mut self, redirects: u32) -> Self {
        Arc::make_mut(&mut self.settings).max_redirects = redirects;
        self
    }

    /// Sets whom to trust.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        Arc::make_mut(&mut self.settings).tls = Some(tls);
        self
    }

    /// Has `hook` rebuild the request before every attempt, for instance with a fresh token. It gets
    /// the request with all headers set.
    ///
    /// Its error [`ConnectError::refused`] closes the event source; others count as an attempt that
    /// failed. The time that it takes counts for the idle timeout.
    pub fn before_request<F, A>(mut self, mut hook: F) -> Self
    where
        F: FnMut(Request<Bytes>) -> A + Send + 'static,
        A: Future<Output = Result<Request<Bytes>, ConnectError>> + Send + 'static,
    {
        self.before_request = Some(Box::new(move |request| Box::pin(hook(request))));
        self
    }

    fn request(&self, attempt: &client::Attempt) -> Result<Request<Bytes>, ConnectError> {
        if let Some(message) = &self.invalid {
            return Err(ConnectError::refused(message.as_str()));
        }
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone().map_err(ConnectError::refused)?;
        let mut headers = self.headers.clone();
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(USER_AGENT));
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("text/event-stream"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.remove(LAST_EVENT_ID);
        if let Some(id) = attempt.last_event_id() {
            let id = HeaderValue::from_bytes(id.as_bytes()).map_err(ConnectError::refused)?;
            headers.insert(LAST_EVENT_ID, id);
        }
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl<R: Dial + Timer + Default + 'static> Connect for Http<R>
where
    R: Send,
    R::Socket: Send,
{
    type Body = HttpBody;
    type Future = Pin<Box<dyn Future<Output = Result<Response<HttpBody>, ConnectError>> + Send>>;

    fn connect(&mut self, attempt: &client::Attempt) -> Self::Future {
        let settings = Arc::clone(&self.settings);
        let request = self.request(attempt);
        let rebuilt = match (&mut self.before_request, request) {
            (Some(hook), Ok(request)) => hook(request),
            (_, request) => Box::pin(core::future::ready(request)),
        };
        Box::pin(async move { send::follow::<R>(settings, rebuilt.await?).await })
    }

    fn method(&self) -> &str {
        self.method.as_str()
    }
}

impl<R: Dial + Timer + Default + Send + 'static> EventSource<Http<R>, R> {
    /// Makes an event source of a GET of a URL, with all defaults.
    pub fn get(url: impl AsRef<str>) -> Self {
        Self::new(Http::get(url), ClientConfig::new())
    }
}

impl<R> fmt::Debug for Http<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

const MAX_REDIRECTS: u32 = 10;
const USER_AGENT: &str = concat!("ssewire/", env!("CARGO_PKG_VERSION"));
