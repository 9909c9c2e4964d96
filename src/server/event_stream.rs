//! The events that a response sends.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use futures_core::Stream;

use crate::server::encoded::Outgoing;
use crate::server::event_id::EventId;
use crate::server::item::OutgoingItem;
use crate::server::session::SessionEnd;

/// A source of events for a response: any [`Stream`] of [items](OutgoingItem), or a `Subscription`
/// of a `Hub`, which also knows its position.
///
/// # Examples
///
/// ```
/// use core::pin::pin;
/// use core::task::{Context, Poll, Waker};
/// use futures_util::stream;
/// use ssewire::Event;
/// use ssewire::server::{EventStream, Outgoing};
///
/// let mut events = pin!(stream::iter([Event::new("hi")]));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert_eq!(EventStream::untold_position(&*events), None);
/// let item = events.as_mut().poll_next_item(&mut cx);
/// assert_eq!(item, Poll::Ready(Some(Ok(Outgoing::from(Event::new("hi"))))));
/// ```
pub trait EventStream {
    /// The error that ends the stream early.
    type Error;

    /// Polls for the next item, which is `None` at the end. After that it must not be called again.
    fn poll_next_item(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Outgoing, Self::Error>>>;

    /// Returns the position of the stream, unless the last item carries its ID. So this returns an
    /// ID before the first item, and when the stream has left out events since the last item.
    fn untold_position(&self) -> Option<EventId> {
        None
    }

    /// Returns whether the stream is known to have no more items for now.
    ///
    /// A response that [gathers](crate::server::SessionConfig::gather) events then does not poll
    /// again until it takes events. So it is not woken for an event that would only wait.
    fn is_drained(&self) -> bool {
        false
    }

    /// Returns the time within which the response is to end, or `None` if it is to stay open.
    ///
    /// Each response ends at a moment of its own within that time, so that the clients do not all
    /// return at once. The stream itself does not end before.
    fn closing(&self) -> Option<Duration> {
        None
    }

    /// Reports that the session of the response has ended, before the stream is dropped.
    fn handle_session_end(self: Pin<&mut Self>, end: SessionEnd) {
        let _ = end;
    }
}

impl<S: Stream<Item: OutgoingItem>> EventStream for S {
    type Error = <S::Item as OutgoingItem>::Error;

    #[inline]
    fn poll_next_item(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Outgoing, Self::Error>>> {
        let item = ready!(self.poll_next(cx));
        Poll::Ready(item.map(OutgoingItem::try_into_outgoing))
    }
}
