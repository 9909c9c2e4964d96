//! Every transition of the client.
//!
//! ```text
//!                 new
//!                  │
//!                  ▼
//!           ┌────────────┐   answer that stops, refusal, close     ┌────────┐
//!      ┌───►│ Connecting ├────────────────────────────────────────►│        │
//!      │    └──┬──────┬──┘                                         │        │
//!      │    200│      │retried answer, end,                        │        │
//!      │       │      │idle timeout, restart                       │        │
//! the  │       ▼      │                                            │        │
//! wait │    ┌──────┐  │      event too large, refusal, close       │ Closed │
//! is   │    │ Open ├──┼───────────────────────────────────────────►│        │
//! over │    └──┬───┘  │                                            │        │
//!      │   end,│      │                                            │        │
//!      │   idle│timeout, restart                                   │        │
//!      │       ▼      ▼                                            │        │
//!      │    ┌────────────┐           refusal, close                │        │
//!      └────┤  Waiting   ├────────────────────────────────────────►│        │
//!           └────────────┘                                         └────────┘
//! ```
//!
//! The arrows into `Waiting` lead to `Closed` instead where the policy wants no new attempt.

use core::time::Duration;

use crate::client::backoff::Backoff;
use crate::client::config::{ClientConfig, Reconnect};
use crate::client::policy::{ResponseHead, Verdict, judge};
use crate::client::words::{Action, Cause, CloseReason, End, Phase, Request};
use crate::time::Timestamp;

/// Holds all of the client but its decoder.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    config: ClientConfig,
    backoff: Backoff,
    state: State,
    /// Whether the embedder holds a connection, or makes one, and has not said that it ended.
    held: bool,
    /// Whether an event has ever arrived.
    had_event: bool,
}

#[derive(Clone, Debug)]
enum State {
    Connecting {
        /// Whether the embedder knows.
        asked: bool,
        deadline: Option<Timestamp>,
    },
    Open {
        since: Timestamp,
        deadline: Option<Timestamp>,
    },
    Waiting {
        until: Timestamp,
        delay: Duration,
        cause: Cause,
    },
    Closed {
        reason: CloseReason,
        /// Whether the embedder knows.
        told: bool,
    },
}

impl Machine {
    pub(crate) fn new(config: ClientConfig, now: Timestamp) -> Self {
        let deadline = idle_deadline(&config, now);
        Self {
            backoff: Backoff::new(config.jitter_seed.unwrap_or_default()),
            config,
            state: State::Connecting {
                asked: false,
                deadline,
            },
            held: false,
            had_event: false,
        }
    }

    pub(crate) fn poll_action(&mut self, last_event_id: Option<&str>) -> Option<Action> {
        let is_wanted = matches!(
            self.state,
            State::Connecting { asked: true, .. } | State::Open { .. }
        );
        if self.held && !is_wanted {
            self.held = false;
            return Some(Action::Disconnect);
        }
        match &mut self.state {
            State::Connecting { asked, .. } if !*asked => {
                *asked = true;
                self.held = true;
                self.backoff.count_attempt();
                let attempt = self.backoff.attempts();
                Some(Action::Connect(Request::new(last_event_id, attempt)))
            }
            State::Closed { reason, told } if !*told => {
                *told = true;
                Some(Action::Close(*reason))
            }
            _ => None,
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Connecting { deadline, .. } | State::Open { deadline, .. } => deadline,
            State::Waiting { until, .. } => Some(until),
            State::Closed { .. } => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        match self.state {
            State::Connecting { deadline, .. } | State::Open { deadline, .. }
                if deadline.is_some_and(|deadline| deadline <= now) =>
            {
                self.lose(now, Cause::IdleTimeout, None);
            }
            State::Waiting { until, .. } if until <= now => {
                self.state = State::Connecting {
                    asked: false,
                    deadline: idle_deadline(&self.config, now),
                };
            }
            _ => {}
        }
    }

    /// Takes the head of an answer, and returns whether it opens the stream.
    pub(crate) fn handle_response(&mut self, now: Timestamp, head: &ResponseHead<'_>) -> bool {
        if !matches!(self.state, State::Connecting { asked: true, .. }) {
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
            Verdict::NoContent => self.end(CloseReason::NoContent),
            Verdict::WrongContentType => self.end(CloseReason::ContentType),
            Verdict::Fatal => self.end(CloseReason::Status(head.status())),
        }
        false
    }

    /// Notes that bytes have arrived, and returns whether they are wanted.
    #[inline]
    pub(crate) fn handle_bytes(&mut self, now: Timestamp) -> bool {
        let State::Open { deadline, .. } = &mut self.state else {
            return false;
        };
        *deadline = idle_deadline(&self.config, now);
        true
    }

    /// Notes that an event has arrived: progress.
    #[inline]
    pub(crate) fn handle_event(&mut self) {
        self.had_event = true;
        self.backoff.reset();
    }

    pub(crate) fn handle_retry(&mut self, time: Duration) {
        self.backoff.set_retry(time);
    }

    pub(crate) fn handle_event_too_large(&mut self) {
        self.end(CloseReason::EventTooLarge);
    }

    pub(crate) fn handle_end(&mut self, now: Timestamp, how: End) {
        let is_open = match self.state {
            State::Connecting { asked, .. } if asked => false,
            State::Open { .. } => true,
            _ => {
                // It was to be dropped anyway.
                self.held = false;
                return;
            }
        };
        self.held = false;
        match (how, is_open) {
            (End::Refused, _) => self.end(CloseReason::Refused),
            (End::Clean, true) => self.lose(now, Cause::Ended, None),
            (End::Failed | End::TimedOut, true) => self.lose(now, Cause::CutOff, None),
            (End::TimedOut, false) => self.lose(now, Cause::ConnectTimeout, None),
            (End::Clean | End::Failed, false) => self.lose(now, Cause::CouldNotConnect, None),
        }
    }

    pub(crate) fn restart(&mut self, now: Timestamp) {
        if matches!(self.state, State::Connecting { .. } | State::Open { .. }) {
            self.note_health(now);
            self.wait(now, Cause::Restart, None);
        }
    }

    /// Ends all, unless it has ended.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        if !matches!(self.state, State::Closed { .. }) {
            self.state = State::Closed {
                reason,
                told: false,
            };
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.state {
            State::Connecting { .. } => Phase::Connecting,
            State::Open { .. } => Phase::Open,
            State::Waiting { delay, cause, .. } => Phase::Retrying { delay, cause },
            State::Closed { reason, .. } => Phase::Closed(reason),
        }
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Leaves a connection that was lost or not made: for a new attempt, where one is wanted.
    fn lose(&mut self, now: Timestamp, cause: Cause, retry_after: Option<Duration>) {
        self.note_health(now);
        let wants_more = match self.config.reconnect {
            None => self.config.repeatable,
            Some(Reconnect::Always) => true,
            Some(Reconnect::UntilFirstEvent) => !self.had_event,
            Some(Reconnect::Never) => false,
        };
        if !wants_more {
            return self.end(match cause {
                Cause::Ended => CloseReason::Ended,
                Cause::Status(status) => CloseReason::Status(status),
                cause => CloseReason::Lost(cause),
            });
        }
        let attempts = self.backoff.attempts();
        if self
            .config
            .max_attempts
            .is_some_and(|most| most <= attempts)
        {
            return self.end(CloseReason::GaveUp { attempts, cause });
        }
        let wait = self.backoff.lower_bound(retry_after);
        if self.config.max_wait.is_some_and(|longest| longest < wait) {
            return self.end(CloseReason::WaitTooLong { wait, cause });
        }
        self.wait(now, cause, retry_after);
    }

    fn wait(&mut self, now: Timestamp, cause: Cause, retry_after: Option<Duration>) {
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
