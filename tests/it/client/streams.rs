//! What the body of an answer becomes, and what is left of it.

use ssewire::client::{Action, ClientConfig, CloseReason, End};
use ssewire::{DecoderConfig, Frame};

use crate::common::embedder::{Embedder, steady};

#[test]
fn an_event_that_was_cut_off_is_to_be_had_once() {
    let mut embedder = Embedder::open(steady());
    embedder.data(b"id: 1\ndata: whole\n\nid: 2\nevent: part\ndata: a\ndata: b");
    assert_eq!(embedder.client.cut_off_event(), None, "the stream is open");
    embedder.end(End::Failed);
    let event = embedder.client.cut_off_event().expect("an event");
    let seen = (event.event_type(), event.data(), event.id());
    assert_eq!(seen, ("part", "a\nb", Some("2")));
    assert_eq!(embedder.client.cut_off_event(), None, "once");
    // It was not received: the server is asked for it again.
    assert_eq!(embedder.reconnect().1.last_event_id(), Some("1"));

    // It outlives retried answers, and is gone with the next stream.
    embedder.accept();
    embedder.data(b"data: cut");
    embedder.end(End::Clean);
    embedder.reconnect();
    embedder.status(503);
    embedder.actions();
    let mut other = embedder.client.clone();
    assert_eq!(other.cut_off_event().map(|event| event.data()), Some("cut"));
    embedder.reconnect();
    embedder.accept();
    assert_eq!(embedder.client.cut_off_event(), None);
    assert_eq!(
        embedder.events(b" on\n\ndata: new\n\n"),
        [("new".into(), Some("1".into()))],
        "nothing of the old stream is left"
    );

    // After a close too.
    embedder.data(b"data: cut");
    embedder.client.close();
    let event = embedder.client.cut_off_event();
    assert_eq!(event.map(|event| event.data()), Some("cut"));
    embedder.expect_closed(CloseReason::Caller, &[Action::Disconnect]);
}

#[test]
fn a_new_connection_begins_a_new_stream() {
    let mut embedder = Embedder::open(steady());
    assert_eq!(embedder.data(b"\xEF\xBB\xBFdata: 1\n\n").len(), 1);
    // A BOM in the middle is part of a name.
    assert_eq!(embedder.data(b"\xEF\xBB\xBFdata: 2\n\n").len(), 0);
    // A CR that waits for its LF, and half a line.
    embedder.data(b"data: 3\r");
    embedder.end(End::Failed);
    embedder.reconnect();
    embedder.accept();
    assert_eq!(
        embedder.events(b"\xEF\xBB\xBFdata: 4\n\n"),
        [("4".into(), None)]
    );
    embedder.end(End::Failed);
    embedder.reconnect();
    embedder.accept();
    // Half a BOM at the end of one, and the other half at the start of the next.
    embedder.data(b"\xEF\xBB");
    embedder.end(End::Failed);
    embedder.reconnect();
    embedder.accept();
    assert_eq!(embedder.events(b"\xBFdata: 5\n\n"), []);
}

#[test]
fn a_comment_is_a_frame_where_the_decoder_says_so() {
    let config = ClientConfig::new().decoder(DecoderConfig::new().comments(true));
    let mut embedder = Embedder::open(config);
    assert_eq!(embedder.data(b":c\n"), [Frame::Comment("c".into())]);
    assert_eq!(embedder.frames(b":d\n"), [Frame::Comment("d".into())]);
}

/// What is no event stream ends without a word of the standard's.
#[test]
fn lines_that_are_no_fields_are_told_if_no_event_came() {
    let json = &b"{\"error\":{\"type\":\"overloaded\",\"message\":\"try again later\"}}"[..];
    let cut_json = Some((1, &json[..46]));
    type Row<'a> = (&'a [u8], Option<(u64, &'a [u8])>);
    let rows: [Row<'_>; 17] = [
        (b"", None),
        (b": comment\n\nretry: 1\n\nid: 1\nevent: x\n\n", None),
        (b"data\n\n", None),
        (b"data: cut off", None),
        (b"dat", None),
        (b"\xEF\xBB\xBFretry: 1\r\n\r\n", None),
        (b"\xEF\xBB\xBF", None),
        (json, cut_json),
        (b"<html>\r\n<body>\r\n\r\n", Some((2, b"<html>"))),
        (b"<html>\r<body>\rdata", Some((2, b"<html>"))),
        (b"data : x\n\n", Some((1, b"data : x"))),
        (b"Data: x\n: c\ndatum", Some((2, b"Data: x"))),
        (b" data: x\n", Some((1, b" data: x"))),
        (b"\xEF\xBB\xBFx\n", Some((1, b"\xEF\xBB\xBFx"))),
        (
            b"\n\xEF\xBB\xBFretry: 1\n",
            Some((1, b"\xEF\xBB\xBFretry: 1")),
        ),
        // With an event it is an event stream, whatever else is in it.
        (b"x\ndata: 1\n\nx\n", None),
        (b"data: 1\n\nx\n", None),
    ];
    for (bytes, expected) in rows {
        for cut in 0..=bytes.len() {
            for by_cursor in [false, true] {
                let mut embedder = Embedder::open(steady());
                for piece in [&bytes[..cut], &bytes[cut..]] {
                    if by_cursor {
                        embedder.frames(piece);
                    } else {
                        embedder.data(piece);
                    }
                }
                embedder.end(End::Clean);
                let stray = embedder.client.stray_lines();
                let name = bytes.escape_ascii();
                assert_eq!(
                    stray.map(|stray| stray.count()),
                    expected.map(|row| row.0),
                    "{name} {cut}"
                );
                if let (Some(stray), Some((_, first))) = (stray, expected) {
                    assert_eq!(stray.first().as_bytes(), first, "{name}");
                    assert_eq!(stray.first().is_cut(), bytes == json);
                }
                // It is about the last stream.
                embedder.reconnect();
                embedder.accept();
                assert_eq!(embedder.client.stray_lines(), None);
            }
        }
    }
}

/// What a cursor left is passed again, and counts once.
#[test]
fn a_cursor_dropped_early_confuses_no_lines() {
    let mut embedder = Embedder::open(steady());
    embedder.frames(b"ret");
    let mut input = &b"ry: 1\nx\nretry: 2\ny\nz"[..];
    let mut frames = embedder.client.frames(embedder.now, &mut input);
    frames.next_frame();
    embedder.frames(input);
    embedder.end(End::Clean);
    let stray = embedder.client.stray_lines().expect("three lines");
    assert_eq!(stray.count(), 3);
    assert_eq!(stray.first().as_bytes(), b"x");
}
