//! Streams of a hub over sockets: hyper on tokio, HTTP/1.1 and HTTP/2, axum, and async-std with a
//! writer of its own, against clients that stall, leave, lie and come back.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a row that panics fails, which is what it is to do"
)]

#[path = "../common/counting.rs"]
#[allow(dead_code, reason = "shared with other test files, which use the rest")]
mod counting;
#[path = "../common/oracle.rs"]
#[allow(dead_code, reason = "shared with other test files, which use the rest")]
mod oracle;

#[macro_use]
mod serving;
mod client;

mod axum;
mod bodies;
mod hostile;
mod http2;
mod resume;
mod slow;
mod streams;
