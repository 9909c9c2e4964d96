//! Reads lines of JSON from stdin and writes each as a frame of an event stream.
//!
//! An event is `{"data":"…"}`, optionally with `"type"` and `"id"`. `{"comment":"…"}` and
//! `{"retry":3000}`, in milliseconds, are frames too. Empty lines are skipped.
//!
//! `echo '{"type":"AAPL","data":"121.5","id":"7"}' | cargo run --example encode`

use core::error::Error;
use core::time::Duration;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use serde_json::{Map, Value};
use ssewire::{Event, Frame};

fn main() -> ExitCode {
    if let Some(argument) = std::env::args_os().nth(1) {
        eprintln!("encode: unknown argument {argument:?}");
        eprintln!("usage: encode < lines > stream");
        return ExitCode::from(2);
    }
    match encode() {
        // The reader of the stream has seen enough: `encode | head` is not a failure.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("encode: {error}");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn encode() -> Result<(), Box<dyn Error>> {
    let mut output = io::stdout().lock();
    let mut wire = Vec::new();
    for (index, line) in io::stdin().lock().split(b'\n').enumerate() {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let frame = parse(&line).map_err(|error| format!("line {}: {error}", index + 1))?;
        wire.clear();
        frame.encode(&mut wire);
        output.write_all(&wire)?;
        output.flush()?;
    }
    Ok(())
}

fn parse(line: &[u8]) -> Result<Frame, Box<dyn Error>> {
    let mut fields: Map<String, Value> = serde_json::from_slice(line)?;
    let frame = if let Some(comment) = take_text(&mut fields, "comment")? {
        Frame::Comment(comment)
    } else if let Some(time) = fields.remove("retry") {
        let time = time
            .as_u64()
            .ok_or("\"retry\" is no whole number of milliseconds")?;
        Frame::Retry(Duration::from_millis(time))
    } else {
        let data = take_text(&mut fields, "data")?;
        let mut event = Event::new(data.ok_or("no \"data\", \"comment\" or \"retry\"")?);
        if let Some(event_type) = take_text(&mut fields, "type")? {
            event = event.with_type(event_type)?;
        }
        if let Some(id) = take_text(&mut fields, "id")? {
            event = event.with_id(id)?;
        }
        Frame::Event(event)
    };
    match fields.keys().next() {
        Some(key) => Err(format!("unexpected {key:?}").into()),
        None => Ok(frame),
    }
}

/// Takes a string out of the object. Null counts as absent, so that the output of `decode` is valid
/// input.
fn take_text(fields: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match fields.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{key:?} is no string")),
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
