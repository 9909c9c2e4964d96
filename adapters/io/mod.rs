//! Byte streams, and the reader and the writer of events over them, each written once.
//!
//! A [`ByteStream`] lends bytes. [`EventReader`] decodes any of them, and the modules of the runtimes
//! name it for the readers of their kind: `tokio::EventReader<R>` is an [`EventReader`] over a
//! [`ReaderStream`] of `R`, and `hyper::EventReader<B>` is one over a
//! [`BodyStream`](crate::hyper::BodyStream) of `B`. [`EventWriter`] is the same for writers.

mod byte_stream;
mod error;
#[cfg(feature = "server")]
mod forward;
mod outbound;
mod reader;
mod reader_stream;
mod write_timeout;
mod writer;

pub use self::byte_stream::{BoxError, ByteStream};
pub use self::error::ReadError;
pub use self::reader::EventReader;
pub use self::reader_stream::ReaderStream;
pub use self::write_timeout::WriteTimeout;
pub use self::writer::EventWriter;
