//! Frames to bytes.
//!
//! Every frame ends with a blank line, so that any frames can follow each other. The fields of an
//! event are written as ID, type, data, each with one space after its colon. A receiver drops that
//! space (WHATWG HTML, "Interpreting an event stream"), so leading spaces of a value survive.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use memchr::{memchr, memchr_iter, memchr2};

use crate::event::{Event, EventRef};
use crate::field::{COMMENT_PREFIX, DATA_PREFIX, EVENT_PREFIX, ID_PREFIX, RETRY_PREFIX};
use crate::frame::{Frame, FrameRef};

impl Event {
    /// Appends the encoded event to `out`, with at most one allocation.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.as_event_ref().encode(out);
    }

    /// Returns the encoded event, in an allocation of its exact size.
    pub fn to_bytes(&self) -> Bytes {
        self.as_event_ref().to_bytes()
    }
}

impl EventRef<'_> {
    /// Appends the encoded event to `out`, with at most one allocation.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode_event(*self, out);
    }

    /// Returns the encoded event, in an allocation of its exact size.
    pub fn to_bytes(&self) -> Bytes {
        collect(|out| self.encode(out))
    }

    /// Returns the length of the encoded event.
    #[cfg(feature = "server")]
    pub(crate) fn encoded_len(&self) -> usize {
        let lines = lines_len(DATA_PREFIX, self.data().as_bytes(), self.is_lf_only());
        head_len(*self) + lines + 1
    }
}

impl Frame {
    /// Appends the encoded frame to `out`, including the blank line that ends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.as_frame_ref().encode(out);
    }

    /// Returns the encoded frame, in an allocation of its exact size.
    pub fn to_bytes(&self) -> Bytes {
        self.as_frame_ref().to_bytes()
    }
}

impl FrameRef<'_> {
    /// Appends the encoded frame to `out`, including the blank line that ends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Event(event) => event.encode(out),
            Self::Comment(text) => encode_comment(text, out),
            Self::Retry(time) => encode_retry(*time, out),
        }
    }

    /// Returns the encoded frame, in an allocation of its exact size.
    pub fn to_bytes(&self) -> Bytes {
        collect(|out| self.encode(out))
    }
}

/// Appends an event. Its constructors have checked that the type and the ID contain no line break.
fn encode_event(event: EventRef<'_>, out: &mut Vec<u8>) {
    let head_len = head_len(event);
    let data = event.data().as_bytes();
    let Some(first_break) = find_break(data, event.is_lf_only()) else {
        out.reserve(head_len + DATA_PREFIX.len() + data.len() + END.len());
        head(event, out);
        out.extend_from_slice(DATA_PREFIX);
        out.extend_from_slice(data);
        out.extend_from_slice(END);
        return;
    };
    let lf_only = event.is_lf_only() || memchr(b'\r', data).is_none();
    out.reserve(head_len + lines_len(DATA_PREFIX, data, lf_only) + 1);
    head(event, out);
    let mut line_end = Some(first_break);
    let mut rest = data;
    while let Some((line, after)) = line_end.and_then(|end| rest.split_at_checked(end)) {
        out.extend_from_slice(DATA_PREFIX);
        out.extend_from_slice(line);
        out.push(b'\n');
        rest = after_break(after);
        line_end = find_break(rest, lf_only);
    }
    out.extend_from_slice(DATA_PREFIX);
    out.extend_from_slice(rest);
    out.extend_from_slice(END);
}

/// Appends a comment for each line of the text.
fn encode_comment(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(lines_len(COMMENT_PREFIX, rest, false) + 1);
    while let Some((line, after)) =
        find_break(rest, false).and_then(|end| rest.split_at_checked(end))
    {
        out.extend_from_slice(COMMENT_PREFIX);
        out.extend_from_slice(line);
        out.push(b'\n');
        rest = after_break(after);
    }
    out.extend_from_slice(COMMENT_PREFIX);
    out.extend_from_slice(rest);
    out.extend_from_slice(END);
}

/// Appends a reconnection time in milliseconds, rounded up, since it is a lower bound for the
/// receiver.
fn encode_retry(time: Duration, out: &mut Vec<u8>) {
    let milliseconds = time.as_nanos().div_ceil(1_000_000);
    let mut rest = u64::try_from(milliseconds).unwrap_or(u64::MAX);
    let mut digits = [b'0'; 20];
    let mut len = 0;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    let (_, digits) = digits.split_at(digits.len() - len);
    out.reserve(RETRY_PREFIX.len() + len + END.len());
    out.extend_from_slice(RETRY_PREFIX);
    out.extend_from_slice(digits);
    out.extend_from_slice(END);
}

/// Returns what `encode` writes. Since it reserves that at once, the allocation has its exact size
/// from the start, except for a frame of less than the eight bytes that a vector starts with.
fn collect(encode: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = Vec::new();
    encode(&mut out);
    Bytes::from(out.into_boxed_slice())
}

fn head(event: EventRef<'_>, out: &mut Vec<u8>) {
    if let Some(id) = event.id() {
        out.extend_from_slice(ID_PREFIX);
        out.extend_from_slice(id.as_bytes());
        out.push(b'\n');
    }
    if !event.type_on_wire().is_empty() {
        out.extend_from_slice(EVENT_PREFIX);
        out.extend_from_slice(event.type_on_wire().as_bytes());
        out.push(b'\n');
    }
}

/// Returns the length of the lines before the data.
fn head_len(event: EventRef<'_>) -> usize {
    let event_type = event.type_on_wire();
    let type_len = match event_type.is_empty() {
        true => 0,
        false => field_len(EVENT_PREFIX, event_type),
    };
    event.id().map_or(0, |id| field_len(ID_PREFIX, id)) + type_len
}

/// Returns the length of a field's line, with its line feed.
fn field_len(prefix: &[u8], value: &str) -> usize {
    prefix.len() + value.len() + 1
}

/// Returns the length of `text` as lines that start with `prefix` and end with a line feed.
fn lines_len(prefix: &[u8], text: &[u8], lf_only: bool) -> usize {
    if lf_only {
        return text.len() + 1 + prefix.len() * (memchr_iter(b'\n', text).count() + 1);
    }
    let mut len = prefix.len();
    let mut rest = text;
    while let Some((line, after)) =
        find_break(rest, lf_only).and_then(|end| rest.split_at_checked(end))
    {
        len += line.len() + 1 + prefix.len();
        rest = after_break(after);
    }
    len + rest.len() + 1
}

fn find_break(text: &[u8], lf_only: bool) -> Option<usize> {
    if lf_only {
        memchr(b'\n', text)
    } else {
        memchr2(b'\r', b'\n', text)
    }
}

/// Returns the text after the CRLF, CR or LF that it starts with.
fn after_break(text: &[u8]) -> &[u8] {
    match text {
        [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
        [] => text,
    }
}

/// The ends of a frame's last line and of the frame.
const END: &[u8; 2] = b"\n\n";
