//! Events in, a body out.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, SizeHint};
use pin_project_lite::pin_project;

use super::event_bytes::EventBytes;
use crate::adapters::keep_alive::KeepAlive;
use crate::adapters::runtime::{Timer, Untimed};
use crate::server::{EventStream, Outgoing, SessionConfig, SessionEnd, Wire};

pin_project! {
    /// A body that sends the events of a stream, and ends when the stream ends.
    ///
    /// The items are of any type that converts into [`Outgoing`](crate::server::Outgoing), such as
    /// events, frames, or the batches of a [`Subscription`](crate::Subscription), which are sent as
    /// they are. They may also be [`Result`]s of those. An `Err` aborts the body with its error,
    /// after the items before it were sent.
    ///
    /// Items that are ready together are sent in one data frame of about 16 KiB. An item is never
    /// split, and waits for others only if the session
    /// [gathers](crate::server::SessionConfig::gather) events.
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
    /// assert_eq!(wire, ":welcome\ndata: hi\n\n");
    /// # }
    /// ```
    ///
    /// A channel of tokio's as a stream:
    ///
    /// ```
    /// use futures_util::stream::poll_fn;
    /// use http_body_util::BodyExt;
    /// use ssewire::Event;
    /// use ssewire::hyper::EventBody;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (sender, mut receiver) = tokio::sync::mpsc::channel(16);
    /// let body = EventBody::new(poll_fn(move |cx| receiver.poll_recv(cx)));
    ///
    /// sender.send(Event::new("hi")).await.unwrap();
    /// drop(sender);
    /// assert_eq!(body.collect().await.unwrap().to_bytes(), "data: hi\n\n");
    /// # }
    /// ```
    pub struct EventBody<S, T = Untimed, E = Infallible> {
        // `None` once the stream has ended: it must not be polled again.
        #[pin]
        events: Option<S>,
        // Bytes of the session that were not sent yet.
        written: Vec<u8>,
        // The error that ended the stream, until it is returned.
        error: Option<E>,
        writing: Writing<T>,
    }
}

/// The rules by which the items are written.
enum Writing<T> {
    Bare(Wire),
    Session(KeepAlive<T>),
}

impl<T: Timer> Writing<T> {
    /// Writes an item, or returns its bytes to be sent as they are.
    fn pass(&mut self, item: impl Into<Outgoing>, out: &mut Vec<u8>) -> Option<Bytes> {
        match self {
            Self::Bare(wire) => wire.pass(item, out),
            Self::Session(keep_alive) => keep_alive.pass(item, out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Bare(wire) => wire.end(out),
            Self::Session(keep_alive) => keep_alive.session.end(out),
        }
    }

    /// Returns whether items may be taken now.
    fn takes_events(&self) -> bool {
        match self {
            Self::Bare(_) => true,
            Self::Session(keep_alive) => keep_alive.takes_events(),
        }
    }

    /// Returns whether the events are known to have nothing more for now, and notes it.
    fn handle_drained(&mut self, events: Option<&impl EventStream>) -> bool {
        match (self, events) {
            (Self::Session(keep_alive), Some(events)) if keep_alive.is_drained(events) => {
                keep_alive.handle_pending(events, true);
                true
            }
            _ => false,
        }
    }

    /// Returns whether what is ready together is to leave together, however much it is.
    fn is_gathering(&self) -> bool {
        match self {
            Self::Bare(_) => false,
            Self::Session(keep_alive) => keep_alive.session.is_gathering(),
        }
    }

    fn ended(&self) -> Option<SessionEnd> {
        match self {
            Self::Bare(_) => None,
            Self::Session(keep_alive) => keep_alive.session.ended(),
        }
    }
}

impl<S, E> EventBody<S, Untimed, E>
where
    S: EventStream<Error = E>,
{
    /// Creates a body without a session. It sends only the events, and no comments to keep the
    /// connection alive.
    pub const fn new(events: S) -> Self {
        Self {
            events: Some(events),
            written: Vec::new(),
            error: None,
            writing: Writing::Bare(Wire::new()),
        }
    }
}

impl<S, T, E> EventBody<S, T, E>
where
    S: EventStream<Error = E>,
    T: Timer,
{
    /// Creates a body that a [`Session`](crate::server::Session) opens, keeps alive and ends.
    ///
    /// The session's write timeout has no effect here, because a body does not learn whether the
    /// peer reads it. Set one on the socket, with a [`WriteTimeout`](crate::io::WriteTimeout).
    pub fn with_session(events: S, config: SessionConfig, timer: T) -> Self {
        let mut written = Vec::new();
        let keep_alive = KeepAlive::open(config, timer, &events, &mut written);
        Self {
            events: Some(events),
            written,
            error: None,
            writing: Writing::Session(keep_alive),
        }
    }

    /// Returns the body as a stream of bytes, for servers that are not built on the crate
    /// http-body.
    ///
    /// The response needs the headers of [`event_stream`](super::event_stream) too.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{StreamExt, stream};
    /// use ssewire::Event;
    /// use ssewire::hyper::EventBody;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let events = stream::iter([Ok(Event::new("hi")), Err("the source is gone")]);
    /// let mut bytes = EventBody::new(events).into_stream();
    /// assert_eq!(bytes.next().await, Some(Ok("data: hi\n\n".into())));
    /// assert_eq!(bytes.next().await, Some(Err("the source is gone")));
    /// assert_eq!(bytes.next().await, None);
    /// # }
    /// ```
    pub const fn into_stream(self) -> EventBytes<S, T, E> {
        EventBytes::new(self)
    }
}

impl<S, T, E> Body for EventBody<S, T, E>
where
    S: EventStream<Error = E>,
    T: Timer,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, E>>> {
        let mut this = self.project();
        let mut out = mem::take(this.written);
        let mut items = 0;
        loop {
            let mut were_taken = false;
            while out.len() < FRAME_BYTES && this.writing.takes_events() {
                // A stream that never waits may yield nothing but what is held back.
                if items == ITEMS_PER_POLL {
                    if out.is_empty() {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    break;
                }
                items += 1;
                let Some(events) = this.events.as_mut().as_pin_mut() else {
                    break;
                };
                match events.poll_next_item(cx) {
                    Poll::Ready(Some(Ok(outgoing))) => {
                        were_taken = true;
                        let is_first = out.is_empty();
                        let passed = this.writing.pass(outgoing, &mut out);
                        if let Some(end) = this.writing.ended() {
                            end_events(this.events.as_mut(), end);
                        }
                        let events = this.events.as_ref().as_pin_ref();
                        let is_drained = this.writing.handle_drained(events.as_deref());
                        let is_last = is_drained || !this.writing.is_gathering();
                        match passed {
                            Some(bytes) if is_first && is_last => return data(bytes),
                            // A copy of it would be spared only to send one more frame.
                            Some(bytes) => out.extend_from_slice(&bytes),
                            None => {}
                        }
                        if is_drained {
                            break;
                        }
                    }
                    Poll::Ready(Some(Err(error))) => {
                        this.events.set(None);
                        *this.error = Some(error);
                        break;
                    }
                    Poll::Ready(None) => {
                        this.events.set(None);
                        this.writing.end(&mut out);
                    }
                    Poll::Pending => {
                        let events = this.events.as_ref().as_pin_ref();
                        if let (Writing::Session(keep_alive), Some(events)) =
                            (&mut *this.writing, events)
                        {
                            keep_alive.handle_pending(&*events, were_taken);
                        }
                        break;
                    }
                }
            }
            if !out.is_empty() {
                return data(out);
            }
            if let Some(error) = this.error.take() {
                return Poll::Ready(Some(Err(error)));
            }
            if this.events.is_none() {
                return Poll::Ready(None);
            }
            let Writing::Session(keep_alive) = &mut *this.writing else {
                return Poll::Pending;
            };
            let events = this.events.as_ref().as_pin_ref();
            if keep_alive
                .poll(cx, events.as_deref(), &mut out)
                .is_pending()
            {
                return Poll::Pending;
            }
            if let Some(end) = keep_alive.session.ended() {
                end_events(this.events.as_mut(), end);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_none() && self.written.is_empty() && self.error.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}

impl<S, T, E> fmt::Debug for EventBody<S, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody")
            .field("ended", &self.events.is_none())
            .finish_non_exhaustive()
    }
}

/// Drops the events of a session that has ended.
fn end_events<S: EventStream>(mut events: Pin<&mut Option<S>>, end: SessionEnd) {
    if let Some(events) = events.as_mut().as_pin_mut() {
        events.handle_session_end(end);
    }
    events.set(None);
}

fn data<E>(bytes: impl Into<Bytes>) -> Poll<Option<Result<http_body::Frame<Bytes>, E>>> {
    Poll::Ready(Some(Ok(http_body::Frame::data(bytes.into()))))
}

/// How many items one poll may take that write nothing.
const ITEMS_PER_POLL: usize = 1024;
/// A data frame that has reached this length, in bytes, takes no further event.
const FRAME_BYTES: usize = 16 * 1024;
