//! Reader, writer and reconnecting client for async-std, and for every runtime that speaks
//! futures-io.
//!
//! Reader and writer are those of [`futures_io`](crate::futures_io). The client takes timers and
//! sockets from async-io and async-net, which async-std is built on and smol too; they work on any
//! executor, so the feature brings no code of async-std itself. That crate is no longer maintained
//! by its authors, who name smol as its successor.

#[cfg(feature = "hyper")]
mod dial;
mod event_source;
mod forward;
#[cfg(feature = "hyper")]
mod response;
mod runtime;

#[cfg(feature = "hyper")]
pub use self::event_source::Http;
pub use self::event_source::{EventSource, from_reader};
#[cfg(feature = "hyper")]
pub use self::response::{EventBody, response, response_with};
pub use self::runtime::Runtime;
pub use super::futures_io::{EventReader, EventWriter, ReadError};
