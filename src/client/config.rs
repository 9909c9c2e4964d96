//! What the caller decides, with the defaults that suit a client meant to run for months.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::DecoderConfig;
use crate::error::InvalidField;
use crate::event;

/// Configures a [`Client`](crate::client::Client).
///
/// The defaults reconnect patiently and stop only where trying again cannot help.
/// [`browser`](Self::browser) is the strict standard instead.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::client::{ClientConfig, Reconnect};
///
/// let config = ClientConfig::new()
///     .reconnect(Reconnect::UntilFirstEvent)
///     .max_attempts(5)
///     .idle_timeout(Duration::from_secs(30))
///     .last_event_id("42")?;
/// # let _ = config;
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    pub(crate) reconnect: Option<Reconnect>,
    pub(crate) repeatable: bool,
    pub(crate) base_delay: Duration,
    pub(crate) growth: u32,
    pub(crate) max_delay: Duration,
    pub(crate) min_delay: Duration,
    pub(crate) jitter_percent: u8,
    pub(crate) healthy_after: Duration,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) retry_statuses: Vec<u16>,
    pub(crate) check_content_type: bool,
    pub(crate) last_event_id: String,
    pub(crate) decoder: DecoderConfig,
}

/// Says when a connection that ended is opened anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reconnect {
    /// After every end that a new attempt may mend. The default for GET.
    Always,
    /// As long as no event has arrived, on any connection: the request may then be sent more than
    /// once, also after an answer that ended within its first event.
    UntilFirstEvent,
    /// Never: one connection, one request. The default for every method but GET, since a repeated
    /// POST costs money.
    Never,
}

impl ClientConfig {
    /// Makes the default configuration.
    pub fn new() -> Self {
        Self {
            reconnect: None,
            repeatable: true,
            base_delay: Duration::from_secs(1),
            growth: 2,
            max_delay: Duration::from_secs(30),
            min_delay: Duration::from_millis(100),
            jitter_percent: 50,
            healthy_after: Duration::from_secs(60),
            max_attempts: None,
            max_wait: Some(Duration::from_secs(60 * 60)),
            idle_timeout: Some(Duration::from_secs(5 * 60)),
            retry_statuses: Vec::from(RETRIED),
            check_content_type: true,
            last_event_id: String::new(),
            decoder: DecoderConfig::new(),
        }
    }

    /// Makes the configuration of a strict browser: every status but 200 is fatal, waits have no
    /// jitter and may be as long as the server likes, and silence never ends a connection.
    ///
    /// The reconnection time is 3 seconds until the server sets it; while attempts fail it still
    /// doubles up to 30 seconds, which the standard allows (WHATWG HTML, "The EventSource
    /// interface": "Optionally, wait some more"). So that `retry: 0` doubles too, it counts as 1
    /// millisecond.
    pub fn browser() -> Self {
        Self {
            base_delay: Duration::from_secs(3),
            min_delay: Duration::from_millis(1),
            jitter_percent: 0,
            max_wait: None,
            idle_timeout: None,
            retry_statuses: Vec::new(),
            ..Self::new()
        }
    }

    /// Sets when to reconnect. If this is not called, the request's [`method`](Self::method)
    /// decides.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = Some(reconnect);
        self
    }

    /// Tells the method of the request, which decides the default of
    /// [`reconnect`](Self::reconnect): [`Always`](Reconnect::Always) for GET, which this is until
    /// it is told otherwise, and [`Never`](Reconnect::Never) for every other.
    pub fn method(mut self, method: &str) -> Self {
        self.repeatable = method == "GET";
        self
    }

    /// Sets the first wait before a reconnect; 1 second by default. The server's `retry` replaces
    /// it.
    pub fn base_delay(mut self, delay: Duration) -> Self {
        self.base_delay = delay;
        self
    }

    /// Sets by what the wait is multiplied from one to the next, as long as there is no progress in
    /// between; 2 by default, and 1 for no growth. 0 counts as 1.
    pub fn growth(mut self, factor: u32) -> Self {
        self.growth = factor.max(1);
        self
    }

    /// Sets where the growth of the wait ends; 30 seconds by default. Only the server can ask for a
    /// longer wait, by `retry` or `Retry-After`.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets the wait below which neither [`base_delay`](Self::base_delay) nor the server's `retry`
    /// can go; 100 milliseconds by default, so that `retry: 0` is no invitation to a busy loop.
    pub fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// Sets how much of a wait is left to chance, in percent; 50 by default, at most 100.
    ///
    /// A wait of the client's own becomes 50 to 100 % of what it would be. One that the server set
    /// is a lower bound and becomes 100 to 150 %. The seed of
    /// [`Client::new`](crate::client::Client::new) decides where in this range.
    pub fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = percent.min(100);
        self
    }

    /// Sets how long a connection must have been open to count as progress without an event; 60
    /// seconds by default. Progress ends the growth of the wait and starts the count of attempts
    /// anew.
    pub fn healthy_after(mut self, time: Duration) -> Self {
        self.healthy_after = time;
        self
    }

    /// Sets after how many attempts in a row without progress the client gives up; never, by
    /// default. The first attempt counts; 0 counts as 1.
    pub fn max_attempts(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.max_attempts = attempts.into().map(|attempts| attempts.max(1));
        self
    }

    /// Sets the longest wait that is acceptable when the server asks for one by `retry` or
    /// `Retry-After`; 1 hour by default, `None` for any. Beyond it the client gives up, rather than
    /// come back early.
    pub fn max_wait(mut self, wait: impl Into<Option<Duration>>) -> Self {
        self.max_wait = wait.into();
        self
    }

    /// Sets after how much silence a connection counts as lost; 5 minutes by default, `None` for
    /// never. Any byte ends the silence, comments too, and the wait for the response head counts.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Sets the statuses after which the request is tried again: by default 408, 425, 429, 500,
    /// 502, 503 and 504. 200 cannot be one of them.
    pub fn retry_statuses(mut self, statuses: impl Into<Vec<u16>>) -> Self {
        self.retry_statuses = statuses.into();
        self
    }

    /// Sets whether a 200 must come with the content type `text/event-stream`; by default it must.
    pub fn check_content_type(mut self, check: bool) -> Self {
        self.check_content_type = check;
        self
    }

    /// Sets the last event ID that the first request carries, as kept from an earlier run; an empty
    /// one means none.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] if `id` contains CR, LF or NUL.
    pub fn last_event_id(mut self, id: impl Into<String>) -> Result<Self, InvalidField> {
        let id = id.into();
        event::checked_id(&id)?;
        self.last_event_id = id;
        Ok(self)
    }

    /// Sets the limits and options of the decoder. An event over its
    /// [`max_event_bytes`](DecoderConfig::max_event_bytes) closes the client.
    pub fn decoder(mut self, config: DecoderConfig) -> Self {
        self.decoder = config;
        self
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// Answers that say "not now" rather than "not like this".
const RETRIED: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];
