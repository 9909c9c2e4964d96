//! A hyper server behind TLS, with a root certificate of its own.

use core::convert::Infallible;
use core::net::Ipv4Addr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::common::server::PATIENCE;

pub(crate) type Body = UnsyncBoxBody<Bytes, &'static str>;
type Service = dyn Fn(&Parts, Bytes) -> Response<Body> + Send + Sync;

/// Answers on a port of its own, until it is dropped.
pub(crate) struct TlsServer {
    port: u16,
    /// The root certificate, as PEM.
    pub(crate) root: String,
    requests: Arc<Mutex<Vec<Parts>>>,
    closed: mpsc::Receiver<()>,
    _runs: oneshot::Sender<Infallible>,
}

impl TlsServer {
    /// Starts a server that speaks the ALPN protocols `speaks` and has a certificate for `names`.
    pub(crate) fn start(
        speaks: &[&str],
        names: &[&str],
        service: impl Fn(&Parts, Bytes) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        Self::with_config(certified(speaks, names), service)
    }

    /// Starts a server with a configuration, and the root certificate of those who trust it.
    pub(crate) fn with_config(
        (root, config): (String, ServerConfig),
        service: impl Fn(&Parts, Bytes) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let service: Arc<Service> = Arc::new(service);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<Parts>>>::default();
        let recorded = Arc::clone(&requests);
        let (tell, closed) = mpsc::channel();
        let (runs, ended) = oneshot::channel::<Infallible>();
        // Before a test takes all files that there are.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener).unwrap()
        };
        thread::spawn(move || {
            runtime.block_on(async {
                let accepting = async {
                    loop {
                        let (socket, _) = listener.accept().await.unwrap();
                        let (acceptor, tell) = (acceptor.clone(), tell.clone());
                        let (recorded, service) = (Arc::clone(&recorded), Arc::clone(&service));
                        tokio::spawn(async move {
                            serve(acceptor, socket, recorded, service).await;
                            // Nobody may be left to hear it.
                            let _ = tell.send(());
                        });
                    }
                };
                tokio::select! {
                    () = accepting => {}
                    _ = ended => {}
                }
            });
        });
        Self {
            port,
            root,
            requests,
            closed,
            _runs: runs,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Parts> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until one more connection is over.
    pub(crate) fn wait_for_closed(&self) {
        let closed = self.closed.recv_timeout(PATIENCE);
        closed.expect("the server waited for a closed socket in vain");
    }
}

async fn serve(
    acceptor: TlsAcceptor,
    socket: TcpStream,
    recorded: Arc<Mutex<Vec<Parts>>>,
    service: Arc<Service>,
) {
    let Ok(stream) = acceptor.accept(socket).await else {
        return;
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request: Request<Incoming>| {
        let (parts, body) = request.into_parts();
        let (recorded, service) = (Arc::clone(&recorded), Arc::clone(&service));
        async move {
            let body = body
                .collect()
                .await
                .expect("the client sends it")
                .to_bytes();
            recorded.lock().unwrap().push(parts.clone());
            Ok::<_, Infallible>(service(&parts, body))
        }
    });
    let stream = TokioIo::new(stream);
    // How it ends is the client's business.
    if is_http2 {
        let server = http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(stream, service).await;
    } else {
        let _ = http1::Builder::new()
            .serve_connection(stream, service)
            .await;
    }
}

/// Makes a root certificate and a server that it vouches for.
pub(crate) fn certified(speaks: &[&str], names: &[&str]) -> (String, ServerConfig) {
    let root = Root::new();
    let (chain, key) = root.vouch_for(names);
    let config = builder().with_no_client_auth();
    let mut config = config.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = speaks.iter().map(|name| name.as_bytes().to_vec()).collect();
    (root.pem(), config)
}

/// Makes a server that asks its clients for a certificate, which `clients` must vouch for.
pub(crate) fn demanding(speaks: &[&str], clients: &Root) -> (String, ServerConfig) {
    let mut roots = RootCertStore::empty();
    roots.add(clients.certificate.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let root = Root::new();
    let (chain, key) = root.vouch_for(&["127.0.0.1"]);
    let config = builder().with_client_cert_verifier(verifier.build().unwrap());
    let mut config = config.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = speaks.iter().map(|name| name.as_bytes().to_vec()).collect();
    (root.pem(), config)
}

/// Makes a server that vouches for itself, as one with a certificate of `openssl req -x509` does.
pub(crate) fn self_signed(is_authority: bool) -> (String, ServerConfig) {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = match is_authority {
        true => IsCa::Ca(BasicConstraints::Unconstrained),
        false => IsCa::ExplicitNoCa,
    };
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key);
    (certificate.pem(), config.unwrap())
}

/// A root certificate and its key.
pub(crate) struct Root {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Root {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        Self {
            certificate,
            issuer,
        }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Makes a certificate for these names, and its key, as PEM.
    pub(crate) fn identity(&self, names: &[&str]) -> String {
        let (certificate, key) = self.sign(names);
        certificate.pem() + &key.serialize_pem()
    }

    fn vouch_for(&self, names: &[&str]) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let (certificate, key) = self.sign(names);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        (vec![certificate.der().clone()], key)
    }

    fn sign(&self, names: &[&str]) -> (Certificate, KeyPair) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(names).unwrap();
        (leaf.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

fn builder() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    config.with_safe_default_protocol_versions().unwrap()
}
