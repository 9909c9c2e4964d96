//! Where the log is, and its limits.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::io;
use std::path::PathBuf;

use ::hyper_util::rt::TokioIo;
use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use super::driver::Driver;
use super::keys::Keys;
use super::link::Shared;
use super::requests::Limits;
use super::socket::{Adapted, Socket};
use super::{Dial, Dialling};
use crate::adapters::http::open;
use crate::adapters::hub::Hub;
#[cfg(feature = "tls")]
use crate::adapters::hyper::Tls;
use crate::adapters::runtime;
use crate::server::{RelayConfig, TopicsConfig};

/// Where the log of a hub is, and its limits.
///
/// All machines that share a log should have the same `max_len` and `max_keys`.
///
/// # Examples
///
/// ```
/// use ssewire::redis::Config;
///
/// let config = Config::new("redis://user:secret@127.0.0.1:6379/2")?.name("chat");
/// let error = Config::new("http://127.0.0.1/").unwrap_err();
/// assert!(error.to_string().starts_with("not the URL of a Redis server"));
/// # Ok::<(), ssewire::redis::InvalidUrl>(())
/// ```
#[derive(Clone)]
pub struct Config {
    address: Address,
    info: RedisConnectionInfo,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    name: String,
    max_len: usize,
    max_keys: usize,
    topics: TopicsConfig,
    relay: RelayConfig,
}

/// Where the server is.
#[derive(Clone, Debug)]
enum Address {
    Tcp {
        host: String,
        port: u16,
        is_tls: bool,
    },
    Unix(PathBuf),
}

impl Config {
    /// Takes the URL of a server: `redis://user:password@host:port/database`, where all but the host may
    /// be left out, or `unix:///path?user=…&pass=…&db=…`. With the feature `tls`, `rediss://` is a
    /// connection over TLS.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if it is not such a URL.
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        // The client would need a TLS of its own, and refuses such a URL without it.
        let url = url.as_ref();
        let secure = url
            .strip_prefix("rediss://")
            .or_else(|| url.strip_prefix("valkeys://"));
        let is_tls = secure.is_some();
        if is_tls && !cfg!(feature = "tls") {
            return Err(InvalidUrl("rediss:// needs the feature tls".to_string()));
        }
        let url = secure.map_or_else(|| url.into(), |rest| format!("redis://{rest}"));
        let parsed = url.into_connection_info();
        let info: ConnectionInfo = parsed.map_err(|error| InvalidUrl(error.to_string()))?;
        let address = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Address::Tcp {
                host: host.clone(),
                port: *port,
                is_tls,
            },
            ConnectionAddr::Unix(path) if !is_tls => Address::Unix(path.clone()),
            _ => return Err(InvalidUrl("it has no host and no path".to_string())),
        };
        Ok(Self {
            address,
            // The name of a library would need a right of its own.
            info: info.redis_settings().clone().set_skip_set_lib_name(),
            #[cfg(feature = "tls")]
            tls: None,
            name: "hub".to_string(),
            max_len: 100_000,
            max_keys: 100_000,
            topics: TopicsConfig::new(),
            relay: RelayConfig::new(),
        })
    }

    /// Sets the name of the log, which is a part of its keys: `{ssewire:NAME}:run` and so on. The
    /// default is `hub`.
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        self.name = name.as_ref().into();
        self
    }

    /// Sets the certificates that are trusted. The default is those of the platform.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets how many entries the log keeps, roughly. The default is 100,000.
    pub const fn max_len(mut self, entries: usize) -> Self {
        self.max_len = if entries == 0 { 1 } else { entries };
        self
    }

    /// Sets how many keys all topics may have together. The default is 100,000.
    pub const fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Sets the limits of what this machine has in memory.
    pub fn topics(mut self, topics: TopicsConfig) -> Self {
        self.topics = topics;
        self
    }

    /// Sets the limits of what this machine publishes.
    pub fn relay(mut self, relay: RelayConfig) -> Self {
        self.relay = relay;
        self
    }

    /// Returns a hub over the log, and the future that carries its events, on the runtime `R`.
    ///
    /// No connection is open yet. Until one is, and the newest events are loaded, subscriptions wait.
    pub fn open<R>(self) -> (Hub, Driver<R>)
    where
        R: runtime::Dial,
    {
        let config = self.clone();
        let dial = move || -> Dialling {
            let config = config.clone();
            Box::pin(async move { config.connect::<R>().await })
        };
        self.driven(Box::new(dial))
    }

    /// Does as [`open`](Self::open) does, over connections that `dial` opens, as often as one is
    /// needed: to the master that a Sentinel names, to a node of a cluster, through a tunnel.
    ///
    /// The streams are those of the runtime `R`. The host and the port of the URL are not used, but
    /// its user, its password and its database are.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[cfg(feature = "tokio")]
    /// # mod run {
    /// use ssewire::redis::Config;
    /// use ssewire::tokio::Runtime;
    /// use tokio::net::TcpStream;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::new("redis://localhost/")?;
    /// let dial = || async {
    ///     let master = "127.0.0.1:6379"; // as the Sentinels say
    ///     TcpStream::connect(master).await
    /// };
    /// let (hub, driver) = config.open_over::<Runtime, _, _>(dial);
    /// tokio::spawn(driver);
    /// # Ok(())
    /// # }
    /// # }
    /// # #[cfg(feature = "tokio")]
    /// # run::main().unwrap();
    /// ```
    pub fn open_over<R, F, S>(
        self,
        dial: impl Fn() -> F + Send + Sync + 'static,
    ) -> (Hub, Driver<R>)
    where
        R: runtime::Timer + Default + runtime::ReadFrom<S> + runtime::WriteTo<S> + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: Send + Unpin + 'static,
    {
        let dial = move || -> Dialling {
            let stream = dial();
            Box::pin(async move {
                let socket: Socket = Box::pin(Adapted::<R, S>::new(stream.await?));
                Ok(socket)
            })
        };
        self.driven(Box::new(dial))
    }

    /// Opens a connection.
    async fn connect<R: runtime::Dial>(&self) -> io::Result<Socket> {
        let (host, port, is_tls) = match &self.address {
            Address::Tcp { host, port, is_tls } => (host, *port, *is_tls),
            Address::Unix(path) => {
                let socket = R::connect_unix(path.clone()).await?;
                return Ok(Box::pin(TokioIo::new(socket)));
            }
        };
        let socket = open::<R>(host, port, Some(CONNECT_TIMEOUT)).await?;
        #[cfg(feature = "tls")]
        if is_tls {
            let tls = match &self.tls {
                Some(tls) => tls.clone(),
                None => Tls::with_platform_roots()?,
            };
            let secured = tls.handshake(host.clone(), socket).await;
            let (socket, _) = secured.map_err(io::Error::other)?;
            return Ok(Box::pin(TokioIo::new(socket)));
        }
        debug_assert!(!is_tls, "such a URL is refused");
        Ok(Box::pin(TokioIo::new(socket)))
    }

    fn driven<R: runtime::Timer + Default>(self, dial: Box<Dial>) -> (Hub, Driver<R>) {
        let hub = Hub::relayed(self.topics, self.relay);
        let shared = Shared {
            dial,
            info: self.info,
            keys: Keys::new(&self.name),
            limits: Limits {
                max_len: self.max_len,
                max_keys: self.max_keys,
            },
        };
        let driver = Driver::new(Arc::downgrade(hub.shared()), shared);
        (hub, driver)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the password.
        f.debug_struct("Config")
            .field("address", &self.address)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The error of a text that is not the URL of a Redis server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUrl(String);

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not the URL of a Redis server, like redis://127.0.0.1:6379/0: {}",
            self.0
        )
    }
}

impl Error for InvalidUrl {}

/// How long the relay gives a connection to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
