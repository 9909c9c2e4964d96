//! A body as a stream of bytes.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::Body;
use pin_project_lite::pin_project;

use super::event_body::EventBody;
use crate::adapters::runtime::{Timer, Untimed};
use crate::server::EventStream;

pin_project! {
    /// The bytes of an [`EventBody`], for servers that are not built on the crate http-body.
    ///
    /// [`EventBody::into_stream`] creates it. Its items are `Result<Bytes, E>`, where `E` is the error
    /// of the events, which can have none. That is what actix-web's `HttpResponseBuilder::streaming`
    /// takes, and poem's `Body::from_bytes_stream` once the error is an
    /// [`io::Error`](std::io::Error).
    pub struct EventBytes<S, T = Untimed, E = core::convert::Infallible> {
        #[pin]
        body: EventBody<S, T, E>,
    }
}

impl<S, T, E> EventBytes<S, T, E> {
    pub(super) const fn new(body: EventBody<S, T, E>) -> Self {
        Self { body }
    }
}

impl<S, T, E> Stream for EventBytes<S, T, E>
where
    S: EventStream<Error = E>,
    T: Timer,
{
    type Item = Result<Bytes, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(frame) = ready!(self.project().body.poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        // A body of events has no trailers.
        Poll::Ready(Some(
            frame.map(|frame| frame.into_data().unwrap_or_default()),
        ))
    }
}

impl<S, T, E> fmt::Debug for EventBytes<S, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBytes")
            .field("body", &self.body)
            .finish()
    }
}
