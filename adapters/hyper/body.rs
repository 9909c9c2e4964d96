//! Frames in, a body out.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, SizeHint};
use pin_project_lite::pin_project;

use crate::Frame;

pin_project! {
    /// Sends the events of a stream as a body; its end ends the body.
    ///
    /// The items are whatever converts into a [`Frame`]: events, or frames where comments and
    /// reconnection times are wanted too. Items that are ready together leave in one piece, up to
    /// about 16 KiB; an item is never held back to wait for another, and never divided.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::stream;
    /// use http_body_util::BodyExt;
    /// use ssewire::hyper::EventBody;
    /// use ssewire::{Event, Frame};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let opening = Frame::Comment("welcome".into());
    /// let body = EventBody::new(stream::iter([opening, Event::new("hi").into()]));
    ///
    /// let wire = body.collect().await.unwrap().to_bytes();
    /// assert_eq!(wire, ":welcome\n\ndata: hi\n\n");
    /// # }
    /// ```
    pub struct EventBody<S> {
        // `None` from the end of the stream on: it must not be polled again.
        #[pin]
        events: Option<S>,
    }
}

impl<S> EventBody<S>
where
    S: Stream<Item: Into<Frame>>,
{
    /// Makes a body.
    pub const fn new(events: S) -> Self {
        Self {
            events: Some(events),
        }
    }
}

impl<S> Body for EventBody<S>
where
    S: Stream<Item: Into<Frame>>,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let mut events = self.project().events;
        let mut out = Vec::new();
        while out.len() < PIECE_BYTES {
            let Some(stream) = events.as_mut().as_pin_mut() else {
                break;
            };
            match stream.poll_next(cx) {
                Poll::Ready(Some(item)) => item.into().encode(&mut out),
                Poll::Ready(None) => events.set(None),
                Poll::Pending if out.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        let piece = (!out.is_empty()).then(|| Ok(http_body::Frame::data(Bytes::from(out))));
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}

impl<S> fmt::Debug for EventBody<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody")
            .field("ended", &self.events.is_none())
            .finish_non_exhaustive()
    }
}

/// A piece that has reached this length takes no further event.
const PIECE_BYTES: usize = 16 * 1024;
