//! Frames, owned and borrowed.

use alloc::string::String;
use core::time::Duration;

use crate::event::{Event, EventRef};

/// A unit of a stream: an event, a comment or a reconnection time.
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
    /// A comment: the text after the colon of its line. If the text has line breaks, each of its
    /// lines is written as a comment.
    Comment(String),
    /// A reconnection time. It is written in whole milliseconds: a fraction is rounded up, and a
    /// number that does not fit into 64 bits becomes the largest that does.
    Retry(Duration),
}

impl Frame {
    /// Returns whether the frame is an event.
    pub const fn is_event(&self) -> bool {
        matches!(self, Self::Event(_))
    }

    /// Returns whether the frame is a comment.
    pub const fn is_comment(&self) -> bool {
        matches!(self, Self::Comment(_))
    }

    /// Returns whether the frame is a reconnection time.
    pub const fn is_retry(&self) -> bool {
        matches!(self, Self::Retry(_))
    }

    /// Returns a reference to the event, or `None` if the frame is not an event.
    pub const fn as_event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }

    /// Returns the text of the comment, or `None` if the frame is not a comment.
    pub fn as_comment(&self) -> Option<&str> {
        match self {
            Self::Comment(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the reconnection time, or `None` if the frame is not one.
    pub const fn as_retry(&self) -> Option<Duration> {
        match self {
            Self::Retry(time) => Some(*time),
            _ => None,
        }
    }

    /// Converts the frame into its event.
    ///
    /// # Errors
    ///
    /// The unchanged frame if it is not an event.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::{Event, Frame};
    ///
    /// let frame = Frame::from(Event::new("x"));
    /// assert_eq!(frame.into_event(), Ok(Event::new("x")));
    ///
    /// let frame = Frame::Comment("hi".into());
    /// assert_eq!(frame.clone().into_event(), Err(frame));
    /// ```
    pub fn into_event(self) -> Result<Event, Self> {
        match self {
            Self::Event(event) => Ok(event),
            frame => Err(frame),
        }
    }

    /// Converts the frame into the text of its comment.
    ///
    /// # Errors
    ///
    /// The unchanged frame if it is not a comment.
    pub fn into_comment(self) -> Result<String, Self> {
        match self {
            Self::Comment(text) => Ok(text),
            frame => Err(frame),
        }
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

/// A borrowed unit of a stream: an event, a comment or a reconnection time.
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
    /// A comment: the text after the colon of its line.
    Comment(&'a str),
    /// A reconnection time. A number of milliseconds that does not fit into 64 bits is read as the
    /// largest that does.
    Retry(Duration),
}

impl<'a> FrameRef<'a> {
    /// Returns whether the frame is an event.
    pub const fn is_event(&self) -> bool {
        matches!(self, Self::Event(_))
    }

    /// Returns whether the frame is a comment.
    pub const fn is_comment(&self) -> bool {
        matches!(self, Self::Comment(_))
    }

    /// Returns whether the frame is a reconnection time.
    pub const fn is_retry(&self) -> bool {
        matches!(self, Self::Retry(_))
    }

    /// Returns the event, or `None` if the frame is not an event.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// let mut input = &b"retry: 5\ndata: 1\n\ndata: 2\n\n"[..];
    /// let mut data = Vec::new();
    /// while let Some(frame) = decoder.decode(&mut input)? {
    ///     data.extend(frame.as_event().map(|event| event.data().to_owned()));
    /// }
    ///
    /// assert_eq!(data, ["1", "2"]);
    /// # Ok::<(), ssewire::DecodeError>(())
    /// ```
    pub const fn as_event(&self) -> Option<EventRef<'a>> {
        match self {
            Self::Event(event) => Some(*event),
            _ => None,
        }
    }

    /// Returns the text of the comment, or `None` if the frame is not a comment.
    pub const fn as_comment(&self) -> Option<&'a str> {
        match self {
            Self::Comment(text) => Some(*text),
            _ => None,
        }
    }

    /// Returns the reconnection time, or `None` if the frame is not one.
    pub const fn as_retry(&self) -> Option<Duration> {
        match self {
            Self::Retry(time) => Some(*time),
            _ => None,
        }
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
