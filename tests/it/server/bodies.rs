//! Bodies in a session, polled by hand under a clock that moves when it is told to, and the answers
//! that are no stream.

use core::cell::Cell;
use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use http::header::HeaderValue;
use http_body::Body;
use ssewire::hyper::{
    EventBody, InvalidLastEventId, last_event_id, no_content, service_unavailable,
};
use ssewire::runtime::Timer;
use ssewire::server::{Encoded, EventStream, Outgoing, SessionConfig};
use ssewire::tokio::{EventSource, Http};
use ssewire::{Event, Frame, Hub, Timestamp};

use crate::common::serving::{Server, block_on, boxed};

/// A timer of a clock that the test moves.
#[derive(Default)]
struct Clock {
    time: Rc<Cell<Duration>>,
    set: Option<Timestamp>,
}

impl Timer for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_origin(self.time.get())
    }

    fn set(&mut self, at: Timestamp) {
        self.set = Some(at);
    }

    fn poll_expired(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match self.set {
            Some(at) if at <= self.now() => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

/// A body and the time that it goes by.
pub(super) struct Timed<S> {
    body: Pin<Box<EventBody<S, Clock>>>,
    time: Rc<Cell<Duration>>,
}

impl<S: EventStream<Error = Infallible>> Timed<S> {
    pub(super) fn new(events: S, config: SessionConfig) -> Self {
        let clock = Clock::default();
        let time = Rc::clone(&clock.time);
        Self {
            body: Box::pin(EventBody::with_session(events, config, clock)),
            time,
        }
    }

    pub(super) fn go_to(&self, seconds: u64) {
        self.time.set(Duration::from_secs(seconds));
    }

    pub(super) fn go_to_milliseconds(&self, milliseconds: u64) {
        self.time.set(Duration::from_millis(milliseconds));
    }

    /// Returns the next piece, if it is there; the inner `None` is the end.
    pub(super) fn poll(&mut self) -> Option<Option<Bytes>> {
        let mut cx = Context::from_waker(Waker::noop());
        match self.body.as_mut().poll_frame(&mut cx) {
            Poll::Pending => None,
            Poll::Ready(piece) => Some(piece.map(|piece| piece.unwrap().into_data().unwrap())),
        }
    }

    pub(super) fn next(&mut self) -> Bytes {
        self.poll().expect("it is not pending").expect("it goes on")
    }

    pub(super) fn assert_ended(&mut self) {
        for _ in 0..2 {
            assert_eq!(self.poll(), Some(None));
            assert!(self.body.is_end_stream());
            assert_eq!(self.body.size_hint().exact(), Some(0));
        }
    }
}

/// Returns what a response of a hub begins with.
pub(super) fn opening(hub: &Hub) -> String {
    format!(":\nid: {}\n\n", hub.position())
}

fn ten_seconds() -> SessionConfig {
    SessionConfig::new()
        .keep_alive(Duration::from_secs(10))
        .jitter_percent(0)
}

#[test]
fn the_opening_comment_is_there_at_the_first_poll() {
    let mut body = Timed::new(stream::pending::<Event>(), ten_seconds());
    assert!(!body.body.is_end_stream());
    assert_eq!(body.next(), ":\n");
    assert_eq!(body.poll(), None);

    let config = ten_seconds().retry(Duration::from_secs(3));
    let mut body = Timed::new(stream::pending::<Event>(), config.clone());
    assert_eq!(body.next(), ":\n");
    assert_eq!(body.poll(), None);
    // The reconnection time heads the first event, also of events that are encoded already.
    let encoded = Encoded::from(&Event::new("1"));
    let items = stream::iter([encoded.clone(), encoded]);
    let pending = Frame::Comment("c".into());
    let items = stream::iter([Outgoing::from(pending)]).chain(items.map(Outgoing::from));
    let mut body = Timed::new(items, config);
    assert_eq!(body.next(), ":\n:c\nretry: 3000\ndata: 1\n\ndata: 1\n\n");
    body.assert_ended();

    // It takes along what is there.
    let mut body = Timed::new(
        stream::iter([Event::new("1"), Event::new("2")]),
        ten_seconds(),
    );
    assert_eq!(body.next(), ":\ndata: 1\n\ndata: 2\n\n");
    body.assert_ended();

    let mut body = Timed::new(stream::empty::<Event>(), ten_seconds());
    assert_eq!(body.next(), ":\n\n");
    body.assert_ended();
}

#[test]
fn silence_is_counted_from_what_was_sent_last() {
    let hub = Hub::new();
    let mut body = Timed::new(hub.subscribe(["a"], None).unwrap(), ten_seconds());
    assert_eq!(body.next(), opening(&hub));
    body.go_to(9);
    assert_eq!(body.poll(), None);
    body.go_to(10);
    assert_eq!(body.next(), ":\n");
    assert_eq!(body.poll(), None);

    body.go_to(15);
    hub.publish("a", Event::new("1"));
    assert!(body.next().ends_with(b"data: 1\n\n"));
    body.go_to(24);
    assert_eq!(body.poll(), None);
    body.go_to(25);
    assert_eq!(body.next(), ":\n");
    // One comment for a time in which nobody asked.
    body.go_to(1_000);
    assert_eq!(body.next(), ":\n");
    assert_eq!(body.poll(), None);
}

#[test]
fn old_age_ends_a_body_and_frees_its_stream() {
    let hub = Hub::new();
    let config = ten_seconds().max_age(Duration::from_secs(60));
    let mut body = Timed::new(hub.subscribe(["a"], None).unwrap(), config);
    assert_eq!(body.next(), opening(&hub));
    body.go_to(59);
    assert_eq!(body.next(), ":\n");
    assert_eq!(body.poll(), None);
    assert_eq!(hub.subscriber_count(), 1);
    body.go_to(60);
    assert_eq!(
        body.next(),
        "\n",
        "after a comment, the end is a blank line"
    );
    body.assert_ended();
    assert_eq!(hub.subscriber_count(), 0);
}

#[test]
fn old_age_ends_a_body_that_always_has_more() {
    let config = ten_seconds().max_age(Duration::from_secs(60));
    let event = Event::new("x".repeat(1_000));
    let frames = stream::repeat_with(|| event.clone());
    let encoded = stream::repeat(Encoded::from(&event));
    for mut body in [
        Timed::new(frames.map(Outgoing::from).boxed_local(), config.clone()),
        Timed::new(encoded.map(Outgoing::from).boxed_local(), config),
    ] {
        for second in 0..60 {
            body.go_to(second);
            assert!(body.next().ends_with(b"x\n\n"));
        }
        body.go_to(60);
        // What was taken from the stream still goes out.
        assert!(body.next().ends_with(b"x\n\n"));
        body.assert_ended();
    }
}

#[test]
fn what_is_encoded_is_passed_on_and_not_copied() {
    let encoded = Encoded::from(&Event::new("x".repeat(100)));
    let mut body = Timed::new(stream::iter(vec![encoded.clone(); 3]), ten_seconds());
    // The first shares its piece with the opening.
    assert!(body.next().starts_with(b":\ndata: x"));
    body.assert_ended();

    let mut body = Timed::new(
        stream::iter([None, Some(encoded.clone()), Some(encoded.clone())])
            .filter_map(
                // Pending once, so that the opening leaves alone.
                {
                    let mut is_first = true;
                    move |item| pending_once(core::mem::take(&mut is_first), item)
                },
            )
            .boxed_local(),
        ten_seconds(),
    );
    assert_eq!(body.next(), ":\n");
    for _ in 0..2 {
        assert_eq!(body.next().as_ptr(), encoded.as_bytes().as_ptr());
    }
    body.assert_ended();

    let hub = Hub::new();
    let mut readers: Vec<_> = (0..3)
        .map(|_| Timed::new(hub.subscribe(["a"], None).unwrap(), ten_seconds()))
        .collect();
    for reader in &mut readers {
        assert_eq!(reader.next(), opening(&hub));
        assert_eq!(reader.poll(), None);
    }
    // All share the bytes: of one event, and of several that are waiting.
    for burst in [1, 10] {
        for _ in 0..burst {
            hub.publish("a", Event::new("x"));
        }
        let pieces: Vec<_> = readers.iter_mut().map(Timed::next).collect();
        let events = pieces[0].windows(2).filter(|pair| pair == b"\n\n");
        assert_eq!(events.count(), burst);
        assert!(
            pieces
                .iter()
                .all(|piece| piece.as_ptr() == pieces[0].as_ptr())
        );
    }
}

async fn pending_once<T>(is_due: bool, item: T) -> T {
    if is_due {
        tokio::task::yield_now().await;
    }
    item
}

#[test]
fn frames_of_all_kinds_leave_in_one_piece() {
    let items = [
        Outgoing::from(Event::new("1")),
        Frame::Comment("c".into()).into(),
        Encoded::from(&Event::new("2")).into(),
        Frame::Retry(Duration::from_secs(1)).into(),
    ];
    let mut body = Timed::new(stream::iter(items), ten_seconds());
    let wire = ":\ndata: 1\n\n:c\ndata: 2\n\nretry: 1000\n\n";
    assert_eq!(body.next(), wire);
    body.assert_ended();
}

/// Also without a session, whether they are encoded already or not.
#[test]
fn comments_and_reconnection_times_are_no_blocks_of_their_own() {
    let frames = [
        Frame::Retry(Duration::from_secs(1)),
        Frame::Comment("a\nb".into()),
        Frame::Event(Event::new("1")),
        Frame::Retry(Duration::from_secs(2)),
        Frame::Retry(Duration::from_secs(3)),
        Frame::Event(Event::new("2")),
        Frame::Comment(String::new()),
    ];
    let wire = ":a\n:b\nretry: 1000\ndata: 1\n\nretry: 3000\ndata: 2\n\n:\n\n";
    for encodes in [false, true] {
        let items = frames.clone().map(|frame| match encodes {
            true => Outgoing::from(Encoded::from(&frame)),
            false => Outgoing::from(frame),
        });
        let body = EventBody::new(stream::iter(items.clone()));
        let bytes = block_on(http_body_util::BodyExt::collect(body));
        assert_eq!(bytes.unwrap().to_bytes(), wire);

        let mut body = Timed::new(stream::iter(items.clone()), ten_seconds());
        assert_eq!(body.next(), format!(":\n{wire}"));
        body.assert_ended();

        let mut writer = ssewire::tokio::EventWriter::new(Vec::new());
        let end = block_on(writer.forward(stream::iter(items), ten_seconds()));
        assert_eq!(end.unwrap(), None);
        assert_eq!(writer.into_inner(), format!(":\n{wire}").into_bytes());
    }
}

/// What is held back makes no bytes, and a poll must end all the same.
#[test]
fn a_stream_of_nothing_but_reconnection_times_lets_others_run() {
    let retries = stream::repeat_with(|| Frame::Retry(Duration::from_secs(1)));
    let mut body = Timed::new(retries, ten_seconds());
    assert_eq!(body.poll().map(|piece| piece.is_some()), Some(true));
    assert_eq!(body.poll(), None);
}

#[test]
fn a_last_event_id_is_one_short_text_or_none() {
    let of = |values: &[&[u8]]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("last-event-id", HeaderValue::from_bytes(value).unwrap());
        }
        last_event_id(&headers).map(|id| id.map(str::to_owned))
    };
    let (longest, too_long) = ("1".repeat(4_096), "1".repeat(4_097));
    let some = |id: &str| Ok(Some(id.to_owned()));
    assert_eq!(of(&[]), Ok(None));
    assert_eq!(of(&[b""]), Ok(None));
    assert_eq!(of(&[b"e5f-1"]), some("e5f-1"));
    assert_eq!(of(&["é 😀".as_bytes()]), some("é 😀"));
    assert_eq!(of(&[longest.as_bytes()]), some(&longest));
    let text = |bad| of(bad).map_err(|error: InvalidLastEventId| error.to_string());
    let several = "the request has more than one Last-Event-ID header";
    for (bad, reason) in [
        (
            &[too_long.as_bytes()][..],
            "the Last-Event-ID header has 4097 bytes, which is more than 4096",
        ),
        (
            &[b"\xC3"],
            "the Last-Event-ID header is not UTF-8 at byte 0",
        ),
        (
            &[b"\xED\xA0\x80"],
            "the Last-Event-ID header is not UTF-8 at byte 0",
        ),
        (&[b"1", b"1"], several),
        (&[b"", b"1"], several),
        (&[b"", b""], several),
    ] {
        assert_eq!(text(bad), Err(reason.to_owned()), "{bad:?}");
    }
}

#[test]
fn a_busy_server_says_for_how_long_in_whole_seconds() {
    let after = |time| {
        let response = service_unavailable(time);
        assert_eq!(response.status(), 503);
        assert!(!response.body().is_empty());
        response.headers()["retry-after"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(after(Duration::ZERO), "1");
    assert_eq!(after(Duration::from_millis(1)), "1");
    assert_eq!(after(Duration::from_secs(30)), "30");
    assert_eq!(after(Duration::from_millis(30_001)), "31");
    assert_eq!(after(Duration::MAX), u64::MAX.to_string());
}

#[test]
fn a_client_waits_for_a_busy_server_and_stops_when_it_is_told_to() {
    let server = Server::answering(Hub::new(), |request| match request.uri().path() {
        "/busy" => boxed(service_unavailable(Duration::from_secs(120))),
        _ => boxed(no_content()),
    });
    block_on(async {
        let (tell, told) = std::sync::mpsc::channel();
        let config = ssewire::client::ClientConfig::new();
        let busy = Http::get(server.url("/busy"));
        let mut events = EventSource::new(busy, config.clone()).on_disconnect(move |disconnect| {
            tell.send(disconnect.delay()).unwrap();
        });
        let delay = tokio::select! {
            event = events.next() => panic!("{event:?}"),
            delay = tokio::task::spawn_blocking(move || told.recv().unwrap()) => delay.unwrap(),
        };
        assert!(delay >= Some(Duration::from_secs(120)), "{delay:?}");

        let mut events = EventSource::new(Http::get(server.url("/stop")), config);
        assert!(events.next().await.is_none());
    });
    let answer = server.open("/stop", None).head;
    assert!(answer.starts_with("http/1.1 204 "), "{answer}");
}
