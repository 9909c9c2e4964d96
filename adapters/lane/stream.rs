//! One stream of a driver.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::net::TcpStream;

use ::http::Extensions;

use super::addresses::Counted;
use super::seats::{LaneTimer, NEVER, Seat, Seats};
use super::socket::{LaneSocket, Writes};
use crate::adapters::hub::Subscription;
use crate::adapters::io::{Forwarding, Outbound};
use crate::adapters::runtime::Sockets;
use crate::server::{EventId, EventStream, Outgoing, SessionConfig, SessionEnd};

/// A stream that a driver has not seen yet.
pub(super) struct Arrival {
    pub(super) socket: TcpStream,
    /// The head of the response.
    pub(super) head: Vec<u8>,
    pub(super) events: Subscription,
    pub(super) config: SessionConfig,
    pub(super) held: Held,
}

/// What is dropped with a stream.
pub(super) struct Held {
    pub(super) _extensions: Extensions,
    pub(super) _counted: Option<Arc<Counted>>,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival").finish_non_exhaustive()
    }
}

/// An open stream.
pub(super) struct Stream<K: Sockets> {
    seat: Seat,
    events: Subscription,
    forwarding: Forwarding<LaneTimer>,
    outbound: Outbound,
    socket: LaneSocket<K>,
    pub(super) calls: Calls,
    _held: Held,
}

/// When a driver looks at a stream, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    /// The next call that has been arranged, or [`NEVER`].
    pub(super) next: u64,
    /// The time for which that was arranged, which is a little earlier.
    pub(super) next_for: u64,
    /// A later call that has been arranged too, or [`NEVER`].
    pub(super) later: u64,
    /// When the socket was last looked at.
    pub(super) checked_at: u64,
}

impl Calls {
    /// Returns whether a call at this time is of any use.
    pub(super) const fn has(&self, at: u64) -> bool {
        at == self.next || at == self.later
    }

    /// Arranges a call for a time. Returns that of the call if it is a new one.
    ///
    /// Calls come a little late, so that those of many streams come together. A call that has been
    /// arranged cannot be taken back. So if the time moves away and back again, as it does while
    /// events are gathered, the later call is kept for then.
    fn arrange(&mut self, at: u64, now: u64) -> Option<u64> {
        if at == NEVER || self.next != NEVER && self.next_for <= at {
            return None;
        }
        let call = rounded(at, now);
        self.next_for = at;
        if self.next == NEVER && self.later <= call {
            self.next = self.later;
            self.later = NEVER;
            return None;
        }
        if self.later == NEVER {
            self.later = self.next;
        }
        self.next = call;
        Some(call)
    }
}

/// Returns the time of a call for `at`, later by at most a sixty-fourth of the wait, and by at most
/// a quarter of a second.
fn rounded(at: u64, now: u64) -> u64 {
    let slack = (at.saturating_sub(now) / 64).min(MOST_SLACK);
    match slack.checked_ilog2() {
        Some(bits) => at.checked_next_multiple_of(1 << bits).unwrap_or(at),
        None => at,
    }
}

impl<K: Sockets> Stream<K> {
    pub(super) fn open(
        seats: &Arc<Seats>,
        index: u32,
        now: u64,
        arrival: Arrival,
    ) -> io::Result<Self> {
        let seat = Seat::new(Arc::clone(seats), index);
        let mut outbound = Outbound::chunked(arrival.head);
        let mut subscription = arrival.events;
        let events = Seated {
            events: &mut subscription,
            seat: &seat,
        };
        let timer = LaneTimer::new(Arc::clone(seats));
        let forwarding = Forwarding::open(&mut outbound, arrival.config, timer, &events)?;
        Ok(Self {
            seat,
            events: subscription,
            forwarding,
            outbound,
            socket: LaneSocket::new(arrival.socket),
            calls: Calls {
                next: NEVER,
                next_for: NEVER,
                later: NEVER,
                checked_at: now,
            },
            _held: arrival.held,
        })
    }

    /// Arranges the next call. Returns its time if the driver has to note it.
    pub(super) fn arrange(&mut self, now: u64) -> Option<u64> {
        self.calls.arrange(self.forwarding.timer().alarm(), now)
    }

    /// Returns whether the peer has left.
    pub(super) fn is_left(&self) -> bool {
        self.socket.is_left()
    }

    /// Writes what there is, with the help of an empty buffer that all streams share. It is ready
    /// when the stream is over.
    ///
    /// `again` is woken if the stream could go on at once.
    pub(super) fn step(&mut self, buffer: &mut Vec<u8>, again: &Waker) -> Poll<io::Result<()>> {
        loop {
            self.outbound.borrow_buffer(buffer);
            let mut events = Seated {
                events: &mut self.events,
                seat: &self.seat,
            };
            let polled = self.forwarding.poll::<_, _, Writes<K>>(
                &mut Context::from_waker(again),
                &mut self.outbound,
                &mut self.socket,
                Pin::new(&mut events),
            );
            self.outbound.return_buffer(buffer);
            if let Poll::Ready(end) = polled {
                return Poll::Ready(end.map(drop));
            }
            match self.socket.attach(&self.seat) {
                Ok(true) => self.outbound.shrink(),
                Ok(false) if self.outbound.len() > 0 => return Poll::Pending,
                Ok(false) => {
                    // It has caught up.
                    return match self.forwarding.is_closing() {
                        true => Poll::Pending,
                        false => self
                            .socket
                            .detach()
                            .map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
                    };
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// A subscription that waits in the name of a seat.
struct Seated<'s> {
    events: &'s mut Subscription,
    seat: &'s Seat,
}

impl EventStream for Seated<'_> {
    type Error = Infallible;

    fn poll_next_item(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Outgoing, Infallible>>> {
        let seat = self.seat;
        self.events.poll_seated(cx, seat)
    }

    fn untold_position(&self) -> Option<EventId> {
        self.events.untold_position()
    }

    fn is_drained(&self) -> bool {
        self.events.is_drained()
    }

    fn closing(&self) -> Option<Duration> {
        self.events.closing()
    }

    fn handle_session_end(mut self: Pin<&mut Self>, end: SessionEnd) {
        Pin::new(&mut *self.events).handle_session_end(end);
    }
}

/// In nanoseconds.
const MOST_SLACK: u64 = 250_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn calls() -> Calls {
        Calls {
            next: NEVER,
            next_for: NEVER,
            later: NEVER,
            checked_at: 0,
        }
    }

    #[test]
    fn a_call_is_a_little_late_and_together_with_others() {
        for wait in [
            0,
            1,
            63,
            64,
            1_000 * MS,
            15_000 * MS,
            3_600_000 * MS,
            u64::MAX - 1,
        ] {
            for now in [0, 1, 777 * MS] {
                let at = now.saturating_add(wait);
                let late = rounded(at, now) - at;
                assert!(late <= (wait / 64).min(MOST_SLACK), "{wait} {now}");
            }
        }
        let at = |ms| rounded((15_000 + ms) * MS, ms * MS);
        let mut times: Vec<u64> = (0..1_000).map(at).collect();
        times.dedup();
        assert!(times.len() < 10, "{}", times.len());
    }

    #[test]
    fn a_time_that_moves_away_needs_no_other_call_and_an_earlier_one_does() {
        let mut calls = calls();
        assert_eq!(calls.arrange(NEVER, 0), None);
        let first = calls.arrange(15_000 * MS, 0).expect("a call");
        for ms in 0..1_000 {
            assert_eq!(calls.arrange((15_000 + ms) * MS, ms * MS), None);
        }
        assert_eq!(calls.next, first);
        let second = calls
            .arrange(2_000 * MS, 1_000 * MS)
            .expect("an earlier call");
        assert!(second < first);
        assert_eq!((calls.next, calls.later), (second, first));
    }

    #[test]
    fn gathering_does_not_pile_up_calls() {
        let (mut calls, mut open) = (calls(), Vec::new());
        for round in 0..1_000 {
            let now = round * 100 * MS;
            open.retain(|call| *call > now);
            if calls.next <= now {
                calls.next = NEVER;
            }
            if calls.later <= now {
                calls.later = NEVER;
            }
            open.extend(calls.arrange(now + 15_000 * MS, now));
            open.extend(calls.arrange(now + 50 * MS, now));
            assert!(open.len() <= 3, "{open:?}");
        }
    }
}
