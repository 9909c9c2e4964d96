//! The last event ID of a request.

use core::error::Error;
use core::fmt;

/// Returns the last event ID that a request carries, given the values of all of its `Last-Event-ID`
/// headers; `None` if there is no such header, or an empty one.
///
/// A client sends the ID encoded as UTF-8 (WHATWG HTML, "The `Last-Event-ID` header").
///
/// # Errors
///
/// [`InvalidLastEventId`] if there are several values, or the value is longer than 4 KiB or not UTF-8.
/// No client that received its IDs from a server of this crate sends such a request. Respond with
/// status 400.
///
/// # Examples
///
/// ```
/// use ssewire::server::last_event_id;
///
/// assert_eq!(last_event_id([&b"e5f-42"[..]]), Ok(Some("e5f-42")));
/// assert_eq!(last_event_id([&b""[..]]), Ok(None));
/// assert_eq!(last_event_id([]), Ok(None));
/// assert!(last_event_id([&b"e5f-42"[..], b"e5f-43"]).is_err());
/// ```
pub fn last_event_id<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<&'a str>, InvalidLastEventId> {
    let mut values = values.into_iter();
    let id = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(id), None) => id,
        (Some(_), Some(_)) => return Err(InvalidLastEventId(Cause::Several)),
    };
    if id.len() > MAX_BYTES {
        return Err(InvalidLastEventId(Cause::TooLong { bytes: id.len() }));
    }
    match core::str::from_utf8(id) {
        Ok(id) => Ok((!id.is_empty()).then_some(id)),
        Err(error) => Err(InvalidLastEventId(Cause::NotUtf8 {
            at: error.valid_up_to(),
        })),
    }
}

/// The error of a request whose last event ID is invalid. It is the client's fault.
///
/// # Examples
///
/// ```
/// use ssewire::server::last_event_id;
///
/// let error = last_event_id([&b"caf\xE9"[..]]).unwrap_err();
/// assert_eq!(error.to_string(), "the Last-Event-ID header is not UTF-8 at byte 3");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLastEventId(Cause);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Several,
    TooLong { bytes: usize },
    NotUtf8 { at: usize },
}

impl fmt::Display for InvalidLastEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cause::Several => f.write_str("the request has more than one Last-Event-ID header"),
            Cause::TooLong { bytes } => write!(
                f,
                "the Last-Event-ID header has {bytes} bytes, which is more than {MAX_BYTES}"
            ),
            Cause::NotUtf8 { at } => {
                write!(f, "the Last-Event-ID header is not UTF-8 at byte {at}")
            }
        }
    }
}

impl Error for InvalidLastEventId {}

const MAX_BYTES: usize = 4 << 10;
