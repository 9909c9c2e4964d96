//! Readers that stop reading.

use core::convert::Infallible;
use core::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ssewire::async_std::EventWriter;
use ssewire::server::{SessionConfig, SessionEnd, SlowReader, TopicsConfig};
use ssewire::{Event, Hub};

use crate::common::client::{Client, Request};
use crate::common::counting::{Usage, count};
use crate::common::serving::{Server, Start, accept, answer, block_on, on_each, runtime};

on_each! {
    a_stalled_reader_hurts_nobody_and_resumes_with_nothing_lost
    a_hundred_stalled_readers_among_a_thousand_hurt_nobody
    a_reader_that_stalls_for_too_long_is_told_what_it_cost
    a_reader_that_may_skip_goes_on_behind_a_gap
    a_shutdown_leaves_stalled_readers_behind
}

/// A body cannot know that nobody reads it; the socket does. Over HTTP/1 and on both runtimes.
#[test]
fn a_socket_with_a_write_timeout_lets_go_of_a_reader_that_stalls() {
    const LIMIT: Duration = Duration::from_millis(300);
    let hub = holding(64 << 20);
    let served = hub.clone();
    let server = Server::on_tokio(hub, move |listener| {
        accept(listener, move |socket| {
            let hub = served.clone();
            async move {
                let service = service_fn(move |request: hyper::Request<Incoming>| {
                    let answer = answer(&hub, &patient(), request.uri().path(), request.headers());
                    async { Ok::<_, Infallible>(answer) }
                });
                let socket = ssewire::tokio::WriteTimeout::new(socket, LIMIT);
                let mut server = http1::Builder::new();
                let served = server
                    .max_buf_size(8192)
                    .serve_connection(TokioIo::new(socket), service);
                let error = served.await.expect_err("the peer reads nothing");
                let source = core::error::Error::source(&error).expect("of the socket");
                assert_eq!(
                    source.to_string(),
                    "the peer took no bytes for 300ms (write timeout)"
                );
            }
        })
    });
    let stalled = Client::stalled(server.address, Request::of("/a"));
    let mut reader = server.open("/a", None);
    server.wait_for_subscribers(2);
    for number in 0..2_000 {
        publish(&server.hub, number..number + 1);
        assert_eq!(self::number(&reader.event().unwrap()), number);
        if server.hub.subscriber_count() == 1 {
            break;
        }
        if number > 200 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    server.wait_for_subscribers(1);
    // Whoever reads may be silent for longer.
    std::thread::sleep(LIMIT * 2);
    publish(&server.hub, 0..1);
    assert_eq!(number(&reader.event().unwrap()), 0);
    drop((stalled, reader));

    async_std::task::block_on(async {
        let listener = async_std::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let _client = async_std::net::TcpStream::connect(address).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let socket = ssewire::async_std::WriteTimeout::new(socket, LIMIT);
        let events = futures_util::stream::repeat_with(|| sized(1));
        let end = EventWriter::new(socket).forward(events, patient()).await;
        assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    });
}

/// A session that lets a reader stall for as long as it likes.
fn patient() -> SessionConfig {
    SessionConfig::new().keep_alive(None).write_timeout(None)
}

/// A hub whose log has room for so many bytes.
fn holding(bytes: usize) -> Hub {
    Hub::with_config(TopicsConfig::new().max_bytes(bytes))
}

fn publish(hub: &Hub, numbers: core::ops::Range<usize>) {
    for number in numbers {
        hub.publish("a", sized(number));
    }
}

/// Makes an event of four kilobytes that begins with its number.
fn sized(number: usize) -> Event {
    Event::new(format!("{number} {}", "x".repeat(4_000)))
}

fn number(event: &Event) -> usize {
    assert_eq!(event.event_type(), "message", "{event:?}");
    let data = event.data().split(' ').next();
    data.unwrap().parse().unwrap()
}

/// Opens streams of which each reads the event 0 and then stalls. `readers` read it too.
fn stall(server: &Server, count: usize, readers: &mut [Client]) -> Vec<Client> {
    let request = || Request::of("/a");
    let mut stalled: Vec<_> = (0..count)
        .map(|_| Client::stalled(server.address, request()))
        .collect();
    stalled.iter_mut().for_each(Client::read_head);
    publish(&server.hub, 0..1);
    for client in stalled.iter_mut().chain(readers) {
        assert_eq!(number(&client.event().unwrap()), 0);
    }
    stalled
}

/// Publishes the events from 1 on in bursts, and has each burst read by all of `readers` before
/// the next.
fn publish_to(server: &Server, readers: &mut [Client], events: usize, burst: usize) {
    for first in (1..events).step_by(burst) {
        let burst = first..events.min(first + burst);
        publish(&server.hub, burst.clone());
        for reader in &mut *readers {
            for expected in burst.clone() {
                assert_eq!(number(&reader.event().unwrap()), expected);
            }
        }
    }
}

/// Reads a stream to its end, then the rest up to `events` over a new one; nothing may be missing.
fn read_and_resume(server: &Server, mut stalled: Client, events: usize) {
    let mut next = 1;
    while let Some(event) = stalled.event() {
        assert_eq!(number(&event), next);
        next += 1;
    }
    assert!(next < events, "it was not disconnected");
    let mut resumed = server.open("/a", stalled.last_event_id());
    for expected in next..events {
        assert_eq!(number(&resumed.event().unwrap()), expected);
    }
}

fn a_stalled_reader_hurts_nobody_and_resumes_with_nothing_lost(start: Start) {
    let server = start(holding(1 << 20), patient());
    let mut readers: Vec<_> = (0..3).map(|_| server.open("/a", None)).collect();
    let stalled = stall(&server, 1, &mut readers).pop().unwrap();
    publish_to(&server, &mut readers, 240, 16);
    read_and_resume(&server, stalled, 240);
    assert_eq!(server.hub.stats().disconnected, 1);
    assert_eq!(server.hub.stats().gaps, 0);
}

fn a_hundred_stalled_readers_among_a_thousand_hurt_nobody(start: Start) {
    let server = start(holding(192 << 10), patient());
    let mut readers: Vec<_> = (0..900).map(|_| server.open("/a", None)).collect();
    let stalled = stall(&server, 100, &mut readers);
    publish_to(&server, &mut readers, 45, 4);
    assert_eq!(server.hub.stats().disconnected, 0);
    for stalled in stalled {
        read_and_resume(&server, stalled, 45);
    }
    assert_eq!(server.hub.stats().disconnected, 100);
    assert_eq!(server.hub.stats().gaps, 0);
    publish(&server.hub, 45..46);
    for reader in &mut readers {
        assert_eq!(number(&reader.event().unwrap()), 45);
    }
}

fn a_reader_that_stalls_for_too_long_is_told_what_it_cost(start: Start) {
    let server = start(holding(64 << 10), patient());
    let mut stalled = stall(&server, 1, &mut []).pop().unwrap();
    publish(&server.hub, 1..125);
    while stalled.event().is_some() {}
    // What it had not got is gone by now.
    let mut resumed = server.open("/a", stalled.last_event_id());
    let gap = resumed.event().unwrap();
    assert_eq!((gap.event_type(), gap.data()), ("gap", "too-old"));
    let first = number(&resumed.event().unwrap());
    for expected in first + 1..125 {
        assert_eq!(number(&resumed.event().unwrap()), expected);
    }
    assert_eq!(server.hub.stats().disconnected, 1);
}

fn a_reader_that_may_skip_goes_on_behind_a_gap(start: Start) {
    let config = TopicsConfig::new().max_bytes(64 << 10);
    let hub = Hub::with_config(config.slow_reader(SlowReader::SkipToLive));
    let server = start(hub, patient());
    let mut stalled = stall(&server, 1, &mut []).pop().unwrap();
    publish(&server.hub, 1..125);
    let (mut published, mut next, mut gaps, mut may_jump) = (125, 1, 0, false);
    // The stream goes on, and tells wherever it leaves events out.
    while next < published || gaps == 0 {
        let event = stalled.event().unwrap();
        if event.event_type() == "gap" {
            assert_eq!(event.data(), "lagged");
            publish(&server.hub, published..published + 1);
            published += 1;
            gaps += 1;
            may_jump = true;
        } else {
            let number = number(&event);
            assert!(number == next || may_jump && number > next, "{number}");
            (next, may_jump) = (number + 1, false);
        }
    }
    assert_eq!(server.hub.stats().skipped, gaps);
    assert_eq!(server.hub.stats().disconnected, 0);
}

fn a_shutdown_leaves_stalled_readers_behind(start: Start) {
    let server = start(Hub::new(), patient());
    let mut reader = server.open("/a", None);
    let mut stalled = stall(&server, 10, core::slice::from_mut(&mut reader));
    publish_to(&server, core::slice::from_mut(&mut reader), 128, 16);
    let left = block_on(async {
        // Until the one that reads is gone, and no longer.
        let gone = async {
            while server.hub.subscriber_count() > 10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        server.hub.shutdown(gone).await
    });
    assert_eq!(left, 10);
    assert_eq!(reader.event(), None);
    // Whoever reads again gets what was on its way, and a clean end.
    for stalled in &mut stalled {
        let mut next = 1;
        while let Some(event) = stalled.event() {
            assert_eq!(number(&event), next);
            next += 1;
        }
        assert!(next < 128);
    }
    server.wait_for_subscribers(0);
}

#[test]
fn a_writer_gives_a_reader_up_that_stalls() {
    let config = patient().write_timeout(Duration::from_millis(200));
    let server = Server::on_async_std(holding(1 << 20), config);
    let mut reader = server.open("/a", None);
    let stalled = stall(&server, 1, core::slice::from_mut(&mut reader));
    let stalled = stalled.into_iter().next().unwrap();
    publish_to(&server, core::slice::from_mut(&mut reader), 64, 8);
    assert_eq!(server.session_end().unwrap(), Some(SessionEnd::Stalled));
    server.wait_for_subscribers(1);
    read_and_resume(&server, stalled, 64);
    assert_eq!(server.hub.stats().disconnected, 0);

    publish(&server.hub, 64..65);
    assert_eq!(number(&reader.event().unwrap()), 64);
}

/// Publishes 32 MB while nobody reads, in the task that calls it.
async fn flood(hub: &Hub) {
    for number in 0..8_000 {
        hub.publish("a", sized(number));
        // The connections have their turn.
        if number % 4 == 0 {
            tokio::task::yield_now().await;
        }
    }
}

const STALLED: usize = 50;

/// Holds to a log of a megabyte with its own book-keeping, and what each connection may hold.
fn assert_bounded(usage: Usage, each: usize) {
    let most = ((2 << 20) + STALLED * each) as isize;
    assert!(usage.peak < most && usage.live < most, "{usage:?}");
}

#[test]
fn stalled_readers_of_hyper_cost_a_bounded_amount_of_memory() {
    let hub = holding(1 << 20);
    let runtime = runtime();
    // Server and publisher run in this thread, which is the one that is counted.
    let stalled: Vec<_> = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = hub.clone();
        tokio::spawn(accept(listener, move |socket| {
            let hub = served.clone();
            let service = service_fn(move |request: http::Request<Incoming>| {
                let answer = answer(&hub, &patient(), "/a", request.headers());
                async { Ok::<_, Infallible>(answer) }
            });
            let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            async { drop(served.await) }
        }));
        let stalled = (0..STALLED).map(|_| Client::stalled(address, Request::of("/a")));
        let stalled = stalled.collect();
        while hub.subscriber_count() < STALLED {
            tokio::task::yield_now().await;
        }
        stalled
    });
    let ((), usage) = count(|| runtime.block_on(flood(&hub)));
    // hyper holds several pieces of a connection, but of bytes that are shared.
    assert_bounded(usage, 64 << 10);
    assert_eq!(hub.subscriber_count(), STALLED);
    drop(stalled);
}

#[test]
fn stalled_readers_of_writers_cost_a_bounded_amount_of_memory() {
    let hub = holding(1 << 20);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let clients: Vec<_> = (0..STALLED)
        .map(|_| Client::stalled(address, Request::of("/a")))
        .collect();
    let mut forwards: FuturesUnordered<_> = clients
        .iter()
        .map(|_| {
            let socket = async_std::net::TcpStream::from(listener.accept().unwrap().0);
            let events = hub.subscribe(["a"], None).unwrap();
            async move { EventWriter::new(socket).forward(events, patient()).await }
        })
        .collect();
    let runtime = runtime();
    let ((), usage) = count(|| {
        runtime.block_on(async {
            tokio::select! {
                end = forwards.next() => panic!("{end:?}"),
                () = flood(&hub) => {}
            }
        });
    });
    // The one piece that is being written.
    assert_bounded(usage, 64 << 10);
    assert_eq!(hub.subscriber_count(), STALLED);
}
