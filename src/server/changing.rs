//! Closing topics, ending streams, and changing what a subscriber reads.

use alloc::boxed::Box;
use core::time::Duration;

use smallvec::SmallVec;

use crate::server::delivery::{Gap, GapReason, SubscriberEnd};
use crate::server::history::TopicKeys;
use crate::server::refused::Refused;
use crate::server::subscriber::{Cursors, Several, Subscriber};
use crate::server::topic::TopicKey;
use crate::server::topic_set::TopicNames;
use crate::server::topics::Topics;
use crate::time::Timestamp;

impl<T> Topics<T> {
    /// Closes a topic for some time.
    ///
    /// Its subscribers get the events that are left for them, and then
    /// [end](crate::server::SubscriberEnd::TopicsClosed), unless they also read a topic that is
    /// open. While the topic is closed, nothing can be published to it. A subscription is
    /// [refused](Refused::TopicClosed) if it names only closed topics and the log has no events of
    /// these for it.
    ///
    /// This ends the wait of the topic's subscribers. [`take_ready`](Self::take_ready) then returns
    /// their tokens. A topic that is closed already stays closed until the new time is over. A name
    /// that is longer than
    /// [`TopicsConfig::max_topic_name_bytes`](crate::server::TopicsConfig::max_topic_name_bytes) is
    /// ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use ssewire::server::{Refused, Topics, TopicsConfig};
    /// use ssewire::{EventRef, Timestamp};
    ///
    /// let at = |seconds| Timestamp::from_origin(Duration::from_secs(seconds));
    /// let mut topics = Topics::<u32>::new(TopicsConfig::new(), 0xE);
    /// let half = topics.publish(at(0), "job 7", EventRef::new("50 %"))?;
    /// let done = topics.publish(at(1), "job 7", EventRef::new("done"))?;
    /// topics.close_topic(at(1), "job 7", Duration::from_secs(60));
    ///
    /// // A client that has everything is told to stop. One that lacks an event gets it first.
    /// assert_eq!(topics.subscribe(at(2), "job 7", done).unwrap_err(), Refused::TopicClosed);
    /// let reader = topics.subscribe(at(2), "job 7", half)?;
    /// # topics.unsubscribe(reader);
    ///
    /// // The name can be used again.
    /// topics.publish(at(61), "job 7", EventRef::new("0 %"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close_topic(&mut self, now: Timestamp, topic: &str, time: Duration) {
        if topic.len() > self.config.max_topic_name_bytes {
            // It has neither events nor subscribers, and never will.
            return;
        }
        self.history.open_due(now);
        let key = self.history.find_or_add(topic);
        self.history.close(key, now + time);
        self.wake_readers(key);
    }

    /// Ends all subscribers of a topic, and returns their number.
    ///
    /// The events that they have not read are left out. A subscriber that reads other topics too
    /// ends as well.
    ///
    /// The next delivery to each is
    /// [`SubscriberEnd::Application`](crate::server::SubscriberEnd::Application). This ends their
    /// wait, and [`take_ready`](Self::take_ready) returns their tokens. They may subscribe again.
    /// With a topic per user, this ends all streams of one user.
    pub fn end_subscribers(&mut self, topic: &str) -> usize {
        let Some(key) = self.history.find_key(topic) else {
            return 0;
        };
        self.history.end_streams(key);
        self.wake_readers(key);
        let topic = self.history.topic(key);
        topic.map_or(0, |topic| topic.subscriber_count)
    }

    /// Adds topics to a subscriber, which reads their events from its [position](Self::position_of)
    /// on.
    ///
    /// Topics that it reads already are ignored, and so are [closed](Self::close_topic) ones. If
    /// events after its position may be lost, the subscriber gets a [`Gap`].
    ///
    /// This ends the wait of the subscriber. Returns its token if one was held.
    ///
    /// # Errors
    ///
    /// The same as [`subscribe`](Self::subscribe), where the limit is that of all topics that the
    /// subscriber would read. The subscriber then keeps its topics, and still waits if it did.
    pub fn add_topics<K: ?Sized>(
        &mut self,
        now: Timestamp,
        subscriber: &mut Subscriber,
        topics: impl TopicNames<K>,
    ) -> Result<Option<T>, Refused> {
        let names = topics.into_topics().within(&self.config)?;
        self.history.expire(now);
        self.history.open_due(now);
        let mut added: TopicKeys = SmallVec::new();
        let mut are_closed = !names.is_empty();
        for name in names {
            let key = self.history.find_or_add(name);
            let is_open = self.history.open_in_time(key, now);
            are_closed &= !is_open;
            let is_read = subscriber.topics().iter().any(|cursor| cursor.topic == key);
            if is_open && !is_read {
                added.push(key);
            }
        }
        let read = subscriber.topic_keys().count();
        let (topics, limit) = (read + added.len(), self.config.max_topics_per_subscriber);
        let refused = match (topics > limit, are_closed) {
            (true, _) => Some(Refused::TooManyTopics { topics, limit }),
            (false, true) => Some(Refused::TopicClosed),
            (false, false) => None,
        };
        if let Some(refused) = refused {
            added
                .iter()
                .for_each(|key| self.history.forget_if_unused(*key));
            return Err(refused);
        }
        self.note_end(subscriber);
        let token = self.stop_waiting(subscriber);
        // It has all events of its topics up to there, and may have had none of them for a long
        // time.
        subscriber.position.after = self.position_of(subscriber);
        if subscriber.deferred().is_none() {
            self.tell_of_lost(subscriber, &added);
        }
        let position = subscriber.position;
        if let Some(gap) = subscriber
            .opening
            .as_mut()
            .and_then(|opening| opening.gap.as_mut())
        {
            // Older events of the added topics may come after it.
            gap.resumes_after = position.after;
        }
        let several = self.several(subscriber);
        for key in added {
            if let Some(topic) = self.history.topic_mut(key) {
                topic.subscriber_count += 1;
            }
            several.add(&mut self.history, position, key);
        }
        Ok(token)
    }

    /// Removes topics from a subscriber. Their events that it has not read are left out.
    ///
    /// This ends the wait of the subscriber. Returns its token if one was held. Topics that it does
    /// not read are ignored. A subscriber without topics waits until some are added.
    pub fn remove_topics<K: ?Sized>(
        &mut self,
        subscriber: &mut Subscriber,
        topics: impl TopicNames<K>,
    ) -> Option<T> {
        self.note_end(subscriber);
        let token = self.stop_waiting(subscriber);
        let position = subscriber.position;
        for name in topics.into_topics().iter() {
            let Some(key) = self.history.find_key(name) else {
                continue;
            };
            let several = self.several(subscriber);
            let (history, readers) = (&mut self.history, &mut self.readers);
            if several.remove(history, readers, position, key) {
                history.remove_subscriber(key);
            }
        }
        token
    }

    /// Ends a subscriber, and returns its token if one was held.
    ///
    /// The events that it has not read are left out. Its next delivery is
    /// [`SubscriberEnd::Application`](crate::server::SubscriberEnd::Application), unless it has
    /// ended already.
    pub fn end_subscriber(&mut self, subscriber: &mut Subscriber) -> Option<T> {
        subscriber.end.get_or_insert(SubscriberEnd::Application);
        self.stop_waiting(subscriber)
    }

    /// Notes a gap for the dropped events of topics that a subscriber has not read.
    fn tell_of_lost(&mut self, subscriber: &mut Subscriber, topics: &[TopicKey]) {
        let logs = topics.iter().filter_map(|key| self.history.topic(*key));
        let lost = logs
            .filter(|topic| subscriber.position.has_lost(&topic.log))
            .map(|topic| topic.log.newest_dropped());
        let Some(newest_lost) = lost.max() else {
            return;
        };
        let position = &mut subscriber.position;
        position.told = position.told.max(newest_lost);
        let opening = subscriber.opening.get_or_insert_default();
        // A gap that it has not got yet stands for both.
        self.stats.gaps += u64::from(opening.gap.is_none());
        let reason = opening.gap.map_or(GapReason::TooOld, |gap| gap.reason);
        opening.gap = Some(Gap {
            reason,
            // Events of its other topics may still come after that.
            resumes_after: position.after,
        });
    }

    /// Turns a subscriber of one topic into one of several, and returns these.
    fn several<'s>(&mut self, subscriber: &'s mut Subscriber) -> &'s mut Several {
        if let Cursors::One(cursor) = &subscriber.cursors {
            let (history, readers) = (&mut self.history, &mut self.readers);
            let several = Several::new(&[cursor.topic], history, readers, subscriber.position);
            subscriber.cursors = Cursors::Several(Box::new(several));
        }
        match &mut subscriber.cursors {
            Cursors::Several(several) => several,
            Cursors::One(_) => unreachable!("it has just been made one of several"),
        }
    }
}
