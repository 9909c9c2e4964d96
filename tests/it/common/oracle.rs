//! The standard's algorithm, transcribed: slow, obvious, with the whole input in view.
//!
//! WHATWG HTML, "Parsing an event stream" and "Interpreting an event stream". It shares nothing
//! with the decoder but the words in which both report. The size limit, which the standard does not
//! know, is checked here after each line, on the texts that the block then holds.

use core::time::Duration;

use ssewire::{DecodeError, Event, Frame};

pub(crate) type Outcome = Result<Frame, DecodeError>;

/// One receiver over any number of connections.
#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    max_event_bytes: usize,
    comments: bool,
    last_event_id: String,
    /// What the last event ID adds to the size of every block.
    carried_bytes: usize,
}

/// The state while the lines of one connection are interpreted.
struct Connection<'o> {
    oracle: &'o mut Oracle,
    outcomes: Vec<Outcome>,
    data: String,
    event_type: String,
    id: String,
    has_id: bool,
    discarding: bool,
}

impl Oracle {
    pub(crate) fn new(max_event_bytes: usize, comments: bool) -> Self {
        Self {
            max_event_bytes,
            comments,
            last_event_id: String::new(),
            carried_bytes: 0,
        }
    }

    pub(crate) fn set_last_event_id(&mut self, id: &str) {
        self.last_event_id = id.to_owned();
        self.carried_bytes = id.len().saturating_sub(FREE_ID_BYTES);
    }

    pub(crate) fn last_event_id(&self) -> Option<&str> {
        (!self.last_event_id.is_empty()).then_some(&self.last_event_id)
    }

    /// Interprets all that one connection brought.
    pub(crate) fn connection(&mut self, bytes: &[u8]) -> Vec<Outcome> {
        let mut connection = Connection {
            outcomes: Vec::new(),
            data: String::new(),
            event_type: String::new(),
            id: self.last_event_id.clone(),
            has_id: false,
            discarding: false,
            oracle: self,
        };
        for (line, ended) in lines(without_bom(bytes)) {
            connection.line(line, ended);
        }
        connection.outcomes
    }

    /// Returns the event that the end of a connection with these bytes cuts off. Ask before
    /// `connection`: the last event ID must still be the one that the connection began with.
    pub(crate) fn cut_off(&self, bytes: &[u8]) -> Option<Event> {
        let outcomes = self.clone().connection(bytes);
        let mut longer = bytes.to_vec();
        longer.extend_from_slice(b"\n\n");
        let completed = self.clone().connection(&longer);
        completed
            .into_iter()
            .skip(outcomes.len())
            .find_map(|outcome| match outcome {
                Ok(Frame::Event(event)) => Some(event),
                _ => None,
            })
    }
}

impl Connection<'_> {
    fn line(&mut self, line: &[u8], ended: bool) {
        if line.is_empty() {
            self.end_block();
            return;
        }
        if self.discarding {
            return;
        }
        let before = self.held();
        // While a line is unfinished its bytes count, whatever its field.
        let mut most = before + line.len();
        if ended && most <= self.oracle.max_event_bytes {
            let line = String::from_utf8_lossy(line);
            most = match line.strip_prefix(':') {
                // A comment counts, decoded, until it is returned.
                Some(text) if self.oracle.comments => before + text.len(),
                _ => 0,
            };
            if most <= self.oracle.max_event_bytes {
                self.interpret(&line);
                most = self.held();
            }
        }
        if most > self.oracle.max_event_bytes {
            self.outcomes.push(Err(DecodeError::EventTooLarge));
            self.discarding = true;
        }
    }

    /// Returns the size of the block so far: its data joined by LF, its type and its ID, decoded.
    fn held(&self) -> usize {
        let data = self.data.strip_suffix('\n').unwrap_or_default();
        let event_type = match self.event_type.as_str() {
            "message" => "",
            other => other,
        };
        let id = if self.has_id { self.id.as_str() } else { "" };
        self.oracle.carried_bytes + data.len() + event_type.len() + id.len()
    }

    fn interpret(&mut self, line: &str) {
        if let Some(text) = line.strip_prefix(':') {
            if self.oracle.comments {
                self.outcomes.push(Ok(Frame::Comment(text.to_owned())));
            }
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => self.event_type = value.to_owned(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => {
                self.id = value.to_owned();
                self.has_id = true;
            }
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                let milliseconds = value.parse().unwrap_or(u64::MAX);
                self.outcomes
                    .push(Ok(Frame::Retry(Duration::from_millis(milliseconds))));
            }
            _ => {}
        }
    }

    fn end_block(&mut self) {
        if self.discarding {
            self.id.clone_from(&self.oracle.last_event_id);
        } else {
            self.dispatch();
        }
        self.data.clear();
        self.event_type.clear();
        self.has_id = false;
        self.discarding = false;
    }

    fn dispatch(&mut self) {
        if self.has_id {
            self.oracle.last_event_id.clone_from(&self.id);
            self.oracle.carried_bytes = self.id.len().saturating_sub(FREE_ID_BYTES);
        }
        let Some(data) = self.data.strip_suffix('\n') else {
            return;
        };
        let mut event = Event::new(data)
            .with_type(&self.event_type)
            .expect("a line has no break");
        if self.has_id || !self.id.is_empty() {
            event = event
                .with_id(&self.id)
                .expect("an id has no break and no NUL");
        }
        self.outcomes.push(Ok(Frame::Event(event)));
    }
}

/// Returns the lines without their ends, and for each whether it has one.
fn lines(text: &[u8]) -> Vec<(&[u8], bool)> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let (line, after) = rest.split_at(end);
        lines.push((line, true));
        rest = match after {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => after,
        };
    }
    if !rest.is_empty() {
        lines.push((rest, false));
    }
    lines
}

/// Returns the text after the BOM. The start of a BOM alone is not text yet.
fn without_bom(bytes: &[u8]) -> &[u8] {
    if BOM.starts_with(bytes) {
        b""
    } else {
        bytes.strip_prefix(BOM).unwrap_or(bytes)
    }
}

const BOM: &[u8] = b"\xEF\xBB\xBF";
/// The last event ID's bytes that do not count against the limit of later blocks.
const FREE_ID_BYTES: usize = 4096;
