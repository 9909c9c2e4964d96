//! The reconnecting client over any transport, on any runtime.
//!
//! An [`EventSource`] carries out the actions of a [`Client`](crate::client::Client). It opens
//! connections with a [`Connect`] and waits with a [`Timer`](crate::runtime::Timer).
//! `ssewire::tokio` and `ssewire::async_std` have event sources with their timers, and HTTP if the
//! feature `hyper` is on.

mod chunk;
mod connect;
mod driver;
mod failure;
mod from_reader;
mod head;
mod hooks;
mod rejected;
mod source;
mod watch;

pub use self::connect::{Connect, ConnectError};
pub use self::failure::{Disconnect, Error};
pub use self::from_reader::{FromReader, OpenReader};
pub use self::source::EventSource;
pub use self::watch::PhaseWatch;
pub use crate::adapters::io::{BoxError, ByteStream};

#[cfg(feature = "hyper")]
pub(super) use self::from_reader::CONNECT_TIMEOUT;
