//! How much a log holds, and what becomes of those who do not keep up.

/// Says what becomes of a subscriber that does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowReader {
    /// It is disconnected while the log still holds what it has not read, so that it can resume with
    /// nothing lost.
    #[default]
    Disconnect,
    /// It is told a [`GapReason::Lagged`](crate::server::GapReason::Lagged) and goes on with what is published next.
    SkipToLive,
}

/// Configures [`Topics`](crate::server::Topics).
///
/// # Examples
///
/// ```
/// use ssewire::server::{SlowReader, TopicsConfig};
///
/// let config = TopicsConfig::new()
///     .max_events(1_000)
///     .max_bytes(1 << 20)
///     .slow_reader(SlowReader::SkipToLive);
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicsConfig {
    pub(crate) max_events: usize,
    pub(crate) max_bytes: usize,
    pub(crate) slow_reader: SlowReader,
}

impl TopicsConfig {
    /// Makes the default configuration.
    pub const fn new() -> Self {
        Self {
            max_events: 10_000,
            max_bytes: 16 << 20,
            slow_reader: SlowReader::Disconnect,
        }
    }

    /// Sets how many events the log holds, of all topics together; 10,000 by default, at least 1.
    pub const fn max_events(mut self, events: usize) -> Self {
        self.max_events = if events == 0 { 1 } else { events };
        self
    }

    /// Sets how many bytes the events in the log may take, encoded; 16 MiB by default. The newest
    /// event is held even if it is larger. Beside its bytes an event takes about 80 bytes.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets what becomes of a subscriber that does not keep up; by default it is disconnected.
    ///
    /// A subscriber that has once read all there was does not keep up when half of what the log may
    /// hold, in events or in bytes, was published behind what it has to read next; one that has not,
    /// when something that it has to read has been dropped.
    pub const fn slow_reader(mut self, slow_reader: SlowReader) -> Self {
        self.slow_reader = slow_reader;
        self
    }
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self::new()
    }
}
