//! Encoded frames, and the items that a response sends.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::event::{Event, EventRef};
use crate::frame::{Frame, FrameRef};
use crate::server::delivery::Gap;
use crate::server::filter::{self, Filtered};

/// Whole frames in their wire form. They can be sent many times without being encoded again.
///
/// # Examples
///
/// ```
/// use ssewire::Event;
/// use ssewire::server::Encoded;
///
/// let encoded = Encoded::from(&Event::new("hi"));
/// assert_eq!(encoded.into_bytes(), "data: hi\n\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    bytes: Bytes,
    first: First,
}

/// The first of the encoded frames. Only events can be several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Event,
    /// An event that reports a gap.
    Gap,
    Comment,
    Retry(Duration),
}

impl Encoded {
    /// Wraps events that an encoder of this crate has written.
    pub(crate) const fn events(bytes: Bytes) -> Self {
        let first = First::Event;
        Self { bytes, first }
    }

    /// Drops the events for which `keep` returns `false`. Returns `None` if no event is left.
    ///
    /// If all events are kept, the bytes stay shared. [Gaps](Gap), comments and reconnection times
    /// are always kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Event;
    /// use ssewire::server::Encoded;
    ///
    /// let event = Event::new("hi").with_type("greeting")?;
    /// let encoded = Encoded::from(&event);
    /// assert_eq!(encoded.clone().filter(|event| event.event_type() == "greeting"), Some(encoded.clone()));
    /// assert_eq!(encoded.filter(|event| event.data().len() > 2), None);
    /// # Ok::<(), ssewire::InvalidField>(())
    /// ```
    pub fn filter(self, keep: impl FnMut(EventRef<'_>) -> bool) -> Option<Self> {
        if self.first != First::Event {
            return Some(self);
        }
        match filter::filter(&self.bytes, keep) {
            Filtered::All => Some(self),
            Filtered::Some(bytes) => Some(Self::events(bytes)),
            Filtered::None => None,
        }
    }

    /// Returns the bytes.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Returns the bytes, borrowed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether this begins with an event, a gap included.
    pub(crate) const fn is_event(&self) -> bool {
        matches!(self.first, First::Event | First::Gap)
    }

    pub(crate) const fn first(&self) -> First {
        self.first
    }
}

impl From<Gap> for Encoded {
    fn from(gap: Gap) -> Self {
        Self {
            bytes: gap.to_event().to_bytes(),
            first: First::Gap,
        }
    }
}

impl From<&Event> for Encoded {
    fn from(event: &Event) -> Self {
        Self::events(event.to_bytes())
    }
}

impl From<&Frame> for Encoded {
    fn from(frame: &Frame) -> Self {
        Self {
            bytes: frame.to_bytes(),
            first: match frame {
                Frame::Event(_) => First::Event,
                Frame::Comment(_) => First::Comment,
                Frame::Retry(time) => First::Retry(*time),
            },
        }
    }
}

/// An item that a response sends: an event, another frame, or frames that are encoded already.
///
/// Bodies and writers take streams of anything that converts into this.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Encoded, Outgoing};
/// use ssewire::{Event, Frame};
///
/// let event = Event::new("hi");
/// let mut out = Vec::new();
/// for outgoing in [
///     Outgoing::from(Frame::Comment("welcome".into())),
///     Outgoing::from(Encoded::from(&event)),
///     Outgoing::from(event),
/// ] {
///     outgoing.encode(&mut out);
/// }
/// assert_eq!(out, b":welcome\n\ndata: hi\n\ndata: hi\n\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing(Content);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Frame(Frame),
    Encoded(Encoded),
}

impl Outgoing {
    /// Appends the wire form to `out`, with a blank line after each frame.
    ///
    /// A [`Wire`](crate::server::Wire) writes comments and reconnection times without these blank
    /// lines, as a response needs them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Content::Frame(frame) => frame.encode(out),
            Content::Encoded(encoded) => out.extend_from_slice(encoded.as_bytes()),
        }
    }

    pub(crate) const fn as_encoded(&self) -> Result<&Encoded, &Frame> {
        match &self.0 {
            Content::Encoded(encoded) => Ok(encoded),
            Content::Frame(frame) => Err(frame),
        }
    }

    /// Returns the frames without a copy, if they are encoded already.
    ///
    /// # Errors
    ///
    /// Returns the item itself if it still has to be [encoded](Self::encode).
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Event;
    /// use ssewire::server::{Encoded, Outgoing};
    ///
    /// let event = Event::new("hi");
    /// let encoded = Encoded::from(&event);
    /// assert_eq!(Outgoing::from(encoded.clone()).into_encoded(), Ok(encoded));
    ///
    /// let outgoing = Outgoing::from(event).into_encoded().unwrap_err();
    /// let mut out = Vec::new();
    /// outgoing.encode(&mut out);
    /// assert_eq!(out, b"data: hi\n\n");
    /// ```
    pub fn into_encoded(self) -> Result<Encoded, Self> {
        match self.0 {
            Content::Encoded(encoded) => Ok(encoded),
            Content::Frame(_) => Err(self),
        }
    }
}

impl From<Event> for Outgoing {
    fn from(event: Event) -> Self {
        Self::from(Frame::Event(event))
    }
}

impl From<EventRef<'_>> for Outgoing {
    fn from(event: EventRef<'_>) -> Self {
        Self::from(event.to_event())
    }
}

impl From<Frame> for Outgoing {
    fn from(frame: Frame) -> Self {
        Self(Content::Frame(frame))
    }
}

impl From<FrameRef<'_>> for Outgoing {
    fn from(frame: FrameRef<'_>) -> Self {
        Self::from(frame.to_frame())
    }
}

impl From<Encoded> for Outgoing {
    fn from(encoded: Encoded) -> Self {
        Self(Content::Encoded(encoded))
    }
}
