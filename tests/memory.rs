//! Allocations and memory, counted: none for an event once warm, one for an owned event, and never
//! more than the limit and a constant, whatever comes.

#[path = "it/common/counting.rs"]
mod counting;
#[path = "it/common/feed.rs"]
#[allow(dead_code, reason = "shared with other test files, which use the rest")]
mod feed;

use std::thread;

use counting::count;
use feed::{Route, feed_each};
use ssewire::{DecodeError, Decoder, DecoderConfig, Event, EventRef, Frame, FrameRef};

#[test]
fn a_warm_decoder_does_not_allocate() {
    for (name, corpus) in corpora() {
        for comments in [false, true] {
            for route in [Route::Frames, Route::Decode, Route::Mixed(2)] {
                for size in [corpus.len(), 1460, 64, 7, 1] {
                    let mut decoder = Decoder::with_config(DecoderConfig::new().comments(comments));
                    let mut run = || {
                        let mut events = 0_usize;
                        feed_each(&mut decoder, corpus.chunks(size), route, |outcome| {
                            if let Ok(FrameRef::Event(event)) = outcome {
                                events += 1;
                                // The length of every text, so that none of them goes unread.
                                assert!(event.event_type().len() + event.data().len() < 4096);
                                assert!(event.id().is_none_or(|id| id.len() < 64));
                            }
                        });
                        events
                    };
                    let events = run();
                    assert!(events > 50, "{name}: {events} events");
                    // Warm is: every buffer has had its turn.
                    for _ in 0..3 {
                        run();
                    }
                    let (again, usage) = count(&mut run);
                    assert_eq!(again, events, "{name}");
                    assert_eq!(
                        usage.allocations, 0,
                        "{name}: {events} events, pieces of {size}, {route:?}, {comments}",
                    );
                }
            }
        }
    }
}

#[test]
fn an_owned_event_is_one_allocation() {
    for (name, corpus) in corpora() {
        for size in [corpus.len(), 64] {
            let mut decoder = Decoder::new();
            feed_each(&mut decoder, corpus.chunks(size), Route::Frames, |_| {});
            let mut events = 0;
            let mut run = || {
                feed_each(
                    &mut decoder,
                    corpus.chunks(size),
                    Route::Frames,
                    |outcome| {
                        let Ok(FrameRef::Event(event)) = outcome else {
                            return;
                        };
                        drop(event.to_event());
                        events += 1;
                    },
                );
            };
            let ((), usage) = count(&mut run);
            assert_eq!(usage.allocations, events, "{name}, pieces of {size}");
            assert_eq!(usage.live, 0, "{name}, pieces of {size}");
        }
    }
}

#[test]
fn an_encoded_event_is_one_allocation_and_none_in_a_used_buffer() {
    for data in [
        "x",
        "",
        "a\nb\n\nc",
        "a\rb\r\nc",
        &"日本語 and more".repeat(500),
        &"l\n".repeat(99),
    ] {
        for (event_type, id) in [("", None), ("t", None), ("", Some("1")), ("type", Some(""))] {
            let mut event = EventRef::new(data).with_type(event_type).expect("a type");
            if let Some(id) = id {
                event = event.with_id(id).expect("an id");
            }
            let (mut out, usage) = count(|| {
                let mut out = Vec::new();
                event.encode(&mut out);
                out
            });
            assert_eq!(usage.allocations, 1, "{event:?} into an empty buffer");
            assert_eq!(
                out.capacity(),
                out.len(),
                "{event:?}: the reservation is exact"
            );
            out.clear();
            assert_eq!(
                count(|| event.encode(&mut out)).1.allocations,
                0,
                "{event:?} once more"
            );
            assert_eq!(
                count(|| drop(event.to_bytes())).1.allocations,
                1,
                "{event:?} to bytes"
            );
            let owned = event.to_event();
            out.clear();
            assert_eq!(
                count(|| owned.encode(&mut out)).1.allocations,
                0,
                "{owned:?}"
            );
            assert_eq!(
                count(|| drop(owned.to_bytes())).1.allocations,
                1,
                "{owned:?} to bytes"
            );
        }
    }
}

/// A stream that never ends its block: `start` once, and then `unit` for ever.
#[derive(Clone)]
struct Endless {
    name: &'static str,
    start: Vec<u8>,
    unit: Vec<u8>,
    /// How many limits of bytes hold more than the limit, or are enough to show that none do.
    times: usize,
    /// Whether it comes to hold too much.
    is_held: bool,
}

#[test]
fn memory_stays_within_the_limit_and_a_constant() {
    for limit in [20_000, 100_000, 256 << 10] {
        for endless in endless(limit) {
            for comments in [false, true] {
                for size in [1460, 65_536] {
                    check_endless(&endless, limit, comments, size, Route::Frames);
                }
            }
        }
    }
}

/// Texts of one block must neither count nor stay in the next one, also where both lie in one chunk.
#[test]
fn large_texts_of_a_block_without_data_are_gone_in_the_next() {
    let limit = 1 << 20;
    let x = "x".repeat(limit - 1000);
    let bad = [&b"\xFF"[..], x.as_bytes()].concat();
    let none = &b""[..];
    for first in [
        [b"event: ", x.as_bytes(), none],
        [b"event: ", &bad, none],
        [b"id: \0", x.as_bytes(), none],
        [b"id: ", &bad, b"\0"],
        [b"data: ", x.as_bytes(), none],
        [b"id: ", x.as_bytes(), b"\n\nid: 1"],
        [b"id: ", x.as_bytes(), b"\n\nid"],
    ] {
        for second in [&b"data: "[..], b"event: ", b"id: "] {
            let first = first.concat();
            let second = [second, &bad, b"\ndata: ok"].concat();
            let stream = [&first[..], b"\n\n", &second, b"\n\ndata: 3\n\n"].concat();
            // In one piece, cut in the first block's line, behind it, and in small pieces.
            for cuts in [vec![], vec![first.len() - 1], vec![first.len()]] {
                check_texts(&stream, &cuts, limit);
            }
            check_texts(
                &stream,
                &(0..stream.len()).step_by(1460).collect::<Vec<_>>(),
                limit,
            );
        }
    }
}

fn check_texts(stream: &[u8], cuts: &[usize], limit: usize) {
    for route in [Route::Decode, Route::Frames] {
        let mut chunks = Vec::new();
        let mut rest = stream;
        for cut in cuts {
            let (chunk, after) = rest.split_at(cut - (stream.len() - rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        chunks.push(rest);
        let config = DecoderConfig::new().max_event_bytes(limit);
        let (seen, usage) = count(|| {
            let mut seen = (0_usize, 0_usize, false);
            feed_each(
                &mut Decoder::with_config(config),
                chunks,
                route,
                |outcome| match outcome {
                    Ok(FrameRef::Event(event)) => {
                        seen.0 += 1;
                        seen.2 = event.data() == "3";
                    }
                    _ => seen.1 += 1,
                },
            );
            seen
        });
        let is_data = stream.starts_with(b"data");
        assert_eq!(
            seen,
            (2 + usize::from(is_data), 0, true),
            "{route:?}, {cuts:?}"
        );
        let peak = usage.peak as usize;
        assert!(
            peak <= limit + CONSTANT,
            "{peak} bytes, {route:?}, cuts {:?}",
            cuts.first()
        );
    }
}

/// Once bad bytes have made a line too large, what comes behind them in the line is not held either.
#[test]
fn nothing_is_held_behind_bad_bytes_that_were_too_many() {
    let limit = 1 << 20;
    let mut stream = [b"data: ", &[0xFF; 400_000][..]].concat();
    stream.resize(limit - 1, b'x');
    stream.extend_from_slice(b"\n\ndata: ok\n\n");
    for size in [700, 5000, 65_536] {
        let (seen, usage) = count(|| {
            let mut decoder = Decoder::with_config(DecoderConfig::new().max_event_bytes(limit));
            let mut seen = (0, 0);
            feed_each(
                &mut decoder,
                stream.chunks(size),
                Route::Frames,
                |outcome| match outcome {
                    Ok(_) => seen.0 += 1,
                    Err(_) => seen.1 += 1,
                },
            );
            seen
        });
        assert_eq!(seen, (1, 1), "{size}");
        let peak = usage.peak as usize;
        assert!(peak <= limit + CONSTANT, "{peak} bytes, {size}");
    }
}

/// What one text frees another may take, and no more: lines of any field, of good bytes and bad
/// ones, which end their blocks or do not.
#[test]
fn memory_stays_within_the_limit_over_several_blocks() {
    let limit = 240_000;
    let line = |field: &str, unit: &[u8], part: usize, end: &str| {
        let value = unit.repeat(limit * part / 24 / unit.len());
        [field.as_bytes(), &value, end.as_bytes()].concat()
    };
    // The data leaves its buffer behind, and the bad bytes of the next block triple.
    for field in ["id: ", "event: ", ":", "id: 1\nevent: "] {
        let second = [&line(field, b"\xFF", 7, "\n")[..], b"data: x\n\n"].concat();
        check_blocks(&[line("data: ", b"x", 16, "\n\n"), second].concat(), limit);
    }
    // What follows the bad bytes in their line no longer fits.
    let mixed = [
        &line("data: ", b"\xFF", 7, "")[..],
        &line("", b"x", 16, "\n\n"),
    ]
    .concat();
    check_blocks(&mixed, limit);
    let mut random = 10_u64;
    let mut pick = |most: usize| {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (random >> 33) as usize % most
    };
    for _ in 0..120 {
        let mut stream = Vec::new();
        for _ in 0..2 + pick(4) {
            let field = FIELDS.get(pick(FIELDS.len())).expect("a field");
            let unit = UNITS.get(pick(UNITS.len())).expect("a unit");
            let part = [1, 4, 7, 8, 11, 15, 16, 22, 23].get(pick(9));
            let end = ["\n", "\n\n"].get(pick(2)).expect("an end");
            stream.extend(line(field, unit, *part.expect("a part"), end));
        }
        check_blocks(&stream, limit);
    }
}

fn check_blocks(stream: &[u8], limit: usize) {
    for (size, route) in [
        (stream.len(), Route::Frames),
        (65_536, Route::Decode),
        (1460, Route::Frames),
    ] {
        for comments in [false, true] {
            let ((), usage) = count(|| {
                let config = DecoderConfig::new()
                    .max_event_bytes(limit)
                    .comments(comments);
                let mut decoder = Decoder::with_config(config);
                feed_each(&mut decoder, stream.chunks(size), route, |_| {});
                decoder.finish();
            });
            let most = limit + CONSTANT;
            assert!(
                usage.peak as usize <= most,
                "{} bytes of at most {most}: {}, pieces of {size}, {route:?}, comments: {comments}",
                usage.peak,
                outline(stream),
            );
        }
    }
}

/// Returns the lines of a stream with their lengths.
fn outline(stream: &[u8]) -> String {
    stream
        .split(|&byte| byte == b'\n')
        .map(|line| {
            let start = line.get(..line.len().min(8)).unwrap_or_default();
            format!("{} ({}), ", start.escape_ascii(), line.len())
        })
        .collect()
}

const FIELDS: [&str; 7] = ["data: ", "data: ", "id: ", "event: ", ":", "x: ", "id: \0"];
const UNITS: [&[u8]; 4] = [b"x", b"\xFF", b"xxxxxxxx\xFF", b"\xF0\x9F\x98"];

/// Buffers that take turns in growing must not be copied for each other again and again.
#[test]
fn growing_is_linear_where_every_growth_is_a_copy() {
    for limit in [1 << 20, 4 << 20] {
        let half = limit / 2;
        let mut turns = [b"data: ", "d".repeat(half).as_bytes(), b"\n"].concat();
        let turn = [b"id: \xFF", "i".repeat(4200).as_bytes(), b"\ndata: y\n"].concat();
        while turns.len() + turn.len() < limit {
            turns.extend_from_slice(&turn);
        }
        let mut at_the_limit = [b"data: ", "d".repeat(limit - 13_500).as_bytes(), b"\n"].concat();
        at_the_limit.extend_from_slice(&b"data\n".repeat(3000));
        for stream in [turns, at_the_limit] {
            for size in [stream.len(), 1460] {
                let ((), usage) = count(|| {
                    let config = DecoderConfig::new().max_event_bytes(limit);
                    let mut decoder = Decoder::with_config(config);
                    feed_each(&mut decoder, stream.chunks(size), Route::Frames, |_| {});
                    decoder.finish().expect("it is within the limit");
                });
                let most = 4 * stream.len();
                assert!(
                    usage.moved <= most,
                    "{} bytes moved of {}",
                    usage.moved,
                    stream.len()
                );
            }
        }
    }
}

#[test]
fn memory_stays_within_the_limit_byte_by_byte() {
    let limit = 20_000;
    for endless in endless(limit) {
        for comments in [false, true] {
            check_endless(&endless, limit, comments, 1, Route::Decode);
            check_endless(&endless, limit, comments, 7, Route::Frames);
        }
    }
}

#[test]
fn memory_stays_within_the_limit_in_one_chunk() {
    let limit = 256 << 10;
    for endless in endless(limit) {
        for comments in [false, true] {
            check_endless(&endless, limit, comments, usize::MAX, Route::Decode);
            check_endless(&endless, limit, comments, usize::MAX, Route::Frames);
        }
    }
}

/// Feeds many times the limit, sees one error if so much has to be held, and the next event, and
/// does all that twice.
fn check_endless(endless: &Endless, limit: usize, comments: bool, size: usize, route: Route) {
    let at = format!(
        "{}, limit {limit}, comments: {comments}, {size}, {route:?}",
        endless.name
    );
    let mut stream = endless.start.clone();
    while stream.len() < endless.start.len() + endless.times * limit {
        stream.extend_from_slice(&endless.unit);
    }
    // Ends the block, also where the last byte of the stream is a CR.
    stream.extend_from_slice(b"x\n\nid: 1\ndata: ok\n\n");
    let size = size.min(stream.len());

    let config = DecoderConfig::new()
        .max_event_bytes(limit)
        .comments(comments);
    let (decoder, usage) = count(|| {
        let mut decoder = Decoder::with_config(config);
        for _ in 0..2 {
            let (mut errors, mut events) = (0, 0);
            feed_each(
                &mut decoder,
                stream.chunks(size),
                route,
                |outcome| match outcome {
                    Err(DecodeError::EventTooLarge) => errors += 1,
                    Ok(FrameRef::Event(event)) => {
                        assert_eq!((event.data(), event.id()), ("ok", Some("1")), "{at}");
                        events += 1;
                    }
                    Ok(FrameRef::Comment(_)) => assert!(comments, "{at}"),
                    outcome => panic!("{at}: {outcome:?}"),
                },
            );
            let expected = (usize::from(endless.is_held), 1);
            assert_eq!((errors, events), expected, "{at}: errors and events");
        }
        decoder
    });
    let most = limit + CONSTANT;
    assert!(
        usage.peak as usize <= most,
        "{at}: {} bytes of at most {most}",
        usage.peak
    );
    drop(decoder);
}

#[test]
fn memory_stays_within_the_limit_when_large_ids_are_committed() {
    let limit = 300_000;
    let large_id = [&b"id: "[..], &b"7".repeat(limit - 100), b"\ndata: x\n\n"].concat();
    let small_id = b"id: 1\ndata: x\n\n".to_vec();
    let large_data = [&b"data: "[..], &b"y".repeat(limit - 100), b"\n\n"].concat();
    let large_type = [&b"event: "[..], &b"t".repeat(limit - 100), b"\ndata: x\n\n"].concat();
    for second in [&large_id, &small_id, &large_data, &large_type] {
        for size in [1460, 65_536, usize::MAX] {
            let stream = [&large_id[..], second, &large_id, &small_id, second].concat();
            let ((), usage) = count(|| {
                let config = DecoderConfig::new().max_event_bytes(limit);
                let mut decoder = Decoder::with_config(config);
                for _ in 0..2 {
                    let pieces = stream.chunks(size.min(stream.len()));
                    feed_each(&mut decoder, pieces, Route::Frames, |_| {});
                }
            });
            let most = limit + CONSTANT;
            assert!(
                usage.peak as usize <= most,
                "{} of at most {most}, {size}",
                usage.peak
            );
        }
    }
}

#[test]
fn a_large_event_leaves_no_large_buffers() {
    for (name, large) in large_events() {
        for (size, small_size) in [(1460, 64), (65_536, 1), (usize::MAX, 5), (64, 3)] {
            for route in [Route::Decode, Route::Frames] {
                let large = large.chunks(size.min(large.len()));
                let small = b"id: 1\nevent: t\ndata: x\ndata: y\n\n".repeat(4);
                let (decoder, usage) = count(|| {
                    let config = DecoderConfig::new().comments(true).max_event_bytes(2 << 20);
                    let mut decoder = Decoder::with_config(config);
                    feed_each(&mut decoder, large, route, |_| {});
                    let mut events = 0;
                    feed_each(&mut decoder, small.chunks(small_size), route, |_| {
                        events += 1
                    });
                    assert_eq!(events, 4, "{name}");
                    decoder
                });
                assert!(
                    usage.live < FEW,
                    "{name}: {} bytes after small events, {size}, {small_size}, {route:?}",
                    usage.live,
                );
                drop(decoder);
            }
        }
    }
}

/// All of the growth is in the chunk that ends the event, and nothing that follows is cut.
#[test]
fn a_large_event_cut_once_leaves_no_large_buffers() {
    for (name, large) in large_events() {
        for cut in [1, 7, 8, 21] {
            for route in [Route::Decode, Route::Frames] {
                let (start, end) = large.split_at(cut);
                let (decoder, usage) = count(|| {
                    let mut decoder = Decoder::with_config(DecoderConfig::new());
                    // Behind a first event, so that nothing but the cut is carried.
                    let first = &b"data: 0\n\n"[..];
                    feed_each(&mut decoder, [first, start, end], route, |_| {});
                    let mut events = 0;
                    feed_each(&mut decoder, [&b"data: x\n\n"[..]; 4], route, |_| {
                        events += 1
                    });
                    assert_eq!(events, 4, "{name}");
                    decoder
                });
                let held = usage.live - decoder.last_event_id().map_or(0, str::len) as isize;
                assert!(
                    held < FEW,
                    "{name}: {held} bytes after small events, cut at {cut}, {route:?}"
                );
            }
        }
    }
}

#[test]
fn a_large_event_leaves_no_large_buffers_when_nothing_follows() {
    for (name, large) in large_events() {
        for size in [1460, 65_536, usize::MAX] {
            for route in [Route::Decode, Route::Frames] {
                let large = large.chunks(size.min(large.len()));
                let (decoder, usage) = count(|| {
                    let config = DecoderConfig::new().comments(true).max_event_bytes(2 << 20);
                    let mut decoder = Decoder::with_config(config);
                    feed_each(&mut decoder, large, route, |_| {});
                    decoder
                });
                // The last event ID is the caller's to keep.
                let held = usage.live - decoder.last_event_id().map_or(0, str::len) as isize;
                assert!(
                    held < FEW,
                    "{name}: {held} bytes when idle, {size}, {route:?}"
                );
            }
        }
    }
}

#[test]
fn an_unfinished_large_event_leaves_no_large_buffers_after_finish_and_reset() {
    for (name, large) in large_events() {
        let cut = &large[..large.len() - 2];
        for finish in [false, true] {
            let (decoder, usage) = count(|| {
                let config = DecoderConfig::new().comments(true).max_event_bytes(2 << 20);
                let mut decoder = Decoder::with_config(config);
                feed_each(&mut decoder, cut.chunks(1460), Route::Frames, |_| {});
                if finish {
                    decoder.finish();
                } else {
                    decoder.reset();
                }
                feed_each(&mut decoder, [&b"data: x\n\n"[..]], Route::Frames, |_| {});
                feed_each(&mut decoder, [&b"data: y\n\n"[..]], Route::Frames, |_| {});
                decoder
            });
            assert!(
                usage.live < FEW,
                "{name}: {} bytes, finish: {finish}",
                usage.live
            );
            drop(decoder);
        }
    }
}

/// Rule 13: no frame of the stack for a comment, a blank line, or a block that is skipped.
#[test]
fn a_million_lines_in_one_buffer_use_constant_stack() {
    let lines = [
        (1_000_000, &b":\n"[..]),
        // Far more than the stack has room for, if each were to take some of it.
        (50_000, b": keep-alive\r\n\r\n"),
        (50_000, b"\n"),
        (50_000, b"\r"),
        (50_000, b"id\n\n"),
        (50_000, b"retry: x\n"),
        (50_000, b"x\n"),
    ];
    for (count, line) in lines {
        let mut stream = line.repeat(count);
        stream.extend_from_slice(b"\ndata: x\n\n");
        let work = move || {
            for comments in [false, true] {
                for route in [Route::Decode, Route::Frames] {
                    let config = DecoderConfig::new().comments(comments);
                    let mut decoder = Decoder::with_config(config);
                    let mut events = 0;
                    feed_each(&mut decoder, [&stream[..]], route, |outcome| {
                        events += usize::from(matches!(outcome, Ok(FrameRef::Event(_))));
                    });
                    assert_eq!(events, 1);
                }
            }
        };
        let thread = thread::Builder::new()
            .stack_size(128 << 10)
            .spawn(work)
            .expect("a thread");
        thread.join().expect("the stack was enough");
    }
}

#[test]
fn the_allocator_counts() {
    let (text, usage) = count(|| {
        let mut text = vec![0_u8; 1000];
        text.extend_from_slice(&[0; 2000]);
        text.truncate(500);
        text.shrink_to_fit();
        text
    });
    assert_eq!((text.len(), usage.live), (500, 500));
    assert!(usage.peak >= 3000 && usage.allocations == 3, "{usage:?}");
}

/// Streams of small events, for counting what a warm decoder asks for.
fn corpora() -> Vec<(&'static str, Vec<u8>)> {
    let keep_alives = b": keep-alive\n\n".repeat(9);
    let twenty_lines = b"data: twenty lines of this sort, as in a stream of logs\n".repeat(20);
    vec![
        ("one line", b"data: x\n\n".repeat(600)),
        (
            "id, event and data",
            b"id: 17\nevent: AAPL\ndata: 121.5 and some more\n\n".repeat(120),
        ),
        (
            "CRLF",
            b"id: 17\r\nevent: AAPL\r\ndata: 121.5\r\ndata: 2\r\n\r\n".repeat(120),
        ),
        ("CR", b"event: AAPL\rdata: 121.5\rid: 18\r\r".repeat(150)),
        ("lines", [&twenty_lines[..], b"\n"].concat().repeat(52)),
        (
            "non-ASCII",
            "event: 株価\nid: é😀\ndata: 日本語のテキスト\n\n"
                .as_bytes()
                .repeat(60),
        ),
        (
            "not UTF-8",
            b"event: t\xff\nid: \xc3\ndata: a\xe6\x97b\ndata: \xffc\n\n".repeat(60),
        ),
        (
            "keep-alives",
            [&keep_alives[..], b"data: x\n\n"].concat().repeat(60),
        ),
        (
            "comments and retry",
            b":a\xff\nretry: 10\ndata: x\n: b\n\n".repeat(60),
        ),
        (
            "resets of the id",
            b"id: 12345\ndata: x\n\nid\ndata: z\n\ndata: y\n\n".repeat(60),
        ),
        (
            "one KiB",
            [&b"data: "[..], &[b'x'; 1024], b"\n\n"].concat().repeat(52),
        ),
        (
            "unknown fields",
            b"foo: bar\nx\ndata: y\ndatax: z\n\n".repeat(60),
        ),
    ]
}

fn endless(limit: usize) -> Vec<Endless> {
    let endless = |name, start: &[u8], unit: &[u8]| Endless {
        name,
        start: start.to_vec(),
        // Long enough that building a stream takes no time.
        unit: unit.repeat(997 / unit.len() + 1),
        times: 3,
        is_held: true,
    };
    // Of a line without a value only the LF is held that joins it to the next.
    let thinly = |name, unit: &[u8]| Endless {
        times: 6,
        ..endless(name, b"", unit)
    };
    let passing = |name, start: &[u8], unit: &[u8]| Endless {
        times: 2,
        is_held: false,
        ..endless(name, start, unit)
    };
    let half = b"7".repeat(limit / 2 - 100);
    let tenth = b"7".repeat(limit / 10);
    vec![
        endless("a line", b"", b"x"),
        endless("data in one line", b"data: ", b"x"),
        endless("data lines", b"", b"data: some words\n"),
        endless("data lines with CRLF", b"", b"data: some words\r\n"),
        thinly("empty data lines", b"data\n"),
        thinly("short data lines", b"data:x\r"),
        passing("comments", b"", b": keep-alive\n"),
        passing("empty comments", b"", b":\n"),
        endless("a comment", b":", b"c"),
        endless("an id", b"id: ", b"7"),
        passing("ids", b"", b"id: 12345\n"),
        endless("an id with a NUL", b"id: \0", b"7"),
        endless("a type", b"event: ", b"t"),
        passing("types", b"", b"event: type\n"),
        endless("an unknown field", b"foo: ", b"x"),
        passing("unknown fields", b"", b"foo: x\r\n"),
        passing("retries", b"", b"retry: x\n"),
        passing("ids with a NUL", b"", b"id: \0\xFF\n"),
        passing(
            "bad bytes in ids and types",
            b"",
            b"id: \xFF\xFF\nevent: \xFF\n",
        ),
        passing(
            "comments after a type",
            &[b"event: ", &half[..], b"\n"].concat(),
            b": keep-alive\n",
        ),
        passing(
            "ids after a type",
            &[b"event: ", &half[..], b"\n"].concat(),
            b"id: 12345\n",
        ),
        passing(
            "long ids and types",
            b"",
            &[b"id: ", &tenth[..], b"\nevent: ", &tenth[..], b"\n"].concat(),
        ),
        passing(
            "long ids that are ignored",
            &[b"id: ", &half[..], b"\n"].concat(),
            &[b"id: \0", &half[..], b"\n"].concat(),
        ),
        endless("a name", b"data", b"x"),
        endless("a retry", b"retry: ", b"9"),
        endless("a bad retry", b"retry: x", b"\xFF"),
        endless("bad bytes in data", b"data: ", b"\xFF"),
        endless("bad bytes in data lines", b"", b"data: \xFF\n"),
        endless("bad bytes in an id", b"id: ", b"\xFF"),
        endless("bad bytes in a type", b"event: ", b"\xFF"),
        endless("bad bytes in a comment", b":", b"\xFF"),
        passing("bad bytes in comments", b"", b":\xFF\n"),
        endless("bad bytes in a name", b"", b"\xFF"),
        endless("cut characters in data", b"data: ", b"\xE6\x97"),
        endless("bad bytes among good ones", b"data: ", b"some words \xFF"),
        endless("text of three bytes", b"data: ", "日".as_bytes()),
        endless(
            "an id and data",
            &[b"id: ", &half[..], b"\ndata: "].concat(),
            b"x",
        ),
        endless(
            "an id and bad bytes",
            &[b"id: ", &half[..], b"\ndata: "].concat(),
            b"\xFF",
        ),
        endless(
            "a type and an id",
            &[b"event: ", &half[..], b"\nid: "].concat(),
            b"x",
        ),
        endless(
            "data and a type",
            &[b"data: ", &half[..], b"\nevent: "].concat(),
            b"x",
        ),
        endless(
            "a comment and data",
            &[b":", &half[..], b"\ndata: "].concat(),
            b"x",
        ),
        endless(
            "an id that is committed",
            &[b"id: ", &half[..], b"\n\ndata: "].concat(),
            b"x",
        ),
        endless(
            "an id that is committed and another",
            &[b"id: ", &half[..], b"\n\nid: "].concat(),
            b"8",
        ),
    ]
}

fn large_events() -> Vec<(&'static str, Vec<u8>)> {
    let with = |start: &[u8], unit: &[u8], end: &[u8]| {
        [start, &unit.repeat((1 << 19) / unit.len()), end].concat()
    };
    vec![
        ("data", with(b"data: ", b"x", b"\n\n")),
        ("data lines", with(b"", b"data: some words\n", b"\n")),
        ("an id", with(b"id: ", b"7", b"\ndata: x\n\n")),
        ("an id without data", with(b"id: ", b"7", b"\n\n")),
        ("a type", with(b"event: ", b"t", b"\ndata: x\n\n")),
        ("a comment", with(b":", b"c", b"\n\n")),
        ("a comment in a block", with(b"data: x\n:", b"c", b"\n\n")),
        ("bad bytes in data", with(b"data: ", b"\xFF", b"\n\n")),
        ("bad bytes in lines", with(b"", b"data: \xFF\n", b"\n")),
        (
            "bad bytes in an id",
            with(b"id: ", b"\xFF", b"\ndata: x\n\n"),
        ),
        (
            "bad bytes in a type",
            with(b"event: ", b"\xFF", b"\ndata: x\n\n"),
        ),
        ("bad bytes in a comment", with(b":", b"\xFF", b"\n\n")),
        (
            "everything",
            with(
                b"id: 1\nevent: t\ndata: ",
                b"y",
                b"\nid: 2\nevent: u\ndata\n\n",
            ),
        ),
        (
            "what is over the limit",
            [&b"data: "[..], &[b'z'; 3 << 20], b"\n\n"].concat(),
        ),
    ]
}

#[test]
fn words_of_one_allocation() {
    assert_eq!(count(|| Event::new("data")).1.allocations, 1);
    let event = EventRef::new("d")
        .with_type("t")
        .and_then(|event| event.with_id("1"));
    let event = event.expect("an event");
    assert_eq!(count(|| event.to_event()).1.allocations, 1);
    assert_eq!(
        count(|| Frame::from(FrameRef::from(event))).1.allocations,
        1
    );
    assert_eq!(count(|| event.to_event().clone()).1.allocations, 2);
}

/// What a decoder may hold beyond its limit, in bytes.
const CONSTANT: usize = 64 << 10;
/// What a decoder that once saw a large event may hold later, in bytes.
const FEW: isize = 128 << 10;
