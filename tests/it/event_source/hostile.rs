//! Servers that send without end what is no part of the stream. Neither a thread nor a timeout is
//! theirs.

use core::time::Duration;

use ssewire::client::{Cause, CloseReason};
use ssewire::hyper::Http;

use crate::common::effort::{self, Effort};
use crate::common::runtime::{Runtime, Source, assert_gave_up, next_error, on_both, quick};
use crate::common::server::{Connection, OPEN, Server};

on_both! {
    informational_heads_without_end
    a_chunk_size_without_end
    a_chunk_extension_without_end
    a_head_that_never_ends
    chunks_of_a_byte_in_a_refused_body
}

/// Sends `first`, then `junk` until the client has gone.
fn flooding(first: &'static str, junk: &'static str) -> Server {
    Server::start(move |connection| {
        connection.send(first);
        let junk = junk.repeat((64 << 10) / junk.len());
        flood(connection, junk);
    })
}

/// Sends `junk` again and again, until the client has gone or a test must have failed.
fn flood(connection: &mut Connection, junk: impl AsRef<[u8]>) {
    let begin = effort::now();
    while begin.elapsed() < FLOOD && connection.send(&junk) {}
}

async fn ends_at_the_idle_timeout<R: Runtime>(first: &'static str, junk: &'static str) {
    let server = flooding(first, junk);
    let config = quick().max_attempts(1).idle_timeout(IDLE);
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    let (error, effort) = Effort::of(next_error(&mut events)).await;
    assert_gave_up(&error, 1, Cause::IdleTimeout);
    effort.assert_small(IDLE);
}

const IDLE: Duration = Duration::from_millis(500);
const FLOOD: Duration = Duration::from_secs(6);

async fn informational_heads_without_end<R: Runtime>() {
    for head in [
        "HTTP/1.1 100 \r\n\r\n",
        "HTTP/1.1 103 Early\r\nlink: </x>\r\n\r\n",
    ] {
        ends_at_the_idle_timeout::<R>("", head).await;
    }
}

/// The head of a stream of chunks, and an event.
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    transfer-encoding: chunked\r\n\r\n";

async fn a_chunk_size_without_end<R: Runtime>() {
    ends_at_the_idle_timeout::<R>(CHUNKED, "0").await;
}

async fn a_chunk_extension_without_end<R: Runtime>() {
    let server = flooding(CHUNKED, "1;x=y");
    let config = quick().max_attempts(1).idle_timeout(IDLE);
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    // hyper allows 16 KiB of them.
    let (_, effort) = Effort::of(next_error(&mut events)).await;
    effort.assert_small(IDLE);
}

async fn a_head_that_never_ends<R: Runtime>() {
    for junk in ["x: y\r\n", "x"] {
        let server = flooding("HTTP/1.1 200 OK\r\nx: ", junk);
        let config = quick().max_attempts(1).idle_timeout(IDLE);
        let mut events = Source::<R>::new(Http::get(server.url("/")), config);
        let error = next_error(&mut events).await;
        assert_gave_up(&error, 1, Cause::CouldNotConnect);
    }
}

async fn chunks_of_a_byte_in_a_refused_body<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.send(OPEN.replace("200 OK", "404 No").replace("\r\n\r\n", ""));
        connection.send("\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = format!("{}1\r\nx\r\n", "0".repeat(10_000)).repeat(10);
        flood(connection, chunk);
    });
    let config = quick().max_attempts(1).idle_timeout(IDLE);
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    let (error, effort) = Effort::of(next_error(&mut events)).await;
    assert_eq!(error.reason(), CloseReason::Status(404));
    // Two seconds are given to such a body.
    effort.assert_small(Duration::from_secs(2));
}

/// Checks that all of this takes little memory of the process.
#[cfg(target_os = "linux")]
fn takes_little_memory<R: Runtime>(test: &str) {
    use crate::common::child::{is_child, peak_memory};

    if !is_child(test, &[]) {
        return;
    }
    // Once before, so that what is there anyway is there.
    R::run(a_head_that_never_ends::<R>());
    let before = peak_memory();
    R::run(informational_heads_without_end::<R>());
    R::run(a_chunk_size_without_end::<R>());
    let grown = peak_memory() - before;
    assert!(grown < 8 << 10, "{grown} KiB");
}

#[cfg(target_os = "linux")]
#[test]
fn tokio_takes_little_memory() {
    let test = "event_source::hostile::tokio_takes_little_memory";
    takes_little_memory::<ssewire::tokio::Runtime>(test);
}

#[cfg(target_os = "linux")]
#[test]
fn async_std_takes_little_memory() {
    let test = "event_source::hostile::async_std_takes_little_memory";
    takes_little_memory::<ssewire::async_std::Runtime>(test);
}
