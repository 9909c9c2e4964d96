//! Counts the instructions that decoders and encoders execute per event: the README beside this
//! file says how to run it.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::{env, fs};

use ssewire_benches::args::{Args, exit_code};
use ssewire_benches::batches::{SHAPES, batches};
use ssewire_benches::callgrind;
use ssewire_benches::chunks::Chunking;
use ssewire_benches::corpus::{Corpus, Shape};
use ssewire_benches::counts::{Counts, TOLERANCE, setting};
use ssewire_benches::decoders::{self, CURSOR, DECODE, OWNED, Portion};
use ssewire_benches::encoders::{self, Count};
use ssewire_benches::measure::{profile, timed};
use ssewire_benches::series;

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), String> {
    let args = Args::from_env(&["--check", "--record", "--base", "--inside"])?;
    if let Some(part) = &args.inside {
        return inside(part);
    }
    let mut counts = Counts::new(setting(&profile())?);
    for (cell, instructions) in callgrind::run(&PARTS)? {
        let (cell, events) = cell.rsplit_once('\t').ok_or("a cell has no events")?;
        let events: f64 = events.parse().map_err(|_| "a cell has no events")?;
        let count = instructions as f64 / events;
        counts
            .push(&format!("{cell}\t{count:.1}"))
            .ok_or("a cell lacks a name")?;
    }
    if let Some(path) = &args.record {
        return fs::write(path, counts.to_text()).map_err(|error| format!("{path}: {error}"));
    }
    println!("{}\n", counts.setting);
    let misses = report(&counts);
    let worse = if args.check || args.base.is_some() {
        compare(&counts, &args)?
    } else {
        0
    };
    match (args.check, misses + worse) {
        (true, 1..) => Err(format!(
            "{misses} ratios miss their bar, {worse} counts got worse"
        )),
        _ => Ok(()),
    }
}

/// Executes the cells of one part, each twice, and writes their names and their events to stdout.
fn inside(part: &str) -> Result<(), String> {
    match part {
        "encode" => encode(),
        "decode-even" => decode(Chunking::Even(16 << 10)),
        "decode-small" => decode(Chunking::Even(64)),
        "decode-blocks" => decode(Chunking::Blocks),
        _ => Err(format!("unknown part '{part}'")),
    }
}

fn decode(chunking: Chunking) -> Result<(), String> {
    for shape in Shape::ALL {
        let corpora = [Corpus::new(shape, 1), Corpus::new(shape, SIZE)];
        for contender in DECODERS.into_iter().filter_map(decoders::find) {
            if (contender.portion)(shape, chunking) == Portion::Nothing {
                continue;
            }
            for corpus in &corpora {
                let cut = chunking.cut(black_box(corpus.wire.as_slice()));
                let (_, tally) = timed(|| (contender.run)(cut.pieces()));
                if tally != corpus.tally {
                    return Err(format!("{} on {} is wrong", contender.name, shape.name()));
                }
            }
            let [_, corpus] = &corpora;
            let (shape, events) = (shape.name(), corpus.tally.events);
            println!("decode\t{chunking}\t{shape}\t{}\t{events}", contender.name);
        }
    }
    Ok(())
}

fn encode() -> Result<(), String> {
    for shape in SHAPES {
        for contender in encoders::ALL
            .into_iter()
            .filter(|c| c.name != encoders::COPY)
        {
            let mut out = Vec::new();
            let mut events = 0;
            for size in [1, SIZE] {
                let (batches, len) = batches(shape, size, size);
                let mut written = Count::default();
                for batch in &batches {
                    (contender.measured)(batch, &mut out, &mut written);
                    events = batch.len();
                }
                if written.0 != len {
                    return Err(format!("{} on {} is wrong", contender.name, shape.name()));
                }
            }
            let (shape, contender) = (shape.name(), contender.name);
            println!("encode\tone by one\t{shape}\t{contender}\t{events}");
        }
    }
    Ok(())
}

/// Prints the counts and the ratios of peers to ours, and returns how many ratios miss their bar.
fn report(counts: &Counts) -> usize {
    let names = Shape::ALL.map(Shape::name);
    let mut misses = 0;
    for chunking in [
        Chunking::Even(16 << 10),
        Chunking::Even(64),
        Chunking::Blocks,
    ] {
        let chunks = chunking.to_string();
        let get = |shape, contender| counts.get(["decode", &chunks, shape, contender]);
        println!(
            "{}",
            series::head(&format!("decode, {chunks}, instructions per event"), &names)
        );
        for contender in DECODERS {
            let cells = names.map(|shape| series::number(get(shape, contender), 0));
            println!("{}", series::row(contender, cells));
        }
        println!(
            "\n{}",
            series::head("ratio of the best peer's to ours", &names)
        );
        for ours in [CURSOR, DECODE, OWNED] {
            let cells = Shape::ALL.map(|shape| {
                let peers = PEERS.iter().filter_map(|peer| get(shape.name(), peer));
                let best = peers.min_by(f64::total_cmp);
                let ratio = best
                    .zip(get(shape.name(), ours))
                    .map(|(peer, ours)| peer / ours);
                let bar = match chunking {
                    Chunking::Blocks => bar(ours, shape),
                    Chunking::Even(_) => None,
                };
                let text = series::number(ratio, 2);
                match (ratio, bar) {
                    (Some(ratio), Some(bar)) if ratio < bar => {
                        misses += 1;
                        format!("**{text} MISS** (≥ {bar})")
                    }
                    (_, Some(bar)) => format!("{text} (≥ {bar})"),
                    (_, None) => text,
                }
            });
            println!("{}", series::row(ours, cells));
        }
        println!();
    }
    let names = SHAPES.map(Shape::name);
    println!("{}", series::head("encode, instructions per event", &names));
    for contender in encoders::ALL
        .into_iter()
        .filter(|c| c.name != encoders::COPY)
    {
        let cells = names.map(|shape| {
            series::number(
                counts.get(["encode", "one by one", shape, contender.name]),
                0,
            )
        });
        println!("{}", series::row(contender.name, cells));
    }
    println!();
    misses
}

/// Compares with what was recorded in the same setting, or else with the base commit, and returns
/// how many counts got worse.
fn compare(counts: &Counts, args: &Args) -> Result<usize, String> {
    let recorded = Counts::read(RECORDED)?;
    let (before, name) = match &args.base {
        None if recorded.setting == counts.setting => (recorded, String::from("the record")),
        base => {
            let base = base.as_deref().unwrap_or("HEAD~1");
            if args.base.is_none() {
                println!("Recorded in another setting: {}", recorded.setting);
            }
            match count_base(base)? {
                Some(before) => (before, format!("the commit {base}")),
                None => {
                    println!("The commit {base} has no program `count`: nothing to compare with.");
                    return Ok(0);
                }
            }
        }
    };
    let (lines, worse) = counts.compare(&before);
    let percent = 100.0 * TOLERANCE;
    println!(
        "Against {name}, {} counts differ by more than {percent} %.",
        lines.len()
    );
    lines.iter().for_each(|line| println!("{line}"));
    Ok(worse)
}

/// Builds the program of another commit beside this one, with its own library, and runs it.
fn count_base(commit: &str) -> Result<Option<Counts>, String> {
    let folder = env::temp_dir().join(format!("ssewire-base-{}", std::process::id()));
    let tree = folder.display().to_string();
    let git = |args: &[&str]| call(Command::new("git").args(["-C", PACKAGE]).args(args));
    git(&["worktree", "add", "--quiet", "--detach", &tree, commit])?;
    let manifest = folder.join("benches/Cargo.toml");
    let has_program = fs::read_to_string(&manifest).is_ok_and(|text| text.contains("count.rs"));
    let record = folder.join("counts.txt");
    let counts = if has_program {
        let profile = profile();
        call(
            Command::new("cargo")
                .args(["run", "--quiet", "--profile", &profile, "--bin", "count"])
                .arg("--manifest-path")
                .arg(&manifest)
                // The dependencies are built already.
                .arg("--target-dir")
                .arg(PathBuf::from(PACKAGE).join("target"))
                .arg("--")
                .arg("--record")
                .arg(&record),
        )
        .and_then(|()| Counts::read(&record.display().to_string()))
        .map(Some)
    } else {
        Ok(None)
    };
    git(&["worktree", "remove", "--force", &tree])?;
    counts
}

fn call(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// Returns how many times as many instructions the best peer has to take for one block per chunk.
fn bar(contender: &str, shape: Shape) -> Option<f64> {
    let (lent, owned) = match shape {
        Shape::OpenAi => (1.6, 1.1),
        Shape::Anthropic => (2.3, 1.4),
        Shape::Tiny => (2.0, 1.0),
        Shape::Stock => (1.6, 1.1),
        Shape::Crlf => (1.6, 1.2),
        Shape::Keepalive => (1.3, 1.0),
        Shape::Utf8 => (3.4, 2.2),
        Shape::Multi | Shape::Huge => return None,
    };
    Some(if contender == OWNED { owned } else { lent })
}

/// What runs in a process of its own.
const PARTS: [&str; 4] = ["decode-even", "decode-small", "decode-blocks", "encode"];
/// Without the slowest, which is the best peer nowhere.
const DECODERS: [&str; 5] = [CURSOR, DECODE, OWNED, "sse-core", "sse-stream"];
const PEERS: [&str; 2] = ["sse-core", "sse-stream"];
/// The bytes of a corpus or a batch.
const SIZE: usize = 64 << 10;
const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.txt");
