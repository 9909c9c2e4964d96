//! A lane before an HTTP server: what it takes, what it passes on, and clients that attack it.

use core::future::ready;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;

use socket2::SockRef;
use ssewire::hub::{Observation, StreamEnd};
use ssewire::hyper::event_stream;
use ssewire::lane::{Decision, LaneConfig};
use ssewire::server::{SessionConfig, SessionEnd, TopicsConfig};
use ssewire::tokio::Lane;
use ssewire::{Event, Hub};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::client::{Client, Request};
use crate::common::counting::count;
use crate::common::serving::{PATIENCE, Server, block_on, runtime, wait_until};

fn silent() -> SessionConfig {
    SessionConfig::new().keep_alive(None)
}

/// Returns what a server says to bytes, without the dates.
fn said(server: &Server, bytes: &[u8]) -> String {
    let answer = Client::answer_to(server.address, bytes);
    let answer = String::from_utf8(answer).unwrap();
    let lines = answer.lines().filter(|line| !line.starts_with("date: "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_no_stream_gets_the_answer_that_it_gets_without_a_lane() {
    let servers = [Server::on_hyper, Server::on_lane].map(|start| {
        let hub = Hub::new();
        hub.close_topic("closed", Duration::from_secs(60));
        start(
            hub,
            silent().max_age(Duration::from_millis(1)).jitter_percent(0),
        )
    });
    let long = format!(
        "GET /closed HTTP/1.1\r\nHost: a\r\nLong: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let end = "Host: a\r\nConnection: close\r\n\r\n";
    let requests = [
        format!("GET /closed HTTP/1.1\r\n{end}"),
        format!("HEAD /closed HTTP/1.1\r\n{end}"),
        format!("POST /closed HTTP/1.1\r\nContent-Length: 2\r\n{end}ab"),
        format!("GET /closed HTTP/1.1\r\nHost: a\r\n\r\nGET /closed HTTP/1.1\r\n{end}"),
        format!("GET /closed HTTP/1.1\r\nLast-Event-ID: \u{FFFD}\r\n{end}"),
        "GET /closed HTTP/1.0\r\n\r\n".into(),
        "GET /a b HTTP/1.1\r\n\r\n".into(),
        "\u{16}\u{3}\u{1}not for a server without TLS".into(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        "G\r\n\r\n".into(),
        long,
    ];
    for request in requests {
        let [without, with] = servers
            .each_ref()
            .map(|server| said(server, request.as_bytes()));
        assert_eq!(with, without, "{request:?}");
        assert!(
            with.starts_with("HTTP/1.") || request.starts_with("PRI"),
            "{with}"
        );
    }
}

#[test]
fn an_ended_topic_of_a_stream_is_told_by_the_router_with_every_header() {
    let server = Server::on_lane(Hub::new(), silent());
    let mut client = server.open("/a", None);
    assert_eq!(client.status(), "200");
    for header in [
        "content-type: text/event-stream",
        "cache-control: no-cache, no-transform",
        "x-accel-buffering: no",
        "connection: close",
        "transfer-encoding: chunked",
    ] {
        assert!(
            client.head.contains(&format!("\r\n{header}\r\n")),
            "{}",
            client.head
        );
    }
    assert!(client.head.contains("\r\ndate: "));
    server.hub.publish("a", Event::new("x".repeat(100_000)));
    assert_eq!(client.data().len(), 100_000);
    server.hub.close_topic("a", Duration::from_secs(60));
    assert_eq!(client.event(), None);
    assert_eq!(server.open("/a", None).status(), "204");
}

#[test]
fn a_head_may_come_in_any_pieces() {
    let server = Server::on_lane(Hub::new(), silent());
    let request = Request::of("/a")
        .header("Last-Event-ID", "e-1")
        .into_bytes();
    for size in [1, 2, 7, 30] {
        let mut socket = TcpStream::connect(server.address).unwrap();
        socket.set_nodelay(true).unwrap();
        for piece in request.chunks(size) {
            socket.write_all(piece).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        let mut start = [0; 15];
        socket.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200 OK");
    }
}

#[test]
fn slow_heads_are_given_up_and_hurt_nobody() {
    let config = LaneConfig::new().head_timeout(Duration::from_millis(300));
    let server = Server::on_lane_with(Hub::new(), silent(), config);
    let mut slow: Vec<_> = (0..500)
        .map(|index| {
            let mut socket = TcpStream::connect(server.address).unwrap();
            // Some have sent nothing at all.
            let head = if index % 2 == 0 {
                ""
            } else {
                "GET /a HTTP/1.1\r\nHo"
            };
            socket.write_all(head.as_bytes()).unwrap();
            socket
        })
        .collect();
    let mut client = server.open("/a", None);
    server.hub.publish("a", Event::new("1"));
    assert_eq!(client.data(), "1");
    for (index, socket) in slow.iter_mut().enumerate() {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // It goes on byte by byte, which does not put off the end.
        let _ = socket.write_all(if index % 2 == 0 { b"G" } else { b"s" });
        let mut rest = Vec::new();
        match socket.read_to_end(&mut rest) {
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            Ok(read) => assert_eq!(read, 0),
        }
    }
    assert_eq!(server.hub.subscriber_count(), 1);
}

#[test]
fn a_flood_of_connections_and_resets_leaves_nothing_behind() {
    let keep_alive = Duration::from_millis(50);
    let server = Server::on_lane(Hub::new(), SessionConfig::new().keep_alive(keep_alive));
    let mut client = server.open("/a", None);
    for round in 0..3_000 {
        let mut socket = TcpStream::connect(server.address).unwrap();
        // Nothing, half a head, a stream, and a stream that is followed by more; some are reset.
        let head = Request::of("/a").into_bytes();
        let sent = [0, head.len() / 2, head.len(), head.len()][round % 4];
        socket.write_all(&head[..sent]).unwrap();
        if round % 4 == 3 {
            let _ = socket.write_all(b"GET / HTTP/1.1\r\n\r\n");
        }
        if round % 3 == 0 {
            SockRef::from(&socket)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
        if round % 100 == 0 {
            server.hub.publish("a", Event::new(round.to_string()));
            assert_eq!(client.data(), round.to_string());
        }
    }
    server.wait_for_subscribers(1);
    drop(client);
    server.wait_for_subscribers(0);
    server.wait_for_closed_sockets();
}

#[test]
fn a_client_that_ends_its_side_is_noticed_in_silence() {
    let keep_alive = Duration::from_millis(300);
    let server = Server::on_lane(Hub::new(), SessionConfig::new().keep_alive(keep_alive));
    let mut clients: Vec<_> = (0..20).map(|_| server.open("/a", None)).collect();
    // What a client sends in between is dropped.
    for client in &clients[10..] {
        client.send_more(b"what?");
    }
    for client in &clients[..10] {
        client.finish_sending();
    }
    server.wait_for_subscribers(10);
    server.hub.publish("a", Event::new("1"));
    for client in &mut clients[10..] {
        assert_eq!(client.data(), "1");
    }
}

#[test]
fn an_address_has_so_many_connections_and_gets_its_places_back() {
    let config = LaneConfig::new().max_connections_per_address(3);
    let keep_alive = Duration::from_millis(50);
    let session = SessionConfig::new().keep_alive(keep_alive);
    let server = Server::on_lane_with(Hub::new(), session, config);
    server.hub.close_topic("closed", Duration::from_secs(60));
    let streams = [server.open("/a", None), server.open("/b", None)];
    // This one is hyper's, and stays open.
    let passed = server.open("/closed", None);
    assert_eq!(passed.status(), "204");
    let refused = |server: &Server| {
        Client::answer_to(server.address, &Request::of("/a").into_bytes()).is_empty()
    };
    assert!(refused(&server));
    drop(passed);
    wait_until("a place of hyper's", || !{
        let mut socket = TcpStream::connect(server.address).unwrap();
        let _ = socket.write_all(&Request::of("/a").into_bytes());
        socket.read(&mut [0; 9]).unwrap_or_default() == 0
    });
    server.wait_for_subscribers(2);
    drop(streams);
    server.wait_for_subscribers(0);
    wait_until("three places", || {
        let head = |_| Client::sending(server.address, &Request::of("/a").into_bytes());
        let mut clients: Vec<_> = (0..3).map(head).collect();
        clients.iter_mut().all(|client| client.piece().is_ok())
    });
}

#[test]
fn a_stalled_reader_is_given_up_after_the_write_timeout() {
    let hub = Hub::with_config(TopicsConfig::new().max_bytes(64 << 20));
    let ends = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ends);
    hub.observe(move |observation| {
        if let Observation::Ended { end, .. } = observation {
            seen.lock().unwrap().push(*end);
        }
    });
    let server = Server::on_lane(hub, silent().write_timeout(Duration::from_millis(200)));
    let stalled = Client::stalled(server.address, Request::of("/a"));
    server.wait_for_subscribers(1);
    for number in 0..400 {
        server
            .hub
            .publish("a", Event::new(format!("{number} {}", "x".repeat(4_000))));
    }
    server.wait_for_subscribers(0);
    assert_eq!(
        *ends.lock().unwrap(),
        [StreamEnd::Session(SessionEnd::Stalled)]
    );
    drop(stalled);
}

#[test]
fn gathered_events_leave_together() {
    let server = Server::on_lane(Hub::new(), silent().gather(Duration::from_millis(100)));
    let mut client = server.open("/a", None);
    client.frame();
    server.wait_for_subscribers(1);
    for number in 0..20 {
        server.hub.publish("a", Event::new(number.to_string()));
        thread::sleep(Duration::from_millis(10));
    }
    let (mut pieces, mut events) = (0, 0);
    while events < 20 {
        let piece = String::from_utf8(client.piece().unwrap().unwrap()).unwrap();
        for data in piece.lines().filter_map(|line| line.strip_prefix("data: ")) {
            assert_eq!(data, events.to_string());
            events += 1;
        }
        pieces += 1;
    }
    assert!(pieces <= 10, "{pieces} pieces");
}

#[test]
fn a_panic_of_the_callers_code_ends_one_stream_and_no_other() {
    let hub = Hub::new();
    block_on(async {
        let (lane, drivers) = Lane::new(LaneConfig::new());
        for driver in drivers {
            tokio::spawn(driver);
        }
        let mut clients = Vec::new();
        for index in 0..3 {
            let events = hub.subscribe("a", None).unwrap().narrow(move |event| {
                assert!(index != 1 || event.data() != "2", "the panic of this test");
                true
            });
            clients.push(offered(&lane, Decision::stream(event_stream(events), silent())).await);
        }
        for data in ["1", "2", "3"] {
            hub.publish("a", Event::new(data));
        }
        let mut texts = Vec::new();
        for client in &mut clients {
            texts.push(read_until(client, "data: 3\n").await);
        }
        assert!(texts[0].contains("data: 2\n") && texts[2].contains("data: 2\n"));
        // It is cut off, and not ended.
        assert!(!texts[1].contains("data: 2\n") && !texts[1].ends_with("0\r\n\r\n"));
        assert_eq!((hub.subscriber_count(), lane.stream_count()), (2, 2));
    });
}

#[test]
fn what_is_among_the_extensions_is_dropped_with_the_stream() {
    let hub = Hub::new();
    block_on(async {
        let (lane, drivers) = Lane::new(LaneConfig::new());
        let driver = tokio::spawn(drivers.into_iter().next().unwrap());
        let permit = Arc::new(());
        let mut response = event_stream(hub.subscribe("a", None).unwrap());
        response.extensions_mut().insert(Arc::clone(&permit));
        let mut client = offered(&lane, Decision::stream(response, silent())).await;
        read_until(&mut client, ":\n").await;
        assert_eq!(Arc::strong_count(&permit), 2);
        assert_eq!(hub.shutdown(tokio::time::sleep(PATIENCE)).await, 0);
        assert!(
            read_until(&mut client, "never")
                .await
                .ends_with("0\r\n\r\n")
        );
        // It ends with its last stream once nothing can come.
        drop(lane);
        driver.await.unwrap();
        assert_eq!(Arc::strong_count(&permit), 1);
    });
}

#[test]
fn a_driver_that_is_dropped_takes_its_streams_with_it() {
    let hub = Hub::new();
    block_on(async {
        let (lane, drivers) = Lane::new(LaneConfig::new());
        let driver = tokio::spawn(drivers.into_iter().next().unwrap());
        let decision =
            || Decision::stream(event_stream(hub.subscribe("a", None).unwrap()), silent());
        let mut client = offered(&lane, decision()).await;
        read_until(&mut client, ":\n").await;
        driver.abort();
        assert!(driver.await.unwrap_err().is_cancelled());
        assert_eq!(hub.subscriber_count(), 0);
        assert!(!read_until(&mut client, "never").await.contains("\r\n0\r\n"));

        let (socket, _client) = pair().await;
        let offer = lane.offer(socket, |_| ready(decision()));
        assert_eq!(offer.await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(hub.subscriber_count(), 0);
    });
}

/// What the allocator gives for a stream, its subscription and all that is held of its socket.
#[test]
fn an_idle_stream_takes_less_than_a_kilobyte() {
    const STREAMS: usize = 500;
    let hub = Hub::new();
    let runtime = runtime();
    let (lane, drivers) = Lane::new(LaneConfig::new());
    let (sockets, clients): (Vec<_>, Vec<_>) = runtime.block_on(async {
        for driver in drivers {
            tokio::spawn(driver);
        }
        let mut pairs = Vec::new();
        for _ in 0..=STREAMS {
            let (socket, client) = pair().await;
            pairs.push((socket.into_std().unwrap(), client));
        }
        pairs.into_iter().unzip()
    });
    let mut sockets = sockets.into_iter();
    let mut open = |count| {
        runtime.block_on(async {
            for socket in sockets.by_ref().take(count) {
                let socket = tokio::net::TcpStream::from_std(socket).unwrap();
                let events = hub.subscribe("a", None).unwrap();
                let decision = Decision::stream(event_stream(events), silent());
                lane.offer(socket, |_| ready(decision)).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    };
    // What is needed once is not counted.
    open(1);
    let ((), usage) = count(|| open(STREAMS));
    assert_eq!(
        (hub.subscriber_count(), lane.stream_count()),
        (STREAMS + 1, STREAMS + 1)
    );
    let each = usage.live / STREAMS as isize;
    assert!((200..1_000).contains(&each), "{each} bytes");

    // An event that is delivered leaves nothing behind.
    hub.publish("a", Event::new("x".repeat(1_000)));
    let deliver =
        || runtime.block_on(async { tokio::time::sleep(Duration::from_millis(200)).await });
    deliver();
    let ((), usage) = count(|| {
        hub.publish("a", Event::new("x".repeat(1_000)));
        deliver();
    });
    assert!(usage.live < 10_000, "{usage:?}");
    drop(clients);
}

/// Connects, asks for a stream, and has a lane take it.
async fn offered(lane: &Lane, decision: Decision) -> tokio::net::TcpStream {
    let (socket, client) = pair().await;
    let passed = lane.offer(socket, |_| ready(decision)).await.unwrap();
    assert!(passed.is_none());
    client
}

/// Returns both ends of a connection on which a request was sent.
async fn pair() -> (tokio::net::TcpStream, tokio::net::TcpStream) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (accepted, client) = tokio::join!(listener.accept(), async {
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        client
            .write_all(&Request::of("/a").into_bytes())
            .await
            .unwrap();
        client
    });
    (accepted.unwrap().0, client)
}

/// Reads until a text has come, or to the end.
async fn read_until(client: &mut tokio::net::TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        match client.read_buf(&mut read).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    String::from_utf8(read).unwrap()
}
