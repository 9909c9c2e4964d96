//! HTTP that looks at whatever comes.

use core::error::Error;
use core::time::Duration;
use std::fs;
use std::path::Path;

use http::{HeaderMap, HeaderValue, Method};
use reqwest::{RequestBuilder, Response};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use ssewire::event_source::redacted;

/// A client that follows redirects and decodes nothing.
pub(super) struct Client {
    client: reqwest::Client,
    headers: HeaderMap,
}

impl Client {
    /// Creates a client that sends these headers with each request.
    pub(super) fn new(headers: HeaderMap, cacert: Option<&Path>) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(cacert)?)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("ssewire/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(describe)?;
        Ok(Self { client, headers })
    }

    /// Creates a request for a stream.
    pub(super) fn stream(
        &self,
        url: &str,
        coding: &'static str,
        id: Option<&str>,
    ) -> RequestBuilder {
        let mut headers = self.headers.clone();
        for (name, value) in [
            (http::header::ACCEPT, "text/event-stream"),
            (http::header::CACHE_CONTROL, "no-cache"),
            (http::header::ACCEPT_ENCODING, coding),
        ] {
            let value = HeaderValue::from_static(value);
            headers.entry(name).or_insert(value);
        }
        if let Some(id) = id.and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok()) {
            headers.insert("last-event-id", id);
        }
        self.client.get(url).headers(headers)
    }

    /// Sends another request to the same server.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: String,
    ) -> Result<Response, String> {
        let mut headers = self.headers.clone();
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| "no header can carry the token".to_owned())?;
            value.set_sensitive(true);
            headers.insert(http::header::AUTHORIZATION, value);
        }
        let request = self.client.request(method, url).headers(headers);
        let sent = request.timeout(REQUEST_TIMEOUT).body(body).send().await;
        sent.map_err(describe)
    }
}

/// Returns what went wrong, with its causes, and without the secrets of a URL.
pub(super) fn describe(error: reqwest::Error) -> String {
    let url = error.url().map(|url| redacted(url.as_str()).to_string());
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    match url {
        Some(url) => format!("{url}: {text}"),
        None => text,
    }
}

fn tls(cacert: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match cacert {
        Some(path) => {
            let named = |error: &dyn core::fmt::Display| format!("{}: {error}", path.display());
            let pem = fs::read(path).map_err(|error| named(&error))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|error| named(&error))?;
                roots.add(certificate).map_err(|error| named(&error))?;
            }
            if roots.is_empty() {
                return Err(named(&"there is no certificate in it"));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into());
    let config = config
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
