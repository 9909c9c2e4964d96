//! What a response sends.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use futures_core::Stream;

use crate::server::encoded::Outgoing;
use crate::server::event_id::EventId;
use crate::server::item::OutgoingItem;
use crate::server::session::SessionEnd;

/// What a response sends: any [`Stream`] of [items](OutgoingItem), or a `Subscription` of a `Hub`, which
/// also knows its position.
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

    /// Returns the next item, or `None` at the end. After that it must not be called again.
    fn poll_next_item(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Outgoing, Self::Error>>>;

    /// Returns the ID up to which the stream has told everything, if no item has told that ID: before the
    /// first item, or because the stream has left something out since the last one.
    fn untold_position(&self) -> Option<EventId> {
        None
    }

    /// Returns whether there is nothing more for now, as far as is known without polling.
    ///
    /// A response that gathers does not poll again then. So the stream does not wake it for an event that
    /// it would only let wait.
    fn is_drained(&self) -> bool {
        false
    }

    /// Returns within which time the response is to end, if it is.
    ///
    /// Each of many responses chooses its own moment within that time, so that their clients do not all
    /// return at once. The stream itself does not end meanwhile.
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
