//! Byte streams, and the reader and the writer of events over them, for every runtime.
//!
//! A [`ByteStream`] lends bytes, and an [`EventReader`] decodes them. The modules of the runtimes
//! name this type for the readers of their kind: `tokio::EventReader<R>` is an [`EventReader`] over
//! a [`ReaderStream`] of `R`, and `hyper::EventReader<B>` is one over a
//! [`BodyStream`](crate::hyper::BodyStream) of `B`. Any stream of chunks has
//! [`events`](EventStreamExt::events), which returns one. [`EventWriter`] is the same for writers.

mod byte_stream;
mod chunk_stream;
mod error;
#[cfg(feature = "server")]
mod forward;
#[cfg(feature = "json")]
mod json;
mod outbound;
mod progress;
mod reader;
mod reader_stream;
mod write_timeout;
mod writer;

pub use self::byte_stream::{BoxError, ByteStream};
pub use self::chunk_stream::{ChunkStream, EventStreamExt};
pub use self::error::ReadError;
#[cfg(feature = "json")]
pub use self::json::{Events, JsonStream, JsonStreamError};
pub use self::reader::EventReader;
pub use self::reader_stream::ReaderStream;
pub use self::write_timeout::WriteTimeout;
pub use self::writer::EventWriter;

#[cfg(feature = "lane")]
pub(super) use self::forward::Forwarding;
#[cfg(feature = "lane")]
pub(super) use self::outbound::Outbound;
pub(super) use self::progress::Progress;
