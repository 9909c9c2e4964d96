//! The command line that the programs share.

use std::fmt::Display;
use std::process::ExitCode;

use crate::chunks::Chunking;

/// Holds what was asked for.
#[derive(Debug, Default)]
pub struct Args {
    /// Tiny corpora and one round: shows that everything runs and is right, measures nothing.
    pub smoke: bool,
    /// Measured rounds, when given.
    pub rounds: Option<usize>,
    /// Names of corpora; empty for all.
    pub only: Vec<String>,
    /// Names of contenders; empty for all.
    pub contenders: Vec<String>,
    /// The kinds of chunks; empty for the program's own choice.
    pub chunks: Vec<Chunking>,
    /// Whether to compare with what was recorded.
    pub check: bool,
    /// The file to record to.
    pub record: Option<String>,
    /// The commit to compare with where nothing comparable was recorded.
    pub base: Option<String>,
    /// The part that a child process runs.
    pub inside: Option<String>,
}

impl Args {
    /// Reads the process's arguments, of which only the `known` options are allowed.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in one line.
    pub fn from_env(known: &[&str]) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut args = std::env::args().skip(1);
        while let Some(option) = args.next() {
            if !known.contains(&option.as_str()) {
                return Err(format!(
                    "unknown option '{option}', known are {}",
                    known.join(", ")
                ));
            }
            match option.as_str() {
                "--smoke" => {
                    parsed.smoke = true;
                    continue;
                }
                "--check" => {
                    parsed.check = true;
                    continue;
                }
                _ => {}
            }
            let value = args
                .next()
                .ok_or_else(|| format!("{option} needs a value"))?;
            match option.as_str() {
                "--rounds" => parsed.rounds = Some(positive(&option, &value)?),
                "--chunk" => parsed.chunks.push(match value.as_str() {
                    "block" => Chunking::Blocks,
                    _ => Chunking::Even(positive(&option, &value)?),
                }),
                "--record" => parsed.record = Some(value),
                "--base" => parsed.base = Some(value),
                "--inside" => parsed.inside = Some(value),
                "--only" => parsed.only.extend(value.split(',').map(String::from)),
                "--contender" => parsed.contenders.extend(value.split(',').map(String::from)),
                _ => return Err(format!("{option} is not understood")),
            }
        }
        Ok(parsed)
    }

    /// Returns how many rounds to measure.
    pub fn rounds(&self, default: usize) -> usize {
        if self.smoke {
            1
        } else {
            self.rounds.unwrap_or(default)
        }
    }
}

/// Returns those of `all` whose name is in `wanted`, all when nothing is.
///
/// # Errors
///
/// A wanted name that none of them has.
pub fn pick<T: Copy>(
    all: &[T],
    wanted: &[String],
    name: impl Fn(T) -> &'static str,
) -> Result<Vec<T>, String> {
    let names: Vec<_> = all.iter().map(|&item| name(item)).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|wanted| !names.contains(&wanted.as_str()))
    {
        return Err(format!(
            "unknown name '{unknown}', known are {}",
            names.join(", ")
        ));
    }
    let is_wanted = |&item: &T| wanted.is_empty() || wanted.iter().any(|w| w == name(item));
    Ok(all.iter().copied().filter(is_wanted).collect())
}

/// Says on stderr what went wrong, if anything, and returns what the program exits with.
pub fn exit_code(done: Result<(), impl Display>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn positive(option: &str, value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!(
            "{option} needs a whole number above 0, not '{value}'"
        )),
    }
}
