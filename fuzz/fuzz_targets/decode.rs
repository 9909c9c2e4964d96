//! Any bytes at any cuts: what the transcription of the standard gives, by `decode`, by `frames`
//! or by both in turns; and `finish` gives what the end cut off.
//!
//! The first byte says how the input is cut, the second holds the options, the rest is the stream.
#![no_main]

#[path = "../../tests/it/common/feed.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod feed;
#[path = "../../tests/it/common/oracle.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod oracle;

use feed::{Route, cut_by_seed, feed_each};
use libfuzzer_sys::fuzz_target;
use oracle::{Oracle, Outcome};
use ssewire::{DecodeError, Decoder, DecoderConfig, Frame, FrameRef};

fuzz_target!(|input: &[u8]| {
    let [seed, options, stream @ ..] = input else {
        return;
    };
    let comments = options & 1 != 0;
    let mut oracle = Oracle::new(16 << 20, comments);
    let mut decoder = Decoder::with_config(DecoderConfig::new().comments(comments));
    if options & 2 != 0 {
        oracle.set_last_event_id("before");
        decoder.set_last_event_id("before").expect("an ID");
    }
    // The first connection's last event ID is the second's to begin with.
    let (first, second) = match options & 4 {
        0 => (stream, &b""[..]),
        _ => stream.split_at(stream.len() / 2),
    };
    let route = match options >> 3 & 3 {
        0 => Route::Decode,
        1 => Route::Frames,
        most => Route::Mixed(usize::from(most - 1)),
    };
    for (index, stream) in [first, second].into_iter().enumerate() {
        let finish = options & 32 != 0;
        let cut_off = if finish { oracle.cut_off(stream) } else { None };
        let outcomes = oracle.connection(stream);
        check(&mut decoder, stream, *seed, route, &outcomes);
        assert_eq!(
            decoder.last_event_id(),
            oracle.last_event_id(),
            "connection {index}"
        );
        if finish {
            assert_eq!(
                decoder.finish().map(|event| event.to_event()),
                cut_off,
                "finish"
            );
        } else {
            decoder.reset();
        }
    }
});

fn check(decoder: &mut Decoder, stream: &[u8], seed: u8, route: Route, outcomes: &[Outcome]) {
    let mut expected = outcomes.iter();
    feed_each(decoder, cut_by_seed(stream, seed), route, |outcome| {
        assert_eq!(Some(outcome), expected.next().map(borrowed), "{route:?}");
    });
    assert_eq!(expected.next(), None, "{route:?}: missing");
}

fn borrowed(outcome: &Outcome) -> Result<FrameRef<'_>, DecodeError> {
    outcome
        .as_ref()
        .map(Frame::as_frame_ref)
        .map_err(|error| *error)
}
