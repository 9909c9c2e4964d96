//! Measures a hub against channels in one process: the README beside this file says how to run it.

mod contenders;
mod polled;
mod publishing;
mod tasks;

use std::process::ExitCode;

use ssewire_benches::args::{Args, exit_code, pick};
use ssewire_benches::measure::setting;
use ssewire_benches::series::Verdicts;

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), String> {
    let args = Args::from_env(&["--smoke", "--rounds", "--only"])?;
    let mut verdicts = Verdicts::default();
    println!("{}", setting());
    for part in pick(&[POLLED, TASKS, PUBLISHING], &args.only, |part| part)? {
        match part {
            POLLED => polled::run(&args, &mut verdicts)?,
            TASKS => tasks::run(&args, &mut verdicts)?,
            _ => publishing::run(&args, &mut verdicts),
        }
    }
    println!("\n{}", verdicts.summary(args.smoke));
    Ok(())
}

const POLLED: &str = "polled";
const TASKS: &str = "tasks";
const PUBLISHING: &str = "publishing";
