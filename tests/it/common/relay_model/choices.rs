//! Where a run of the model gets its decisions from.

use fastrand::Rng;

/// Decisions from a seed, or from bytes until these are used up.
pub(crate) enum Choices {
    Seed(Rng),
    Bytes(Vec<u8>),
}

impl Choices {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self::Seed(Rng::with_seed(seed))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.iter().rev().copied().collect())
    }

    /// Returns whether there are no more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.is_empty())
    }

    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        match self {
            Self::Seed(rng) => rng.usize(..end),
            Self::Bytes(bytes) => {
                let mut next = || usize::from(bytes.pop().unwrap_or_default());
                match end {
                    0..=256 => next() % end,
                    _ => (next() << 8 | next()) % end,
                }
            }
        }
    }

    /// Returns whether something happens that happens in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}
