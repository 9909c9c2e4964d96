//! Which responses open the stream, which are tried again, and which close the client.

use core::fmt;
use core::time::Duration;

use crate::client::config::ClientConfig;

/// The head of a response, as far as the client needs it.
///
/// # Examples
///
/// ```
/// use ssewire::Timestamp;
/// use ssewire::client::{Client, ClientConfig, Phase, ResponseHead};
///
/// let now = Timestamp::default();
/// let mut client = Client::new(ClientConfig::new(), 0);
/// let _connect = client.poll_action(now);
/// let head = ResponseHead::new(200).content_type("text/event-stream; charset=utf-8");
/// client.handle_response(now, &head);
/// assert_eq!(client.phase(), Phase::Open);
///
/// let mut client = Client::new(ClientConfig::new(), 0);
/// let _connect = client.poll_action(now);
/// client.handle_response(now, &ResponseHead::new(503).retry_after("120"));
/// let Phase::Waiting { delay, .. } = client.phase() else { panic!() };
/// assert!(delay.as_secs() >= 120);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead<'a> {
    status: u16,
    content_type: Option<&'a [u8]>,
    retry_after: Option<&'a [u8]>,
    date: Option<&'a [u8]>,
    unix_time: Option<Duration>,
}

impl<'a> ResponseHead<'a> {
    /// Creates a head without headers. `status` is the status after all redirects.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            retry_after: None,
            date: None,
            unix_time: None,
        }
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// Creates a head that opens the stream, for transports that have bytes but no responses.
    pub const fn event_stream() -> Self {
        let mut head = Self::new(200);
        head.content_type = Some(b"text/event-stream");
        head
    }

    /// Sets the value of the header `Content-Type`.
    pub fn content_type(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.content_type = Some(value.as_ref());
        self
    }

    /// Sets the value of the header `Retry-After`, which is a number of seconds or a date.
    ///
    /// A date needs the feature `std`. It is compared with [`date`](Self::date) or, without one, with
    /// [`unix_time`](Self::unix_time).
    pub fn retry_after(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.retry_after = Some(value.as_ref());
        self
    }

    /// Sets the value of the header `Date`, which is the time on the server's clock.
    pub fn date(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.date = Some(value.as_ref());
        self
    }

    /// Sets the time on the embedder's clock, as the duration since the Unix epoch. It counts where a
    /// response has a date in `Retry-After` but no `Date`.
    pub const fn unix_time(mut self, time: Duration) -> Self {
        self.unix_time = Some(time);
        self
    }
}

impl fmt::Debug for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            |value: Option<&[u8]>| value.map(|value| alloc::format!("{}", value.escape_ascii()));
        f.debug_struct("ResponseHead")
            .field("status", &self.status)
            .field("content_type", &text(self.content_type))
            .field("retry_after", &text(self.retry_after))
            .finish_non_exhaustive()
    }
}

/// What follows from a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Open,
    /// Another attempt, no earlier than after the wait that the response asks for.
    Retry(Option<Duration>),
    NoContent,
    WrongContentType,
    Fatal,
}

/// Returns what follows from a response.
///
/// WHATWG HTML, "The EventSource interface": "if res's status is not 200, or if res's
/// `Content-Type` is not `text/event-stream`, then fail the connection". This differs from it only
/// for the statuses that the configuration retries.
pub(crate) fn judge(head: &ResponseHead<'_>, config: &ClientConfig) -> Verdict {
    match head.status {
        200 if !config.check_content_type || is_event_stream(head.content_type) => Verdict::Open,
        200 => Verdict::WrongContentType,
        status if config.retry_statuses.contains(&status) => Verdict::Retry(retry_after(head)),
        204 => Verdict::NoContent,
        _ => Verdict::Fatal,
    }
}

/// Returns whether the type and subtype are those of an event stream. Parameters do not count, not
/// even a charset, and a semicolon may have none after it.
fn is_event_stream(content_type: Option<&[u8]>) -> bool {
    content_type
        .and_then(|value| value.split(|byte| *byte == b';').next())
        .is_some_and(|essence| {
            essence
                .trim_ascii()
                .eq_ignore_ascii_case(b"text/event-stream")
        })
}

/// Returns the wait that a response asks for (RFC 9110, section 10.2.3). `None` if it asks for none
/// or is malformed.
fn retry_after(head: &ResponseHead<'_>) -> Option<Duration> {
    let value = core::str::from_utf8(head.retry_after?).ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number with too many digits is longer than any wait.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    until(value, head)
}

/// Returns the time until a date by the server's clock or, without it, by the embedder's.
#[cfg(feature = "std")]
fn until(date: &str, head: &ResponseHead<'_>) -> Option<Duration> {
    use std::time::SystemTime;

    let server = |value| httpdate::parse_http_date(core::str::from_utf8(value).ok()?.trim()).ok();
    let then = httpdate::parse_http_date(date).ok()?;
    let now = head
        .date
        .and_then(server)
        .or_else(|| SystemTime::UNIX_EPOCH.checked_add(head.unix_time?))?;
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(not(feature = "std"))]
fn until(_: &str, _: &ResponseHead<'_>) -> Option<Duration> {
    None
}
