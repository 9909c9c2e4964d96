//! The listener for subscriptions that join and leave topics.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    /// Whether a subscription joined the topic; otherwise one left.
    pub joined: bool,
    /// The number of the topic's subscriptions after the change.
    pub count: usize,
}

/// A hub's listener, which is called with one change at a time and in order.
#[derive(Default)]
pub(super) struct Members {
    has_listener: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` also while the listener is called.
    listener: Option<Listener>,
    queue: VecDeque<Membership>,
    /// Whether a thread is calling the listener.
    is_telling: bool,
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
            state.queue.push_back(Membership {
                topic: topic.into(),
                joined,
                count: topics.subscriber_count_of(topic) - usize::from(!joined),
            });
        }
    }

    /// Calls the listener with the queued changes. Neither the hub's lock nor this one is held
    /// meanwhile.
    pub(super) fn tell(&self) {
        if !self.has_listener.load(Ordering::Acquire) {
            return;
        }
        // Another thread, or a call further up on this stack, is telling and takes these changes too.
        if mem::replace(&mut self.lock().is_telling, true) {
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
    /// Returns the next change, and takes the listener for it. Without a change, puts the listener
    /// back and ends.
    fn next(&mut self) -> Option<Membership> {
        let mut state = self.members.lock();
        // It may have been replaced while it was called.
        let latest = state.listener.take();
        let replaced = match latest {
            Some(_) => mem::replace(&mut self.listener, latest),
            None => None,
        };
        let change = state.queue.pop_front();
        if change.is_none() {
            state.listener = self.listener.take();
            state.is_telling = false;
            self.is_over = true;
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
        state.is_telling = false;
        state.queue.clear();
        let has_listener = state.listener.is_some();
        self.members
            .has_listener
            .store(has_listener, Ordering::Release);
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").finish_non_exhaustive()
    }
}
