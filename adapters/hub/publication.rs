//! The result of publishing.

use core::pin::Pin;
use core::task::{Context, Poll};

#[cfg(feature = "redis")]
use super::relayed::OnItsWay;
use crate::server::{EventId, PublishError};

/// The result of publishing to a [`Hub`](super::Hub), as a future of the event's new ID.
///
/// The event is published even if this is not awaited. For a hub in memory, the future is ready at
/// once. For a hub over Redis, it is ready when Redis has the event in memory, or when the event has
/// failed.
///
/// # Examples
///
/// ```
/// use ssewire::{Event, Hub};
///
/// let hub = Hub::new();
/// let published = hub.publish("news", Event::new("hello"));
/// assert_eq!(published.id(), Some(hub.position()));
/// ```
#[derive(Debug)]
pub struct Publication(State);

#[derive(Debug)]
enum State {
    Ready(Result<EventId, PublishError>),
    #[cfg(feature = "redis")]
    OnItsWay(OnItsWay),
}

impl Publication {
    pub(super) const fn new(result: Result<EventId, PublishError>) -> Self {
        Self(State::Ready(result))
    }

    #[cfg(feature = "redis")]
    pub(super) const fn on_its_way(publication: OnItsWay) -> Self {
        Self(State::OnItsWay(publication))
    }

    /// Returns the result, if it is known.
    pub(super) fn into_result(self) -> Result<EventId, PublishError> {
        match self.0 {
            State::Ready(result) => result,
            #[cfg(feature = "redis")]
            State::OnItsWay(_) => Err(PublishError::Followed),
        }
    }

    /// Returns the event's new ID, or `None` if the ID is not known yet or the event could not be
    /// published. To learn why, await this.
    pub fn id(&self) -> Option<EventId> {
        match &self.0 {
            State::Ready(result) => result.ok(),
            #[cfg(feature = "redis")]
            State::OnItsWay(publication) => publication.id(),
        }
    }
}

impl Future for Publication {
    type Output = Result<EventId, PublishError>;

    #[cfg_attr(
        not(feature = "redis"),
        expect(unused_variables, reason = "a hub in memory needs no waker")
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.0 {
            State::Ready(result) => Poll::Ready(*result),
            #[cfg(feature = "redis")]
            State::OnItsWay(publication) => publication.poll(cx),
        }
    }
}
