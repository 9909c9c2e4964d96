//! Reader and writer over futures-io's [`AsyncRead`](::futures_io::AsyncRead) and
//! [`AsyncWrite`](::futures_io::AsyncWrite): smol, async-std and others.
//!
//! They need no runtime of their own and spawn nothing.

mod reader;
mod writer;

pub use self::reader::EventReader;
pub use self::writer::EventWriter;
pub use super::error::ReadError;
