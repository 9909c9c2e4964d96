//! Reader, writer and reconnecting client over tokio's [`AsyncRead`](::tokio::io::AsyncRead) and
//! [`AsyncWrite`](::tokio::io::AsyncWrite): sockets, pipes, files, TLS streams.
//!
//! They spawn nothing. Reader and writer need no runtime; the client needs its timers, and HTTP
//! its sockets.

#[cfg(feature = "hyper")]
mod dial;
mod event_source;
mod forward;
mod reader;
#[cfg(feature = "hyper")]
mod response;
mod runtime;
mod writer;

#[cfg(feature = "hyper")]
pub use self::event_source::Http;
pub use self::event_source::{EventSource, from_reader};
pub use self::reader::EventReader;
#[cfg(feature = "hyper")]
pub use self::response::{EventBody, response, response_with};
pub use self::runtime::Runtime;
pub use self::writer::EventWriter;
pub use super::error::ReadError;
