//! A stream of events to a byte stream, kept alive and watched.

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Poll, ready};
use std::io;

use futures_core::Stream;

use super::keep_alive::KeepAlive;
use super::outbound::Outbound;
use super::runtime::{Timer, WriteTo};
use crate::server::{Outgoing, SessionConfig, SessionEnd};

/// Sends all events, then ends the byte stream; or less, if the session ends.
pub(super) async fn forward<T, W, S>(
    outbound: &mut Outbound,
    writer: &mut W,
    events: S,
    config: SessionConfig,
    timer: T,
) -> io::Result<Option<SessionEnd>>
where
    T: Timer + WriteTo<W>,
    S: Stream<Item: Into<Outgoing>>,
{
    let mut keep_alive = outbound.queue(|out| KeepAlive::open(config, timer, out))?;
    let mut events = pin!(events);
    let mut is_closing = false;
    let mut is_flushed = false;
    poll_fn(|cx| {
        let mut items = 0;
        loop {
            let before = outbound.len();
            is_flushed &= before == 0;
            let written = outbound.poll_write(cx, |cx, bytes| T::poll_write(writer, cx, bytes))?;
            if written.is_ready() && !is_flushed {
                let flushed = outbound.poll_flush(cx, |cx| T::poll_flush(writer, cx))?;
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
            } else if is_closing {
                if outbound
                    .poll_flush(cx, |cx| T::poll_close(writer, cx))?
                    .is_ready()
                {
                    return Poll::Ready(Ok(keep_alive.session.ended()));
                }
                keep_alive.session.handle_blocked(keep_alive.alarm.now());
            } else {
                // A stream that never waits, to a peer that never does, would keep all other tasks
                // waiting.
                if items == ITEMS_PER_POLL {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                items += 1;
                match events.as_mut().poll_next(cx) {
                    Poll::Ready(Some(item)) => {
                        outbound.queue(|out| item.into().encode(out))?;
                        is_closing = !keep_alive.handle_sent();
                        continue;
                    }
                    Poll::Ready(None) => {
                        is_closing = true;
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            ready!(outbound.queue(|out| keep_alive.poll(cx, out))?);
            match keep_alive.session.ended() {
                // Its peer takes nothing, so there is no clean end.
                Some(SessionEnd::Stalled) => return Poll::Ready(Ok(Some(SessionEnd::Stalled))),
                Some(_) => is_closing = true,
                None => {}
            }
        }
    })
    .await
}

/// How many items one poll may send before it lets other tasks run.
const ITEMS_PER_POLL: usize = 32;
