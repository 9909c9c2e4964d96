//! What a lane is set to.

use core::time::Duration;

/// The configuration of a [`Lane`](super::Lane).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::lane::LaneConfig;
///
/// let config = LaneConfig::new()
///     .tasks(2)
///     .head_timeout(Duration::from_secs(5))
///     .max_connections_per_address(64);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneConfig {
    pub(super) tasks: usize,
    pub(super) max_head_bytes: usize,
    pub(super) head_timeout: Option<Duration>,
    pub(super) max_connections_per_address: Option<usize>,
    pub(super) nodelay: bool,
}

impl LaneConfig {
    /// Creates the default configuration.
    pub const fn new() -> Self {
        Self {
            tasks: 1,
            max_head_bytes: 16 << 10,
            head_timeout: Some(Duration::from_secs(10)),
            max_connections_per_address: None,
            nodelay: true,
        }
    }

    /// Sets how many tasks share the streams, which is the number of drivers that
    /// [`Lane::new`](super::Lane::new) returns. The default and the minimum are 1. A good choice is
    /// the number of threads of the runtime.
    pub const fn tasks(mut self, tasks: usize) -> Self {
        self.tasks = if tasks == 0 { 1 } else { tasks };
        self
    }

    /// Sets how long the head of a request may be, in bytes. The default is 16 KiB. A connection
    /// with a longer one is passed on.
    pub const fn max_head_bytes(mut self, bytes: usize) -> Self {
        self.max_head_bytes = bytes;
        self
    }

    /// Sets how long the head of a request may take to arrive, from the call of
    /// [`offer`](super::Lane::offer) on. The default is 10 seconds. `None` and zero mean that there
    /// is no limit.
    pub fn head_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.head_timeout = time.into().filter(|time| !time.is_zero());
        self
    }

    /// Sets how many connections one address may have, streams and connections that were passed on
    /// together. By default there is no limit.
    ///
    /// All IPv6 addresses with the same first 64 bits count as one. Do not set this behind a proxy,
    /// from which all connections come.
    pub fn max_connections_per_address(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.max_connections_per_address = connections.into();
        self
    }

    /// Sets whether the lane sets `TCP_NODELAY` for its streams. By default it does. Otherwise, an
    /// event may wait until the client has acknowledged the one before, which often takes 40
    /// milliseconds, and is then sent together with those that follow.
    pub const fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }
}

impl Default for LaneConfig {
    fn default() -> Self {
        Self::new()
    }
}
