//! Events, owned and borrowed.

use alloc::string::String;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::error::InvalidField;
use crate::field::{DEFAULT_TYPE, is_default_type, is_forbidden_in_id, is_forbidden_in_type};

/// An event: a type, data and perhaps an ID, in one allocation.
///
/// Every event that can be built can be sent. The constructors reject text that would forge another
/// field, so encoding cannot fail, and decoding the encoded event returns an equal one.
///
/// # Examples
///
/// ```
/// use ssewire::Event;
///
/// let event = Event::new("121.5\r\n121.7").with_type("AAPL")?.with_id("7")?;
///
/// assert_eq!(event.event_type(), "AAPL");
/// assert_eq!(event.data(), "121.5\n121.7");
/// assert_eq!(event.id(), Some("7"));
/// assert_eq!(event.to_bytes(), "id: 7\nevent: AAPL\ndata: 121.5\ndata: 121.7\n\n");
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// Data, type and ID, in this order.
    text: String,
    data_len: usize,
    type_len: usize,
    has_id: bool,
}

impl Event {
    /// Creates an event of the default type and without an ID.
    ///
    /// CRLF and CR in `data` become LF, since a receiver cannot tell them apart (WHATWG HTML,
    /// "Parsing an event stream").
    pub fn new(data: impl AsRef<str>) -> Self {
        EventRef::new(data.as_ref()).to_event()
    }

    /// Creates an event from data that is known to contain no CR, in the allocation of the data.
    #[cfg(any(feature = "base64", feature = "json"))]
    pub(crate) fn from_lf_only(data: String) -> Self {
        Self {
            data_len: data.len(),
            text: data,
            type_len: 0,
            has_id: false,
        }
    }

    /// Sets the type. Both `"message"` and `""` stand for the default type.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] if `event_type` contains CR or LF.
    pub fn with_type(mut self, event_type: impl AsRef<str>) -> Result<Self, InvalidField> {
        let event_type = checked_type(event_type.as_ref())?;
        self.text
            .replace_range(self.data_len..self.data_len + self.type_len, event_type);
        self.type_len = event_type.len();
        Ok(self)
    }

    /// Sets the ID. An empty one makes the receiver forget its last event ID.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] if `id` contains CR, LF or NUL.
    pub fn with_id(mut self, id: impl AsRef<str>) -> Result<Self, InvalidField> {
        let id = checked_id(id.as_ref())?;
        self.text.truncate(self.data_len + self.type_len);
        self.text.push_str(id);
        self.has_id = true;
        Ok(self)
    }

    /// Borrows the event.
    pub fn as_event_ref(&self) -> EventRef<'_> {
        let (data, rest) = self.text.split_at(self.data_len);
        let (event_type, id) = rest.split_at(self.type_len);
        EventRef::from_decoded(event_type, data, self.has_id.then_some(id))
    }

    /// Returns the type, which is `"message"` if none was given.
    #[inline]
    pub fn event_type(&self) -> &str {
        if self.type_len == 0 {
            return DEFAULT_TYPE;
        }
        let (_, rest) = self.text.split_at(self.data_len);
        rest.split_at(self.type_len).0
    }

    /// Returns the data, its lines joined by LF.
    #[inline]
    pub fn data(&self) -> &str {
        self.text.split_at(self.data_len).0
    }

    /// Returns the ID.
    ///
    /// For a decoded event this is the last event ID that was in effect when the event was
    /// dispatched, which an earlier event may have set. It is `Some("")` only if this event's own
    /// block reset it.
    #[inline]
    pub fn id(&self) -> Option<&str> {
        if self.has_id {
            Some(self.text.split_at(self.data_len + self.type_len).1)
        } else {
            None
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_event_ref().fmt_as("Event", f)
    }
}

impl From<EventRef<'_>> for Event {
    fn from(event: EventRef<'_>) -> Self {
        event.to_event()
    }
}

/// A borrowed event: a type, data and perhaps an ID.
///
/// The [`Decoder`](crate::Decoder) lends its events in this form, and text that lives elsewhere can
/// be encoded from it without a copy. Unlike in an [`Event`], the data may contain CR and CRLF.
/// They are written as line breaks, and [`to_event`](Self::to_event) turns them into LF. Two
/// borrowed events are equal if their texts are.
///
/// # Examples
///
/// ```
/// use ssewire::EventRef;
///
/// let mut out = Vec::new();
/// EventRef::new("a\rb").with_type("note")?.encode(&mut out);
///
/// assert_eq!(out, b"event: note\ndata: a\ndata: b\n\n");
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
#[derive(Clone, Copy)]
pub struct EventRef<'a> {
    /// Empty for the default type.
    event_type: &'a str,
    data: &'a str,
    id: Option<&'a str>,
    /// Whether the data is known to contain no CR.
    lf_only: bool,
}

impl<'a> EventRef<'a> {
    /// Creates an event of the default type and without an ID.
    pub const fn new(data: &'a str) -> Self {
        Self {
            event_type: "",
            data,
            id: None,
            lf_only: false,
        }
    }

    /// Sets the type. Both `"message"` and `""` stand for the default type.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] if `event_type` contains CR or LF.
    pub fn with_type(self, event_type: &'a str) -> Result<Self, InvalidField> {
        Ok(Self {
            event_type: checked_type(event_type)?,
            ..self
        })
    }

    /// Sets the ID. An empty one makes the receiver forget its last event ID.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] if `id` contains CR, LF or NUL.
    pub fn with_id(self, id: &'a str) -> Result<Self, InvalidField> {
        Ok(Self {
            id: Some(checked_id(id)?),
            ..self
        })
    }

    /// Sets an ID that is known to be valid.
    #[cfg(feature = "server")]
    pub(crate) const fn with_checked_id(self, id: &'a str) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    /// Creates an event from text that cannot break the wire format, because it comes from the
    /// decoder or from an [`Event`].
    #[inline]
    pub(crate) const fn from_decoded(
        event_type: &'a str,
        data: &'a str,
        id: Option<&'a str>,
    ) -> Self {
        Self {
            event_type,
            data,
            id,
            lf_only: true,
        }
    }

    /// Copies the event into one allocation of its own.
    #[inline]
    pub fn to_event(&self) -> Event {
        let id = self.id.unwrap_or("");
        if self.lf_only && self.event_type.is_empty() && id.is_empty() {
            return Event {
                text: String::from(self.data),
                data_len: self.data.len(),
                type_len: 0,
                has_id: self.id.is_some(),
            };
        }
        let mut text = String::with_capacity(self.data.len() + self.event_type.len() + id.len());
        if self.lf_only {
            text.push_str(self.data);
        } else {
            push_lf_only(&mut text, self.data);
        }
        let data_len = text.len();
        // Copying nothing would still be a call.
        if !self.event_type.is_empty() {
            text.push_str(self.event_type);
        }
        if !id.is_empty() {
            text.push_str(id);
        }
        Event {
            text,
            data_len,
            type_len: self.event_type.len(),
            has_id: self.id.is_some(),
        }
    }

    /// Returns the type, which is `"message"` if none was given.
    pub const fn event_type(&self) -> &'a str {
        if self.event_type.is_empty() {
            DEFAULT_TYPE
        } else {
            self.event_type
        }
    }

    /// Returns the data.
    pub const fn data(&self) -> &'a str {
        self.data
    }

    /// Returns the ID.
    ///
    /// For a decoded event this is the last event ID that was in effect when the event was
    /// dispatched, which an earlier event may have set. It is `Some("")` only if this event's own
    /// block reset it.
    pub const fn id(&self) -> Option<&'a str> {
        self.id
    }

    /// Returns the type as it is written, empty for the default type.
    pub(crate) const fn type_on_wire(&self) -> &'a str {
        self.event_type
    }

    /// Returns whether the data is known to contain no CR.
    pub(crate) const fn is_lf_only(&self) -> bool {
        self.lf_only
    }

    fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("event_type", &self.event_type())
            .field("data", &self.data)
            .field("id", &self.id)
            .finish()
    }
}

impl PartialEq for EventRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.event_type, self.data, self.id) == (other.event_type, other.data, other.id)
    }
}

impl Eq for EventRef<'_> {}

impl Hash for EventRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.event_type, self.data, self.id).hash(state);
    }
}

impl fmt::Debug for EventRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as("EventRef", f)
    }
}

impl<'a> From<&'a Event> for EventRef<'a> {
    fn from(event: &'a Event) -> Self {
        event.as_event_ref()
    }
}

/// Returns `event_type` as it is written, or an error if a part of it would end its line.
fn checked_type(event_type: &str) -> Result<&str, InvalidField> {
    InvalidField::check("event", event_type, is_forbidden_in_type)?;
    Ok(if is_default_type(event_type.as_bytes()) {
        ""
    } else {
        event_type
    })
}

/// Returns `id`, or an error if a part of it would end its line or make a receiver ignore it.
pub(crate) fn checked_id(id: &str) -> Result<&str, InvalidField> {
    InvalidField::check("id", id, is_forbidden_in_id)?;
    Ok(id)
}

fn push_lf_only(text: &mut String, data: &str) {
    let mut rest = data;
    while let Some((line, tail)) = rest.split_once('\r') {
        text.push_str(line);
        text.push('\n');
        rest = tail.strip_prefix('\n').unwrap_or(tail);
    }
    text.push_str(rest);
}
