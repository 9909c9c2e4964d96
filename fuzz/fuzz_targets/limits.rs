//! A small limit: each event over it is one error, the next event is read as if nothing had been,
//! all as the transcription has it, and memory stays within the limit and a constant.
//!
//! The first byte says how the input is cut, the second is the limit, the third holds the options,
//! the rest is the stream, or what the stream repeats. In some inputs a letter stands for a long
//! text, and the limit is larger, so that texts outgrow what their buffers keep for good, and one
//! that is held besides the limit shows.
#![no_main]

#[path = "../../tests/it/common/counting.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod counting;
#[path = "../../tests/it/common/feed.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod feed;
#[path = "../../tests/it/common/oracle.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod oracle;

use counting::count;
use feed::{Route, cut_by_seed, feed_each};
use libfuzzer_sys::fuzz_target;
use oracle::Oracle;
use ssewire::{DecodeError, Decoder, DecoderConfig, Frame, FrameRef};

fuzz_target!(|input: &[u8]| {
    let [seed, limit, options, stream @ ..] = input else {
        return;
    };
    // Whatever the stream left open, this block can be read, if the limit allows.
    let repeats = options >> 2 & 7 == 0;
    let mut stream = stream.repeat(if repeats { 32 } else { 1 });
    let is_large = options & 16 != 0;
    let (scale, constant) = if is_large {
        stream = expand(&stream);
        (SCALE, LARGE_CONSTANT)
    } else {
        (1, CONSTANT)
    };
    stream.extend_from_slice(RESYNC);
    let limit = usize::from(*limit) * scale;
    let comments = options & 1 != 0;
    let outcomes = Oracle::new(limit, comments).connection(&stream);
    match outcomes.last() {
        Some(Ok(Frame::Event(event))) => assert_eq!((event.data(), event.id()), ("ok", Some(""))),
        last => assert!(
            limit < RESYNC_SIZE,
            "the decoder was to be in step again: {last:?}"
        ),
    }

    let route = if options & 2 == 0 {
        Route::Decode
    } else {
        Route::Frames
    };
    let mut expected = outcomes.iter();
    let ((), usage) = count(|| {
        let config = DecoderConfig::new()
            .max_event_bytes(limit)
            .comments(comments);
        let mut decoder = Decoder::with_config(config);
        feed_each(
            &mut decoder,
            cut_by_seed(&stream, *seed),
            route,
            |outcome| {
                let expected = match expected.next() {
                    Some(Ok(frame)) => Ok(frame.as_frame_ref()),
                    Some(Err(error)) => Err(*error),
                    None => panic!("{outcome:?} is too much"),
                };
                check(outcome, expected);
            },
        );
    });
    assert_eq!(expected.next(), None, "missing");
    assert!(
        usage.peak as usize <= limit + constant,
        "{} bytes, limit {limit}",
        usage.peak
    );
});

fn check(outcome: Result<FrameRef<'_>, DecodeError>, expected: Result<FrameRef<'_>, DecodeError>) {
    assert_eq!(outcome, expected);
}

/// Makes long texts of two letters: one of UTF-8, one of what is not.
fn expand(stream: &[u8]) -> Vec<u8> {
    let mut expanded = Vec::new();
    for byte in stream {
        match byte {
            b'X' => expanded.extend_from_slice(&[b'x'; 6 * SCALE]),
            b'Y' => expanded.extend_from_slice(&[0xFF; 6 * SCALE]),
            byte => expanded.push(*byte),
        }
        if expanded.len() > LONGEST {
            break;
        }
    }
    expanded
}

/// Ends any block, and then is one that resets the last event ID.
const RESYNC: &[u8] = b"\n\n\nid\ndata: ok\n\n";
/// What the lines of that block count.
const RESYNC_SIZE: usize = 10;
/// What the decoder may hold beyond its limit, in bytes; on such a small scale it is less than
/// what it promises.
const CONSTANT: usize = 8 << 10;
/// What one step of the limit is where texts are long, in bytes.
const SCALE: usize = 2 << 10;
/// The length from which on such a stream is cut off, in bytes: several blocks of the largest limit.
const LONGEST: usize = 2 << 20;
/// What the decoder may hold beyond its limit, in bytes, where texts are long.
const LARGE_CONSTANT: usize = 64 << 10;
