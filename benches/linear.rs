//! Measures that the time for one long line does not depend on how many pieces it comes in.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use ssewire::{Decoder, FrameRef};
use ssewire_benches::args::{Args, exit_code};
use ssewire_benches::measure::{rotated, setting, timed};

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), String> {
    let args = Args::from_env(&["--smoke", "--rounds"])?;
    let rounds = args.rounds(21);
    let size = if args.smoke { 64 << 10 } else { 8 << 20 };
    println!("{}", setting());
    println!("One line of {size} bytes; median of {rounds} rounds; every run's result checked.\n");
    println!("| line | call | one piece, ms | {PIECE}-byte pieces, ms | ratio (≤ {BAR}) |");
    println!("|---|---|---:|---:|---:|");
    let mut misses = 0;
    for (text, unit) in [("ASCII", "linear in bytes "), ("Chinese", "线性时间")] {
        let line = ["data: ", &unit.repeat(size / unit.len()), "\n\n"].concat();
        for (call, read) in [("cursor", cursor as Read), ("decode", decode as Read)] {
            let [whole, pieces] = measure(line.as_bytes(), read, rounds)?;
            let ratio = pieces.as_secs_f64() / whole.as_secs_f64();
            let mark = if ratio > BAR { " MISS" } else { "" };
            misses += usize::from(ratio > BAR);
            println!(
                "| {text} | {call} | {:.2} | {:.2} | {ratio:.2}{mark} |",
                whole.as_secs_f64() * 1e3,
                pieces.as_secs_f64() * 1e3,
            );
        }
    }
    match (args.smoke, misses) {
        (true, _) => println!("\nA smoke run: the results are right, the times mean nothing."),
        (false, 0) => println!("\nEvery ratio stays within its bar."),
        (false, misses) => println!("\n{misses} ratios miss their bar."),
    }
    Ok(())
}

type Read = fn(&[u8], usize) -> usize;

/// Returns the median times for one piece and for many.
fn measure(line: &[u8], read: Read, rounds: usize) -> Result<[Duration; 2], String> {
    let expected = line.len() - "data: \n\n".len();
    let pieces = [line.len(), PIECE];
    let mut times = [const { Vec::new() }; 2];
    for round in 0..=rounds {
        for index in rotated(pieces.len(), round) {
            let (time, found) = timed(|| read(black_box(line), pieces[index]));
            if found != expected {
                return Err(format!("found {found} bytes of data, not {expected}"));
            }
            if round > 0 {
                times[index].push(time);
            }
        }
    }
    Ok(times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    }))
}

fn cursor(line: &[u8], piece_len: usize) -> usize {
    let mut decoder = Decoder::new();
    let mut found = 0;
    for mut piece in line.chunks(piece_len) {
        let mut frames = decoder.frames(&mut piece);
        while let Some(frame) = frames.next_frame().expect("the line is not too large") {
            if let FrameRef::Event(event) = frame {
                found += black_box(event.data()).len();
            }
        }
    }
    found
}

fn decode(line: &[u8], piece_len: usize) -> usize {
    let mut decoder = Decoder::new();
    let mut found = 0;
    for mut piece in line.chunks(piece_len) {
        while let Some(frame) = decoder
            .decode(&mut piece)
            .expect("the line is not too large")
        {
            if let FrameRef::Event(event) = frame {
                found += black_box(event.data()).len();
            }
        }
    }
    found
}

/// The payload of a TCP segment over Ethernet.
const PIECE: usize = 1460;
/// What the many pieces may cost more.
const BAR: f64 = 4.0;
