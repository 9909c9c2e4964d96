//! Several publications at once.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::mem;

use super::names::Names;
use super::waiter::{Waiter, wake_all};
use super::{Publication, Shared};
use crate::server::{EventId, Kind, PublishError, TopicNames, TopicSet, Topics};
use crate::{Event, EventRef, Timestamp};

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
    ready: Vec<Waiter>,
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
        self.publish_ref(topics, event.borrow().into())
    }

    pub(super) fn publish_ref<K: ?Sized>(
        &mut self,
        topics: impl TopicNames<K>,
        event: EventRef<'_>,
    ) -> Publication {
        let kind = |topics| {
            let event = event.to_event();
            Kind::Event { topics, event }
        };
        self.send(topics, kind, |topics, now, names| {
            topics.publish(now, names, event)
        })
    }

    /// Publishes an event as [`Hub::publish_latest`](super::Hub::publish_latest) does.
    pub fn publish_latest<K: ?Sized>(
        &mut self,
        topics: impl TopicNames<K>,
        key: impl AsRef<str>,
        event: impl Borrow<Event>,
    ) -> Publication {
        let (key, event) = (key.as_ref(), EventRef::from(event.borrow()));
        let kind = |topics| Kind::Latest {
            topics,
            key: key.into(),
            event: event.to_event(),
            lasts: false,
        };
        self.send(topics, kind, |topics, now, names| {
            topics.publish_latest(now, names, key, event)
        })
    }

    pub(super) fn remove_latest<K: ?Sized>(
        &mut self,
        topics: impl TopicNames<K>,
        key: impl AsRef<str>,
        event: impl Borrow<Event>,
    ) -> Publication {
        let (key, event) = (key.as_ref(), EventRef::from(event.borrow()));
        let kind = |topics| Kind::Removal {
            topics,
            key: key.into(),
            event: event.to_event(),
        };
        self.send(topics, kind, |topics, now, names| {
            topics.remove_latest(now, names, key, event)
        })
    }

    /// Publishes to all machines if the hub has a log that they share, otherwise here.
    #[cfg_attr(
        not(feature = "redis"),
        expect(unused_variables, reason = "a hub in memory has no log")
    )]
    fn send<K: ?Sized>(
        &mut self,
        topics: impl TopicNames<K>,
        kind: impl FnOnce(TopicSet) -> Kind,
        add: impl FnOnce(&mut Topics<Waiter>, Timestamp, Names<'_>) -> Result<EventId, PublishError>,
    ) -> Publication {
        #[cfg(feature = "redis")]
        if self.hub.is_relayed {
            return self.hub.relay(kind(topics.into_topics()));
        }
        self.add(topics, add)
    }

    pub(super) fn add<K: ?Sized>(
        &mut self,
        topics: impl TopicNames<K>,
        add: impl FnOnce(&mut Topics<Waiter>, Timestamp, Names<'_>) -> Result<EventId, PublishError>,
    ) -> Publication {
        self.hub.publish(&mut self.ready, topics, add)
    }
}

impl Drop for Burst<'_> {
    fn drop(&mut self) {
        wake_all(mem::take(&mut self.ready));
    }
}

impl fmt::Debug for Burst<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Burst").finish_non_exhaustive()
    }
}
