//! Publishing.

use core::fmt::Write;

use crate::event::EventRef;
use crate::server::event_id::EventId;
use crate::server::history::{Arrival, TopicKeys};
use crate::server::log::Role;
use crate::server::publish_error::PublishError;
use crate::server::topic::TopicKey;
use crate::server::topic_set::{TopicNames, TopicSet};
use crate::server::topics::Topics;
use crate::time::Timestamp;

impl<T> Topics<T> {
    /// Publishes an event to one topic or several, and returns its new ID.
    ///
    /// The new ID replaces any that the event had. An event of several topics is stored once, and a
    /// subscriber of several of them gets it once.
    ///
    /// This ends the wait of the topics' subscribers. [`take_ready`](Self::take_ready) then returns
    /// their tokens. The subscribers of other topics cost nothing.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if no topic is named, if the name of a topic is too long, or if a topic is
    /// closed. The event is then published to none of them, and
    /// [`TopicsStats::refused`](crate::server::TopicsStats::refused) counts it.
    pub fn publish<K: ?Sized>(
        &mut self,
        now: Timestamp,
        topics: impl TopicNames<K>,
        event: EventRef<'_>,
    ) -> Result<EventId, PublishError> {
        self.add(now, topics, Role::Plain, None, event)
    }

    /// Publishes an event that replaces the one with the same key. Of each key, a topic keeps only
    /// the newest event.
    ///
    /// A subscription that begins with the [earliest](crate::server::Start::Earliest) or the
    /// [last](crate::server::Start::Last) events gets the newest event of each key. So does a
    /// subscriber that falls behind. It is not disconnected for events that were replaced, and gets
    /// no gap for them. After a gap for other events, it gets the newest event of each key again.
    ///
    /// When the log is full, it drops events with a key like any others. So it needs room for the
    /// newest event of every key.
    ///
    /// # Errors
    ///
    /// The same as [`publish`](Self::publish), and [`PublishError::KeyTooLong`] if the key is
    /// longer than the name of a topic may be.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::server::{Delivery, Start, Topics, TopicsConfig};
    /// use ssewire::{EventRef, Timestamp};
    ///
    /// let now = Timestamp::default();
    /// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
    /// for (symbol, price) in [("AAPL", "121.5"), ("AMZN", "3125"), ("AAPL", "121.7")] {
    ///     topics.publish_latest(now, "prices", symbol, EventRef::new(price))?;
    /// }
    ///
    /// let mut reader = topics.subscribe(now, "prices", Start::Earliest)?;
    /// let Some(Delivery::Events(events)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
    /// assert_eq!(events.into_bytes(), "id: e-2\ndata: 3125\n\nid: e-3\ndata: 121.7\n\n");
    /// # topics.unsubscribe(reader);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish_latest<K: ?Sized>(
        &mut self,
        now: Timestamp,
        topics: impl TopicNames<K>,
        key: &str,
        event: EventRef<'_>,
    ) -> Result<EventId, PublishError> {
        self.add(now, topics, Role::Latest(key), None, event)
    }

    /// Publishes an event that reports the end of a key, and removes the event of the key from the
    /// log.
    ///
    /// The published event itself has no key. It is dropped from the log like any other, but
    /// [`Start::Last`](crate::server::Start::Last) does not count it.
    ///
    /// # Errors
    ///
    /// The same as [`publish_latest`](Self::publish_latest).
    pub fn remove_latest<K: ?Sized>(
        &mut self,
        now: Timestamp,
        topics: impl TopicNames<K>,
        key: &str,
        event: EventRef<'_>,
    ) -> Result<EventId, PublishError> {
        self.add(now, topics, Role::Removal(key), None, event)
    }

    /// Appends an event that has an ID already, to fill the log from a database after a restart.
    ///
    /// Append the oldest event first. With a key, the event replaces the one with the same key, as
    /// in [`publish_latest`](Self::publish_latest).
    ///
    /// A client that has one of these IDs then resumes without a gap. If the last event of a client
    /// was not stored before the restart, and so is not appended, the client gets a gap. Its reason
    /// is [`Diverged`](crate::server::GapReason::Diverged) or, until the first event is published
    /// after the restart, [`Unknown`](crate::server::GapReason::Unknown). Events that are published
    /// later have a higher epoch than the appended ones.
    ///
    /// # Errors
    ///
    /// The same as [`publish_latest`](Self::publish_latest), and [`PublishError::IdNotNewer`] if
    /// the ID is not higher than those of all events before, or its number is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::server::{Delivery, EventId, Topics, TopicsConfig};
    /// use ssewire::{EventRef, Timestamp};
    ///
    /// let now = Timestamp::default();
    /// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xF);
    /// // What a database has of the time before the restart, in the epoch e.
    /// for (number, data) in [(1, "hello"), (2, "rain")] {
    ///     topics.append(now, EventId::new(0xE, number), "news", None, EventRef::new(data))?;
    /// }
    /// topics.publish(now, "news", EventRef::new("sun"))?;
    ///
    /// let mut reader = topics.subscribe(now, "news", "e-1")?;
    /// let Some(Delivery::Events(events)) = topics.poll_delivery(&mut reader, 1 << 16) else { panic!() };
    /// assert_eq!(events.into_bytes(), "id: e-2\ndata: rain\n\nid: f-1\ndata: sun\n\n");
    /// # topics.unsubscribe(reader);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append<K: ?Sized>(
        &mut self,
        now: Timestamp,
        id: EventId,
        topics: impl TopicNames<K>,
        key: Option<&str>,
        event: EventRef<'_>,
    ) -> Result<(), PublishError> {
        let role = key.map_or(Role::Plain, Role::Latest);
        self.add(now, topics, role, Some(id), event)?;
        Ok(())
    }

    pub(super) fn add<K: ?Sized>(
        &mut self,
        now: Timestamp,
        topics: impl TopicNames<K>,
        role: Role<'_>,
        id: Option<EventId>,
        event: EventRef<'_>,
    ) -> Result<EventId, PublishError> {
        // First, since a topic of the event may be forgotten with its last one.
        self.history.expire(now);
        let id = self.id_of_event(id);
        let topics = id.and_then(|_| self.topics_of_event(now, topics, role));
        match topics.and_then(|topics| Ok((topics, id?))) {
            Ok((topics, id)) => {
                self.add_to(now, &topics, role, id, event);
                Ok(id)
            }
            Err(error) => {
                self.stats.refused += 1;
                Err(error)
            }
        }
    }

    /// Returns the topics of an event, which may be new.
    fn topics_of_event<K: ?Sized>(
        &mut self,
        now: Timestamp,
        topics: impl TopicNames<K>,
        role: Role<'_>,
    ) -> Result<TopicKeys, PublishError> {
        self.check_key(role)?;
        let mut keys = TopicKeys::new();
        if let Some(name) = topics.one_name() {
            keys.push(self.topic_of_event(now, name)?);
            return Ok(keys);
        }
        let names = topics.into_topics();
        self.check_names(&names)?;
        for name in names.iter() {
            match self.topic_of_event(now, name) {
                Ok(key) => keys.push(key),
                Err(error) => {
                    keys.iter()
                        .for_each(|key| self.history.forget_if_unused(*key));
                    return Err(error);
                }
            }
        }
        Ok(keys)
    }

    /// Returns the topics of an event of a log that is followed. They take it even if they are closed,
    /// because other followers may have it.
    pub(super) fn topics_of_followed(
        &mut self,
        names: &TopicSet,
        role: Role<'_>,
    ) -> Result<TopicKeys, PublishError> {
        self.check_key(role)?;
        self.check_names(names)?;
        let keys = names.iter().map(|name| self.history.find_or_add(name));
        Ok(keys.collect())
    }

    #[inline]
    fn topic_of_event(&mut self, now: Timestamp, name: &str) -> Result<TopicKey, PublishError> {
        self.check_name(name)?;
        let key = self.history.find_or_add(name);
        match self.history.open_in_time(key, now) {
            true => Ok(key),
            false => Err(PublishError::TopicClosed),
        }
    }

    pub(super) fn check_key(&self, role: Role<'_>) -> Result<(), PublishError> {
        let limit = self.config.max_topic_name_bytes;
        let bytes = role.named_key().map_or(0, str::len);
        match bytes > limit {
            true => Err(PublishError::KeyTooLong { bytes, limit }),
            false => Ok(()),
        }
    }

    pub(super) fn check_names(&self, names: &TopicSet) -> Result<(), PublishError> {
        match names.is_empty() {
            true => Err(PublishError::NoTopic),
            false => names.iter().try_for_each(|name| self.check_name(name)),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), PublishError> {
        let (bytes, limit) = (name.len(), self.config.max_topic_name_bytes);
        match bytes > limit {
            true => Err(PublishError::NameTooLong { bytes, limit }),
            false => Ok(()),
        }
    }

    /// Returns the ID of the next event, which is the given one if there is one.
    fn id_of_event(&mut self, given: Option<EventId>) -> Result<EventId, PublishError> {
        let newest = self.position();
        if self.following.is_some() {
            return Err(PublishError::Followed);
        }
        let Some(id) = given else {
            return Ok(match newest.epoch() == self.epoch {
                true => {
                    let number = newest.number().checked_add(1);
                    EventId::new(
                        self.epoch,
                        number.ok_or(PublishError::IdNotNewer { newest })?,
                    )
                }
                false => EventId::new(self.epoch, 1),
            });
        };
        let is_newer = self.history.newest().is_none_or(|newest| id > newest);
        if !is_newer || id.number() == 0 {
            return Err(PublishError::IdNotNewer { newest });
        }
        if id.epoch() >= self.epoch {
            self.epoch = id.epoch().saturating_add(1);
        }
        Ok(id)
    }

    pub(super) fn add_to(
        &mut self,
        now: Timestamp,
        topics: &[TopicKey],
        role: Role<'_>,
        id: EventId,
        event: EventRef<'_>,
    ) {
        if let Some(key) = role.named_key() {
            self.history.remove_key(topics, key);
        }
        let key = role.key();
        self.id.clear();
        let _ = write!(self.id, "{id}");
        let event = event.with_checked_id(&self.id);
        let bytes = match event.data().len() > LARGE {
            // Otherwise it would be held for a moment together with all that it replaces.
            true => {
                self.history.make_room(topics, event.encoded_len(), key);
                event.to_bytes()
            }
            false => {
                let bytes = event.to_bytes();
                self.history.make_room(topics, bytes.len(), key);
                bytes
            }
        };
        let arrival = Arrival {
            id,
            now,
            bytes,
            role,
        };
        self.history.push(topics, arrival);
        for topic in topics {
            self.wake_readers(*topic);
        }
    }

    /// Ends the wait of the subscribers of a topic.
    pub(super) fn wake_readers(&mut self, topic: TopicKey) {
        if let Some(topic) = self.history.topic_mut(topic) {
            topic.waiting.drain_into(&mut self.ready);
            let (readers, ready) = (&mut self.readers, &mut self.ready);
            topic
                .members
                .take_each(|member| readers.note_news(member, ready));
        }
    }
}

/// For data of more bytes, room is made before the event is encoded.
const LARGE: usize = 1024;
