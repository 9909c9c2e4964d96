//! The states of the client, and every transition between them.
//!
//! ```text
//!                new
//!                 │
//!                 ▼
//!           ┌────────────┐              refusal, close              ┌────────┐
//!       ┌──►│    Due     ├─────────────────────────────────────────►│        │
//!       │   └──┬──────┬──┘                                          │        │
//!       │      │      └────────────┐ restart                        │        │
//!       │      │ action polled     │                                │        │
//!       │      ▼                   │                                │        │
//!       │   ┌────────────┐         │ final response, refusal, close │        │
//!       │   │            ├─────────┼───────────────────────────────►│        │
//!       │   │ Connecting │         │                                │        │
//!       │   │            ├────────►│ retried response, end,         │        │
//!       │   └──┬─────────┘         │ idle timeout, restart          │        │
//!   the │      │ 200               │                                │ Closed │
//!  wait │      ▼                   │                                │        │
//!    is │   ┌────────────┐         │ event too large, refusal, close│        │
//!  over │   │            ├─────────┼───────────────────────────────►│        │
//!       │   │    Open    │         │                                │        │
//!       │   │            ├────────►│ end, idle timeout, restart     │        │
//!       │   └────────────┘         │                                │        │
//!       │                          ▼                                │        │
//!       │                   ┌────────────┐      refusal, close      │        │
//!       └───────────────────┤  Waiting   ├─────────────────────────►│        │
//!                           └────────────┘                          └────────┘
//! ```
//!
//! Each arrow into `Waiting` but that of a restart leads to `Closed` instead if the policy wants no
//! other attempt.

use core::time::Duration;

use crate::client::action::{Action, Attempt, OmittedId};
use crate::client::backoff::Backoff;
use crate::client::config::{ClientConfig, Reconnect};
use crate::client::phase::Phase;
use crate::client::policy::{ResponseHead, Verdict, judge};
use crate::client::reason::{Cause, CloseReason, End};
use crate::time::Timestamp;

/// All of the client except its decoder.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    config: ClientConfig,
    backoff: Backoff,
    state: State,
    /// Whether the embedder has a connection, or opens one, and has not reported its end.
    is_held: bool,
    /// Whether an event has ever arrived.
    had_event: bool,
}

#[derive(Clone, Debug)]
enum State {
    /// The next poll for an action asks for a connection.
    Due,
    Connecting {
        deadline: Option<Timestamp>,
    },
    Open {
        since: Timestamp,
        deadline: Option<Timestamp>,
    },
    Waiting {
        until: Timestamp,
        delay: Duration,
        /// `None` after a restart.
        cause: Option<Cause>,
    },
    Closed {
        reason: CloseReason,
        /// Whether the embedder knows.
        is_told: bool,
    },
}

impl Machine {
    pub(crate) fn new(config: ClientConfig, seed: u64) -> Self {
        Self {
            config,
            backoff: Backoff::new(seed),
            state: State::Due,
            is_held: false,
            had_event: false,
        }
    }

    pub(crate) fn poll_action(
        &mut self,
        now: Timestamp,
        last_event_id: Option<&str>,
    ) -> Option<Action> {
        let is_wanted = matches!(self.state, State::Connecting { .. } | State::Open { .. });
        if self.is_held && !is_wanted {
            self.is_held = false;
            return Some(Action::Disconnect);
        }
        match &mut self.state {
            State::Due => {
                self.state = State::Connecting {
                    deadline: idle_deadline(&self.config, now),
                };
                self.is_held = true;
                self.backoff.count_attempt();
                let number = self.backoff.attempts();
                let omitted = last_event_id.and_then(|id| self.omission(id));
                let last_event_id = last_event_id.filter(|_| omitted.is_none());
                Some(Action::Connect(Attempt::new(
                    number,
                    last_event_id,
                    omitted,
                )))
            }
            State::Closed { reason, is_told } if !*is_told => {
                *is_told = true;
                Some(Action::Close(*reason))
            }
            _ => None,
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Connecting { deadline } | State::Open { deadline, .. } => deadline,
            State::Waiting { until, .. } => Some(until),
            State::Due | State::Closed { .. } => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        match self.state {
            State::Connecting { deadline } | State::Open { deadline, .. }
                if deadline.is_some_and(|deadline| deadline <= now) =>
            {
                self.lose(now, Cause::IdleTimeout, None);
            }
            State::Waiting { until, .. } if until <= now => self.state = State::Due,
            _ => {}
        }
    }

    /// Takes the head of a response, and returns whether it opens the stream.
    pub(crate) fn handle_response(&mut self, now: Timestamp, head: &ResponseHead<'_>) -> bool {
        if !matches!(self.state, State::Connecting { .. }) {
            return false;
        }
        match judge(head, &self.config) {
            Verdict::Open => {
                self.state = State::Open {
                    since: now,
                    deadline: idle_deadline(&self.config, now),
                };
                return true;
            }
            Verdict::Retry(wait) => self.lose(now, Cause::Status(head.status()), wait),
            Verdict::Close(reason) => self.end(reason),
        }
        false
    }

    /// Takes the fact that bytes have arrived, and returns whether to decode them.
    #[inline]
    pub(crate) fn handle_bytes(&mut self, now: Timestamp) -> bool {
        let State::Open { deadline, .. } = &mut self.state else {
            return false;
        };
        *deadline = idle_deadline(&self.config, now);
        true
    }

    /// Takes the fact that an event has arrived, which is progress.
    #[inline]
    pub(crate) fn handle_event(&mut self) {
        self.had_event = true;
        self.backoff.reset();
    }

    pub(crate) fn handle_retry(&mut self, time: Duration) {
        self.backoff.set_retry(time);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn handle_event_too_large(&mut self) {
        self.end(CloseReason::EventTooLarge {
            max_event_bytes: self.config.decoder.event_limit(),
        });
    }

    pub(crate) fn handle_end(&mut self, now: Timestamp, how: End) {
        let is_open = match self.state {
            State::Connecting { .. } => false,
            State::Open { .. } => true,
            State::Due | State::Waiting { .. } | State::Closed { .. } => {
                // The next action would have been to drop it.
                self.is_held = false;
                return;
            }
        };
        self.is_held = false;
        match (how, is_open) {
            (End::Refused, _) => self.end(CloseReason::Refused),
            (End::Clean, true) => self.lose(now, Cause::Ended, None),
            (End::Failed | End::TimedOut, true) => self.lose(now, Cause::CutOff, None),
            (End::TimedOut, false) => self.lose(now, Cause::ConnectTimeout, None),
            (End::Clean | End::Failed, false) => self.lose(now, Cause::CouldNotConnect, None),
        }
    }

    pub(crate) fn restart(&mut self, now: Timestamp) {
        match self.state {
            State::Due | State::Connecting { .. } | State::Open { .. } => {
                self.note_health(now);
                self.wait(now, None, None);
            }
            State::Waiting { .. } | State::Closed { .. } => {}
        }
    }

    /// Closes for good, unless it is closed already.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        if !matches!(self.state, State::Closed { .. }) {
            self.state = State::Closed {
                reason,
                is_told: false,
            };
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.state {
            State::Due | State::Connecting { .. } => Phase::Connecting,
            State::Open { .. } => Phase::Open,
            State::Waiting { delay, cause, .. } => Phase::Waiting { delay, cause },
            State::Closed { reason, .. } => Phase::Closed(reason),
        }
    }

    pub(crate) fn omission(&self, id: &str) -> Option<OmittedId> {
        OmittedId::of(id, self.config.max_last_event_id_bytes)
    }

    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        self.config.idle_timeout
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// Leaves a connection that was lost or could not be opened: to wait for another attempt if the
    /// policy wants one, and to close otherwise.
    fn lose(&mut self, now: Timestamp, cause: Cause, retry_after: Option<Duration>) {
        self.note_health(now);
        let wants_another = match self.config.reconnect {
            None => self.config.repeatable,
            Some(Reconnect::Always) => true,
            Some(Reconnect::UntilFirstEvent) => !self.had_event,
            Some(Reconnect::Never) => false,
        };
        if !wants_another {
            return self.end(CloseReason::after(cause));
        }
        let attempts = self.backoff.attempts();
        if self
            .config
            .max_attempts
            .is_some_and(|max_attempts| max_attempts <= attempts)
        {
            return self.end(CloseReason::GaveUp { attempts, cause });
        }
        let wait = self.backoff.lower_bound(retry_after);
        if let Some(max_wait) = self.config.max_wait.filter(|max_wait| *max_wait < wait) {
            return self.end(CloseReason::WaitTooLong {
                wait,
                max_wait,
                cause,
            });
        }
        self.wait(now, Some(cause), retry_after);
    }

    fn wait(&mut self, now: Timestamp, cause: Option<Cause>, retry_after: Option<Duration>) {
        let delay = self.backoff.next_delay(&self.config, retry_after);
        self.state = State::Waiting {
            until: now + delay,
            delay,
            cause,
        };
    }

    fn note_health(&mut self, now: Timestamp) {
        if let State::Open { since, .. } = self.state {
            if now - since >= self.config.healthy_after {
                self.backoff.reset();
            }
        }
    }
}

#[inline]
fn idle_deadline(config: &ClientConfig, now: Timestamp) -> Option<Timestamp> {
    config.idle_timeout.map(|timeout| now + timeout)
}
