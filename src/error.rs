//! What can go wrong, split by whose doing it is.

use core::error::Error;
use core::fmt;

/// Reports a value that cannot be a field of the wire format: the caller's mistake.
///
/// A line break in an event type or an ID would end its line and forge another field; a NUL in an
/// ID would make every receiver ignore it (WHATWG HTML, "Interpreting an event stream").
///
/// # Examples
///
/// ```
/// use ssewire::Event;
///
/// let error = Event::new("hi").with_id("1\ndata: forged").unwrap_err();
/// assert_eq!(error.field(), "id");
/// assert_eq!(error.position(), 1);
/// assert_eq!(error.to_string(), "id contains a line feed at byte 1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidField {
    field: &'static str,
    byte: u8,
    position: usize,
}

impl InvalidField {
    pub(crate) fn check(
        field: &'static str,
        value: &str,
        forbidden: fn(u8) -> bool,
    ) -> Result<(), Self> {
        match value.bytes().enumerate().find(|&(_, byte)| forbidden(byte)) {
            None => Ok(()),
            Some((position, byte)) => Err(Self {
                field,
                byte,
                position,
            }),
        }
    }

    /// Returns the name of the field on the wire: `"event"` or `"id"`.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Returns the position of the first forbidden character in the value, in bytes from 0.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.byte {
            b'\n' => "line feed",
            b'\r' => "carriage return",
            _ => "NUL",
        };
        write!(
            f,
            "{} contains a {name} at byte {}",
            self.field, self.position
        )
    }
}

impl Error for InvalidField {}

/// Reports a stream that cannot be decoded as it is: the peer's doing.
///
/// None of these ends the stream. The [`Decoder`](crate::Decoder) has skipped what it reports and
/// the next call goes on behind it. Invalid UTF-8 is no error: it becomes U+FFFD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The lines up to the next blank line take more bytes than
    /// [`max_event_bytes`](crate::DecoderConfig::max_event_bytes) allows. Said once for each such
    /// event, which is then skipped with its ID.
    EventTooLarge,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventTooLarge => f.write_str("event is larger than max_event_bytes"),
        }
    }
}

impl Error for DecodeError {}
