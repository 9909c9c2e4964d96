//! Tries what the README claims about this crate and its peers, and prints the outcome as tables.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --features claims --bin claims`
//!
//! Each cell is the outcome of one run against a server on 127.0.0.1, or of one server against a plain
//! socket. The progress goes to stderr.

mod clients;
mod memory;
mod script;
mod servers;
mod trials;
mod verdict;

use std::io::{self, Write as _};
use std::process::ExitCode;

use ssewire_benches::clients::AnyError;
use tokio::runtime;

use crate::clients::Client;
use crate::servers::Server;
use crate::verdict::Table;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), AnyError> {
    // A contender that panics has not done what the claim says. One line tells of it.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => runtime.block_on(all()),
        [memory::FOLLOW, client, url] => runtime.block_on(memory::follow(client, url)),
        _ => Err("this program takes no options".into()),
    }
}

async fn all() -> Result<(), AnyError> {
    let mut clients = Table::new("A client", Client::ALL.map(Client::title));
    trials::fill(&mut clients).await?;
    clients.add(memory::CLAIM, memory::verdicts().await?);

    let mut servers = Table::new("A server", Server::ALL.map(Server::title));
    servers::fill(&mut servers).await?;

    write!(io::stdout(), "{clients}\n{servers}")?;
    Ok(())
}
