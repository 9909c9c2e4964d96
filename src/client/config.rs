//! The settings of a client. The defaults suit one that runs for months.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::DecoderConfig;
use crate::error::InvalidField;
use crate::event;

/// The settings of a [`Client`](crate::client::Client).
///
/// By default a client reconnects patiently, and closes only where another attempt cannot help.
/// [`browser`](Self::browser) follows the standard strictly instead.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::Timestamp;
/// use ssewire::client::{Client, ClientConfig, Reconnect};
///
/// let config = ClientConfig::new()
///     .reconnect(Reconnect::UntilFirstEvent)
///     .max_attempts(5)
///     .idle_timeout(Duration::from_secs(30))
///     .last_event_id("42")?;
///
/// let mut client = Client::new(config, 0);
/// assert_eq!(client.last_event_id(), Some("42"));
/// let _connect = client.poll_action(Timestamp::default());
/// let idle = Timestamp::from_origin(Duration::from_secs(30));
/// assert_eq!(client.poll_timeout(), Some(idle));
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
    /// `None` for those of the default rule.
    pub(crate) retry_statuses: Option<Vec<u16>>,
    pub(crate) check_content_type: bool,
    pub(crate) last_event_id: String,
    pub(crate) max_last_event_id_bytes: usize,
    pub(crate) decoder: DecoderConfig,
}

/// When a client opens another connection after one was lost or could not be opened.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::client::{Client, ClientConfig, CloseReason, End, Phase, Reconnect, ResponseHead};
///
/// let now = Timestamp::default();
/// let config = ClientConfig::new().reconnect(Reconnect::Never);
/// let mut client = Client::new(config, 0);
/// let _connect = client.poll_action(now);
/// client.handle_response(now, &ResponseHead::event_stream());
/// client.handle_end(now, End::Clean);
/// assert_eq!(client.phase(), Phase::Closed(CloseReason::Ended));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reconnect {
    /// Whenever another attempt may succeed. The default for GET.
    Always,
    /// As long as no event has arrived on any connection. The request may be sent more than once, even
    /// after a response that ended in the middle of its first event.
    UntilFirstEvent,
    /// Never: the request is sent once. The default for every method but GET, and for a method that is
    /// not known, since a repeated POST may cost money.
    Never,
}

impl ClientConfig {
    /// Creates the default settings.
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
            retry_statuses: None,
            check_content_type: true,
            last_event_id: String::new(),
            max_last_event_id_bytes: 4 << 10,
            decoder: DecoderConfig::new(),
        }
    }

    /// Creates the settings of a strict browser.
    ///
    /// Every status but 200 is fatal, the waits have no jitter and no upper limit, and silence never
    /// ends a connection.
    ///
    /// The reconnection time is 3 seconds until the server sets it. It doubles up to 30 seconds while
    /// attempts fail, which the standard allows (WHATWG HTML, "The EventSource interface":
    /// "Optionally, wait some more"). `retry: 0` counts as 1 millisecond, so that it can double.
    pub fn browser() -> Self {
        Self {
            base_delay: Duration::from_secs(3),
            min_delay: Duration::from_millis(1),
            jitter_percent: 0,
            max_wait: None,
            idle_timeout: None,
            retry_statuses: Some(Vec::new()),
            ..Self::new()
        }
    }

    /// Sets when to reconnect. By default the [`method`](Self::method) of the request decides.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = Some(reconnect);
        self
    }

    /// Sets the method of the request; `GET` by default. `None` is a method that is not known.
    ///
    /// It decides the default of [`reconnect`](Self::reconnect), which is
    /// [`Always`](Reconnect::Always) for GET, and [`Never`](Reconnect::Never) for every other method
    /// and for one that is not known.
    pub fn method<'a>(mut self, method: impl Into<Option<&'a str>>) -> Self {
        self.repeatable = method.into() == Some("GET");
        self
    }

    /// Sets the first wait; 1 second by default. The server's `retry` replaces it.
    pub fn base_delay(mut self, delay: Duration) -> Self {
        self.base_delay = delay;
        self
    }

    /// Sets the factor from one wait to the next as long as there is no progress; 2 by default. With 1
    /// the wait does not grow. 0 counts as 1.
    pub fn growth(mut self, factor: u32) -> Self {
        self.growth = factor.max(1);
        self
    }

    /// Sets the wait at which the growth ends; 30 seconds by default. Only the server can ask for a
    /// longer one, by `retry` or `Retry-After`.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets the shortest wait; 100 milliseconds by default. A shorter [`base_delay`](Self::base_delay)
    /// or `retry` of the server counts as this, so that `retry: 0` does not cause a busy loop.
    pub fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// Sets the jitter of the waits in percent; 50 by default and 100 at most.
    ///
    /// With 50, a wait is shortened at random to 50–100 %. A wait that the server asked for is a lower
    /// bound, so it is lengthened to 100–150 % instead. The seed of
    /// [`Client::new`](crate::client::Client::new) decides the random part.
    pub fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = percent.min(100);
        self
    }

    /// Sets how long a connection must be open to count as progress without an event; 60 seconds by
    /// default. An event is progress at once. After progress the wait and the count of attempts start
    /// from the beginning.
    pub fn healthy_after(mut self, time: Duration) -> Self {
        self.healthy_after = time;
        self
    }

    /// Sets the number of attempts in a row without progress after which the client gives up; `None`,
    /// the default, for no limit. The first attempt counts, and 0 counts as 1.
    pub fn max_attempts(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.max_attempts = attempts.into().map(|attempts| attempts.max(1));
        self
    }

    /// Sets the longest wait that the server may ask for by `retry` or `Retry-After`; 1 hour by
    /// default, `None` for no limit. If it asks for more, the client closes and does not come back
    /// early.
    pub fn max_wait(mut self, wait: impl Into<Option<Duration>>) -> Self {
        self.max_wait = wait.into();
        self
    }

    /// Sets the silence after which a connection counts as lost; 5 minutes by default, `None` or zero
    /// for no limit. The wait for the response head counts as silence. Any byte of the body ends it, so a
    /// comment does too.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into().filter(|timeout| !timeout.is_zero());
        self
    }

    /// Sets the statuses after which there is another attempt. 200 is ignored.
    ///
    /// The default is 408, 425, 429 and everything from 500 to 599 but 501, 505 and 511. Proxies use
    /// many a number in that range for a server that is away.
    pub fn retry_statuses(mut self, statuses: impl Into<Vec<u16>>) -> Self {
        self.retry_statuses = Some(statuses.into());
        self
    }

    /// Sets whether a response with status 200 must have the content type `text/event-stream`; `true`
    /// by default. A response with a content coding never opens the stream.
    pub fn check_content_type(mut self, check: bool) -> Self {
        self.check_content_type = check;
        self
    }

    /// Sets the last event ID of the first request, for instance one that was kept from an earlier run.
    /// An empty ID, the default, means that there is none.
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

    /// Sets how long a last event ID may be, in bytes, to go out with a request; 4 KiB by default.
    ///
    /// A longer one is left out, because servers limit a header, and often all headers together, to
    /// 8 KiB, and would refuse every request from then on.
    /// [`Attempt::omitted_last_event_id`](crate::client::Attempt::omitted_last_event_id) tells of it.
    pub fn max_last_event_id_bytes(mut self, bytes: usize) -> Self {
        self.max_last_event_id_bytes = bytes;
        self
    }

    /// Sets the settings of the decoder. An event that is larger than its
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
