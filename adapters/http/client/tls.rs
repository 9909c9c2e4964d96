//! TLS by rustls, on any socket.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use std::io;

use ::hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::roots;
use crate::adapters::event_source::ConnectError;

/// The certificates of TLS connections: those that are trusted, and the one that the client
/// presents.
///
/// Without it, [`Http`](super::Http) trusts the platform's certificates and presents none.
///
/// # Examples
///
/// ```
/// use ssewire::hyper::Tls;
///
/// let error = Tls::with_roots(b"not a certificate").unwrap_err();
/// assert_eq!(error.to_string(), "the PEM text holds no certificate");
/// ```
#[derive(Clone)]
pub struct Tls {
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Creates a `Tls` that trusts the certificates in a PEM text, and no others.
    ///
    /// A server can show a certificate that is trusted here itself, but not if that certificate is
    /// marked as one of an authority, as those of `openssl req -x509` are by default. Such a
    /// certificate can only sign others. Create one for a server with
    /// `-addext basicConstraints=critical,CA:FALSE` and `-addext subjectAltName=DNS:…`, or sign the
    /// server's with it. A certificate of version 1 is refused in any case.
    ///
    /// # Errors
    ///
    /// Returns [`io::ErrorKind::InvalidInput`] if the text holds no certificate, or an invalid one.
    pub fn with_roots(pem: &[u8]) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots
                .add(certificate)
                .map_err(|error| invalid(format!("a root certificate is invalid: {error}")))?;
        }
        Ok(Self::trusting(Arc::new(roots)))
    }

    /// Creates a `Tls` that trusts the certificates of the platform.
    ///
    /// They are read once for the whole process. If some of them cannot be read, those are tried again
    /// after a minute at the earliest.
    ///
    /// # Errors
    ///
    /// Returns an error if the platform has no usable certificate.
    pub fn with_platform_roots() -> io::Result<Self> {
        roots::platform().map_err(io::Error::other)
    }

    /// Sets the certificate to present to servers that ask the client for one.
    ///
    /// The PEM text holds the certificate, then any intermediate certificates, and the private key of
    /// the first.
    ///
    /// # Errors
    ///
    /// Returns [`io::ErrorKind::InvalidInput`] if the text holds no certificate or no private key, or
    /// if either is invalid or the key cannot sign.
    pub fn identity(self, pem: &[u8]) -> io::Result<Self> {
        let chain = certificates(pem)?;
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|error| invalid(format!("the PEM text has no usable private key: {error}")))?;
        let config = Self::builder(&self.roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| invalid(format!("the client certificate is unusable: {error}")))?;
        Ok(Self::with_config(self.roots, config))
    }

    #[cfg(test)]
    pub(super) fn roots(&self) -> &RootCertStore {
        &self.roots
    }

    pub(in crate::adapters) async fn handshake<S>(
        &self,
        host: String,
        socket: S,
    ) -> Result<(TokioIo<TlsStream<TokioIo<S>>>, bool), ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let name = ServerName::try_from(host.clone()).map_err(|_| {
            let message = format!("the host {host:?} is no name that a certificate can have");
            ConnectError::refused(message)
        })?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(name, TokioIo::new(socket)).await;
        let stream = stream.map_err(|error| explained(&host, &error))?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((TokioIo::new(stream), is_http2))
    }

    pub(super) fn trusting(roots: Arc<RootCertStore>) -> Self {
        let config = Self::builder(&roots).with_no_client_auth();
        Self::with_config(roots, config)
    }

    fn builder(roots: &Arc<RootCertStore>) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(Arc::clone(roots))
    }

    fn with_config(roots: Arc<RootCertStore>, mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![Vec::from(*b"h2"), Vec::from(*b"http/1.1")];
        Self {
            roots,
            config: Arc::new(config),
        }
    }
}

/// Returns the certificates in a PEM text, of which there is at least one.
fn certificates(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(format!("the PEM text is invalid: {error}")))?;
    if certificates.is_empty() {
        return Err(invalid("the PEM text holds no certificate".into()));
    }
    Ok(certificates)
}

/// Says with whom a handshake has failed, and what to do if it is known.
fn explained(host: &str, error: &io::Error) -> io::Error {
    let problem = error
        .get_ref()
        .and_then(|error| error.downcast_ref::<rustls::Error>());
    // What of it is in rustls's types differs between its versions, the name does not.
    let debug = problem.map(|problem| format!("{problem:?}"));
    let is = |name: &str| debug.as_ref().is_some_and(|debug| debug.contains(name));
    let remedy = if is("CaUsedAsEndEntity") {
        ". The server shows the certificate of an authority as its own, see Tls::with_roots"
    } else if is("UnsupportedCertVersion") {
        ". The certificate is not of version 3, see Tls::with_roots"
    } else if is("UnknownIssuer") {
        ". If the server is to be trusted, pass its root to Tls::with_roots"
    } else {
        ""
    };
    let message = format!("the TLS handshake with {host} failed: {error}{remedy}");
    io::Error::new(error.kind(), message)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
