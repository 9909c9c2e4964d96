//! A session on a timer.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::task::{Context, Poll, ready};
use std::hash::RandomState;

use crate::adapters::runtime::{Alarm, Timer};
use crate::server::{Session, SessionConfig};

/// A [`Session`] and the [`Timer`] that it needs.
pub(super) struct KeepAlive<T> {
    pub(super) session: Session,
    pub(super) alarm: Alarm<T>,
}

impl<T: Timer> KeepAlive<T> {
    pub(super) fn open(config: SessionConfig, timer: T, out: &mut Vec<u8>) -> Self {
        let seed = RandomState::new().hash_one(0);
        Self {
            session: Session::open(timer.now(), config, seed, out),
            alarm: Alarm::new(timer),
        }
    }

    /// Reports that something was sent. Returns whether the session is open.
    pub(super) fn handle_sent(&mut self) -> bool {
        self.session.handle_sent(self.alarm.now())
    }

    /// Waits until the session has something to do, and lets it do that.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<()> {
        let Some(deadline) = self.session.poll_timeout() else {
            return Poll::Pending;
        };
        let now = ready!(self.alarm.poll(cx, deadline));
        self.session.handle_timeout(now, out);
        Poll::Ready(())
    }
}
