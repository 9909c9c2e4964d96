//! The reconnecting client over sockets: every row on tokio and on async-std, against servers that
//! cut, reset, stall and lie.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a row that panics fails, which is what it is to do"
)]

#[path = "../common/counting.rs"]
mod counting;
#[path = "../common/recorded.rs"]
mod recordings;
#[path = "../common/script.rs"]
#[allow(dead_code, reason = "shared with other test files, which use the rest")]
mod script;
#[path = "../common/server.rs"]
mod server;
#[cfg(feature = "tls")]
#[path = "../common/tls_server.rs"]
mod tls_server;

#[macro_use]
mod runtime;

mod answers;
mod lifetime;
mod readers;
mod recorded;
mod redirects;
mod requests;
mod stream;
mod tasks;
#[cfg(feature = "tls")]
mod tls;
mod watch;
