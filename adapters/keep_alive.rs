//! A session on a timer.

use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::adapters::runtime::{Alarm, Timer};
use crate::adapters::seed::random_seed;
use crate::server::{Outgoing, Session, SessionConfig};

/// A [`Session`] and the [`Timer`] that it needs.
pub(super) struct KeepAlive<T> {
    pub(super) session: Session,
    pub(super) alarm: Alarm<T>,
}

impl<T: Timer> KeepAlive<T> {
    pub(super) fn open(config: SessionConfig, timer: T, out: &mut Vec<u8>) -> Self {
        let seed = random_seed();
        Self {
            session: Session::open(timer.now(), config, seed, out),
            alarm: Alarm::new(timer),
        }
    }

    /// Writes an item, or returns its bytes to be sent as they are.
    pub(super) fn pass(&mut self, item: impl Into<Outgoing>, out: &mut Vec<u8>) -> Option<Bytes> {
        self.session.pass(self.alarm.now(), item, out)
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
