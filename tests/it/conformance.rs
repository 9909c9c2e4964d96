//! Every row of the case tables, whole, byte by byte and cut at every place.
//!
//! The tables are those of `tests/data` and, where the variable `SSE_CASES` names a folder, those
//! in it. `cargo test --test it conformance -- --nocapture` tells how many rows ran.

use ssewire::{Decoder, DecoderConfig, Event, EventRef, Frame, InvalidField};

use crate::common::cases::{self, Case, DecodeCase, EncodeCase, Seen};
use crate::common::feed::{self, Route, feed};
use crate::common::oracle::{Oracle, Outcome};

#[test]
fn rows_of_this_repository() {
    run("tests/data", &cases::own());
}

#[test]
fn rows_of_sse_cases() {
    match cases::of_environment() {
        Some(cases) => run("SSE_CASES", &cases),
        None => println!("SSE_CASES: not set, 0 rows"),
    }
}

fn run(place: &str, cases: &[Case]) {
    let (mut decoded, mut encoded, mut behaviour) = (0, 0, 0);
    for case in cases {
        match case {
            Case::Decode(case) => {
                check_decode(case);
                decoded += 1;
            }
            Case::Encode(case) => {
                check_encode(case);
                encoded += 1;
            }
            Case::Behaviour => behaviour += 1,
        }
    }
    println!("{place}: {decoded} rows decoded, {encoded} rows encoded, all right");
    println!("{place}: {behaviour} rows about a client's behaviour, not for a decoder, not run");
}

/// The transcription must give what the row says, and the decoder, whichever way the bytes come,
/// what the transcription gives: that is more, since it knows the order and the kinds of frames.
fn check_decode(case: &DecodeCase) {
    for comments in [false, true] {
        let mut oracle = Oracle::new(case.max_event_bytes.unwrap_or(DEFAULT_LIMIT), comments);
        if let Some(id) = &case.initial_last_event_id {
            oracle.set_last_event_id(id);
        }
        let cut_off = oracle.cut_off(&case.input);
        let expected = oracle.connection(&case.input);
        check_against_row(case, comments, &expected);
        assert_eq!(
            oracle.last_event_id().unwrap_or(""),
            case.last_event_id,
            "{}",
            case.name
        );
        if let Some(finish) = &case.finish {
            assert_eq!(
                cut_off.as_ref().map(Seen::from),
                *finish,
                "{}: finish",
                case.name
            );
        }

        let check = |way: &str, route: Route, chunks: &mut dyn Iterator<Item = &[u8]>| {
            let mut decoder = decoder(case, comments);
            let outcomes = feed(&mut decoder, chunks, route);
            let name = &case.name;
            assert_eq!(
                outcomes, expected,
                "{name}: {way}, {route:?}, comments: {comments}"
            );
            assert_eq!(
                decoder.last_event_id(),
                oracle.last_event_id(),
                "{name}: {way}, {route:?}: last event ID",
            );
            let finished = decoder.finish().map(|event| event.to_event());
            assert_eq!(finished, cut_off, "{name}: {way}, {route:?}: finish");
        };
        for route in [Route::Decode, Route::Frames, Route::Mixed(1)] {
            check(
                "whole",
                route,
                &mut feed::pieces(&case.input, case.input.len().max(1)),
            );
            check("byte by byte", route, &mut feed::pieces(&case.input, 1));
            check("in pieces of 3", route, &mut feed::pieces(&case.input, 3));
            if let Some(sizes) = case
                .chunk_sizes
                .as_ref()
                .filter(|sizes| sizes.iter().any(|&s| s > 0))
            {
                check(
                    "at its chunk sizes",
                    route,
                    &mut feed::at_sizes(&case.input, sizes),
                );
            }
        }
        let route = if comments {
            Route::Frames
        } else {
            Route::Decode
        };
        for place in feed::cut_places(case.input.len()) {
            check(
                &format!("cut at {place}"),
                route,
                &mut feed::cut_at(&case.input, place),
            );
        }
    }
}

fn check_against_row(case: &DecodeCase, with_comments: bool, outcomes: &[Outcome]) {
    let (mut events, mut comments, mut retry, mut too_large) = (Vec::new(), Vec::new(), None, 0);
    for outcome in outcomes {
        match outcome {
            Ok(Frame::Event(event)) => events.push(Seen::from(event)),
            Ok(Frame::Comment(text)) => comments.push(text.clone()),
            Ok(Frame::Retry(time)) => retry = Some(*time),
            Ok(frame) => panic!("{}: a frame of an unknown kind: {frame:?}", case.name),
            Err(_) => too_large += 1,
        }
    }
    assert_eq!(events, case.expected, "{}: events", case.name);
    assert_eq!(retry, case.retry, "{}: retry", case.name);
    assert_eq!(
        too_large, case.too_large,
        "{}: events over the limit",
        case.name
    );
    match &case.comments {
        Some(expected) if with_comments => {
            assert_eq!(comments, *expected, "{}: comments", case.name);
        }
        _ => assert!(
            with_comments || comments.is_empty(),
            "{}: comments are off",
            case.name
        ),
    }
}

fn decoder(case: &DecodeCase, comments: bool) -> Decoder {
    let mut config = DecoderConfig::new().comments(comments);
    if let Some(limit) = case.max_event_bytes {
        config = config.max_event_bytes(limit);
    }
    let mut decoder = Decoder::with_config(config);
    if let Some(id) = &case.initial_last_event_id {
        decoder.set_last_event_id(id).expect("the row's ID is one");
    }
    decoder
}

/// A table may come from an encoder of another layout. What counts is that the bytes mean the same;
/// where they could be ours, they must be.
fn check_encode(case: &EncodeCase) {
    let name = &case.name;
    let Ok(frames) = frames_of(case) else {
        let forbidden = |text: &Option<String>| {
            text.as_ref()
                .is_some_and(|text| text.contains(['\r', '\n', '\0']))
        };
        // A peer may escape what cannot be sent; here it cannot be built.
        assert!(
            case.output.is_none() || forbidden(&case.id) || forbidden(&case.event_type),
            "{name}: refused",
        );
        return;
    };
    let Some(output) = &case.output else {
        panic!("{name}: built, but it must be refused")
    };
    let mut encoded = Vec::new();
    for frame in &frames {
        frame.encode(&mut encoded);
    }
    if case.exact || (case.retry.is_none() && is_our_layout(output)) {
        assert_eq!(
            encoded.escape_ascii().to_string(),
            output.escape_ascii().to_string(),
            "{name}"
        );
    }
    assert_eq!(
        decode_all(&encoded, ""),
        decode_all(output, comment_prefix(case)),
        "{name}"
    );

    if let (Some(data), None, None) = (&case.data, &case.comment, case.retry) {
        let borrowed = event_ref_of(case, data).expect("the owned event was built");
        let mut from_borrowed = Vec::new();
        borrowed.encode(&mut from_borrowed);
        assert_eq!(from_borrowed, encoded, "{name}: borrowed and owned differ");
        assert_eq!(borrowed.to_bytes(), encoded, "{name}: to_bytes");
    }
}

fn frames_of(case: &EncodeCase) -> Result<Vec<Frame>, InvalidField> {
    let mut frames = Vec::new();
    if let Some(text) = &case.comment {
        frames.push(Frame::Comment(text.clone()));
    }
    if let Some(time) = case.retry {
        frames.push(Frame::Retry(time));
    }
    if let Some(data) = &case.data {
        let mut event = Event::new(data);
        if let Some(event_type) = &case.event_type {
            event = event.with_type(event_type)?;
        }
        if let Some(id) = &case.id {
            event = event.with_id(id)?;
        }
        frames.push(Frame::Event(event));
    }
    assert!(!frames.is_empty(), "{}: nothing to encode", case.name);
    Ok(frames)
}

fn event_ref_of<'a>(case: &'a EncodeCase, data: &'a str) -> Result<EventRef<'a>, InvalidField> {
    let mut event = EventRef::new(data);
    if let Some(event_type) = &case.event_type {
        event = event.with_type(event_type)?;
    }
    if let Some(id) = &case.id {
        event = event.with_id(id)?;
    }
    Ok(event)
}

/// Tells whether the lines are an event as it is encoded here: `id`, `event`, `data` in this order,
/// one space behind each colon, one blank line at the end.
fn is_our_layout(output: &[u8]) -> bool {
    let Some(lines) = output.strip_suffix(b"\n\n") else {
        return false;
    };
    let ranks: Option<Vec<usize>> = lines
        .split(|&byte| byte == b'\n')
        .map(|line| {
            [&b"id: "[..], b"event: ", b"data: "]
                .iter()
                .position(|name| line.starts_with(name))
        })
        .collect();
    ranks.is_some_and(|ranks| ranks.is_sorted() && ranks.last() == Some(&2))
}

/// Decodes all frames; `prefix` is dropped from the front of each comment.
fn decode_all(bytes: &[u8], prefix: &str) -> Vec<Outcome> {
    let mut decoder = Decoder::with_config(DecoderConfig::new().comments(true));
    let mut outcomes = feed(&mut decoder, [bytes], Route::Frames);
    for outcome in &mut outcomes {
        if let Ok(Frame::Comment(text)) = outcome {
            *text = text
                .strip_prefix(prefix)
                .expect("every line got the prefix")
                .to_owned();
        }
    }
    outcomes
}

/// Returns the space that a peer puts behind the colon of comments, where it does.
fn comment_prefix(case: &EncodeCase) -> &'static str {
    match (&case.comment, &case.output) {
        (Some(text), Some(output)) if !text.starts_with(' ') && output.starts_with(b": ") => " ",
        _ => "",
    }
}

const DEFAULT_LIMIT: usize = 16 << 20;
