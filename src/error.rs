//! The errors of the core, split by whose mistake they are.

use core::error::Error;
use core::fmt;

/// The error for a value that cannot be written as a field, which is the caller's mistake.
///
/// A line break in an event type or an ID would end its line and forge another field. A NUL in an
/// ID would make every receiver ignore the ID (WHATWG HTML, "Interpreting an event stream").
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

    /// Returns the name of the field: `"event"` or `"id"`.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Returns the byte offset of the first forbidden character in the value.
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

/// The error for a stream that cannot be decoded as it is, which is the peer's mistake.
///
/// It does not end the stream: the [`Decoder`](crate::Decoder) skips the event, and the next call
/// continues after it. Invalid UTF-8 is not an error, since it is read as U+FFFD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// An event is larger than [`max_event_bytes`](crate::DecoderConfig::max_event_bytes). It is
    /// reported once, and skipped with its ID. If such events are expected, raise that limit.
    EventTooLarge,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventTooLarge => f.write_str("an event is larger than max_event_bytes"),
        }
    }
}

impl Error for DecodeError {}
