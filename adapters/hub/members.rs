//! The listener for subscriptions that join and leave topics.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use super::changes::Changes;
use crate::server::{Subscriber, Topics};

/// A change in the subscriptions of a topic, as [`Hub::on_membership`](super::Hub::on_membership)
/// reports it.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use ssewire::Hub;
///
/// let hub = Hub::new();
/// let (sender, changes) = mpsc::channel();
/// hub.on_membership(move |change| {
///     let _ = sender.send((change.topic.clone(), change.joined, change.count));
/// });
///
/// drop(hub.subscribe("news", None));
/// assert_eq!(changes.recv(), Ok(("news".into(), true, 1)));
/// assert_eq!(changes.recv(), Ok(("news".into(), false, 0)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership {
    /// The name of the topic.
    pub topic: String,
    /// Whether a subscription joined the topic. If not, one left it.
    pub joined: bool,
    /// The number of the topic's subscriptions after the change.
    pub count: usize,
    /// How many changes of the topic this stands for. It is 1 unless the listener does not keep up.
    /// Then several changes may be merged, and [`joined`](Self::joined) is that of the last.
    pub changes: u64,
}

/// A hub's listener, which is called with one change at a time and in order.
///
/// A thread that has queued changes calls it, unless another thread is calling it already. So that
/// no thread has to call it for all others for ever, each has a turn. After so many changes, it
/// hands over to the next thread that has queued some, which waits for the current call.
#[derive(Default)]
pub(super) struct Members {
    has_listener: AtomicBool,
    state: Mutex<State>,
    /// Notified when a thread hands over.
    handed_over: Condvar,
}

#[derive(Default)]
struct State {
    /// `None` also while the listener is called.
    listener: Option<Listener>,
    queue: Changes,
    /// The thread that is calling the listener.
    teller: Option<Teller>,
    /// Whether a thread waits to be the next.
    has_successor: bool,
}

struct Teller {
    thread: ThreadId,
    /// How many changes it has passed to the listener.
    told: usize,
}

type Listener = Box<dyn FnMut(&Membership) + Send>;

impl Members {
    pub(super) fn listen(&self, listener: impl FnMut(&Membership) + Send + 'static) {
        let mut state = self.lock();
        let replaced = state.listener.replace(Box::new(listener));
        self.has_listener.store(true, Ordering::Release);
        drop(state);
        // It may hold subscriptions, so it is dropped without the lock.
        drop(replaced);
    }

    /// Queues the changes of a subscriber that has joined, or is about to leave. The hub's lock is
    /// held, so the queue has the order of the changes.
    pub(super) fn note<T>(&self, topics: &Topics<T>, subscriber: &Subscriber, joined: bool) {
        if !self.has_listener.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.lock();
        for topic in topics.topics_of(subscriber) {
            let count = topics.subscriber_count_of(topic) - usize::from(!joined);
            state.queue.push(topic, joined, count);
        }
    }

    /// Returns the names of the topics that a subscriber reads, if there is a listener.
    pub(super) fn names<T>(&self, topics: &Topics<T>, subscriber: &Subscriber) -> HashSet<String> {
        match self.has_listener.load(Ordering::Acquire) {
            true => topics.topics_of(subscriber).map(String::from).collect(),
            false => HashSet::new(),
        }
    }

    /// Queues the changes of a subscriber that has read the topics `before`. The hub's lock is
    /// held.
    pub(super) fn note_changes<T>(
        &self,
        topics: &Topics<T>,
        before: &HashSet<String>,
        subscriber: &Subscriber,
    ) {
        if !self.has_listener.load(Ordering::Acquire) {
            return;
        }
        let after: HashSet<String> = topics.topics_of(subscriber).map(String::from).collect();
        let mut state = self.lock();
        for (changed, joined) in [
            (after.difference(before), true),
            (before.difference(&after), false),
        ] {
            for topic in changed {
                let count = topics.subscriber_count_of(topic);
                state.queue.push(topic, joined, count);
            }
        }
    }

    /// Calls the listener with the queued changes, or leaves that to a thread that does so already.
    /// Neither the hub's lock nor this one is held meanwhile.
    pub(super) fn tell(&self) {
        if !self.has_listener.load(Ordering::Acquire) || !self.begin() {
            return;
        }
        let mut telling = Telling {
            members: self,
            listener: None,
            is_over: false,
        };
        while let Some(change) = telling.next() {
            if let Some(listener) = &mut telling.listener {
                listener(&change);
            }
        }
    }

    /// Returns whether it is the turn of this thread, and begins it.
    fn begin(&self) -> bool {
        let mut state = self.lock();
        let thread = thread::current().id();
        // A call further up on this stack, or another thread in its turn, takes these changes too.
        let is_due = |state: &State| match &state.teller {
            Some(teller) => teller.thread != thread && teller.told >= TURN && !state.has_successor,
            None => true,
        };
        if !is_due(&state) {
            return false;
        }
        if state.teller.is_some() {
            state.has_successor = true;
            let is_told = |state: &mut State| state.teller.is_some();
            // Whatever the listener may wait for, it does not wait for this thread for ever.
            let waited = self
                .handed_over
                .wait_timeout_while(state, PATIENCE, is_told);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.has_successor = false;
            if state.teller.is_some() {
                return false;
            }
        }
        state.teller = Some(Teller { thread, told: 0 });
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listener while it is called.
struct Telling<'m> {
    members: &'m Members,
    listener: Option<Listener>,
    is_over: bool,
}

impl Telling<'_> {
    /// Returns the next change, and takes the listener for it. Without a change, or after its turn,
    /// puts the listener back and ends.
    fn next(&mut self) -> Option<Membership> {
        let mut state = self.members.lock();
        // It may have been replaced while it was called.
        let latest = state.listener.take();
        let replaced = match latest {
            Some(_) => mem::replace(&mut self.listener, latest),
            None => None,
        };
        let has_successor = state.has_successor;
        let hands_over = |teller: &Teller| has_successor && teller.told >= TURN;
        let change = match state.teller.as_ref().is_some_and(hands_over) {
            true => None,
            false => state.queue.pop(),
        };
        if let (Some(_), Some(teller)) = (&change, &mut state.teller) {
            teller.told += 1;
        } else {
            state.listener = self.listener.take();
            state.teller = None;
            self.is_over = true;
            self.members.handed_over.notify_all();
        }
        drop(state);
        drop(replaced);
        change
    }
}

impl Drop for Telling<'_> {
    /// After a panic of the listener, drops it with the queued changes.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.members.lock();
        state.teller = None;
        state.queue = Changes::default();
        let has_listener = state.listener.is_some();
        self.members
            .has_listener
            .store(has_listener, Ordering::Release);
        self.members.handed_over.notify_all();
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").finish_non_exhaustive()
    }
}

/// How many changes a thread passes to the listener while another waits to take over.
const TURN: usize = 64;
/// How long a thread waits to take over.
const PATIENCE: Duration = Duration::from_millis(100);
