//! What a trial showed, and the table of all that were shown.

use std::fmt;

/// The outcome of one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Yes,
    No,
    /// The run did not get as far as the claim.
    NotReached,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NotReached => "–",
        })
    }
}

/// A Markdown table of claims, with a column for each contender.
#[derive(Debug)]
pub(crate) struct Table {
    subject: &'static str,
    titles: Vec<String>,
    rows: Vec<(&'static str, Vec<Verdict>)>,
}

impl Table {
    /// Creates a table without rows.
    pub(crate) fn new(subject: &'static str, titles: impl Into<Vec<String>>) -> Self {
        Self {
            subject,
            titles: titles.into(),
            rows: Vec::new(),
        }
    }

    /// Adds the outcomes of one claim.
    pub(crate) fn add(&mut self, claim: &'static str, verdicts: Vec<Verdict>) {
        let shown: Vec<_> = verdicts.iter().map(Verdict::to_string).collect();
        eprintln!("{claim}: {}", shown.join(", "));
        self.rows.push((claim, verdicts));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} | {} |", self.subject, self.titles.join(" | "))?;
        writeln!(f, "|---|{}", ":-:|".repeat(self.titles.len()))?;
        for (claim, verdicts) in &self.rows {
            write!(f, "| {claim} |")?;
            for verdict in verdicts {
                write!(f, " {verdict} |")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Returns the version of a package that this program was built with.
pub(crate) fn version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"\nversion = \"");
    let found = include_str!("../Cargo.lock").split(&name).nth(1);
    found
        .and_then(|rest| rest.split('"').next())
        .expect("the package is locked")
}
