//! A session and the timer that it needs.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::task::{Context, Poll, ready};
use std::hash::RandomState;

use crate::adapters::runtime::{Alarm, Timer};
use crate::server::{Session, SessionConfig};

/// Runs a [`Session`] on a [`Timer`].
pub(super) struct KeepAlive<T> {
    pub(super) session: Session,
    pub(super) alarm: Alarm<T>,
}

impl<T: Timer> KeepAlive<T> {
    pub(super) fn open(mut config: SessionConfig, timer: T, out: &mut Vec<u8>) -> Self {
        if !config.has_jitter_seed() {
            config = config.jitter_seed(RandomState::new().hash_one(0));
        }
        Self {
            session: Session::open(config, timer.now(), out),
            alarm: Alarm::new(timer),
        }
    }

    /// Notes that something was sent, and ends the session if it is old enough: one that always has
    /// something to send never waits for a deadline. Returns whether it goes on.
    pub(super) fn handle_sent(&mut self) -> bool {
        let now = self.alarm.now();
        self.session.handle_sent(now);
        if self.session.poll_timeout().is_some_and(|at| at <= now) {
            // Silence has just been broken, so there is nothing to write.
            self.session.handle_timeout(now, &mut Vec::new());
        }
        self.session.ended().is_none()
    }

    /// Waits for the session's next deadline, and lets it write or end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<()> {
        let Some(deadline) = self.session.poll_timeout() else {
            return Poll::Pending;
        };
        let now = ready!(self.alarm.poll(cx, deadline));
        self.session.handle_timeout(now, out);
        Poll::Ready(())
    }
}
