//! The streams of a driver that have something to do, as those know it who give it to them.

use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::stream::Arrival;
use crate::Timestamp;
use crate::adapters::runtime::Timer;
use crate::adapters::wakers;

/// A stream of a driver. In place of a waker, it is what a hub holds of a stream that waits.
#[derive(Clone, Debug)]
pub(in crate::adapters) struct Seat {
    seats: Arc<Seats>,
    index: u32,
}

/// What a driver has to look at.
#[derive(Debug)]
pub(super) struct Seats {
    state: Mutex<State>,
    /// How many streams it has, those included that it has not seen.
    count: AtomicUsize,
    /// The time of the driver, in nanoseconds.
    now: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// The streams that have something to do, by index.
    ready: Vec<u32>,
    arrivals: Vec<Arrival>,
    /// The waker of the driver, while it waits.
    driver: Option<Waker>,
    /// Whether nothing arrives any more.
    is_over: bool,
    /// Whether the driver was dropped.
    is_gone: bool,
}

impl Seats {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            count: AtomicUsize::new(0),
            now: AtomicU64::new(0),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns whether the driver was dropped.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_gone
    }

    /// Gives a stream to the driver. Returns `false` if the driver was dropped.
    pub(super) fn push(&self, arrival: Arrival) -> bool {
        let mut state = self.lock();
        if state.is_gone {
            return false;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        state.arrivals.push(arrival);
        let driver = state.driver.take();
        drop(state);
        wakers::wake_all(driver);
        true
    }

    /// Notes that a stream has ended.
    pub(super) fn remove_one(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes that nothing arrives any more.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.is_over = true;
        let driver = state.driver.take();
        drop(state);
        wakers::wake_all(driver);
    }

    /// Notes that the driver is gone.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_gone = true;
        self.count.store(0, Ordering::Relaxed);
        let left = (mem::take(&mut state.arrivals), state.driver.take());
        drop(state);
        drop(left);
    }

    /// Notes that a stream has something to do, while the driver runs.
    pub(super) fn make_ready(&self, index: u32) {
        self.lock().ready.push(index);
    }

    /// Moves what there is to do into empty lists. If there is nothing, holds the waker.
    pub(super) fn take(
        &self,
        ready: &mut Vec<u32>,
        arrivals: &mut Vec<Arrival>,
        waker: &Waker,
    ) -> Taken {
        let mut state = self.lock();
        if !state.ready.is_empty() || !state.arrivals.is_empty() {
            mem::swap(&mut state.ready, ready);
            mem::swap(&mut state.arrivals, arrivals);
            return Taken::Some;
        }
        if state.is_over && self.count() == 0 {
            return Taken::Over;
        }
        let is_held = state
            .driver
            .as_ref()
            .is_some_and(|held| held.will_wake(waker));
        let replaced = match is_held {
            true => None,
            false => state.driver.replace(waker.clone()),
        };
        drop(state);
        drop(replaced);
        Taken::Nothing
    }

    pub(super) fn set_now(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The only foreign code that runs under this lock is the cloning of wakers, and a panic
        // there leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a driver finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Some,
    Nothing,
    /// There are no streams, and none will come.
    Over,
}

impl Seat {
    pub(super) const fn new(seats: Arc<Seats>, index: u32) -> Self {
        Self { seats, index }
    }

    pub(in crate::adapters) const fn index(&self) -> usize {
        self.index as usize
    }

    pub(in crate::adapters) fn list_addr(&self) -> usize {
        Arc::as_ptr(&self.seats).addr()
    }

    /// Notes that the stream has something to do. Returns the waker of the driver if that waits.
    pub(in crate::adapters) fn make_ready(&self) -> Option<Waker> {
        let mut state = self.seats.lock();
        if state.is_gone {
            return None;
        }
        state.ready.push(self.index);
        state.driver.take()
    }
}

/// Wakes the driver for this stream.
impl Wake for Seat {
    fn wake(self: Arc<Self>) {
        wakers::wake_all(self.make_ready());
    }
}

/// The clock of a driver, with an alarm that the driver looks at.
pub(super) struct LaneTimer {
    seats: Arc<Seats>,
    /// In nanoseconds.
    alarm: u64,
}

impl LaneTimer {
    pub(super) const fn new(seats: Arc<Seats>) -> Self {
        Self {
            seats,
            alarm: NEVER,
        }
    }

    /// Returns when the alarm goes off, in nanoseconds, or [`NEVER`].
    pub(super) const fn alarm(&self) -> u64 {
        self.alarm
    }
}

impl Timer for LaneTimer {
    fn now(&self) -> Timestamp {
        let now = self.seats.now.load(Ordering::Relaxed);
        Timestamp::from_origin(Duration::from_nanos(now))
    }

    fn set(&mut self, at: Timestamp) {
        self.alarm = nanoseconds(at);
    }

    fn poll_expired(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match self.alarm <= self.seats.now.load(Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl fmt::Debug for LaneTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneTimer").finish_non_exhaustive()
    }
}

pub(super) fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.since_origin().as_nanos()).unwrap_or(NEVER)
}

pub(super) const NEVER: u64 = u64::MAX;
