//! Reader and writer over tokio's [`AsyncRead`](::tokio::io::AsyncRead) and
//! [`AsyncWrite`](::tokio::io::AsyncWrite): sockets, pipes, files, TLS streams.
//!
//! They need no runtime of their own and spawn nothing.

mod reader;
mod writer;

pub use self::reader::EventReader;
pub use self::writer::EventWriter;
pub use super::error::ReadError;
