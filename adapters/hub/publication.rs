//! The result of publishing.

use core::pin::Pin;
use core::task::{Context, Poll};

use crate::server::{EventId, PublishError};

/// The result of publishing to a [`Hub`](super::Hub), as a future of the event's new ID.
///
/// The event is published even if this is not awaited. For a hub in memory, the future is ready at
/// once.
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
pub struct Publication(Result<EventId, PublishError>);

impl Publication {
    pub(super) const fn new(result: Result<EventId, PublishError>) -> Self {
        Self(result)
    }

    pub(super) const fn into_result(self) -> Result<EventId, PublishError> {
        self.0
    }

    /// Returns the event's new ID, or `None` if the ID is not known yet or the event could not be
    /// published. To learn why, await this.
    pub fn id(&self) -> Option<EventId> {
        self.0.ok()
    }
}

impl Future for Publication {
    type Output = Result<EventId, PublishError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.0)
    }
}
