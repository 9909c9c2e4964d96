//! Reads an event stream from stdin and prints each event as a line of JSON as soon as it is complete.
//!
//! `curl -N http://127.0.0.1:8888/price | cargo run --example decode`

use std::io::{self, BufWriter, Read, Write};
use std::process::ExitCode;

use serde_json::json;
use ssewire::{Decoder, EventRef, FrameRef};

fn main() -> ExitCode {
    let mut flush_at_eof = false;
    for argument in std::env::args_os().skip(1) {
        if argument != "--flush-at-eof" {
            eprintln!("decode: unknown argument {argument:?}");
            eprintln!("usage: decode [--flush-at-eof] < stream > lines");
            return ExitCode::from(2);
        }
        flush_at_eof = true;
    }
    match decode(flush_at_eof) {
        // The reader of the lines has seen enough: `decode | head` is not a failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("decode: {error}");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn decode(flush_at_eof: bool) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = BufWriter::new(io::stdout().lock());
    let mut decoder = Decoder::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let len = match input.read(&mut buffer) {
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            len => len?,
        };
        let mut rest = buffer.get(..len).unwrap_or_default();
        loop {
            match decoder.decode(&mut rest) {
                Ok(Some(FrameRef::Event(event))) => print(event, &mut output)?,
                Ok(Some(_)) => {}
                Ok(None) => break,
                // One event is lost. The stream continues after it.
                Err(error) => eprintln!("decode: {error}; skipped"),
            }
        }
        // Flushed before the next read, which may take long.
        output.flush()?;
    }
    if let Some(event) = decoder.finish().filter(|_| flush_at_eof) {
        print(event, &mut output)?;
    }
    output.flush()
}

fn print(event: EventRef<'_>, output: &mut impl Write) -> io::Result<()> {
    let line = json!({ "type": event.event_type(), "data": event.data(), "id": event.id() });
    writeln!(output, "{line}")
}
