//! Streams without events.

use ssewire_benches::args::Args;
use ssewire_benches::measure::rotated;
use ssewire_benches::series::{Bar, Series, Verdicts, head, number, row};

use crate::process::Server;
use crate::reader::open;
use crate::{AXUM, AnyError, SSEWIRE, runtime};

pub(crate) fn run(args: &Args, verdicts: &mut Verdicts) -> Result<(), AnyError> {
    let idle = if args.smoke { 50 } else { 10_000 };
    println!(
        "\n{}",
        head(
            &format!("{idle} idle streams"),
            &[
                "bytes a stream",
                "ratio to axum",
                "µs a comment",
                "ratio to axum"
            ]
        )
    );
    let names = [SSEWIRE, AXUM];
    let mut memory = Series::new(names.into_iter());
    let mut time = Series::new(names.into_iter());
    for round in 0..if args.smoke { 1 } else { 3 } {
        for index in rotated(names.len(), round) {
            eprintln!("{}, idle", names[index]);
            let (bytes, each) = rest(names[index], idle)?;
            memory.push(index, bytes);
            time.push(index, each);
        }
    }
    for (name, bars) in [(SSEWIRE, Some((0.6, 1.0))), (AXUM, None)] {
        let mut judge = |series: &Series<f64>, bar: Option<f64>| {
            verdicts.judge(series.ratio(name, AXUM), bar.map(Bar::AtMost))
        };
        let ratios = [
            judge(&memory, bars.map(|bars| bars.0)),
            judge(&time, bars.map(|bars| bars.1)),
        ];
        let [of_memory, of_time] = ratios;
        let cells = [
            number(memory.median(name), 0),
            of_memory,
            number(time.median(name), 2),
            of_time,
        ];
        println!("{}", row(name, cells));
    }
    Ok(())
}

/// Returns the resident bytes of an idle stream, and the microseconds of a comment that keeps it
/// alive.
fn rest(name: &str, count: usize) -> Result<(f64, f64), AnyError> {
    let mut server = Server::start(name, "1000")?;
    let runtime = runtime()?;
    runtime.block_on(async {
        // What is needed once is not counted.
        let _first = open(server.port, 1).await?;
        let before = server.ask("memory")?;
        let mut streams = open(server.port, count).await?;
        for stream in &mut streams {
            stream.read_some().await?;
        }
        let bytes = (server.ask("memory")? - before) as f64 / count as f64;
        let time = server.ask("time")?;
        for _ in 0..ROUNDS_OF_COMMENTS {
            for stream in &mut streams {
                stream.read_some().await?;
            }
        }
        let time = (server.ask("time")? - time) as f64 / 1e3;
        Ok((bytes, time / (ROUNDS_OF_COMMENTS * count) as f64))
    })
}

const ROUNDS_OF_COMMENTS: usize = 3;
