//! Which responses open the stream, which are tried again, and which close the client.

use core::fmt;
use core::time::Duration;

use crate::client::config::ClientConfig;
use crate::client::excerpt::Excerpt;
use crate::client::media_type::{is_event_stream, is_identity, is_valid};
use crate::client::reason::CloseReason;

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
    content_encoding: Option<&'a [u8]>,
    retry_after: Option<&'a [u8]>,
    retry_after_ms: Option<&'a [u8]>,
    date: Option<&'a [u8]>,
    unix_time: Option<Duration>,
}

impl<'a> ResponseHead<'a> {
    /// Creates a head without headers. `status` is the status after all redirects.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            content_encoding: None,
            retry_after: None,
            retry_after_ms: None,
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

    /// Sets the value of the header `Content-Type`, once for each line that the response has of it.
    ///
    /// As in a list that is joined by commas, the last valid type counts (Fetch, "extract a MIME
    /// type").
    pub fn content_type(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        let value = value.as_ref();
        if self.content_type.is_none() || is_valid(value) {
            self.content_type = Some(value);
        }
        self
    }

    /// Sets the value of the header `Content-Encoding`, once for each line that the response has of it.
    ///
    /// The client decodes no coding, so a stream with any other than `identity` does not open. Leave
    /// the header out if the transport has decoded the body.
    pub fn content_encoding(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        if self.content_encoding.is_none_or(is_identity) {
            self.content_encoding = Some(value.as_ref());
        }
        self
    }

    /// Sets the value of the header `retry-after-ms`, which is a number of milliseconds. LLM services
    /// send it. It is finer than [`retry_after`](Self::retry_after), so it counts if it is valid and
    /// both are set.
    pub fn retry_after_ms(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.retry_after_ms = Some(value.as_ref());
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
            .field("content_encoding", &text(self.content_encoding))
            .field("retry_after", &text(self.retry_after))
            .field("retry_after_ms", &text(self.retry_after_ms))
            .finish_non_exhaustive()
    }
}

/// What follows from a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Open,
    /// Another attempt, no earlier than after the wait that the response asks for.
    Retry(Option<Duration>),
    Close(CloseReason),
}

/// Returns what follows from a response.
///
/// WHATWG HTML, "The EventSource interface": "if res's status is not 200, or if res's
/// `Content-Type` is not `text/event-stream`, then fail the connection". This differs from it only
/// for the statuses that the configuration retries.
pub(crate) fn judge(head: &ResponseHead<'_>, config: &ClientConfig) -> Verdict {
    match head.status {
        200 => match refusal(head, config) {
            None => Verdict::Open,
            Some(reason) => Verdict::Close(reason),
        },
        status if is_retried(status, config) => Verdict::Retry(wait(head)),
        204 => Verdict::Close(CloseReason::NoContent),
        status => Verdict::Close(CloseReason::Status(status)),
    }
}

/// Returns why a response with status 200 does not open the stream.
fn refusal(head: &ResponseHead<'_>, config: &ClientConfig) -> Option<CloseReason> {
    if config.check_content_type && !head.content_type.is_some_and(is_event_stream) {
        return Some(CloseReason::ContentType {
            value: head.content_type.map(Excerpt::new),
        });
    }
    let coding = head.content_encoding.filter(|value| !is_identity(value))?;
    Some(CloseReason::ContentEncoding {
        value: Excerpt::new(coding),
    })
}

/// Returns whether another attempt may succeed after this status.
///
/// By default these are the statuses that mean "not now", not "never". RFC 9110, section 15: "a client
/// [...] MUST treat an unrecognized status code as being equivalent to the x00 status code of that
/// class". 501, 505 and 511 (RFC 6585: the network wants a login first) do not pass by themselves.
fn is_retried(status: u16, config: &ClientConfig) -> bool {
    match &config.retry_statuses {
        Some(statuses) => statuses.contains(&status),
        None => matches!(status, 408 | 425 | 429 | 500..=599) && !matches!(status, 501 | 505 | 511),
    }
}

/// Returns the wait that a response asks for. `None` if it asks for none or is malformed.
fn wait(head: &ResponseHead<'_>) -> Option<Duration> {
    milliseconds(head).or_else(|| retry_after(head))
}

/// Returns the wait in `retry-after-ms`. A fraction of a millisecond does not count.
fn milliseconds(head: &ResponseHead<'_>) -> Option<Duration> {
    let value = core::str::from_utf8(head.retry_after_ms?).ok()?.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let is_number =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    Some(Duration::from_millis(whole.parse().unwrap_or(u64::MAX)))
}

/// Returns the wait in `Retry-After` (RFC 9110, section 10.2.3).
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
