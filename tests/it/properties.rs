//! Any bytes at any cuts: what the transcription of the standard gives, and nothing else.

use core::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use ssewire::{Decoder, DecoderConfig, Event, EventRef, Frame, FrameRef};

use crate::common::feed::{self, Route, feed};
use crate::common::oracle::{Oracle, Outcome};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_at_any_cuts_equal_the_oracle(
        bytes in stream(),
        sizes in sizes(),
        route in route(),
        limit in limit(),
        comments: bool,
        id in option::of("[a-zé]{0,3}"),
    ) {
        let (mut decoder, mut oracle) = pair(limit, comments);
        if let Some(id) = &id {
            decoder.set_last_event_id(id).expect("an ID");
            oracle.set_last_event_id(id);
        }
        let outcomes = feed(&mut decoder, feed::at_sizes(&bytes, &sizes), route);
        prop_assert_eq!(outcomes, oracle.connection(&bytes));
        prop_assert_eq!(decoder.last_event_id(), oracle.last_event_id());
    }

    #[test]
    fn any_connections_that_end_anyhow_equal_the_oracle(
        connections in vec((stream(), sizes(), route(), any::<End>()), 1..5),
        limit in limit(),
        comments: bool,
    ) {
        let (mut decoder, mut oracle) = pair(limit, comments);
        for (bytes, sizes, route, end) in connections {
            let cut_off = oracle.cut_off(&bytes);
            let outcomes = feed(&mut decoder, feed::at_sizes(&bytes, &sizes), route);
            prop_assert_eq!(outcomes, oracle.connection(&bytes));
            match end {
                End::Reset => decoder.reset(),
                End::ResetTwice => {
                    decoder.reset();
                    decoder.reset();
                    prop_assert_eq!(decoder.finish(), None);
                }
                End::Finish => {
                    let finished = decoder.finish().map(|event| event.to_event());
                    prop_assert_eq!(finished, cut_off);
                    prop_assert_eq!(decoder.finish(), None);
                }
                End::SetId => {
                    decoder.reset();
                    decoder.set_last_event_id("set").expect("an ID");
                    oracle.set_last_event_id("set");
                }
            }
            prop_assert_eq!(decoder.last_event_id(), oracle.last_event_id());
        }
    }

    #[test]
    fn a_cursor_dropped_early_leaves_the_rest(
        bytes in stream(),
        count in 0..6_usize,
        limit in limit(),
        comments: bool,
    ) {
        let (mut decoder, oracle) = pair(limit, comments);
        let all = oracle.clone().connection(&bytes);
        let mut rest = &bytes[..];
        let mut outcomes = Vec::new();
        feed::take_frames(&mut decoder, &mut rest, count, |outcome| {
            outcomes.push(outcome.map(|frame| frame.to_frame()));
        });
        prop_assert_eq!(outcomes.len(), all.len().min(count));
        let (taken, left) = bytes.split_at(bytes.len() - rest.len());
        prop_assert_eq!(left, rest);
        // Exactly what the frames were made of was taken, and no byte of the next.
        prop_assert_eq!(&oracle.clone().connection(taken), &outcomes);
        outcomes.extend(feed(&mut decoder, [rest], Route::Frames));
        prop_assert_eq!(outcomes, all);
    }

    #[test]
    fn decode_after_encode_is_the_identity(
        frames in vec(frame(), 0..8),
        sizes in sizes(),
        route in route(),
    ) {
        let mut encoded = Vec::new();
        let mut expected: Vec<Outcome> = Vec::new();
        let mut id_in_effect = None;
        for frame in &frames {
            let before = encoded.len();
            frame.encode(&mut encoded);
            let bytes = &encoded[before..];
            prop_assert!(bytes.ends_with(b"\n\n"));
            prop_assert_eq!(frame.to_bytes(), bytes);
            let mut borrowed = Vec::new();
            frame.as_frame_ref().encode(&mut borrowed);
            prop_assert_eq!(borrowed, bytes);
            // Alone, it comes back as it was.
            prop_assert_eq!(feed(&mut with_comments(), [bytes], route), [Ok(frame.clone())]);
            expected.push(Ok(in_effect(frame, &mut id_in_effect)));
        }
        let outcomes =
            feed(&mut with_comments(), feed::at_sizes(&encoded, &sizes), route);
        prop_assert_eq!(outcomes, expected);
    }

    #[test]
    fn a_borrowed_event_is_read_as_the_owned_one(
        data in "[a-z \\r\\n]{0,12}|\\PC{0,20}",
        event_type in text(),
        id in option::of(text()),
        route in route(),
    ) {
        let mut borrowed = EventRef::new(&data).with_type(&event_type).expect("a type");
        let mut owned = Event::new(&data).with_type(&event_type).expect("a type");
        if let Some(id) = &id {
            borrowed = borrowed.with_id(id).expect("an ID");
            owned = owned.with_id(id).expect("an ID");
        }
        prop_assert_eq!(borrowed.data(), &data);
        prop_assert_eq!(owned.data(), data.replace("\r\n", "\n").replace('\r', "\n"));
        prop_assert_eq!(&borrowed.to_event(), &owned);
        let mut encoded = Vec::new();
        borrowed.encode(&mut encoded);
        prop_assert_eq!(owned.to_bytes(), &encoded);
        prop_assert_eq!(
            feed(&mut with_comments(), [&encoded[..]], route),
            [Ok(Frame::Event(owned))],
        );
    }

    #[test]
    fn what_would_forge_a_field_is_refused(text in "[a-z:\\r\\n\\x00]{0,6}") {
        let breaks = text.contains(['\r', '\n']);
        prop_assert_eq!(Event::new("").with_type(&text).is_err(), breaks);
        prop_assert_eq!(EventRef::new("").with_type(&text).is_err(), breaks);
        let bad_id = breaks || text.contains('\0');
        prop_assert_eq!(Event::new("").with_id(&text).is_err(), bad_id);
        prop_assert_eq!(EventRef::new("").with_id(&text).is_err(), bad_id);
        prop_assert_eq!(Decoder::new().set_last_event_id(&text).is_err(), bad_id);
    }

    #[test]
    fn a_comment_of_lines_is_one_comment_a_line(text in "[a-z: \\r\\n]{0,12}", route in route()) {
        let mut encoded = Vec::new();
        FrameRef::Comment(&text).encode(&mut encoded);
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        let expected: Vec<Outcome> =
            lines.split('\n').map(|line| Ok(Frame::Comment(line.to_owned()))).collect();
        prop_assert_eq!(feed(&mut with_comments(), [&encoded[..]], route), expected);
    }
}

/// What a last event ID over 4 KiB takes, later blocks cannot have, whoever set it.
#[test]
fn a_very_long_last_event_id_counts_against_later_blocks() {
    let limit = 5000;
    for id_len in [4095, 4096, 4097, 4900] {
        let id = "7".repeat(id_len);
        let room = limit - id_len.saturating_sub(4096);
        for (size, fits) in [(room, true), (room + 1, false)] {
            let block = ["data: ", &"x".repeat(size - 6), "\n\n"].concat();
            let stream = ["id: ", &id, "\n\n", &block, &block].concat();
            for route in [Route::Decode, Route::Frames] {
                for piece in [stream.len(), 1000, 1] {
                    let (mut decoder, mut oracle) = pair(limit, false);
                    let outcomes =
                        feed(&mut decoder, feed::pieces(stream.as_bytes(), piece), route);
                    assert!(outcomes.len() == 2 && outcomes.iter().all(|o| o.is_ok() == fits));
                    assert_eq!(outcomes, oracle.connection(stream.as_bytes()));
                    assert_eq!(decoder.last_event_id(), Some(&*id));

                    decoder.reset();
                    let again = feed(&mut decoder, [block.as_bytes()], route);
                    assert_eq!(again, outcomes[..1], "{id_len}: it outlives the connection");

                    decoder.set_last_event_id(&id).expect("an ID");
                    oracle.set_last_event_id(&id);
                    let again = feed(&mut decoder, [block.as_bytes()], route);
                    assert_eq!(again, oracle.connection(block.as_bytes()));
                    assert_eq!(again, outcomes[..1], "{id_len}: set by the caller");
                }
            }
        }
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Reset,
    ResetTwice,
    Finish,
    SetId,
}

impl Arbitrary for End {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        prop_oneof![
            Just(Self::Reset),
            Just(Self::ResetTwice),
            Just(Self::Finish),
            Just(Self::SetId),
        ]
        .boxed()
    }
}

/// Bytes that look like a stream as often as not.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(TOKENS).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..6),
        1 => "\\PC{0,8}".prop_map(String::into_bytes),
        // Past the blocks that a scan works in.
        1 => (prop::sample::select(&b"x\xFF: \0"[..]), 50..150_usize)
            .prop_map(|(byte, len)| vec![byte; len]),
    ];
    (any::<bool>(), vec(piece, 0..40)).prop_map(|(bom, pieces)| {
        let mut bytes = if bom {
            b"\xEF\xBB\xBF".to_vec()
        } else {
            Vec::new()
        };
        bytes.extend(pieces.concat());
        bytes
    })
}

/// Sizes of chunks, of which one at least is not 0.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![usize::MAX]),
        Just(vec![1]),
        (vec(0..5_usize, 0..5), 1..5_usize).prop_map(|(mut sizes, last)| {
            sizes.push(last);
            sizes
        }),
        vec(1..100_usize, 1..5),
    ]
}

fn route() -> impl Strategy<Value = Route> {
    prop_oneof![
        Just(Route::Decode),
        Just(Route::Frames),
        (0..4_usize).prop_map(Route::Mixed)
    ]
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(16 << 20), 2 => 0..40_usize, 1 => 40..400_usize]
}

/// Text that can be a type, an ID or a comment.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z: \\t\u{FEFF}]{0,8}",
        "\\PC{0,12}",
        Just("message".to_owned())
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    let data = prop_oneof![
        "[a-z: \\n\\r]{0,12}",
        "\\PC{0,12}",
        "(.|\\n|\\x00|\u{FEFF}){0,70}"
    ];
    let event = (data, text(), option::of(text())).prop_map(|(data, event_type, id)| {
        let event = Event::new(data).with_type(event_type).expect("a type");
        match id {
            None => Frame::Event(event),
            Some(id) => Frame::Event(event.with_id(id).expect("an ID")),
        }
    });
    prop_oneof![
        4 => event,
        1 => text().prop_map(Frame::Comment),
        1 => any::<u64>().prop_map(|time| Frame::Retry(Duration::from_millis(time))),
        1 => (0..100_u64).prop_map(|time| Frame::Retry(Duration::from_millis(time))),
    ]
}

/// Returns the frame as it is read behind those before it: an event without an ID has the last one.
fn in_effect(frame: &Frame, id_in_effect: &mut Option<String>) -> Frame {
    let Frame::Event(event) = frame else {
        return frame.clone();
    };
    if let Some(id) = event.id() {
        *id_in_effect = Some(id.to_owned()).filter(|id| !id.is_empty());
        return frame.clone();
    }
    match id_in_effect {
        None => frame.clone(),
        Some(id) => Frame::Event(event.clone().with_id(id).expect("it was one before")),
    }
}

fn pair(limit: usize, comments: bool) -> (Decoder, Oracle) {
    let config = DecoderConfig::new()
        .max_event_bytes(limit)
        .comments(comments);
    (Decoder::with_config(config), Oracle::new(limit, comments))
}

fn with_comments() -> Decoder {
    Decoder::with_config(DecoderConfig::new().comments(true))
}

/// A failure becomes a row of `tests/data`, not a seed of the generator.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

const TOKENS: &[&[u8]] = &[
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\r\r",
    b"\r\n\r\n",
    b"\n\r",
    b"data",
    b"data:",
    b"data: ",
    b"data: x\n",
    b"data: x\n\n",
    b"data:y\r\n\r\n",
    b"event",
    b"event:",
    b"event: t\n",
    b"id",
    b"id:",
    b"id: 1\n",
    b"id: 2\r",
    b"id: \0\n",
    b"id\n",
    b"retry",
    b"retry:",
    b"retry: 5\n",
    b"retry: 99999999999999999999\n",
    b":",
    b": c\n",
    b":\r",
    b" ",
    b"\t",
    b"\0",
    b"x",
    b"1",
    b"message",
    b"\xEF",
    b"\xBB",
    b"\xBF",
    b"\xEF\xBB\xBF",
    b"\xFF",
    b"\x80",
    b"\xC3",
    b"\xE6\x97",
    b"\xE6\x97\xA5",
    b"\xF0\x9F\x98",
    b"\xF0\x9F\x98\x80",
    b"\xED\xA0\x80",
    b"\xC2\x85",
    b"\xE2\x80\xA8",
    b"foo: bar\n",
    b"Data: x\n",
];
