//! Who waits for the events of a subscription.

use core::ptr;
use core::task::Waker;

#[cfg(feature = "lane")]
use crate::adapters::lane::Seat;
use crate::adapters::wakers;

/// Whoever waits for the events of a subscription, as the topics hold it.
#[derive(Clone, Debug)]
pub(in crate::adapters) enum Waiter {
    Task(Waker),
    #[cfg(feature = "lane")]
    Seat(Seat),
}

/// A [`Waiter`] that is only cloned if the topics hold it.
#[derive(Clone, Copy, Debug)]
pub(super) enum WaiterRef<'w> {
    Task(&'w Waker),
    #[cfg(feature = "lane")]
    Seat(&'w Seat),
}

/// The identity of a waiter among those that the hub holds, as in [`Waker::will_wake`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WaiterId(usize, usize);

impl Waiter {
    /// Notes that the wait is over. Returns the waker of a task that does not know it yet.
    fn end_wait(self) -> Option<Waker> {
        match self {
            Self::Task(waker) => Some(waker),
            #[cfg(feature = "lane")]
            Self::Seat(seat) => seat.make_ready(),
        }
    }
}

/// Wakes all, as [`wakers::wake_all`] does.
pub(super) fn wake_all(waiters: impl IntoIterator<Item = Waiter>) {
    wakers::wake_all(waiters.into_iter().filter_map(Waiter::end_wait));
}

impl WaiterRef<'_> {
    pub(super) fn to_waiter(self) -> Waiter {
        match self {
            Self::Task(waker) => Waiter::Task(waker.clone()),
            #[cfg(feature = "lane")]
            Self::Seat(seat) => Waiter::Seat(seat.clone()),
        }
    }

    pub(super) fn id(self) -> WaiterId {
        match self {
            Self::Task(waker) => {
                WaiterId(waker.data().addr(), ptr::from_ref(waker.vtable()).addr())
            }
            // No table of functions is at an odd address.
            #[cfg(feature = "lane")]
            Self::Seat(seat) => WaiterId(seat.list_addr(), seat.index() << 1 | 1),
        }
    }
}

impl WaiterId {
    pub(super) const NONE: Self = Self(0, 0);
}
