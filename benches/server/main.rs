//! Measures servers of many streams over HTTP: the README beside this file says how to run it.

mod contenders;
mod deliveries;
mod gathering;
mod idle;
mod process;
mod reader;

use std::error::Error;
use std::process::ExitCode;

use ssewire_benches::args::{Args, exit_code, pick};
use ssewire_benches::measure::setting;
use ssewire_benches::series::Verdicts;

pub(crate) type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().collect();
    let done = match args.get(1).map(String::as_str) {
        Some(AS_SERVER) => contenders::serve(&args[2], &args[3], &args[4]),
        _ => run(),
    };
    exit_code(done)
}

fn run() -> Result<(), AnyError> {
    let args = Args::from_env(&["--smoke", "--rounds", "--only"])?;
    let readers = if args.smoke { 20 } else { 1_000 };
    let mut verdicts = Verdicts::default();
    println!("{}", setting());
    println!(
        "{readers} streams over HTTP/1.1 on loopback, events of 200 bytes; processor time of the \
         server's process, the kernel's share included; medians of rounds; every event counted.\n"
    );
    for part in pick(&[DELIVERIES, GATHERING, IDLE], &args.only, |part| part)? {
        match part {
            DELIVERIES => deliveries::run(&args, readers, &mut verdicts)?,
            GATHERING => gathering::run(&args, readers, &mut verdicts)?,
            _ => idle::run(&args, &mut verdicts)?,
        }
    }
    println!("\n{}", verdicts.summary(args.smoke));
    Ok(())
}

pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

pub(crate) const AS_SERVER: &str = "--as-server";
pub(crate) const SSEWIRE: &str = "ssewire";
pub(crate) const GATHERED: &str = "ssewire, gathered for 50 ms";
pub(crate) const LANE: &str = "ssewire's lane";
pub(crate) const AXUM: &str = "axum";
pub(crate) const BY_HAND: &str = "bytes by hand";
pub(crate) const WRITER: &str = "ssewire without hyper";
pub(crate) const GATHERED_WRITER: &str = "the same without hyper";
pub(crate) const WRITES: &str = "a loop of writes";
pub(crate) const CONTENDERS: [&str; 6] = [SSEWIRE, LANE, AXUM, BY_HAND, WRITER, WRITES];
/// Bytes of data in an event of 200.
pub(crate) const DATA: usize = 150;
const DELIVERIES: &str = "deliveries";
const GATHERING: &str = "gathering";
const IDLE: &str = "idle";
