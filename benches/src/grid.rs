//! Rates by contender and corpus, and the Markdown tables made of them.

use std::fmt::Write as _;

/// Holds the rate of every contender on every corpus, in megabytes a second.
#[derive(Debug)]
pub struct Grid {
    columns: Vec<&'static str>,
    rows: Vec<(&'static str, Vec<Option<f64>>)>,
}

/// Names one row of ratios: a contender against the fastest of some peers.
#[derive(Debug)]
pub struct Ratio<'a> {
    /// What stands before the row.
    pub label: String,
    /// The contender.
    pub ours: &'a str,
    /// The peers.
    pub peers: &'a [&'a str],
    /// What each column's ratio has to reach, where it has to reach anything.
    pub at_least: Vec<Option<f64>>,
}

/// Holds a table of ratios and what it says about the bars.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The table.
    pub table: String,
    bars: usize,
    misses: usize,
}

impl Verdict {
    /// Adds what another table says.
    pub fn and(&mut self, other: &Self) {
        self.bars += other.bars;
        self.misses += other.misses;
    }

    /// Returns the last line of a report.
    pub fn summary(&self, smoke: bool) -> String {
        match (smoke, self.misses) {
            _ if self.bars == 0 => "No ratio with a bar was measured.".into(),
            (true, _) => "A smoke run: the results are right, the rates mean nothing.".into(),
            (false, 0) => format!("All {} ratios with a bar reach it.", self.bars),
            (false, misses) => format!("{misses} of {} ratios with a bar miss it.", self.bars),
        }
    }
}

impl Grid {
    /// Makes a grid without rows.
    pub fn new(columns: Vec<&'static str>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a contender and its rates, one for each column.
    pub fn push(&mut self, name: &'static str, rates: Vec<Option<f64>>) {
        self.rows.push((name, rates));
    }

    /// Returns whether a contender of this name was measured.
    pub fn has(&self, name: &str) -> bool {
        self.rows.iter().any(|(row, _)| *row == name)
    }

    /// Returns the table of rates.
    pub fn rates(&self, title: &str) -> String {
        let mut table = self.head(title);
        for (name, rates) in &self.rows {
            let cells = rates
                .iter()
                .map(|rate| rate.map_or(NONE.into(), |r| format!("{r:.0}")));
            push_row(&mut table, name, cells);
        }
        table
    }

    /// Returns the table of ratios.
    pub fn ratios(&self, title: &str, ratios: &[Ratio<'_>]) -> Verdict {
        let mut table = self.head(title);
        let (mut bars, mut misses) = (0, 0);
        for ratio in ratios.iter().filter(|ratio| self.has(ratio.ours)) {
            let cells = (0..self.columns.len()).map(|column| {
                let ours = self.rate(ratio.ours, column);
                let best = ratio
                    .peers
                    .iter()
                    .filter_map(|peer| self.rate(peer, column));
                let (Some(ours), Some(best)) = (ours, best.max_by(f64::total_cmp)) else {
                    return NONE.into();
                };
                let reached = ours / best;
                let bar = ratio.at_least.get(column).copied().flatten();
                bars += usize::from(bar.is_some());
                match bar {
                    None => format!("{reached:.2}"),
                    Some(bar) if reached >= bar => format!("{reached:.2} (≥ {bar})"),
                    Some(bar) => {
                        misses += 1;
                        format!("**{reached:.2} MISS** (≥ {bar})")
                    }
                }
            });
            push_row(&mut table, &ratio.label, cells);
        }
        Verdict {
            table,
            bars,
            misses,
        }
    }

    fn rate(&self, name: &str, column: usize) -> Option<f64> {
        let (_, rates) = self.rows.iter().find(|(row, _)| *row == name)?;
        rates.get(column).copied().flatten()
    }

    fn head(&self, title: &str) -> String {
        let mut table = format!("| {title} |");
        for column in &self.columns {
            let _ = write!(table, " {column} |");
        }
        table.push_str("\n|---|");
        table.push_str(&"---:|".repeat(self.columns.len()));
        table.push('\n');
        table
    }
}

fn push_row(table: &mut String, label: &str, cells: impl Iterator<Item = String>) {
    let _ = write!(table, "| {label} |");
    for cell in cells {
        let _ = write!(table, " {cell} |");
    }
    table.push('\n');
}

const NONE: &str = "–";
