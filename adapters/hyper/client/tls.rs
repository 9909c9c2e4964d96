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
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::super::event_source::ConnectError;

/// Says whom to trust, and how to speak TLS.
///
/// [`Http`](super::Http) uses the platform's roots if it is given none of these.
///
/// # Examples
///
/// ```
/// use ssewire::hyper::Tls;
///
/// let error = Tls::with_roots(b"not a certificate").unwrap_err();
/// assert_eq!(error.to_string(), "there is no certificate in the PEM text");
/// ```
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts the certificates in a PEM text, and no others.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if there is none in it, or one that is broken.
    pub fn with_roots(pem: &[u8]) -> io::Result<Self> {
        let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| invalid(alloc::format!("{error}")))?;
            roots
                .add(certificate)
                .map_err(|error| invalid(alloc::format!("{error}")))?;
        }
        if roots.is_empty() {
            return Err(invalid("there is no certificate in the PEM text".into()));
        }
        Ok(Self::trusting(roots))
    }

    /// Trusts the platform's certificates. They are read once, when first needed.
    pub(super) fn platform() -> Result<Self, ConnectError> {
        static PLATFORM: OnceLock<Result<Tls, String>> = OnceLock::new();
        let loaded = PLATFORM.get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            match (added, found.errors.first()) {
                (0, Some(error)) => Err(alloc::format!("no platform certificates: {error}")),
                (0, None) => Err("there are no platform certificates".into()),
                _ => Ok(Self::trusting(roots)),
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
        let connector = TlsConnector::from(Arc::clone(&self.0));
        let stream = connector.connect(name, TokioIo::new(socket)).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((TokioIo::new(stream), is_http2))
    }

    fn trusting(roots: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for TLS 1.2 and 1.3");
        Self::from(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

/// Takes rustls as it was configured: for client certificates, or a verifier of one's own. Without
/// ALPN protocols it offers HTTP/2 and HTTP/1.1.
impl From<ClientConfig> for Tls {
    fn from(mut config: ClientConfig) -> Self {
        if config.alpn_protocols.is_empty() {
            config.alpn_protocols = vec![Vec::from(*b"h2"), Vec::from(*b"http/1.1")];
        }
        Self(Arc::new(config))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
