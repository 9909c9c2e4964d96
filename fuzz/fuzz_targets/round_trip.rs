//! Arbitrary frames: what cannot be sent is refused, and everything else comes back as it was, in
//! one buffer with others and at any cuts.
//!
//! The first byte says how the bytes are cut and by which method they are read. The rest is text: frames, between them U+001E; in an
//! event its data, type and ID, between them U+001F. A frame that starts with `:` is a comment, one
//! that starts with `+` a time in milliseconds.
#![no_main]

#[path = "../../tests/it/common/feed.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod feed;

use core::time::Duration;

use feed::{Route, cut_by_seed, feed_each};
use libfuzzer_sys::fuzz_target;
use ssewire::{Decoder, DecoderConfig, Event, EventRef, Frame, FrameRef};

fuzz_target!(|input: &[u8]| {
    let [seed, text @ ..] = input else { return };
    let text = String::from_utf8_lossy(text);
    let mut encoded = Vec::new();
    let mut expected = Vec::new();
    let mut last_event_id = String::new();
    for frame in text.split('\u{1E}') {
        if let Some(comment) = frame.strip_prefix(':') {
            FrameRef::Comment(comment).encode(&mut encoded);
            expected.extend(lines(comment).map(|line| Frame::Comment(line.to_owned())));
        } else if let Some(digits) = frame.strip_prefix('+') {
            let time = Duration::from_millis(digits.parse().unwrap_or(u64::MAX));
            FrameRef::Retry(time).encode(&mut encoded);
            expected.push(Frame::Retry(time));
        } else {
            let event = encode_event(frame, &mut encoded);
            expected.push(Frame::Event(in_effect(event, &mut last_event_id)));
        }
    }

    let route = if seed & 1 == 0 {
        Route::Decode
    } else {
        Route::Frames
    };
    let mut expected = expected.iter();
    let mut decoder = Decoder::with_config(DecoderConfig::new().comments(true));
    feed_each(
        &mut decoder,
        cut_by_seed(&encoded, seed >> 1),
        route,
        |outcome| {
            assert_eq!(outcome.ok(), expected.next().map(Frame::as_frame_ref));
        },
    );
    assert_eq!(expected.next(), None, "missing");
    assert_eq!(decoder.last_event_id().unwrap_or(""), last_event_id);
    assert_eq!(decoder.finish(), None, "every frame ends with a blank line");
});

/// Appends the event of these parts without what must be refused, and returns it.
fn encode_event(parts: &str, out: &mut Vec<u8>) -> Event {
    let mut parts = parts.split('\u{1F}');
    let data = parts.next().unwrap_or("");
    let mut borrowed = EventRef::new(data);
    let mut owned = Event::new(data);
    if let Some(event_type) = parts.next() {
        match borrowed.with_type(event_type) {
            Ok(event) => {
                borrowed = event;
                owned = owned.with_type(event_type).expect("as the borrowed one");
            }
            Err(error) => assert_eq!(event_type.find(['\r', '\n']), Some(error.position())),
        }
    }
    if let Some(id) = parts.next() {
        match borrowed.with_id(id) {
            Ok(event) => {
                borrowed = event;
                owned = owned.with_id(id).expect("as the borrowed one");
            }
            Err(error) => assert_eq!(id.find(['\r', '\n', '\0']), Some(error.position())),
        }
    }
    assert!(lines(data).eq(owned.data().split('\n')));
    assert_eq!(borrowed.to_event(), owned);
    let start = out.len();
    borrowed.encode(out);
    assert_eq!(owned.to_bytes(), out[start..], "owned and borrowed differ");
    owned
}

/// Returns the event as it is read: without an ID of its own it has the last one.
fn in_effect(event: Event, last_event_id: &mut String) -> Event {
    match event.id() {
        Some(id) => {
            id.clone_into(last_event_id);
            event
        }
        None if last_event_id.is_empty() => event,
        None => event.with_id(last_event_id).expect("it was one before"),
    }
}

/// Returns the lines of a text, as the standard ends them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\r', '\n']) else {
            rest = None;
            return Some(text);
        };
        let (line, after) = text.split_at(end);
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..));
        Some(line)
    })
}
