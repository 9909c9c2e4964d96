//! Work is linear in the bytes for every split (rule 11).
//!
//! Time is measured here, and only against time in the same run: the bounds are far from both what
//! linear work takes and what quadratic work would.

#[path = "it/common/feed.rs"]
#[allow(dead_code, reason = "shared with other test files, which use the rest")]
mod feed;

use core::time::Duration;
use std::time::Instant;

use feed::{Route, feed_each};
use ssewire::{Decoder, DecoderConfig};

#[test]
fn a_long_line_in_small_pieces() {
    for (name, start, unit) in [
        ("data", &b"data: "[..], &b"x"[..]),
        ("an id", b"id: ", b"7"),
        ("a type", b"event: ", b"t"),
        ("a comment", b":", b"c"),
        ("an unknown field", b"foo: ", b"x"),
        ("a retry", b"retry: ", b"9"),
        ("text", b"data: ", "日".as_bytes()),
        ("bad bytes", b"data: ", b"some text and \xFF"),
    ] {
        let line = long(start, unit, b"\n\n");
        // A piece costs what a call costs; a quadratic decoder would do 350 times the work.
        assert_ratio(
            name,
            20,
            || decode(&line, 1460, Route::Frames),
            || decode(&line, line.len(), Route::Frames),
        );
    }
}

#[test]
fn a_block_of_many_lines_in_small_pieces() {
    let block = long(b"", b"data: one of very many lines\n", b"\n");
    assert_ratio(
        "lines",
        20,
        || decode(&block, 1460, Route::Decode),
        || decode(&block, block.len(), Route::Decode),
    );
}

/// A decoder that does quadratic work in a chunk would do 64 times as much in a whole stream as in
/// its 64 pieces.
#[test]
fn a_large_chunk_costs_a_byte_what_a_small_one_does() {
    for (name, unit) in [
        ("tiny events", &b"data: x\n\n"[..]),
        ("tiny events, CRLF", b"data: x\r\n\r\n"),
        ("a bad byte a line", b"data: \xFF and some text\n\n"),
        (
            "a bad byte now and then",
            b"data: x\n\ndata: y\n\nid: \xFF\ndata: z\n\n",
        ),
        ("a cut character a line", b"data: \xE6\x97\ndata: x\n\n"),
        ("text", "data: 日本語\n\n".as_bytes()),
        ("comments", b": x\n"),
        ("blank lines", b"\n"),
        ("ids", b"id: \xC3\xA9\n\n"),
        ("fields that nobody knows", b"foo\n\n"),
        ("lines of one block", b"data: x\nid: 1\nx\n"),
    ] {
        let stream = long(b"", unit, b"");
        for route in [Route::Decode, Route::Frames] {
            assert_ratio(
                name,
                8,
                || decode(&stream, stream.len(), route),
                || decode(&stream, stream.len() / 64, route),
            );
        }
    }
}

/// Asserts that `work` takes less than `most` times as long as `base`, in the best of some rounds.
fn assert_ratio(name: &str, most: u32, work: impl Fn(), base: impl Fn()) {
    let (mut of_work, mut of_base) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        of_base = of_base.min(time(&base));
        of_work = of_work.min(time(&work));
        if of_work < of_base * most {
            return;
        }
    }
    panic!("{name}: {of_work:?} is not under {most} times {of_base:?}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures; the core still reads no clock"
)]
fn time(work: impl Fn()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn decode(stream: &[u8], size: usize, route: Route) {
    let config = DecoderConfig::new().comments(true);
    let mut decoder = Decoder::with_config(config);
    let mut seen = 0_usize;
    feed_each(&mut decoder, stream.chunks(size), route, |_| seen += 1);
    assert!(seen <= stream.len());
}

fn long(start: &[u8], unit: &[u8], end: &[u8]) -> Vec<u8> {
    [start, &unit.repeat(BYTES / unit.len()), end].concat()
}

const ROUNDS: u32 = 5;
const BYTES: usize = 1 << 19;
