//! Texts that would break out of their field.

use futures_util::stream;
use ssewire::server::SessionConfig;
use ssewire::tokio::response_with;
use ssewire::{Event, Frame, Hub};

use crate::common::oracle::Oracle;
use crate::common::serving::{Server, Start, boxed, on_each};

on_each! {
    what_is_published_is_what_is_seen
}

/// What each would do if it got out of where it is put.
const HOSTILE: [&str; 14] = [
    "x\n\nevent: forged\ndata: forged\n\n",
    "x\r\rdata: forged\r\r",
    "x\r\n\r\ndata: forged\r\n\r\n",
    "x\ndata: forged",
    "x\rid: forged\r",
    "x\nretry: 1\n",
    "\n\n",
    "\r",
    "\u{FEFF}data: forged\n\n",
    "\0",
    "data: forged",
    ": forged",
    "\u{85}\u{2028}\u{2029}\u{B}\u{C}data: forged",
    " x",
];

/// Lets a browser-like client interpret a whole stream.
fn seen(wire: &[u8]) -> Vec<Frame> {
    let outcomes = Oracle::new(1 << 20, true).connection(wire);
    outcomes.into_iter().map(Result::unwrap).collect()
}

/// Returns the lines that a text is shown as by a client, which has one kind of line break.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn what_is_published_is_what_is_seen(start: Start) {
    let server = start(Hub::new(), SessionConfig::new());
    let mut client = server.open("/a", None);
    let mut expected = vec![Frame::Comment(String::new())];
    for text in HOSTILE {
        let event = Event::new(text);
        let typed = event.clone().with_type(text);
        let named = event.clone().with_id(text);
        let breaks_line = text.contains(['\r', '\n']);
        assert_eq!(typed.is_err(), breaks_line, "{text:?}");
        assert_eq!(
            named.is_err(),
            breaks_line || text.contains('\0'),
            "{text:?}"
        );
        for event in [Ok(event), typed, named].into_iter().flatten() {
            // Whatever ID it has, it goes out under one of the hub's.
            let id = server.hub.publish("a", &event).id().unwrap().to_string();
            let seen = Event::new(lines(event.data())).with_id(id).unwrap();
            let seen = seen.with_type(event.event_type()).unwrap();
            expected.push(seen.into());
        }
    }
    // A topic is no part of what is sent, and an ID that was asked for does not come back.
    server
        .hub
        .publish(HOSTILE[0], Event::new("not for this one"));
    assert_eq!(server.shut_down(), 0);
    assert_eq!(seen(&client.rest()), expected);
}

#[test]
fn comments_and_reconnection_times_stay_what_they_are() {
    let server = Server::answering(Hub::new(), |_| {
        let comments = HOSTILE.map(|text| Frame::Comment(text.into()));
        boxed(response_with(stream::iter(comments), SessionConfig::new()))
    });
    let wire = server.open("/", None).rest();
    let mut expected = vec![String::new()];
    for text in HOSTILE {
        expected.extend(lines(text).split('\n').map(str::to_owned));
    }
    let seen: Vec<_> = seen(&wire)
        .into_iter()
        .map(|frame| match frame {
            Frame::Comment(text) => text,
            frame => panic!("{frame:?} is forged"),
        })
        .collect();
    assert_eq!(seen, expected);
}
