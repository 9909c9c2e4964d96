//! Measures decoders on corpora of known content: the README beside this file says how to run it.

use std::hint::black_box;
use std::process::ExitCode;

use ssewire_benches::args::{self, Args, exit_code};
use ssewire_benches::chunks::Chunking;
use ssewire_benches::corpus::{Corpus, Shape};
use ssewire_benches::decoders::{self, COPY, CURSOR, Contender, DECODE, OWNED, Portion};
use ssewire_benches::grid::{Grid, Ratio, Verdict};
use ssewire_benches::measure::{rate, rotated, setting, timed};

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), String> {
    let args = Args::from_env(&["--smoke", "--rounds", "--only", "--contender", "--chunk"])?;
    let shapes = args::pick(&Shape::ALL, &args.only, Shape::name)?;
    let contenders = args::pick(&decoders::ALL, &args.contenders, |contender| contender.name)?;
    let chunks = if args.chunks.is_empty() {
        vec![
            Chunking::Even(16 << 10),
            Chunking::Even(64),
            Chunking::Blocks,
        ]
    } else {
        args.chunks.clone()
    };
    let rounds = args.rounds(21);
    let size = if args.smoke { 64 << 10 } else { 16 << 20 };

    // rates[chunk][shape][contender][round]
    let mut rates = vec![Vec::new(); chunks.len()];
    for &shape in &shapes {
        let bench = Bench::new(shape, size);
        for (rates, &chunking) in rates.iter_mut().zip(&chunks) {
            eprintln!("{}, {chunking}", shape.name());
            rates.push(bench.measure(&contenders, chunking, rounds)?);
        }
    }

    println!("{}", setting());
    println!(
        "Corpora of {size} bytes or one event more; medians of {rounds} rounds; every run's result \
         checked. eventsource-stream reads the first MiB only, being quadratic in places, and no \
         1 MiB line in chunks below 4 KiB.\n"
    );
    let mut verdict = Verdict::default();
    for (rates, &chunking) in rates.iter().zip(&chunks) {
        let mut grid = Grid::new(shapes.iter().map(|shape| shape.name()).collect());
        for (index, contender) in contenders.iter().enumerate() {
            grid.push(
                contender.name,
                rates.iter().map(|rates| rates[index].clone()).collect(),
            );
        }
        println!("{}", grid.rates(&format!("{chunking}, MB/s")));
        let part = report(&grid, &shapes, &contenders, chunking);
        println!("{}", part.table);
        verdict.and(&part);
    }
    println!("{}", verdict.summary(args.smoke));
    Ok(())
}

/// Holds one corpus, and the beginning of it for those who cannot read it all in time.
struct Bench {
    shape: Shape,
    whole: Corpus,
    prefix: Corpus,
}

impl Bench {
    fn new(shape: Shape, size: usize) -> Self {
        let whole = Corpus::new(shape, size);
        let prefix = Corpus::new(shape, size.min(1 << 20));
        Self {
            shape,
            whole,
            prefix,
        }
    }

    /// Returns the rates of each contender by round, after one round to warm up.
    fn measure(
        &self,
        contenders: &[Contender],
        chunking: Chunking,
        rounds: usize,
    ) -> Result<Vec<Vec<f64>>, String> {
        let mut rates = vec![Vec::with_capacity(rounds); contenders.len()];
        for round in 0..=rounds {
            for index in rotated(contenders.len(), round) {
                let contender = contenders[index];
                let corpus = match (contender.portion)(self.shape, chunking) {
                    Portion::Whole => &self.whole,
                    Portion::Prefix => &self.prefix,
                    Portion::Nothing => continue,
                };
                let wire = black_box(corpus.wire.as_slice());
                let cut = chunking.cut(wire);
                // Whoever ran before, the bytes are in the cache as far as they fit.
                black_box(wire.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
                let (time, tally) = timed(|| black_box((contender.run)(cut.pieces())));
                if tally != corpus.tally {
                    return Err(format!(
                        "{} on {} in {chunking} found {tally:?}, which should be {:?}",
                        contender.name,
                        self.shape.name(),
                        corpus.tally,
                    ));
                }
                if round > 0 {
                    rates[index].push(rate(wire.len(), time));
                }
            }
        }
        Ok(rates)
    }
}

fn report(grid: &Grid, shapes: &[Shape], contenders: &[Contender], chunking: Chunking) -> Verdict {
    let peers: Vec<_> = contenders
        .iter()
        .filter(|c| c.is_peer)
        .map(|c| c.name)
        .collect();
    let ratios = [CURSOR, DECODE, OWNED].map(|ours| Ratio {
        label: format!("{ours}, {chunking}"),
        ours,
        peers: &peers,
        at_least: shapes
            .iter()
            .map(|shape| bars(ours, chunking)?[shape.index()])
            .collect(),
    });
    grid.ratios("ratio to the best peer", &ratios, [CURSOR, COPY])
}

/// Returns the bars of a contender in the order of [`Shape::ALL`], where 0 stands for none. For
/// one block per chunk, the program `count` has them.
fn bars(contender: &str, chunking: Chunking) -> Option<[Option<f64>; 9]> {
    let some = |bars: [f64; 9]| Some(bars.map(|bar| Some(bar).filter(|bar| *bar > 0.0)));
    match (contender, chunking) {
        (CURSOR, Chunking::Even(16_384)) => some([1.7, 2.9, 2.5, 2.9, 1.3, 1.2, 3.0, 1.3, 3.4]),
        (CURSOR, Chunking::Even(64)) => some([1.1, 1.05, 2.0, 1.6, 1.0, 1.0, 1.6, 1.15, 1.9]),
        (DECODE, Chunking::Even(16_384)) => some([1.25, 2.0, 2.5, 2.4, 1.3, 1.2, 2.4, 1.0, 2.5]),
        (OWNED, Chunking::Even(16_384)) => some([1.2, 0.0, 1.2, 2.0, 0.0, 0.9, 0.0, 0.0, 0.0]),
        _ => None,
    }
}
