//! What the readers and writers of tokio and futures-io have to do alike.
//!
//! A test file says `use ssewire::… as adapter` and includes this as a module.

use core::ops::ControlFlow;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Waker};
use core::time::Duration;
use std::io::ErrorKind;
use std::sync::Arc;
use std::task::Wake;

use futures_util::{FutureExt, StreamExt};
use ssewire::{DecodeError, Decoder, DecoderConfig, Event, EventRef, Frame, FrameRef};

use super::adapter::{EventReader, EventWriter, ReadError};
use crate::common::script::{Sink, Source, Step};

const WIRE: &[u8] =
    b"\xEF\xBB\xBFid: 1\r\nevent: a\r\ndata: x\r\n\r\nretry: 50\n\ndata: \xC3\xA9\ndata\n\n";

fn frames_of_wire() -> Vec<Frame> {
    let wire = [
        Event::new("x")
            .with_type("a")
            .and_then(|event| event.with_id("1")),
        Event::new("é\n").with_id("1"),
    ];
    let [first, second] = wire.map(|event| Frame::Event(event.expect("no forbidden character")));
    vec![first, Frame::Retry(Duration::from_millis(50)), second]
}

fn event(data: &str) -> Frame {
    Event::new(data).into()
}

fn give(bytes: impl AsRef<[u8]>) -> Step {
    Step::Give(bytes.as_ref().to_vec())
}

#[tokio::test]
async fn every_cut_gives_the_same_frames() {
    for len in 1..=WIRE.len() {
        let mut reader = EventReader::new(Source::in_pieces(WIRE, len));
        let mut frames = Vec::new();
        while let Some(frame) = reader.next_frame().await.unwrap() {
            frames.push(frame);
        }
        assert_eq!(frames, frames_of_wire(), "next_frame, pieces of {len}");

        let stream = EventReader::new(Source::in_pieces(WIRE, len));
        let frames: Vec<_> = stream.map(Result::unwrap).collect().await;
        assert_eq!(frames, frames_of_wire(), "stream, pieces of {len}");

        let mut reader = EventReader::new(Source::in_pieces(WIRE, len));
        let mut frames = Vec::new();
        let visited = reader.for_each_frame(|frame| {
            frames.push(frame.to_frame());
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(visited.await.unwrap(), None);
        assert_eq!(frames, frames_of_wire(), "for_each_frame, pieces of {len}");
    }
}

#[test]
fn an_event_is_given_out_before_the_next_arrives_and_a_dropped_call_loses_nothing() {
    let steps = [
        give("data: 1\n\nda"),
        Step::Wait,
        give("ta: 2\n"),
        Step::Wait,
        give("\n"),
    ];
    let mut reader = EventReader::new(Source::new(steps));
    let mut poll_once = || reader.next_frame().now_or_never().map(Result::unwrap);
    assert_eq!(poll_once(), Some(Some(event("1"))));
    assert_eq!(poll_once(), None);
    assert_eq!(poll_once(), None);
    assert_eq!(poll_once(), Some(Some(event("2"))));
    assert_eq!(poll_once(), Some(None));
}

#[tokio::test]
async fn a_transport_error_in_a_frame_ends_the_stream() {
    let source = || {
        Source::new([
            give("data: 1\n\ndata: 2"),
            Step::Fail(ErrorKind::ConnectionReset),
            give("x"),
        ])
    };
    let mut reader = EventReader::new(source());
    assert_eq!(reader.next_frame().await.unwrap(), Some(event("1")));
    let error = reader.next_frame().await.unwrap_err();
    assert!(matches!(&error, ReadError::Transport(e) if e.kind() == ErrorKind::ConnectionReset));
    assert_eq!(
        std::io::Error::from(error).kind(),
        ErrorKind::ConnectionReset
    );
    // The source would panic if it were read again.
    assert_eq!(reader.next_frame().await.unwrap(), None);
    assert!(reader.next().await.is_none());
    assert_eq!(
        reader
            .for_each_frame(|_| ControlFlow::Break(()))
            .await
            .unwrap(),
        None
    );

    let items: Vec<_> = EventReader::new(source())
        .map(|item| item.is_ok())
        .collect()
        .await;
    assert_eq!(items, [true, false]);
}

#[tokio::test]
async fn the_end_in_an_event_drops_it_and_finish_brings_it_back() {
    let mut reader = EventReader::new(Source::new([give("id: 7\ndata: cut"), give(" off")]));
    assert_eq!(reader.next_frame().await.unwrap(), None);
    assert_eq!(reader.next_frame().await.unwrap(), None);
    let event = reader.decoder_mut().finish().map(|event| event.to_event());
    assert_eq!(event, Some(Event::new("cut off").with_id("7").unwrap()));
    assert_eq!(reader.decoder().last_event_id(), None);
}

#[tokio::test]
async fn an_interrupted_read_is_repeated() {
    let interrupted = Step::Fail(ErrorKind::Interrupted);
    let steps = [
        interrupted.clone(),
        give("data: 1\n"),
        interrupted,
        give("\n"),
    ];
    let mut reader = EventReader::new(Source::new(steps));
    assert_eq!(reader.next_frame().await.unwrap(), Some(event("1")));
    assert_eq!(reader.next_frame().await.unwrap(), None);
}

#[tokio::test]
async fn the_stream_goes_on_behind_an_event_too_large() {
    let wire = format!("data: 1\n\ndata: {}\n\ndata: 2\n\n", "x".repeat(100));
    let reader =
        || EventReader::with_config(wire.as_bytes(), DecoderConfig::new().max_event_bytes(50));

    let items: Vec<_> = reader()
        .map(|item| item.map_err(|error| error.to_string()))
        .collect()
        .await;
    let too_large = Err("an event is larger than max_event_bytes".to_owned());
    assert_eq!(items, [Ok(event("1")), too_large, Ok(event("2"))]);

    let mut reader = reader();
    let mut seen = Vec::new();
    let mut visit = |frame: FrameRef<'_>| {
        seen.push(frame.to_frame());
        ControlFlow::<()>::Continue(())
    };
    let error = reader.for_each_frame(&mut visit).await.unwrap_err();
    assert!(matches!(
        error,
        ReadError::Decode(DecodeError::EventTooLarge)
    ));
    assert_eq!(std::io::Error::from(error).kind(), ErrorKind::InvalidData);
    assert_eq!(reader.for_each_frame(&mut visit).await.unwrap(), None);
    assert_eq!(seen, [event("1"), event("2")]);
}

#[tokio::test]
async fn a_break_leaves_the_rest_to_the_next_call() {
    let source = Source::new([give("data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n")]);
    let mut reader = EventReader::new(source);
    let data_of = |frame: FrameRef<'_>| match frame {
        FrameRef::Event(event) => ControlFlow::Break(event.data().to_owned()),
        _ => ControlFlow::Continue(()),
    };
    assert_eq!(
        reader.for_each_frame(data_of).await.unwrap().as_deref(),
        Some("1")
    );
    assert_eq!(reader.next_frame().await.unwrap(), Some(event("2")));
    assert_eq!(reader.next().await.unwrap().unwrap(), event("3"));
    assert_eq!(
        reader.for_each_frame(data_of).await.unwrap().as_deref(),
        Some("4")
    );
    assert_eq!(reader.get_ref().polls, 1, "one read brought them all");
    assert_eq!(reader.for_each_frame(data_of).await.unwrap(), None);
}

#[tokio::test]
async fn no_read_asks_for_more_than_eight_kibibytes() {
    let data = "x".repeat(100_000);
    let mut reader = EventReader::new(Source::new([give(format!("data: {data}\n\n"))]));
    assert_eq!(reader.next_frame().await.unwrap(), Some(event(&data)));
    assert_eq!(reader.get_ref().largest_room, 8 * 1024);
}

#[test]
fn a_source_that_never_ends_and_never_waits_lets_other_tasks_run() {
    struct Wakes(AtomicUsize);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let endless = || EventReader::new(Source::new((0..1_000).map(|_| give(":\n"))));
    let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
    let waker = Waker::from(wakes.clone());
    let mut cx = Context::from_waker(&waker);

    let mut reader = endless();
    assert!(pin!(reader.next_frame()).poll(&mut cx).is_pending());
    assert_eq!(
        (reader.get_ref().polls, wakes.0.load(Ordering::Relaxed)),
        (32, 1)
    );
    assert!(reader.poll_next_unpin(&mut cx).is_pending());
    assert_eq!(
        (reader.get_ref().polls, wakes.0.load(Ordering::Relaxed)),
        (64, 2)
    );
    let visit = |_: FrameRef<'_>| ControlFlow::<()>::Continue(());
    assert!(
        pin!(reader.for_each_frame(visit))
            .poll(&mut cx)
            .is_pending()
    );
    assert_eq!(
        (reader.get_ref().polls, wakes.0.load(Ordering::Relaxed)),
        (96, 3)
    );
}

#[tokio::test]
async fn a_seeded_decoder_is_used() {
    let mut decoder = Decoder::with_config(DecoderConfig::new().comments(true));
    decoder.set_last_event_id("41").unwrap();
    let mut reader = EventReader::with_decoder(&b":hi\ndata: x\n\nid: 42\n\n"[..], decoder);
    assert_eq!(
        reader.next_frame().await.unwrap(),
        Some(Frame::Comment("hi".into()))
    );
    let event = Event::new("x").with_id("41").unwrap();
    assert_eq!(reader.next_frame().await.unwrap(), Some(event.into()));
    assert_eq!(reader.next_frame().await.unwrap(), None);
    assert_eq!(reader.decoder().last_event_id(), Some("42"));
    assert!(reader.into_inner().is_empty());
}

#[tokio::test]
async fn each_frame_is_written_whole_and_flushed() {
    let mut writer = EventWriter::new(Sink::default());
    let owned = Event::new("a\nb").with_type("t").unwrap();
    let mut expected = Vec::new();

    writer.send(&owned).await.unwrap();
    owned.encode(&mut expected);
    assert_eq!(
        (&writer.get_ref().taken, writer.get_ref().flushed),
        (&expected, expected.len())
    );

    writer
        .send(EventRef::new("c").with_id("1").unwrap())
        .await
        .unwrap();
    writer.send(FrameRef::Comment("d")).await.unwrap();
    writer
        .send(&Frame::Retry(Duration::from_secs(1)))
        .await
        .unwrap();
    expected.extend_from_slice(b"id: 1\ndata: c\n\n:d\n\nretry: 1000\n\n");
    assert_eq!(
        (&writer.get_ref().taken, writer.get_ref().flushed),
        (&expected, expected.len())
    );

    writer.close().await.unwrap();
    assert_eq!(writer.into_inner().closed, 1);
}

#[tokio::test]
async fn a_cancelled_send_tears_no_frame() {
    let wire = b"data: first\n\ndata: second\n\n";
    for polls in 0..13 {
        let mut writer = EventWriter::new(Sink::byte_by_byte(100));
        {
            let mut send = pin!(writer.send(EventRef::new("first")));
            for _ in 0..polls {
                assert!(
                    send.as_mut()
                        .poll(&mut Context::from_waker(Waker::noop()))
                        .is_pending()
                );
            }
        }
        assert_eq!(
            writer.get_ref().taken.len(),
            polls,
            "cut off after so many bytes"
        );
        writer.send(EventRef::new("second")).await.unwrap();
        let sink = writer.get_ref();
        assert_eq!(
            (&*sink.taken, sink.flushed),
            (&wire[..], wire.len()),
            "after {polls} bytes"
        );
    }
}

#[tokio::test]
async fn a_send_cancelled_before_its_flush_is_flushed_by_the_next_call() {
    let mut sink = Sink::default();
    sink.flush_steps.extend([Step::Wait, Step::Wait]);
    let mut writer = EventWriter::new(sink);
    assert!(writer.send(EventRef::new("x")).now_or_never().is_none());
    assert_eq!(
        (writer.get_ref().taken.len(), writer.get_ref().flushed),
        (9, 0)
    );
    writer.flush().await.unwrap();
    assert_eq!(
        (writer.get_ref().taken.len(), writer.get_ref().flushed),
        (9, 9)
    );
}

#[tokio::test]
async fn close_writes_what_a_cancelled_send_left() {
    let mut writer = EventWriter::new(Sink::byte_by_byte(3));
    assert!(writer.send(EventRef::new("x")).now_or_never().is_none());
    writer.close().await.unwrap();
    assert_eq!(
        (&*writer.get_ref().taken, writer.get_ref().closed),
        (&b"data: x\n\n"[..], 1)
    );
}

#[tokio::test]
async fn a_failed_writer_stays_failed() {
    let failures = [
        (Step::Fail(ErrorKind::BrokenPipe), ErrorKind::BrokenPipe),
        (Step::Take(0), ErrorKind::WriteZero),
    ];
    for (failure, kind) in failures {
        let mut writer = EventWriter::new(Sink::new([Step::Take(4), failure]));
        assert_eq!(
            writer.send(EventRef::new("x")).await.unwrap_err().kind(),
            kind
        );
        assert_eq!(
            writer.send(EventRef::new("y")).await.unwrap_err().kind(),
            kind
        );
        assert_eq!(writer.flush().await.unwrap_err().kind(), kind);
        assert_eq!(writer.close().await.unwrap_err().kind(), kind);
        let sink = writer.into_inner();
        assert_eq!(
            (&*sink.taken, sink.flushed, sink.closed),
            (&b"data"[..], 0, 0)
        );
    }
}

#[tokio::test]
async fn a_failed_flush_fails_the_writer() {
    let mut sink = Sink::default();
    sink.flush_steps.push_back(Step::Fail(ErrorKind::TimedOut));
    let mut writer = EventWriter::new(sink);
    for data in ["x", "y"] {
        let error = writer.send(EventRef::new(data)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
    assert_eq!(writer.into_inner().taken, b"data: x\n\n");
}

#[tokio::test]
async fn an_interrupted_write_and_flush_are_repeated() {
    let interrupted = Step::Fail(ErrorKind::Interrupted);
    let mut sink = Sink::new([interrupted.clone(), Step::Take(3), interrupted.clone()]);
    sink.flush_steps.push_back(interrupted);
    let mut writer = EventWriter::new(sink);
    writer.send(EventRef::new("x")).await.unwrap();
    assert_eq!(
        (&*writer.get_ref().taken, writer.get_ref().flushed),
        (&b"data: x\n\n"[..], 9)
    );
}

#[test]
fn futures_can_be_sent_to_other_threads() {
    fn assert_send<T: Send>(value: T) {
        drop(value);
    }
    let mut reader = EventReader::new(Source::default());
    assert_send(reader.next_frame());
    assert_send(reader.for_each_frame(|_| ControlFlow::Break(())));
    assert_send(reader);
    let mut writer = EventWriter::new(Sink::default());
    assert_send(writer.send(EventRef::new("x")));
    assert_send(writer.flush());
    assert_send(writer.close());
    assert_send(writer);
}
