//! JSON in the data.

use alloc::string::String;
use core::error::Error;
use core::fmt::{self, Write};

use memchr::memchr2;
use serde::{Deserialize, Serialize};

use super::subject::{Subject, cut};
use crate::event::{Event, EventRef};

impl Event {
    /// Creates an event whose data is `value` as JSON, on one line.
    ///
    /// The event has the default type and no ID. The text is written into the event's own
    /// allocation.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if `value` fails to serialize, or contains a map whose keys are not strings.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Event;
    ///
    /// let event = Event::json(&("AAPL", 121.5))?.with_type("price")?;
    ///
    /// assert_eq!(event.data(), r#"["AAPL",121.5]"#);
    /// assert_eq!(event.to_bytes(), "event: price\ndata: [\"AAPL\",121.5]\n\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        let text = serde_json::to_string(value).map_err(JsonError::of_new_event)?;
        Ok(Self::from_lf_only(on_one_line(text)))
    }

    /// Parses the data as one JSON value.
    ///
    /// `T` may borrow from the event: a `&str` if the JSON string has no escapes, and a
    /// [`Cow`](alloc::borrow::Cow) with `#[serde(borrow)]` wherever that is possible.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the data is not JSON, has text after the value, or does not fit `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Event;
    ///
    /// let event = Event::new(r#"["AAPL", 121.5]"#);
    /// let (symbol, price): (&str, f64) = event.parse_json()?;
    ///
    /// assert_eq!((symbol, price), ("AAPL", 121.5));
    /// # Ok::<(), ssewire::JsonError>(())
    /// ```
    pub fn parse_json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, JsonError> {
        self.as_event_ref().parse_json()
    }
}

impl<'a> EventRef<'a> {
    /// Parses the data as one JSON value.
    ///
    /// `T` may borrow from the data, as with [`Event::parse_json`].
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the data is not JSON, has text after the value, or does not fit `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::{Decoder, FrameRef};
    ///
    /// let mut decoder = Decoder::new();
    /// let mut input = &b"data: [\"AAPL\",\ndata: 121.5]\n\n"[..];
    /// let Some(FrameRef::Event(event)) = decoder.decode(&mut input)? else { panic!() };
    ///
    /// assert_eq!(event.parse_json::<(&str, f64)>()?, ("AAPL", 121.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse_json<T: Deserialize<'a>>(&self) -> Result<T, JsonError> {
        serde_json::from_str(self.data()).map_err(|error| JsonError {
            subject: Some(Subject::new(*self)),
            error,
        })
    }
}

/// The error for data that is not the expected JSON, with the event and the position.
///
/// Its message is that of serde_json, after the event. If the message quotes a long value from the
/// peer, it is shortened.
///
/// # Examples
///
/// ```
/// use ssewire::Event;
///
/// let event = Event::new("[1,\n 2,\n x]").with_type("prices")?.with_id("7")?;
/// let error = event.parse_json::<Vec<u32>>().unwrap_err();
///
/// assert_eq!((error.event_type(), error.id()), ("prices", Some("7")));
/// assert_eq!((error.line(), error.column()), (3, 2));
/// assert_eq!(
///     error.to_string(),
///     r#"JSON of event "prices" with id "7": expected value at line 3 column 2"#,
/// );
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
#[derive(Debug)]
pub struct JsonError {
    /// `None` for an event that could not be created.
    subject: Option<Subject>,
    error: serde_json::Error,
}

impl JsonError {
    fn of_new_event(error: serde_json::Error) -> Self {
        Self {
            subject: None,
            error,
        }
    }

    /// Returns the event's type, or `"message"` if [`Event::json`] could not create the event.
    ///
    /// If the type is longer than 64 bytes, it is cut there and ends with `…`.
    pub fn event_type(&self) -> &str {
        self.subject.as_ref().map_or("message", Subject::event_type)
    }

    /// Returns the event's ID, shortened in the same way.
    pub fn id(&self) -> Option<&str> {
        self.subject.as_ref().and_then(Subject::id)
    }

    /// Returns the line of the data, counted from 1.
    ///
    /// It is 0 if the error is about a value as a whole: an error of [`Event::json`], or a value
    /// that `T` rejects.
    pub fn line(&self) -> usize {
        self.error.line()
    }

    /// Returns the column in that line, in bytes counted from 1, or 0 for the start of the line.
    pub fn column(&self) -> usize {
        self.error.column()
    }

    /// Returns the error of serde_json, which tells invalid syntax, incomplete data and a mismatch
    /// with the type apart.
    pub fn json_error(&self) -> &serde_json::Error {
        &self.error
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, "JSON of {subject}: ")?,
            None => f.write_str("JSON of a new event: ")?,
        }
        let mut start = Start {
            out: f,
            left: MAX_REASON_BYTES,
            cut: false,
        };
        let written = write!(start, "{}", self.error);
        if !start.cut {
            return written;
        }
        f.write_str("…")?;
        match self.line() {
            0 => Ok(()),
            line => write!(f, " at line {line} column {}", self.column()),
        }
    }
}

/// There is no source, since the message already contains that of
/// [`json_error`](JsonError::json_error).
impl Error for JsonError {}

/// A writer that passes on a limited number of bytes and fails at the next one.
struct Start<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    left: usize,
    cut: bool,
}

impl Write for Start<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let start = cut(text, self.left);
        self.out.write_str(start)?;
        self.left -= start.len();
        self.cut = start.len() < text.len();
        if self.cut { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Replaces line breaks by spaces. JSON has none within strings, but a value can contribute JSON
/// text of its own (serde_json's `RawValue`) with line breaks between tokens.
fn on_one_line(text: String) -> String {
    if memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
        return text;
    }
    text.replace(['\n', '\r'], " ")
}

/// The largest number of bytes of a message: serde quotes a string of the wrong type in full, and a
/// peer may send megabytes.
const MAX_REASON_BYTES: usize = 256;
