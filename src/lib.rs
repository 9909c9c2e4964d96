//! Server-Sent Events: the protocol as pure state machines, and thin adapters around them.
//!
//! The core takes bytes and gives frames, or the other way round. It does no I/O, reads no clock,
//! knows no runtime, needs no std, holds no more memory than it was told, and is right however the
//! bytes are cut. What the standard says is cited where it is coded: WHATWG HTML, section
//! "Server-sent events".
//!
//! # The smallest example
//!
//! ```
//! use ssewire::{Decoder, FrameRef};
//!
//! let mut decoder = Decoder::new();
//! let mut input = &b"data: hello\n\n"[..];
//! while let Some(frame) = decoder.decode(&mut input)? {
//!     if let FrameRef::Event(event) = frame {
//!         assert_eq!(event.data(), "hello");
//!     }
//! }
//! # Ok::<(), ssewire::DecodeError>(())
//! ```
//!
//! # How to embed it
//!
//! 1. Make a [`Decoder`] for a connection; keep it for the next one, so that the last event ID
//!    survives.
//! 2. Read bytes, in whatever pieces, and pass each piece to [`Decoder::frames`] (many frames a
//!    piece, fastest) or [`Decoder::decode`] (one call a frame) until it says `Ok(None)`.
//! 3. What is lent is borrowed until the next call: [`EventRef::to_event`] and
//!    [`FrameRef::to_frame`] copy it, in one allocation.
//! 4. A [`DecodeError`] is about one event; go on.
//! 5. At the end, [`Decoder::finish`] lends what was cut off, if you want it.
//!    [`Decoder::reset`] gets ready for the next connection.
//!
//! To send, build an [`Event`] or an [`EventRef`] and `encode` it into a buffer of yours. A value
//! that would forge a field is refused when the event is built, so encoding cannot fail.
//!
//! A client that reconnects is [`client::Client`]: facts in, decisions out. `EventSource` in
//! [`tokio`] and [`async_std`] drives it over HTTP or any other transport.
//!
//! Whoever knows hertz-contrib/sse finds each of its names in [`coming_from_hertz`].
//!
//! A server publishes to a [`Hub`] and answers with what it gives, over the bodies of [`hyper`] or the
//! writers of [`tokio`] and [`futures_io`]; [`server`] has the machines behind that.
//!
//! # Features
//!
//! - `std` (default): memchr and simdutf8 choose their SIMD paths at run time, and the client
//!   understands dates in `Retry-After`. Without it, what the compile target guarantees is used.
//! - `futures-io`: [`futures_io`], reader and writer for smol and others.
//! - `async-std`: [`async_std`], the same and the reconnecting client. async-std itself is
//!   unmaintained upstream and not needed.
//! - `tokio`: [`tokio`], reader, writer and reconnecting client; starts no runtime.
//! - `hyper`: [`hyper`], a body of events for any server built on `http_body`, axum included, a
//!   reader of any such body, and HTTP for the clients of `tokio` and `async-std`.
//! - `tls`: HTTPS and HTTP/2 for those clients, by rustls with the platform's roots.
//! - `json`: [`Event::json`] and [`Event::parse_json`], over serde; needs no std.
//! - `base64`: [`Event::base64`] and [`Event::decode_base64`]; needs no std.
//!
//! Features only add, and none chooses between runtimes.
//!
//! # Limits
//!
//! One event may take 16 MiB unless [`DecoderConfig::max_event_bytes`] says otherwise; a larger one
//! is reported once and skipped. A decoder never holds more than that and 64 KiB.
//!
//! # Out of scope
//!
//! HTTP and TLS are left to libraries. The client's HTTP uses no proxy, keeps no cookies and asks for
//! no compression; a transport over another HTTP client is a page, as `examples/reqwest.rs` shows.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(all(
        feature = "async-std",
        feature = "base64",
        feature = "futures-io",
        feature = "hyper",
        feature = "json",
        feature = "tokio"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod client;
mod decode;
mod encode;
mod error;
mod event;
mod field;
mod frame;
#[cfg(any(feature = "base64", feature = "json"))]
mod payload;
pub mod server;
mod time;

#[path = "../adapters/mod.rs"]
mod adapters;

#[cfg(feature = "async-std")]
pub use adapters::async_std;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
pub use adapters::event_source;
#[cfg(feature = "futures-io")]
pub use adapters::futures_io;
#[cfg(feature = "std")]
pub use adapters::hub::{self, Hub, Subscription};
#[cfg(feature = "hyper")]
pub use adapters::hyper;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio"))]
pub use adapters::runtime;
#[cfg(feature = "tokio")]
pub use adapters::tokio;
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

/// Runs the README's snippets as doctests.
#[cfg(all(
    doctest,
    feature = "base64",
    feature = "async-std",
    feature = "hyper",
    feature = "json",
    feature = "tokio"
))]
#[doc = include_str!("../README.md")]
struct Readme;
