//! A hub on many machines, over a stream of Redis 7 or a server like it.
//!
//! What is published on one machine reaches the subscriptions of all, with the same ID and in the same
//! order. Each machine has the newest events in memory, so a client resumes on any of them, and
//! reading costs Redis nothing.
//!
//! [`Config`] names the server and the log. [`Config::open`] returns a [`Hub`] and a [`Driver`], a
//! future that has to be polled:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # mod run {
//! use ssewire::redis::Config;
//! use ssewire::{Event, tokio::Runtime};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (hub, driver) = Config::new("redis://127.0.0.1/")?.open::<Runtime>();
//! tokio::spawn(driver);
//!
//! let mut news = hub.subscribe("news", None)?;
//! let id = hub.publish("news", Event::new("hello")).await?;
//! # Ok(())
//! # }
//! # }
//! # #[cfg(feature = "tokio")]
//! # run::main().unwrap();
//! ```

mod config;
mod driver;
mod keys;
mod link;
mod requests;
mod responses;
mod socket;

use alloc::boxed::Box;
use core::pin::Pin;
use std::io;

use self::socket::Socket;

pub use self::config::{Config, InvalidUrl};
pub use self::driver::Driver;
#[doc(no_inline)]
pub use crate::adapters::hub::Hub;

/// Opens a connection.
type Dial = dyn Fn() -> Dialling + Send + Sync;
type Dialling = Pin<Box<dyn Future<Output = io::Result<Socket>> + Send>>;
