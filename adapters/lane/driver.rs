//! The task that writes to many sockets.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker, ready};
use core::time::Duration;
use std::panic::catch_unwind;

use super::seats::{NEVER, Seats, Taken, nanoseconds};
use super::stream::{Arrival, Stream};
use crate::Timestamp;
use crate::adapters::runtime::{Alarm, Sockets};

/// A future that writes to the streams of a [`Lane`](super::Lane). Spawn it.
///
/// It is ready once the last [`Lane`](super::Lane) is dropped and its last stream has ended. When it
/// is dropped, its streams are closed.
///
/// A panic of the caller's code, such as a predicate of a subscription or an observer of the hub,
/// ends the stream that it concerns and no other.
#[must_use = "the streams stay silent until it is polled"]
pub struct LaneDriver<K: Sockets> {
    seats: Arc<Seats>,
    alarm: Alarm<K>,
    streams: Vec<Option<Box<Stream<K>>>>,
    /// The indexes without a stream.
    free: Vec<u32>,
    /// When streams are called, by time and index. Calls of streams that have ended are among them.
    calls: BinaryHeap<Reverse<(u64, u32)>>,
    /// What was taken from the seats, last first.
    ready: Vec<u32>,
    arrivals: Vec<Arrival>,
    /// What is written first goes here.
    buffer: Vec<u8>,
    again: Arc<Again>,
}

/// Notes that a stream could go on at once.
#[derive(Debug, Default)]
struct Again(AtomicBool);

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<K: Sockets> LaneDriver<K> {
    pub(super) fn new(seats: Arc<Seats>) -> Self {
        Self {
            seats,
            alarm: Alarm::new(K::default()),
            streams: Vec::new(),
            free: Vec::new(),
            calls: BinaryHeap::new(),
            ready: Vec::new(),
            arrivals: Vec::new(),
            buffer: Vec::new(),
            again: Arc::default(),
        }
    }

    /// Does one thing that is known to be due. Returns `false` if there is none.
    fn go_on(&mut self, now: u64, again: &Waker) -> bool {
        if let Some(arrival) = self.arrivals.pop() {
            self.open(now, arrival, again);
        } else if let Some(index) = self.ready.pop() {
            self.step(now, index, again);
        } else {
            let Some(Reverse((at, index))) = self.calls.peek().copied() else {
                return false;
            };
            if at > now {
                return false;
            }
            self.calls.pop();
            self.call(now, at, index, again);
        }
        true
    }

    fn open(&mut self, now: u64, arrival: Arrival, again: &Waker) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.streams.push(None);
            // So many do not fit into memory that an index needs more bits.
            (self.streams.len() - 1) as u32
        });
        let stream = Stream::open(&self.seats, index, now, arrival);
        if let (Ok(stream), Some(slot)) = (stream, self.streams.get_mut(index as usize)) {
            *slot = Some(Box::new(stream));
            self.step(now, index, again);
        } else {
            self.remove(index);
        }
    }

    /// Calls a stream at a time that was arranged.
    fn call(&mut self, now: u64, at: u64, index: u32, again: &Waker) {
        let Some(stream) = self.stream(index) else {
            return;
        };
        if at == stream.calls.later {
            stream.calls.later = NEVER;
        }
        if at != stream.calls.next {
            return;
        }
        stream.calls.next = NEVER;
        if stream.calls.checked_at + CHECKED_EVERY <= now {
            stream.calls.checked_at = now;
            if stream.is_left() {
                self.remove(index);
                return;
            }
        }
        self.step(now, index, again);
    }

    fn step(&mut self, now: u64, index: u32, again: &Waker) {
        let Some(Some(stream)) = self.streams.get_mut(index as usize) else {
            return;
        };
        let buffer = &mut self.buffer;
        let stepped = catch_unwind(AssertUnwindSafe(|| stream.step(buffer, again)));
        let Ok(Poll::Pending) = stepped else {
            self.remove(index);
            return;
        };
        if self.again.0.swap(false, Ordering::Relaxed) {
            self.seats.make_ready(index);
        }
        if let Some(call) = stream.arrange(now) {
            self.calls.push(Reverse((call, index)));
        }
    }

    fn stream(&mut self, index: u32) -> Option<&mut Stream<K>> {
        self.streams.get_mut(index as usize)?.as_deref_mut()
    }

    fn remove(&mut self, index: u32) {
        self.free.push(index);
        self.seats.remove_one();
        let stream = self.streams.get_mut(index as usize).and_then(Option::take);
        // The observers of the hub are told that it has ended.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(stream)));
        self.again.0.store(false, Ordering::Relaxed);
        if self.calls.len() > 4 * self.open_count() + FEW {
            let streams = &self.streams;
            self.calls.retain(|Reverse((at, index))| {
                let stream = streams.get(*index as usize).and_then(Option::as_ref);
                stream.is_some_and(|stream| stream.calls.has(*at))
            });
        }
    }

    fn open_count(&self) -> usize {
        self.streams.len() - self.free.len()
    }
}

impl<K: Sockets + Unpin> Future for LaneDriver<K> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let again = Waker::from(Arc::clone(&this.again));
        let mut steps = 0;
        loop {
            let now = nanoseconds(this.alarm.now());
            this.seats.set_now(now);
            while this.go_on(now, &again) {
                steps += 1;
                if steps == STEPS_PER_POLL {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            let taken = this
                .seats
                .take(&mut this.ready, &mut this.arrivals, cx.waker());
            match taken {
                Taken::Some => {
                    // In the order in which they came.
                    this.ready.reverse();
                    this.arrivals.reverse();
                    continue;
                }
                Taken::Over => return Poll::Ready(()),
                Taken::Nothing => {}
            }
            let Some(Reverse((at, _))) = this.calls.peek() else {
                return Poll::Pending;
            };
            let at = Timestamp::from_origin(Duration::from_nanos(*at));
            ready!(this.alarm.poll(cx, at));
        }
    }
}

impl<K: Sockets> Drop for LaneDriver<K> {
    fn drop(&mut self) {
        self.seats.close();
    }
}

impl<K: Sockets> fmt::Debug for LaneDriver<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneDriver")
            .field("streams", &self.open_count())
            .finish_non_exhaustive()
    }
}

/// How many streams one poll looks at before it lets other tasks run.
const STEPS_PER_POLL: u32 = 64;
/// There may always be this many calls of streams that have ended.
const FEW: usize = 1024;
/// A socket is looked at for its end at most this often, in nanoseconds: ten times a second.
const CHECKED_EVERY: u64 = 100_000_000;
