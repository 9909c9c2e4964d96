//! Everything that a block of the wire can say, owned and borrowed.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::encode;
use crate::event::{Event, EventRef};

/// Holds what one line or block of a stream says: an event, a comment or a reconnection time.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::{Event, Frame};
///
/// let mut out = Vec::new();
/// Frame::Retry(Duration::from_secs(3)).encode(&mut out);
/// Frame::Comment("hi".into()).encode(&mut out);
/// Frame::from(Event::new("x")).encode(&mut out);
///
/// assert_eq!(out, b"retry: 3000\n\n:hi\n\ndata: x\n\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Frame {
    /// An event.
    Event(Event),
    /// A comment: everything after the colon of its line. Each line of a text with line breaks is
    /// written as a comment of its own.
    Comment(String),
    /// The reconnection time, in whole milliseconds on the wire: a fraction is rounded up, and
    /// what 64 bits cannot hold becomes the longest that they can.
    Retry(Duration),
}

impl Frame {
    /// Appends the frame's wire form to `out`, up to and with the blank line that ends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.as_frame_ref().encode(out);
    }

    /// Returns the frame's wire form in an allocation of its exact size.
    pub fn to_bytes(&self) -> Bytes {
        self.as_frame_ref().to_bytes()
    }

    /// Borrows the frame.
    pub fn as_frame_ref(&self) -> FrameRef<'_> {
        match self {
            Self::Event(event) => FrameRef::Event(event.as_event_ref()),
            Self::Comment(text) => FrameRef::Comment(text),
            Self::Retry(time) => FrameRef::Retry(*time),
        }
    }
}

impl From<Event> for Frame {
    fn from(event: Event) -> Self {
        Self::Event(event)
    }
}

impl From<FrameRef<'_>> for Frame {
    fn from(frame: FrameRef<'_>) -> Self {
        frame.to_frame()
    }
}

/// Borrows what one line or block of a stream says: an event, a comment or a reconnection time.
///
/// # Examples
///
/// ```
/// use ssewire::{Decoder, DecoderConfig, FrameRef};
///
/// let mut decoder = Decoder::with_config(DecoderConfig::new().comments(true));
/// let mut input = &b": hello\n"[..];
///
/// let frame = decoder.decode(&mut input)?;
/// assert_eq!(frame, Some(FrameRef::Comment(" hello")));
/// # Ok::<(), ssewire::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameRef<'a> {
    /// An event.
    Event(EventRef<'a>),
    /// A comment: everything after the colon of its line.
    Comment(&'a str),
    /// The reconnection time; what 64 bits of milliseconds cannot hold was made the longest that
    /// they can.
    Retry(Duration),
}

impl FrameRef<'_> {
    /// Appends the frame's wire form to `out`, up to and with the blank line that ends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Event(event) => event.encode(out),
            Self::Comment(text) => encode::comment(text, out),
            Self::Retry(time) => encode::retry(*time, out),
        }
    }

    /// Returns the frame's wire form in an allocation of its exact size.
    pub fn to_bytes(&self) -> Bytes {
        encode::to_bytes(|out| self.encode(out))
    }

    /// Copies the frame.
    pub fn to_frame(&self) -> Frame {
        match self {
            Self::Event(event) => Frame::Event(event.to_event()),
            Self::Comment(text) => Frame::Comment(String::from(*text)),
            Self::Retry(time) => Frame::Retry(*time),
        }
    }
}

impl<'a> From<EventRef<'a>> for FrameRef<'a> {
    fn from(event: EventRef<'a>) -> Self {
        Self::Event(event)
    }
}

impl<'a> From<&'a Event> for FrameRef<'a> {
    fn from(event: &'a Event) -> Self {
        Self::Event(event.as_event_ref())
    }
}

impl<'a> From<&'a Frame> for FrameRef<'a> {
    fn from(frame: &'a Frame) -> Self {
        frame.as_frame_ref()
    }
}
