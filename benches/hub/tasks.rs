//! Each subscriber is a task of tokio's scheduler of several threads.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cpu_time::ProcessTime;
use futures_core::Stream;
use ssewire_benches::args::Args;
use ssewire_benches::measure::rotated;
use ssewire_benches::series::{Bar, Series, Verdicts, head, number, row};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::contenders::{BURST, BYTES, Bench, BurstBench, BytesBench, HUB, HubBench, event};

pub(crate) fn run(args: &Args, verdicts: &mut Verdicts) -> Result<(), String> {
    let rounds = args.rounds(20);
    let subscribers = if args.smoke { 100 } else { 1_000 };
    println!(
        "\n{subscribers} subscribers of one topic, each a task of tokio's scheduler of several threads, \
         as the publisher is; median of {rounds} rounds; every byte counted.\n"
    );
    println!(
        "{}",
        head(
            "nanoseconds a delivery",
            &[
                "hub",
                "hub, in a `Burst`",
                "broadcast of bytes",
                "ratio",
                "ratio in a `Burst`",
                "ratio of processor time"
            ]
        )
    );
    let names = [HUB, BURST, BYTES];
    for threads in [1, 2] {
        for (burst, bar) in [(1, 1.1), (16, 4.0)] {
            let deliveries = if args.smoke { 1600 } else { 800_000 };
            let bursts = deliveries / subscribers / burst;
            let mut elapsed = Series::new(names.into_iter());
            let mut worked = Series::new(names.into_iter());
            for round in 0..=rounds {
                for index in rotated(names.len(), round) {
                    let time = match index {
                        0 => measure::<HubBench>(threads, subscribers, bursts, burst)?,
                        1 => measure::<BurstBench>(threads, subscribers, bursts, burst)?,
                        _ => measure::<BytesBench>(threads, subscribers, bursts, burst)?,
                    };
                    if round > 0 {
                        let each = (subscribers * bursts * burst) as f64;
                        elapsed.push(index, time.elapsed.as_nanos() as f64 / each);
                        worked.push(index, time.worked.as_nanos() as f64 / each);
                    }
                }
            }
            let cells = [
                number(elapsed.median(HUB), 1),
                number(elapsed.median(BURST), 1),
                number(elapsed.median(BYTES), 1),
                verdicts.judge(elapsed.ratio(BYTES, HUB), Some(Bar::AtLeast(bar))),
                verdicts.judge(elapsed.ratio(BYTES, BURST), Some(Bar::AtLeast(bar))),
                number(worked.ratio(BYTES, HUB), 2),
            ];
            let threads = match threads {
                1 => "1 thread",
                _ => "2 threads",
            };
            println!("{}", row(&format!("{threads}, {burst} waiting"), cells));
        }
    }
    Ok(())
}

struct Time {
    elapsed: Duration,
    /// What all threads of the process worked.
    worked: Duration,
}

/// Runs one contender.
fn measure<B>(
    threads: usize,
    subscribers: usize,
    bursts: usize,
    burst: usize,
) -> Result<Time, String>
where
    B: Bench<Stream: Send + 'static> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .build()
        .map_err(|error| error.to_string())?;
    let mut bench = B::new();
    let readers = Arc::new(Readers {
        // Within a few bytes: the IDs grow.
        event_len: bench.publish(&event()) + 2,
        missing: AtomicUsize::new(subscribers),
        all_have_read: Notify::new(),
    });
    let tasks: Vec<_> = (0..subscribers)
        .map(|_| {
            let stream = bench.subscribe();
            runtime.spawn(read::<B>(stream, Arc::clone(&readers), bursts, burst))
        })
        .collect();
    let publisher = runtime.spawn(async move {
        let event = event();
        // All tasks have been polled, and wait.
        readers.all_have_read.notified().await;
        let (start, worked) = (Instant::now(), ProcessTime::now());
        let mut sent = 0;
        for _ in 0..bursts {
            readers.missing.store(subscribers, Ordering::Relaxed);
            sent += bench.publish_all(&event, burst);
            readers.all_have_read.notified().await;
        }
        let time = Time {
            elapsed: start.elapsed(),
            worked: worked.elapsed(),
        };
        (time, sent)
    });
    runtime.block_on(async {
        let (time, sent) = publisher.await.map_err(|error| error.to_string())?;
        for task in tasks {
            let bytes = task.await.map_err(|error| error.to_string())?;
            if bytes != sent {
                return Err(format!("{sent} bytes were sent, {bytes} came"));
            }
        }
        Ok(time)
    })
}

struct Readers {
    event_len: usize,
    /// How many have not read the burst.
    missing: AtomicUsize,
    all_have_read: Notify,
}

impl Readers {
    fn note_read(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_have_read.notify_one();
        }
    }
}

/// Reads all bursts, and returns how many bytes came.
async fn read<B: Bench>(
    mut stream: B::Stream,
    readers: Arc<Readers>,
    bursts: usize,
    burst: usize,
) -> usize {
    let mut bytes = 0;
    let mut events = 0;
    readers.note_read();
    while events < bursts * burst {
        let Some(item) = std::future::poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await
        else {
            break;
        };
        let item = std::hint::black_box(B::bytes(item));
        bytes += item.len();
        events += (item.len() + readers.event_len / 2) / readers.event_len;
        if events % burst == 0 {
            readers.note_read();
        }
    }
    bytes
}
