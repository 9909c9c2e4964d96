//! Following a log whose events get their IDs elsewhere, and which may lose its newest events.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::event::EventRef;
use crate::server::beginning::Beginning;
use crate::server::config::TopicsConfig;
use crate::server::delivery::{Gap, GapReason, SubscriberEnd};
use crate::server::event_id::EventId;
use crate::server::history::TopicKeys;
use crate::server::log::Role;
use crate::server::publish_error::PublishError;
use crate::server::reading::Position;
use crate::server::relay::Kind;
use crate::server::start::Start;
use crate::server::subscriber::{Opening, Subscriber};
use crate::server::topic_set::TopicSet;
use crate::server::topics::Topics;
use crate::server::wait_list::{Ticket, WaitList};
use crate::time::Timestamp;

/// What topics know of the log that they follow.
#[derive(Debug)]
pub(super) struct Following<T> {
    is_loaded: bool,
    /// The position before the first event that was loaded.
    base: EventId,
    /// The positions to which the log went back, in order. Each is higher than the one before,
    /// because a lower one takes the place of all that are not.
    cuts: Vec<Cut>,
    /// The tokens of the subscribers that have not begun.
    waiting: WaitList<T>,
    /// The lowest ID of an event for which one of them waits.
    lowest_ahead: Option<EventId>,
    proof: Option<Proof>,
    /// When the log was loaded, and up to which position.
    loads: Vec<(Timestamp, EventId)>,
}

/// The end of the log at some time, as the server of the log knew it.
#[derive(Clone, Copy, Debug)]
struct Proof {
    tip: EventId,
    /// When it was asked for.
    asked_at: Timestamp,
}

/// A position to which the log went back.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// The number of ends and cuts up to this one, which wraps around.
    number: u32,
    after: EventId,
    reason: GapReason,
}

/// A start that is not known to be right yet.
#[derive(Debug)]
pub(crate) struct Deferred {
    start: Start,
    since: Timestamp,
    ticket: Ticket,
}

/// An event of the log that is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Followed<'a> {
    pub(super) id: EventId,
    /// When it was published.
    pub(super) at: Timestamp,
    pub(super) role: Role<'a>,
    pub(super) event: EventRef<'a>,
}

impl<T> Topics<T> {
    /// Creates topics that follow the log of a [`Relay`](crate::server::Relay), which alone can
    /// publish to them.
    ///
    /// Until the relay has loaded the log, a new subscriber waits. So does one whose last event ID
    /// is higher than that of the newest event, until the relay knows whether the log has that
    /// event.
    pub fn following(config: TopicsConfig) -> Self {
        let mut topics = Self::new(config, 0);
        topics.following = Some(Box::new(Following {
            is_loaded: false,
            base: EventId::LOWEST,
            cuts: Vec::new(),
            waiting: WaitList::new(),
            lowest_ahead: None,
            proof: None,
            loads: Vec::new(),
        }));
        topics
    }

    /// Returns whether a subscriber has begun, and so has a position. This is always so unless the
    /// topics [follow](Self::following) a log.
    pub fn has_begun(&self, subscriber: &Subscriber) -> bool {
        subscriber.deferred().is_none()
    }

    /// Checks what is to be published to a log that these topics [follow](Self::following), as
    /// [`publish`](Self::publish) does.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if no topic is named, if the name of a topic or the key is too long, or if a
    /// topic is closed.
    pub fn check(&mut self, now: Timestamp, kind: &Kind) -> Result<(), PublishError> {
        let Some((topics, role, _)) = kind.as_event() else {
            return Ok(());
        };
        self.check_key(role)?;
        self.check_names(topics)?;
        self.history.open_due(now);
        for name in topics.iter() {
            if let Some(key) = self.history.find_key(name) {
                if !self.history.open_in_time(key, now) {
                    return Err(PublishError::TopicClosed);
                }
            }
        }
        Ok(())
    }

    /// Returns whether the topics know the log that they [follow](Self::following) up to its end at
    /// some time. This is always so unless they follow one.
    pub fn is_loaded(&self) -> bool {
        let following = self.following.as_ref();
        following.is_none_or(|following| following.is_loaded)
    }

    /// Forgets all events, and goes on after `base`. The epochs of the log up to there are given
    /// by the ID of the last event of each. All subscribers get a gap.
    pub(super) fn restart(
        &mut self,
        base: EventId,
        epochs: impl Iterator<Item = EventId>,
        reason: GapReason,
    ) {
        self.history.restart(base, epochs);
        self.presences.clear();
        if let Some(following) = &mut self.following {
            following.is_loaded = false;
            following.base = base;
        }
        self.note_cut(EventId::LOWEST, reason);
    }

    /// Removes the events after a position, and returns `true`. The subscribers that were past it
    /// get a gap. Returns `false` and changes nothing if one of these events has a key, because
    /// the event that it replaced is gone.
    pub(super) fn cut(&mut self, after: EventId) -> bool {
        if self.position() <= after {
            return true;
        }
        if !self.history.cut(after) {
            return false;
        }
        self.note_cut(after, GapReason::Diverged);
        true
    }

    /// Appends an event, which may be the newest of a key that is older than all others of the log.
    pub(super) fn follow(
        &mut self,
        now: Timestamp,
        names: &TopicSet,
        followed: Followed<'_>,
    ) -> Result<(), PublishError> {
        let Followed {
            id,
            at,
            role,
            event,
        } = followed;
        self.note_presence(role, names, event);
        self.history.expire(now);
        let topics = self.topics_of_followed(names, role)?;
        // Its age is that of the event, and not the time since it came here.
        self.add_to(at, &topics, role, id, event);
        self.note_progress();
        Ok(())
    }

    /// Moves the position to an ID that stands for no event.
    pub(super) fn follow_position(&mut self, id: EventId) {
        self.history.advance(id);
        self.note_progress();
    }

    /// Notes that all events of the log are here.
    pub(super) fn handle_loaded(&mut self, now: Timestamp) {
        let position = self.position();
        if let Some(following) = &mut self.following {
            if following.loads.len() == MAX_LOADS {
                following.loads.remove(0);
            }
            following.loads.push((now, position));
            following.is_loaded = true;
        }
        self.wake_deferred();
    }

    /// Takes the newest ID of the log as its server knew it when it was asked at `asked_at` or
    /// later.
    pub(super) fn handle_tip(&mut self, asked_at: Timestamp, tip: EventId) {
        if let Some(following) = &mut self.following {
            following.proof = Some(Proof { tip, asked_at });
        }
        self.note_progress();
    }

    /// Returns whether a subscriber waits for an event that the log may or may not have.
    pub(super) fn awaits_tip(&self) -> bool {
        let following = self.following.as_ref();
        following.is_some_and(|following| following.lowest_ahead.is_some())
    }

    /// Returns whether a start can be told apart from others, so that a subscriber can begin.
    pub(super) fn is_certain(&self, start: Start, since: Timestamp) -> bool {
        let Some(following) = &self.following else {
            return true;
        };
        match start {
            _ if !following.is_loaded => false,
            Start::After(id) if id > self.position() => following.proof.is_some_and(|proof| {
                proof.asked_at > since && proof.tip < id && proof.tip <= self.position()
            }),
            _ => true,
        }
    }

    /// Returns whether a subscriber that has not begun can begin, and lets it do so.
    pub(super) fn begin_deferred(&mut self, subscriber: &mut Subscriber) -> bool {
        let Some(deferred) = subscriber.deferred() else {
            return true;
        };
        let (start, since) = (deferred.start, deferred.since);
        if !self.is_certain(start, since) {
            return false;
        }
        self.drop_deferred_token(subscriber);
        let topics: TopicKeys = subscriber.topic_keys().collect();
        // It has waited for this since before the load, and not since it is looked at.
        let loads = self.following.as_ref().map(|following| &following.loads);
        let mut loads = loads.into_iter().flatten();
        let start = match (start, loads.find(|(at, _)| *at >= since)) {
            (Start::Live, Some((_, position))) => Start::After(*position),
            (start, _) => start,
        };
        let beginning = self.begin(start, &topics);
        self.stats.gaps += u64::from(beginning.gap.is_some());
        let Beginning {
            after,
            told,
            unkeyed_from,
            gap,
        } = beginning;
        subscriber.opening = Opening::new(gap, unkeyed_from);
        let position = Position {
            after,
            told,
            is_live: false,
        };
        subscriber.go_to(&mut self.history, &mut self.readers, position);
        true
    }

    /// Holds a token until a subscriber that has not begun can begin. Returns `false` if it can.
    pub(super) fn wait_to_begin(
        &mut self,
        subscriber: &mut Subscriber,
        token: impl FnOnce() -> T,
    ) -> bool {
        let Some(deferred) = subscriber.deferred() else {
            return false;
        };
        if self.is_certain(deferred.start, deferred.since) {
            return false;
        }
        let newest = self.position();
        let (Some(following), Some(deferred)) = (&mut self.following, subscriber.deferred_mut())
        else {
            return false;
        };
        if let Start::After(id) = deferred.start {
            if following.is_loaded && id > newest {
                let lowest = following.lowest_ahead.get_or_insert(id);
                *lowest = id.min(*lowest);
            }
        }
        let (waiting, ticket) = (&mut following.waiting, &mut deferred.ticket);
        waiting.hold(ticket, token);
        true
    }

    /// Ends the wait of a subscriber that has not begun, and returns its token.
    pub(super) fn drop_deferred_token(&mut self, subscriber: &mut Subscriber) -> Option<T> {
        let (following, deferred) = (self.following.as_mut()?, subscriber.deferred_mut()?);
        following.waiting.remove(&mut deferred.ticket)
    }

    /// Ends the waits of all subscribers that have not begun.
    pub(super) fn wake_deferred(&mut self) {
        if let Some(following) = &mut self.following {
            following.lowest_ahead = None;
            following.waiting.drain_into(&mut self.ready);
        }
    }

    /// Notes what happened to the topics of a subscriber since it last looked.
    #[cold]
    pub(super) fn look_at_ends(&mut self, subscriber: &mut Subscriber) {
        let seen = subscriber.ends_seen;
        if subscriber.is_ended(&self.history) {
            subscriber.end.get_or_insert(SubscriberEnd::Application);
            return;
        }
        let Some(following) = &self.following else {
            return;
        };
        // The counter wraps around, after more cuts than happen between two looks.
        let is_new = |cut: &&Cut| cut.number.wrapping_sub(seen) as i32 > 0;
        let Some(cut) = following.cuts.iter().find(is_new).copied() else {
            return;
        };
        let is_past = subscriber.position.after > cut.after || cut.after == EventId::LOWEST;
        if subscriber.deferred().is_none() && is_past {
            let after = cut.after.max(following.base);
            self.go_back(subscriber, after, cut.reason);
        }
    }

    /// Lets a subscriber go on from an earlier position, after a gap.
    fn go_back(&mut self, subscriber: &mut Subscriber, after: EventId, reason: GapReason) {
        let topics: TopicKeys = subscriber.topic_keys().collect();
        let told = self.newest_dropped(&topics).max(after);
        let gap = Gap {
            reason,
            resumes_after: self.go_on(subscriber, after, told),
        };
        subscriber.opening.get_or_insert_default().gap = Some(gap);
        self.stats.gaps += 1;
    }

    fn note_cut(&mut self, after: EventId, reason: GapReason) {
        self.history.note_end();
        let number = self.history.ends();
        if let Some(following) = &mut self.following {
            following.cuts.retain(|cut| cut.after < after);
            if following.cuts.len() == MAX_CUTS {
                // Whoever has seen neither of these two goes back to the lower one, which is safe.
                if let [first, second, ..] = following.cuts.as_mut_slice() {
                    second.after = first.after;
                    second.reason = first.reason;
                }
                following.cuts.remove(0);
            }
            following.cuts.push(Cut {
                number,
                after,
                reason,
            });
        }
        self.wake_all();
    }

    /// Ends the waits of those that can begin now, and perhaps of some that cannot.
    #[inline]
    fn note_progress(&mut self) {
        let newest = self.position();
        let Some(following) = &self.following else {
            return;
        };
        let Some(lowest) = following.lowest_ahead else {
            return;
        };
        if lowest <= newest || following.proof.is_some_and(|proof| proof.tip <= newest) {
            self.wake_deferred();
        }
    }
}

impl Subscriber {
    pub(crate) fn deferred(&self) -> Option<&Deferred> {
        self.opening.as_deref()?.deferred.as_ref()
    }

    fn deferred_mut(&mut self) -> Option<&mut Deferred> {
        self.opening.as_deref_mut()?.deferred.as_mut()
    }
}

impl Deferred {
    pub(super) fn new(start: Start, since: Timestamp) -> Self {
        Self {
            start,
            since,
            ticket: Ticket::default(),
        }
    }
}

/// How many loads are remembered.
const MAX_LOADS: usize = 8;
/// How many positions are remembered to which the log went back.
const MAX_CUTS: usize = 64;
