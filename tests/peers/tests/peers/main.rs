//! Tests with large dependencies: a hub behind axum, and clients of servers with certificates.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics fails, as it should"
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
