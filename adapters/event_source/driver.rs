//! The loop between the client and a transport: actions out, facts in.

use alloc::boxed::Box;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use http::Response;

use super::chunk::Chunk;
use super::connect::Connect;
use super::failure::{Context as Told, Disconnect, Error, Failure};
use super::head::response_head;
use super::hooks::Hooks;
use super::rejected::{BODY_START_BYTES, Rejected};
use super::trace::Trace;
use crate::Timestamp;
use crate::adapters::io::{ByteStream, Progress};
use crate::adapters::runtime::{Alarm, Timer};
use crate::client::{Action, Client, ClientConfig, CloseReason, End, Phase};

/// A client with the connection that it has asked for.
pub(super) struct Driver<C: Connect, T> {
    pub(super) client: Client,
    /// The phase that the hooks have seen.
    pub(super) phase: Phase,
    pub(super) hooks: Option<Box<Hooks>>,
    /// Whether the last item was returned.
    pub(super) is_over: bool,
    /// How many bytes of the body of a rejected response an error keeps.
    pub(super) max_error_body_bytes: usize,
    connect: C,
    connection: Connection<C>,
    alarm: Alarm<T>,
    /// When the bytes arrived that are being decoded.
    now: Timestamp,
    /// Whether some of those bytes have not been decoded yet.
    has_unread: bool,
    /// How many bytes were decoded but not consumed yet. 0 between two polls, unless a hook or a visitor
    /// panicked.
    decoded: usize,
    /// The work since it last waited, in the units of [`TURN`].
    turn: u32,
    /// Whether the client may have decided something since it was last asked.
    is_unsettled: bool,
    failure: Failure,
    trace: Trace,
}

enum Connection<C: Connect> {
    None,
    Connecting(C::Future),
    Open(C::Body),
    Rejected(Box<Rejected<C::Body>>),
}

impl<C: Connect, T: Timer> Driver<C, T> {
    pub(super) fn new(connect: C, config: ClientConfig, seed: u64, timer: T) -> Self {
        let client = client(&connect, config, seed);
        Self {
            phase: client.phase(),
            client,
            hooks: None,
            connect,
            connection: Connection::None,
            alarm: Alarm::new(timer),
            now: Timestamp::default(),
            has_unread: false,
            decoded: 0,
            turn: 0,
            is_unsettled: true,
            failure: Failure::default(),
            trace: Trace::new(),
            is_over: false,
            max_error_body_bytes: BODY_START_BYTES,
        }
    }

    /// Drives the connection until `take` returns something that it has taken out of the bytes that
    /// arrive, or until the client has closed.
    pub(super) fn poll_taken<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(Chunk<'_, '_>) -> Option<R>,
    ) -> Poll<Option<Result<R, Error>>> {
        loop {
            if self.is_unsettled && !matches!(self.connection, Connection::Rejected(_)) {
                self.settle();
            }
            if matches!(self.connection, Connection::None) {
                if let Phase::Closed(reason) = self.phase {
                    return Poll::Ready(self.last_item(reason).map(Err));
                }
            }
            // A transport that always has bytes, or attempts that fail without a wait, would keep all
            // other work of the task waiting.
            if self.turn >= TURN {
                self.turn = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Connection::Open(body) = &mut self.connection else {
                ready!(self.poll_aside(cx));
                self.turn += READ;
                continue;
            };
            if self.decoded > 0 {
                body.consume(mem::take(&mut self.decoded));
                self.has_unread = false;
            }
            match body.poll_bytes(cx) {
                Poll::Ready(Ok([])) => self.lose(End::Clean, Failure::default()),
                Poll::Ready(Ok(bytes)) => {
                    self.turn += if self.has_unread { 1 } else { READ };
                    if !self.has_unread {
                        self.now = self.alarm.now();
                    }
                    let len = bytes.len();
                    let mut progress = Progress::new(&mut self.decoded, bytes);
                    let taken = take(Chunk {
                        client: &mut self.client,
                        hooks: &mut self.hooks,
                        now: self.now,
                        input: &mut progress.input,
                    });
                    drop(progress);
                    let decoded = mem::take(&mut self.decoded);
                    body.consume(decoded);
                    self.has_unread = decoded < len;
                    if self.client.is_closed() {
                        self.settle();
                    }
                    if taken.is_some() {
                        return Poll::Ready(taken.map(Ok));
                    }
                }
                Poll::Ready(Err(error)) => self.lose(End::Failed, Failure::of_error(error.into())),
                Poll::Pending => ready!(self.poll_timeout(cx)),
            }
        }
    }

    pub(super) fn close(&mut self) {
        self.client.close();
        self.connection = Connection::None;
        self.settle();
    }

    pub(super) fn restart(&mut self) {
        self.client.restart(self.alarm.now());
        self.connection = Connection::None;
        self.settle();
    }

    /// Drives the connection while no stream is open. Ready when something has changed.
    fn poll_aside(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Taken out, so that a future that panics is not polled again.
        match mem::replace(&mut self.connection, Connection::None) {
            Connection::Connecting(mut future) => match Pin::new(&mut future).poll(cx) {
                Poll::Ready(Ok(response)) => self.handle_response(response),
                Poll::Ready(Err(error)) => {
                    let (end, source) = error.into_parts();
                    self.lose(end, Failure::of_error(source));
                }
                Poll::Pending => {
                    self.connection = Connection::Connecting(future);
                    return self.poll_timeout(cx);
                }
            },
            Connection::Rejected(mut rejected) => {
                let is_late = self.alarm.poll(cx, rejected.deadline()).is_ready();
                if !is_late && rejected.poll_body_start(cx).is_pending() {
                    self.connection = Connection::Rejected(rejected);
                    return Poll::Pending;
                }
                self.failure = Failure::of_response(rejected.into_response());
                self.is_unsettled = true;
            }
            open @ Connection::Open(_) => {
                self.connection = open;
                return self.poll_timeout(cx);
            }
            // There would be a connection, had no panic ended it.
            Connection::None if matches!(self.client.phase(), Phase::Connecting | Phase::Open) => {
                self.failure = Failure::of_error(PANICKED.into());
                self.client.refuse();
                self.is_unsettled = true;
            }
            Connection::None => return self.poll_timeout(cx),
        }
        Poll::Ready(())
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let expired = match self.client.poll_timeout() {
            Some(deadline) => self.alarm.poll(cx, deadline),
            None => Poll::Pending,
        };
        let Poll::Ready(now) = expired else {
            self.turn = 0;
            return Poll::Pending;
        };
        self.client.handle_timeout(now);
        self.is_unsettled = true;
        Poll::Ready(())
    }

    fn handle_response(&mut self, response: Response<C::Body>) {
        let now = self.alarm.now();
        let (parts, body) = response.into_parts();
        self.client.handle_response(now, &response_head(&parts));
        self.is_unsettled = true;
        self.has_unread = false;
        if !matches!(self.client.phase(), Phase::Open) {
            let rejected = Rejected::new(parts, body, self.max_error_body_bytes, now);
            self.connection = Connection::Rejected(Box::new(rejected));
            return;
        }
        let hook = self.hooks.as_mut().and_then(|hooks| hooks.on_open.as_mut());
        match hook.map_or(Ok(()), |hook| hook(&parts)) {
            Ok(()) => {
                self.trace.open(&parts, || self.connect.url());
                self.connection = Connection::Open(body);
            }
            Err(error) => {
                self.failure = Failure::of_error(error);
                self.client.refuse();
            }
        }
    }

    fn lose(&mut self, end: End, failure: Failure) {
        self.connection = Connection::None;
        self.failure = failure;
        self.client.handle_end(self.alarm.now(), end);
        self.is_unsettled = true;
    }

    /// Carries out the client's actions, and calls the hooks if its phase has changed.
    fn settle(&mut self) {
        self.is_unsettled = false;
        while let Some(action) = self.client.poll_action(self.alarm.now()) {
            // Its bytes are gone with it.
            self.connection = Connection::None;
            self.decoded = 0;
            if let Action::Connect(attempt) = action {
                self.failure = Failure::default();
                self.trace.attempt(&attempt, || self.connect.url());
                let hooks = self.hooks.as_mut();
                if let Some(hook) = hooks.and_then(|hooks| hooks.on_attempt.as_mut()) {
                    hook(&attempt);
                }
                self.connection = Connection::Connecting(self.connect.connect(&attempt));
            }
        }
        let phase = self.client.phase();
        let before = mem::replace(&mut self.phase, phase);
        if phase != before {
            self.report(before);
        }
    }

    fn report(&mut self, before: Phase) {
        let is_down = |phase| matches!(phase, Phase::Waiting { .. } | Phase::Closed(_));
        let mut gone = None;
        if is_down(self.phase) && !is_down(before) {
            self.failure.set_context(Told {
                url: self.connect.url(),
                idle_timeout: self.client.idle_timeout(),
                stray_lines: self.client.stray_lines(),
                omitted_last_event_id: self.client.omitted_last_event_id(),
            });
            let disconnect = Disconnect {
                phase: self.phase,
                failure: &self.failure,
            };
            self.trace.down(&disconnect);
            gone = Some(disconnect);
        }
        if let Some(hooks) = &mut self.hooks {
            hooks.handle_phase(self.phase, gone.as_ref());
        }
    }

    fn last_item(&mut self, reason: CloseReason) -> Option<Error> {
        if mem::replace(&mut self.is_over, true) || reason.is_orderly() {
            return None;
        }
        Some(Error::new(reason, mem::take(&mut self.failure)))
    }
}

/// Creates the client, with the last event ID of the transport if the caller has set no other.
fn client(connect: &impl Connect, config: ClientConfig, seed: u64) -> Client {
    let config = config.method(connect.method());
    let client = Client::new(config.clone(), seed);
    let seeded = match (client.last_event_id(), connect.last_event_id()) {
        (None, Some(id)) => config.last_event_id(id).ok(),
        _ => None,
    };
    seeded.map_or(client, |config| Client::new(config, seed))
}

const PANICKED: &str = "a hook or the transport panicked while it connected";

/// How much work is done, in all calls together, before other tasks get their turn. Taking out one
/// item is a unit of work.
const TURN: u32 = 1024;
/// How many units a read takes, or a step on the way to a connection. 16 of them are well below
/// tokio's budget for a task, 128, which would leave nothing to the others in it.
const READ: u32 = 64;
