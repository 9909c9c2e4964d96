//! HTTP for the reconnecting client, through hyper.

mod body;
mod budget;
mod dial;
#[cfg(any(feature = "async-std", feature = "tokio"))]
mod lookups;
mod peer;
#[cfg(feature = "proxy")]
mod proxy;
mod race;
mod redirect;
mod request;
#[cfg(feature = "tls")]
mod roots;
mod security;
mod send;
mod sender;
#[cfg(feature = "tls")]
mod tasks;
#[cfg(feature = "tls")]
mod tls;
mod url;
mod wakes;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use core::pin::Pin;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::sync::OnceLock;

use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Request, Response, Uri};
use bytes::Bytes;

use self::redirect::Allowed;
use self::request::Hook;
use self::send::Sending;
use crate::adapters::event_source::{
    CONNECT_TIMEOUT, Connect, ConnectError, EventSource, redacted,
};
use crate::adapters::http::head::LAST_EVENT_ID;
use crate::adapters::runtime::Dial;
use crate::client::{self, ClientConfig};

pub use self::body::HttpBody;
pub use self::request::Unauthorized;
#[cfg(feature = "tls")]
pub use self::tls::Tls;

#[cfg(feature = "redis")]
pub(in crate::adapters) use self::dial::open;
#[cfg(any(feature = "async-std", feature = "tokio"))]
pub(in crate::adapters) use self::lookups::look_up;

/// The HTTP requests of an [`EventSource`], each on a connection of its own.
///
/// `ssewire::tokio::Http` and `ssewire::async_std::Http` name this type with their sockets. Each
/// request carries the last event ID, the caller's headers and, unless the caller sets them,
/// `Accept: text/event-stream`, `Accept-Encoding: identity`, `Cache-Control: no-cache` and a
/// `User-Agent`. A `Last-Event-ID` of the caller's is the one that the first request carries, unless
/// [`ClientConfig::last_event_id`] sets another. There is no cookie store.
/// With the feature `proxy` the proxies that the environment names are used.
///
/// A URL may contain any characters. Those that a URL must not have are percent-encoded, an
/// international host is encoded by IDNA, and an IPv6 address may have a zone, as in
/// `http://[fe80::1%25eth0]/`. `https` needs the feature `tls`. An invalid URL closes the event source
/// at the first attempt.
///
/// The addresses of a host are tried as RFC 8305 ("Happy Eyeballs") says, so that one that does not
/// respond costs 250 ms. The protocol is HTTP/1.1, or HTTP/2 where TLS negotiates it. The head of a
/// response may have 128 KiB and 512 headers, and its lines may be folded. The first
/// GET whose response has more than 100 headers is sent a second time, with room for them.
///
/// Up to 10 redirects are followed, with the method and body that browsers would send. As soon as
/// scheme, host or port change, only `Accept`, `Accept-Encoding`, `Accept-Language`, `Cache-Control`,
/// `User-Agent` and `Last-Event-ID` go along, and not if they are marked
/// [sensitive](HeaderValue::is_sensitive). A redirect closes the event source if it takes a body to
/// another origin or leaves https for http. [`redirect_header`](Self::redirect_header),
/// [`redirect_body`](Self::redirect_body) and [`redirect_to_http`](Self::redirect_to_http) allow more.
/// A redirect without a usable `Location` is a response like any other.
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
    /// The URL, or why no request can be sent.
    url: Result<Uri, String>,
    headers: HeaderMap,
    body: Bytes,
    settings: Arc<Settings>,
    /// Whether a response had more headers than is usual.
    has_large_heads: Arc<AtomicBool>,
    before_request: Option<Hook>,
    runtime: PhantomData<fn() -> R>,
}

/// The settings that all attempts share.
#[derive(Clone, Debug)]
struct Settings {
    connect_timeout: Option<Duration>,
    response_timeout: Option<Duration>,
    max_redirects: u32,
    redirects: Allowed,
    retry_unauthorized: bool,
    #[cfg(feature = "proxy")]
    proxies: proxy::Proxies,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Settings {
    /// Returns the settings of everybody who has changed none, so that each stream need not have its
    /// own.
    fn defaults() -> Arc<Self> {
        static DEFAULTS: OnceLock<Arc<Settings>> = OnceLock::new();
        let defaults = DEFAULTS.get_or_init(|| {
            Arc::new(Self {
                connect_timeout: Some(CONNECT_TIMEOUT),
                response_timeout: None,
                max_redirects: MAX_REDIRECTS,
                redirects: Allowed::default(),
                retry_unauthorized: false,
                #[cfg(feature = "proxy")]
                proxies: proxy::Proxies::default(),
                #[cfg(feature = "tls")]
                tls: None,
            })
        });
        Arc::clone(defaults)
    }
}

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
        Self {
            method,
            url: url::parse(url.as_ref()),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            settings: Settings::defaults(),
            has_large_heads: Arc::default(),
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
            (Err(error), _) => self.url = Err(format!("a header cannot be sent: {error}")),
            (Ok(name), Err(error)) => {
                self.url = Err(format!("the header {name} cannot be sent: {error}"));
            }
        }
        self
    }

    /// Adds `Authorization: Bearer` with a token. An invalid one closes the event source at the first
    /// attempt, without the token in the error.
    pub fn bearer(mut self, token: impl AsRef<str>) -> Self {
        match HeaderValue::try_from(format!("Bearer {}", token.as_ref())) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.headers.insert(header::AUTHORIZATION, value);
            }
            Err(error) => self.url = Err(format!("the bearer token cannot be sent: {error}")),
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
            Err(error) => self.url = Err(format!("the body cannot be written as JSON: {error}")),
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

    /// Sets how long it may take to connect, including the look-up, all addresses and TLS. Each
    /// redirect has this time again. The default is 10 seconds; `None` and zero leave the limit to the
    /// system.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings_mut().connect_timeout = nonzero(timeout.into());
        self
    }

    /// Sets how long the head of the response may take after the request is sent. Each redirect has
    /// this time again. `None`, the default, and zero leave the limit to the idle timeout of
    /// [`ClientConfig`], which limits the whole attempt in any case.
    pub fn response_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings_mut().response_timeout = nonzero(timeout.into());
        self
    }

    /// Sets how many redirects are followed. The default is 10. The response after the last of them
    /// counts, even if it is another redirect.
    pub fn max_redirects(mut self, redirects: u32) -> Self {
        self.settings_mut().max_redirects = redirects;
        self
    }

    /// Lets a header go along when a redirect leads to another origin, even if it is a secret.
    ///
    /// An invalid name closes the event source at the first attempt.
    pub fn redirect_header<N>(mut self, name: N) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
    {
        match name.try_into() {
            Ok(name) => self.settings_mut().redirects.headers.push(name),
            Err(error) => self.url = Err(format!("a header of redirects is invalid: {error}")),
        }
        self
    }

    /// Sets whether the body goes along when a redirect leads to another origin. By default it does
    /// not, and such a redirect closes the event source.
    pub fn redirect_body(mut self, allowed: bool) -> Self {
        self.settings_mut().redirects.body = allowed;
        self
    }

    /// Sets whether a redirect may lead from https to http, where anybody can read and change what is
    /// sent. By default it may not, and such a redirect closes the event source.
    pub fn redirect_to_http(mut self, allowed: bool) -> Self {
        self.settings_mut().redirects.http = allowed;
        self
    }

    /// Sends all requests through a proxy, whatever the environment says.
    ///
    /// The URL may contain a user name and a password. Its scheme is `http`, `socks5h` or, for a proxy
    /// that is told addresses instead of names, `socks5`; other proxies are refused. A request for
    /// `https` goes through an HTTP proxy by CONNECT, and one for `http` is sent to the proxy as it is.
    ///
    /// Unless this or [`no_proxy`](Self::no_proxy) is called, the variables `HTTP_PROXY`,
    /// `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` decide before every attempt, as they do for curl. They
    /// may be in lower case, and are ignored where `REQUEST_METHOD` is set, as it is in CGI scripts.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # {
    /// use ssewire::tokio::Http;
    ///
    /// let request = Http::get("https://api.example/events").proxy("http://proxy.example:3128");
    /// # }
    /// ```
    #[cfg(feature = "proxy")]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.settings_mut().proxies = proxy::Proxies::One(url.into());
        self
    }

    /// Sends all requests without a proxy, whatever the environment says.
    #[cfg(feature = "proxy")]
    pub fn no_proxy(mut self) -> Self {
        self.settings_mut().proxies = proxy::Proxies::None;
        self
    }

    /// Sets which certificates are trusted, and which one the client presents.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.settings_mut().tls = Some(tls);
        self
    }

    /// Calls `hook` before every attempt to rebuild the request, for instance with a fresh token. The
    /// request that it receives has all its headers.
    ///
    /// If the hook fails with [`ConnectError::refused`], the event source closes; any other error
    /// counts as a failed attempt. The time that the hook takes counts towards the idle timeout.
    pub fn before_request<F, A>(mut self, hook: F) -> Self
    where
        F: FnMut(Request<Bytes>) -> A + Send + 'static,
        A: Future<Output = Result<Request<Bytes>, ConnectError>> + Send + 'static,
    {
        self.before_request = Some(Hook::new(hook));
        self
    }

    /// Sets whether an attempt that is refused with status 401 calls the hook of
    /// [`before_request`](Self::before_request) again, and sends its request, once. By default it does
    /// not.
    ///
    /// The request that the hook then receives has [`Unauthorized`] among its
    /// [extensions](Request::extensions), which tells it that a token that it has kept is no longer
    /// valid.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # {
    /// use ssewire::hyper::Unauthorized;
    /// use ssewire::tokio::Http;
    ///
    /// # async fn fresh_token() -> http::HeaderValue { unimplemented!() }
    /// # fn kept_token() -> http::HeaderValue { unimplemented!() }
    /// let request = Http::get("https://api.example/events")
    ///     .before_request(async |mut request| {
    ///         let token = match request.extensions().get::<Unauthorized>() {
    ///             Some(_) => fresh_token().await,
    ///             None => kept_token(),
    ///         };
    ///         request.headers_mut().insert("authorization", token);
    ///         Ok(request)
    ///     })
    ///     .retry_unauthorized(true);
    /// # }
    /// ```
    pub fn retry_unauthorized(mut self, retry: bool) -> Self {
        self.settings_mut().retry_unauthorized = retry;
        self
    }

    fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}

impl<R: Dial> Connect for Http<R> {
    type Body = HttpBody;
    type Future = Pin<Box<dyn Future<Output = Result<Response<HttpBody>, ConnectError>> + Send>>;

    fn connect(&mut self, attempt: &client::Attempt) -> Self::Future {
        let settings = Arc::clone(&self.settings);
        let request = self.request(attempt);
        let (hook, has_large_heads) = (self.before_request.clone(), self.has_large_heads.clone());
        Box::pin(async move {
            let sending = Sending {
                settings: &settings,
                has_large_heads: &has_large_heads,
            };
            request::send::<R>(sending, request?, hook.as_ref()).await
        })
    }

    fn method(&self) -> Option<&str> {
        Some(self.method.as_str())
    }

    fn url(&self) -> Option<String> {
        let url = self.url.as_ref().ok()?;
        Some(redacted(&url.to_string()))
    }

    fn last_event_id(&self) -> Option<&str> {
        let value = self.headers.get_all(LAST_EVENT_ID).iter().next_back()?;
        core::str::from_utf8(value.as_bytes()).ok()
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
            .field(
                "url",
                &self.url.as_ref().map(|url| redacted(&url.to_string())),
            )
            .finish_non_exhaustive()
    }
}

const MAX_REDIRECTS: u32 = 10;

/// Zero means no limit, as `None` does.
fn nonzero(timeout: Option<Duration>) -> Option<Duration> {
    timeout.filter(|timeout| !timeout.is_zero())
}
