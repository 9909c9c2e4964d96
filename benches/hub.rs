//! Measures a hub against channels in one process: the README beside this file says how to run it.

use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_core::Stream;
use ssewire::{Event, Hub, Subscription};
use ssewire_benches::args::{Args, exit_code};
use ssewire_benches::measure::{rotated, setting, timed};
use ssewire_benches::series::{Bar, Series, Verdicts, head, number, row};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), String> {
    let args = Args::from_env(&["--smoke", "--rounds"])?;
    let rounds = args.rounds(9);
    let subscribers = if args.smoke { 100 } else { 10_000 };
    let mut verdicts = Verdicts::default();
    println!("{}", setting());
    println!(
        "{subscribers} subscribers of one topic in one thread, events of 200 bytes; median of \
         {rounds} rounds; every byte counted.\n"
    );
    let names = [HUB, BYTES, EVENTS];
    println!(
        "{}",
        head(
            "nanoseconds a delivery",
            &["hub", "broadcast of bytes", "broadcast of events"]
        )
    );
    let mut tables = Vec::new();
    for burst in [1, 16] {
        let deliveries = if args.smoke { 1600 } else { 3_200_000 };
        let bursts = deliveries / subscribers / burst;
        let mut series = Series::new(names.into_iter());
        for round in 0..=rounds {
            for index in rotated(names.len(), round) {
                let time = match index {
                    0 => measure::<HubBench>(subscribers, bursts, burst)?,
                    1 => measure::<BytesBench>(subscribers, bursts, burst)?,
                    _ => measure::<EventsBench>(subscribers, bursts, burst)?,
                };
                if round > 0 {
                    series.push(index, time / (subscribers * bursts * burst) as f64);
                }
            }
        }
        let cells = names.map(|name| number(series.median(name), 1));
        println!("{}", row(&format!("{burst} waiting"), cells));
        tables.push((burst, series));
    }
    println!(
        "\n{}",
        head(
            "ratio to the hub",
            &["broadcast of bytes", "broadcast of events"]
        )
    );
    for (burst, series) in tables {
        let (bytes, events) = if burst == 1 { (1.6, 3.5) } else { (8.0, 30.0) };
        let cells = [(BYTES, bytes), (EVENTS, events)]
            .map(|(name, bar)| verdicts.judge(series.ratio(name, HUB), Some(Bar::AtLeast(bar))));
        println!("{}", row(&format!("{burst} waiting"), cells));
    }
    println!(
        "\n{}",
        head(
            "nanoseconds to publish",
            &["alone", "beside 100,000 other topics", "ratio"]
        )
    );
    let others = if args.smoke { 100 } else { 100_000 };
    let mut series = Series::new(["alone", "beside"].into_iter());
    for round in 0..=rounds {
        for index in rotated(2, round) {
            let time = publish_beside(index * others, if args.smoke { 100 } else { 200_000 });
            if round > 0 {
                series.push(index, time);
            }
        }
    }
    let ratio = series.ratio("beside", "alone");
    println!(
        "{}",
        row(
            "one topic",
            [
                number(series.median("alone"), 0),
                number(series.median("beside"), 0),
                verdicts.judge(ratio, Some(Bar::AtMost(1.5))),
            ]
        )
    );
    println!("\n{}", verdicts.summary(args.smoke));
    Ok(())
}

/// Returns the nanoseconds that it takes to publish to one topic.
fn publish_beside(others: usize, count: u32) -> f64 {
    // The same room in both cases: what it takes to go through the log is not the question.
    let config = ssewire::server::TopicsConfig::new().max_events(LOG);
    let hub = Hub::with_config(config);
    // A subscriber keeps each topic, and an event of its own each, as far as the log reaches.
    let _others: Vec<_> = (0..others)
        .map(|index| {
            let topic = format!("other {index}");
            hub.publish(&topic, Event::new("x"));
            hub.subscribe([topic], None).unwrap()
        })
        .collect();
    let _subscription = hub.subscribe(["one"], None).unwrap();
    let event = event();
    // The log is full from here on, and the others' events have left it.
    for _ in 0..LOG {
        hub.publish("one", &event);
    }
    let (time, ()) = timed(|| {
        for _ in 0..count {
            hub.publish("one", &event);
        }
    });
    time.as_nanos() as f64 / f64::from(count)
}

/// Runs one contender, and returns its nanoseconds.
fn measure<B: Bench>(subscribers: usize, bursts: usize, burst: usize) -> Result<f64, String> {
    let mut bench = B::new();
    let mut tasks: Vec<_> = (0..subscribers)
        .map(|_| {
            let wakeup = Arc::new(Wakeup(AtomicBool::new(true)));
            Task {
                stream: bench.subscribe(),
                waker: Waker::from(Arc::clone(&wakeup)),
                wakeup,
                bytes: 0,
            }
        })
        .collect();
    for task in &mut tasks {
        task.run::<B>();
    }
    let event = event();
    let mut sent = 0;
    let (time, ()) = timed(|| {
        for _ in 0..bursts {
            for _ in 0..burst {
                sent += bench.publish(&event);
            }
            for task in &mut tasks {
                task.run::<B>();
            }
        }
    });
    match tasks.iter().find(|task| task.bytes != sent) {
        Some(task) => Err(format!("{} bytes were sent, {} came", sent, task.bytes)),
        None => Ok(time.as_nanos() as f64),
    }
}

/// A contender.
trait Bench {
    type Stream: Stream + Unpin;

    fn new() -> Self;

    fn subscribe(&mut self) -> Self::Stream;

    /// Publishes an event, and returns how many bytes every subscriber gets.
    fn publish(&mut self, event: &Event) -> usize;

    /// Returns what is written to the socket.
    fn bytes(item: <Self::Stream as Stream>::Item) -> Bytes;
}

struct Task<S> {
    stream: S,
    waker: Waker,
    wakeup: Arc<Wakeup>,
    bytes: usize,
}

impl<S: Stream + Unpin> Task<S> {
    fn run<B: Bench<Stream = S>>(&mut self) {
        if !self.wakeup.0.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut cx = Context::from_waker(&self.waker);
        while let Poll::Ready(Some(item)) = Pin::new(&mut self.stream).poll_next(&mut cx) {
            self.bytes += std::hint::black_box(B::bytes(item)).len();
        }
    }
}

/// Says whether a task is to run: the least that an executor can do.
struct Wakeup(AtomicBool);

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct HubBench(Hub);

impl Bench for HubBench {
    type Stream = Subscription;

    fn new() -> Self {
        Self(Hub::new())
    }

    fn subscribe(&mut self) -> Subscription {
        self.0.subscribe(["topic"], None).unwrap()
    }

    fn publish(&mut self, event: &Event) -> usize {
        let id = self.0.publish("topic", event);
        let id = event.clone().with_id(id.to_string());
        // The length alone: what it takes to know it is the bench's own, and the same for all.
        id.expect("an ID").to_bytes().len()
    }

    fn bytes(item: ssewire::server::Encoded) -> Bytes {
        item.into_bytes()
    }
}

/// Every event is encoded once, by hand.
struct BytesBench(broadcast::Sender<Bytes>, u64);

impl Bench for BytesBench {
    type Stream = BroadcastStream<Bytes>;

    fn new() -> Self {
        Self(broadcast::channel(1024).0, 0)
    }

    fn subscribe(&mut self) -> BroadcastStream<Bytes> {
        BroadcastStream::new(self.0.subscribe())
    }

    fn publish(&mut self, event: &Event) -> usize {
        self.1 += 1;
        let event = event.clone().with_id(self.1.to_string()).expect("an ID");
        let bytes = event.to_bytes();
        let len = bytes.len();
        let _ = self.0.send(bytes);
        len
    }

    fn bytes(item: <BroadcastStream<Bytes> as Stream>::Item) -> Bytes {
        item.expect("nobody lags")
    }
}

/// Every receiver encodes for itself, as the stream of events behind a usual response does.
struct EventsBench(broadcast::Sender<Event>, u64);

impl Bench for EventsBench {
    type Stream = BroadcastStream<Event>;

    fn new() -> Self {
        Self(broadcast::channel(1024).0, 0)
    }

    fn subscribe(&mut self) -> BroadcastStream<Event> {
        BroadcastStream::new(self.0.subscribe())
    }

    fn publish(&mut self, event: &Event) -> usize {
        self.1 += 1;
        let event = event.clone().with_id(self.1.to_string()).expect("an ID");
        let len = event.to_bytes().len();
        let _ = self.0.send(event);
        len
    }

    fn bytes(item: <BroadcastStream<Event> as Stream>::Item) -> Bytes {
        item.expect("nobody lags").to_bytes()
    }
}

fn event() -> Event {
    Event::new("x".repeat(150))
        .with_type("price")
        .expect("no line break")
}

const LOG: usize = 150_000;
const HUB: &str = "hub";
const BYTES: &str = "broadcast of bytes";
const EVENTS: &str = "broadcast of events";
