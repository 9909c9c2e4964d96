//! The event source over a transport that fails in every way, on a clock that moves only when nothing
//! else does: no event is lost, doubled or reordered, no failure makes it spin, and memory stays
//! within the limit and a constant.
//!
//! The first byte holds the options. Each further one is a step of the transport, as [`Connect`] and
//! [`ByteStream`] below read it: three bits for what happens, five for how much. After the last step
//! streams end, and the server wants no more connections.
#![no_main]

#[path = "../../tests/it/common/counting.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod counting;

use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::ops::ControlFlow;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use counting::count;
use http::{Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use ssewire::client::{Attempt, ClientConfig, CloseReason};
use ssewire::event_source::{Connect, ConnectError, EventSource};
use ssewire::io::ByteStream;
use ssewire::runtime::Timer;
use ssewire::{DecoderConfig, Event, FrameRef, Timestamp};

fuzz_target!(|input: &[u8]| {
    let Some((options, steps)) = input.split_first() else {
        return;
    };
    let ((), usage) = count(|| run(*options, steps));
    assert!(usage.peak <= MOST_MEMORY, "{} bytes", usage.peak);
});

fn run(options: u8, steps: &[u8]) {
    let world = Rc::new(RefCell::new(World {
        steps: steps.to_vec(),
        ..World::default()
    }));
    let config = ClientConfig::new().decoder(DecoderConfig::new().max_event_bytes(LIMIT));
    let clock = Clock {
        world: Rc::clone(&world),
        alarm: None,
    };
    let transport = Transport(Rc::clone(&world));
    let mut events = EventSource::with_timer(transport, config, u64::from(options), clock);
    let is_borrowed = options & 1 != 0;

    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut cx = Context::from_waker(&waker);
    let mut idle = 0;
    let end = loop {
        let facts = world.borrow().facts;
        let item = if is_borrowed {
            let visit = |frame: FrameRef<'_>| {
                if let FrameRef::Event(event) = frame {
                    world.borrow_mut().take(&event.to_event());
                }
                ControlFlow::<()>::Continue(())
            };
            pin!(events.for_each_frame(visit))
                .poll(&mut cx)
                .map(|end| end.err().map(Err))
        } else {
            pin!(events.next()).poll(&mut cx)
        };
        let done = world.borrow().facts - facts;
        assert!(done <= MOST_A_POLL, "{done} facts in one poll");
        match item {
            Poll::Ready(Some(Ok(event))) => {
                idle = 0;
                world.borrow_mut().take(&event);
            }
            Poll::Ready(Some(Err(error))) => break Some(error.reason()),
            Poll::Ready(None) => break None,
            Poll::Pending if flag.0.swap(false, Ordering::Relaxed) => {
                // Once it may, since what it did in the polls before counts too.
                idle = if done > 0 { 0 } else { idle + 1 };
                assert!(idle < 2, "it wakes itself for nothing");
            }
            Poll::Pending => {
                idle = 0;
                world.borrow_mut().wait();
                flag.0.store(false, Ordering::Relaxed);
            }
        }
    };
    let world = world.borrow();
    match (end, world.end) {
        (None, None | Some(Fate::NoContent)) => {}
        (Some(CloseReason::EventTooLarge { .. }), Some(Fate::TooLarge))
        | (Some(CloseReason::Refused), Some(Fate::Refused))
        | (Some(CloseReason::ContentType { .. }), Some(Fate::ContentType)) => {}
        (Some(CloseReason::Status(_)), Some(Fate::Status)) => {}
        (end, expected) => panic!("ended by {end:?}, not by {expected:?}"),
    }
    drop(world);
    let again = pin!(events.next()).poll(&mut cx);
    assert!(matches!(again, Poll::Ready(None)), "only None follows");
}

/// Everything outside the event source.
#[derive(Default)]
struct World {
    now: Duration,
    /// The alarm of the event source.
    alarm: Option<Duration>,
    /// When the transport has something again, and whom that wakes.
    stall: Option<(Duration, Waker)>,
    steps: Vec<u8>,
    next_step: usize,
    /// The number of the event that was delivered last.
    delivered: u64,
    /// When the next connection may be opened.
    not_before: Duration,
    /// What the transport has said, and the alarms that went off.
    facts: usize,
    /// What has to end the event source, if anything did.
    end: Option<Fate>,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    NoContent,
    TooLarge,
    Refused,
    Status,
    ContentType,
}

impl World {
    fn step(&mut self) -> Option<(u8, u8)> {
        let step = *self.steps.get(self.next_step)?;
        self.next_step += 1;
        Some((step & 7, step >> 3))
    }

    /// Checks an event that the event source returns.
    fn take(&mut self, event: &Event) {
        self.delivered += 1;
        let number = self.delivered.to_string();
        assert_eq!(event.id(), Some(&*number), "lost, doubled or reordered");
        assert_eq!(event.data().split('\n').next(), Some(&*number));
    }

    /// Lets the time pass until the next thing happens.
    fn wait(&mut self) {
        let stalled = self.stall.as_ref().map(|(until, _)| *until);
        let next = match (stalled, self.alarm) {
            (Some(stalled), Some(alarm)) => stalled.min(alarm),
            (Some(at), None) | (None, Some(at)) => at,
            (None, None) => panic!("nothing will ever wake it"),
        };
        self.now = self.now.max(next);
        self.facts += 1;
        if stalled.is_some_and(|stalled| stalled <= self.now) {
            if let Some((_, waker)) = self.stall.take() {
                waker.wake();
            }
        }
    }

    /// Stalls the transport.
    fn stall(&mut self, cx: &Context<'_>, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        self.stall = Some((until, cx.waker().clone()));
    }
}

struct Clock {
    world: Rc<RefCell<World>>,
    alarm: Option<Duration>,
}

impl Timer for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_origin(self.world.borrow().now)
    }

    fn set(&mut self, at: Timestamp) {
        let at = at - Timestamp::default();
        self.alarm = Some(at);
        self.world.borrow_mut().alarm = Some(at);
    }

    fn poll_expired(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let mut world = self.world.borrow_mut();
        match self.alarm {
            Some(at) if at <= world.now => {
                self.alarm = None;
                world.alarm = None;
                world.facts += 1;
                Poll::Ready(())
            }
            _ => {
                world.alarm = self.alarm;
                Poll::Pending
            }
        }
    }
}

struct Transport(Rc<RefCell<World>>);

type Opened = Result<Response<Body>, ConnectError>;

impl Connect for Transport {
    type Body = Body;
    type Future = core::pin::Pin<Box<dyn Future<Output = Opened>>>;

    fn method(&self) -> Option<&str> {
        Some("GET")
    }

    fn connect(&mut self, attempt: &Attempt) -> Self::Future {
        let mut world = self.0.borrow_mut();
        assert!(world.now >= world.not_before, "sooner than it may");
        assert!(world.end.is_none(), "after the end");
        let id = attempt.last_event_id().unwrap_or("0");
        assert_eq!(id, world.delivered.to_string(), "the ID to resume after");
        world.facts += 1;
        world.stall = None;
        world.not_before = world.now + MIN_DELAY;
        let step = world.step();
        let body = |kind| Body {
            world: Rc::clone(&self.0),
            kind,
            next: world.delivered + 1,
            event: Vec::new(),
            chunk: Vec::new(),
            is_first: true,
        };
        let stream = body(Kind::Stream);
        let rest = body(Kind::Rest(step.is_some_and(|(_, much)| much & 1 != 0)));
        let (kind, much) = step.unwrap_or((6, 6));
        let response = Response::builder();
        let typed = |response: http::response::Builder| {
            response.header("content-type", "text/event-stream; charset=utf-8")
        };
        let opened = match kind {
            4 => Err(match much {
                31 => {
                    world.end = Some(Fate::Refused);
                    ConnectError::refused("no more")
                }
                much if much & 1 != 0 => ConnectError::timed_out("too slow"),
                _ => ConnectError::failed("no route"),
            }),
            5 => {
                // Late, or never within the idle timeout.
                let (world, mut is_late) = (Rc::clone(&self.0), true);
                let mut stream = Some(typed(response).body(stream).expect("a response"));
                return Box::pin(poll_fn(move |cx| {
                    if core::mem::take(&mut is_late) {
                        world.borrow_mut().stall(cx, u64::from(much) * 20);
                        return Poll::Pending;
                    }
                    if world.borrow().stall.is_some() {
                        return Poll::Pending;
                    }
                    world.borrow_mut().facts += 1;
                    Poll::Ready(Ok(stream.take().expect("ready once")))
                }));
            }
            6 => {
                let status = STATUSES[usize::from(much & 7)];
                let mut response = response.status(status);
                match status {
                    204 => world.end = Some(Fate::NoContent),
                    401 | 404 => world.end = Some(Fate::Status),
                    _ if much > 7 => {
                        let wait = u64::from(much >> 3) * 7;
                        response = response.header("retry-after", wait);
                        world.not_before = world.now + Duration::from_secs(wait).max(MIN_DELAY);
                    }
                    _ => {}
                }
                Ok(response.body(rest).expect("a response"))
            }
            7 if much > 15 => {
                world.end = Some(Fate::ContentType);
                let response = response.header("content-type", "text/html");
                Ok(response.body(rest).expect("a response"))
            }
            _ => Ok(typed(response.status(StatusCode::OK))
                .body(stream)
                .expect("a response")),
        };
        Box::pin(core::future::ready(opened))
    }
}

struct Body {
    world: Rc<RefCell<World>>,
    kind: Kind,
    /// The number of the event that comes after `event`.
    next: u64,
    /// What is left to be sent of an event.
    event: Vec<u8>,
    /// What the event source has not consumed.
    chunk: Vec<u8>,
    is_first: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Stream,
    /// A line of data without an end.
    Endless,
    /// What follows the head of an error, and whether it stalls.
    Rest(bool),
}

impl Body {
    /// Puts what is left of the current event into the chunk.
    fn flush(&mut self) {
        let rest = core::mem::take(&mut self.event);
        self.chunk.extend(rest);
    }

    fn fill(&mut self) {
        if self.event.is_empty() {
            let number = self.next;
            self.next += 1;
            self.event = match number % 5 {
                0 => format!("id: {number}\ndata: {number}\n\n"),
                1 => format!("event: t\r\nid: {number}\r\ndata: {number}\r\ndata: é\r\n\r\n"),
                2 => format!("data: {number}\n: c\nx\nid: 0\nid: {number}\n\n"),
                3 => format!("id:{number}\rdata:{number}\r\r"),
                _ => format!("retry: x\nid: {number}\ndata: {number}\ndata\n\n"),
            }
            .into_bytes();
        }
    }
}

impl ByteStream for Body {
    type Error = &'static str;

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], Self::Error>> {
        let world = Rc::clone(&self.world);
        let mut world = world.borrow_mut();
        if world.stall.is_some() {
            return Poll::Pending;
        }
        world.facts += 1;
        if !self.chunk.is_empty() {
            return Poll::Ready(Ok(&self.chunk));
        }
        match self.kind {
            Kind::Rest(true) => {
                world.stall(cx, 1000);
                return Poll::Pending;
            }
            Kind::Rest(false) => return Poll::Ready(Ok(&[])),
            Kind::Endless => {
                self.chunk = vec![b'x'; 1000];
                return Poll::Ready(Ok(&self.chunk));
            }
            Kind::Stream => {}
        }
        if core::mem::take(&mut self.is_first) && self.next % 3 == 0 {
            self.chunk.extend(b"\xEF\xBB\xBF");
        }
        let Some((kind, much)) = world.step() else {
            // The start of a BOM, or of an event, is lost with the stream.
            return Poll::Ready(Ok(&[]));
        };
        match kind {
            0 => {
                self.fill();
                let len = self.event.len().min(usize::from(much) + 1);
                self.chunk.extend(self.event.drain(..len));
            }
            1 => {
                for _ in 0..=much {
                    self.fill();
                    self.flush();
                }
            }
            2 => {
                self.flush();
                self.chunk.extend(b":\n".repeat(usize::from(much) + 1));
            }
            3 => {
                world.stall(cx, u64::from(much) * 20);
                return Poll::Pending;
            }
            4 => return Poll::Ready(Err("reset")),
            5 => return Poll::Ready(Ok(&[])),
            6 => {
                self.flush();
                let milliseconds = u64::from(much) * 100;
                self.chunk
                    .extend(format!("retry: {milliseconds}\n").bytes());
            }
            _ if much < 4 => {
                self.flush();
                self.chunk.extend(b"\ndata: ");
                self.kind = Kind::Endless;
                world.end = Some(Fate::TooLarge);
            }
            _ => {
                self.fill();
                let byte = self.event.remove(0);
                self.chunk.push(byte);
            }
        }
        Poll::Ready(Ok(&self.chunk))
    }

    fn consume(&mut self, len: usize) {
        self.chunk.drain(..len);
    }
}

/// Whether the task was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const STATUSES: [u16; 8] = [500, 502, 503, 429, 408, 404, 204, 401];
/// The shortest wait between two attempts, whatever the server says.
const MIN_DELAY: Duration = Duration::from_millis(100);
/// The largest event.
const LIMIT: usize = 8 << 10;
/// What may happen before the event source lets other tasks run.
const MOST_A_POLL: usize = 64;
/// What everything may take, the transport included, in bytes.
const MOST_MEMORY: isize = 128 << 10;
