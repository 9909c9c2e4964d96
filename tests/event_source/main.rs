//! The reconnecting client over sockets: every row on tokio and on async-std, against servers that
//! cut, reset, stall and lie.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a row that panics fails, which is what it is to do"
)]

#[path = "../common/counting.rs"]
mod counting;
#[path = "../common/server.rs"]
mod server;

#[macro_use]
mod runtime;

mod answers;
mod redirects;
mod requests;
mod stream;
