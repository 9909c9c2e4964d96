//! What the adapters need of a runtime.

use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

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

/// Stands for a timer where none is needed: it never goes off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untimed;

impl Timer for Untimed {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn set(&mut self, _: Timestamp) {}

    fn poll_expired(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

/// Reads from a byte stream of the kind that a runtime has.
pub trait ReadFrom<R> {
    /// Reads into `buffer`, and returns how many bytes; none are the end.
    ///
    /// # Errors
    ///
    /// Those of the byte stream.
    fn poll_read(
        reader: &mut R,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>>;
}

/// Writes to a byte stream of the kind that a runtime has.
pub trait WriteTo<W> {
    /// Writes the start of `bytes`, and returns how many of them.
    ///
    /// # Errors
    ///
    /// Those of the byte stream.
    fn poll_write(writer: &mut W, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Has what was written leave.
    ///
    /// # Errors
    ///
    /// Those of the byte stream.
    fn poll_flush(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the byte stream.
    ///
    /// # Errors
    ///
    /// Those of the byte stream.
    fn poll_close(writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
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

/// Goes off a certain time after it is polled first.
pub(super) struct Timeout<T> {
    wait: Duration,
    /// The timer and the time to wake at, from the first poll on.
    running: Option<(Alarm<T>, Timestamp)>,
}

impl<T> Timeout<T> {
    pub(super) const fn new(wait: Duration) -> Self {
        Self {
            wait,
            running: None,
        }
    }
}

impl<T: Timer + Default> Timeout<T> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let wait = self.wait;
        let (alarm, deadline) = self.running.get_or_insert_with(|| {
            let alarm = Alarm::new(T::default());
            let deadline = alarm.now() + wait;
            (alarm, deadline)
        });
        alarm.poll(cx, *deadline).map(drop)
    }
}
