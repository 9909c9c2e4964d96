//! What each contender's rounds gave, the ratios of rounds, and the Markdown tables made of them.

use crate::measure::median;

/// Holds one value of every round for every contender.
#[derive(Debug)]
pub struct Series<T>(Vec<(&'static str, Vec<T>)>);

impl<T> Series<T> {
    /// Makes series without a value.
    pub fn new(names: impl Iterator<Item = &'static str>) -> Self {
        Self(names.map(|name| (name, Vec::new())).collect())
    }

    /// Adds the value of one more round for the contender at `index`.
    pub fn push(&mut self, index: usize, value: T) {
        self.0[index].1.push(value);
    }

    /// Returns the names, in the order of the rows.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<T> {
        let names: Vec<_> = self.0.iter().map(|(name, _)| *name).collect();
        names.into_iter()
    }

    /// Makes a number of each value.
    pub fn map(&self, number: impl Fn(&T) -> f64) -> Series<f64> {
        let rows = self.0.iter();
        Series(
            rows.map(|(name, values)| (*name, values.iter().map(&number).collect()))
                .collect(),
        )
    }

    fn values(&self, name: &str) -> &[T] {
        let row = self.0.iter().find(|(known, _)| *known == name);
        row.map_or(&[], |(_, values)| values)
    }
}

impl Series<f64> {
    /// Returns the middle value; `None` of a contender that was not measured.
    pub fn median(&self, name: &str) -> Option<f64> {
        median(self.values(name).to_vec())
    }

    /// Returns the middle one of the ratios of the rounds.
    pub fn ratio(&self, ours: &str, theirs: &str) -> Option<f64> {
        let pairs = self.values(ours).iter().zip(self.values(theirs));
        median(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }
}

/// Says what a number has to reach.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// Too little is a miss.
    AtLeast(f64),
    /// Too much is a miss.
    AtMost(f64),
}

/// Counts numbers that have a bar, and those that miss it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdicts {
    bars: usize,
    misses: usize,
}

impl Verdicts {
    /// Makes the cell of a number, and counts it.
    pub fn judge(&mut self, value: Option<f64>, bar: Option<Bar>) -> String {
        let text = number(value, 2);
        let (Some(value), Some(bar)) = (value, bar) else {
            return text;
        };
        let (is_reached, bar) = match bar {
            Bar::AtLeast(bar) => (value >= bar, format!("≥ {bar}")),
            Bar::AtMost(bar) => (value <= bar, format!("≤ {bar}")),
        };
        self.bars += 1;
        self.misses += usize::from(!is_reached);
        if is_reached {
            format!("{text} ({bar})")
        } else {
            format!("**{text} MISS** ({bar})")
        }
    }

    /// Returns the last line of a report.
    pub fn summary(&self, smoke: bool) -> String {
        match (smoke, self.misses) {
            _ if self.bars == 0 => "No number with a bar was measured.".into(),
            (true, _) => "A smoke run: the results are right, the numbers mean nothing.".into(),
            (false, 0) => format!("All {} numbers with a bar reach it.", self.bars),
            (false, misses) => format!("{misses} of {} numbers with a bar miss it.", self.bars),
        }
    }
}

/// Returns the first two lines of a table.
pub fn head(title: &str, columns: &[&str]) -> String {
    let rule = "---:|".repeat(columns.len());
    format!("| {title} | {} |\n|---|{rule}", columns.join(" | "))
}

/// Returns a line of a table.
pub fn row(label: &str, cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<_> = cells.into_iter().collect();
    format!("| {label} | {} |", cells.join(" | "))
}

/// Makes the cell of a number.
pub fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or("–".into(), |value| format!("{value:.decimals$}"))
}
