//! The order of frames in one response.

use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::time::Duration;

use bytes::Bytes;

use crate::frame::FrameRef;
use crate::server::encoded::{Encoded, First, Outgoing};
use crate::server::event_id::EventId;

/// The frames of one response, as they follow each other.
///
/// [`Frame::encode`](crate::Frame::encode) ends every frame with a blank line, so that any frames
/// can follow each other. Many clients take a blank line for the end of an event even where no
/// event was, and some ignore a reconnection time in a block without data. So a response follows
/// three rules:
///
/// - A comment ends with its line.
/// - A reconnection time is written at the head of the next event, or at the end of the response if
///   no event follows.
/// - If the last line is a comment when the response ends, a blank line follows, without which some
///   clients take the end for an error.
///
/// [`Session`](crate::server::Session) follows these rules. A response that needs no session can
/// follow them with this alone.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::server::Wire;
/// use ssewire::{Event, Frame};
///
/// let mut out = Vec::new();
/// let mut wire = Wire::new();
/// wire.write(Frame::Comment("welcome".into()), &mut out);
/// wire.write(Frame::Retry(Duration::from_secs(2)), &mut out);
/// wire.write(Event::new("hi"), &mut out);
/// wire.write(Frame::Comment("bye".into()), &mut out);
/// wire.end(&mut out);
/// assert_eq!(out, b":welcome\nretry: 2000\ndata: hi\n\n:bye\n\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// The reconnection time that heads the next event.
    retry: Option<Retry>,
    ends_with_comment: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Retry {
    time: Duration,
    /// Whether it was sent as a frame. Such a time is written even if no event follows.
    is_frame: bool,
}

impl Wire {
    /// Creates the wire of a response that has not begun.
    pub const fn new() -> Self {
        Self {
            retry: None,
            ends_with_comment: false,
        }
    }

    /// Writes a reconnection time at the head of the first event, if there is one.
    pub(crate) fn with_retry(time: Option<Duration>) -> Self {
        let is_frame = false;
        Self {
            retry: time.map(|time| Retry { time, is_frame }),
            ends_with_comment: false,
        }
    }

    /// Appends an item to `out`.
    ///
    /// A reconnection time is held back until the next event. If another comes first, it replaces
    /// the time.
    pub fn write(&mut self, item: impl Into<Outgoing>, out: &mut Vec<u8>) {
        let item = item.into();
        match item.as_encoded() {
            Ok(encoded) => self.write_encoded(encoded, out),
            Err(frame) => self.write_frame(frame.as_frame_ref(), out),
        }
    }

    /// Appends an item to `out`, or returns its bytes if they can be sent unchanged after those in
    /// `out`.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use ssewire::server::{Encoded, Wire};
    /// use ssewire::{Event, Frame};
    ///
    /// let hi = Encoded::from(&Event::new("hi"));
    /// let mut out = Vec::new();
    /// let mut wire = Wire::new();
    /// assert_eq!(wire.pass(hi.clone(), &mut out), Some(hi.as_bytes().to_vec().into()));
    /// assert_eq!(out, b"");
    ///
    /// assert_eq!(wire.pass(Frame::Retry(Duration::from_secs(2)), &mut out), None);
    /// assert_eq!(wire.pass(hi, &mut out), None);
    /// assert_eq!(out, b"retry: 2000\ndata: hi\n\n");
    /// ```
    pub fn pass(&mut self, item: impl Into<Outgoing>, out: &mut Vec<u8>) -> Option<Bytes> {
        match item.into().into_encoded() {
            Ok(encoded) if encoded.is_event() && self.retry.is_none() => {
                self.ends_with_comment = false;
                Some(encoded.into_bytes())
            }
            Ok(encoded) => {
                self.write_encoded(&encoded, out);
                None
            }
            Err(item) => {
                self.write(item, out);
                None
            }
        }
    }

    /// Appends an empty comment, which keeps the connection alive.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b":\n");
        self.ends_with_comment = true;
    }

    /// Appends a block with an ID alone. It contains the reconnection time too, for clients that
    /// take it from there.
    pub(crate) fn write_position(&mut self, id: EventId, out: &mut Vec<u8>) {
        if let Some(retry) = &mut self.retry {
            FrameRef::Retry(retry.time).encode(out);
            // The block goes on.
            out.pop();
            retry.is_frame = false;
        }
        let _ = writeln!(Text(out), "id: {id}\n");
        self.ends_with_comment = false;
    }

    /// Appends what an orderly end of the response needs.
    ///
    /// This is a reconnection time that still waits for an event, or a blank line if a comment was
    /// written last. A second call appends nothing.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        match self.retry.take() {
            // It would be lost otherwise.
            Some(Retry {
                time,
                is_frame: true,
            }) => FrameRef::Retry(time).encode(out),
            _ if self.ends_with_comment => out.push(b'\n'),
            _ => {}
        }
        self.ends_with_comment = false;
    }

    pub(crate) fn write_frame(&mut self, frame: FrameRef<'_>, out: &mut Vec<u8>) {
        match frame {
            FrameRef::Event(event) => {
                self.begin_event(out);
                event.encode(out);
            }
            FrameRef::Comment(_) => {
                frame.encode(out);
                self.drop_blank_line(out);
            }
            FrameRef::Retry(time) => self.hold(time),
        }
    }

    fn write_encoded(&mut self, encoded: &Encoded, out: &mut Vec<u8>) {
        match encoded.first() {
            First::Event | First::Gap => {
                self.begin_event(out);
                out.extend_from_slice(encoded.as_bytes());
            }
            First::Comment => {
                out.extend_from_slice(encoded.as_bytes());
                self.drop_blank_line(out);
            }
            First::Retry(time) => self.hold(time),
        }
    }

    /// Reports that whole events were sent without this.
    pub(crate) fn handle_sent(&mut self) {
        self.ends_with_comment = false;
    }

    fn begin_event(&mut self, out: &mut Vec<u8>) {
        if let Some(Retry { time, .. }) = self.retry.take() {
            FrameRef::Retry(time).encode(out);
            // The event goes on with the block that this line began.
            out.pop();
        }
        self.ends_with_comment = false;
    }

    /// Drops the blank line after the comment that was written last.
    fn drop_blank_line(&mut self, out: &mut Vec<u8>) {
        out.pop();
        self.ends_with_comment = true;
    }

    fn hold(&mut self, time: Duration) {
        let is_frame = true;
        self.retry = Some(Retry { time, is_frame });
    }
}

/// Text that is written to bytes.
struct Text<'a>(&'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
