//! The encoders that are measured: each writes the same events and hands the bytes to a sink.
//!
//! Some start from text, some from an event that is ready. Making the latter is not measured; the
//! end of an event that a peer consumes is, since its caller cannot keep it.

use core::convert::Infallible;
use core::hint::black_box;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse;
use axum::response::sse::{Event as AxumEvent, Sse};
use futures_core::Stream;
use http_body::Body;
use ssewire::{Event, EventRef};

use crate::corpus::Text;
use crate::measure::timed;

/// Takes the wire form of one event.
pub trait Sink {
    /// Looks at the bytes, which are gone afterwards.
    fn take(&mut self, bytes: &[u8]);
}

/// Counts the bytes and keeps the compiler from leaving any out.
#[derive(Debug, Default)]
pub struct Count(pub usize);

impl Sink for Count {
    #[inline]
    fn take(&mut self, bytes: &[u8]) {
        self.0 += black_box(bytes).len();
    }
}

impl Sink for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Names one way to encode and runs it.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// The name that tables and options use.
    pub name: &'static str,
    /// Encodes the events and returns how long that took.
    pub measured: fn(&Batch, &mut Vec<u8>, &mut Count) -> Duration,
    /// The same with a sink that keeps the bytes.
    pub kept: fn(&Batch, &mut Vec<u8>, &mut Vec<u8>) -> Duration,
}

/// Holds the events of one measurement.
pub type Batch = Arc<[Text]>;

/// All of them.
pub const ALL: [Contender; 8] = [
    Contender {
        name: REF_FROM_TEXT,
        measured: ref_from_text,
        kept: ref_from_text,
    },
    Contender {
        name: EVENT,
        measured: event,
        kept: event,
    },
    Contender {
        name: EVENT_TO_BYTES,
        measured: event_to_bytes,
        kept: event_to_bytes,
    },
    Contender {
        name: REF_TO_BYTES,
        measured: ref_to_bytes,
        kept: ref_to_bytes,
    },
    Contender {
        name: COPY,
        measured: ref_from_text,
        kept: ref_from_text,
    },
    Contender {
        name: SSE_STREAM,
        measured: sse_stream,
        kept: sse_stream,
    },
    Contender {
        name: SSE_STREAM_FROM_TEXT,
        measured: sse_stream_from_text,
        kept: sse_stream_from_text,
    },
    Contender {
        name: AXUM,
        measured: axum,
        kept: axum,
    },
];

/// `EventRef` made of text, checked, and encoded into a reused buffer.
pub const REF_FROM_TEXT: &str = "ssewire-ref";
/// The unchanged copy of it: where it differs, the machine is too noisy.
pub const COPY: &str = "ssewire-ref-copy";
/// A ready `Event`, encoded into a reused buffer.
pub const EVENT: &str = "ssewire-event";
/// A ready `Event`, encoded into `Bytes` of its own.
pub const EVENT_TO_BYTES: &str = "ssewire-event-to-bytes";
/// `EventRef` made of text and encoded into `Bytes` of its own.
pub const REF_TO_BYTES: &str = "ssewire-ref-to-bytes";
/// A ready `Sse` of sse-stream, consumed by its `encode`.
pub const SSE_STREAM: &str = "sse-stream";
/// An `Sse` of sse-stream made of text, then encoded.
pub const SSE_STREAM_FROM_TEXT: &str = "sse-stream-from-text";
/// An `Event` of axum made of text, which is when axum writes it, and taken out of the body.
pub const AXUM: &str = "axum";

fn ref_from_text<S: Sink>(batch: &Batch, out: &mut Vec<u8>, sink: &mut S) -> Duration {
    let work = || {
        for text in batch.iter() {
            out.clear();
            event_ref(text).encode(out);
            sink.take(out);
        }
    };
    timed(work).0
}

fn event<S: Sink>(batch: &Batch, out: &mut Vec<u8>, sink: &mut S) -> Duration {
    let events: Vec<Event> = batch
        .iter()
        .map(|text| event_ref(text).to_event())
        .collect();
    let work = || {
        for event in &events {
            out.clear();
            event.encode(out);
            sink.take(out);
        }
    };
    timed(work).0
}

fn event_to_bytes<S: Sink>(batch: &Batch, _: &mut Vec<u8>, sink: &mut S) -> Duration {
    let events: Vec<Event> = batch
        .iter()
        .map(|text| event_ref(text).to_event())
        .collect();
    let work = || {
        for event in &events {
            sink.take(&event.to_bytes());
        }
    };
    timed(work).0
}

fn ref_to_bytes<S: Sink>(batch: &Batch, _: &mut Vec<u8>, sink: &mut S) -> Duration {
    let work = || {
        for text in batch.iter() {
            sink.take(&event_ref(text).to_bytes());
        }
    };
    timed(work).0
}

fn sse_stream<S: Sink>(batch: &Batch, _: &mut Vec<u8>, sink: &mut S) -> Duration {
    let events: Vec<sse_stream::Sse> = batch.iter().map(sse_stream_event).collect();
    let work = || {
        for event in events {
            sink.take(&event.encode().expect("the fields hold no line break"));
        }
    };
    timed(work).0
}

fn sse_stream_from_text<S: Sink>(batch: &Batch, _: &mut Vec<u8>, sink: &mut S) -> Duration {
    let work = || {
        for text in batch.iter() {
            let event = sse_stream_event(text);
            sink.take(&event.encode().expect("the fields hold no line break"));
        }
    };
    timed(work).0
}

/// Its only public way to bytes: one response for the whole batch, its body polled by hand.
fn axum<S: Sink>(batch: &Batch, _: &mut Vec<u8>, sink: &mut S) -> Duration {
    let stream = AxumEvents {
        batch: Arc::clone(batch),
        next: 0,
    };
    let mut body = pin!(Sse::new(stream).into_response().into_body());
    let mut context = Context::from_waker(Waker::noop());
    let work = || {
        while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut context) {
            let frame = frame.expect("the stream does not fail");
            sink.take(&frame.into_data().expect("it sends no trailers"));
        }
    };
    timed(work).0
}

#[inline]
fn event_ref(text: &Text) -> EventRef<'_> {
    let mut event = EventRef::new(&text.data);
    if !text.event_type.is_empty() {
        event = event
            .with_type(&text.event_type)
            .expect("it holds no line break");
    }
    if !text.id.is_empty() {
        event = event.with_id(&text.id).expect("it holds no line break");
    }
    event
}

fn sse_stream_event(text: &Text) -> sse_stream::Sse {
    let mut event = sse_stream::Sse::default().data(text.data.as_str());
    if !text.event_type.is_empty() {
        event = event.event(text.event_type.as_str());
    }
    if !text.id.is_empty() {
        event = event.id(text.id.as_str());
    }
    event
}

fn axum_event(text: &Text) -> AxumEvent {
    let mut event = AxumEvent::default();
    if !text.id.is_empty() {
        event = event.id(&text.id);
    }
    if !text.event_type.is_empty() {
        event = event.event(&text.event_type);
    }
    event.data(&text.data)
}

/// Makes axum's events as they are asked for.
struct AxumEvents {
    batch: Batch,
    next: usize,
}

impl Stream for AxumEvents {
    type Item = Result<AxumEvent, Infallible>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = self.batch.get(self.next).map(|text| Ok(axum_event(text)));
        self.next += 1;
        Poll::Ready(event)
    }
}
