//! Frames to bytes.
//!
//! Every frame ends with a blank line, so that frames of any kind can stand one behind the other.
//! The order of an event's fields is ID, type, data; one space follows each colon, which a receiver
//! drops again (WHATWG HTML, "Interpreting an event stream"), so leading spaces survive.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use memchr::{memchr, memchr_iter, memchr2};

use crate::event::EventRef;

/// Appends an event. Type and ID hold no line break and the ID no NUL: their constructors checked.
pub(crate) fn event(event: EventRef<'_>, out: &mut Vec<u8>) {
    let event_type = event.type_on_wire();
    let head_len = event.id().map_or(0, |id| field_len("id", id))
        + if event_type.is_empty() {
            0
        } else {
            field_len("event", event_type)
        };
    let data = event.data().as_bytes();
    let Some(first_break) = find_break(data, event.is_lf_only()) else {
        out.reserve(head_len + DATA.len() + data.len() + END.len());
        head(event, out);
        out.extend_from_slice(DATA);
        out.extend_from_slice(data);
        out.extend_from_slice(END);
        return;
    };
    let lf_only = event.is_lf_only() || memchr(b'\r', data).is_none();
    out.reserve(head_len + lines_len(DATA, data, lf_only) + 1);
    head(event, out);
    let mut line_end = Some(first_break);
    let mut rest = data;
    while let Some((line, after)) = line_end.and_then(|end| rest.split_at_checked(end)) {
        out.extend_from_slice(DATA);
        out.extend_from_slice(line);
        out.push(b'\n');
        rest = after_break(after);
        line_end = find_break(rest, lf_only);
    }
    out.extend_from_slice(DATA);
    out.extend_from_slice(rest);
    out.extend_from_slice(END);
}

/// Appends a comment, one for each line of its text.
pub(crate) fn comment(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(lines_len(b":", rest, false) + 1);
    while let Some((line, after)) =
        find_break(rest, false).and_then(|end| rest.split_at_checked(end))
    {
        out.push(b':');
        out.extend_from_slice(line);
        out.push(b'\n');
        rest = after_break(after);
    }
    out.push(b':');
    out.extend_from_slice(rest);
    out.extend_from_slice(END);
}

/// Appends a reconnection time in milliseconds, rounded up: it is a lower bound for the receiver.
pub(crate) fn retry(time: Duration, out: &mut Vec<u8>) {
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
    out.reserve(RETRY.len() + len + END.len());
    out.extend_from_slice(RETRY);
    out.extend_from_slice(digits);
    out.extend_from_slice(END);
}

/// Collects what `encode` writes. It reserves what it writes, so the allocation has its exact size
/// at once, but for a frame of less than the eight bytes that a vector starts with.
pub(crate) fn to_bytes(encode: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = Vec::new();
    encode(&mut out);
    Bytes::from(out.into_boxed_slice())
}

fn head(event: EventRef<'_>, out: &mut Vec<u8>) {
    if let Some(id) = event.id() {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(id.as_bytes());
        out.push(b'\n');
    }
    if !event.type_on_wire().is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.type_on_wire().as_bytes());
        out.push(b'\n');
    }
}

/// Returns the length of a field's line: name, colon, space, value, line feed.
fn field_len(name: &str, value: &str) -> usize {
    name.len() + 2 + value.len() + 1
}

/// Returns the length of `text` as lines of `name`, each with its line feed.
fn lines_len(name: &[u8], text: &[u8], lf_only: bool) -> usize {
    if lf_only {
        return text.len() + 1 + name.len() * (memchr_iter(b'\n', text).count() + 1);
    }
    let mut len = name.len();
    let mut rest = text;
    while let Some((line, after)) =
        find_break(rest, lf_only).and_then(|end| rest.split_at_checked(end))
    {
        len += line.len() + 1 + name.len();
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

/// Drops the line break that `text` starts with: CRLF, CR or LF.
fn after_break(text: &[u8]) -> &[u8] {
    match text {
        [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
        [] => text,
    }
}

const DATA: &[u8] = b"data: ";
const RETRY: &[u8] = b"retry: ";
/// Ends the last line of a frame, and then the frame.
const END: &[u8] = b"\n\n";
