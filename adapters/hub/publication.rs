//! What publishing returns.

use core::pin::Pin;
use core::task::{Context, Poll};

use crate::server::{EventId, PublishError};

/// An event that was handed to a [`Hub`](super::Hub).
///
/// It is a future of the event's new ID. It need not be awaited: the event is on its way already. In
/// memory it is ready at once.
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

    /// Returns the event's new ID; `None` if it is not known yet, or the event could not be published.
    /// Then await this, to know why.
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
