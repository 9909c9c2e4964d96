//! Where the log is, and its limits.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use core::error::Error;
use core::fmt;
use core::net::IpAddr;
use std::io;

use ::hyper_util::rt::TokioIo;
use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use super::driver::Driver;
use super::keys::Keys;
use super::link::Shared;
use super::requests::Limits;
use super::{Dialling, Socket};
use crate::adapters::hub::Hub;
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
    host: String,
    port: u16,
    info: RedisConnectionInfo,
    name: String,
    max_len: usize,
    max_keys: usize,
    topics: TopicsConfig,
    relay: RelayConfig,
}

impl Config {
    /// Takes the URL of a server, `redis://user:password@host:port/database`. All but the host may be
    /// left out.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`] if it is not such a URL.
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidUrl> {
        let parsed = url.as_ref().into_connection_info();
        let info: ConnectionInfo = parsed.map_err(|error| InvalidUrl(error.to_string()))?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err(InvalidUrl(
                "only redis:// with a host is supported".to_string(),
            ));
        };
        Ok(Self {
            host: host.clone(),
            port: *port,
            // The name of a library would need a right of its own.
            info: info.redis_settings().clone().set_skip_set_lib_name(),
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
        let (host, port) = (self.host.clone(), self.port);
        let dial = move || -> Dialling { Box::pin(dial::<R>(host.clone(), port)) };
        let hub = Hub::relayed(self.topics, self.relay);
        let shared = Shared {
            dial: Box::new(dial),
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

async fn dial<R: runtime::Dial>(host: String, port: u16) -> io::Result<Socket> {
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![(address, port).into()],
        Err(_) => R::resolve(host, port).await?,
    };
    let mut last = io::Error::other("the host of the server has no address");
    for address in addresses {
        match R::connect(address).await {
            Ok(socket) => return Ok(Box::pin(TokioIo::new(socket))),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the password.
        f.debug_struct("Config")
            .field("host", &self.host)
            .field("port", &self.port)
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
