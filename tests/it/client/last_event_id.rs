//! Which last event ID a request carries.

use ssewire::client::{ClientConfig, End, OmittedId};

use crate::common::embedder::{Embedder, steady};

#[test]
fn seeded_from_an_earlier_run() {
    let config = || ClientConfig::new().last_event_id("41").expect("an ID");
    let mut embedder = Embedder::new(config());
    assert_eq!(embedder.client.last_event_id(), Some("41"));
    assert_eq!(embedder.connect().last_event_id(), Some("41"));
    embedder.accept();
    // It is in effect for a first event without an ID, and until there is another.
    assert_eq!(
        embedder.events(b"data: a\n\n"),
        [("a".into(), Some("41".into()))]
    );
    assert_eq!(
        embedder.events(b"id: 42\ndata: b\n\n"),
        [("b".into(), Some("42".into()))]
    );
    assert_eq!(embedder.client.last_event_id(), Some("42"));

    let config = ClientConfig::new().last_event_id("").expect("none");
    let mut embedder = Embedder::new(config);
    assert_eq!(embedder.client.last_event_id(), None);
    assert_eq!(embedder.connect().last_event_id(), None);

    for bad in ["a\nb", "a\rb", "a\0b", "\n"] {
        assert!(ClientConfig::new().last_event_id(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn kept_across_connections_until_it_is_emptied() {
    // What a connection brings, and the last event ID behind it.
    let rows: [(&[u8], Option<&str>); 12] = [
        (b"data: no id yet\n\n", None),
        (b"id: 1\ndata: a\n\n", Some("1")),
        (b"", Some("1")),
        (b"data: none of its own\n\n", Some("1")),
        (b": comment\n\nretry: 1\n\n", Some("1")),
        (b"id: 2\ndata: cut off", Some("1")),
        (b"id: 2\ndata: cut off\n", Some("1")),
        (b"id: 3\n\n", Some("3")),
        (b"id: 4\0\ndata: NUL\n\n", Some("3")),
        (b"id\ndata: emptied\n\n", None),
        (b"data: none\n\n", None),
        (b"id: 5\ndata: a\n\nid:\ndata: emptied\n\n", None),
    ];
    for by_cursor in [false, true] {
        let mut embedder = Embedder::open(steady());
        for (bytes, expected) in rows {
            if by_cursor {
                embedder.frames(bytes);
            } else {
                embedder.data(bytes);
            }
            embedder.end(End::Failed);
            assert_eq!(embedder.client.last_event_id(), expected);
            let request = embedder.reconnect().1;
            assert_eq!(request.last_event_id(), expected);
            assert!(!request.is_last_event_id_omitted());
            embedder.accept();
        }
    }
}

/// The standard would have such an event lose it, the web-platform-tests and browsers keep it.
#[test]
fn a_first_event_without_an_id_after_a_reconnect_keeps_it() {
    let mut embedder = Embedder::open(steady());
    embedder.data(b"id: 7\ndata: a\n\n");
    embedder.end(End::Failed);
    embedder.reconnect();
    embedder.accept();
    assert_eq!(
        embedder.events(b"data: b\n\n"),
        [("b".into(), Some("7".into()))]
    );
    embedder.end(End::Failed);
    assert_eq!(embedder.reconnect().1.last_event_id(), Some("7"));
}

#[test]
fn what_can_be_a_header_value() {
    let (longest, too_long) = ("7".repeat(4096), "7".repeat(4097));
    let rows = [
        ("7", true),
        ("\u{2026}", true),
        ("\u{65E5}\u{672C} \u{1F600}", true),
        ("\u{FFFD}", true),
        ("a b\tc", true),
        ("<>\"'\\:,;=%", true),
        (&longest, true),
        ("a\u{1}b", false),
        ("\u{8}", false),
        ("a\u{B}b", false),
        ("a\u{1F}b", false),
        ("a\u{7F}b", false),
        (&too_long, false),
        // These would be empty, once the blanks around a value are gone.
        (" ", false),
        ("\t \t", false),
    ];
    for (id, can) in rows {
        let mut seeded = Embedder::new(ClientConfig::new().last_event_id(id).expect("an ID"));
        let mut received = Embedder::open(steady());
        received.data(format!("id: {id}\ndata: a\n\n").as_bytes());
        received.end(End::Failed);
        for request in [seeded.connect(), received.reconnect().1] {
            assert_eq!(request.last_event_id(), can.then_some(id), "{id:?}");
            assert_eq!(request.is_last_event_id_omitted(), !can, "{id:?}");
        }
        // Left out of the request, but not forgotten.
        for embedder in [&mut seeded, &mut received] {
            assert_eq!(embedder.client.last_event_id(), Some(id));
            embedder.accept();
            assert_eq!(
                embedder.events(b"data: b\n\n"),
                [("b".into(), Some(id.into()))]
            );
            embedder.events(b"id: 8\ndata: c\n\n");
            embedder.end(End::Failed);
            let request = embedder.reconnect().1;
            assert_eq!(request.last_event_id(), Some("8"));
            assert!(!request.is_last_event_id_omitted());
        }
    }
}

/// What is left out says why, and the limit is a setting.
#[test]
fn why_an_id_is_left_out() {
    let too_long = |bytes, max_bytes| Some(OmittedId::TooLong { bytes, max_bytes });
    let rows = [
        ("7".repeat(4097), 4096, too_long(4097, 4096)),
        ("7".repeat(4097), 4097, None),
        ("77".into(), 1, too_long(2, 1)),
        ("7".into(), 0, too_long(1, 0)),
        ("a\u{7F}b".into(), 4096, Some(OmittedId::ControlCharacter)),
        (" \t".into(), 4096, Some(OmittedId::Blank)),
    ];
    for (id, limit, expected) in rows {
        let config = steady().max_last_event_id_bytes(limit);
        let mut seeded = Embedder::new(config.clone().last_event_id(&*id).expect("an ID"));
        let mut received = Embedder::open(config);
        assert_eq!(received.client.omitted_last_event_id(), None);
        received.data(format!("id: {id}\ndata: a\n\n").as_bytes());
        received.end(End::Failed);
        assert_eq!(received.client.omitted_last_event_id(), expected);
        for attempt in [seeded.connect(), received.reconnect().1] {
            assert_eq!(attempt.omitted_last_event_id(), expected, "{id:?}");
            assert_eq!(attempt.last_event_id().is_none(), expected.is_some());
        }
    }
    let omitted = too_long(5000, 4096).map(|omitted| omitted.to_string());
    assert_eq!(
        omitted.as_deref(),
        Some(
            "the last event ID is not sent, so events may be missed: it has 5000 bytes, more than \
             max_last_event_id_bytes (4096)"
        )
    );
}

/// What the stream says in bytes that are no UTF-8 is sent as it was read.
#[test]
fn bad_utf8_is_sent_as_it_was_read() {
    let mut embedder = Embedder::open(steady());
    embedder.data(b"id: a\xFFb\ndata: a\n\n");
    embedder.end(End::Failed);
    assert_eq!(embedder.reconnect().1.last_event_id(), Some("a\u{FFFD}b"));
}

/// Frames that a cursor has not come to are not received.
#[test]
fn a_cursor_dropped_early_has_not_received_the_rest() {
    let mut embedder = Embedder::open(steady());
    let mut input = &b"id: 1\nretry: 1000\ndata: a\n\nid: 2\nretry: 9000\ndata: b\n\n"[..];
    let mut frames = embedder.client.frames(embedder.now, &mut input);
    frames.next_frame();
    frames.next_frame();
    assert_eq!(input, b"id: 2\nretry: 9000\ndata: b\n\n");
    embedder.end(End::Failed);
    let (wait, request) = embedder.reconnect();
    assert_eq!(wait.as_secs(), 1);
    assert_eq!(request.last_event_id(), Some("1"));
}
