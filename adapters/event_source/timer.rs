//! What the driver needs of a clock.

use core::task::{Context, Poll, ready};
use core::time::Duration;

use super::connect::ConnectError;
use crate::Timestamp;

/// Tells the time, and wakes at a time.
pub trait Timer {
    /// Returns the time now. The origin may be any, but stays the same.
    fn now(&self) -> Timestamp;

    /// Sets the time to wake at, in place of any that was set before.
    fn set(&mut self, at: Timestamp);

    /// Waits for the time that was set. The task of the last call is the one to wake.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Keeps a [`Timer`] set for a deadline that mostly moves away: it is set anew when it has gone off
/// too early, and not each time.
pub(super) struct Alarm<T> {
    timer: T,
    set_for: Option<Timestamp>,
}

impl<T: Timer> Alarm<T> {
    pub(super) const fn new(timer: T) -> Self {
        Self {
            timer,
            set_for: None,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.timer.now()
    }

    /// Waits for `deadline`, and returns the time.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Timestamp) -> Poll<Timestamp> {
        if self.set_for.is_none_or(|set_for| deadline < set_for) {
            self.timer.set(deadline);
            self.set_for = Some(deadline);
        }
        loop {
            match self.timer.poll_expired(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => {
                    let now = self.now();
                    if deadline <= now {
                        self.set_for = None;
                        return Poll::Ready(now);
                    }
                    self.timer.set(deadline);
                    self.set_for = Some(deadline);
                }
            }
        }
    }
}

/// Ends an attempt that takes too long.
pub(in super::super) struct Timeout<T> {
    wait: Duration,
    /// The timer and the time to wake at, from the first poll on.
    running: Option<(Alarm<T>, Timestamp)>,
}

impl<T> Timeout<T> {
    pub(in super::super) const fn new(wait: Duration) -> Self {
        Self {
            wait,
            running: None,
        }
    }
}

impl<T: Timer + Default> Timeout<T> {
    pub(in super::super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectError> {
        let wait = self.wait;
        let (alarm, deadline) = self.running.get_or_insert_with(|| {
            let alarm = Alarm::new(T::default());
            let deadline = alarm.now() + wait;
            (alarm, deadline)
        });
        ready!(alarm.poll(cx, *deadline));
        let message = "the connection was not made within the connect timeout";
        Poll::Ready(ConnectError::timed_out(message))
    }
}
