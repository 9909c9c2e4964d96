//! Bodies of events, alone and between a hyper server and a hyper client over loopback.

use core::convert::Infallible;
use core::future::{pending, ready};
use core::ops::ControlFlow;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::{Buf, Bytes};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::{HeaderMap, Request};
use http_body::Body;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ssewire::hyper::{EventBody, EventReader, ReadError, event_stream};
use ssewire::{DecodeError, DecoderConfig, Event, EventRef, Frame, FrameRef};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

type Piece<D, E> = Result<http_body::Frame<D>, E>;

fn data(bytes: &'static str) -> Piece<Bytes, Infallible> {
    Ok(http_body::Frame::data(Bytes::from_static(bytes.as_bytes())))
}

fn body<D: Buf, E>(pieces: Vec<Piece<D, E>>) -> impl Body<Data = D, Error = E> + Unpin {
    StreamBody::new(stream::iter(pieces))
}

fn event(data: &str) -> Frame {
    Event::new(data).into()
}

/// Returns the body's next data, `None` where it is pending.
fn poll_data<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Option<Bytes>> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(body).poll_frame(&mut cx) {
        Poll::Pending => None,
        Poll::Ready(None) => Some(None),
        Poll::Ready(Some(Ok(frame))) => Some(frame.into_data().ok()),
        Poll::Ready(Some(Err(_))) => panic!("the body failed"),
    }
}

/// Yields the items, is pending at each `None`, and must not be polled after its end.
fn halting(items: Vec<Option<Frame>>) -> impl Stream<Item = Frame> + Unpin {
    let mut items = Some(VecDeque::from(items));
    stream::poll_fn(move |_| {
        match items
            .as_mut()
            .expect("not polled after its end")
            .pop_front()
        {
            Some(None) => Poll::Pending,
            Some(Some(frame)) => Poll::Ready(Some(frame)),
            None => {
                items = None;
                Poll::Ready(None)
            }
        }
    })
}

#[test]
fn events_that_are_ready_leave_together_and_wait_for_no_other() {
    let items = [
        Some(event("1")),
        Some(event("2")),
        None,
        None,
        Some(event("3")),
        None,
    ];
    let mut body = EventBody::new(halting(items.into()));
    assert_eq!(
        poll_data(&mut body),
        Some(Some("data: 1\n\ndata: 2\n\n".into()))
    );
    assert_eq!(poll_data(&mut body), None);
    assert_eq!(poll_data(&mut body), Some(Some("data: 3\n\n".into())));
    assert_eq!(poll_data(&mut body), Some(None));
    assert_eq!(poll_data(&mut body), Some(None));
}

#[test]
fn a_body_knows_its_end_with_the_last_piece() {
    let mut body = EventBody::new(halting(vec![Some(event("1")), None, Some(event("2"))]));
    assert_eq!(poll_data(&mut body), Some(Some("data: 1\n\n".into())));
    assert!(!body.is_end_stream());
    assert_eq!(
        (body.size_hint().lower(), body.size_hint().upper()),
        (0, None)
    );
    assert_eq!(format!("{body:?}"), "EventBody { ended: false, .. }");
    assert_eq!(poll_data(&mut body), Some(Some("data: 2\n\n".into())));
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert_eq!(poll_data(&mut body), Some(None));
}

#[test]
fn pieces_are_bounded() {
    let event = Event::new("x".repeat(100));
    let len = event.to_bytes().len();
    let mut body = EventBody::new(stream::iter(vec![event.clone(); 1_000]));
    let mut wire = Vec::new();
    let mut pieces = 0;
    while let Some(Some(piece)) = poll_data(&mut body) {
        assert!(piece.len() < 16 * 1024 + len);
        wire.extend_from_slice(&piece);
        pieces += 1;
    }
    assert_eq!(
        pieces,
        (1_000 * len).div_ceil((16 * 1024_usize).div_ceil(len) * len)
    );
    assert_eq!(wire, event.to_bytes().repeat(1_000));
}

#[tokio::test]
async fn a_body_takes_whatever_converts_into_frames() {
    let frames = [FrameRef::Comment("c"), FrameRef::Event(EventRef::new("d"))];
    let collected = EventBody::new(stream::iter(frames))
        .collect()
        .await
        .unwrap();
    assert_eq!(collected.to_bytes(), ":c\ndata: d\n\n");
}

#[tokio::test]
async fn trailers_and_empty_pieces_carry_no_events() {
    let trailers = Ok(http_body::Frame::trailers(HeaderMap::new()));
    let mut reader = EventReader::new(body(vec![
        data("data: 1\n"),
        data(""),
        data("\n"),
        trailers,
    ]));
    assert_eq!(reader.next_frame().await.unwrap(), Some(event("1")));
    assert_eq!(reader.next_frame().await.unwrap(), None);
    assert_eq!(reader.next_frame().await.unwrap(), None);
}

#[tokio::test]
async fn data_in_several_chunks_is_read_whole() {
    let chained = Buf::chain(
        &b"da"[..],
        Buf::chain(&b"ta: 1\r"[..], &b"\n\r\ndata: 2\n\n"[..]),
    );
    let pieces = vec![Ok::<_, Infallible>(http_body::Frame::data(chained))];
    let frames: Vec<_> = EventReader::new(body(pieces))
        .map(Result::unwrap)
        .collect()
        .await;
    assert_eq!(frames, [event("1"), event("2")]);
}

#[tokio::test]
async fn a_body_that_fails_ends_the_stream() {
    let failed = Err("connection lost");
    let pieces = vec![
        data("data: 1\n\nda").map_err(|never| match never {}),
        failed,
    ];
    let mut reader = EventReader::new(body(pieces));
    assert_eq!(reader.next_frame().await, Ok(Some(event("1"))));
    let error = reader.next_frame().await.unwrap_err();
    assert_eq!(error, ReadError::Transport("connection lost"));
    assert_eq!(error.to_string(), "connection lost");
    assert_eq!(reader.next_frame().await, Ok(None));
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn the_stream_goes_on_behind_an_event_too_large() {
    let pieces = vec![
        data("data: far too"),
        data(" long\n"),
        data("\ndata: 2\n\n"),
    ];
    let config = DecoderConfig::new().max_event_bytes(10);
    let mut reader = EventReader::with_config(body(pieces), config);
    let error = reader.next_frame().await.unwrap_err();
    assert_eq!(error, ReadError::Decode(DecodeError::EventTooLarge));
    assert_eq!(reader.next_frame().await.unwrap(), Some(event("2")));
}

#[tokio::test]
async fn a_break_leaves_the_rest_to_the_next_call() {
    let mut reader = EventReader::new(body(vec![data("data: 1\n\ndata: 2\n\ndata: 3\n\n")]));
    let data_of = |frame: FrameRef<'_>| match frame {
        FrameRef::Event(event) => ControlFlow::Break(event.data().to_owned()),
        _ => ControlFlow::Continue(()),
    };
    assert_eq!(
        reader.for_each_frame(data_of).await.unwrap().as_deref(),
        Some("1")
    );
    assert_eq!(reader.next_frame().await.unwrap(), Some(event("2")));
    assert_eq!(
        reader.for_each_frame(data_of).await.unwrap().as_deref(),
        Some("3")
    );
    assert_eq!(reader.for_each_frame(data_of).await.unwrap(), None);
}

#[tokio::test]
async fn a_body_that_cannot_move_is_boxed() {
    let pieces = stream::once(async { data("data: 1\n\n") });
    let mut reader = EventReader::new(Box::pin(StreamBody::new(pieces)));
    assert_eq!(reader.next_frame().await.unwrap(), Some(event("1")));
}

#[test]
fn a_body_that_never_ends_and_never_waits_lets_other_tasks_run() {
    let endless = stream::repeat_with(|| data(":\n"));
    let mut reader = EventReader::new(StreamBody::new(endless));
    assert!(reader.next_frame().now_or_never().is_none());
}

#[test]
fn an_idle_reader_keeps_no_memory_of_the_body() {
    let bytes = Bytes::from(b"data: 1\n\n".to_vec());
    let pieces = stream::iter([Ok::<_, Infallible>(http_body::Frame::data(bytes.clone()))]);
    let mut reader = EventReader::new(StreamBody::new(pieces.chain(stream::pending())));
    assert!(reader.next_frame().now_or_never().is_some());
    assert!(!bytes.is_unique());
    assert!(reader.next_frame().now_or_never().is_none());
    assert!(bytes.is_unique());
}

/// Serves one connection with the frames that the returned sender is given.
async fn serve() -> (mpsc::UnboundedSender<Frame>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback can be bound");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    let (sender, receiver) = mpsc::unbounded_channel();
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    let socket = TokioIo::new(server.expect("someone connects").0);
    let receiver = Mutex::new(Some(receiver));
    let service = service_fn(move |_: Request<Incoming>| {
        let mut receiver = receiver
            .lock()
            .expect("not poisoned")
            .take()
            .expect("one request");
        let frames = stream::poll_fn(move |cx| receiver.poll_recv(cx));
        ready(Ok::<_, Infallible>(event_stream(EventBody::new(frames))))
    });
    tokio::spawn(http1::Builder::new().serve_connection(socket, service));
    (sender, client.expect("someone listens"))
}

#[tokio::test]
async fn a_hyper_client_reads_what_a_hyper_server_sends() {
    let (events, socket) = serve().await;
    let (mut requests, connection) = handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").body(Empty::<Bytes>::new()).unwrap();
    let response = requests.send_request(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");

    let mut reader = EventReader::new(response.into_body());
    for number in 0..100_u32 {
        let event = Event::new(number.to_string())
            .with_type("n")
            .unwrap()
            .with_id("1")
            .unwrap();
        events.send(event.clone().into()).unwrap();
        // It arrives though no other follows.
        assert_eq!(
            reader.next_frame().await.unwrap(),
            Some(Frame::Event(event))
        );
    }
    let large = Event::new("é\n".repeat(1 << 18)).with_id("2").unwrap();
    events.send(large.clone().into()).unwrap();
    assert!(reader.next_frame().await.unwrap() == Some(Frame::Event(large)));

    for number in 0..1_000_u32 {
        events.send(event(&number.to_string())).unwrap();
    }
    drop(events);
    let mut data = Vec::new();
    let visit = |frame: FrameRef<'_>| {
        if let FrameRef::Event(event) = frame {
            data.push(event.data().to_owned());
        }
        ControlFlow::<()>::Continue(())
    };
    assert_eq!(reader.for_each_frame(visit).await.unwrap(), None);
    let expected: Vec<_> = (0..1_000).map(|number: u32| number.to_string()).collect();
    assert_eq!(data, expected);
}

#[tokio::test]
async fn a_server_that_dies_is_a_transport_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (mut requests, connection) = handshake(TokioIo::new(client.unwrap())).await.unwrap();
    let connection = tokio::spawn(connection);
    let socket = TokioIo::new(server.unwrap().0);
    let service = service_fn(|_: Request<Incoming>| {
        let frames = stream::iter([event("1")]).chain(stream::once(pending()));
        ready(Ok::<_, Infallible>(event_stream(EventBody::new(frames))))
    });
    let serving = tokio::spawn(http1::Builder::new().serve_connection(socket, service));

    let request = Request::get("/").body(Empty::<Bytes>::new()).unwrap();
    let response = requests.send_request(request).await.unwrap();
    let mut reader = EventReader::new(response.into_body());
    assert_eq!(reader.next_frame().await.unwrap(), Some(event("1")));
    serving.abort();
    let error = reader.next_frame().await.unwrap_err();
    assert!(matches!(error, ReadError::Transport(_)), "{error:?}");
    assert_eq!(reader.next_frame().await.unwrap(), None);
    drop(connection);
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_stream() {
    let (events, socket) = serve().await;
    let (mut requests, connection) = handshake(TokioIo::new(socket)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("/").body(Empty::<Bytes>::new()).unwrap();
    let response = requests.send_request(request).await.unwrap();
    events.send(event("1")).unwrap();
    let mut reader = EventReader::new(response.into_body());
    assert_eq!(reader.next_frame().await.unwrap(), Some(event("1")));
    drop((reader, requests));
    connection.abort();
    events.closed().await;
}

#[test]
fn readers_and_bodies_can_be_sent_to_other_threads() {
    fn assert_send<T: Send>(value: T) {
        drop(value);
    }
    assert_send(EventBody::new(stream::iter([event("1")])));
    let mut reader = EventReader::new(body(vec![data("")]).boxed());
    assert_send(reader.next_frame());
    assert_send(reader.for_each_frame(|_| ControlFlow::Break(())));
    assert_send(pin!(reader));
}
