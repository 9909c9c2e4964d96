//! Who is here.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;

use hashbrown::HashMap;

use crate::event::{Event, EventRef};
use crate::server::log::Role;
use crate::server::publish_error::PublishError;
use crate::server::topics::Topics;
use crate::time::Timestamp;

/// Somebody who is here: in a room, on a page, or on whatever a topic stands for.
///
/// A presence is the newest event of a [key](Topics::publish_latest) for as long as it lasts. So whoever
/// subscribes to the topic from the [earliest](crate::server::Start::Earliest) event on, or with the
/// [last](crate::server::Start::Last) ones, begins with a snapshot: one event for each key that is here.
/// Then come the changes, in order, like all events of the topic.
///
/// Several announcements of one key, from several windows for instance, are one presence. It shows what
/// was announced last, and ends with the last of them.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Delivery, Presence, Start, Topics, TopicsConfig};
/// use ssewire::{Event, Timestamp};
///
/// let now = Timestamp::default();
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let here = |device| Event::new(device).with_type("here");
/// let gone = Event::new("ann").with_type("gone")?;
/// let phone = Presence::new("room", "ann", here("ann, on a phone")?, gone.clone());
/// let laptop = Presence::new("room", "ann", here("ann, on a laptop")?, gone);
/// let phone = topics.announce(now, phone)?;
/// let laptop = topics.announce(now, laptop)?;
///
/// let mut reader = topics.subscribe(now, "room", Start::Earliest)?;
/// let Some(Delivery::Events(snapshot)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(snapshot.into_bytes(), "id: e-2\nevent: here\ndata: ann, on a laptop\n\n");
///
/// topics.withdraw(now, laptop);
/// topics.withdraw(now, phone);
/// let Some(Delivery::Events(changes)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
/// assert_eq!(changes.into_bytes(), "id: e-4\nevent: gone\ndata: ann\n\n");
/// # topics.unsubscribe(reader);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    topic: Box<str>,
    key: Box<str>,
    here: Event,
    gone: Event,
}

impl Presence {
    /// Creates the presence of a key in a topic, with the event that tells that it is here, and the one
    /// that tells that it is gone.
    ///
    /// The events say what the application knows of it: a name, a device, a state. They get IDs when they
    /// are published.
    pub fn new(topic: impl AsRef<str>, key: impl AsRef<str>, here: Event, gone: Event) -> Self {
        Self {
            topic: topic.as_ref().into(),
            key: key.as_ref().into(),
            here,
            gone,
        }
    }
}

/// An announced [`Presence`], which lasts until it is [withdrawn](Topics::withdraw).
#[must_use = "the presence lasts until this is withdrawn"]
pub struct Announced {
    topic: Box<str>,
    key: Box<str>,
    gone: Event,
    number: u64,
}

/// All that is announced, by topic and by key. The announcements of a key are in the order in which they
/// were made or changed.
#[derive(Debug, Default)]
pub(super) struct Presences {
    topics: HashMap<String, BTreeMap<String, BTreeMap<u64, Event>>>,
    newest: u64,
}

impl<T> Topics<T> {
    /// Announces a presence. Publishes the event that it is here.
    ///
    /// The event stays in the log however old it becomes, but it leaves it like any other when there are
    /// too many. So the log needs room for all that are here.
    ///
    /// # Errors
    ///
    /// The same as [`publish_latest`](Self::publish_latest).
    pub fn announce(
        &mut self,
        now: Timestamp,
        presence: Presence,
    ) -> Result<Announced, PublishError> {
        let Presence {
            topic,
            key,
            here,
            gone,
        } = presence;
        self.publish_here(now, &topic, &key, &here)?;
        let number = self.presences.add(&topic, &key, here);
        Ok(Announced {
            topic,
            key,
            gone,
            number,
        })
    }

    /// Changes what an announcement says. Publishes the new event in place of the one before.
    ///
    /// # Errors
    ///
    /// The same as [`publish`](Self::publish).
    pub fn announce_again(
        &mut self,
        now: Timestamp,
        announced: &mut Announced,
        here: Event,
    ) -> Result<(), PublishError> {
        let Announced { topic, key, .. } = announced;
        self.publish_here(now, topic, key, &here)?;
        let number = self.presences.add(topic, key, here);
        self.presences.remove(topic, key, announced.number);
        announced.number = number;
        Ok(())
    }

    /// Withdraws an announcement. If it was the last of its key, publishes the event that it is gone, and
    /// otherwise what the last of the others says, if that is not what was said anyway.
    pub fn withdraw(&mut self, now: Timestamp, announced: Announced) {
        let Announced {
            topic,
            key,
            gone,
            number,
        } = announced;
        let published = match self.presences.remove(&topic, &key, number) {
            Left::None => {
                let role = Role::Removal(&key);
                self.add(now, &*topic, role, None, EventRef::from(&gone))
                    .map(drop)
            }
            Left::Changed(here) => self.publish_here(now, &topic, &key, &here),
            Left::Same => Ok(()),
        };
        if published.is_err() {
            // The topic is closed, and perhaps not for ever.
            if let Some(topic) = self.history.find_key(&topic) {
                self.history.remove_key(&[topic], &key);
                self.history.forget_if_unused(topic);
            }
        }
    }

    /// Returns who is here in a topic: each key with the event that was announced last, in the order of
    /// the keys.
    pub fn present(&self, topic: &str) -> impl Iterator<Item = (&str, &Event)> {
        let keys = self.presences.topics.get(topic).into_iter().flatten();
        keys.filter_map(|(key, announced)| Some((&**key, announced.last_key_value()?.1)))
    }

    fn publish_here(
        &mut self,
        now: Timestamp,
        topic: &str,
        key: &str,
        here: &Event,
    ) -> Result<(), PublishError> {
        let role = Role::Present(key);
        self.add(now, topic, role, None, EventRef::from(here))
            .map(drop)
    }
}

/// What is left of a key without one of its announcements.
enum Left {
    None,
    /// Another is the last now.
    Changed(Event),
    Same,
}

impl Presences {
    fn add(&mut self, topic: &str, key: &str, here: Event) -> u64 {
        self.newest += 1;
        let keys = self.topics.entry_ref(topic).or_default();
        let announced = match keys.get_mut(key) {
            Some(announced) => announced,
            None => keys.entry(key.into()).or_default(),
        };
        announced.insert(self.newest, here);
        self.newest
    }

    fn remove(&mut self, topic: &str, key: &str, number: u64) -> Left {
        let Some(keys) = self.topics.get_mut(topic) else {
            return Left::None;
        };
        let Some(announced) = keys.get_mut(key) else {
            return Left::None;
        };
        announced.remove(&number);
        match announced.last_key_value() {
            Some((newest, here)) if *newest < number => Left::Changed(here.clone()),
            Some(_) => Left::Same,
            None => {
                keys.remove(key);
                if keys.is_empty() {
                    self.topics.remove(topic);
                }
                Left::None
            }
        }
    }
}

impl fmt::Debug for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announced")
            .field("topic", &self.topic)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
