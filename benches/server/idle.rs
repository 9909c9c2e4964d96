//! Streams that are opened and then have few events.

use std::time::Duration;

use ssewire_benches::args::Args;
use ssewire_benches::measure::rotated;
use ssewire_benches::series::{Bar, Series, Verdicts, head, number, row};

use crate::process::Server;
use crate::reader::open;
use crate::{AXUM, AnyError, LANE, SSEWIRE, WRITES, runtime};

pub(crate) fn run(args: &Args, verdicts: &mut Verdicts) -> Result<(), AnyError> {
    let counts: &[usize] = match args.smoke {
        true => &[50],
        false => &[1_000, 5_000, MOST],
    };
    for count in counts {
        println!("\n{}", head(&format!("{count} streams"), &COLUMNS));
        let mut figures = [(); 4].map(|()| Series::new(NAMES.into_iter()));
        for round in 0..args.rounds(3) {
            for index in rotated(NAMES.len(), round) {
                eprintln!("{}, {count} streams", NAMES[index]);
                let measured = rest(NAMES[index], *count)?;
                for (series, figure) in figures.iter_mut().zip(measured) {
                    series.push(index, figure);
                }
            }
        }
        for name in NAMES {
            let bars = match (name, *count) {
                (LANE, MOST) => [None, Some(0.8), None, Some(0.6)],
                (SSEWIRE, MOST) => [Some(0.6), None, None, Some(1.0)],
                _ => [None; 4],
            };
            let mut cells = Vec::new();
            for (index, series) in figures.iter().enumerate() {
                let median = series.median(name);
                let (digits, most) = match index {
                    0 => (
                        0,
                        (name == LANE && *count == MOST).then_some(Bar::AtMost(1_200.0)),
                    ),
                    _ => (2, None),
                };
                cells.push(match most {
                    Some(_) => verdicts.judge(median, most),
                    None => number(median, digits),
                });
                let bar = bars[index].map(Bar::AtMost);
                cells.push(verdicts.judge(series.ratio(name, AXUM), bar));
            }
            println!("{}", row(name, cells));
        }
    }
    Ok(())
}

/// Returns the resident bytes of an idle stream, and the microseconds of the processor to open it,
/// to deliver an event to it, and to keep it alive with a comment.
fn rest(name: &str, count: usize) -> Result<[f64; 4], AnyError> {
    let mut server = Server::start(name, "2000", true)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        // What is needed once is not counted.
        let _first = open(server.port, 1).await?;
        let (memory, time) = (server.ask("memory")?, server.ask("time")?);
        let mut streams = open(server.port, count).await?;
        let opening = server.ask("time")? - time;
        for stream in &mut streams {
            stream.read_some().await?;
        }
        let bytes = server.ask("memory")? - memory;

        let time = server.ask("time")?;
        for _ in 0..EVENTS {
            server.ask("publish 1")?;
            // The clients look when all is written.
            let writing = 20 * count as u64;
            tokio::time::sleep(PAUSE + Duration::from_micros(writing)).await;
            for stream in &mut streams {
                stream.read_events(1).await?;
            }
        }
        let deliveries = server.ask("time")? - time;

        let time = server.ask("time")?;
        for _ in 0..COMMENTS {
            for stream in &mut streams {
                stream.read_some().await?;
            }
        }
        let comments = server.ask("time")? - time;
        let each =
            |nanoseconds: u64, times: u64| nanoseconds as f64 / 1e3 / (count as u64 * times) as f64;
        Ok([
            bytes as f64 / count as f64,
            each(opening, 1),
            each(deliveries, EVENTS),
            each(comments, COMMENTS),
        ])
    })
}

const NAMES: [&str; 4] = [LANE, SSEWIRE, WRITES, AXUM];
const COLUMNS: [&str; 8] = [
    "bytes a stream",
    "ratio to axum",
    "µs to open",
    "ratio to axum",
    "µs a delivery",
    "ratio to axum",
    "µs a comment",
    "ratio to axum",
];
/// As many as the files of a process allow, with some to spare.
const MOST: usize = 15_000;
const EVENTS: u64 = 5;
const COMMENTS: u64 = 2;
const PAUSE: Duration = Duration::from_millis(20);
