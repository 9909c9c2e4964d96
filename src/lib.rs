//! Server-Sent Events: a client that resumes, a server that replays, and the protocol underneath as
//! state machines for your own I/O.
//!
//! The library is bounded and exact. It decodes the same events however the bytes are split, holds
//! no more memory than its limits allow, and tells you when events may have been lost. It spawns no
//! task and contains no `unsafe` code.
//!
//! | To | use | with the features |
//! |---|---|---|
//! | follow a stream, and resume it after a failure | [`tokio::EventSource`], [`async_std::EventSource`] | `tokio` or `async-std`, `hyper`, for HTTPS `tls` |
//! | call an LLM that streams its response | the same, with [`Http::post`](hyper::Http::post) | the same |
//! | serve events from hyper, axum or another server | [`Hub`], [`tokio::response`] | `tokio`, `http-body` |
//! | follow a stream through another HTTP client | [`hyper::from_fn`] | `http-body`, `tokio` or `async-std` |
//! | read one response, one socket, or any stream of chunks | [`io::EventStreamExt`], [`hyper::events`], [`tokio::EventReader`], [`futures_io::EventReader`] | `http-body`, `tokio`, `futures-io` |
//! | hold tens of thousands of streams, past the HTTP server | [`lane`] | `tokio` or `async-std`, `lane` |
//! | serve events from actix-web, poem and others | [`hyper::EventBody::into_stream`] | `tokio`, `http-body` |
//! | decode and encode in I/O of your own | [`Decoder`], [`Event`] | none |
//! | drive client or server from an event loop of your own | [`client::Client`], [`server::Topics`], [`server::Session`] | `client`, `server` |
//!
//! # Follow a stream
//!
//! An `EventSource` reconnects when a new connection can help, and then resumes after the last event
//! that it received:
//!
//! ```no_run
//! # #[cfg(all(feature = "tokio", feature = "hyper"))]
//! # mod run {
//! use ssewire::tokio::EventSource;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut events = EventSource::get("http://127.0.0.1:8888/sse")
//!     .on_disconnect(|lost| eprintln!("{lost}"));
//! while let Some(event) = events.next().await {
//!     let event = event?;
//!     println!("{}: {}", event.event_type(), event.data());
//! }
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! A server that cannot be reached is tried again until it can. To give up sooner, set
//! [`ClientConfig::max_attempts`](client::ClientConfig::max_attempts).
//!
//! # Call an LLM
//!
//! A repeated POST may cost money, so by default it is sent once. This one is repeated, but only
//! until the first event has arrived:
//!
//! ```no_run
//! # #[cfg(all(feature = "tokio", feature = "hyper"))]
//! # mod run {
//! use ssewire::tokio::{ClientConfig, EventSource, Http, Reconnect};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let request = Http::post("https://llm.example/v1/chat/completions")
//!     .bearer("…")
//!     .header("content-type", "application/json")
//!     .body(r#"{"stream":true}"#);
//! let config = ClientConfig::new().reconnect(Reconnect::UntilFirstEvent);
//! let mut events = EventSource::new(request, config).stop_when(|event| event.data() == "[DONE]");
//! while let Some(event) = events.next().await {
//!     println!("{}", event?.data());
//! }
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! With the feature `json`, `Http::json` writes the body, and
//! [`json`](event_source::EventSource::json) returns a stream of typed values that ends at `[DONE]`.
//!
//! # Serve events
//!
//! A [`Hub`] keeps the latest events of its topics in one bounded log. A response first replays
//! what its client has missed, then sends new events as they are published:
//!
//! ```
//! # #[cfg(all(feature = "tokio", feature = "http-body"))]
//! # mod run {
//! use http::{Request, Response};
//! use ssewire::Event;
//! use ssewire::hyper::start;
//! use ssewire::tokio::{EventBody, Hub, Subscription, response};
//!
//! /// The handler of `GET /prices`, in axum or with hyper. Respond to an error with status 400.
//! fn prices<B>(
//!     hub: &Hub,
//!     request: &Request<B>,
//! ) -> Result<Response<EventBody<Subscription>>, Box<dyn core::error::Error>> {
//!     // After the last event ID that the request carries, or with the events that come next.
//!     let start = start(request)?.unwrap_or_default();
//!     Ok(response(hub.subscribe("prices", start)?))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let hub = Hub::new();
//! hub.publish("prices", Event::new("121.5"));
//! assert_eq!(prices(&hub, &Request::new(()))?.status(), 200);
//! # Ok(())
//! # }
//! # }
//! # #[cfg(all(feature = "tokio", feature = "http-body"))]
//! # run::main().unwrap();
//! ```
//!
//! [`serving`] shows what else a hub does, by task: latest values, presence, closing, narrowing and more.
//!
//! # Embed the decoder
//!
//! 1. Create a [`Decoder`]. Keep it for the next connection, so that the last event ID survives.
//! 2. Pass each chunk that you read to [`Decoder::frames`], or to [`Decoder::decode`], until it
//!    returns `Ok(None)`.
//! 3. Frames are borrowed until the next call. [`EventRef::to_event`] and [`FrameRef::to_frame`] copy
//!    one, in one allocation.
//! 4. A [`DecodeError`] concerns a single event. Continue with the next call.
//! 5. At the end of the stream, [`Decoder::finish`] returns the event that was cut off, if you want
//!    it. [`Decoder::reset`] prepares for the next connection.
//!
//! ```
//! use ssewire::{Decoder, FrameRef};
//!
//! let mut decoder = Decoder::new();
//! for chunk in ["data: hel", "lo\n\n"] {
//!     let mut input = chunk.as_bytes();
//!     while let Some(frame) = decoder.decode(&mut input)? {
//!         if let FrameRef::Event(event) = frame {
//!             assert_eq!(event.data(), "hello");
//!         }
//!     }
//! }
//! # Ok::<(), ssewire::DecodeError>(())
//! ```
//!
//! To send, create an [`Event`] or an [`EventRef`] and `encode` it into a buffer. The constructors
//! refuse values that would forge another field, so encoding cannot fail.
//!
//! # Features
//!
//! Features are additive, and several runtimes can be used at once. Only `std` is on by default.
//!
//! | Feature | Adds | Brings |
//! |---|---|---|
//! | `std` | run-time choice of SIMD; dates in `Retry-After`; with `server` also [`Hub`] | without it the crate is `no_std` and needs `alloc` |
//! | `client` | [`client`] | fastrand |
//! | `server` | [`server`] | fastrand, form_urlencoded, futures-core, hashbrown, slotmap, smallvec |
//! | `futures-io` | [`futures_io`] | `client`, futures-core, futures-io, http |
//! | `async-std` | [`async_std`] | `futures-io`, `server`, async-io, async-net, blocking; nothing of async-std itself, which is unmaintained |
//! | `tokio` | [`tokio`](mod@tokio) | `client`, `server`, http, tokio's I/O traits and timers; starts no runtime |
//! | `http-body` | [`hyper`]: bodies for any server, a reader of any body | `server`, http, http-body; no HTTP client and not hyper itself |
//! | `hyper` | HTTP for the clients of `tokio` and `async-std` | `client`, `http-body`, hyper, hyper-util, http-body-util, idna, iri-string, tokio-util |
//! | `tls` | HTTPS and HTTP/2 for those clients | `hyper`, rustls with ring (which needs a C compiler), rustls-native-certs, tokio-rustls |
//! | `proxy` | proxies for those clients, as the environment names them or by setting | `hyper`, hyper-util's rules, tokio-socks |
//! | `lane` | [`lane`]: streams of a hub on bare sockets, beside an HTTP server | `http-body`, httparse, tokio's sockets |
//! | `redis` | [`redis`](mod@redis): a hub on many machines, over Redis Streams; see [`many_machines`] | `hyper`, redis, tokio's I/O traits |
//! | `tracing` | events for each attempt, open stream, loss and end of the client; [`Hub::trace`] | tracing |
//! | `metrics` | [`Hub::record_metrics`] | metrics |
//! | `json` | [`Event::json`], [`Event::parse_json`], typed streams of JSON | serde, serde_json; needs no `std` |
//! | `base64` | [`Event::base64`], [`Event::decode_base64`] | base64; needs no `std` |
//!
//! # Limits
//!
//! Memory is bounded by default: an event takes at most 16 MiB, a decoder 64 KiB more, and a hub's
//! log 10,000 events and 16 MiB. [`limits`] lists every limit, and the setting that changes it.
//!
//! [`proxies`] says what nginx, HAProxy and others need in front of a server of events.
//!
//! # Out of scope
//!
//! HTTP and TLS are left to other libraries. The client's HTTP keeps no cookies and asks for no
//! compression.
//!
//! If you know hertz-contrib/sse, [`coming_from_hertz`] lists its names with their counterparts.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(all(
        feature = "async-std",
        feature = "base64",
        feature = "futures-io",
        feature = "hyper",
        feature = "json",
        feature = "lane",
        feature = "metrics",
        feature = "redis",
        feature = "tokio",
        feature = "tracing"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "client")]
pub mod client;
mod decode;
mod encode;
mod error;
mod event;
mod field;
mod frame;
#[cfg(any(feature = "base64", feature = "json"))]
mod payload;
#[cfg(feature = "server")]
pub mod server;
mod time;

#[path = "../adapters/mod.rs"]
mod adapters;

/// The crate `http`, whose types the API uses.
#[cfg(any(feature = "futures-io", feature = "http-body", feature = "tokio"))]
pub use ::http;
#[cfg(feature = "async-std")]
pub use adapters::async_std;
#[cfg(any(
    feature = "futures-io",
    feature = "tokio",
    all(feature = "client", feature = "http-body")
))]
pub use adapters::event_source;
#[cfg(feature = "futures-io")]
pub use adapters::futures_io;
#[cfg(all(feature = "server", feature = "std"))]
pub use adapters::hub::{self, Hub, Subscription};
#[cfg(feature = "http-body")]
pub use adapters::hyper;
#[cfg(feature = "lane")]
pub use adapters::lane;
#[cfg(feature = "redis")]
pub use adapters::redis;
#[cfg(feature = "tokio")]
pub use adapters::tokio;
#[cfg(any(feature = "futures-io", feature = "http-body", feature = "tokio"))]
pub use adapters::{io, runtime};
pub use decode::{Decoder, DecoderConfig, Frames};
pub use error::{DecodeError, InvalidField};
pub use event::{Event, EventRef};
pub use frame::{Frame, FrameRef};
#[cfg(feature = "base64")]
pub use payload::Base64Error;
#[cfg(feature = "json")]
pub use payload::JsonError;
pub use time::Timestamp;

#[cfg(any(
    doc,
    all(doctest, feature = "base64", feature = "hyper", feature = "tokio")
))]
#[doc = include_str!("coming_from_hertz.md")]
pub mod coming_from_hertz {}

#[cfg(any(doc, all(doctest, feature = "hyper", feature = "tokio")))]
#[doc = include_str!("limits.md")]
pub mod limits {}

#[cfg(any(doc, all(doctest, feature = "redis", feature = "tokio")))]
#[doc = include_str!("many_machines.md")]
pub mod many_machines {}

#[cfg(any(doc, all(doctest, feature = "hyper", feature = "tokio")))]
#[doc = include_str!("proxies.md")]
pub mod proxies {}

#[cfg(any(doc, all(doctest, feature = "hyper", feature = "tokio")))]
#[doc = include_str!("serving.md")]
pub mod serving {}
