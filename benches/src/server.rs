//! The server that clients read from, for a process of its own.
//!
//! A path is `/KIND/CORPUS/COUNT`: `blocks` sends the corpus COUNT times in blocks of 16 KiB,
//! `singles` its first COUNT events with a pause before each, and `idle` its first event and then
//! nothing for ever.

use std::convert::Infallible;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime;

use crate::corpus::{Corpus, Shape};

/// Serves streams on a port of the system's choice, which goes to stdout, until stdin ends.
///
/// # Errors
///
/// Those of the sockets.
pub fn serve(corpus_size: usize) -> io::Result<()> {
    let streams: Vec<_> = SHAPES
        .iter()
        .map(|&shape| {
            (
                shape.name(),
                Bytes::from(Corpus::new(shape, corpus_size).wire),
            )
        })
        .collect();
    thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        println!("{}", listener.local_addr()?.port());
        io::stdout().flush()?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let streams = streams.clone();
            tokio::spawn(async move {
                let answer = service_fn(|request: Request<Incoming>| {
                    let stream = EventStream::of(request.uri().path(), &streams);
                    async move { Ok::<_, Infallible>(ssewire::hyper::event_stream(stream)) }
                });
                // A client that has what it wants goes away.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), answer)
                    .await;
            });
        }
    })
}

/// The corpora that are served.
pub const SHAPES: [Shape; 2] = [Shape::OpenAi, Shape::Stock];

/// How much one block holds.
const BLOCK: usize = 16 << 10;

/// How long the server sleeps before each single event; the system adds about as much.
const PAUSE: Duration = Duration::from_micros(50);

enum EventStream {
    Blocks {
        corpus: Bytes,
        rest: Bytes,
        rounds_left: usize,
    },
    Singles {
        rest: Bytes,
        left: usize,
        is_flushed: bool,
    },
    Idle {
        event: Option<Bytes>,
    },
}

impl EventStream {
    /// Makes what a path asks for; nothing of a path that asks for nothing.
    fn of(path: &str, streams: &[(&str, Bytes)]) -> Self {
        let mut parts = path.split('/').skip(1);
        let [kind, name, count] = [(); 3].map(|()| parts.next().unwrap_or_default());
        let corpus = streams.iter().find(|(known, _)| *known == name);
        let corpus = corpus.map(|(_, wire)| wire.clone()).unwrap_or_default();
        let count = count.parse().unwrap_or(0);
        match kind {
            "blocks" => Self::Blocks {
                corpus,
                rest: Bytes::new(),
                rounds_left: count,
            },
            "singles" => Self::Singles {
                rest: corpus,
                left: count,
                is_flushed: false,
            },
            _ => Self::Idle {
                event: Some(first_event(&mut corpus.clone())),
            },
        }
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.get_mut() {
            Self::Blocks {
                corpus,
                rest,
                rounds_left,
            } => {
                if rest.is_empty() && *rounds_left > 0 {
                    *rounds_left -= 1;
                    *rest = corpus.clone();
                }
                let len = rest.len().min(BLOCK);
                (len > 0).then(|| rest.split_to(len))
            }
            Self::Singles {
                rest,
                left,
                is_flushed,
            } => {
                // What was given is written when there is nothing to give.
                *is_flushed = !*is_flushed;
                if *is_flushed {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                // Only one client reads meanwhile, so nothing else waits here.
                thread::sleep(PAUSE);
                left.checked_sub(1).map(|fewer| {
                    *left = fewer;
                    first_event(rest)
                })
            }
            Self::Idle { event } => match event.take() {
                Some(event) => Some(event),
                None => return Poll::Pending,
            },
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Takes one event off the front.
fn first_event(stream: &mut Bytes) -> Bytes {
    let end = stream.windows(2).position(|pair| pair == b"\n\n");
    stream.split_to(end.map_or(stream.len(), |end| end + 2))
}
