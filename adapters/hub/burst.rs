//! Several publications at once.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::mem;
use core::task::Waker;

use super::names::Names;
#[cfg(feature = "redis")]
use super::relayed;
use super::{Publication, Shared};
use crate::adapters::wakers;
use crate::server::{EventId, PublishError, TopicNames, Topics};
use crate::{Event, Timestamp};

/// Several publications in a row, which wake each waiting subscription once.
///
/// [`Hub::burst`](super::Hub::burst) returns it. The subscriptions are woken when it is dropped. A
/// subscription that polls before then gets the events that were published so far.
///
/// # Examples
///
/// ```
/// use ssewire::{Event, Hub};
///
/// let hub = Hub::new();
/// let mut burst = hub.burst();
/// for (symbol, price) in [("AAPL", "121.5"), ("AMZN", "3125")] {
///     burst.publish_latest("prices", symbol, Event::new(price));
/// }
/// drop(burst);
/// assert_eq!(hub.position().number(), 2);
/// ```
#[must_use = "it publishes nothing by itself"]
pub struct Burst<'h> {
    hub: &'h Arc<Shared>,
    ready: Vec<Waker>,
}

impl<'h> Burst<'h> {
    pub(super) const fn new(hub: &'h Arc<Shared>) -> Self {
        Self {
            hub,
            ready: Vec::new(),
        }
    }

    /// Publishes an event as [`Hub::publish`](super::Hub::publish) does.
    pub fn publish<K: ?Sized>(
        &mut self,
        topics: impl TopicNames<K>,
        event: impl Borrow<Event>,
    ) -> Publication {
        #[cfg(feature = "redis")]
        if self.hub.is_relayed {
            let event = event.borrow().into();
            return relayed::publish(self.hub, topics.into_topics(), event);
        }
        self.add(topics, |topics, now, names| {
            topics.publish(now, names, event.borrow().into())
        })
    }

    /// Publishes an event as [`Hub::publish_latest`](super::Hub::publish_latest) does.
    pub fn publish_latest<K: ?Sized>(
        &mut self,
        topics: impl TopicNames<K>,
        key: impl AsRef<str>,
        event: impl Borrow<Event>,
    ) -> Publication {
        #[cfg(feature = "redis")]
        if self.hub.is_relayed {
            let event = event.borrow().into();
            return relayed::publish_latest(self.hub, topics.into_topics(), key.as_ref(), event);
        }
        self.add(topics, |topics, now, names| {
            topics.publish_latest(now, names, key.as_ref(), event.borrow().into())
        })
    }

    pub(super) fn add<K: ?Sized>(
        &mut self,
        topics: impl TopicNames<K>,
        add: impl FnOnce(&mut Topics<Waker>, Timestamp, Names<'_>) -> Result<EventId, PublishError>,
    ) -> Publication {
        self.hub.publish(&mut self.ready, topics, add)
    }
}

impl Drop for Burst<'_> {
    fn drop(&mut self) {
        wakers::wake_all(mem::take(&mut self.ready));
    }
}

impl fmt::Debug for Burst<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Burst").finish_non_exhaustive()
    }
}
