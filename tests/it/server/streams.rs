//! The life of one stream: its first byte, its silences, its end.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::process::Command;
use std::thread;

use futures_util::{AsyncWrite, FutureExt, stream};
use ssewire::server::{Encoded, SessionConfig, SessionEnd};
use ssewire::{Event, Frame, Hub};

use crate::common::client::{Client, Request};
use crate::common::serving::{Server, Start, block_on, now, on_each};

on_each! {
    the_first_byte_waits_for_no_event
    silence_is_broken_by_comments_and_traffic_puts_them_off
    a_client_that_leaves_an_idle_stream_leaves_nothing_behind
    idle_streams_end_well_and_at_once_when_the_hub_is_shut_down
    old_age_ends_a_stream_well
}

/// A session that sends nothing of its own but the opening comment, as long as a test runs.
fn silent() -> SessionConfig {
    SessionConfig::new().keep_alive(None)
}

fn the_first_byte_waits_for_no_event(start: Start) {
    let server = start(Hub::new(), silent().retry(Duration::from_secs(2)));
    let begin = now();
    let mut client = server.open("/a", None);
    // Nobody has published anything, and nobody will before this is here.
    assert_eq!(client.frame(), Some(Frame::Comment(String::new())));
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(client.status(), "200");
    let is_stream = client
        .head
        .contains("\r\ncontent-type: text/event-stream\r\n");
    assert!(is_stream, "{}", client.head);

    server.hub.publish("a", Event::new("first"));
    let retry = Frame::Retry(Duration::from_secs(2));
    assert_eq!(client.frame(), Some(retry), "at the head of the event");
    assert_eq!(client.data(), "first");
}

fn silence_is_broken_by_comments_and_traffic_puts_them_off(start: Start) {
    let keep_alive = Duration::from_millis(200);
    let server = start(Hub::new(), SessionConfig::new().keep_alive(keep_alive));
    let comment = Some(Frame::Comment(String::new()));
    let begin = now();
    let mut client = server.open("/a", None);
    assert_eq!(client.frame(), comment);
    for silences in 1..=2 {
        assert_eq!(client.frame(), comment);
        assert!(begin.elapsed() >= silences * keep_alive);
    }
    // Without a new start after each event, a comment would come right behind one of these.
    for number in 0..4 {
        thread::sleep(keep_alive * 3 / 4);
        let sent = now();
        server.hub.publish("a", Event::new(number.to_string()));
        // A busy machine may have taken so long that one is there already.
        assert_eq!(client.data(), number.to_string());
        if number == 3 {
            assert_eq!(client.frame(), comment);
            assert!(sent.elapsed() >= keep_alive);
        }
    }
}

fn a_client_that_leaves_an_idle_stream_leaves_nothing_behind(start: Start) {
    // A writer does not read, so it takes a comment to find out.
    let server = start(
        Hub::new(),
        SessionConfig::new().keep_alive(Duration::from_millis(50)),
    );
    let clients: Vec<_> = (0..20).map(|_| server.open("/a", None)).collect();
    assert_eq!(server.hub.subscriber_count_of("a"), 20);
    drop(clients);
    server.wait_for_subscribers(0);
    server.wait_for_closed_sockets();
}

#[test]
fn hyper_sees_at_once_that_a_client_has_left() {
    // No comment is ever written that could fail.
    let server = Server::on_hyper(Hub::new(), silent());
    let clients: Vec<_> = (0..20).map(|_| server.open("/a", None)).collect();
    assert_eq!(server.hub.subscriber_count(), 20);
    for client in &clients[..10] {
        client.finish_sending();
    }
    server.wait_for_subscribers(10);
    drop(clients);
    server.wait_for_subscribers(0);
    server.wait_for_closed_sockets();
}

fn idle_streams_end_well_and_at_once_when_the_hub_is_shut_down(start: Start) {
    let server = start(Hub::new(), silent());
    let mut clients: Vec<_> = (0..1_000).map(|_| server.open("/a", None)).collect();
    let curls: Vec<_> = (0..3)
        .map(|_| {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--no-buffer", "--max-time", "20"]);
            let curl = curl
                .arg(server.url("/a"))
                .stdout(std::process::Stdio::piped());
            curl.spawn().expect("curl is installed")
        })
        .collect();
    server.wait_for_subscribers(1_003);

    let begin = now();
    let left = server.shut_down();
    let took = begin.elapsed();
    assert_eq!(left, 0);
    assert!(took < Duration::from_secs(1), "{took:?}");
    for curl in curls {
        let output = curl.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(output.stdout, server.opening());
    }
    for client in &mut clients {
        assert_eq!(client.rest(), server.opening());
    }
    // Whoever comes now is to come again.
    assert_eq!(server.open("/a", None).status(), "503");
}

fn old_age_ends_a_stream_well(start: Start) {
    let age = Duration::from_millis(50);
    let server = start(Hub::new(), silent().max_age(age).jitter_percent(0));
    let begin = now();
    let mut client = server.open("/a", None);
    assert_eq!(client.rest(), server.opening());
    assert!(begin.elapsed() >= age);
    server.wait_for_subscribers(0);
}

#[test]
fn a_writer_tells_how_its_session_ended() {
    let server = Server::on_async_std(Hub::new(), silent().max_age(Duration::from_millis(1)));
    server.open("/a", None).rest();
    assert_eq!(server.session_end().unwrap(), Some(SessionEnd::MaxAge));
    drop(server);

    let server = Server::on_async_std(Hub::new(), silent());
    let mut client = server.open("/a", None);
    server.hub.publish("a", Event::new("last"));
    assert_eq!(server.shut_down(), 0);
    assert_eq!(client.data(), "last");
    assert_eq!(client.event(), None);
    assert_eq!(server.session_end().unwrap(), None);
    drop(server);

    let server = Server::on_async_std(Hub::new(), silent());
    let client = server.open("/a", None);
    drop(client);
    // The first write may still go out; the socket answers it with a reset. No faster than a busy
    // machine writes, or the hub disconnects the writer as a slow reader.
    while server.hub.subscriber_count() > 0 {
        server.hub.publish("a", Event::new("is anybody there?"));
        thread::sleep(Duration::from_millis(1));
    }
    server.session_end().expect_err("the client has left");
}

#[test]
fn a_stream_of_http_1_0_ends_with_its_connection() {
    let server = Server::on_hyper(Hub::new(), silent());
    let request = b"GET /a HTTP/1.0\r\n\r\n";
    let mut client = Client::sending(server.address, request);
    client.read_head();
    server.hub.publish("a", Event::new("1"));
    assert_eq!(client.data(), "1");
    server.shut_down();
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_connection_can_be_used_again_behind_a_stream() {
    let config = silent().max_age(Duration::from_millis(1));
    let server = Server::on_hyper(Hub::new(), config);
    let mut client = server.open("/a", None);
    assert_eq!(client.rest(), server.opening());
    for _ in 0..3 {
        client.send(Request::of("/a"));
        assert_eq!(client.status(), "200");
        assert_eq!(client.rest(), server.opening());
    }
}

#[test]
fn old_age_ends_a_writer_that_always_has_more() {
    let event = Encoded::from(&Event::new("x"));
    let age = Duration::from_millis(20);
    let config = silent().max_age(age).jitter_percent(0);
    // Neither the stream nor the sink ever waits.
    let events = || stream::repeat(event.clone());
    let ends = block_on(async {
        let mut on_async_std = ssewire::async_std::EventWriter::new(futures_util::io::sink());
        let mut on_tokio = ssewire::tokio::EventWriter::new(tokio::io::sink());
        [
            on_async_std.forward(events(), config.clone()).await,
            on_tokio.forward(events(), config.clone()).await,
        ]
    });
    for end in ends {
        assert_eq!(end.unwrap(), Some(SessionEnd::MaxAge));
    }
}

#[test]
fn a_writer_that_always_has_more_lets_other_tasks_run() {
    let events = stream::repeat(Encoded::from(&Event::new("x")));
    let mut writer = ssewire::async_std::EventWriter::new(futures_util::io::sink());
    let mut forwarding = pin!(writer.forward(events, silent()));
    for _ in 0..3 {
        assert!(forwarding.as_mut().now_or_never().is_none());
    }
}

/// Takes all bytes, and is never closed: TLS to a peer that stalls, for instance.
struct NeverClosed;

impl AsyncWrite for NeverClosed {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[test]
fn a_writer_gives_a_peer_up_that_stalls_its_close() {
    let config = silent().write_timeout(Duration::from_millis(20));
    let mut writer = ssewire::async_std::EventWriter::new(NeverClosed);
    let events = stream::iter([Event::new("x")]);
    let end = block_on(writer.forward(events, config));
    assert_eq!(end.unwrap(), Some(SessionEnd::Stalled));
}
