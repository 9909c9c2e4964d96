//! Randomness for the core, which has none.

use core::hash::BuildHasher;
use std::hash::RandomState;

/// Returns a number that differs from call to call and from process to process.
pub(super) fn random_seed() -> u64 {
    RandomState::new().hash_one(0)
}
