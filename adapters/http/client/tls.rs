//! TLS by rustls, on any socket.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use std::io;
use std::sync::OnceLock;

use ::hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

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
    /// # Errors
    ///
    /// Returns [`io::ErrorKind::InvalidInput`] if the text holds no certificate, or an invalid one.
    pub fn with_roots(pem: &[u8]) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|error| {
                invalid(alloc::format!("a root certificate is invalid: {error}"))
            })?;
        }
        Ok(Self::trusting(Arc::new(roots)))
    }

    /// Creates a `Tls` that trusts the certificates of the platform.
    ///
    /// They are read once for the whole process.
    ///
    /// # Errors
    ///
    /// Returns an error if the platform has no usable certificate.
    pub fn with_platform_roots() -> io::Result<Self> {
        Self::platform().map_err(io::Error::other)
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
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
            invalid(alloc::format!(
                "the PEM text has no usable private key: {error}"
            ))
        })?;
        let config = Self::builder(&self.roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| {
                invalid(alloc::format!(
                    "the client certificate is unusable: {error}"
                ))
            })?;
        Ok(Self::with_config(self.roots, config))
    }

    /// As [`with_platform_roots`](Self::with_platform_roots), with the error of a connection.
    pub(super) fn platform() -> Result<Self, ConnectError> {
        static PLATFORM: OnceLock<Result<Tls, String>> = OnceLock::new();
        let loaded = PLATFORM.get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            match (added, found.errors.first()) {
                (0, Some(error)) => Err(alloc::format!(
                    "the platform has no usable certificates: {error}"
                )),
                (0, None) => Err("the platform has no certificates".into()),
                _ => Ok(Self::trusting(Arc::new(roots))),
            }
        });
        loaded.clone().map_err(ConnectError::failed)
    }

    pub(super) async fn handshake<S>(
        &self,
        host: String,
        socket: S,
    ) -> Result<(TokioIo<TlsStream<TokioIo<S>>>, bool), ConnectError>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let name = ServerName::try_from(host).map_err(ConnectError::refused)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(name, TokioIo::new(socket)).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((TokioIo::new(stream), is_http2))
    }

    fn trusting(roots: Arc<RootCertStore>) -> Self {
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
        .map_err(|error| invalid(alloc::format!("the PEM text is invalid: {error}")))?;
    if certificates.is_empty() {
        return Err(invalid("the PEM text holds no certificate".into()));
    }
    Ok(certificates)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
