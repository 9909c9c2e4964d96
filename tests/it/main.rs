//! The tests of the library, through its public API. A module for each subject, and in `common` what
//! they share.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a row that panics fails, which is what it is to do"
)]

mod common;

#[cfg(all(
    feature = "async-std",
    feature = "base64",
    feature = "json",
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
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
mod example_servers;
mod examples;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(all(feature = "server", feature = "std"))]
mod hub;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(all(
    feature = "async-std",
    feature = "hyper",
    feature = "json",
    feature = "tokio"
))]
mod json_stream;
#[cfg(all(feature = "base64", feature = "json"))]
mod payload;
mod properties;
mod recorded;
#[cfg(all(feature = "async-std", feature = "hyper", feature = "tokio"))]
mod server;
#[cfg(feature = "server")]
mod session;
#[cfg(all(feature = "async-std", feature = "tls", feature = "tokio"))]
mod tail;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(feature = "server")]
mod topics;
#[cfg(feature = "server")]
mod topics_properties;
