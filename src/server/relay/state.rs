//! The states of a relay, and every change of them.
//!
//! ```text
//! publisher  Down ──connected──> Joining ──run──> Up <──every 5 s──> Beating
//!             ^                    ^  ^            ^ ──entries──> Appending
//!             │                    │  │            │                │   │
//!             │                    │  └────────────┼──no such log───┘   │
//!             │                    │               └──────appended──────┘
//!             └─── any failure of either connection, or another server ───
//!
//! reader     Down ──connected, publisher up──> Probing ──run──> Reading <──> Checking
//!                                                │  ^              │  ^         │
//!                           nothing in common    │  └──────────────┘  │         │
//!                                                v     a hole         │         │
//!                                 Scanning ──> Loading ──> Proving ───┘         │
//!                                     ^                                         │
//!                                     └──────── (by way of Probing) tip lower ──┘
//! ```

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use super::action::{Action, Appended, Failure, Join, Link, Request, Response, Run, Stored};
use super::entry::Kind;
use super::reading::Clocks;
use super::{
    Append, FIRST_RETRY, Joined, LONELY_TIMEOUT, MAX_APPEND, MAX_APPEND_BYTES, MAX_RETRY,
    PROBE_EVERY, Relay, TIMEOUT,
};
use crate::server::event_id::EventId;
use crate::server::publish_error::{PublishError, Refusal};
use crate::server::topics::Topics;
use crate::time::Timestamp;

/// The state of the connection that joins and appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Publisher {
    Down,
    Connecting,
    Joining,
    Up,
    Appending,
    Beating,
}

/// The state of the connection that reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Down,
    Connecting,
    /// It asks for the lineage of the log, to find out what it has in common with the local one.
    Probing {
        /// Whether the local log is of no use in any case.
        restarts: bool,
    },
    /// It loads the newest entries of all keys.
    Scanning {
        run: Run,
        items: Vec<Stored>,
    },
    /// It loads the newest entries.
    Loading {
        run: Run,
        /// The newest entries of all keys, until the first entry is there.
        items: Option<Vec<Stored>>,
        after: EventId,
    },
    /// It asks whether the server from which it has loaded is still the master.
    Proving,
    Reading,
    /// It asks for the newest ID of the log.
    Checking,
}

impl Relay {
    /// Takes the fact that a connection is open.
    pub fn handle_connected(&mut self, now: Timestamp, link: Link) {
        match link {
            Link::Publisher if self.publisher == Publisher::Connecting => self.join(now),
            Link::Reader if self.reader == Reader::Connecting => self.probe(now, false),
            _ => {}
        }
    }

    /// Takes the fact that a connection or the request on it failed. Both connections are then opened
    /// again.
    pub fn handle_failure(&mut self, now: Timestamp, link: Link, failure: Failure) {
        let is_down = match link {
            Link::Publisher => self.publisher == Publisher::Down,
            Link::Reader => self.reader == Reader::Down,
        };
        if !is_down {
            self.renew(now, failure);
        }
    }

    /// Takes the response to the last request on a connection. `wall` is the number of milliseconds
    /// since 1970.
    pub fn handle_response<T>(
        &mut self,
        now: Timestamp,
        wall: u64,
        link: Link,
        response: Response,
        topics: &mut Topics<T>,
    ) {
        match (link, response) {
            (Link::Publisher, Response::Run(run)) if self.publisher == Publisher::Joining => {
                self.handle_joined(now, wall, run);
            }
            (Link::Publisher, Response::Appended(results))
                if self.publisher == Publisher::Appending =>
            {
                self.handle_appended(now, &results);
            }
            (Link::Publisher, Response::Beat { was_known })
                if self.publisher == Publisher::Beating =>
            {
                self.publisher = Publisher::Up;
                self.publisher_due = None;
                self.handle_beat(now, wall, was_known);
            }
            (Link::Reader, response) => self.handle_read(now, wall, response, topics),
            _ => {}
        }
        self.settle();
    }

    fn handle_read<T>(
        &mut self,
        now: Timestamp,
        wall: u64,
        response: Response,
        topics: &mut Topics<T>,
    ) {
        let clocks = Clocks { now, wall };
        let before = self.tip;
        // Each branch sets the next state, and none of them looks at this one.
        let reader = mem::replace(&mut self.reader, Reader::Reading);
        match (reader, response) {
            (Reader::Probing { restarts }, Response::Run(run)) => {
                self.resume(now, run, restarts, topics);
            }
            (
                Reader::Scanning { run, mut items },
                Response::Stored {
                    cursor,
                    items: more,
                },
            ) => {
                items.extend(more);
                match cursor {
                    0 => {
                        let after = self.load_after(&run);
                        self.load(now, run, Some(items), after);
                    }
                    _ => self.scan(now, run, items, cursor),
                }
            }
            (Reader::Loading { run, items, after }, Response::Entries(entries)) => {
                self.handle_loaded(clocks, run, items, after, entries, topics);
            }
            (Reader::Reading, Response::Entries(entries)) => {
                let was_empty = entries.is_empty();
                if self.take_all(clocks, entries, topics) {
                    self.read_on(now, was_empty, topics);
                }
            }
            (Reader::Proving, Response::Run(run)) => self.handle_proven(now, &run, topics),
            (Reader::Checking, Response::Run(run)) => self.handle_checked(now, &run, topics),
            (reader, _) => self.reader = reader,
        }
        self.unread = match self.unread {
            Some((id, _)) if Some(id) <= self.tip => None,
            // A reader that is behind gets there, however far it is.
            Some((id, _)) if self.tip != before => Some((id, now)),
            unread => unread,
        };
    }

    pub(super) fn next_action(&mut self, now: Timestamp) -> Option<Action> {
        if self.publisher == Publisher::Down {
            if self.is_closed && self.outbox.len() == 0 || now < self.retry_at {
                return None;
            }
            self.publisher = Publisher::Connecting;
            self.publisher_due = Some(now + TIMEOUT);
            return Some(Action::Connect(Link::Publisher));
        }
        let is_up = matches!(
            self.publisher,
            Publisher::Up | Publisher::Appending | Publisher::Beating
        );
        if is_up && self.reader == Reader::Down && now >= self.retry_at {
            self.reader = Reader::Connecting;
            self.reader_due = Some(now + TIMEOUT);
            return Some(Action::Connect(Link::Reader));
        }
        let may_append = self.was_loaded && self.resolve.is_none();
        if self.publisher == Publisher::Up && may_append && self.outbox.has_new() {
            let joined = self.joined.as_ref()?;
            self.publisher = Publisher::Appending;
            self.publisher_due = Some(now + TIMEOUT);
            let append = Append {
                generation: joined.generation,
                epoch: joined.epoch,
                entries: self.outbox.take_new(MAX_APPEND, MAX_APPEND_BYTES),
            };
            return Some(Action::Send(Link::Publisher, Request::Append(append)));
        }
        let beat = self.beat(now)?;
        self.publisher = Publisher::Beating;
        self.publisher_due = Some(now + TIMEOUT);
        Some(beat)
    }

    /// Gives up both connections, and opens them again.
    pub(super) fn renew(&mut self, now: Timestamp, failure: Failure) {
        self.go_down();
        self.failure = Some(failure);
        self.stale_since.get_or_insert(now);
        self.outbox.handle_lost();
        // What is still on its way with the old epoch is refused then, whether or not it is settled
        // before the next join.
        self.opens_epoch |= self.outbox.has_unsure();
        let doubled = FIRST_RETRY * (1 << self.failures.min(8));
        let wait = match self.failures {
            0 => FIRST_RETRY / 5,
            _ => doubled.min(MAX_RETRY),
        };
        // Half of it at least, since many machines lose their connections at the same time.
        self.retry_at = now + wait.mul_f64(0.5 + self.rng.f64() / 2.0);
        self.failures = self.failures.saturating_add(1);
    }

    pub(super) fn go_down(&mut self) {
        self.actions.clear();
        if self.publisher != Publisher::Down {
            self.actions.push_back(Action::Disconnect(Link::Publisher));
        }
        if self.reader != Reader::Down {
            self.actions.push_back(Action::Disconnect(Link::Reader));
        }
        self.publisher = Publisher::Down;
        self.reader = Reader::Down;
        self.publisher_due = None;
        self.reader_due = None;
        self.unread = None;
        self.lonely_since = None;
        self.note_disconnected();
    }

    pub(super) fn is_down(&self) -> bool {
        self.publisher == Publisher::Down || self.reader == Reader::Down
    }

    fn join(&mut self, now: Timestamp) {
        self.publisher = Publisher::Joining;
        self.publisher_due = Some(now + TIMEOUT);
        let join = Join {
            floor: self.floor,
            opens_epoch: self.opens_epoch,
            digits: self.rng.u32(..1_000_000),
            generation: self.rng.u64(1..),
        };
        self.actions
            .push_back(Action::Send(Link::Publisher, Request::Join(join)));
    }

    fn handle_joined(&mut self, now: Timestamp, wall: u64, run: Run) {
        let (true, Some(generation), Some(tip)) = (run.is_master, run.generation, run.tip) else {
            return self.renew(now, Failure::WrongServer);
        };
        self.publisher = Publisher::Up;
        self.publisher_due = None;
        self.opens_epoch = false;
        self.floor = self.floor.max(run.epoch);
        self.resolve = self.outbox.has_unsure().then_some(tip);
        let is_same = self.is_same_run(&run);
        let before = self.joined.replace(Joined {
            generation,
            epoch: run.epoch,
            server: run.server,
        });
        let is_new = before.is_none_or(|before| before.epoch != run.epoch);
        if !is_same && self.reader != Reader::Down {
            self.reader = Reader::Down;
            self.reader_due = None;
            self.actions.push_back(Action::Disconnect(Link::Reader));
        }
        self.note_connected(now);
        if is_new {
            // The log may have lost its newest entries.
            self.announce_all(now, wall);
            self.end_again(now, wall);
        }
    }

    fn handle_appended(&mut self, now: Timestamp, results: &[Appended]) {
        self.publisher = Publisher::Up;
        self.publisher_due = None;
        let (mut failure, mut joins, mut is_lonely) = (None, false, false);
        for result in results {
            match *result {
                Appended::Id(id) => {
                    self.outbox.settle_first(Ok(id));
                    self.floor = self.floor.max(id.epoch());
                    if self.tip.is_none_or(|tip| tip < id) {
                        self.unread.get_or_insert((id, now));
                    }
                }
                Appended::Unneeded => self.outbox.settle_first(Ok(EventId::LOWEST)),
                Appended::Refused(refusal) => {
                    is_lonely |= refusal == Refusal::NoReplicas;
                    self.outbox
                        .settle_first(Err(PublishError::Refused(refusal)));
                }
                Appended::NoLog | Appended::NewerEpoch => {
                    joins = true;
                    self.outbox.retry_first();
                }
                Appended::WrongServer => {
                    failure = Some(Failure::WrongServer);
                    self.outbox.retry_first();
                }
            }
        }
        if !is_lonely {
            self.lonely_since = None;
        } else if *self.lonely_since.get_or_insert(now) + LONELY_TIMEOUT <= now {
            // It may be a master that was abandoned.
            failure = Some(Failure::Refused(Refusal::NoReplicas));
        }
        if self.outbox.awaits_response() {
            failure = Some(Failure::Garbled);
        }
        if let Some(failure) = failure {
            self.renew(now, failure);
        } else if joins {
            self.join(now);
        }
    }

    /// Ends streams again whose end may be lost.
    fn end_again(&mut self, now: Timestamp, wall: u64) {
        self.ended.retain(|(_, until)| *until > now);
        for (topic, _) in self.ended.clone() {
            let _ = self.enqueue(now, wall, Kind::End { topic });
        }
    }

    /// Returns whether the server that the reader sees is that of the publisher.
    pub(super) fn is_same_run(&self, run: &Run) -> bool {
        let joined = self.joined.as_ref();
        run.is_master
            && run.tip.is_some()
            && joined.is_some_and(|joined| {
                run.generation == Some(joined.generation) && run.server == joined.server
            })
    }

    /// Asks for the lineage of the log, to go on where the local log and that one part.
    pub(super) fn probe(&mut self, now: Timestamp, restarts: bool) {
        self.probed_at = now;
        let request = Request::Probe { with_lineage: true };
        self.read(now, Reader::Probing { restarts }, request);
    }

    pub(super) fn scan(&mut self, now: Timestamp, run: Run, items: Vec<Stored>, cursor: u64) {
        let Some(generation) = run.generation else {
            return self.renew(now, Failure::WrongServer);
        };
        let request = Request::Scan { generation, cursor };
        self.read(now, Reader::Scanning { run, items }, request);
    }

    pub(super) fn load(
        &mut self,
        now: Timestamp,
        run: Run,
        items: Option<Vec<Stored>>,
        after: EventId,
    ) {
        let Some(generation) = run.generation else {
            return self.renew(now, Failure::WrongServer);
        };
        let request = Request::Read {
            generation,
            after,
            count: self.read_count(),
            wait: Duration::ZERO,
        };
        self.read(now, Reader::Loading { run, items, after }, request);
    }

    pub(super) fn prove(&mut self, now: Timestamp) {
        self.probed_at = now;
        let request = Request::Probe {
            with_lineage: false,
        };
        self.read(now, Reader::Proving, request);
    }

    /// Reads on, or asks for the newest ID if that is due.
    pub(super) fn read_on<T>(&mut self, now: Timestamp, was_empty: bool, topics: &Topics<T>) {
        self.failures = 0;
        self.failure = None;
        self.stale_since = None;
        if was_empty || now >= self.probed_at + PROBE_EVERY {
            self.probed_at = now;
            let request = Request::Probe {
                with_lineage: false,
            };
            return self.read(now, Reader::Checking, request);
        }
        let (Some(joined), Some(after)) = (&self.joined, self.tip) else {
            return self.renew(now, Failure::WrongServer);
        };
        let generation = joined.generation;
        let wait = self.next_entry_wait(topics);
        let request = Request::Read {
            generation,
            after,
            count: self.read_count(),
            wait,
        };
        self.read(now + wait, Reader::Reading, request);
    }

    fn read(&mut self, now: Timestamp, reader: Reader, request: Request) {
        self.reader = reader;
        self.reader_due = Some(now + TIMEOUT);
        self.actions.push_back(Action::Send(Link::Reader, request));
    }

    /// Decides on the entries whose connection was lost, once the reader has passed all that may have
    /// become of them.
    fn settle(&mut self) {
        if let Some(tip) = self.resolve {
            // What it reads is what the publisher has joined.
            let is_reading = matches!(self.reader, Reader::Reading | Reader::Checking);
            if is_reading && self.tip >= Some(tip) {
                self.outbox.settle_unsure(self.has_hole);
                self.resolve = None;
            }
        }
        if !self.outbox.has_unsure() {
            self.resolve = None;
            self.has_hole &= self.outbox.has_sent();
        }
    }
}
