//! Events in quick succession, gathered.

use std::time::Duration;

use ssewire_benches::args::Args;
use ssewire_benches::measure::rotated;
use ssewire_benches::series::{Bar, Series, Verdicts, head, number, row};
use tokio::time::Instant;

use crate::process::Server;
use crate::reader::{Reader, open};
use crate::{AXUM, AnyError, GATHERED, GATHERED_WRITER, SSEWIRE, runtime};

pub(crate) fn run(args: &Args, readers: usize, verdicts: &mut Verdicts) -> Result<(), AnyError> {
    let rounds = args.rounds(3);
    let turns = if args.smoke { 1 } else { 6 };
    println!(
        "\n{}",
        head("200 events a second", &["µs a delivery", "ratio to axum"])
    );
    let names = [GATHERED, GATHERED_WRITER, SSEWIRE, AXUM];
    let mut series = Series::new(names.into_iter());
    for round in 0..rounds {
        for index in rotated(names.len(), round) {
            eprintln!("{}, 200 events a second", names[index]);
            let time = stream(names[index], readers, turns)?;
            let each = (readers * turns * EVENTS) as f64;
            series.push(index, time.as_secs_f64() * 1e6 / each);
        }
    }
    for name in names {
        let bar = (name == GATHERED).then_some(Bar::AtMost(0.25));
        let cells = [
            number(series.median(name), 2),
            verdicts.judge(series.ratio(name, AXUM), bar),
        ];
        println!("{}", row(name, cells));
    }
    Ok(())
}

/// Returns the time that a server takes to send an event every 5 ms to all of its readers.
fn stream(name: &str, readers: usize, turns: usize) -> Result<Duration, AnyError> {
    let mut server = Server::start(name, "15000", true)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut streams = open(server.port, readers).await?;
        let before = server.ask("time")?;
        for _ in 0..turns {
            let mut next = Instant::now();
            for number in 1..=EVENTS {
                server.ask("publish 1")?;
                next += INTERVAL;
                tokio::time::sleep_until(next).await;
                // The clients look now and then: one that waits is woken by each write, at the server's
                // cost.
                if number % LOOK == 0 {
                    streams.iter_mut().try_for_each(Reader::read_ready)?;
                }
            }
            tokio::time::sleep(2 * WINDOW).await;
            for stream in &mut streams {
                stream.read_events(EVENTS).await?;
            }
        }
        let after = server.ask("time")?;
        Ok(Duration::from_nanos(after - before))
    })
}

/// Events in a turn, and between two looks of the clients.
const EVENTS: usize = 100;
const LOOK: usize = 10;
const INTERVAL: Duration = Duration::from_millis(5);
pub(crate) const WINDOW: Duration = Duration::from_millis(50);
