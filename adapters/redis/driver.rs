//! What carries the events of a hub to Redis and back.

use alloc::sync::Weak;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::link::{self, Link, Report};
use crate::adapters::hub;
use crate::adapters::runtime::{Alarm, Timer};
use crate::server::{Action, Link as Which};

/// The future that carries the events of a [`Hub`](crate::Hub) to Redis and back, on the timers `T`.
///
/// It has to be polled, for instance by a task of its own. It ends when the hub is shut down, or when
/// its last handle and its last subscription are dropped. When it is dropped before, publications
/// fail with [`PublishError::RelayClosed`](crate::server::PublishError::RelayClosed), and
/// subscriptions get nothing more.
#[must_use = "a hub over Redis does nothing unless this is polled"]
pub struct Driver<T> {
    hub: Weak<hub::Shared>,
    shared: link::Shared,
    alarm: Alarm<T>,
    links: Links,
}

/// The two connections.
#[derive(Default)]
struct Links {
    publisher: Link,
    reader: Link,
}

impl Links {
    fn of(&mut self, which: Which) -> &mut Link {
        match which {
            Which::Publisher => &mut self.publisher,
            Which::Reader => &mut self.reader,
        }
    }
}

impl<T: Timer + Default> Driver<T> {
    pub(super) fn new(hub: Weak<hub::Shared>, shared: link::Shared) -> Self {
        Self {
            hub,
            shared,
            alarm: Alarm::new(T::default()),
            links: Links::default(),
        }
    }

    /// Passes on what a connection has to tell. Returns whether there was something.
    fn poll_link(&mut self, cx: &mut Context<'_>, hub: &hub::Shared, which: Which) -> bool {
        let Poll::Ready(report) = self.links.of(which).poll(cx) else {
            return false;
        };
        match report {
            Report::Connected => hub.with_relay(None, |relay, _, clocks| {
                relay.handle_connected(clocks.now, which);
            }),
            Report::Failed(failure, message) => {
                hub.with_relay(Some(message), |relay, _, clocks| {
                    relay.handle_failure(clocks.now, which, failure);
                })
            }
            Report::Response(response) => hub.with_relay(None, |relay, topics, clocks| {
                relay.handle_response(clocks.now, clocks.wall, which, response, topics);
            }),
        }
        true
    }

    /// Does what the relay asks. Returns whether it asked for something.
    fn act(&mut self, hub: &hub::Shared) -> bool {
        let mut has_acted = false;
        while let Some(action) = hub.next_relay_action() {
            has_acted = true;
            match action {
                Action::Connect(which) => self.links.of(which).open(&self.shared),
                Action::Disconnect(which) => self.links.of(which).close(),
                Action::Send(which, request) => self.links.of(which).send(&self.shared, request),
                #[allow(
                    unreachable_patterns,
                    reason = "a later version of the core may ask for more"
                )]
                _ => {}
            }
        }
        has_acted
    }
}

impl<T: Timer + Default + Unpin> Future for Driver<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(hub) = this.hub.upgrade() else {
            return Poll::Ready(());
        };
        hub.hold_driver(cx.waker());
        for _ in 0..ROUNDS_PER_POLL {
            if hub.is_relay_over() {
                return Poll::Ready(());
            }
            let mut has_more = this.act(&hub);
            has_more |= this.poll_link(cx, &hub, Which::Publisher);
            has_more |= this.poll_link(cx, &hub, Which::Reader);
            if let Some(wait) = hub.relay_wait() {
                let deadline = this.alarm.now() + wait;
                if this.alarm.poll(cx, deadline).is_ready() {
                    hub.with_relay(None, |relay, _, clocks| relay.handle_timeout(clocks.now));
                    has_more = true;
                }
            }
            if !has_more {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T> Drop for Driver<T> {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.with_relay(None, |relay, _, _| relay.close());
        }
    }
}

impl<T> fmt::Debug for Driver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

/// After so many rounds the task lets others run.
const ROUNDS_PER_POLL: usize = 16;
