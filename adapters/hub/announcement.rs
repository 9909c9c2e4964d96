//! Presences that end with their owner.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::observation::Published;
use super::{Closing, Hub, Shared, State, Subscription};
use crate::Event;
use crate::server::{Announced, Presence, PublishError};

/// An announced [`Presence`], which lasts until this is dropped.
///
/// [`Hub::announce`] returns it. [`Subscription::announce`] announces a presence that lasts as long
/// as the subscription.
///
/// Once the hub is being shut down, the end of a presence is not published.
///
/// # Examples
///
/// ```
/// use ssewire::server::Presence;
/// use ssewire::{Event, Hub};
///
/// let hub = Hub::new();
/// let gone = Event::new("ann").with_type("gone")?;
/// let presence = Presence::new("room", "ann", Event::new("ann").with_type("here")?, gone);
/// let mut ann = hub.announce(presence)?;
/// ann.change(Event::new("ann, busy").with_type("here")?)?;
/// assert_eq!(hub.present("room")[0].1.data(), "ann, busy");
///
/// drop(ann);
/// assert!(hub.present("room").is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the presence ends when this is dropped"]
pub struct Announcement {
    hub: Arc<Shared>,
    /// `None` only while it is dropped.
    announced: Option<Held>,
}

#[derive(Debug)]
enum Held {
    Here(Announced),
    /// On all machines, by its token.
    #[cfg(feature = "redis")]
    Everywhere(u64),
}

impl Hub {
    /// Announces a presence, which lasts until the returned [`Announcement`] is dropped.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if the topic is closed, or its name or the key is too long.
    pub fn announce(&self, presence: Presence) -> Result<Announcement, PublishError> {
        Announcement::new(&self.0, presence)
    }

    /// Returns the keys that are present in a topic, in order, each with the event that was
    /// announced last.
    pub fn present(&self, topic: impl AsRef<str>) -> Vec<(String, Event)> {
        let topic = topic.as_ref();
        let state = self.0.lock();
        let present = state.topics.present(topic);
        present
            .map(|(key, here)| (key.into(), here.clone()))
            .collect()
    }
}

impl Subscription {
    /// Announces a presence, which lasts as long as the subscription.
    ///
    /// The subscription need not read the topic of the presence. If it does, and begins with a
    /// replay, it gets the other presences first and then its own.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if the topic is closed, or its name or the key is too long.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # mod run {
    /// use ssewire::server::{Presence, Start};
    /// use ssewire::{Event, Hub};
    ///
    /// fn presence(name: &str, device: &str) -> Result<Presence, ssewire::InvalidField> {
    ///     let here = Event::new(format!("{name}, on a {device}")).with_type("here")?;
    ///     Ok(Presence::new("room", name, here, Event::new(name).with_type("gone")?))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let hub = Hub::new();
    /// let mut ann = hub.subscribe("room", Start::Earliest)?;
    /// ann.announce(presence("ann", "phone")?)?;
    ///
    /// // Whoever comes later gets all who are here, and then the changes.
    /// let mut bob = hub.subscribe("room", Start::Earliest)?;
    /// bob.announce(presence("bob", "laptop")?)?;
    /// let here = bob.next().await.unwrap().into_bytes();
    /// assert!(here.windows(16).any(|bytes| bytes == b"ann, on a phone\n"));
    ///
    /// drop(ann);
    /// assert!(bob.next().await.unwrap().as_bytes().ends_with(b"event: gone\ndata: ann\n\n"));
    /// # Ok(())
    /// # }
    /// # }
    /// # #[cfg(feature = "tokio")]
    /// # run::main().unwrap();
    /// ```
    pub fn announce(&mut self, presence: Presence) -> Result<(), PublishError> {
        let announcement = Announcement::new(&self.hub, presence)?;
        self.keep(announcement);
        Ok(())
    }
}

impl Announcement {
    fn new(hub: &Arc<Shared>, presence: Presence) -> Result<Self, PublishError> {
        #[cfg(feature = "redis")]
        if hub.is_relayed {
            let token = hub.announce(presence)?;
            return Ok(Self {
                hub: Arc::clone(hub),
                announced: Some(Held::Everywhere(token)),
            });
        }
        let now = hub.clock.now();
        let mut state = hub.lock();
        let announced = state.topics.announce(now, presence);
        let published = published(&mut state, announced.is_ok());
        hub.wake_ready(state);
        if let Some(published) = published {
            published.tell();
        }
        Ok(Self {
            hub: Arc::clone(hub),
            announced: Some(Held::Here(announced?)),
        })
    }

    /// Changes the event of the presence, for instance to another state or place, and publishes it.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if the topic is closed. The presence then stays as it was.
    pub fn change(&mut self, here: Event) -> Result<(), PublishError> {
        let Some(held) = &mut self.announced else {
            return Ok(());
        };
        #[cfg_attr(
            not(feature = "redis"),
            allow(clippy::infallible_destructuring_match, reason = "there are others")
        )]
        let announced = match held {
            Held::Here(announced) => announced,
            #[cfg(feature = "redis")]
            Held::Everywhere(token) => return self.hub.announce_again(*token, here),
        };
        let now = self.hub.clock.now();
        let mut state = self.hub.lock();
        let changed = state.topics.announce_again(now, announced, here);
        let published = published(&mut state, changed.is_ok());
        self.hub.wake_ready(state);
        if let Some(published) = published {
            published.tell();
        }
        changed
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let Some(held) = self.announced.take() else {
            return;
        };
        #[cfg_attr(
            not(feature = "redis"),
            allow(clippy::infallible_destructuring_match, reason = "there are others")
        )]
        let announced = match held {
            Held::Here(announced) => announced,
            #[cfg(feature = "redis")]
            Held::Everywhere(token) => return self.hub.withdraw(token),
        };
        let now = self.hub.clock.now();
        let mut state = self.hub.lock();
        // In a shutdown all streams end. Publishing the end of each to all others would only delay
        // that.
        let before = state.topics.position();
        if state.closing == Closing::Not {
            state.topics.withdraw(now, announced);
        }
        let is_published = state.topics.position() != before;
        let published = published(&mut state, is_published);
        self.hub.wake_ready(state);
        if let Some(published) = published {
            published.tell();
        }
    }
}

/// Notes the newest event for the observers, if it was published just now.
fn published(state: &mut State, is_published: bool) -> Option<Published> {
    let id = is_published.then(|| state.topics.position());
    Published::note(state, id)
}

impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Announcement")
            .field(&self.announced)
            .finish()
    }
}
