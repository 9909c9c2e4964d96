//! Instruction counts from valgrind's callgrind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process, thread};

/// Runs this program again under callgrind, once for each part and all at the same time, with the
/// options `--inside PART`. Returns the lines that they wrote to stdout, each with the number of
/// instructions that were then executed in the second of two measured regions.
///
/// # Errors
///
/// A program that could not be run, or whose counts do not fit its lines.
pub fn run(parts: &[&str]) -> Result<Vec<(String, u64)>, String> {
    let folder = env::temp_dir().join(format!("ssewire-count-{}", process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let counted = thread::scope(|scope| {
        let threads: Vec<_> = parts
            .iter()
            .map(|&part| {
                let out = folder.join(part);
                scope.spawn(move || run_part(part, &out))
            })
            .collect();
        let mut counted = Vec::new();
        for thread in threads {
            let lines = thread
                .join()
                .map_err(|_| String::from("a thread panicked"))?;
            counted.extend(lines?);
        }
        Ok(counted)
    });
    let _ = fs::remove_dir_all(&folder);
    counted
}

fn run_part(part: &str, out: &Path) -> Result<Vec<(String, u64)>, String> {
    let program = env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        // One function for each option: of two options for the same one, valgrind 3.19 obeys one.
        .arg(format!("--zero-before={START}"))
        .arg(format!("--dump-after={REGION}"))
        .arg(program)
        .args(["--inside", part])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("the part {part} failed: {}", output.status));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    lines
        .lines()
        .enumerate()
        .map(|(index, line)| {
            // Dumps are numbered from 1; the first of a pair warmed up.
            let dump = PathBuf::from(format!("{}.{}", out.display(), 2 * index + 2));
            Ok((String::from(line), total(&dump)?))
        })
        .collect()
}

/// Reads the number of instructions of one dump.
fn total(dump: &Path) -> Result<u64, String> {
    let text = fs::read_to_string(dump).map_err(|error| format!("{}: {error}", dump.display()))?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("summary:"))
        .and_then(|value| value.trim().parse().ok());
    total.ok_or_else(|| format!("{} has no summary", dump.display()))
}

/// The functions by which `measure::timed` marks where its work starts and in which it runs.
const START: &str = "ssewire_benches::measure::start*";
const REGION: &str = "ssewire_benches::measure::region*";
