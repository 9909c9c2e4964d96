//! What arrives, however the stream is cut and framed.

use core::ops::ControlFlow;
use core::time::Duration;

use ssewire::client::{CloseReason, Reconnect};
use ssewire::hyper::Http;
use ssewire::{DecoderConfig, Event, Frame, FrameRef};

use crate::common::counting::count;
use crate::common::runtime::{
    Runtime, Source, all_data, get, next_data, next_error, on_both, quick,
};
use crate::common::server::{Connection, OPEN, Server, answer};

on_both! {
    a_cut_at_every_byte_loses_and_doubles_nothing
    a_reset_behind_every_event_loses_and_doubles_nothing
    bytes_may_come_one_at_a_time
    bodies_may_be_chunked_or_have_a_length_or_end_with_the_connection
    a_chunked_body_that_breaks_off_is_cut_off_and_resumed
    an_id_goes_out_as_its_utf8_bytes
    an_id_emptied_leaves_no_header
    an_id_that_no_header_can_hold_stays_at_home
    an_id_is_kept_from_an_earlier_run
    an_event_without_an_id_keeps_the_last_one_over_a_reconnect
    a_comment_is_there_before_the_event_ends
    a_visitor_sees_all_and_may_break_and_go_on
    a_visitor_stops_at_the_event_that_ends_the_stream
    a_visitor_of_frames_sees_every_kind
    the_event_that_the_end_cut_off_can_be_had
    a_byte_order_mark_is_dropped_on_every_connection
}

const THREE: &str = "id: 1\ndata: one\n\nid: 2\nevent: t\ndata: two\n\nid: 3\ndata: three\n\n";

/// Sends of [`THREE`] what the last event ID has not seen, or 204 if that is nothing.
fn resume(connection: &mut Connection, cut: usize) {
    let seen = match connection.request().header("last-event-id") {
        None => 0,
        Some(id) => THREE
            .find(&format!("id: {id}\n"))
            .expect("an ID that was sent"),
    };
    let rest = match seen {
        0 if connection.request().header("last-event-id").is_none() => THREE,
        at => THREE[at..].split_once("\n\n").expect("events end").1,
    };
    if rest.is_empty() {
        connection.answer("204 No Content", &[], "");
    } else if connection.number() == 0 {
        connection.open();
        connection.send(&rest[..cut]);
    } else {
        connection.open();
        connection.send(rest);
    }
}

async fn a_cut_at_every_byte_loses_and_doubles_nothing<R: Runtime>() {
    for cut in 0..=THREE.len() {
        let server = Server::start(move |connection| resume(connection, cut));
        let mut events = get::<R>(server.url("/"));
        let mut seen = Vec::new();
        while let Some(event) = events.next().await {
            let event = event.expect("no error");
            seen.push(format!(
                "{:?} {} {}",
                event.id(),
                event.event_type(),
                event.data()
            ));
        }
        assert_eq!(
            seen,
            [
                "Some(\"1\") message one",
                "Some(\"2\") t two",
                "Some(\"3\") message three"
            ],
            "cut at {cut}"
        );
    }
}

async fn a_reset_behind_every_event_loses_and_doubles_nothing<R: Runtime>() {
    let server = Server::start(|connection| {
        let id = connection.request().header("last-event-id").unwrap_or("0");
        let next = id.parse::<u32>().expect("a number") + 1;
        if next > 5 {
            return connection.answer("204 No Content", &[], "");
        }
        connection.open();
        connection.send(format!("id: {next}\ndata: {next}\n\nid: 99\ndata: torn\n"));
        if connection.wait_until_told() {
            connection.reset();
        }
    });
    let mut events = get::<R>(server.url("/"));
    for number in 1..=5 {
        assert_eq!(next_data(&mut events).await, number.to_string());
        server.tell();
    }
    assert!(events.next().await.is_none());
    assert_eq!(server.requests().len(), 6);
}

async fn bytes_may_come_one_at_a_time<R: Runtime>() {
    let server = Server::start(|connection| {
        let wire = format!("{OPEN}{THREE}").into_bytes();
        // With Nagle's algorithm off each write is a packet.
        wire.iter().all(|byte| connection.send([*byte]));
    });
    let config = quick().reconnect(Reconnect::Never);
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    assert_eq!(all_data(&mut events).await, ["one", "two", "three"]);
}

async fn bodies_may_be_chunked_or_have_a_length_or_end_with_the_connection<R: Runtime>() {
    let content_type = "content-type: text/event-stream";
    let mut chunked =
        format!("HTTP/1.1 200 OK\r\n{content_type}\r\ntransfer-encoding: chunked\r\n\r\n");
    for piece in THREE.as_bytes().chunks(7) {
        let piece = core::str::from_utf8(piece).expect("it is ASCII");
        chunked.push_str(&format!("{:x};ext=1\r\n{piece}\r\n", piece.len()));
    }
    chunked.push_str("0\r\ntrailer: yes\r\n\r\n");
    let old = format!("HTTP/1.0 200 OK\r\n{content_type}\r\n\r\n{THREE}");
    let early = format!("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n{OPEN}{THREE}");
    for wire in [
        format!("{OPEN}{THREE}"),
        answer("200 OK", &[content_type], THREE),
        answer("200 OK", &[content_type, "connection: keep-alive"], THREE),
        chunked,
        old,
        early,
    ] {
        let sent = wire.clone();
        let server = Server::start(move |connection| {
            if connection.number() > 0 {
                return connection.answer("204 No Content", &[], "");
            }
            connection.send(&sent);
            // What ends by itself needs no end of the connection.
            if sent.contains("length") || sent.contains("chunked") {
                connection.wait_for_end();
            }
        });
        let mut events = get::<R>(server.url("/"));
        assert_eq!(
            all_data(&mut events).await,
            ["one", "two", "three"],
            "{wire}"
        );
        let requests = server.requests();
        assert_eq!(requests[1].header("last-event-id"), Some("3"), "{wire}");
        assert_eq!(
            server.accepted(),
            2,
            "each attempt has a connection of its own: {wire}"
        );
    }
}

async fn a_chunked_body_that_breaks_off_is_cut_off_and_resumed<R: Runtime>() {
    for (head, body) in [
        ("transfer-encoding: chunked", "14\r\nid: 1\ndata: one\n\n"),
        (
            "transfer-encoding: chunked",
            "11\r\nid: 1\ndata: one\n\n\r\nxyz\r\n",
        ),
        ("content-length: 99", "id: 1\ndata: one\n\n"),
    ] {
        let server = Server::start(move |connection| {
            if connection.number() > 0 {
                return connection.answer("204 No Content", &[], "");
            }
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{head}\r\n\r\n");
            connection.send(head + body);
        });
        let causes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = std::sync::Arc::clone(&causes);
        let mut events = get::<R>(server.url("/")).on_disconnect(move |disconnect| {
            let error = disconnect.error().is_some();
            seen.lock().unwrap().push((disconnect.cause(), error));
        });
        assert_eq!(all_data(&mut events).await, ["one"], "{body:?}");
        let causes = causes.lock().unwrap();
        assert_eq!(
            *causes,
            [(Some(ssewire::client::Cause::CutOff), true), (None, false)],
            "{body:?}"
        );
        assert_eq!(
            server.requests()[1].header("last-event-id"),
            Some("1"),
            "{body:?}"
        );
    }
}

/// Sends `first`, then 204, and returns the header of the second request.
async fn second_id<R: Runtime>(first: &'static str) -> Option<Vec<u8>> {
    let server = Server::start(move |connection| match connection.number() {
        0 => {
            connection.open();
            connection.send(first);
        }
        _ => connection.answer("204 No Content", &[], ""),
    });
    let mut events = get::<R>(server.url("/"));
    all_data(&mut events).await;
    let requests = server.requests();
    assert_eq!(requests[0].values("last-event-id").len(), 0);
    let values = requests[1].values("last-event-id");
    assert!(values.len() <= 1);
    values.first().map(|value| value.to_vec())
}

async fn an_id_goes_out_as_its_utf8_bytes<R: Runtime>() {
    for id in [
        "Grüße 世界 😀",
        "a\tb",
        "[{\"topic\":\"x\",\"offset\":-1}]",
        "0",
    ] {
        let wire = format!("id: {id}\ndata: x\n\n").leak();
        assert_eq!(second_id::<R>(wire).await.as_deref(), Some(id.as_bytes()));
    }
}

async fn an_id_emptied_leaves_no_header<R: Runtime>() {
    assert_eq!(
        second_id::<R>("id: 1\ndata: x\n\nid\ndata: y\n\n").await,
        None
    );
    assert_eq!(second_id::<R>("id: 1\ndata: x\n\nid:\n\n").await, None);
}

async fn an_id_that_no_header_can_hold_stays_at_home<R: Runtime>() {
    assert_eq!(second_id::<R>("id: a\u{1}b\ndata: x\n\n").await, None);
    let long = format!("id: {}\ndata: x\n\n", "9".repeat(5000)).leak();
    assert_eq!(second_id::<R>(long).await, None);
}

async fn an_id_is_kept_from_an_earlier_run<R: Runtime>() {
    let server = Server::start(|connection| resume(connection, 0));
    let config = quick().reconnect(Reconnect::UntilFirstEvent);
    let config = config.last_event_id("2").expect("a valid ID");
    // The first connection is cut before it brings anything, which must not forget the ID.
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    assert_eq!(events.last_event_id(), Some("2"));
    assert_eq!(all_data(&mut events).await, ["three"]);
    for request in server.requests() {
        assert_eq!(request.header("last-event-id"), Some("2"));
    }
    assert_eq!(events.last_event_id(), Some("3"));
}

async fn an_event_without_an_id_keeps_the_last_one_over_a_reconnect<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send(OPEN.to_owned() + "id: 7\ndata: a\n\n");
        }
        1 => {
            connection.send(OPEN.to_owned() + "data: b\n\n");
        }
        _ => connection.answer("204 No Content", &[], ""),
    });
    let mut events = get::<R>(server.url("/"));
    for data in ["a", "b"] {
        let event = events.next().await.expect("an event").expect("no error");
        assert_eq!((event.data(), event.id()), (data, Some("7")));
    }
    assert!(events.next().await.is_none());
    assert_eq!(server.requests()[2].header("last-event-id"), Some("7"));
}

async fn a_comment_is_there_before_the_event_ends<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.open();
        for piece in ["data: 1\n:  note \n", "retry: 5\n", "\n"] {
            connection.send(piece);
            connection.wait_until_told();
        }
    });
    let config = quick().decoder(DecoderConfig::new().comments(true));
    let config = config.reconnect(Reconnect::Never);
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    let mut next = async || {
        let frame = events
            .next_frame()
            .await
            .map(|frame| frame.expect("no error"));
        server.tell();
        frame
    };
    assert!(matches!(next().await, Some(Frame::Comment(text)) if &*text == "  note "));
    assert!(matches!(next().await, Some(Frame::Retry(time)) if time.as_millis() == 5));
    assert!(matches!(next().await, Some(Frame::Event(event)) if event.data() == "1"));
    assert!(next().await.is_none());
}

async fn a_visitor_sees_all_and_may_break_and_go_on<R: Runtime>() {
    let server = Server::start(|connection| resume(connection, 40));
    let mut events = get::<R>(server.url("/"));
    let mut seen = Vec::new();
    let broke = events.for_each_event(|event| {
        seen.push(event.data().to_owned());
        match event.data() {
            "one" => ControlFlow::Break(seen.len()),
            _ => ControlFlow::Continue(()),
        }
    });
    assert_eq!(broke.await.expect("no error"), Some(1));
    // The one behind the break waits, for whichever method comes.
    assert_eq!(next_data(&mut events).await, "two");
    let rest = events.for_each_event(|event| -> ControlFlow<()> {
        seen.push(event.data().to_owned());
        ControlFlow::Continue(())
    });
    assert_eq!(rest.await.expect("no error"), None);
    assert_eq!(seen, ["one", "three"]);
    let again = events.for_each_event(|_| -> ControlFlow<()> { panic!("it is over") });
    assert_eq!(again.await.expect("no error"), None);
}

async fn a_visitor_stops_at_the_event_that_ends_the_stream<R: Runtime>() {
    for breaks in [false, true] {
        let server = Server::start(|connection| {
            connection.open();
            connection.send(THREE);
            connection.wait_for_end();
        });
        let mut events = get::<R>(server.url("/")).stop_when(|event| event.data() == "two");
        let mut seen = Vec::new();
        let outcome = events.for_each_event(|event| {
            seen.push(event.data().to_owned());
            match event.data() {
                "two" if breaks => ControlFlow::Break("broke"),
                _ => ControlFlow::Continue(()),
            }
        });
        assert_eq!(outcome.await.expect("no error"), breaks.then_some("broke"));
        assert_eq!(seen, ["one", "two"]);
        server.wait_for_closed(1);
        assert!(events.next().await.is_none());
    }
}

async fn a_visitor_of_frames_sees_every_kind<R: Runtime>() {
    let server = Server::saying(format!("{OPEN}: hi\nretry: 5\ndata: one\n\ndata: two\n\n"));
    let config = quick().decoder(DecoderConfig::new().comments(true));
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    let mut seen = Vec::new();
    let broke = events.for_each_frame(|frame| {
        seen.push(frame.to_frame());
        match frame {
            FrameRef::Event(event) => ControlFlow::Break(event.data().to_owned()),
            _ => ControlFlow::Continue(()),
        }
    });
    assert_eq!(broke.await.expect("no error").as_deref(), Some("one"));
    let expected = [
        Frame::Comment(" hi".into()),
        Frame::Retry(Duration::from_millis(5)),
        Event::new("one").into(),
    ];
    assert_eq!(seen, expected);
    assert_eq!(next_data(&mut events).await, "two");
}

async fn the_event_that_the_end_cut_off_can_be_had<R: Runtime>() {
    let server = Server::saying(format!("{OPEN}data: whole\n\nid: 9\nevent: t\ndata: torn"));
    let config = quick().reconnect(Reconnect::Never);
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    assert_eq!(all_data(&mut events).await, ["whole"]);
    let torn = events.cut_off_event().map(|event| event.to_event());
    let torn = torn.expect("there is one");
    assert_eq!((torn.data(), torn.event_type()), ("torn", "t"));
    assert!(events.cut_off_event().is_none(), "once");
    assert_eq!(events.last_event_id(), None);
}

async fn a_byte_order_mark_is_dropped_on_every_connection<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 | 1 => {
            connection.send(OPEN.to_owned() + "\u{feff}data: x\n\n");
        }
        _ => connection.answer("204 No Content", &[], ""),
    });
    let mut events = get::<R>(server.url("/"));
    assert_eq!(all_data(&mut events).await, ["x", "x"]);
}

/// Not a row as the others are: what is counted is counted for a thread, around the whole runtime.
fn an_endless_line_ends_with_a_reason_and_flat_memory<R: Runtime>() {
    for (field, uses_next) in [
        ("data: ", true),
        (": ", false),
        ("id: ", true),
        ("data: ", false),
    ] {
        let ((), usage) = count(|| {
            R::run(async {
                let server = Server::start(move |connection| {
                    let block = [b'x'; 16 * 1024];
                    connection.open();
                    connection.send("data: small\n\n");
                    connection.send(field);
                    while connection.send(block) {}
                });
                let config = quick().decoder(DecoderConfig::new().max_event_bytes(1 << 20));
                let mut events = Source::<R>::new(Http::get(server.url("/")), config);
                assert_eq!(next_data(&mut events).await, "small");
                let error = if uses_next {
                    next_error(&mut events).await
                } else {
                    let visited =
                        events.for_each_event(|_| -> ControlFlow<()> { panic!("no event") });
                    visited.await.expect_err("an error")
                };
                assert_eq!(
                    error.reason(),
                    CloseReason::EventTooLarge {
                        max_event_bytes: 1 << 20
                    }
                );
                assert_eq!(server.requests().len(), 1, "it is not tried again");
            });
        });
        assert!(usage.peak < 3 << 20, "{field}: {usage:?}");
    }
}

#[test]
fn an_endless_line_ends_with_a_reason_and_flat_memory_on_tokio() {
    an_endless_line_ends_with_a_reason_and_flat_memory::<ssewire::tokio::Runtime>();
}

#[test]
fn an_endless_line_ends_with_a_reason_and_flat_memory_on_async_std() {
    an_endless_line_ends_with_a_reason_and_flat_memory::<ssewire::async_std::Runtime>();
}
