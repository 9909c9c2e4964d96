//! Transports of bytes without HTTP: sockets of another kind, pipes, and whatever reads.

use core::error::Error as _;
use core::future::{pending, ready};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex};
use std::thread;

use ssewire::client::{Attempt, Cause, CloseReason, Phase, Reconnect};
use ssewire::event_source::{EventSource, FromReader};
use ssewire::runtime::{ReadFrom, Timer};
use tokio_util::compat::TokioAsyncReadCompatExt;

use crate::common::runtime::{Runtime, assert_gave_up, on_both, quick, within};
use crate::common::script::{Source as Script, Step};

on_both! {
    what_reads_is_resumed
    a_reader_that_fails_is_cut_off
    a_reader_that_cannot_be_had_is_tried_again
    a_reader_that_never_comes_ends_at_the_connect_timeout
    a_connect_timeout_of_zero_is_none
    a_reader_that_falls_silent_ends_at_the_idle_timeout
    the_request_says_which_attempt_it_is
}

async fn what_reads_is_resumed<R: Runtime>() {
    let wire = "id: 1\ndata: one\n\nid: 2\ndata: two\n\nid: 3\ndata: three\n\n";
    for cut in 0..wire.len() {
        let connect = FromReader::<_, R>::new(move |request: &Attempt| {
            let (wire, cut) = match request.last_event_id() {
                None => (wire, cut),
                Some(id) => {
                    let seen = wire
                        .find(&format!("id: {id}\n"))
                        .expect("an ID that was sent");
                    let rest = wire[seen..].split_once("\n\n").expect("events end").1;
                    (rest, rest.len())
                }
            };
            // One that was cut before it brought anything is repeated in full.
            let len = if request.number() == 1 {
                cut
            } else {
                wire.len()
            };
            ready(Ok(Script::in_pieces(&wire.as_bytes()[..len], 5)))
        });
        let mut events = EventSource::<_, R>::new(connect, quick().max_attempts(3))
            .stop_when(|event| event.data() == "three");
        let mut seen = Vec::new();
        while let Some(event) = events.next().await {
            seen.push(event.expect("no error").data().to_owned());
        }
        assert_eq!(seen, ["one", "two", "three"], "cut at {cut}");
    }
}

async fn a_reader_that_fails_is_cut_off<R: Runtime>() {
    let connect = FromReader::<_, R>::new(|_: &Attempt| {
        ready(Ok(Script::new([
            Step::Fail(io::ErrorKind::Interrupted),
            Step::Give(b"data: 1\n\nid: 2\ndata: torn\n".to_vec()),
            Step::Fail(io::ErrorKind::BrokenPipe),
        ])))
    });
    let config = quick().reconnect(Reconnect::Never);
    let mut events = EventSource::<_, R>::new(connect, config);
    let event = events.next().await.expect("an event").expect("no error");
    assert_eq!(event.data(), "1");
    let error = events.next().await.expect("an item").expect_err("an error");
    assert_eq!(error.reason(), CloseReason::CutOff);
    let source = error.source().expect("the reader's error");
    let source = source.downcast_ref::<io::Error>().expect("as it was");
    assert_eq!(source.kind(), io::ErrorKind::BrokenPipe);
    let torn = events.cut_off_event().map(|event| event.data().to_owned());
    assert_eq!(torn.as_deref(), Some("torn"));
}

async fn a_reader_that_cannot_be_had_is_tried_again<R: Runtime>() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let connect = FromReader::<_, R>::new(move |_: &Attempt| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                0..3 => Err(io::Error::from(io::ErrorKind::NotFound)),
                _ => Ok(Script::in_pieces(b"data: 1\n\n", 4)),
            }
        }
    });
    let causes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&causes);
    let mut events = EventSource::<_, R>::new(connect, quick())
        .on_disconnect(move |disconnect| seen.lock().unwrap().push(disconnect.to_string()));
    let event = events.next().await.expect("an event").expect("no error");
    assert_eq!(event.data(), "1");
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    let causes = causes.lock().unwrap();
    assert_eq!(causes.len(), 3);
    for text in &*causes {
        let (cause, next) = text.split_once("; ").expect("two parts");
        assert_eq!(cause, "could not connect: entity not found");
        assert!(next.starts_with("retrying in "), "{next}");
    }
}

async fn a_reader_that_never_comes_ends_at_the_connect_timeout<R: Runtime>() {
    let hanging = || FromReader::<_, R>::new(|_: &Attempt| pending::<io::Result<Script>>());
    let connect = hanging().connect_timeout(Duration::from_millis(20));
    let mut events = EventSource::<_, R>::new(connect, quick().max_attempts(2));
    let error = events.next().await.expect("an item").expect_err("an error");
    assert_gave_up(&error, 2, Cause::ConnectTimeout);
    assert!(error.source().is_some());

    // Without a connect timeout it is the idle timeout that ends it.
    let connect = hanging().connect_timeout(None);
    let config = quick()
        .max_attempts(1)
        .idle_timeout(Duration::from_millis(20));
    let mut events = EventSource::<_, R>::new(connect, config);
    let error = events.next().await.expect("an item").expect_err("an error");
    assert_gave_up(&error, 1, Cause::IdleTimeout);
}

/// As every timeout of zero.
async fn a_connect_timeout_of_zero_is_none<R: Runtime>() {
    let connect = FromReader::<_, R>::new(|_: &Attempt| async {
        within::<R, _>(Duration::from_millis(5), pending::<()>()).await;
        Ok(Script::in_pieces(b"data: 1\n\n", 100))
    });
    let connect = connect.connect_timeout(Duration::ZERO);
    let mut events = EventSource::<_, R>::new(connect, quick().reconnect(Reconnect::Never));
    let event = events.next().await.expect("an event").expect("no error");
    assert_eq!(event.data(), "1");
}

async fn a_reader_that_falls_silent_ends_at_the_idle_timeout<R: Runtime>() {
    let connect = FromReader::<_, R>::new(|_: &Attempt| {
        let steps = [Step::Wait, Step::Give(b"data: torn".to_vec()), Step::Stall];
        ready(Ok(Script::new(steps)))
    });
    let config = quick()
        .max_attempts(2)
        .idle_timeout(Duration::from_millis(20));
    let mut events = EventSource::<_, R>::new(connect, config);
    let error = events.next().await.expect("an item").expect_err("an error");
    assert_gave_up(&error, 2, Cause::IdleTimeout);
}

async fn the_request_says_which_attempt_it_is<R: Runtime>() {
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let connect = FromReader::<_, R>::new(move |request: &Attempt| {
        let mut seen = seen.lock().unwrap();
        let id = request.last_event_id().map(str::to_owned);
        seen.push((request.number(), id, request.is_last_event_id_omitted()));
        let wire = match seen.len() {
            3 => "id: a\u{7}\ndata: 1\n\n",
            _ => ": nothing\n",
        };
        ready(Ok(Script::in_pieces(wire.as_bytes(), 100)))
    });
    let mut events = EventSource::<_, R>::new(connect, quick().max_attempts(3));
    events.next().await.expect("an event").expect("no error");
    let error = events.next().await.expect("an item").expect_err("an error");
    assert_gave_up(&error, 3, Cause::Ended);
    let expected = [
        (1, false),
        (2, false),
        (3, false),
        (1, true),
        (2, true),
        (3, true),
    ];
    let expected = expected.map(|(attempt, omitted)| (attempt, None, omitted));
    assert_eq!(*attempts.lock().unwrap(), expected);
}

/// Reads numbered events up to 6 from a transport that ends after every two.
async fn counts_to_six<F, A, S, R>(open: F)
where
    F: FnMut(&Attempt) -> A,
    A: Future<Output = io::Result<S>>,
    R: Timer + ReadFrom<S> + Default,
{
    let mut events = EventSource::<_, R>::new(FromReader::<_, R>::new(open), quick())
        .stop_when(|event| event.data() == "6");
    for number in 1..=6 {
        let event = events.next().await.expect("an event").expect("no error");
        assert_eq!(event.data(), number.to_string());
    }
    assert!(events.next().await.is_none());
    assert_eq!(events.phase(), Phase::Closed(CloseReason::Caller));
}

fn two_more(last_event_id: Option<&str>) -> String {
    let seen: u32 = last_event_id.map_or(0, |id| id.parse().expect("a number"));
    let event = |id| format!("id: {id}\ndata: {id}\n\n");
    event(seen + 1) + &event(seen + 2) + "data: torn"
}

/// Serves a protocol of its own: a line with the last event ID, then events.
struct UnixServer(PathBuf);

impl UnixServer {
    fn start(name: &str) -> Self {
        let path = env::temp_dir().join(format!("ssewire-{}-{name}.sock", process::id()));
        let listener = UnixListener::bind(&path).expect("the folder can be written to");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("someone connects");
                let mut line = String::new();
                let mut lines = BufReader::new(&stream);
                lines
                    .read_line(&mut line)
                    .expect("the client says where it stands");
                let id = Some(line.trim()).filter(|id| !id.is_empty());
                stream
                    .write_all(two_more(id).as_bytes())
                    .expect("the client reads");
            }
        });
        Self(path)
    }
}

impl Drop for UnixServer {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_unix_socket_is_resumed_on_tokio() {
    let server = UnixServer::start("tokio");
    let open = |request: &Attempt| {
        use tokio::io::AsyncWriteExt;

        let (path, line) = (
            server.0.clone(),
            format!("{}\n", request.last_event_id().unwrap_or("")),
        );
        async move {
            let mut stream = tokio::net::UnixStream::connect(path).await?;
            stream.write_all(line.as_bytes()).await?;
            Ok(stream)
        }
    };
    ssewire::tokio::Runtime::run(counts_to_six::<_, _, _, ssewire::tokio::Runtime>(open));
}

#[test]
fn a_unix_socket_is_resumed_on_async_std() {
    let server = UnixServer::start("async-std");
    let open = |request: &Attempt| {
        use futures_util::AsyncWriteExt;

        let (path, line) = (
            server.0.clone(),
            format!("{}\n", request.last_event_id().unwrap_or("")),
        );
        async move {
            let mut stream = async_std::os::unix::net::UnixStream::connect(path).await?;
            stream.write_all(line.as_bytes()).await?;
            Ok(stream)
        }
    };
    ssewire::async_std::Runtime::run(counts_to_six::<_, _, _, ssewire::async_std::Runtime>(open));
}

/// Opens one end of a pipe in memory, at whose other end someone writes and goes.
fn pipe(request: &Attempt) -> tokio::io::DuplexStream {
    let (near, mut far) = tokio::io::duplex(7);
    let wire = two_more(request.last_event_id());
    thread::spawn(move || {
        use tokio::io::AsyncWriteExt;

        async_std::task::block_on(far.write_all(wire.as_bytes())).expect("the client reads");
    });
    near
}

#[test]
fn a_pipe_is_resumed_on_tokio() {
    let open = |request: &Attempt| ready(Ok(pipe(request)));
    ssewire::tokio::Runtime::run(counts_to_six::<_, _, _, ssewire::tokio::Runtime>(open));
}

#[test]
fn a_pipe_is_resumed_on_async_std() {
    let open = |request: &Attempt| ready(Ok(pipe(request).compat()));
    ssewire::async_std::Runtime::run(counts_to_six::<_, _, _, ssewire::async_std::Runtime>(open));
}
