//! The clients that are measured: each reads one stream from a port of this machine and counts what
//! it finds.

use std::error::Error;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::pin::Pin;

use bytes::Bytes;
use eventsource_client::{Client as _, ClientBuilder, ReconnectOptions, SSE};
use futures_core::Stream;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use launchdarkly_sdk_transport::HyperTransport;
use sse_core::{SseDecoder, SseEvent};
use ssewire::client::{ClientConfig, Reconnect};
use ssewire::tokio::{EventSource, Http};
use ssewire::{Decoder, FrameRef};
use tokio::net::TcpStream;

use crate::tally::Tally;

/// Names one way to read a stream and does it.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// The name that tables and options use.
    pub name: &'static str,
    /// Reads a stream to its end.
    pub read: fn(u16, String) -> Reading,
}

/// Is a client at work.
pub type Reading = Pin<Box<dyn Future<Output = Result<Tally, AnyError>>>>;
/// Is whatever went wrong.
pub type AnyError = Box<dyn Error + Send + Sync>;

/// All of them.
pub const ALL: [Client; 6] = [
    Client {
        name: STREAM,
        read: |port, path| Box::pin(stream(port, path)),
    },
    Client {
        name: VISITOR,
        read: |port, path| Box::pin(visitor(port, path)),
    },
    Client {
        name: EVENTSOURCE_CLIENT,
        read: |port, path| Box::pin(eventsource_client(port, path)),
    },
    Client {
        name: SSE_CORE,
        read: |port, path| Box::pin(sse_core(port, path)),
    },
    Client {
        name: BY_HAND,
        read: |port, path| Box::pin(by_hand(port, path)),
    },
    Client {
        name: DRAIN,
        read: |port, path| Box::pin(drain(port, path)),
    },
];

/// Owned events of an `EventSource`.
pub const STREAM: &str = "ssewire-stream";
/// Events lent to a visitor by an `EventSource`.
pub const VISITOR: &str = "ssewire-visitor";
/// The peer: owned events, reconnects.
pub const EVENTSOURCE_CLIENT: &str = "eventsource-client";
/// The peer's decoder, fed from hyper by hand.
pub const SSE_CORE: &str = "sse-core-by-hand";
/// This crate's decoder, fed from hyper by hand.
pub const BY_HAND: &str = "ssewire-by-hand";
/// The body without a decoder. It counts its bytes as data.
pub const DRAIN: &str = "drain";

/// Opens `count` streams that stay open, each in a task of its own, and returns when the first
/// event of each has arrived.
///
/// # Errors
///
/// Those of the client; a name that is none of [`IDLERS`].
pub async fn open_idle(name: &str, port: u16, path: &str, count: usize) -> Result<(), AnyError> {
    let (opened, mut waiting) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..count {
        let (opened, url) = (opened.clone(), url(port, path));
        // What a task holds is what its future holds, so each has only what it needs.
        match name {
            STREAM => tokio::spawn(async move {
                let mut events = event_source(url);
                while let Some(event) = events.next().await {
                    let _ = opened.send(event.map(drop).map_err(AnyError::from));
                }
            }),
            EVENTSOURCE_CLIENT => tokio::spawn(async move {
                let mut events = match peer(&url) {
                    Ok(events) => events,
                    Err(error) => return drop(opened.send(Err(error))),
                };
                while let Some(event) = next(&mut events).await {
                    match event {
                        Ok(SSE::Event(_)) => drop(opened.send(Ok(()))),
                        Ok(_) => {}
                        Err(error) => drop(opened.send(Err(error.into()))),
                    }
                }
            }),
            DRAIN => {
                let path = path.to_owned();
                tokio::spawn(async move {
                    let mut body = match body(port, path).await {
                        Ok(body) => body,
                        Err(error) => return drop(opened.send(Err(error))),
                    };
                    while let Some(frame) = body.frame().await {
                        let _ = opened.send(frame.map(drop).map_err(AnyError::from));
                    }
                })
            }
            _ => return Err(format!("{name} is not measured idle").into()),
        };
        // One after the other, so that no backlog overflows.
        match waiting.recv().await {
            Some(event) => event?,
            None => return Err("a stream ended".into()),
        }
    }
    Ok(())
}

/// The clients that [`open_idle`] knows.
pub const IDLERS: [&str; 3] = [STREAM, EVENTSOURCE_CLIENT, DRAIN];

async fn stream(port: u16, path: String) -> Result<Tally, AnyError> {
    let mut events = event_source(url(port, &path));
    let mut tally = Tally::default();
    while let Some(event) = events.next().await {
        let event = event?;
        tally.add(event.event_type(), event.data(), event.id().unwrap_or(""));
    }
    Ok(tally)
}

async fn visitor(port: u16, path: String) -> Result<Tally, AnyError> {
    let mut events = event_source(url(port, &path));
    let mut tally = Tally::default();
    let visit = |event: ssewire::EventRef<'_>| {
        tally.add(event.event_type(), event.data(), event.id().unwrap_or(""));
        ControlFlow::<()>::Continue(())
    };
    events.for_each_event(visit).await?;
    Ok(tally)
}

async fn eventsource_client(port: u16, path: String) -> Result<Tally, AnyError> {
    let mut events = peer(&url(port, &path))?;
    let mut tally = Tally::default();
    while let Some(event) = next(&mut events).await {
        match event {
            Ok(SSE::Event(event)) => {
                let id = event.id.as_deref().unwrap_or("");
                tally.add(&event.event_type, &event.data, id);
            }
            Ok(_) | Err(eventsource_client::Error::Eof) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(tally)
}

async fn sse_core(port: u16, path: String) -> Result<Tally, AnyError> {
    let limit = NonZeroUsize::new(16 << 20).expect("the limit is not zero");
    let mut decoder = SseDecoder::with_limit(limit);
    let mut body = body(port, path).await?;
    let mut tally = Tally::default();
    while let Some(frame) = body.frame().await {
        let Ok(mut piece) = frame?.into_data() else {
            continue;
        };
        while let Some(event) = decoder.next(&mut piece) {
            if let SseEvent::Message(event) = event? {
                let id = event.last_event_id.as_deref().unwrap_or("");
                tally.add(&event.event, &event.data, id);
            }
        }
    }
    Ok(tally)
}

async fn by_hand(port: u16, path: String) -> Result<Tally, AnyError> {
    let mut decoder = Decoder::new();
    let mut body = body(port, path).await?;
    let mut tally = Tally::default();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else {
            continue;
        };
        let mut piece = &piece[..];
        let mut frames = decoder.frames(&mut piece);
        while let Some(frame) = frames.next_frame()? {
            if let FrameRef::Event(event) = frame {
                tally.add(event.event_type(), event.data(), event.id().unwrap_or(""));
            }
        }
    }
    Ok(tally)
}

async fn drain(port: u16, path: String) -> Result<Tally, AnyError> {
    let mut body = body(port, path).await?;
    let mut tally = Tally::default();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            tally.data_bytes += piece.len() as u64;
        }
    }
    Ok(tally)
}

fn event_source(url: String) -> EventSource {
    let config = ClientConfig::new().reconnect(Reconnect::Never);
    EventSource::new(Http::get(url), config)
}

fn peer(url: &str) -> Result<eventsource_client::BoxStream<PeerEvent>, AnyError> {
    let transport = HyperTransport::builder().disable_proxy().build_http()?;
    let client = ClientBuilder::for_url(url)?
        .reconnect(ReconnectOptions::reconnect(false).build())
        .build_with_transport(transport);
    Ok(client.stream())
}

type PeerEvent = Result<SSE, eventsource_client::Error>;

/// Sends a request by hand, as hyper's guide does: the connection is a task of its own.
async fn body(port: u16, path: String) -> Result<Incoming, AnyError> {
    let socket = TcpStream::connect(("127.0.0.1", port)).await?;
    socket.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", format!("127.0.0.1:{port}"))
        .header("accept", "text/event-stream")
        .body(Empty::<Bytes>::new())?;
    Ok(sender.send_request(request).await?.into_body())
}

fn url(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}
