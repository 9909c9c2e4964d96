//! Tests with large dependencies: a hub behind axum, and clients of servers with certificates.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics fails, as it should"
)]

mod common;
mod proxy;
mod raw_tls_server;
#[path = "../../../it/redis/server.rs"]
#[allow(dead_code, reason = "the tests of the library use all of it")]
mod redis_server;
mod tls_server;

mod axum;
mod example_servers;
mod hostile;
mod proxies;
mod redis;
mod tail;
mod tls;
mod trust;
