//! Bursts of events to all streams.

use std::time::Duration;

use ssewire_benches::args::Args;
use ssewire_benches::measure::rotated;
use ssewire_benches::series::{Bar, Series, Verdicts, head, number, row};
use tokio::time::Instant;

use crate::process::Server;
use crate::reader::open;
use crate::{AXUM, AnyError, BY_HAND, CONTENDERS, LANE, SSEWIRE, WRITER, WRITES, runtime};

pub(crate) fn run(args: &Args, readers: usize, verdicts: &mut Verdicts) -> Result<(), AnyError> {
    for nodelay in [true, false] {
        measure(args, readers, nodelay, verdicts)?;
    }
    Ok(())
}

fn measure(
    args: &Args,
    readers: usize,
    nodelay: bool,
    verdicts: &mut Verdicts,
) -> Result<(), AnyError> {
    let rounds = args.rounds(5);
    let names = CONTENDERS;
    let with = if nodelay { "with" } else { "without" };
    println!(
        "\n{}",
        head(&format!("µs a delivery, {with} TCP_NODELAY"), &names)
    );
    let mut tables = Vec::new();
    for (burst, bar) in [(1, 0.77), (16, 0.25)] {
        let bursts = if args.smoke { 3 } else { 100 };
        let mut series = Series::new(names.into_iter());
        for round in 0..rounds {
            for index in rotated(names.len(), round) {
                eprintln!("{}, {burst} waiting", names[index]);
                let time = deliver(names[index], nodelay, readers, bursts, burst)?;
                series.push(
                    index,
                    time.as_secs_f64() * 1e6 / (readers * bursts * burst) as f64,
                );
            }
        }
        let cells = names.map(|name| number(series.median(name), 2));
        println!("{}", row(&format!("{burst} waiting"), cells));
        tables.push((burst, bar, series));
    }
    let names = [SSEWIRE, LANE, BY_HAND, WRITER, WRITES];
    println!("\n{}", head("ratio to axum", &names));
    for (burst, bar, series) in &tables {
        let cells = names.map(|name| {
            let bar = (name == SSEWIRE).then_some(Bar::AtMost(*bar));
            verdicts.judge(series.ratio(name, AXUM), bar)
        });
        println!("{}", row(&format!("{burst} waiting"), cells));
    }
    println!("\n{}", head("ratio to a loop of writes", &[LANE]));
    for (burst, _, series) in &tables {
        let cell = verdicts.judge(series.ratio(LANE, WRITES), Some(Bar::AtMost(1.2)));
        println!("{}", row(&format!("{burst} waiting"), [cell]));
    }
    Ok(())
}

/// Returns the time that a server takes to send bursts of events to all of its readers.
fn deliver(
    name: &str,
    nodelay: bool,
    readers: usize,
    bursts: usize,
    burst: usize,
) -> Result<Duration, AnyError> {
    let mut server = Server::start(name, "15000", nodelay)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut streams = open(server.port, readers).await?;
        let before = server.ask("time")?;
        for _ in 0..bursts {
            let next = Instant::now() + Duration::from_millis(if burst == 1 { 20 } else { 50 });
            server.ask(&format!("publish {burst}"))?;
            // A client that waits for each write is woken by each, at the server's cost: this one
            // looks when all is written.
            tokio::time::sleep_until(next - Duration::from_millis(5)).await;
            for stream in &mut streams {
                stream.read_events(burst).await?;
            }
            tokio::time::sleep_until(next).await;
        }
        let after = server.ask("time")?;
        Ok(Duration::from_nanos(after - before))
    })
}
