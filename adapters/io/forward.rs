//! A stream of events into a byte stream, kept alive and watched.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use std::io;

use super::outbound::Outbound;
use super::{BoxError, EventWriter};
use crate::adapters::keep_alive::KeepAlive;
use crate::adapters::runtime::{Runtime, Timer, WriteTo};
use crate::server::{EventStream, SessionConfig, SessionEnd};

impl<W, K: WriteTo<W> + Runtime> EventWriter<W, K> {
    /// Sends all events of a stream in a [session](crate::server::Session), which sends comments
    /// during silences to keep the connection alive, and then closes the byte stream.
    ///
    /// The items are of any type that converts into [`Outgoing`](crate::server::Outgoing): events,
    /// frames, or the batches of a [`Subscription`](crate::Subscription). They may also be
    /// [`Result`]s of those. Nothing is taken from the stream while an item is being written, so a
    /// slow peer only delays the stream, and nothing piles up for it.
    ///
    /// Returns why the session ended, or `None` if the stream ended first. After
    /// [`SessionEnd::MaxAge`] the byte stream is closed in an orderly way. After
    /// [`SessionEnd::Stalled`] it is still open, because the peer read nothing for the length of
    /// the write timeout. Drop the writer then.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send). An item that is an `Err` is the source of an error of the kind
    /// [`Other`](io::ErrorKind::Other); what came before it was written, and the byte stream is left
    /// open, to be dropped, so that its reader does not take it for complete.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe. If its future is dropped, the events that were taken from
    /// the stream are in the queue of this writer, but the stream and the session are lost.
    pub async fn forward<S>(
        &mut self,
        events: S,
        config: SessionConfig,
    ) -> io::Result<Option<SessionEnd>>
    where
        S: EventStream<Error: Into<BoxError>>,
    {
        let (outbound, writer) = self.parts();
        let mut forwarding = Forwarding::open(outbound, config, K::Timer::default(), &events)?;
        let mut events = pin!(events);
        poll_fn(|cx| forwarding.poll::<_, _, K>(cx, outbound, writer, events.as_mut())).await
    }
}

/// A session between a stream of events and a byte stream.
pub(in crate::adapters) struct Forwarding<T> {
    keep_alive: KeepAlive<T>,
    is_closing: bool,
    is_flushed: bool,
    /// Why it is closing, unless it is because the stream has ended.
    end: Option<SessionEnd>,
    /// The error of the stream, until what came before it is written.
    failure: Option<io::Error>,
}

impl<T: Timer> Forwarding<T> {
    /// Returns whether all events are queued, and the end follows.
    #[cfg(feature = "lane")]
    pub(in crate::adapters) const fn is_closing(&self) -> bool {
        self.is_closing
    }

    #[cfg(feature = "lane")]
    pub(in crate::adapters) const fn timer(&self) -> &T {
        self.keep_alive.alarm.timer()
    }

    /// Opens a session of events, whose first bytes are queued.
    pub(in crate::adapters) fn open(
        outbound: &mut Outbound,
        config: SessionConfig,
        timer: T,
        events: &impl EventStream,
    ) -> io::Result<Self> {
        let keep_alive = outbound.queue(|out| KeepAlive::open(config, timer, events, out))?;
        Ok(Self {
            keep_alive,
            is_closing: false,
            is_flushed: false,
            end: None,
            failure: None,
        })
    }

    /// Writes what there is, until something has to be waited for. The result is that of
    /// [`EventWriter::forward`].
    pub(in crate::adapters) fn poll<S, W, K>(
        &mut self,
        cx: &mut Context<'_>,
        outbound: &mut Outbound,
        writer: &mut W,
        mut events: Pin<&mut S>,
    ) -> Poll<io::Result<Option<SessionEnd>>>
    where
        S: EventStream<Error: Into<BoxError>>,
        K: WriteTo<W>,
    {
        let mut items = 0;
        loop {
            let before = outbound.len();
            self.is_flushed &= before == 0;
            let written = outbound.poll_write(cx, |cx, bytes| K::poll_write(writer, cx, bytes))?;
            if written.is_ready() && !self.is_flushed {
                let flushed = outbound.poll_flush(cx, |cx| K::poll_flush(writer, cx))?;
                self.is_flushed = flushed.is_ready();
                if self.is_flushed {
                    self.keep_alive.session.handle_unblocked();
                }
            }
            if !self.is_flushed {
                // Nothing more is taken from the stream: what waits for a slow peer is one item.
                if outbound.len() < before {
                    self.keep_alive.session.handle_unblocked();
                }
                self.keep_alive
                    .session
                    .handle_blocked(self.keep_alive.alarm.now());
            } else if let Some(failure) = self.failure.take() {
                return Poll::Ready(Err(failure));
            } else if self.is_closing {
                if outbound
                    .poll_flush(cx, |cx| K::poll_close(writer, cx))?
                    .is_ready()
                {
                    return Poll::Ready(Ok(self.end));
                }
                self.keep_alive
                    .session
                    .handle_blocked(self.keep_alive.alarm.now());
            } else {
                // A stream that never waits, to a peer that never does, would keep all other tasks
                // waiting.
                if items >= ITEMS_PER_POLL {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let mut were_taken = false;
                // What is gathered leaves in one write.
                while self.keep_alive.takes_events()
                    && outbound.len() < GATHERED_BYTES
                    && items < GATHERED_ITEMS
                {
                    items += 1;
                    match events.as_mut().poll_next_item(cx) {
                        Poll::Ready(Some(Err(error))) if !were_taken => {
                            return Poll::Ready(Err(io::Error::other(error)));
                        }
                        Poll::Ready(Some(Err(error))) => {
                            self.failure = Some(io::Error::other(error));
                            break;
                        }
                        Poll::Ready(Some(Ok(outgoing))) => {
                            outbound.queue(|out| {
                                if let Some(bytes) = self.keep_alive.pass(outgoing, out) {
                                    out.extend_from_slice(&bytes);
                                }
                            })?;
                            were_taken = true;
                            self.end = self.keep_alive.session.ended();
                            self.is_closing = self.end.is_some();
                            if let Some(end) = self.end {
                                events.as_mut().handle_session_end(end);
                            }
                            if self.is_closing || !self.keep_alive.session.is_gathering() {
                                break;
                            }
                            if self.keep_alive.is_drained(&*events) {
                                self.keep_alive.handle_pending(&*events, true);
                                break;
                            }
                        }
                        Poll::Ready(None) => {
                            outbound.queue(|out| self.keep_alive.session.end(out))?;
                            were_taken = true;
                            self.is_closing = true;
                            break;
                        }
                        Poll::Pending => {
                            self.keep_alive.handle_pending(&*events, were_taken);
                            break;
                        }
                    }
                }
                if were_taken {
                    continue;
                }
            }
            ready!(outbound.queue(|out| self.keep_alive.poll(cx, Some(&*events), out))?);
            match self.keep_alive.session.ended() {
                // Its peer takes nothing, so there is no clean end.
                Some(stalled @ SessionEnd::Stalled) => {
                    events.as_mut().handle_session_end(stalled);
                    return Poll::Ready(Ok(Some(stalled)));
                }
                Some(_) if self.is_closing => {}
                ended => {
                    self.end = ended;
                    self.is_closing = ended.is_some();
                    if let Some(end) = ended {
                        events.as_mut().handle_session_end(end);
                    }
                }
            }
        }
    }
}

/// How many items one poll may send before it lets other tasks run.
const ITEMS_PER_POLL: usize = 32;
/// No further event is gathered after so many bytes, or items of a poll.
const GATHERED_BYTES: usize = 64 * 1024;
const GATHERED_ITEMS: usize = 1024;
