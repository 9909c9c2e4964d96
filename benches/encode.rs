//! Measures encoders on events of known content: the README beside this file says how to run it.

use std::process::ExitCode;
use std::time::Duration;

use ssewire::{Decoder, FrameRef};
use ssewire_benches::args::{self, Args, exit_code};
use ssewire_benches::batches::{BATCH, SHAPES, batches, wire_len};
use ssewire_benches::corpus::{Shape, Text};
use ssewire_benches::encoders::{
    self, AXUM, COPY, Contender, Count, EVENT, EVENT_TO_BYTES, REF_FROM_TEXT, REF_TO_BYTES,
    SSE_STREAM, SSE_STREAM_FROM_TEXT,
};
use ssewire_benches::grid::{Grid, Ratio, Verdict};
use ssewire_benches::measure::{rate, rotated, setting};
use ssewire_benches::tally::Tally;

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), String> {
    let args = Args::from_env(&["--smoke", "--rounds", "--only", "--contender"])?;
    let shapes = args::pick(&SHAPES, &args.only, Shape::name)?;
    let contenders = args::pick(&encoders::ALL, &args.contenders, |contender| contender.name)?;
    let rounds = args.rounds(21);
    let size = if args.smoke { 64 << 10 } else { 16 << 20 };

    let mut rates = Vec::new();
    for &shape in &shapes {
        eprintln!("{}", shape.name());
        rates.push(measure(shape, &contenders, size, rounds)?);
    }

    let mut grid = Grid::new(shapes.iter().map(|shape| shape.name()).collect());
    for (index, contender) in contenders.iter().enumerate() {
        grid.push(
            contender.name,
            rates.iter().map(|rates| rates[index].clone()).collect(),
        );
    }
    println!("{}", setting());
    println!(
        "{size} bytes of events or one event more, in batches of {BATCH} bytes; medians of {rounds} \
         rounds; every batch decoded and compared once, its length checked always.\n"
    );
    println!("{}", grid.rates("encoding, MB/s"));
    let verdict = report(&grid, &shapes);
    println!("{}\n{}", verdict.table, verdict.summary(args.smoke));
    Ok(())
}

/// Returns the rates of each contender by round. Round 0 checks the bytes and warms up.
fn measure(
    shape: Shape,
    contenders: &[Contender],
    size: usize,
    rounds: usize,
) -> Result<Vec<Vec<f64>>, String> {
    let (batches, size) = batches(shape, size, BATCH);
    let mut rates = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..=rounds {
        for index in rotated(contenders.len(), round) {
            let contender = contenders[index];
            let blame = |what| format!("{} on {}: {what}", contender.name, shape.name());
            // Reused for all events by those who can.
            let mut out = Vec::new();
            let mut time = Duration::ZERO;
            for batch in &batches {
                // Reads the text, so that it is in the cache as that of an event just made would
                // be.
                let len = batch.iter().map(wire_len).sum();
                if round == 0 {
                    let mut bytes = Vec::with_capacity(len);
                    (contender.kept)(batch, &mut out, &mut bytes);
                    check(batch, &bytes).map_err(blame)?;
                }
                let mut written = Count::default();
                time += (contender.measured)(batch, &mut out, &mut written);
                if written.0 != len {
                    return Err(blame(format!("wrote {} bytes, not {len}", written.0)));
                }
            }
            if round > 0 {
                rates[index].push(rate(size, time));
            }
        }
    }
    Ok(rates)
}

fn check(batch: &[Text], mut bytes: &[u8]) -> Result<(), String> {
    let mut sent = Tally::default();
    batch.iter().for_each(|text| text.count(&mut sent));
    let mut read = Tally::default();
    let mut decoder = Decoder::new();
    let mut frames = decoder.frames(&mut bytes);
    while let Some(frame) = frames.next_frame().map_err(|error| error.to_string())? {
        if let FrameRef::Event(event) = frame {
            read.add(event.event_type(), event.data(), event.id().unwrap_or(""));
        }
    }
    if read == sent {
        Ok(())
    } else {
        Err(format!("wrote {read:?}, which should be {sent:?}"))
    }
}

fn report(grid: &Grid, shapes: &[Shape]) -> Verdict {
    let bars = || {
        let bar = |shape: &Shape| match shape {
            Shape::OpenAi | Shape::Tiny | Shape::Stock => Some(2.0),
            _ => Some(1.0),
        };
        shapes.iter().map(bar).collect::<Vec<_>>()
    };
    let sse_stream = &[SSE_STREAM, SSE_STREAM_FROM_TEXT][..];
    let rows = [
        (REF_FROM_TEXT, "sse-stream", sse_stream, true),
        (REF_FROM_TEXT, "axum", &[AXUM], true),
        (EVENT, "sse-stream", sse_stream, true),
        (EVENT, "axum", &[AXUM], true),
        (EVENT_TO_BYTES, "sse-stream", sse_stream, false),
        (EVENT_TO_BYTES, "axum", &[AXUM], false),
        (
            REF_TO_BYTES,
            "sse-stream-from-text",
            &[SSE_STREAM_FROM_TEXT],
            false,
        ),
        (REF_TO_BYTES, "axum", &[AXUM], false),
    ];
    let ratios = rows.map(|(ours, against, peers, has_bar)| Ratio {
        label: format!("{ours} / {against}"),
        ours,
        peers,
        at_least: if has_bar { bars() } else { Vec::new() },
    });
    grid.ratios("ratio", &ratios, [REF_FROM_TEXT, COPY])
}
