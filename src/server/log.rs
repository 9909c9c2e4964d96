//! The log of one topic.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;

use crate::server::event_id::EventId;
use crate::server::room;

/// The latest events of one topic, the oldest first.
///
/// A place in a log is the ID of the event before it, so it stays valid whatever leaves the log, and is
/// the same in the logs of all topics.
///
/// Of the events with the same key only the newest stays. The one that it replaces leaves a hole among
/// the entries, so that nothing has to move. There are never more holes than events and a few.
#[derive(Debug)]
pub(crate) struct Log {
    /// The first is not a hole, nor is the last.
    entries: VecDeque<Entry>,
    holes: usize,
    /// The bytes of the events and of their keys.
    bytes: usize,
    /// What was published without a key.
    tally: Tally,
    /// The event of each key, in the logs of topics that have keys.
    keys: Option<Box<HashMap<Arc<str>, EventId>>>,
    /// The ID of the oldest event with a key.
    oldest_keyed: Option<EventId>,
    /// Whether the newest event, or one of another topic since then, has made it lose its oldest.
    is_trimmed: bool,
    newest_dropped: EventId,
    /// The ID of the newest event, which may be dropped.
    newest: EventId,
    /// The ID of the event before it.
    before_newest: EventId,
}

/// An event in a log, or the hole that one has left.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Higher than that of the entry before.
    pub(crate) id: EventId,
    /// How much was published to the topic without a key, up to this event.
    pub(crate) tally: Tally,
    /// When it was published, in nanoseconds since the origin of the clock.
    pub(crate) at: u64,
    /// The encoded event. A hole is empty.
    pub(crate) bytes: Bytes,
    /// What few events have.
    attached: Option<Box<Attached>>,
}

#[derive(Debug)]
struct Attached {
    key: Option<Arc<str>>,
    /// Whether it tells of the end of a key, of which a newcomer has never heard.
    is_removal: bool,
    /// Held by the event in the logs of all of its topics, if it has several.
    shared: Option<Arc<()>>,
}

/// What an event is to the events with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    /// It has no key.
    Plain,
    /// It is the newest of this key.
    Latest(&'a str),
    /// As [`Latest`](Self::Latest), but it is present however old it is.
    Present(&'a str),
    /// It has no key, and tells of the end of this one.
    Removal(&'a str),
}

impl<'a> Role<'a> {
    /// Returns the key of the event.
    pub(crate) const fn key(self) -> Option<&'a str> {
        match self {
            Self::Latest(key) | Self::Present(key) => Some(key),
            Self::Plain | Self::Removal(_) => None,
        }
    }

    /// Returns the key whose event this one replaces or ends.
    pub(crate) const fn named_key(self) -> Option<&'a str> {
        match self {
            Self::Latest(key) | Self::Present(key) | Self::Removal(key) => Some(key),
            Self::Plain => None,
        }
    }
}

/// How much was published to a topic.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

/// An event that has left a log.
#[derive(Debug)]
pub(crate) struct Removed {
    pub(crate) entry: Entry,
    /// The bytes of its key, if the key has left too.
    pub(crate) key_bytes: usize,
}

impl Entry {
    /// Returns the tally up to this event, if it has no key.
    #[inline]
    pub(crate) fn pace(&self) -> Option<Tally> {
        self.key().is_none().then_some(self.tally)
    }

    pub(crate) fn key(&self) -> Option<&Arc<str>> {
        self.attached.as_ref()?.key.as_ref()
    }

    /// Returns whether no other log has the event.
    pub(crate) fn is_alone(&self) -> bool {
        let shared = self
            .attached
            .as_ref()
            .and_then(|attached| attached.shared.as_ref());
        shared.is_none_or(|shared| Arc::strong_count(shared) == 1)
    }

    fn is_plain(&self) -> bool {
        let attached = self.attached.as_ref();
        attached.is_none_or(|attached| attached.key.is_none() && !attached.is_removal)
    }

    fn is_hole(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl Log {
    /// Creates an empty log. Of the events up to `newest_dropped` it has none.
    pub(crate) const fn new(newest_dropped: EventId) -> Self {
        Self {
            entries: VecDeque::new(),
            holes: 0,
            bytes: 0,
            tally: Tally {
                events: 0,
                bytes: 0,
            },
            keys: None,
            oldest_keyed: None,
            is_trimmed: false,
            newest_dropped,
            newest: newest_dropped,
            before_newest: newest_dropped,
        }
    }

    /// Appends an event. One with the same key must have been [removed](Self::remove_key).
    pub(crate) fn push(
        &mut self,
        id: EventId,
        at: u64,
        bytes: Bytes,
        role: Role<'_>,
        shared: Option<Arc<()>>,
    ) {
        self.bytes += bytes.len();
        let key = role.key().map(|key| {
            self.bytes += key.len();
            let key: Arc<str> = key.into();
            let keys = self.keys.get_or_insert_default();
            keys.insert(Arc::clone(&key), id);
            self.oldest_keyed.get_or_insert(id);
            key
        });
        if key.is_none() {
            self.tally.events += 1;
            self.tally.bytes += bytes.len() as u64;
        }
        let is_plain = role == Role::Plain && shared.is_none();
        let attached = (!is_plain).then(|| {
            Box::new(Attached {
                key,
                is_removal: matches!(role, Role::Removal(_)),
                shared,
            })
        });
        room::make(&mut self.entries);
        self.before_newest = self.newest;
        // An event of a snapshot is older than the position from which a log is followed.
        self.newest = self.newest.max(id);
        self.entries.push_back(Entry {
            id,
            tally: self.tally,
            at,
            bytes,
            attached,
        });
    }

    /// Drops the oldest event, and returns it. A reader that has not read it has lost it.
    pub(crate) fn pop(&mut self) -> Option<Removed> {
        let entry = self.entries.pop_front()?;
        self.newest_dropped = self.newest_dropped.max(entry.id);
        self.drop_outer_holes();
        room::give_back(&mut self.entries);
        Some(self.removed(entry))
    }

    /// Drops an event, which may be in the middle, and returns it. A reader that has not read it has lost
    /// it.
    pub(crate) fn drop_event(&mut self, id: EventId) -> Option<Removed> {
        let removed = self.take(id)?;
        self.newest_dropped = self.newest_dropped.max(id);
        Some(removed)
    }

    /// Removes the newest event, if its ID is higher than `after`, and returns it. After the last one, the
    /// log is as if these had never been.
    pub(crate) fn cut(&mut self, after: EventId) -> Option<Removed> {
        if self.newest_held().is_some_and(|newest| newest > after) {
            let removed = self.entries.pop_back().map(|entry| self.removed(entry));
            self.drop_outer_holes();
            return removed;
        }
        self.newest_dropped = self.newest_dropped.min(after);
        if self.newest > after {
            self.newest = self
                .newest_held()
                .max(Some(self.newest_dropped))
                .unwrap_or(after);
            self.before_newest = self.newest;
        }
        if let Some(newest) = self.entries.back() {
            self.tally = newest.tally;
        }
        room::give_back(&mut self.entries);
        None
    }

    /// Returns whether an event with a higher ID has to do with a key.
    pub(crate) fn has_keyed_after(&self, after: EventId) -> bool {
        self.entries_after(after).any(|entry| !entry.is_plain())
    }

    /// Removes the event of a key, and returns it. Nothing is lost with it, because a newer one takes its
    /// place.
    pub(crate) fn remove_key(&mut self, key: &str) -> Option<Removed> {
        let id = *self.keys.as_ref()?.get(key)?;
        self.take(id)
    }

    pub(crate) fn note_trimmed(&mut self, is_trimmed: bool) {
        self.is_trimmed = is_trimmed;
    }

    /// Returns the number of events.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.holes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the bytes of the events and of their keys.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the ID of the newest event that was dropped, which is the lowest ID if none was.
    #[inline]
    pub(crate) fn newest_dropped(&self) -> EventId {
        self.newest_dropped
    }

    /// Returns the ID of the newest event, which may be dropped.
    #[inline]
    pub(crate) fn newest(&self) -> EventId {
        self.newest
    }

    /// Returns the ID of the newest event in the log.
    #[inline]
    pub(crate) fn newest_held(&self) -> Option<EventId> {
        self.entries.back().map(|entry| entry.id)
    }

    /// Returns the ID of the oldest event.
    pub(crate) fn oldest(&self) -> Option<EventId> {
        self.entries.front().map(|entry| entry.id)
    }

    /// Returns the newest event, if it is in the log and is the only one with a higher ID.
    #[inline]
    pub(crate) fn only_entry_after(&self, id: EventId) -> Option<&Entry> {
        let newest = self.entries.back()?;
        (self.before_newest <= id && newest.id > id).then_some(newest)
    }

    /// Returns the first event with a higher ID.
    pub(crate) fn first_after(&self, id: EventId) -> Option<&Entry> {
        self.entries_after(id).next()
    }

    /// Returns the events with higher IDs.
    pub(crate) fn entries_after(&self, id: EventId) -> impl Iterator<Item = &Entry> {
        let index = match self.before_newest <= id {
            true => self.entries.len() - usize::from(self.newest_held() > Some(id)),
            false => self.entries.partition_point(|entry| entry.id <= id),
        };
        let entries = self.entries.range(index.min(self.entries.len())..);
        entries.filter(|entry| !entry.is_hole())
    }

    /// Returns the IDs of the events that have nothing to do with a key, the newest first.
    pub(crate) fn plain_from_newest(&self) -> impl Iterator<Item = EventId> {
        let entries = self.entries.iter().rev();
        let plain = entries.filter(|entry| !entry.is_hole() && entry.is_plain());
        plain.map(|entry| entry.id)
    }

    /// Returns the ID of the oldest event with a key.
    pub(crate) fn oldest_keyed(&self) -> Option<EventId> {
        self.oldest_keyed
    }

    /// Returns whether the log has an event.
    pub(crate) fn entry(&self, id: EventId) -> Option<&Entry> {
        let index = self.entries.partition_point(|entry| entry.id < id);
        let entry = self.entries.get(index)?;
        (entry.id == id && !entry.is_hole()).then_some(entry)
    }

    /// Returns whether an event up to which so much was published may soon be dropped: half of what the
    /// log may hold, or of what it does hold if it had to make room, was published after it.
    #[inline]
    pub(crate) fn is_far_back(&self, tally: Tally, half: Tally) -> bool {
        let (events, bytes) = (
            self.tally.events - tally.events,
            self.tally.bytes - tally.bytes,
        );
        events >= half.events
            || bytes >= half.bytes
            || self.is_trimmed && events > 0 && 2 * events >= self.len() as u64
    }

    /// Removes an event, and leaves a hole in its place.
    fn take(&mut self, id: EventId) -> Option<Removed> {
        let index = self.entries.partition_point(|entry| entry.id < id);
        let entry = self.entries.get_mut(index)?;
        if entry.id != id || entry.is_hole() {
            return None;
        }
        let hole = Entry {
            bytes: Bytes::new(),
            attached: None,
            ..*entry
        };
        let entry = core::mem::replace(entry, hole);
        self.holes += 1;
        self.drop_outer_holes();
        if self.holes > self.len() + FEW_HOLES {
            self.entries.retain(|entry| !entry.is_hole());
            self.holes = 0;
        }
        room::give_back(&mut self.entries);
        Some(self.removed(entry))
    }

    fn removed(&mut self, entry: Entry) -> Removed {
        let mut key_bytes = 0;
        if let (Some(key), Some(keys)) = (entry.key(), &mut self.keys) {
            keys.remove(key);
            if self.oldest_keyed == Some(entry.id) {
                // This goes over each entry once in all.
                let later = self.entries.partition_point(|later| later.id <= entry.id);
                let mut later = self.entries.range(later..);
                let keyed = later.find(|later| later.key().is_some());
                self.oldest_keyed = keyed.map(|keyed| keyed.id);
            }
            key_bytes = key.len();
            if keys.capacity() > 4 * (keys.len() + FEW_KEYS) {
                keys.shrink_to(2 * keys.len());
            }
        }
        self.bytes -= entry.bytes.len() + key_bytes;
        Removed { entry, key_bytes }
    }

    fn drop_outer_holes(&mut self) {
        while self.entries.front().is_some_and(Entry::is_hole) {
            self.entries.pop_front();
            self.holes -= 1;
        }
        while self.entries.back().is_some_and(Entry::is_hole) {
            self.entries.pop_back();
            self.holes -= 1;
        }
    }
}

/// A log may always have this many holes.
const FEW_HOLES: usize = 16;
/// The memory for this many keys is never given back.
const FEW_KEYS: usize = 16;
