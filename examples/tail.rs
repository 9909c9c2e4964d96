//! Prints the events of a URL, on tokio.
//!
//! `cargo run --example tail --features tokio,tls -- http://127.0.0.1:8888/price`

#[path = "shared/tail/mod.rs"]
mod shared;

use std::process::ExitCode;

use clap::Parser;
use ssewire::tokio::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::tail::<Runtime>(shared::Args::parse()).await
}
