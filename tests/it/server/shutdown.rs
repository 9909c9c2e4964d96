//! What clients see of where a stream begins and of how it ends, over sockets.

use core::time::Duration;
use std::io::Read;
use std::net::TcpStream;
use std::thread;

use ssewire::server::SessionConfig;
use ssewire::tokio::{ClientConfig, EventSource};
use ssewire::{Event, Hub};

use crate::common::client::{Client, Request};
use crate::common::serving::{PATIENCE, Start, block_on, now, on_each};

on_each! {
    two_thousand_clients_are_sent_away_one_by_one
    a_client_that_loses_its_connection_before_its_first_event_misses_nothing
    a_closed_topic_gives_what_is_left_and_then_tells_clients_to_stop
    whoever_logs_out_is_disconnected
}

fn two_thousand_clients_are_sent_away_one_by_one(start: Start) {
    const CLIENTS: usize = 2_000;
    const WINDOW: Duration = Duration::from_secs(2);
    let server = start(Hub::new(), SessionConfig::new().keep_alive(None));
    let sockets: Vec<TcpStream> = (0..CLIENTS)
        .map(|_| Client::stalled_socket(server.address, Request::of("/a")))
        .collect();
    server.wait_for_subscribers(CLIENTS);
    server.hub.publish("a", Event::new("last"));

    let begin = now();
    let hub = server.hub.clone();
    let closing = thread::spawn(move || {
        block_on(async {
            hub.shutdown_over(WINDOW, tokio::time::sleep(PATIENCE))
                .await
        })
    });
    // Each stream has all that there was, and ends; what counts is how many are left at a time.
    let mut left_at = Vec::new();
    while server.hub.subscriber_count() > 0 {
        assert!(begin.elapsed() < PATIENCE, "they do not end");
        left_at.push((begin.elapsed(), server.hub.subscriber_count()));
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(closing.join().unwrap(), 0);
    for (at, left) in left_at {
        let expected = CLIENTS as f64 * (1.0 - at.as_secs_f64() / WINDOW.as_secs_f64()).max(0.0);
        // Six standard deviations of so many coins, and a quarter of a second for a busy machine.
        let leeway = 150.0 + CLIENTS as f64 * 0.25 / WINDOW.as_secs_f64();
        let off = (left as f64 - expected).abs();
        assert!(off < leeway, "{left} instead of {expected} after {at:?}");
    }
    for mut socket in sockets {
        let mut wire = Vec::new();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // Hyper keeps the connection for another request, so only what was sent counts.
        let mut piece = [0; 4096];
        while !wire.ends_with(b"data: last\n\n\r\n0\r\n\r\n") {
            match socket.read(&mut piece).unwrap() {
                0 => break,
                read => wire.extend_from_slice(&piece[..read]),
            }
        }
        let wire = String::from_utf8(wire).unwrap();
        assert_eq!(wire.matches("data: last\n\n").count(), 1, "{wire}");
    }
}

fn a_client_that_loses_its_connection_before_its_first_event_misses_nothing(start: Start) {
    // Each stream ends soon after its opening.
    let config = SessionConfig::new()
        .keep_alive(None)
        .retry(Duration::from_millis(300))
        .max_age(Duration::from_millis(100))
        .jitter_percent(0);
    let server = start(Hub::new(), config);
    server.hub.publish("a", Event::new("before"));
    let url = server.url("/a");
    let hub = server.hub.clone();
    block_on(async move {
        let (lost, told) = std::sync::mpsc::channel();
        let mut events = EventSource::get(url).on_disconnect(move |_| {
            let _ = lost.send(());
        });
        // It publishes only while nobody is connected.
        let publishing = thread::spawn(move || {
            told.recv().unwrap();
            assert_eq!(hub.subscriber_count(), 0);
            hub.publish("a", Event::new("meanwhile"));
        });
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event.data(), "meanwhile");
        publishing.join().unwrap();
    });
}

fn a_closed_topic_gives_what_is_left_and_then_tells_clients_to_stop(start: Start) {
    let server = start(Hub::new(), SessionConfig::new());
    let mut client = server.open("/job", None);
    server.wait_for_subscribers(1);
    let half = server.hub.publish("job", Event::new("half")).id().unwrap();
    server.hub.publish("job", Event::new("done"));
    server.hub.close_topic("job", Duration::from_secs(60));
    assert_eq!(client.data(), "half");
    assert_eq!(client.data(), "done");
    assert_eq!(client.event(), None);

    let mut late = server.open("/job", Some(&half.to_string()));
    assert_eq!(late.data(), "done");
    assert_eq!(late.event(), None);
    assert_eq!(server.open("/job", None).status(), "204");
    let publication = block_on(server.hub.publish("job", Event::new("too late")));
    assert!(publication.is_err());

    // A client of ours takes it for the end.
    let url = server.url("/job");
    block_on(async move {
        let mut events = EventSource::new(ssewire::tokio::Http::get(url), ClientConfig::new());
        assert!(events.next().await.is_none());
    });
}

fn whoever_logs_out_is_disconnected(start: Start) {
    let server = start(Hub::new(), SessionConfig::new());
    let mut ann = [server.open("/news,ann", None), server.open("/ann", None)];
    let mut bob = server.open("/news,bob", None);
    server.wait_for_subscribers(3);
    assert_eq!(server.hub.end_streams("ann"), 2);
    server.wait_for_subscribers(1);
    for stream in &mut ann {
        assert_eq!(stream.event(), None);
    }
    server.hub.publish("news", Event::new("hello"));
    assert_eq!(bob.data(), "hello");
    assert_eq!(server.open("/ann", None).status(), "200");
}
