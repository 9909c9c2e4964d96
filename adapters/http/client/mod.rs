//! HTTP for the reconnecting client, through hyper.

mod body;
mod peer;
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

use crate::adapters::event_source::{
    CONNECT_TIMEOUT, Connect, ConnectError, EventSource, redacted,
};
use crate::adapters::http::head::LAST_EVENT_ID;
use crate::adapters::runtime::Dial;
use crate::client::{self, ClientConfig};

pub use self::body::HttpBody;
#[cfg(feature = "tls")]
pub use self::tls::Tls;

/// The HTTP requests of an [`EventSource`], each on a connection of its own.
///
/// `ssewire::tokio::Http` and `ssewire::async_std::Http` name this type with their sockets. Each
/// request carries `Accept: text/event-stream`, `Cache-Control: no-cache`, the last event ID, a
/// `User-Agent` unless the caller sets one, and the caller's headers. No compression is asked for, and
/// neither a proxy nor a cookie store is used.
///
/// The protocol is HTTP/1.1, or HTTP/2 where TLS negotiates it. `https` needs the feature `tls`. An
/// invalid URL closes the event source at the first attempt.
///
/// Up to 10 redirects are followed, with the method and body that browsers would send.
/// `Authorization`, `Cookie`, `Proxy-Authorization`, a `Host` of the caller's and values marked
/// [sensitive](HeaderValue::is_sensitive) are dropped as soon as scheme, host or port change. A
/// redirect without a usable `Location` is a response like any other.
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

/// The settings that all attempts share.
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
    /// Creates a GET request.
    pub fn get(url: impl AsRef<str>) -> Self {
        Self::new(Method::GET, url)
    }

    /// Creates a POST request.
    pub fn post(url: impl AsRef<str>) -> Self {
        Self::new(Method::POST, url)
    }

    /// Creates a request with any method.
    pub fn new(method: Method, url: impl AsRef<str>) -> Self {
        let url = url.as_ref();
        let invalid = |error: ::http::uri::InvalidUri| {
            alloc::format!("the URL {:?} is invalid: {error}", redacted(url))
        };
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

    /// Adds a header. An invalid one closes the event source at the first attempt.
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

    /// Adds `Authorization: Bearer` with a token. An invalid one closes the event source at the first
    /// attempt, without the token in the error.
    pub fn bearer(mut self, token: impl AsRef<str>) -> Self {
        match HeaderValue::try_from(alloc::format!("Bearer {}", token.as_ref())) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.headers.insert(header::AUTHORIZATION, value);
            }
            Err(error) => self.invalid = Some(alloc::format!("the bearer token: {error}")),
        }
        self
    }

    /// Sets the body to a value as JSON, and `Content-Type: application/json` unless the caller has set
    /// another. A value that cannot be written as JSON closes the event source at the first attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # {
    /// use ssewire::tokio::Http;
    ///
    /// let body = serde_json::json!({ "model": "small", "stream": true });
    /// let request = Http::post("https://llm.example/v1/chat/completions")
    ///     .bearer("…")
    ///     .json(&body);
    /// # }
    /// ```
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body = body.into(),
            Err(error) => self.invalid = Some(alloc::format!("the body as JSON: {error}")),
        }
        self.headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/json"));
        self
    }

    /// Sets the body, which every attempt sends.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets how long it may take to connect, including TLS. Each redirect has this time again. The
    /// default is 10 seconds; `None` leaves the limit to the system.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        Arc::make_mut(&mut self.settings).connect_timeout = timeout.into();
        self
    }

    /// Sets how many redirects are followed. The default is 10. The response after the last of them
    /// counts, even if it is another redirect.
    pub fn max_redirects(mut self, redirects: u32) -> Self {
        Arc::make_mut(&mut self.settings).max_redirects = redirects;
        self
    }

    /// Sets which certificates are trusted, and which one the client shows.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        Arc::make_mut(&mut self.settings).tls = Some(tls);
        self
    }

    /// Calls `hook` before every attempt to rebuild the request, for instance with a fresh token. The
    /// request that it receives has all its headers.
    ///
    /// If the hook fails with [`ConnectError::refused`], the event source closes; any other error
    /// counts as a failed attempt. The time that the hook takes counts towards the idle timeout.
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

impl<R: Dial> Connect for Http<R> {
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

    fn method(&self) -> Option<&str> {
        Some(self.method.as_str())
    }

    fn url(&self) -> Option<String> {
        let url = self.url.as_ref().ok()?;
        Some(redacted(&url.to_string()))
    }
}

impl<R: Dial> EventSource<Http<R>, R> {
    /// Creates an event source that sends a GET request for a URL, with all defaults.
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
