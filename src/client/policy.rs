//! Which answers open the stream, which are tried again, and which end it.

use core::fmt;
use core::time::Duration;

use crate::client::config::ClientConfig;

/// Describes the head of an answer: what the client needs to know of it.
///
/// # Examples
///
/// ```
/// use ssewire::client::ResponseHead;
///
/// let open = ResponseHead::new(200).content_type("text/event-stream; charset=utf-8");
/// let busy = ResponseHead::new(503).retry_after("120");
/// # let _ = (open, busy);
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
    /// Makes the head of an answer without headers. The status is the one behind all redirects.
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

    /// Makes the head that opens the stream, for transports that have no answers but bytes.
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

    /// Sets the value of the header `Retry-After`: seconds, or a date. A date is understood with
    /// the feature `std` and relative to [`date`](Self::date), or else to
    /// [`unix_time`](Self::unix_time).
    pub fn retry_after(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.retry_after = Some(value.as_ref());
        self
    }

    /// Sets the value of the header `Date`: the server's clock.
    pub fn date(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.date = Some(value.as_ref());
        self
    }

    /// Sets the time of the day, as time since the Unix epoch: the embedder's clock, for a
    /// `Retry-After` with a date in an answer without one.
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

/// Says what comes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Open,
    /// Not now; at the earliest after the time that the answer names.
    Retry(Option<Duration>),
    NoContent,
    WrongContentType,
    Fatal,
}

/// Judges an answer.
///
/// WHATWG HTML, "The EventSource interface": "if res's status is not 200, or if res's
/// `Content-Type` is not `text/event-stream`, then fail the connection". The statuses that the
/// configuration retries are where this departs from it.
pub(crate) fn judge(head: &ResponseHead<'_>, config: &ClientConfig) -> Verdict {
    match head.status {
        200 if !config.check_content_type || is_event_stream(head.content_type) => Verdict::Open,
        200 => Verdict::WrongContentType,
        status if config.retry_statuses.contains(&status) => Verdict::Retry(retry_after(head)),
        204 => Verdict::NoContent,
        _ => Verdict::Fatal,
    }
}

/// Compares the type and subtype only, as MIME types are: parameters do not count, not even a
/// charset, and none need follow a semicolon.
fn is_event_stream(content_type: Option<&[u8]>) -> bool {
    content_type
        .and_then(|value| value.split(|byte| *byte == b';').next())
        .is_some_and(|essence| {
            essence
                .trim_ascii()
                .eq_ignore_ascii_case(b"text/event-stream")
        })
}

/// Returns the wait that an answer asks for (RFC 9110, section 10.2.3); `None` if it asks for none
/// or cannot be understood.
fn retry_after(head: &ResponseHead<'_>) -> Option<Duration> {
    let value = core::str::from_utf8(head.retry_after?).ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits are still a number, and beyond any wait.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    until(value, head)
}

/// Returns the time until a date, as the server's clock or else the embedder's has it.
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
