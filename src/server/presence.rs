//! Who is here.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;

use hashbrown::HashMap;

use crate::event::{Event, EventRef};
use crate::server::log::Role;
use crate::server::publish_error::PublishError;
use crate::server::topic_set::TopicSet;
use crate::server::topics::Topics;
use crate::time::Timestamp;

/// Somebody who is present in a topic, such as a room or a page.
///
/// While it lasts, a presence is the newest event of a [key](Topics::publish_latest). So a
/// subscription that starts with the [earliest](crate::server::Start::Earliest) or the
/// [last](crate::server::Start::Last) events begins with a snapshot, which is one event for each
/// key that is present. The changes follow in order, like all events of the topic.
///
/// Several announcements of one key, for instance from several windows, are one presence. Its event
/// is the one that was announced last. The presence ends when all of them are withdrawn.
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
    /// Creates the presence of a key in a topic. `here` is published when the presence is
    /// announced, and `gone` when it ends.
    ///
    /// The events carry what the application knows of it, such as a name, a device or a state. They
    /// get new IDs when they are published.
    pub fn new(topic: impl AsRef<str>, key: impl AsRef<str>, here: Event, gone: Event) -> Self {
        Self {
            topic: topic.as_ref().into(),
            key: key.as_ref().into(),
            here,
            gone,
        }
    }

    /// Returns the topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the event of the presence, and the one that reports its end.
    pub fn into_events(self) -> [Event; 2] {
        [self.here, self.gone]
    }
}

/// An announced [`Presence`], which lasts until it is [withdrawn](Topics::withdraw).
///
/// Dropping this does not withdraw it.
///
/// # Examples
///
/// ```
/// use ssewire::server::{Presence, Topics, TopicsConfig};
/// use ssewire::{Event, Timestamp};
///
/// let now = Timestamp::default();
/// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
/// let presence = Presence::new("room", "ann", Event::new("ann"), Event::new("ann is gone"));
/// let mut announced = topics.announce(now, presence)?;
///
/// topics.announce_again(now, &mut announced, Event::new("ann, busy"))?;
/// assert!(topics.present("room").eq([("ann", &Event::new("ann, busy"))]));
///
/// topics.withdraw(now, announced);
/// assert_eq!(topics.present("room").count(), 0);
/// # Ok::<(), ssewire::server::PublishError>(())
/// ```
#[must_use = "the presence lasts until this is withdrawn"]
pub struct Announced {
    topic: Box<str>,
    key: Box<str>,
    gone: Event,
    number: u64,
}

/// All announcements, by topic and by key. Those of a key are in the order in which they were made
/// or changed.
#[derive(Debug, Default)]
pub(super) struct Presences {
    topics: HashMap<String, BTreeMap<String, BTreeMap<u64, Event>>>,
    newest: u64,
}

impl<T> Topics<T> {
    /// Announces a presence, and publishes its `here` event as
    /// [`publish_latest`](Self::publish_latest) does.
    ///
    /// The log does not drop the event for its age. When the log is full, it drops the event like
    /// any other, so it needs room for all presences.
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

    /// Changes the event of an announcement, and publishes the new event in place of the old one.
    ///
    /// # Errors
    ///
    /// The same as [`publish`](Self::publish). The announcement then stays as it was.
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

    /// Withdraws an announcement.
    ///
    /// If the key has no other announcement, this publishes the `gone` event. If it has others, and
    /// this one was the newest, the event of the newest of them is published in its place.
    /// Otherwise nothing is published.
    ///
    /// If the topic is closed, nothing is published either, and the event of the key is removed
    /// from the log.
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

    /// Returns the keys that are present in a topic, in order, each with the event that was
    /// announced last.
    pub fn present(&self, topic: &str) -> impl Iterator<Item = (&str, &Event)> {
        let keys = self.presences.topics.get(topic).into_iter().flatten();
        keys.filter_map(|(key, announced)| Some((&**key, announced.last_key_value()?.1)))
    }

    /// Notes an event of a log that is followed, if it is about a presence.
    pub(super) fn note_presence(&mut self, role: Role<'_>, topics: &TopicSet, event: EventRef<'_>) {
        let key = match role {
            Role::Present(key) | Role::Removal(key) => key,
            Role::Plain | Role::Latest(_) => return,
        };
        for topic in topics.iter() {
            self.presences.forget(topic, key);
            if matches!(role, Role::Present(_)) {
                self.presences.add(topic, key, event.to_event());
            }
        }
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

    /// Removes all announcements of a key.
    fn forget(&mut self, topic: &str, key: &str) {
        let Some(keys) = self.topics.get_mut(topic) else {
            return;
        };
        keys.remove(key);
        if keys.is_empty() {
            self.topics.remove(topic);
        }
    }

    pub(super) fn clear(&mut self) {
        self.topics.clear();
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
