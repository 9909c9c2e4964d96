#![doc = "Server-Sent Events as pure state machines."]
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod decode;
mod encode;
mod error;
mod event;
mod frame;
mod time;

#[path = "../adapters/mod.rs"]
mod adapters;

#[cfg(feature = "async-std")]
pub use adapters::async_std;
#[cfg(feature = "futures-io")]
pub use adapters::futures_io;
#[cfg(feature = "hyper")]
pub use adapters::hyper;
#[cfg(feature = "tokio")]
pub use adapters::tokio;
pub use decode::{Decoder, DecoderConfig, Frames};
pub use error::{DecodeError, InvalidField};
pub use event::{Event, EventRef};
pub use frame::{Frame, FrameRef};
pub use time::Timestamp;
