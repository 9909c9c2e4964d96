//! What needs more than the library and its runtimes: axum in front of it, and servers behind
//! certificates that are made here.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a row that panics fails, which is what it is to do"
)]

mod common;
mod proxy;
mod raw_tls_server;
mod tls_server;

mod axum;
mod example_servers;
mod hostile;
mod proxies;
mod tail;
mod tls;
mod trust;
