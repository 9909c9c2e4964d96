//! The reconnecting client over any transport: one driver for every runtime.
//!
//! [`EventSource`] carries out what [`Client`](crate::client::Client) decides, over a [`Connect`]
//! that opens connections and a [`Timer`](crate::runtime::Timer). `ssewire::tokio` and
//! `ssewire::async_std` bring theirs; with the feature `hyper` there is HTTP for both.

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
