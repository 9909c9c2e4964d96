//! Many event sources in one task, calls that are dropped, and transports that stay on a thread.

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::future::{Ready, poll_fn, ready};
use core::ops::ControlFlow;
use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::rc::Rc;

use futures_util::future;
use futures_util::stream::FuturesUnordered;
use http::Response;
use ssewire::client::{Attempt, ClientConfig};
use ssewire::event_source::{BoxError, ByteStream, Connect, ConnectError, EventSource};
use ssewire::{Frame, FrameRef};

use crate::common::runtime::{Runtime, Source, get, next_data, on_both, quick};
use crate::common::server::{OPEN, Server};

on_both! {
    two_hundred_clients_share_a_task
    a_flood_over_http_leaves_quiet_ones_their_turn
    a_flood_that_is_always_there_leaves_others_their_turn
    a_visited_flood_leaves_others_their_turn
    skipped_frames_leave_others_their_turn
    attempts_that_fail_at_once_leave_others_their_turn
    dropped_calls_lose_nothing
    it_is_a_stream
    a_transport_need_not_be_send
    an_event_source_over_http_is_send
}

async fn two_hundred_clients_share_a_task<R: Runtime>() {
    use futures_util::StreamExt;

    const CLIENTS: usize = 200;
    let server = Server::start(|connection| {
        // All are open at the same time.
        connection.wait_for_accepted(CLIENTS);
        let client = connection
            .request()
            .path()
            .trim_start_matches('/')
            .to_owned();
        let id = connection.request().header("last-event-id").unwrap_or("0");
        let number: u32 = id.parse().expect("a number");
        connection.open();
        for number in number + 1..=number + 2 {
            connection.send(format!("id: {number}\ndata: {client} {number}\n\n"));
        }
    });
    let mut clients: FuturesUnordered<_> = (0..CLIENTS)
        .map(|client| {
            let mut events = get::<R>(server.url(&format!("/{client}")));
            async move {
                for number in 1..=5 {
                    assert_eq!(next_data(&mut events).await, format!("{client} {number}"));
                }
            }
        })
        .collect();
    while clients.next().await.is_some() {}
}

/// Polls `busy` before `other` for ever, and returns when `other` is done: if it gets its turn.
async fn beside<B: Future<Output = Infallible>, O: Future>(busy: B, other: O) -> O::Output {
    match future::select(pin!(busy), pin!(other)).await {
        future::Either::Left((never, _)) => match never {},
        future::Either::Right((output, _)) => output,
    }
}

async fn a_flood_over_http_leaves_quiet_ones_their_turn<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.open();
        if connection.request().path() == "/flood" {
            let block = "data: 0123456789\n\n".repeat(1000);
            while connection.send(&block) {}
        } else {
            for number in 0..20 {
                connection.send(format!("data: {number}\n\n"));
                connection.wait_until_told();
            }
            connection.wait_for_end();
        }
    });
    let mut flood = get::<R>(server.url("/flood"));
    next_data(&mut flood).await;
    let busy = async {
        loop {
            next_data(&mut flood).await;
        }
    };
    let mut quiet = get::<R>(server.url("/quiet"));
    let other = async {
        for number in 0..20 {
            assert_eq!(next_data(&mut quiet).await, number.to_string());
            server.tell();
        }
    };
    beside(busy, other).await;
}

/// A transport in memory whose bytes are always there, and which is bound to its thread.
struct Always {
    wire: &'static [u8],
    opened: Rc<Cell<usize>>,
    fails: bool,
}

struct AlwaysBody {
    wire: &'static [u8],
    left: &'static [u8],
    _thread: Rc<Cell<usize>>,
}

impl ByteStream for AlwaysBody {
    type Error = BoxError;

    fn poll_bytes(&mut self, _: &mut Context<'_>) -> Poll<Result<&[u8], BoxError>> {
        if self.left.is_empty() {
            self.left = self.wire;
        }
        Poll::Ready(Ok(self.left))
    }

    fn consume(&mut self, len: usize) {
        self.left = &self.left[len..];
    }
}

impl Connect for Always {
    type Body = AlwaysBody;
    type Future = Ready<Result<Response<AlwaysBody>, ConnectError>>;

    fn connect(&mut self, _: &Attempt) -> Self::Future {
        self.opened.set(self.opened.get() + 1);
        if self.fails {
            return ready(Err(ConnectError::failed("no")));
        }
        let body = AlwaysBody {
            wire: self.wire,
            left: &[],
            _thread: Rc::clone(&self.opened),
        };
        let response = Response::builder().header("content-type", "text/event-stream");
        ready(response.body(body).map_err(ConnectError::refused))
    }

    fn method(&self) -> Option<&str> {
        Some("GET")
    }
}

fn always<R: Runtime>(wire: &'static str) -> EventSource<Always, R> {
    let connect = Always {
        wire: wire.as_bytes(),
        opened: Rc::default(),
        fails: false,
    };
    EventSource::new(connect, ClientConfig::new())
}

async fn a_flood_that_is_always_there_leaves_others_their_turn<R: Runtime>() {
    for wire in ["data: 1\n\n", ": x\ndata: 1\n\ndata: 2\n\n"] {
        let mut flood = always::<R>(wire);
        let busy = async {
            loop {
                flood.next().await.expect("no end").expect("no error");
            }
        };
        beside(busy, quiet::<R>()).await;
        let mut flood = always::<R>(wire);
        let busy = async {
            loop {
                flood.next_frame().await.expect("no end").expect("no error");
            }
        };
        beside(busy, quiet::<R>()).await;
    }
}

async fn a_visited_flood_leaves_others_their_turn<R: Runtime>() {
    let mut flood = always::<R>("data: 1\n\n");
    let busy = async {
        match flood
            .for_each_event(|_| ControlFlow::<Infallible>::Continue(()))
            .await
        {
            Ok(Some(never)) => never,
            end => panic!("it never ends: {end:?}"),
        }
    };
    beside(busy, quiet::<R>()).await;
    // One that breaks each time.
    let mut flood = always::<R>("data: 1\n\ndata: 2\n\n");
    let busy = async {
        loop {
            let broke = flood.for_each_event(|_| ControlFlow::Break(())).await;
            assert_eq!(broke.expect("no error"), Some(()));
        }
    };
    beside(busy, quiet::<R>()).await;
}

async fn skipped_frames_leave_others_their_turn<R: Runtime>() {
    for wire in [": comment\n", "retry: 5\n", "id: 1\n\n", "event: x\n\n"] {
        let mut flood = always::<R>(wire);
        let busy = async {
            flood.next().await;
            panic!("there is no event");
        };
        beside(busy, quiet::<R>()).await;
    }
}

async fn attempts_that_fail_at_once_leave_others_their_turn<R: Runtime>() {
    let zero = Duration::ZERO;
    let connect = Always {
        wire: b"",
        opened: Rc::default(),
        fails: true,
    };
    let opened = Rc::clone(&connect.opened);
    let config = ClientConfig::new().base_delay(zero).min_delay(zero);
    let mut failing = EventSource::<_, R>::new(connect, config);
    let busy = async {
        let end = failing.next().await;
        panic!("it is tried for ever: {end:?}");
    };
    beside(busy, quiet::<R>()).await;
    assert!(opened.get() > 1);
}

/// Does a few things that take turns.
async fn quiet<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: quiet\n\n");
    let mut events = get::<R>(server.url("/"));
    for _ in 0..3 {
        assert_eq!(next_data(&mut events).await, "quiet");
    }
}

async fn dropped_calls_lose_nothing<R: Runtime>() {
    const EVENTS: usize = 600;
    let server = Server::start(|connection| {
        let id = connection.request().header("last-event-id").unwrap_or("0");
        let first = id.parse::<usize>().expect("a number") + 1;
        if first > EVENTS {
            return connection.answer("204 No Content", &[], "");
        }
        // A hundred and a bit, in pieces that have nothing to do with events.
        let wire = (first..=EVENTS).take(100);
        let wire: String = wire.map(|id| format!("id: {id}\ndata: {id}\n\n")).collect();
        connection.open();
        for piece in wire.as_bytes().chunks(11) {
            connection.send(piece);
        }
        connection.send("id: 0\ndata: torn");
    });
    let mut events = get::<R>(server.url("/"));
    let mut seen = Vec::new();
    let mut turn = 0;
    loop {
        // Each poll is of a call of its own, which is dropped if nothing was there.
        let item = poll_fn(|cx| {
            turn += 1;
            match turn % 4 {
                0 => pin!(events.next())
                    .poll(cx)
                    .map(|item| item.map(|event| event.expect("no error").data().to_owned())),
                1 => pin!(events.next_frame()).poll(cx).map(|item| match item {
                    Some(frame) => match frame.expect("no error") {
                        Frame::Event(event) => Some(event.data().to_owned()),
                        frame => panic!("{frame:?}"),
                    },
                    None => None,
                }),
                2 => pin!(events.for_each_frame(|frame| match frame {
                    FrameRef::Event(event) => ControlFlow::Break(event.data().to_owned()),
                    frame => panic!("{frame:?}"),
                }))
                .poll(cx)
                .map(|item| item.expect("no error")),
                _ => {
                    pin!(events.for_each_event(|event| ControlFlow::Break(event.data().to_owned())))
                        .poll(cx)
                        .map(|item| item.expect("no error"))
                }
            }
        });
        match item.await {
            Some(data) => seen.push(data),
            None => break,
        }
    }
    let expected: Vec<_> = (1..=EVENTS).map(|id| id.to_string()).collect();
    assert_eq!(seen, expected);
    assert_eq!(server.accepted(), EVENTS / 100 + 1);
}

async fn it_is_a_stream<R: Runtime>() {
    use futures_util::StreamExt;
    use futures_util::stream::FusedStream;

    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send(OPEN.to_owned() + "data: 1\n\ndata: 2\n\n");
        }
        _ => connection.answer("410 Gone", &[], ""),
    });
    let mut events = get::<R>(server.url("/"));
    assert!(!events.is_terminated());
    let items: Vec<_> = StreamExt::by_ref(&mut events).collect().await;
    assert!(events.is_terminated());
    assert_eq!(items.len(), 3);
    assert_eq!(items[0].as_ref().expect("an event").data(), "1");
    assert!(items[2].is_err());
    assert!(StreamExt::next(&mut events).await.is_none());
}

async fn a_transport_need_not_be_send<R: Runtime>() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let connect = Always {
        wire: b"data: here\n\n",
        opened: Rc::default(),
        fails: false,
    };
    let opened = Rc::clone(&connect.opened);
    let mut events = EventSource::<_, R>::new(connect, quick());
    for _ in 0..3 {
        let event = events.next().await.expect("an event").expect("no error");
        seen.borrow_mut().push(event.data().to_owned());
    }
    events.restart();
    events.next().await.expect("an event").expect("no error");
    assert_eq!(seen.borrow().len(), 3);
    assert_eq!(opened.get(), 2);
}

async fn an_event_source_over_http_is_send<R: Runtime>() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let server = Server::saying(OPEN.to_owned() + "data: 1\n\n");
    let mut events: Source<R> = assert_send(get::<R>(server.url("/")));
    assert_send(events.next())
        .await
        .expect("an event")
        .expect("no error");
    assert_send(events.watch());
}

#[test]
fn a_local_task_of_tokio_takes_what_is_not_send() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    let task = local.spawn_local(async {
        let mut events = always::<ssewire::tokio::Runtime>("data: here\n\n");
        events
            .next()
            .await
            .expect("an event")
            .expect("no error")
            .data()
            .to_owned()
    });
    assert_eq!(local.block_on(&runtime, task).expect("no panic"), "here");
}
