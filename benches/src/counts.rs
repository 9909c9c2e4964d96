//! Recorded instruction counts, and their comparison.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

/// Instructions per event, by cell: what is done, in which chunks, of which corpus, by whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// What the counts depend on. Counts of different settings cannot be compared.
    pub setting: String,
    cells: BTreeMap<[String; 4], f64>,
}

impl Counts {
    /// Creates counts without a cell.
    pub fn new(setting: String) -> Self {
        Self {
            setting,
            cells: BTreeMap::new(),
        }
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or a line that is not a cell.
    pub fn read(path: &str) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let mut counts = Self::new(String::new());
        for line in text.lines() {
            if let Some(setting) = line.strip_prefix("# setting: ") {
                counts.setting = String::from(setting);
            } else if !line.starts_with('#') {
                counts
                    .push(line)
                    .ok_or(format!("{path} has the line '{line}'"))?;
            }
        }
        Ok(counts)
    }

    /// Adds a cell: its four names and its count, with tabs between them.
    pub fn push(&mut self, line: &str) -> Option<()> {
        let parts: Vec<_> = line.split('\t').collect();
        let [action, chunking, corpus, contender, count] = parts[..] else {
            return None;
        };
        let cell = [action, chunking, corpus, contender].map(String::from);
        self.cells.insert(cell, count.parse().ok()?);
        Some(())
    }

    /// Returns the count of a cell.
    pub fn get(&self, cell: [&str; 4]) -> Option<f64> {
        self.cells.get(&cell.map(String::from)).copied()
    }

    /// Returns the cells as lines, with a head that names the setting.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}# setting: {}\n", self.setting);
        for (cell, count) in &self.cells {
            let _ = writeln!(text, "{}\t{count:.1}", cell.join("\t"));
        }
        text
    }

    /// Returns one line for each cell of this crate that differs from `before` by more than
    /// [`TOLERANCE`], and the number of those that got worse.
    pub fn compare(&self, before: &Self) -> (Vec<String>, usize) {
        let mut lines = Vec::new();
        let mut worse = 0;
        for (cell, count) in &self.cells {
            let [.., contender] = cell;
            let Some(old) = before.cells.get(cell) else {
                continue;
            };
            let change = count / old - 1.0;
            if !contender.starts_with("ssewire") || change.abs() <= TOLERANCE {
                continue;
            }
            let word = if change > 0.0 { "WORSE" } else { "better" };
            worse += usize::from(change > 0.0);
            let percent = 100.0 * change;
            let cell = cell.join(", ");
            lines.push(format!(
                "{word} {percent:+.1} %: {cell}: {old:.1} to {count:.1}"
            ));
        }
        (lines, worse)
    }
}

/// Returns in one line what counts depend on: compiler, profile, C library, valgrind, and those
/// features of the processor by which libraries choose their code at run time.
///
/// # Errors
///
/// A tool that cannot be run.
pub fn setting(profile: &str) -> Result<String, String> {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let known: Vec<_> = info
        .lines()
        .find_map(|line| line.strip_prefix("flags"))
        .map(|flags| flags.split_whitespace().collect())
        .unwrap_or_default();
    let flags: Vec<_> = FLAGS
        .into_iter()
        .filter(|flag| known.contains(flag))
        .collect();
    Ok(format!(
        "{}; profile {profile}; {}; {}; {} {}",
        first_line("rustc", "-V")?,
        first_line("getconf", "GNU_LIBC_VERSION")?,
        first_line("valgrind", "--version")?,
        std::env::consts::ARCH,
        flags.join(" "),
    ))
}

fn first_line(program: &str, option: &str) -> Result<String, String> {
    let output = Command::new(program)
        .arg(option)
        .output()
        .map_err(|error| format!("{program} {option}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(String::from(text.lines().next().unwrap_or_default().trim()))
}

/// By which part a count may differ from the one it is compared with.
pub const TOLERANCE: f64 = 0.03;

const HEAD: &str = "\
# Instructions per event, written by the program `count` of this package.
# Action, chunks, corpus and contender, with tabs between them.
";

const FLAGS: [&str; 14] = [
    "ssse3", "sse4_1", "sse4_2", "popcnt", "avx", "avx2", "fma", "bmi1", "bmi2", "abm", "movbe",
    "erms", "fsrm", "rtm",
];
