//! How events are printed to stdout.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::json;
use ssewire::Event;

use super::escape::escaped;

/// The form in which events are printed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Form {
    /// An object in each line, with type, data and id
    Json,
    /// The data, and a line break
    Data,
    /// The event as it was sent, except for comments and the order of its fields
    Raw,
}

/// Where events are printed, and how.
pub(crate) struct Output {
    form: Option<Form>,
    is_terminal: bool,
    has_color: bool,
}

impl Output {
    /// Creates an output to stdout. Without a form, a terminal gets lines for a reader, and everything
    /// else JSON.
    pub(crate) fn new(form: Option<Form>) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self {
            form: form.or((!is_terminal).then_some(Form::Json)),
            is_terminal,
            has_color: has_color(),
        }
    }

    /// Prints an event, and flushes.
    pub(crate) fn print(&self, event: &Event) -> io::Result<()> {
        let text = match self.form {
            None => return self.write(&self.line(event)),
            Some(Form::Json) => {
                let object = json!({
                    "type": event.event_type(),
                    "data": event.data(),
                    "id": event.id(),
                });
                return self.write(&(escaped(&object.to_string()) + "\n"));
            }
            Some(Form::Data) => format!("{}\n", event.data()),
            Some(Form::Raw) => String::from_utf8_lossy(&event.to_bytes()).into_owned(),
        };
        // A program gets what was sent. A terminal should not be controlled by it.
        match self.is_terminal {
            true => self.write(&text.split_inclusive('\n').map(shown).collect::<String>()),
            false => self.write(&text),
        }
    }

    /// Returns an event as a line for a reader.
    fn line(&self, event: &Event) -> String {
        let time = time_of_day();
        let kind = escaped(event.event_type());
        let data = escaped(&event.data().replace('\n', "\\n"));
        let (dim, bold) = match self.has_color {
            true => (Style::new().dimmed(), AnsiColor::Cyan.on_default().bold()),
            false => (Style::new(), Style::new()),
        };
        format!("{dim}{time}{dim:#} {bold}{kind}{bold:#} {data}\n")
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }
}

/// Returns whether stdout is a terminal that shows colours, and is to show them (no-color.org).
pub(crate) fn has_color() -> bool {
    io::stdout().is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|value| value != "dumb")
}

/// Escapes a line, but not its end.
fn shown(line: &str) -> String {
    match line.strip_suffix('\n') {
        Some(line) => escaped(line) + "\n",
        None => escaped(line),
    }
}

/// Returns the time of day, in UTC.
#[expect(clippy::disallowed_methods, reason = "a line says when its event came")]
fn time_of_day() -> String {
    let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    time.get(11..).unwrap_or(&time).to_owned()
}
