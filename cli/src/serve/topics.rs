//! The topics of late, for the page.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use ssewire::Hub;

use crate::check::PROBE_TOPIC;

/// The topics that were published or subscribed to last, with counts.
#[derive(Default)]
pub(super) struct RecentTopics(Mutex<Recent>);

#[derive(Default)]
struct Recent {
    by_name: HashMap<String, Topic>,
    published: u64,
    /// Goes up with each use of a topic.
    clock: u64,
}

#[derive(Default)]
struct Topic {
    published: u64,
    used: u64,
}

impl RecentTopics {
    pub(super) fn note_published(&self, topics: &[String]) {
        let mut recent = self.lock();
        recent.published += 1;
        for name in topics.iter().filter(|name| is_shown(name)) {
            recent.touch(name).published += 1;
        }
    }

    pub(super) fn note_subscribed(&self, topics: &[String]) {
        let mut recent = self.lock();
        for name in topics.iter().filter(|name| is_shown(name)) {
            recent.touch(name);
        }
    }

    pub(super) fn forget(&self, topic: &str) {
        self.lock().by_name.remove(topic);
    }

    /// Returns what the page shows.
    pub(super) fn to_json(&self, hub: &Hub) -> Value {
        let (published, mut topics) = {
            let recent = self.lock();
            let topics = recent.by_name.iter();
            let topics = topics.map(|(name, topic)| (name.clone(), topic.published));
            (recent.published, topics.collect::<Vec<_>>())
        };
        topics.sort_unstable();
        let topics: Vec<_> = topics
            .into_iter()
            .map(|(name, published)| {
                let streams = hub.subscriber_count_of(&name);
                json!({ "name": name, "streams": streams, "published": published })
            })
            .collect();
        let stats = hub.stats();
        json!({
            "streams": hub.subscriber_count(),
            "published": published,
            "dropped": stats.dropped,
            "gaps": stats.gaps,
            "position": hub.position().to_string(),
            "topics": topics,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn touch(&mut self, name: &str) -> &mut Topic {
        self.clock += 1;
        let used = self.clock;
        if !self.by_name.contains_key(name) && self.by_name.len() >= MOST {
            self.drop_half();
        }
        let topic = self.by_name.entry(name.to_owned()).or_default();
        topic.used = used;
        topic
    }

    /// Drops the topics whose last use is furthest back, so that this is seldom done.
    fn drop_half(&mut self) {
        let mut uses: Vec<_> = self.by_name.values().map(|topic| topic.used).collect();
        let (_, &mut median, _) = uses.select_nth_unstable(MOST / 2);
        self.by_name.retain(|_, topic| topic.used > median);
    }
}

/// Returns whether a topic is not one of `ssewire check`, of which each run has another.
fn is_shown(name: &str) -> bool {
    !name.starts_with(PROBE_TOPIC)
}

/// How many topics are known.
const MOST: usize = 1_000;
