//! The reconnecting client over any transport, on any runtime.
//!
//! An [`EventSource`] carries out the actions of a [`Client`](crate::client::Client). It opens
//! connections by a [`Connect`] and waits by a [`Timer`](crate::runtime::Timer). `ssewire::tokio` and
//! `ssewire::async_std` have event sources with their timers, and HTTP if the feature `hyper` is on.
//!
//! # What happens to a connection
//!
//! An event source recovers without a word from whatever a new connection can fix, so one that can
//! never connect would be silent for ever. Three ways tell:
//!
//! - [`EventSource::on_disconnect`] calls a hook. `|lost| eprintln!("{lost}")` is a good first one.
//! - [`EventSource::phase`] and [`EventSource::watch`] show the state.
//! - With the feature `tracing`, each event source has a span of the target `ssewire`. Its events tell
//!   each attempt (debug), each stream that opens (info), each connection that is lost, with the wait
//!   before the next one (warn), and the end (info, or warn if it was not orderly).
//!
//! The texts name the URL without its secrets ([`redacted()`]), the cause and, if there is one, the
//! setting that decides.

mod chunk;
mod connect;
mod driver;
mod failure;
mod from_reader;
mod head;
mod hooks;
mod redacted;
mod rejected;
mod source;
mod trace;
mod watch;

pub use self::connect::{Connect, ConnectError};
pub use self::failure::{Disconnect, Error};
pub use self::from_reader::{FromReader, OpenReader};
pub use self::redacted::redacted;
pub use self::source::EventSource;
pub use self::watch::PhaseWatch;
pub use crate::adapters::io::{BoxError, ByteStream};

#[cfg(feature = "hyper")]
pub(super) use self::from_reader::CONNECT_TIMEOUT;
