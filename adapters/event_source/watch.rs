//! The state of an event source, as other tasks can watch it.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::task::{Context, Poll};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::adapters::wakers::{self, WaiterId, WakerList};
use crate::client::Phase;

/// A view of an event source's state for other tasks, as
/// [`watch`](super::EventSource::watch) returns it. Each clone sees each change.
///
/// It shows the latest state. A task does not see a state that ends before the task looks.
///
/// # Examples
///
/// ```
/// # #[cfg(all(feature = "tokio", feature = "hyper"))]
/// # mod run {
/// use ssewire::client::{ClientConfig, CloseReason, Phase};
/// use ssewire::tokio::{EventSource, Http};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() {
/// let http = Http::get("http://127.0.0.1:8888/sse");
/// let mut events = EventSource::new(http, ClientConfig::new());
/// let mut watch = events.watch();
/// assert_eq!(watch.phase(), Phase::Connecting);
///
/// events.close();
/// assert_eq!(watch.changed().await, Some(Phase::Closed(CloseReason::Caller)));
/// assert_eq!(watch.changed().await, None);
/// # }
/// # }
/// # #[cfg(all(feature = "tokio", feature = "hyper"))]
/// # run::main();
/// ```
#[derive(Debug)]
pub struct PhaseWatch {
    shared: Arc<Shared>,
    waiter: WaiterId,
    /// The state that was returned last.
    seen: Phase,
}

/// The event source's end of its watches.
#[derive(Debug)]
pub(super) struct PhaseSender(Arc<Shared>);

#[derive(Debug)]
struct Shared(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    phase: Phase,
    is_over: bool,
    /// The watches that wait.
    waiting: WakerList,
}

impl PhaseWatch {
    /// Returns the current state.
    pub fn phase(&self) -> Phase {
        self.shared.lock().phase
    }

    /// Waits until the state differs from the one that was returned last, and returns it. The state
    /// at the time of the [`watch`](super::EventSource::watch) call counts as returned.
    ///
    /// Returns `None` when the state will not change again: the last one was [`Phase::Closed`], or the
    /// event source was dropped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no state is lost.
    pub async fn changed(&mut self) -> Option<Phase> {
        poll_fn(|cx| self.poll_changed(cx)).await
    }

    fn new(shared: &Arc<Shared>, seen: Phase) -> Self {
        Self {
            waiter: shared.lock().waiting.add_waiter(),
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
        let replaced = inner.waiting.insert(self.waiter, cx.waker().clone());
        // Dropping a waker may free a task with its watches, which need the lock.
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
        let removed = self.shared.lock().waiting.remove(self.waiter);
        drop(removed);
    }
}

impl PhaseSender {
    pub(super) fn new(phase: Phase) -> Self {
        Self(Arc::new(Shared(Mutex::new(Inner {
            phase,
            is_over: matches!(phase, Phase::Closed(_)),
            waiting: WakerList::default(),
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
        let waiting = inner.waiting.take();
        drop(inner);
        wakers::wake_all(waiting);
    }
}

impl Drop for PhaseSender {
    fn drop(&mut self) {
        self.update(|inner| inner.is_over = true);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic under the lock leaves the state whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
