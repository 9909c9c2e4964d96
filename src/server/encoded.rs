//! What a response sends.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::event::{Event, EventRef};
use crate::frame::{Frame, FrameRef};

/// Holds whole frames in their wire form, to be sent many times without being encoded again.
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
pub struct Encoded(Bytes);

impl Encoded {
    /// Wraps what an encoder of this crate has written.
    pub(crate) const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&Event> for Encoded {
    fn from(event: &Event) -> Self {
        Self(event.to_bytes())
    }
}

impl From<&Frame> for Encoded {
    fn from(frame: &Frame) -> Self {
        Self(frame.to_bytes())
    }
}

/// Holds one thing to send: what streams of events, of frames and of encoded frames have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A frame, to be encoded.
    Frame(Frame),
    /// Frames that were encoded before.
    Encoded(Encoded),
}

impl Outgoing {
    /// Appends the wire form to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Frame(frame) => frame.encode(out),
            Self::Encoded(encoded) => out.extend_from_slice(encoded.as_bytes()),
        }
    }
}

impl From<Event> for Outgoing {
    fn from(event: Event) -> Self {
        Self::Frame(Frame::Event(event))
    }
}

impl From<EventRef<'_>> for Outgoing {
    fn from(event: EventRef<'_>) -> Self {
        Self::from(event.to_event())
    }
}

impl From<Frame> for Outgoing {
    fn from(frame: Frame) -> Self {
        Self::Frame(frame)
    }
}

impl From<FrameRef<'_>> for Outgoing {
    fn from(frame: FrameRef<'_>) -> Self {
        Self::from(frame.to_frame())
    }
}

impl From<Encoded> for Outgoing {
    fn from(encoded: Encoded) -> Self {
        Self::Encoded(encoded)
    }
}
