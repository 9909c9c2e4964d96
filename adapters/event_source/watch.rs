//! The state of an event source, for others to see.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::mem;
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::client::Phase;

/// Shows the state of an event source to other tasks. Made by
/// [`watch`](super::EventSource::watch); clones see changes independently.
///
/// It shows the latest state: one that lasted shorter than it took to look is not seen.
#[derive(Debug)]
pub struct PhaseWatch {
    shared: Arc<Shared>,
    /// Which watch this is.
    number: u64,
    /// The state that was returned last.
    seen: Phase,
}

/// The event source's end of it.
#[derive(Debug)]
pub(super) struct PhaseSender(Arc<Shared>);

#[derive(Debug)]
struct Shared(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    phase: Phase,
    is_over: bool,
    /// How many watches there ever were.
    watches: u64,
    /// The tasks that wait, one for each watch at most.
    waiting: Vec<(u64, Waker)>,
}

impl PhaseWatch {
    /// Returns the state now.
    pub fn phase(&self) -> Phase {
        self.shared.lock().phase
    }

    /// Waits until the state is another than the last one that was returned here, and returns it;
    /// `None` when no other will come: the last one was a [`Phase::Closed`], or the event source was
    /// dropped. The state at the time of the [`watch`](super::EventSource::watch) call counts as
    /// returned.
    ///
    /// Cancel-safe.
    pub async fn changed(&mut self) -> Option<Phase> {
        poll_fn(|cx| self.poll_changed(cx)).await
    }

    fn new(shared: &Arc<Shared>, seen: Phase) -> Self {
        let mut inner = shared.lock();
        inner.watches += 1;
        Self {
            number: inner.watches,
            seen,
            shared: Arc::clone(shared),
        }
    }

    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Option<Phase>> {
        let mut inner = self.shared.lock();
        if self.seen != inner.phase {
            self.seen = inner.phase;
            return Poll::Ready(Some(inner.phase));
        }
        if inner.is_over {
            return Poll::Ready(None);
        }
        let entry = (self.number, cx.waker().clone());
        let mut waiting = inner.waiting.iter_mut();
        let replaced = match waiting.find(|waiting| waiting.0 == self.number) {
            Some(waiting) => Some(mem::replace(waiting, entry)),
            None => {
                inner.waiting.push(entry);
                None
            }
        };
        // A waker may be all that holds a task, and the task may hold watches: not under the lock.
        drop(inner);
        drop(replaced);
        Poll::Pending
    }
}

impl Clone for PhaseWatch {
    fn clone(&self) -> Self {
        Self::new(&self.shared, self.seen)
    }
}

impl Drop for PhaseWatch {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        let mut waiting = inner.waiting.iter();
        let at = waiting.position(|waiting| waiting.0 == self.number);
        let gone = at.map(|at| inner.waiting.swap_remove(at));
        // As above.
        drop(inner);
        drop(gone);
    }
}

impl PhaseSender {
    pub(super) fn new(phase: Phase) -> Self {
        Self(Arc::new(Shared(Mutex::new(Inner {
            phase,
            is_over: matches!(phase, Phase::Closed(_)),
            watches: 0,
            waiting: Vec::new(),
        }))))
    }

    pub(super) fn watch(&self) -> PhaseWatch {
        let phase = self.0.lock().phase;
        PhaseWatch::new(&self.0, phase)
    }

    pub(super) fn send(&self, phase: Phase) {
        self.update(|inner| {
            inner.phase = phase;
            inner.is_over = matches!(phase, Phase::Closed(_));
        });
    }

    fn update(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.0.lock();
        change(&mut inner);
        let waiting = mem::take(&mut inner.waiting);
        drop(inner);
        for (_, waker) in waiting {
            waker.wake();
        }
    }
}

impl Drop for PhaseSender {
    fn drop(&mut self) {
        self.update(|inner| inner.is_over = true);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that runs under the lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
