//! Prints the events of a URL, on async-std. Except for the runtime, this is the example `tail`.
//!
//! `cargo run --example tail_async_std --features async-std,tls -- http://127.0.0.1:8888/price`

#[path = "shared/tail/mod.rs"]
mod shared;

use std::process::ExitCode;

use clap::Parser;
use ssewire::async_std::Runtime;

fn main() -> ExitCode {
    async_std::task::block_on(shared::tail::<Runtime>(shared::Args::parse()))
}
