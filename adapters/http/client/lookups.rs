//! The addresses of names, a few look-ups at a time.
//!
//! A look-up holds a thread for as long as the system's resolver takes, even if nobody waits for it
//! any longer. Without a bound, the clients of a process would hold hundreds of threads while its DNS
//! server does not respond.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io;
use std::net::ToSocketAddrs;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A look-up, which blocks its thread.
pub(in crate::adapters) type LookUp = Box<dyn FnOnce() -> io::Result<Vec<SocketAddr>> + Send>;

/// Looks up a name on a thread that `unblock` provides, as soon as there are few enough others.
pub(in crate::adapters) async fn look_up<F>(
    host: String,
    port: u16,
    unblock: impl FnOnce(LookUp) -> F,
) -> io::Result<Vec<SocketAddr>>
where
    F: Future<Output = io::Result<Vec<SocketAddr>>>,
{
    let place = LOOK_UPS.take().await;
    let look_up = move || {
        // Given back by the thread, which may outlive the future.
        let _place = place;
        let addresses = (host.as_str(), port).to_socket_addrs()?;
        Ok(addresses.collect())
    };
    unblock(Box::new(look_up)).await
}

static LOOK_UPS: Places = Places::new(MAX_LOOK_UPS);

const MAX_LOOK_UPS: usize = 16;

/// A number of places, given to whoever has waited longest.
struct Places(Mutex<Queue>);

struct Queue {
    free: usize,
    waiting: VecDeque<(u64, Waker)>,
    /// Those that were given a place and have not seen it yet.
    called: Vec<u64>,
    next_number: u64,
}

/// A place, which is free again when this is dropped.
struct Place<'a>(&'a Places);

/// A future of a place.
struct Taking<'a> {
    places: &'a Places,
    /// In the queue, if it is there.
    number: Option<u64>,
}

impl Places {
    const fn new(count: usize) -> Self {
        Self(Mutex::new(Queue {
            free: count,
            waiting: VecDeque::new(),
            called: Vec::new(),
            next_number: 0,
        }))
    }

    const fn take(&self) -> Taking<'_> {
        Taking {
            places: self,
            number: None,
        }
    }

    fn give_back(&self) {
        let mut queue = self.lock();
        let Some((number, waker)) = queue.waiting.pop_front() else {
            queue.free += 1;
            return;
        };
        queue.called.push(number);
        // Not under the lock: what wakes may poll at once.
        drop(queue);
        waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl<'a> Future for Taking<'a> {
    type Output = Place<'a>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Place<'a>> {
        let places = self.places;
        let mut queue = places.lock();
        match self.number {
            None if queue.free > 0 => queue.free -= 1,
            None => {
                let number = queue.next_number;
                queue.next_number += 1;
                queue.waiting.push_back((number, cx.waker().clone()));
                self.number = Some(number);
                return Poll::Pending;
            }
            Some(number) => {
                let Some(index) = queue.called.iter().position(|called| *called == number) else {
                    let mut waiting = queue.waiting.iter_mut();
                    let replaced = waiting.find(|it| it.0 == number).and_then(|(_, waker)| {
                        let is_new = !waker.will_wake(cx.waker());
                        is_new.then(|| mem::replace(waker, cx.waker().clone()))
                    });
                    // To drop a waker may free a task that waits here too: not under the lock.
                    drop(queue);
                    drop(replaced);
                    return Poll::Pending;
                };
                queue.called.swap_remove(index);
                self.number = None;
            }
        }
        Poll::Ready(Place(places))
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut queue = self.places.lock();
        let waiting = queue.waiting.iter().position(|it| it.0 == number);
        let waker = waiting.and_then(|index| queue.waiting.remove(index));
        let index = queue.called.iter().position(|called| *called == number);
        if let Some(index) = index {
            queue.called.swap_remove(index);
        }
        // As above.
        drop(queue);
        drop(waker);
        if index.is_some() {
            self.places.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;
    use core::future::pending;
    use core::pin::pin;

    use super::*;

    fn poll<'a>(taking: Pin<&mut Taking<'a>>) -> Option<Place<'a>> {
        match taking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }

    #[test]
    fn places_go_to_those_who_wait_in_turn() {
        let places = Places::new(1);
        let first = poll(pin!(places.take())).expect("it is free");
        let (mut second, mut third) = (pin!(places.take()), pin!(places.take()));
        assert!(poll(second.as_mut()).is_none() && poll(third.as_mut()).is_none());
        drop(first);
        assert!(poll(third.as_mut()).is_none());
        assert!(poll(pin!(places.take())).is_none(), "it is promised");
        let second = poll(second).expect("it is its turn");
        drop(second);
        assert!(poll(third).is_some());
        assert!(poll(pin!(places.take())).is_some());
    }

    #[test]
    fn who_leaves_takes_no_place_along() {
        let places = Places::new(1);
        let first = poll(pin!(places.take())).expect("it is free");
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(places.take())).collect();
        for taking in &mut waiting {
            assert!(poll(taking.as_mut()).is_none());
        }
        // One that still waits, and one that was called.
        drop(waiting.remove(1));
        drop(first);
        drop(waiting.remove(0));
        assert!(poll(waiting.remove(0).as_mut()).is_some());
    }

    #[test]
    fn a_look_up_that_nobody_waits_for_keeps_its_place() {
        let running = RefCell::new(Vec::new());
        let mut futures: Vec<_> = (0..=MAX_LOOK_UPS)
            .map(|_| {
                Box::pin(look_up("127.0.0.1".into(), 80, |look_up| {
                    running.borrow_mut().push(look_up);
                    pending()
                }))
            })
            .collect();
        let mut cx = Context::from_waker(Waker::noop());
        for future in &mut futures {
            assert!(future.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(running.borrow().len(), MAX_LOOK_UPS);

        let mut last = futures.pop().expect("there are some");
        drop(futures);
        assert!(last.as_mut().poll(&mut cx).is_pending());
        assert_eq!(running.borrow().len(), MAX_LOOK_UPS);

        let look_up = running.borrow_mut().pop().expect("there are some");
        assert_eq!(look_up().expect("it is an address").len(), 1);
        assert!(last.as_mut().poll(&mut cx).is_pending());
        assert_eq!(running.borrow().len(), MAX_LOOK_UPS);
    }
}
