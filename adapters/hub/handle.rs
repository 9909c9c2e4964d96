//! Changing a subscription from elsewhere.

use alloc::sync::{Arc, Weak};
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::waiter::{Waiter, wake_all};
use super::{Shared, State};
use crate::server::{Refused, Subscriber, TopicNames};

/// A handle that ends a [`Subscription`](super::Subscription), or changes its topics, while a
/// response or another task reads it.
///
/// [`Subscription::handle`](super::Subscription::handle) returns it. It does not keep the
/// subscription alive. Once the subscription is gone, the handle does nothing.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod run {
/// use ssewire::{Event, Hub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # pub async fn main() {
/// let hub = Hub::new();
/// let mut subscription = hub.subscribe("news", None).unwrap();
/// let handle = subscription.handle();
///
/// handle.add("weather").unwrap();
/// let rain = hub.publish("weather", Event::new("rain")).await.unwrap();
/// let events = subscription.next().await.unwrap();
/// assert_eq!(events.into_bytes(), format!("id: {rain}\ndata: rain\n\n"));
///
/// handle.end();
/// assert!(subscription.next().await.is_none());
/// # }
/// # }
/// # #[cfg(feature = "tokio")]
/// # run::main();
/// ```
#[derive(Clone)]
pub struct SubscriptionHandle {
    hub: Weak<Shared>,
    subscriber: Weak<SharedSubscriber>,
}

/// A subscriber that handles can change, or `None` once it has left. Its lock is taken only while
/// that of the hub is held.
#[derive(Debug)]
pub(super) struct SharedSubscriber(Mutex<Option<Subscriber>>);

impl SharedSubscriber {
    pub(super) const fn new(subscriber: Subscriber) -> Self {
        Self(Mutex::new(Some(subscriber)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Subscriber>> {
        // No foreign code runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SubscriptionHandle {
    pub(super) fn new(hub: &Arc<Shared>, subscriber: &Arc<SharedSubscriber>) -> Self {
        Self {
            hub: Arc::downgrade(hub),
            subscriber: Arc::downgrade(subscriber),
        }
    }

    /// Returns the handle of a subscription that has ended.
    pub(super) const fn of_none() -> Self {
        Self {
            hub: Weak::new(),
            subscriber: Weak::new(),
        }
    }

    /// Ends the subscription. The events that it has not read are left out.
    pub fn end(&self) {
        let _ = self.change(|_, state, subscriber| {
            let waiter = state.topics.end_subscriber(subscriber);
            Ok::<_, Refused>(waiter)
        });
    }

    /// Adds topics to the subscription, which reads their events from its
    /// [position](super::Subscription::position) on.
    ///
    /// Topics that it reads already are ignored, and so are closed ones. If events after the
    /// position may be lost, the subscription gets an event of type `gap` (see
    /// [`Gap`](crate::server::Gap)).
    ///
    /// # Errors
    ///
    /// [`Refused`] if there would be too many topics, if the name of one is too long, or if all of
    /// them are closed. The subscription then keeps its topics.
    pub fn add<K: ?Sized>(&self, topics: impl TopicNames<K>) -> Result<(), Refused> {
        let topics = topics.into_topics();
        self.change(|hub, state, subscriber| {
            let now = hub.clock.now();
            let before = hub.members.names(&state.topics, subscriber);
            let waiter = state.topics.add_topics(now, subscriber, topics)?;
            hub.members.note_changes(&state.topics, &before, subscriber);
            Ok(waiter)
        })
    }

    /// Removes topics from the subscription. Their events that it has not read are left out. A
    /// subscription without topics waits until some are added.
    pub fn remove<K: ?Sized>(&self, topics: impl TopicNames<K>) {
        let topics = topics.into_topics();
        let _ = self.change(|hub, state, subscriber| {
            let before = hub.members.names(&state.topics, subscriber);
            let waiter = state.topics.remove_topics(subscriber, topics);
            hub.members.note_changes(&state.topics, &before, subscriber);
            Ok::<_, Refused>(waiter)
        });
    }

    fn change<E>(
        &self,
        change: impl FnOnce(&Shared, &mut State, &mut Subscriber) -> Result<Option<Waiter>, E>,
    ) -> Result<(), E> {
        let (Some(hub), Some(shared)) = (self.hub.upgrade(), self.subscriber.upgrade()) else {
            return Ok(());
        };
        let mut state = hub.lock();
        let changed = match &mut *shared.lock() {
            Some(subscriber) => change(&hub, &mut state, subscriber),
            None => Ok(None),
        };
        hub.note_change();
        drop(state);
        let waiter = changed?;
        hub.members.tell();
        wake_all(waiter);
        Ok(())
    }
}

impl fmt::Debug for SubscriptionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionHandle").finish_non_exhaustive()
    }
}
