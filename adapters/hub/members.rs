//! Who comes and who goes.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::server::{SubscriberId, Topics};

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
    listener: Mutex<Option<Listener>>,
    queue: Mutex<VecDeque<Membership>>,
}

type Listener = Box<dyn FnMut(&Membership) + Send>;

impl Members {
    pub(super) fn listen(&self, listener: impl FnMut(&Membership) + Send + 'static) {
        let mut slot = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Box::new(listener));
        self.has_listener.store(true, Ordering::Release);
    }

    /// Queues what a subscriber's coming changes, or its going will. The hub's lock is held, so the
    /// queue has the order of the changes.
    pub(super) fn note(&self, topics: &Topics, id: SubscriberId, joined: bool) {
        if !self.has_listener.load(Ordering::Acquire) {
            return;
        }
        let mut queue = self.queue();
        for topic in topics.topics_of(id) {
            queue.push_back(Membership {
                topic: topic.into(),
                joined,
                count: topics.subscriber_count_of(topic) - usize::from(!joined),
            });
        }
    }

    /// Tells what is queued. The hub's lock is not held.
    pub(super) fn tell(&self) {
        while !self.queue().is_empty() {
            // Whoever is telling, perhaps further up on this stack, tells this too.
            let mut listener = match self.listener.try_lock() {
                Ok(listener) => listener,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            loop {
                let Some(change) = self.queue().pop_front() else {
                    break;
                };
                if let Some(listener) = listener.as_mut() {
                    listener(&change);
                }
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Membership>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").finish_non_exhaustive()
    }
}
