//! Rates by contender and corpus, and the Markdown tables of them.

use std::fmt::Write as _;

use crate::measure::median;

/// The rates of all contenders on all corpora, in megabytes per second: one for each round, none
/// where a contender was not measured.
#[derive(Debug)]
pub struct Grid {
    columns: Vec<&'static str>,
    rows: Vec<(&'static str, Vec<Vec<f64>>)>,
}

/// A row of ratios: a contender against the fastest of some peers.
#[derive(Debug)]
pub struct Ratio<'a> {
    /// The label of the row.
    pub label: String,
    /// The contender.
    pub ours: &'a str,
    /// The peers.
    pub peers: &'a [&'a str],
    /// The bar for each column, where it has one.
    pub at_least: Vec<Option<f64>>,
}

/// A table of ratios, and its result.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The table.
    pub table: String,
    bars: usize,
    misses: usize,
    noisy: usize,
}

impl Verdict {
    /// Adds the result of another table.
    pub fn and(&mut self, other: &Self) {
        self.bars += other.bars;
        self.misses += other.misses;
        self.noisy += other.noisy;
    }

    /// Returns the last line of a report.
    pub fn summary(&self, smoke: bool) -> String {
        match (smoke, self.misses) {
            _ if self.bars == 0 => "No ratio with a bar was measured.".into(),
            (true, _) => "A smoke run: the results are right, the rates mean nothing.".into(),
            (false, misses) => format!(
                "{misses} of {} ratios with a bar miss it; {} with a bar do not count, because the \
                 unchanged copy differed by more than 3 %.",
                self.bars, self.noisy,
            ),
        }
    }
}

impl Grid {
    /// Creates a grid without rows.
    pub fn new(columns: Vec<&'static str>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a contender and, for each column, its rates by round.
    pub fn push(&mut self, name: &'static str, rates: Vec<Vec<f64>>) {
        self.rows.push((name, rates));
    }

    /// Returns whether a contender of this name was measured.
    pub fn has(&self, name: &str) -> bool {
        self.rows.iter().any(|(row, _)| *row == name)
    }

    /// Returns the table of median rates.
    pub fn rates(&self, title: &str) -> String {
        let mut table = self.head(title);
        for (name, rates) in &self.rows {
            let cells = rates
                .iter()
                .map(|rates| median(rates.clone()).map_or(NONE.into(), |r| format!("{r:.0}")));
            push_row(&mut table, name, cells);
        }
        table
    }

    /// Returns the table of ratios, each the median of the ratios of the rounds: the runs of one
    /// round took place at nearly the same time, whereas the machine's speed may change between
    /// rounds.
    ///
    /// `control` names a contender and its unchanged copy. Where they differ by more than 3 %, the
    /// column is too noisy for its bars to count.
    pub fn ratios(&self, title: &str, ratios: &[Ratio<'_>], control: [&str; 2]) -> Verdict {
        let mut table = self.head(title);
        let (mut bars, mut misses, mut noisy) = (0, 0, 0);
        let [original, copy] = control;
        let drifts: Vec<_> = (0..self.columns.len())
            .map(|column| {
                median_ratio(self.by_round(copy, column), self.by_round(original, column))
            })
            .collect();
        for ratio in ratios.iter().filter(|ratio| self.has(ratio.ours)) {
            let cells = (0..self.columns.len()).map(|column| {
                let ours = self.by_round(ratio.ours, column);
                let ratios = ratio
                    .peers
                    .iter()
                    .filter_map(|peer| median_ratio(ours, self.by_round(peer, column)));
                let Some(reached) = ratios.min_by(f64::total_cmp) else {
                    return NONE.into();
                };
                let bar = ratio.at_least.get(column).copied().flatten();
                let is_noisy = |drift: f64| (drift - 1.0).abs() > MAX_DRIFT;
                if bar.is_some() && drifts[column].is_some_and(is_noisy) {
                    noisy += 1;
                    return format!("{reached:.2} (noisy)");
                }
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
        if self.has(copy) {
            let cells = drifts
                .iter()
                .map(|drift| drift.map_or(NONE.into(), |drift| format!("{drift:.3}")));
            push_row(&mut table, &format!("{copy} / {original}"), cells);
        }
        Verdict {
            table,
            bars,
            misses,
            noisy,
        }
    }

    fn by_round(&self, name: &str, column: usize) -> &[f64] {
        let row = self.rows.iter().find(|(row, _)| *row == name);
        row.and_then(|(_, rates)| rates.get(column))
            .map_or(&[], Vec::as_slice)
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

fn median_ratio(ours: &[f64], peer: &[f64]) -> Option<f64> {
    median(
        ours.iter()
            .zip(peer)
            .map(|(ours, peer)| ours / peer)
            .collect(),
    )
}

fn push_row(table: &mut String, label: &str, cells: impl Iterator<Item = String>) {
    let _ = write!(table, "| {label} |");
    for cell in cells {
        let _ = write!(table, " {cell} |");
    }
    table.push('\n');
}

/// The part by which an unchanged copy may differ.
const MAX_DRIFT: f64 = 0.03;
const NONE: &str = "–";
