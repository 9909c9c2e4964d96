//! One thread polls every subscriber that was woken.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream;
use ssewire_benches::args::Args;
use ssewire_benches::measure::{rotated, timed};
use ssewire_benches::series::{Bar, Series, Verdicts, head, number, row};

use crate::contenders::{BYTES, Bench, BytesBench, EVENTS, EventsBench, HUB, HubBench, event};

pub(crate) fn run(args: &Args, verdicts: &mut Verdicts) -> Result<(), String> {
    let rounds = args.rounds(9);
    let subscribers = if args.smoke { 100 } else { 10_000 };
    println!(
        "\n{subscribers} subscribers of one topic in one thread, events of 200 bytes; median of \
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
    Ok(())
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
