//! Who is here, on all machines.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use super::Relay;
use super::action::{Action, Beat, Link, Request};
use super::entry::Kind;
use super::state::Publisher;
use crate::event::Event;
use crate::server::publish_error::PublishError;
use crate::time::Timestamp;

/// The presences that this machine announced, by token.
///
/// The log may forget them, and a machine may be taken for dead, so that they have to be announced
/// again. Each withdrawal is kept until it is in the log.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    newest: u64,
    here: BTreeMap<u64, Announcement>,
    gone: BTreeMap<u64, Announcement>,
    /// The entries that are on their way: the number of each, and its token.
    sent: BTreeMap<u64, u64>,
    beat_at: Timestamp,
    /// Since when the log could be reached without a break.
    connected_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Announcement {
    topic: Box<str>,
    key: Box<str>,
    here: Event,
    gone: Event,
}

/// What is done about a presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It is announced, or changed.
    Here,
    /// It is announced once more, in case that the log has lost it. Otherwise nothing happens.
    Again,
    /// It is withdrawn.
    Gone,
}

impl Announcements {
    /// Returns whether an entry of an announcement is on its way.
    fn is_on_its_way(&self, token: u64) -> bool {
        self.sent.values().any(|sent| *sent == token)
    }
}

impl Relay {
    /// Announces a presence, and returns its token.
    ///
    /// # Errors
    ///
    /// The same as [`publish`](Self::publish).
    pub fn announce(
        &mut self,
        now: Timestamp,
        wall: u64,
        topic: &str,
        key: &str,
        [here, gone]: [Event; 2],
    ) -> Result<u64, PublishError> {
        let announcement = Announcement {
            topic: topic.into(),
            key: key.into(),
            here,
            gone,
        };
        let token = self.announcements.newest + 1;
        self.tell(now, wall, token, Change::Here, &announcement)?;
        self.announcements.newest = token;
        self.announcements.here.insert(token, announcement);
        Ok(token)
    }

    /// Changes the event of a presence.
    ///
    /// # Errors
    ///
    /// The same as [`publish`](Self::publish). The presence then stays as it was.
    pub fn announce_again(
        &mut self,
        now: Timestamp,
        wall: u64,
        token: u64,
        here: Event,
    ) -> Result<(), PublishError> {
        let Some(announcement) = self.announcements.here.get(&token) else {
            return Ok(());
        };
        let changed = Announcement {
            here,
            ..announcement.clone()
        };
        self.tell(now, wall, token, Change::Here, &changed)?;
        self.announcements.here.insert(token, changed);
        Ok(())
    }

    /// Withdraws a presence.
    pub fn withdraw(&mut self, now: Timestamp, wall: u64, token: u64) {
        if let Some(announcement) = self.announcements.here.remove(&token) {
            // What cannot be sent now is sent with one of the next beats.
            let _ = self.tell(now, wall, token, Change::Gone, &announcement);
            self.announcements.gone.insert(token, announcement);
        }
    }

    fn tell(
        &mut self,
        now: Timestamp,
        wall: u64,
        token: u64,
        change: Change,
        announcement: &Announcement,
    ) -> Result<(), PublishError> {
        let Announcement {
            topic,
            key,
            here,
            gone,
        } = announcement;
        let kind = Kind::Presence {
            change,
            topic: String::from(&**topic),
            key: String::from(&**key),
            token: alloc::format!("{:x}-{token}", self.node),
            here: here.clone(),
            gone: gone.clone(),
        };
        let number = self.enqueue(now, wall, kind)?;
        self.announcements.sent.insert(number, token);
        Ok(())
    }

    /// Takes the outcome of an entry, if it is one of a presence.
    pub(super) fn settle_presence(&mut self, number: u64, is_settled: bool) -> bool {
        let Some(token) = self.announcements.sent.remove(&number) else {
            return false;
        };
        if is_settled && !self.announcements.is_on_its_way(token) {
            self.announcements.gone.remove(&token);
        }
        true
    }

    /// Announces all presences once more.
    pub(super) fn announce_all(&mut self, now: Timestamp, wall: u64) {
        for (token, announcement) in self.announcements.here.clone() {
            // The next beat finds those that are missing for want of room.
            let _ = self.tell(now, wall, token, Change::Again, &announcement);
        }
        self.withdraw_all(now, wall);
    }

    fn withdraw_all(&mut self, now: Timestamp, wall: u64) {
        for (token, announcement) in self.announcements.gone.clone() {
            if !self.announcements.is_on_its_way(token) {
                let _ = self.tell(now, wall, token, Change::Gone, &announcement);
            }
        }
    }

    pub(super) fn note_connected(&mut self, now: Timestamp) {
        self.announcements.connected_at.get_or_insert(now);
    }

    pub(super) fn note_disconnected(&mut self) {
        self.announcements.connected_at = None;
    }

    /// Returns when the next beat is due, if the log can be reached.
    pub(super) fn next_beat(&self) -> Option<Timestamp> {
        (self.publisher == Publisher::Up).then_some(self.announcements.beat_at)
    }

    /// Returns the beat that is due.
    pub(super) fn beat(&mut self, now: Timestamp) -> Option<Action> {
        let joined = self.joined.as_ref()?;
        if self.publisher != Publisher::Up || now < self.announcements.beat_at {
            return None;
        }
        let connected_at = self.announcements.connected_at;
        let beat = Beat {
            generation: joined.generation,
            epoch: joined.epoch,
            node: alloc::format!("{:x}", self.node),
            has_presences: !self.announcements.here.is_empty(),
            // After an outage, all others are silent for a while.
            may_judge: connected_at.is_some_and(|since| since + SILENCE <= now),
            silence: SILENCE,
        };
        self.announcements.beat_at = now + BEAT_EVERY;
        Some(Action::Send(Link::Publisher, Request::Beat(beat)))
    }

    pub(super) fn handle_beat(&mut self, now: Timestamp, wall: u64, was_known: bool) {
        match was_known || self.announcements.here.is_empty() {
            true => self.withdraw_all(now, wall),
            false => self.announce_all(now, wall),
        }
    }
}

/// How often a machine tells that it is alive.
const BEAT_EVERY: Duration = Duration::from_secs(5);
/// After this time without a beat, its presences are withdrawn.
const SILENCE: Duration = Duration::from_secs(20);
