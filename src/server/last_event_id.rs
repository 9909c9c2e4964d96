//! The last event ID of a request.

use alloc::borrow::Cow;
use core::error::Error;
use core::fmt;

use crate::server::start::Start;

/// Returns the last event ID that a request carries, given the values of all of its `Last-Event-ID`
/// headers. Returns `None` if there is no such header, or if its value is empty.
///
/// A client sends the ID encoded as UTF-8 (WHATWG HTML, "The `Last-Event-ID` header").
///
/// # Errors
///
/// [`InvalidLastEventId`] if there are several values, or the value is longer than 4 KiB or not
/// UTF-8. No client that received its IDs from a server of this crate sends such a request. Respond
/// with status 400.
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
    let in_header = |cause| InvalidLastEventId {
        is_in_query: false,
        cause,
    };
    let mut values = values.into_iter();
    let id = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(id), None) => id,
        (Some(_), Some(_)) => return Err(in_header(Cause::Several)),
    };
    if id.len() > MAX_BYTES {
        return Err(in_header(Cause::TooLong { bytes: id.len() }));
    }
    match core::str::from_utf8(id) {
        Ok(id) => Ok((!id.is_empty()).then_some(id)),
        Err(error) => Err(in_header(Cause::NotUtf8 {
            at: error.valid_up_to(),
        })),
    }
}

/// Returns where the client of a request wants to begin, given the values of all of its
/// `Last-Event-ID` headers and the query of its URL. Returns `None` if the request has no last
/// event ID.
///
/// A page cannot set the header, so the first request of an `EventSource` can carry an ID only in
/// its query, as `last_event_id` or `lastEventId`. When the client reconnects, it sends the header
/// and the same query. So if there is a header, the query is ignored.
///
/// # Errors
///
/// [`InvalidLastEventId`] if the header is invalid, as for [`last_event_id`]. If there is no
/// header, the same error if the query has several last event IDs, or one that is longer than 4
/// KiB.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Start, start_of_request};
///
/// let query = Some("topic=prices&last_event_id=e5f-42");
/// assert_eq!(start_of_request([], query), Ok(Some(Start::from("e5f-42"))));
/// assert_eq!(start_of_request([&b"e5f-50"[..]], query), Ok(Some(Start::from("e5f-50"))));
/// assert_eq!(start_of_request([], Some("topic=prices")), Ok(None));
/// ```
pub fn start_of_request<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
    query: Option<&str>,
) -> Result<Option<Start>, InvalidLastEventId> {
    if let Some(id) = last_event_id(values)? {
        return Ok(Some(Start::from(id)));
    }
    let query = query.unwrap_or_default().as_bytes();
    let mut ids = form_urlencoded::parse(query)
        .filter(|(name, id)| matches!(&**name, "last_event_id" | "lastEventId") && !id.is_empty())
        .map(|(_, id): (_, Cow<'_, str>)| id);
    let in_query = |cause| InvalidLastEventId {
        is_in_query: true,
        cause,
    };
    match (ids.next(), ids.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(in_query(Cause::Several)),
        (Some(id), None) if id.len() > MAX_BYTES => {
            Err(in_query(Cause::TooLong { bytes: id.len() }))
        }
        (Some(id), None) => Ok(Some(Start::from(&*id))),
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
pub struct InvalidLastEventId {
    is_in_query: bool,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Several,
    TooLong { bytes: usize },
    NotUtf8 { at: usize },
}

impl fmt::Display for InvalidLastEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, several) = match self.is_in_query {
            true => ("last_event_id in the query", "last_event_id in its query"),
            false => ("Last-Event-ID header", "Last-Event-ID header"),
        };
        match self.cause {
            Cause::Several => write!(f, "the request has more than one {several}"),
            Cause::TooLong { bytes } => write!(
                f,
                "the {one} has {bytes} bytes, which is more than {MAX_BYTES}"
            ),
            Cause::NotUtf8 { at } => write!(f, "the {one} is not UTF-8 at byte {at}"),
        }
    }
}

impl Error for InvalidLastEventId {}

const MAX_BYTES: usize = 4 << 10;
