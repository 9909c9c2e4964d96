//! Servers that send without end what is no part of the stream, over HTTP/2. Neither a thread, nor
//! memory, nor a timeout is theirs.

use core::time::Duration;

use ssewire::client::{Cause, CloseReason};
use ssewire::hyper::{Http, Tls};

use crate::common::child::is_child;
use crate::common::effort::Effort;
use crate::common::runtime::{Runtime, Source, next_error, on_both, quick};
use crate::raw_tls_server::RawTlsServer;

on_both! {
    informational_heads_without_end
    frames_that_carry_nothing
    frames_that_carry_nothing_in_a_stream
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("it is short");
    let mut frame = len.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const UNKNOWN: u8 = 0x4F;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 100`, by its name in the static table and as a literal (RFC 7541, section 6.2.2).
const CONTINUE: &[u8] = b"\x08\x03100";
/// `:status: 200` and a content type, in the same way.
const OPEN: &[u8] = b"\x88\x0F\x10\x11text/event-stream";

/// Follows a stream of junk until the client gives up, and returns why. Checks what that takes.
async fn flooded<R: Runtime>(first: Vec<u8>, junk: &[u8]) -> Option<Cause> {
    let server = RawTlsServer::start(
        [frame(SETTINGS, 0, 0, b""), first].concat(),
        junk.repeat((64 << 10) / junk.len()),
    );
    let tls = Tls::with_roots(server.root.as_bytes()).expect("a root certificate");
    let config = quick().max_attempts(1).idle_timeout(IDLE);
    let mut events = Source::<R>::new(Http::get(server.url("/")).tls(tls), config);
    let (error, effort) = Effort::of(next_error(&mut events)).await;
    effort.assert_small(IDLE);
    assert!(matches!(error.reason(), CloseReason::GaveUp { .. }));
    error.reason().cause()
}

const IDLE: Duration = Duration::from_millis(500);

async fn informational_heads_without_end<R: Runtime>() {
    let cause = flooded::<R>(Vec::new(), &frame(HEADERS, END_HEADERS, 1, CONTINUE)).await;
    assert_eq!(cause, Some(Cause::IdleTimeout));
}

fn nothing() -> [(&'static str, Vec<u8>); 5] {
    [
        ("PING", frame(PING, 0, 0, b"12345678")),
        ("PING ACK", frame(PING, ACK, 0, b"12345678")),
        ("PRIORITY", frame(PRIORITY, 0, 1, b"\0\0\0\0\x01")),
        ("SETTINGS", frame(SETTINGS, 0, 0, b"")),
        ("unknown", frame(UNKNOWN, 0, 0, b"")),
    ]
}

async fn frames_that_carry_nothing<R: Runtime>() {
    for (name, junk) in nothing() {
        let cause = flooded::<R>(Vec::new(), &junk).await;
        assert_eq!(cause, Some(Cause::IdleTimeout), "{name}");
    }
}

async fn frames_that_carry_nothing_in_a_stream<R: Runtime>() {
    let open = frame(HEADERS, END_HEADERS, 1, OPEN);
    let window = frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x01");
    for (name, junk) in nothing().into_iter().chain([("WINDOW_UPDATE", window)]) {
        let cause = flooded::<R>(open.clone(), &junk).await;
        assert_eq!(cause, Some(Cause::IdleTimeout), "{name}");
    }
    // h2 itself has enough of these after some thousands.
    for junk in [frame(DATA, 0, 1, b""), frame(DATA, 8, 1, b"\x04\0\0\0\0")] {
        let cause = flooded::<R>(open.clone(), &junk).await;
        assert_eq!(cause, Some(Cause::CutOff));
    }
}

/// Checks that all of this takes little memory of the process.
#[cfg(target_os = "linux")]
fn takes_little_memory<R: Runtime>(test: &str) {
    use crate::common::child::peak_memory;

    if !is_child(test, &[]) {
        return;
    }
    // Once before, so that what is there anyway is there.
    R::run(flooded::<R>(Vec::new(), b"no frame at all"));
    let before = peak_memory();
    R::run(informational_heads_without_end::<R>());
    R::run(frames_that_carry_nothing_in_a_stream::<R>());
    let grown = peak_memory() - before;
    assert!(grown < 8 << 10, "{grown} KiB");
}

#[cfg(target_os = "linux")]
#[test]
fn tokio_takes_little_memory() {
    takes_little_memory::<ssewire::tokio::Runtime>("hostile::tokio_takes_little_memory");
}

#[cfg(target_os = "linux")]
#[test]
fn async_std_takes_little_memory() {
    takes_little_memory::<ssewire::async_std::Runtime>("hostile::async_std_takes_little_memory");
}
