//! The configuration of a relay.

use core::time::Duration;

/// The limits of a [`Relay`](super::Relay).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::server::RelayConfig;
///
/// let config = RelayConfig::new().max_entries(1_000).deadline(Duration::from_secs(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayConfig {
    pub(super) max_entries: usize,
    pub(super) max_bytes: usize,
    pub(super) max_entry_bytes: usize,
    pub(super) deadline: Duration,
    pub(super) load_count: usize,
}

impl RelayConfig {
    /// Creates the default configuration.
    pub const fn new() -> Self {
        Self {
            max_entries: 10_000,
            max_bytes: 16 << 20,
            max_entry_bytes: 64 << 10,
            deadline: Duration::from_secs(10),
            load_count: 10_000,
        }
    }

    /// Sets how many publications may wait to be in the log. The default is 10,000.
    pub const fn max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }

    /// Sets how many bytes the publications that wait may have together. The default is 16 MiB.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how many bytes a publication may have, its topics and its key included. The default is
    /// 64 KiB.
    pub const fn max_entry_bytes(mut self, bytes: usize) -> Self {
        self.max_entry_bytes = bytes;
        self
    }

    /// Sets how long a publication may wait to be in the log. The default is 10 seconds.
    pub const fn deadline(mut self, time: Duration) -> Self {
        self.deadline = time;
        self
    }

    /// Sets how many of the newest entries are loaded at the start. The default is 10,000. There is
    /// no use in more than [`TopicsConfig::max_events`](crate::server::TopicsConfig::max_events).
    pub const fn load_count(mut self, entries: usize) -> Self {
        self.load_count = if entries == 0 { 1 } else { entries };
        self
    }
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self::new()
    }
}
