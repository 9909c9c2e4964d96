//! The changes that wait for a listener.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use std::collections::HashMap;

use super::Membership;

/// A queue of changes, in order and each by itself as long as there are few.
///
/// Beyond [`MOST`] changes, those of one topic are merged. Changes that cancel out are dropped, so
/// the queue grows only with topics whose count has changed.
#[derive(Default)]
pub(super) struct Changes {
    few: VecDeque<Membership>,
    /// The merged changes, by the number of the first of them.
    merged: BTreeMap<u64, Merged>,
    numbers: HashMap<String, u64>,
    newest: u64,
}

struct Merged {
    change: Membership,
    /// The number of the topic's subscriptions before the first of the changes.
    before: usize,
}

impl Changes {
    pub(super) fn push(&mut self, topic: &str, joined: bool, count: usize) {
        if let Some(number) = self.numbers.get(topic) {
            if let Some(Merged { change, before }) = self.merged.get_mut(number) {
                change.joined = joined;
                change.count = count;
                change.changes += 1;
                if *before == count {
                    self.merged.remove(number);
                    self.numbers.remove(topic);
                }
            }
            return;
        }
        let change = Membership {
            topic: topic.into(),
            joined,
            count,
            changes: 1,
        };
        // A later change must not be reported before a merged one.
        if self.few.len() < MOST && self.merged.is_empty() {
            self.few.push_back(change);
            return;
        }
        let before = match joined {
            true => count - 1,
            false => count + 1,
        };
        self.newest += 1;
        self.numbers.insert(topic.into(), self.newest);
        self.merged.insert(self.newest, Merged { change, before });
    }

    pub(super) fn pop(&mut self) -> Option<Membership> {
        if let Some(change) = self.few.pop_front() {
            return Some(change);
        }
        let (_, Merged { change, .. }) = self.merged.pop_first()?;
        self.numbers.remove(&change.topic);
        Some(change)
    }
}

/// How many changes are reported one by one.
const MOST: usize = 8192;

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    fn rest(changes: &mut Changes) -> Vec<(String, bool, usize, u64)> {
        core::iter::from_fn(|| changes.pop())
            .map(|change| (change.topic, change.joined, change.count, change.changes))
            .collect()
    }

    #[test]
    fn few_are_told_one_by_one_and_in_order() {
        let mut changes = Changes::default();
        for round in 0..MOST / 2 {
            changes.push("a", true, 1);
            changes.push(&round.to_string(), true, round + 1);
        }
        for (index, (topic, joined, count, merged)) in rest(&mut changes).into_iter().enumerate() {
            let expected = match index % 2 {
                0 => ("a".into(), 1),
                _ => ((index / 2).to_string(), index / 2 + 1),
            };
            assert_eq!(((topic, count), joined, merged), (expected, true, 1));
        }
    }

    #[test]
    fn many_are_merged_by_topic_and_what_cancels_out_is_dropped() {
        let mut changes = Changes::default();
        for _ in 0..MOST {
            changes.push("few", true, 1);
        }
        for count in 1..=100 {
            changes.push("a", true, count);
            changes.push("b", true, count);
        }
        for count in (0..100).rev() {
            changes.push("b", false, count);
        }
        changes.push("a", false, 99);
        for number in 0..10_000 {
            let topic = number.to_string();
            changes.push(&topic, true, 1);
            changes.push(&topic, false, 0);
        }
        changes.push("b", true, 1);
        assert!(changes.merged.len() == 2 && changes.numbers.len() == 2);
        let told = rest(&mut changes);
        let (few, merged) = told.split_at(MOST);
        assert!(
            few.iter()
                .all(|(topic, .., merged)| topic == "few" && *merged == 1)
        );
        let expected = [("a".into(), false, 99, 101), ("b".into(), true, 1, 1)];
        assert_eq!(merged, expected);
        // Once all are reported, each counts again.
        changes.push("a", true, 1);
        changes.push("a", false, 0);
        assert_eq!(rest(&mut changes).len(), 2);
    }
}
