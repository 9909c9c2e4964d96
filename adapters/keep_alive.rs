//! A session on a timer.

use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::adapters::runtime::{Alarm, Timer};
use crate::adapters::seed::random_seed;
use crate::server::{EventStream, Outgoing, Session, SessionConfig};

/// A [`Session`] and the [`Timer`] that it needs.
pub(super) struct KeepAlive<T> {
    pub(super) session: Session,
    pub(super) alarm: Alarm<T>,
}

impl<T: Timer> KeepAlive<T> {
    /// Opens a session of events, whose first bytes are written.
    pub(super) fn open(
        config: SessionConfig,
        timer: T,
        events: &impl EventStream,
        out: &mut Vec<u8>,
    ) -> Self {
        let seed = random_seed();
        let mut session = Session::open(timer.now(), config, seed, out);
        if let Some(position) = events.untold_position() {
            session.handle_position(position, out);
        }
        Self {
            session,
            alarm: Alarm::new(timer),
        }
    }

    /// Writes an item, or returns its bytes to be sent as they are.
    pub(super) fn pass(&mut self, item: impl Into<Outgoing>, out: &mut Vec<u8>) -> Option<Bytes> {
        self.session.pass(self.alarm.now(), item, out)
    }

    /// Returns whether the session takes events now.
    pub(super) fn takes_events(&self) -> bool {
        !self.session.is_gathering() || self.session.takes_events(self.alarm.now())
    }

    /// Returns whether the events need not be polled again for now, after some were taken.
    pub(super) fn is_drained(&self, events: &impl EventStream) -> bool {
        self.session.is_gathering() && events.is_drained()
    }

    /// Takes the fact that the events have nothing more for now, after some or none of them were taken.
    pub(super) fn handle_pending(&mut self, events: &impl EventStream, were_taken: bool) {
        if were_taken && self.session.is_gathering() {
            self.session.handle_drained(self.alarm.now());
        }
        if let Some(window) = events.closing() {
            self.session.handle_closing(self.alarm.now(), window);
        }
    }

    /// Waits until the session has something to do, and lets it do that.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        events: Option<&impl EventStream>,
        out: &mut Vec<u8>,
    ) -> Poll<()> {
        let Some(deadline) = self.session.poll_timeout() else {
            return Poll::Pending;
        };
        let now = ready!(self.alarm.poll(cx, deadline));
        if let Some(position) = events.and_then(EventStream::untold_position) {
            self.session.handle_position(position, out);
        }
        self.session.handle_timeout(now, out);
        Poll::Ready(())
    }
}
