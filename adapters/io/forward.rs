//! A stream of events into a byte stream, kept alive and watched.

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Poll, ready};
use std::io;

use crate::adapters::io::{BoxError, EventWriter};
use crate::adapters::keep_alive::KeepAlive;
use crate::adapters::runtime::{Runtime, WriteTo};
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
        let timer = K::Timer::default();
        let (outbound, writer) = self.parts();
        let mut keep_alive = outbound.queue(|out| KeepAlive::open(config, timer, &events, out))?;
        let mut events = pin!(events);
        let mut is_closing = false;
        // Why it is closing, unless it is because the stream has ended.
        let mut end = None;
        // The error of the stream, until what came before it is written.
        let mut failure = None;
        let mut is_flushed = false;
        poll_fn(|cx| {
            let mut items = 0;
            loop {
                let before = outbound.len();
                is_flushed &= before == 0;
                let written =
                    outbound.poll_write(cx, |cx, bytes| K::poll_write(writer, cx, bytes))?;
                if written.is_ready() && !is_flushed {
                    let flushed = outbound.poll_flush(cx, |cx| K::poll_flush(writer, cx))?;
                    is_flushed = flushed.is_ready();
                    if is_flushed {
                        keep_alive.session.handle_unblocked();
                    }
                }
                if !is_flushed {
                    // Nothing more is taken from the stream: what waits for a slow peer is one item.
                    if outbound.len() < before {
                        keep_alive.session.handle_unblocked();
                    }
                    keep_alive.session.handle_blocked(keep_alive.alarm.now());
                } else if let Some(failure) = failure.take() {
                    return Poll::Ready(Err(failure));
                } else if is_closing {
                    if outbound
                        .poll_flush(cx, |cx| K::poll_close(writer, cx))?
                        .is_ready()
                    {
                        return Poll::Ready(Ok(end));
                    }
                    keep_alive.session.handle_blocked(keep_alive.alarm.now());
                } else {
                    // A stream that never waits, to a peer that never does, would keep all other tasks
                    // waiting.
                    if items >= ITEMS_PER_POLL {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    let mut were_taken = false;
                    // What is gathered leaves in one write.
                    while keep_alive.takes_events()
                        && outbound.len() < GATHERED_BYTES
                        && items < GATHERED_ITEMS
                    {
                        items += 1;
                        match events.as_mut().poll_next_item(cx) {
                            Poll::Ready(Some(Err(error))) if !were_taken => {
                                return Poll::Ready(Err(io::Error::other(error)));
                            }
                            Poll::Ready(Some(Err(error))) => {
                                failure = Some(io::Error::other(error));
                                break;
                            }
                            Poll::Ready(Some(Ok(outgoing))) => {
                                outbound.queue(|out| {
                                    if let Some(bytes) = keep_alive.pass(outgoing, out) {
                                        out.extend_from_slice(&bytes);
                                    }
                                })?;
                                were_taken = true;
                                end = keep_alive.session.ended();
                                is_closing = end.is_some();
                                if let Some(end) = end {
                                    events.as_mut().handle_session_end(end);
                                }
                                if is_closing || !keep_alive.session.is_gathering() {
                                    break;
                                }
                                if keep_alive.is_drained(&*events) {
                                    keep_alive.handle_pending(&*events, true);
                                    break;
                                }
                            }
                            Poll::Ready(None) => {
                                outbound.queue(|out| keep_alive.session.end(out))?;
                                were_taken = true;
                                is_closing = true;
                                break;
                            }
                            Poll::Pending => {
                                keep_alive.handle_pending(&*events, were_taken);
                                break;
                            }
                        }
                    }
                    if were_taken {
                        continue;
                    }
                }
                ready!(outbound.queue(|out| keep_alive.poll(cx, Some(&*events), out))?);
                match keep_alive.session.ended() {
                    // Its peer takes nothing, so there is no clean end.
                    Some(stalled @ SessionEnd::Stalled) => {
                        events.as_mut().handle_session_end(stalled);
                        return Poll::Ready(Ok(Some(stalled)));
                    }
                    Some(_) if is_closing => {}
                    ended => {
                        end = ended;
                        is_closing = end.is_some();
                        if let Some(end) = end {
                            events.as_mut().handle_session_end(end);
                        }
                    }
                }
            }
        })
        .await
    }
}

/// How many items one poll may send before it lets other tasks run.
const ITEMS_PER_POLL: usize = 32;
/// No further event is gathered after so many bytes, or items of a poll.
const GATHERED_BYTES: usize = 64 * 1024;
const GATHERED_ITEMS: usize = 1024;
