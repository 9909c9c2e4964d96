//! The decoders that are measured. Each reads one corpus in chunks and counts what it finds.

use core::convert::Infallible;
use core::num::NonZeroUsize;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use eventsource_stream::EventStream;
use futures_core::Stream;
use sse_core::{SseDecoder, SseEvent};
use sse_stream::SseByteStream;
use ssewire::{Decoder, FrameRef};

use crate::chunks::{Chunking, Pieces};
use crate::corpus::Shape;
use crate::tally::Tally;

/// A way to decode.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// The name that tables and options use.
    pub name: &'static str,
    /// Whether it belongs to another crate.
    pub is_peer: bool,
    /// Reads the pieces of a stream.
    pub run: fn(Pieces<'_>) -> Tally,
    /// How much of a corpus it can be asked to read in such chunks.
    pub portion: fn(Shape, Chunking) -> Portion,
}

/// The part of a corpus that a contender reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// All of it.
    Whole,
    /// The first mebibyte, since its work grows faster than the bytes.
    Prefix,
    /// Nothing: one event would take longer than the rest of the run.
    Nothing,
}

/// All of them.
pub const ALL: [Contender; 7] = [
    Contender {
        name: CURSOR,
        is_peer: false,
        run: run::<Cursor>,
        portion: whole,
    },
    Contender {
        name: DECODE,
        is_peer: false,
        run: run::<Decode>,
        portion: whole,
    },
    Contender {
        name: OWNED,
        is_peer: false,
        run: run::<Owned>,
        portion: whole,
    },
    Contender {
        name: COPY,
        is_peer: false,
        run: run::<Cursor>,
        portion: whole,
    },
    Contender {
        name: "sse-core",
        is_peer: true,
        run: run::<SseCore>,
        portion: whole,
    },
    Contender {
        name: "sse-stream",
        is_peer: true,
        run: run::<SseStream>,
        portion: whole,
    },
    Contender {
        name: "eventsource-stream",
        is_peer: true,
        run: run::<EventsourceStream>,
        portion: quadratic,
    },
];

/// Returns the contender of this name.
pub fn find(name: &str) -> Option<Contender> {
    ALL.into_iter().find(|contender| contender.name == name)
}

/// The frames of a lending cursor.
pub const CURSOR: &str = "ssewire-cursor";
/// The unchanged copy of the cursor: where it differs, the machine is too noisy.
pub const COPY: &str = "ssewire-cursor-copy";
/// One frame for each call of `decode`.
pub const DECODE: &str = "ssewire-decode";
/// The frames of the cursor, each copied into an owned event.
pub const OWNED: &str = "ssewire-owned";

/// Reads pieces of a stream and counts what it finds.
///
/// One implementation serves every kind of pieces, each compiled by itself, so that no contender
/// pays for the choice.
trait Read {
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]> + Unpin) -> Tally;
}

fn run<R: Read>(pieces: Pieces<'_>) -> Tally {
    match pieces {
        Pieces::Even { wire, len } => R::read(wire.chunks(len)),
        Pieces::Blocks(blocks) => R::read(blocks.iter().copied()),
    }
}

struct Cursor;

impl Read for Cursor {
    #[inline(always)]
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Tally {
        let mut decoder = Decoder::new();
        let mut tally = Tally::default();
        for mut piece in pieces {
            let mut frames = decoder.frames(&mut piece);
            while let Some(frame) = frames.next_frame().expect("no event is too large") {
                if let FrameRef::Event(event) = frame {
                    tally.add(event.event_type(), event.data(), event.id().unwrap_or(""));
                }
            }
        }
        tally
    }
}

struct Decode;

impl Read for Decode {
    #[inline(always)]
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Tally {
        let mut decoder = Decoder::new();
        let mut tally = Tally::default();
        for mut piece in pieces {
            while let Some(frame) = decoder.decode(&mut piece).expect("no event is too large") {
                if let FrameRef::Event(event) = frame {
                    tally.add(event.event_type(), event.data(), event.id().unwrap_or(""));
                }
            }
        }
        tally
    }
}

struct Owned;

impl Read for Owned {
    #[inline(always)]
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Tally {
        let mut decoder = Decoder::new();
        let mut tally = Tally::default();
        for mut piece in pieces {
            let mut frames = decoder.frames(&mut piece);
            while let Some(frame) = frames.next_frame().expect("no event is too large") {
                if let FrameRef::Event(event) = frame {
                    let event = event.to_event();
                    tally.add(event.event_type(), event.data(), event.id().unwrap_or(""));
                }
            }
        }
        tally
    }
}

/// Its decoder without the stream around it, over slices: the least that it can cost.
struct SseCore;

impl Read for SseCore {
    #[inline(always)]
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Tally {
        let limit = NonZeroUsize::new(16 << 20).expect("the limit is not zero");
        let mut decoder = SseDecoder::with_limit(limit);
        let mut tally = Tally::default();
        for mut piece in pieces {
            while let Some(event) = decoder.next(&mut piece) {
                if let SseEvent::Message(event) = event.expect("no event is too large") {
                    let id = event.last_event_id.as_deref().unwrap_or("");
                    tally.add(&event.event, &event.data, id);
                }
            }
        }
        tally
    }
}

/// Its byte stream, which its documentation prefers to the one over a body.
struct SseStream;

impl Read for SseStream {
    #[inline(always)]
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]> + Unpin) -> Tally {
        let mut tally = Tally::default();
        drain(SseByteStream::new(Ready(pieces)), |event| {
            let event = event.expect("the corpus is valid");
            if let Some(data) = &event.data {
                let event_type = event.event.as_deref().unwrap_or("message");
                tally.add(event_type, data, event.id.as_deref().unwrap_or(""));
            }
        });
        tally
    }
}

struct EventsourceStream;

impl Read for EventsourceStream {
    #[inline(always)]
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]> + Unpin) -> Tally {
        let mut tally = Tally::default();
        drain(EventStream::new(Ready(pieces)), |event| {
            let event = event.expect("the corpus is valid");
            tally.add(&event.event, &event.data, &event.id);
        });
        tally
    }
}

/// Polls a stream that is always ready, with no runtime around it.
fn drain<S: Stream>(stream: S, mut each: impl FnMut(S::Item)) {
    let mut stream = pin!(stream);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match stream.as_mut().poll_next(&mut context) {
            Poll::Ready(Some(item)) => each(item),
            Poll::Ready(None) => return,
            Poll::Pending => unreachable!("pieces are always ready"),
        }
    }
}

/// Gives pieces as a socket that never waits.
struct Ready<I>(I);

impl<'a, I: Iterator<Item = &'a [u8]> + Unpin> Stream for Ready<I> {
    type Item = Result<&'a [u8], Infallible>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

fn whole(_: Shape, _: Chunking) -> Portion {
    Portion::Whole
}

/// It moves the rest of its buffer for every line, and scans a line again for every chunk of it.
fn quadratic(shape: Shape, chunking: Chunking) -> Portion {
    match chunking {
        Chunking::Even(len) if shape == Shape::Huge && len < 4096 => Portion::Nothing,
        _ => Portion::Prefix,
    }
}
