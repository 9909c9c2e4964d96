//! Who comes and who goes.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::server::{Subscriber, Topics};

/// Tells that a subscription has come to a topic or left it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership {
    /// The topic.
    pub topic: String,
    /// Whether it has come.
    pub joined: bool,
    /// How many subscriptions the topic had then, this one counted if it has come.
    pub count: usize,
}

/// Tells a listener, one change at a time and in order.
#[derive(Default)]
pub(super) struct Members {
    has_listener: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` also while it is being told.
    listener: Option<Listener>,
    queue: VecDeque<Membership>,
    /// Whether somebody is telling.
    is_telling: bool,
}

type Listener = Box<dyn FnMut(&Membership) + Send>;

impl Members {
    pub(super) fn listen(&self, listener: impl FnMut(&Membership) + Send + 'static) {
        let mut state = self.lock();
        let replaced = state.listener.replace(Box::new(listener));
        self.has_listener.store(true, Ordering::Release);
        drop(state);
        // It may hold subscriptions.
        drop(replaced);
    }

    /// Queues what a subscriber's coming changes, or its going will. The hub's lock is held, so the
    /// queue has the order of the changes.
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

    /// Tells what is queued. Neither the hub's lock nor this one is held meanwhile.
    pub(super) fn tell(&self) {
        if !self.has_listener.load(Ordering::Acquire) {
            return;
        }
        // Whoever is telling, perhaps further up on this stack, tells this too.
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

/// Is there while somebody tells.
struct Telling<'m> {
    members: &'m Members,
    listener: Option<Listener>,
    is_over: bool,
}

impl Telling<'_> {
    /// Returns the next change, and takes the listener for it. Ends the telling if there is none.
    fn next(&mut self) -> Option<Membership> {
        let mut state = self.members.lock();
        // It may have been replaced while it was told.
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
    /// Ends what a panic of the listener has cut off; that one is told no more.
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
