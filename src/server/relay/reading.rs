//! What the reader makes of the log.

use alloc::vec::Vec;
use core::time::Duration;

use super::Relay;
use super::action::{Failure, Run, Stored};
use super::entry::{Entry, Kind};
use crate::server::delivery::GapReason;
use crate::server::event_id::EventId;
use crate::server::following::Followed;
use crate::server::topic_set::TopicSet;
use crate::server::topics::Topics;
use crate::time::Timestamp;

/// The two clocks: the time of the core, and the milliseconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Clocks {
    pub(super) now: Timestamp,
    pub(super) wall: u64,
}

/// What the log has after the local log.
enum Next {
    /// The next entry.
    Follows,
    /// The next entry after this position, up to which both have the same.
    Parts(EventId),
    /// An entry before which others are missing.
    Hole,
}

impl Relay {
    /// Goes on where the local log and that of the server part.
    pub(super) fn resume<T>(
        &mut self,
        now: Timestamp,
        run: Run,
        restarts: bool,
        topics: &mut Topics<T>,
    ) {
        if !self.is_same_run(&run) {
            return self.renew(now, Failure::WrongServer);
        }
        let common = match (self.tip, restarts) {
            (Some(_), false) => topics.history.lineage.common(run.epochs()),
            _ => None,
        };
        match common.filter(|common| *common >= self.base) {
            Some(common) if topics.is_loaded() && topics.cut(common) => {
                self.tip = Some(common);
                self.read_on(now, false, topics);
            }
            _ => self.scan(now, run, Vec::new(), 0),
        }
    }

    /// Takes the fact that the newest events of keys and the log came from one server, if that was the
    /// master all the time.
    pub(super) fn handle_proven<T>(&mut self, now: Timestamp, run: &Run, topics: &mut Topics<T>) {
        if self.is_same_run(run) {
            topics.handle_loaded(now);
            self.loads_after = EventId::LOWEST;
            self.was_loaded = true;
        }
        self.handle_checked(now, run, topics);
    }

    pub(super) fn handle_checked<T>(&mut self, now: Timestamp, run: &Run, topics: &mut Topics<T>) {
        if !self.is_same_run(run) {
            return self.renew(now, Failure::WrongServer);
        }
        match run.tip {
            Some(tip) if Some(tip) >= self.tip => {
                topics.handle_tip(self.probed_at, tip);
                self.read_on(now, false, topics);
            }
            _ => self.probe(now, false),
        }
    }

    /// Returns the ID after which the newest entries are loaded.
    pub(super) fn load_after(&self, run: &Run) -> EventId {
        let mut left = self.config.load_count as u64;
        let mut last = run.tip;
        for origin in run.lineage.iter().rev() {
            let Some(tip) = last.filter(|last| last.epoch() == origin.epoch) else {
                break;
            };
            if tip.number() >= left {
                return EventId::new(tip.epoch(), tip.number() - left).max(self.loads_after);
            }
            left -= tip.number();
            last = origin.previous;
        }
        self.loads_after
    }

    pub(super) fn handle_loaded<T>(
        &mut self,
        clocks: Clocks,
        run: Run,
        items: Option<Vec<Stored>>,
        after: EventId,
        entries: Vec<(EventId, Entry)>,
        topics: &mut Topics<T>,
    ) {
        let now = clocks.now;
        let Some((last, _)) = entries.last() else {
            return match items.is_some() {
                // The log is gone, or is trimmed to nothing.
                true => self.renew(now, Failure::WrongServer),
                false => self.prove(now),
            };
        };
        let last = *last;
        if let Some(items) = items {
            self.restart(clocks, &run, items, &entries, topics);
        }
        if let Some(hole) = self.take_loaded(clocks, entries, topics) {
            // The log itself lacks entries: somebody has deleted some, or written without joining. It
            // begins after them.
            self.loads_after = hole.just_before();
            return self.scan(now, run, Vec::new(), 0);
        }
        match Some(last) >= run.tip || last <= after {
            true => self.prove(now),
            false => self.load(now, run, None, last),
        }
    }

    /// Replaces the local log by what follows from these entries.
    fn restart<T>(
        &mut self,
        clocks: Clocks,
        run: &Run,
        mut items: Vec<Stored>,
        entries: &[(EventId, Entry)],
        topics: &mut Topics<T>,
    ) {
        let Some((first, entry)) = entries.first() else {
            return;
        };
        let base = match entry.kind {
            Kind::Epoch { previous } => previous.unwrap_or(*first),
            // Somebody wrote without joining.
            _ if first.number() == 0 => *first,
            _ => first.before(),
        };
        let is_known = self.tip.is_some_and(|tip| {
            let mut epochs = run.epochs();
            epochs.any(|last| last.epoch() == tip.epoch() && last >= tip)
        });
        let reason = match is_known {
            true => GapReason::TooOld,
            false => GapReason::Diverged,
        };
        self.has_hole |= self.outbox.has_sent();
        self.base = base;
        self.tip = Some(base);
        let epochs = run.epochs().filter(|last| last.epoch() < base.epoch());
        topics.restart(base, epochs, reason);
        items.sort_by_key(|item| item.id);
        for item in items {
            // What is newer comes with the log.
            if item.id <= base {
                self.store(clocks, item, topics);
            }
        }
        for (topic, time) in &run.closed {
            topics.close_topic(clocks.now, topic, *time);
        }
    }

    fn store<T>(&self, clocks: Clocks, item: Stored, topics: &mut Topics<T>) {
        let Stored { id, topic, entry } = item;
        if let Some((_, role, event)) = entry.kind.as_event() {
            let followed = Followed {
                id,
                at: clocks.at(&entry),
                role,
                event,
            };
            let _ = topics.follow(clocks.now, &TopicSet::new([topic]), followed);
        }
    }

    /// Takes entries that are loaded, in order. Returns the ID of the first that does not follow.
    fn take_loaded<T>(
        &mut self,
        clocks: Clocks,
        entries: Vec<(EventId, Entry)>,
        topics: &mut Topics<T>,
    ) -> Option<EventId> {
        for (id, entry) in entries {
            // The log may begin with the entry of an epoch.
            if Some(id) != self.tip {
                match self.next(id, &entry, topics) {
                    Next::Follows => {}
                    Next::Parts(at) if topics.cut(at) => self.tip = Some(at),
                    Next::Parts(_) | Next::Hole => return Some(id),
                }
            }
            self.take(clocks, id, &entry, false, topics);
        }
        None
    }

    /// Takes new entries, in order. Returns whether the reader can go on.
    pub(super) fn take_all<T>(
        &mut self,
        clocks: Clocks,
        entries: Vec<(EventId, Entry)>,
        topics: &mut Topics<T>,
    ) -> bool {
        for (id, entry) in entries {
            let is_stranger = id.number() == 0 && !matches!(entry.kind, Kind::Epoch { .. });
            if is_stranger {
                // Somebody wrote without joining.
                self.opens_epoch = true;
                self.floor = self.floor.max(id.epoch());
                self.renew(clocks.now, Failure::WrongServer);
                return false;
            }
            match self.next(id, &entry, topics) {
                Next::Follows => {}
                Next::Parts(at) if topics.cut(at) => self.tip = Some(at),
                Next::Parts(_) | Next::Hole => {
                    self.probe(clocks.now, true);
                    return false;
                }
            }
            self.take(clocks, id, &entry, true, topics);
        }
        true
    }

    fn next<T>(&self, id: EventId, entry: &Entry, topics: &Topics<T>) -> Next {
        let Some(tip) = self.tip else {
            return Next::Hole;
        };
        match entry.kind {
            Kind::Epoch { previous } if previous == Some(tip) => Next::Follows,
            Kind::Epoch {
                previous: Some(previous),
            } if previous >= self.base && topics.history.has_id(previous) => Next::Parts(previous),
            Kind::Epoch { .. } => Next::Hole,
            _ if id == tip.next() => Next::Follows,
            _ => Next::Hole,
        }
    }

    fn take<T>(
        &mut self,
        clocks: Clocks,
        id: EventId,
        entry: &Entry,
        is_live: bool,
        topics: &mut Topics<T>,
    ) {
        self.floor = self.floor.max(id.epoch());
        self.large = entry.rough_size().max(self.large - self.large / 64);
        self.tip = Some(id);
        if entry.sender == self.node {
            self.outbox.handle_seen(entry.number, id);
        }
        match &entry.kind {
            Kind::Close { topic, time } => {
                let left = time.saturating_sub(clocks.age(entry));
                if !left.is_zero() {
                    topics.close_topic(clocks.now, topic, left);
                }
            }
            // Its sender has ended its streams already.
            Kind::End { topic } if is_live && entry.sender != self.node => {
                topics.end_subscribers(topic);
            }
            kind => {
                if let Some((names, role, event)) = kind.as_event() {
                    let followed = Followed {
                        id,
                        at: clocks.at(entry),
                        role,
                        event,
                    };
                    // One that this machine's limits do not allow is a position like any other.
                    if topics.follow(clocks.now, names, followed).is_ok() {
                        return;
                    }
                }
            }
        }
        topics.follow_position(id);
    }
}

impl Clocks {
    fn age(self, entry: &Entry) -> Duration {
        Duration::from_millis(self.wall.saturating_sub(entry.at))
    }

    /// Returns when an entry was published, which is never later than now.
    fn at(self, entry: &Entry) -> Timestamp {
        let since_origin = self.now.since_origin();
        Timestamp::from_origin(since_origin.saturating_sub(self.age(entry)))
    }
}
