//! Tests of the library through its public API, with a module for each subject. `common` holds what
//! the modules share.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics fails, as it should"
)]

mod common;

#[cfg(all(
    feature = "async-std",
    feature = "base64",
    feature = "json",
    feature = "lane",
    feature = "tls",
    feature = "tokio"
))]
mod auto_traits;
#[cfg(all(feature = "http-body", feature = "tokio"))]
mod bytes_out;
#[cfg(feature = "tokio")]
mod chunks;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod client_properties;
mod conformance;
#[cfg(all(feature = "hyper", feature = "tokio"))]
mod contract_service;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
mod event_source;
#[cfg(all(
    feature = "async-std",
    feature = "hyper",
    feature = "lane",
    feature = "tokio"
))]
mod example_servers;
mod examples;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(all(feature = "server", feature = "std"))]
mod hub;
#[cfg(all(feature = "server", feature = "std"))]
mod hub_streams;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(all(
    feature = "async-std",
    feature = "hyper",
    feature = "json",
    feature = "tokio"
))]
mod json_stream;
#[cfg(feature = "server")]
mod latest;
#[cfg(feature = "server")]
mod log_memory;
#[cfg(all(feature = "base64", feature = "json"))]
mod payload;
mod properties;
mod recorded;
#[cfg(all(feature = "redis", feature = "tokio"))]
mod redis;
#[cfg(feature = "server")]
mod relay;
#[cfg(all(
    feature = "async-std",
    feature = "hyper",
    feature = "lane",
    feature = "tokio"
))]
mod server;
#[cfg(feature = "server")]
mod session;
#[cfg(feature = "server")]
mod session_properties;
#[cfg(all(feature = "async-std", feature = "tls", feature = "tokio"))]
mod tail;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(feature = "server")]
mod topics;
#[cfg(feature = "server")]
mod topics_properties;
