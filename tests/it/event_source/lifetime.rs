//! Waits, timeouts, and the end of a connection by either side.

use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;

use ssewire::client::{Cause, ClientConfig, CloseReason, Phase};
use ssewire::hyper::Http;

use crate::common::runtime::{
    Runtime, Source, all_data, assert_gave_up, get, next_data, next_error, on_both, quick, within,
};
use crate::common::server::{OPEN, Server, nobody};

on_both! {
    the_servers_retry_is_a_lower_bound
    a_retry_of_0_is_no_busy_loop
    a_server_that_only_hangs_up_is_not_hammered
    a_port_where_nobody_listens_is_tried_again
    a_black_hole_ends_at_the_idle_timeout
    a_black_hole_before_the_head_ends_at_the_idle_timeout
    comments_keep_a_connection_alive
    stop_when_does_not_wait_for_the_end
    close_ends_at_once
    close_ends_a_wait
    restart_makes_a_new_connection
    drop_closes_the_socket
    hooks_are_called_in_order
}

const LONG: Duration = Duration::from_secs(60);

async fn the_servers_retry_is_a_lower_bound<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send(OPEN.to_owned() + "retry: 250\ndata: 1\n\n");
        }
        // Of an earlier connection, and beyond the longest wait of the client's own.
        1 => {
            connection.send(OPEN.to_owned() + "data: 2\n\n");
        }
        2 => connection.answer("503 Busy", &["retry-after: 0"], ""),
        _ => connection.answer("204 No Content", &[], ""),
    });
    let mut events = get::<R>(server.url("/"));
    assert_eq!(all_data(&mut events).await, ["1", "2"]);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for pair in requests.windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_millis(250));
    }
}

async fn a_retry_of_0_is_no_busy_loop<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0..3 => {
            connection.send(OPEN.to_owned() + "retry: 0\ndata: x\n\n");
        }
        _ => connection.answer("204 No Content", &[], ""),
    });
    // The client's own wait is not to come; that of the server is, as the least that there is.
    let config = ClientConfig::new().base_delay(LONG);
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    assert_eq!(all_data(&mut events).await.len(), 3);
    for pair in server.requests().windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_millis(100));
    }
}

async fn a_server_that_only_hangs_up_is_not_hammered<R: Runtime>() {
    for answers in [false, true] {
        let server = Server::accepting(move |connection| {
            if answers && connection.read_request() {
                connection.open();
            }
        });
        let mut events = Source::<R>::get(server.url("/"));
        let ended = within::<R, _>(Duration::from_secs(2), events.next()).await;
        assert!(ended.is_none(), "it is tried again for ever: {ended:?}");
        assert!(
            (2..=6).contains(&server.accepted()),
            "{}",
            server.accepted()
        );
    }
}

async fn a_port_where_nobody_listens_is_tried_again<R: Runtime>() {
    let (url, _socket) = nobody();
    let config = quick().max_attempts(3);
    let mut events = Source::<R>::new(Http::get(url), config);
    let error = next_error(&mut events).await;
    assert_gave_up(&error, 3, Cause::CouldNotConnect);
    let source = core::error::Error::source(&error).expect("it says why");
    let source = source.downcast_ref::<io::Error>().expect("an I/O error");
    assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
}

async fn a_black_hole_ends_at_the_idle_timeout<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send(OPEN.to_owned() + "id: 1\ndata: 1\n\ndata: torn\n");
            connection.wait_for_end();
        }
        _ => connection.answer("204 No Content", &[], ""),
    });
    let causes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&causes);
    let config = quick().idle_timeout(Duration::from_millis(100));
    let mut events = Source::<R>::new(Http::get(server.url("/")), config)
        .on_disconnect(move |disconnect| seen.lock().unwrap().push(disconnect.cause()));
    assert_eq!(all_data(&mut events).await, ["1"]);
    server.wait_for_closed(1);
    assert_eq!(*causes.lock().unwrap(), [Some(Cause::IdleTimeout), None]);
    let requests = server.requests();
    assert_eq!(requests[1].header("last-event-id"), Some("1"));
    assert!(requests[1].at - requests[0].at >= Duration::from_millis(100));
}

async fn a_black_hole_before_the_head_ends_at_the_idle_timeout<R: Runtime>() {
    // Nothing, and a head that comes byte by byte but never ends.
    for head in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx: ",
    ] {
        let server = Server::start(move |connection| match connection.number() {
            0 => {
                connection.send(head);
                connection.wait_for_end();
            }
            _ => connection.answer("204 No Content", &[], ""),
        });
        let config = quick().idle_timeout(Duration::from_millis(100));
        let mut events = Source::<R>::new(Http::get(server.url("/")), config);
        assert!(events.next().await.is_none());
        server.wait_for_closed(1);
        assert_eq!(server.accepted(), 2);
    }
}

async fn comments_keep_a_connection_alive<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.open();
        for _ in 0..15 {
            thread::sleep(Duration::from_millis(100));
            connection.send(":\n");
        }
        connection.send("data: 1\n\n");
        connection.wait_for_end();
    });
    let config = quick().idle_timeout(Duration::from_secs(1));
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    assert_eq!(next_data(&mut events).await, "1");
    assert_eq!(server.accepted(), 1);
}

async fn stop_when_does_not_wait_for_the_end<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.open();
        connection.send("data: 1\n\ndata: [DONE]\n\ndata: behind\n\n");
        connection.wait_for_end();
    });
    let source = || get::<R>(server.url("/")).stop_when(|event| event.data() == "[DONE]");
    let mut events = source();
    assert_eq!(next_data(&mut events).await, "1");
    assert_eq!(next_data(&mut events).await, "[DONE]");
    // Before the end is asked for.
    server.wait_for_closed(1);
    assert_eq!(events.phase(), Phase::Closed(CloseReason::Caller));
    assert!(events.next().await.is_none());

    let mut events = source();
    let mut frames = 0;
    while let Some(frame) = events.next_frame().await {
        frame.expect("no error");
        frames += 1;
    }
    assert_eq!(frames, 2);
    server.wait_for_closed(2);
    assert_eq!(server.accepted(), 2);
}

async fn close_ends_at_once<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.open();
        connection.send("data: 1\n\ndata: 2\n\n");
        connection.wait_for_end();
    });
    let ends = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ends);
    let mut events = get::<R>(server.url("/"))
        .on_disconnect(move |disconnect| seen.lock().unwrap().push(disconnect.phase()));
    assert_eq!(next_data(&mut events).await, "1");
    events.close();
    server.wait_for_closed(1);
    let closed = Phase::Closed(CloseReason::Caller);
    assert_eq!(events.phase(), closed);
    assert!(events.next().await.is_none(), "what was not taken is gone");
    events.close();
    events.restart();
    assert!(events.next().await.is_none());
    assert_eq!(*ends.lock().unwrap(), [closed]);

    let mut unused = get::<R>(server.url("/"));
    unused.close();
    assert!(unused.next().await.is_none());
    assert_eq!(server.accepted(), 1);
}

async fn close_ends_a_wait<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "retry: 100000\ndata: 1\n\n");
    let mut events = get::<R>(server.url("/"));
    assert_eq!(next_data(&mut events).await, "1");
    // Until it waits.
    loop {
        let ended = within::<R, _>(Duration::from_millis(5), events.next()).await;
        assert!(ended.is_none(), "{ended:?}");
        if let Phase::Waiting { delay, cause, .. } = events.phase() {
            assert_eq!(cause, Some(Cause::Ended));
            assert!(delay >= Duration::from_secs(100));
            break;
        }
    }
    // A wait is not cut short.
    events.restart();
    assert!(matches!(
        events.phase(),
        Phase::Waiting {
            cause: Some(Cause::Ended),
            ..
        }
    ));
    events.close();
    assert!(events.next().await.is_none());
    assert_eq!(server.accepted(), 1);
}

async fn restart_makes_a_new_connection<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.open();
        connection.send("id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n");
        connection.wait_for_end();
    });
    let phases = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&phases);
    let mut events = get::<R>(server.url("/"))
        .on_disconnect(move |disconnect| seen.lock().unwrap().push(disconnect.phase()));
    assert_eq!(next_data(&mut events).await, "1");
    events.restart();
    server.wait_for_closed(1);
    // The second event was there, but not taken, so it is asked for again.
    assert_eq!(next_data(&mut events).await, "1");
    assert_eq!(server.requests()[1].header("last-event-id"), Some("1"));
    assert_eq!(next_data(&mut events).await, "2");
    let phases = phases.lock().unwrap();
    assert!(
        matches!(phases[..], [Phase::Waiting { cause: None, .. }]),
        "{phases:?}"
    );
}

async fn drop_closes_the_socket<R: Runtime>() {
    let scripts = [
        "",
        OPEN,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\npart",
    ];
    for (number, wire) in scripts.into_iter().enumerate() {
        let server = Server::start(move |connection| {
            connection.send(wire);
            connection.wait_for_end();
        });
        let mut events = get::<R>(server.url("/"));
        let ended = within::<R, _>(Duration::from_millis(50), events.next()).await;
        assert!(ended.is_none(), "{number}");
        // With a watch and hooks in it, and while a clone of the watch lives on.
        let watch = events.watch();
        drop(events);
        server.wait_for_closed(1);
        assert_eq!(server.accepted(), 1);
        drop(watch);
    }
}

async fn hooks_are_called_in_order<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send(OPEN.to_owned() + "data: 1\n\n");
        }
        1 => connection.answer("500 Oh", &[], ""),
        2 => {
            connection.send(OPEN.to_owned() + "data: 2\n\n");
            connection.wait_until_told();
            connection.reset();
        }
        _ => connection.answer("403 No", &[], ""),
    });
    let log = Arc::new(Mutex::new(Vec::new()));
    let (opens, ends) = (Arc::clone(&log), Arc::clone(&log));
    let mut events = get::<R>(server.url("/"))
        .on_open(move |head| {
            opens
                .lock()
                .unwrap()
                .push(format!("open {}", head.status.as_u16()));
            Ok::<_, io::Error>(())
        })
        .on_disconnect(move |disconnect| {
            let comes = if disconnect.delay().is_some() {
                "again"
            } else {
                "closed"
            };
            let cause = disconnect.cause().expect("there is a cause");
            ends.lock().unwrap().push(format!("{comes}: {cause}"));
        });
    assert_eq!(next_data(&mut events).await, "1");
    log.lock().unwrap().push("event 1".into());
    assert_eq!(next_data(&mut events).await, "2");
    log.lock().unwrap().push("event 2".into());
    server.tell();
    next_error(&mut events).await;
    assert_eq!(
        *log.lock().unwrap(),
        [
            "open 200",
            "event 1",
            "again: the stream ended",
            "again: the response has status 500",
            "open 200",
            "event 2",
            "again: the stream was cut off",
            "closed: the response has status 403",
        ]
    );
}
