//! Events in, a body out.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, SizeHint};
use pin_project_lite::pin_project;

use crate::adapters::keep_alive::KeepAlive;
use crate::adapters::runtime::{Timer, Untimed};
use crate::server::{Outgoing, SessionConfig};

pin_project! {
    /// A body that sends the events of a stream, and ends when the stream ends.
    ///
    /// The items are of any type that converts into [`Outgoing`]: events, frames, or the batches of
    /// a [`Subscription`](crate::Subscription), which are sent as they are. Items that are ready
    /// together are sent in one data frame of up to about 16 KiB. An item never waits for another,
    /// and is never split.
    ///
    /// With a [session](Self::with_session), a comment is sent at once and after each silence.
    /// `ssewire::tokio` and `ssewire::async_std` name this type with their timers.
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
    pub struct EventBody<S, T = Untimed> {
        // `None` once the stream has ended: it must not be polled again.
        #[pin]
        events: Option<S>,
        // Bytes of the session that were not sent yet.
        written: Vec<u8>,
        keep_alive: Option<KeepAlive<T>>,
    }
}

impl<S> EventBody<S>
where
    S: Stream<Item: Into<Outgoing>>,
{
    /// Creates a body that sends only the events, and no comments to keep the connection alive.
    pub const fn new(events: S) -> Self {
        Self {
            events: Some(events),
            written: Vec::new(),
            keep_alive: None,
        }
    }
}

impl<S, T> EventBody<S, T>
where
    S: Stream<Item: Into<Outgoing>>,
    T: Timer,
{
    /// Creates a body that a [`Session`](crate::server::Session) opens, keeps alive and ends.
    ///
    /// The session's write timeout has no effect here, because a body does not learn whether the
    /// peer reads it. Set a timeout in the HTTP server or on the socket instead.
    pub fn with_session(events: S, config: SessionConfig, timer: T) -> Self {
        let mut written = Vec::new();
        let keep_alive = KeepAlive::open(config, timer, &mut written);
        Self {
            events: Some(events),
            written,
            keep_alive: Some(keep_alive),
        }
    }
}

impl<S, T> Body for EventBody<S, T>
where
    S: Stream<Item: Into<Outgoing>>,
    T: Timer,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let mut this = self.project();
        let mut out = mem::take(this.written);
        while out.len() < FRAME_BYTES {
            let Some(events) = this.events.as_mut().as_pin_mut() else {
                break;
            };
            match events.poll_next(cx) {
                Poll::Ready(Some(item)) if out.is_empty() => match item.into().into_encoded() {
                    Ok(encoded) => {
                        let ends = |keep_alive: &mut KeepAlive<T>| !keep_alive.handle_sent();
                        if this.keep_alive.as_mut().is_some_and(ends) {
                            this.events.set(None);
                        }
                        return data(encoded.into_bytes());
                    }
                    Err(outgoing) => outgoing.encode(&mut out),
                },
                Poll::Ready(Some(item)) => item.into().encode(&mut out),
                Poll::Ready(None) => this.events.set(None),
                Poll::Pending => break,
            }
        }
        let Some(keep_alive) = this.keep_alive else {
            return match (out.is_empty(), this.events.is_none()) {
                (false, _) => data(out),
                (true, true) => Poll::Ready(None),
                (true, false) => Poll::Pending,
            };
        };
        if !out.is_empty() {
            if !keep_alive.handle_sent() {
                this.events.set(None);
            }
            return data(out);
        }
        while this.events.is_some() && keep_alive.poll(cx, &mut out).is_ready() {
            if keep_alive.session.ended().is_some() {
                this.events.set(None);
            }
            if !out.is_empty() {
                return data(out);
            }
        }
        match this.events.is_none() {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_none() && self.written.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}

impl<S, T> fmt::Debug for EventBody<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody")
            .field("ended", &self.events.is_none())
            .finish_non_exhaustive()
    }
}

fn data(bytes: impl Into<Bytes>) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
    Poll::Ready(Some(Ok(http_body::Frame::data(bytes.into()))))
}

/// A data frame that has reached this length, in bytes, takes no further event.
const FRAME_BYTES: usize = 16 * 1024;
