//! The loader of the case tables: JSON lists of rows, told apart by their shape.
//!
//! A row is for the decoder (`input` or `input_hex`, and `expected`), for the encoder (`event`, and
//! `output` or `error`) or about a client's behaviour (`server` and `expect`). Whatever else a row
//! may be, it must not pass unread: an unknown shape, field or type panics with the row's name.

use core::str;
use core::time::Duration;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use ssewire::Event;

#[derive(Debug)]
pub(crate) enum Case {
    Decode(DecodeCase),
    Encode(EncodeCase),
    /// Speaks of requests and answers, which no decoder and no encoder sees.
    Behaviour,
}

#[derive(Debug)]
pub(crate) struct DecodeCase {
    pub(crate) name: String,
    pub(crate) input: Vec<u8>,
    pub(crate) chunk_sizes: Option<Vec<usize>>,
    pub(crate) initial_last_event_id: Option<String>,
    pub(crate) expected: Vec<Seen>,
    pub(crate) last_event_id: String,
    /// The reconnection time at the end.
    pub(crate) retry: Option<Duration>,
    pub(crate) comments: Option<Vec<String>>,
    /// The limit to decode with.
    pub(crate) max_event_bytes: Option<usize>,
    /// How many events are over the limit.
    pub(crate) too_large: usize,
    /// What `finish` gives at the end: `None` where the row does not say.
    pub(crate) finish: Option<Option<Seen>>,
}

/// An event in the form of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) event: String,
    pub(crate) data: String,
    /// Empty where there is none.
    pub(crate) last_event_id: String,
}

#[derive(Debug)]
pub(crate) struct EncodeCase {
    pub(crate) name: String,
    pub(crate) data: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) retry: Option<Duration>,
    /// The bytes, or `None` where the row must be refused.
    pub(crate) output: Option<Vec<u8>>,
    /// Whether the bytes must be these, not only mean the same.
    pub(crate) exact: bool,
}

impl From<&Event> for Seen {
    fn from(event: &Event) -> Self {
        Self {
            event: event.event_type().to_owned(),
            data: event.data().to_owned(),
            last_event_id: event.id().unwrap_or("").to_owned(),
        }
    }
}

/// Loads the tables of this repository.
pub(crate) fn own() -> Vec<Case> {
    folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"))
}

/// Loads the tables of the folder named by `SSE_CASES`, `None` when the variable is not set.
pub(crate) fn of_environment() -> Option<Vec<Case>> {
    Some(folder(Path::new(&env::var_os("SSE_CASES")?)))
}

/// Loads every `.json` file of a folder; there must be one.
fn folder(folder: &Path) -> Vec<Case> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot read the folder {}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("folder entry").path())
        .collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in &paths {
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let rows = file(path);
            println!("{}: {} rows", path.display(), rows.len());
            cases.extend(rows);
        } else {
            println!("{}: not a .json file, not read", path.display());
        }
    }
    assert!(
        !cases.is_empty(),
        "no rows in the folder {}",
        folder.display()
    );
    cases
}

fn file(path: &Path) -> Vec<Case> {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let json: Value = serde_json::from_slice(&text)
        .unwrap_or_else(|error| panic!("{}: not JSON: {error}", path.display()));
    let Value::Array(rows) = json else {
        panic!("{}: not a list", path.display())
    };
    assert!(!rows.is_empty(), "{}: an empty list", path.display());
    rows.into_iter()
        .enumerate()
        .map(|(index, row)| self::row(path, index, row))
        .collect()
}

fn row(path: &Path, index: usize, row: Value) -> Case {
    let at = format!("{}, row {index}", path.display());
    let mut fields = Fields::new(at, row);
    let name = fields
        .string("name")
        .unwrap_or_else(|| fields.panic("no name"));
    fields.at = format!("{}, {name}", path.display());
    for remark in ["source", "note", "derived"] {
        fields.take(remark);
    }
    if fields.map.contains_key("expected") {
        Case::Decode(fields.into_decode_case(name))
    } else if fields.map.contains_key("event") {
        Case::Encode(fields.into_encode_case(name))
    } else if fields.map.contains_key("server") && fields.map.contains_key("expect") {
        Case::Behaviour
    } else {
        fields.panic("a row of an unknown shape")
    }
}

/// The fields of a JSON object that were not yet looked at.
struct Fields {
    at: String,
    map: Map<String, Value>,
}

impl Fields {
    fn new(at: String, value: Value) -> Self {
        match value {
            Value::Object(map) => Self { at, map },
            _ => panic!("{at}: not an object"),
        }
    }

    fn into_decode_case(mut self, name: String) -> DecodeCase {
        let input = match (self.string("input"), self.string("input_hex")) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(hex)) => self.to_bytes(&hex),
            _ => self.panic("needs one of input and input_hex"),
        };
        let case = DecodeCase {
            name,
            input,
            chunk_sizes: self.list("chunk_sizes").map(|sizes| {
                sizes
                    .iter()
                    .map(|size| self.to_usize("chunk_sizes", size))
                    .collect()
            }),
            initial_last_event_id: self.string("initialLastEventId"),
            expected: self
                .list("expected")
                .unwrap_or_else(|| self.panic("no list expected"))
                .into_iter()
                .map(|event| self.to_seen(event))
                .collect(),
            last_event_id: self
                .string("lastEventId")
                .unwrap_or_else(|| self.panic("no lastEventId")),
            retry: self.milliseconds("retry"),
            comments: self.list("comments").map(|comments| {
                comments
                    .into_iter()
                    .map(|text| self.to_string("comments", text))
                    .collect()
            }),
            max_event_bytes: self
                .take("maxEventBytes")
                .map(|limit| self.to_usize("maxEventBytes", &limit)),
            too_large: self
                .take("tooLarge")
                .map_or(0, |count| self.to_usize("tooLarge", &count)),
            finish: self.take("finish").map(|event| match event {
                Value::Null => None,
                event => Some(self.to_seen(event)),
            }),
        };
        self.end();
        case
    }

    fn into_encode_case(mut self, name: String) -> EncodeCase {
        let event = self.take("event").unwrap_or(Value::Null);
        let mut event = Self::new(format!("{}, event", self.at), event);
        let output = match (self.string("output"), self.flag("error")) {
            (Some(output), false) => Some(output.into_bytes()),
            (None, true) => None,
            _ => self.panic("needs one of output and error: true"),
        };
        let case = EncodeCase {
            name,
            data: event.string("data"),
            event_type: event.string("event"),
            id: event.string("id"),
            comment: event.string("comment"),
            retry: event.milliseconds("retry"),
            output,
            exact: self.flag("exact"),
        };
        event.end();
        self.end();
        case
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.map.shift_remove(field)
    }

    fn string(&mut self, field: &str) -> Option<String> {
        self.take(field).map(|value| self.to_string(field, value))
    }

    fn list(&mut self, field: &str) -> Option<Vec<Value>> {
        self.take(field).map(|value| match value {
            Value::Array(list) => list,
            _ => self.panic(&format!("{field} is not a list")),
        })
    }

    fn flag(&mut self, field: &str) -> bool {
        match self.take(field) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => self.panic(&format!("{field} is not true or false")),
        }
    }

    /// Takes a time: a number, a string of any number of digits, or null.
    fn milliseconds(&mut self, field: &str) -> Option<Duration> {
        let milliseconds = match self.take(field) {
            None | Some(Value::Null) => return None,
            Some(Value::Number(number)) => number
                .as_u64()
                .unwrap_or_else(|| self.panic(&format!("{field} is not a whole number"))),
            Some(Value::String(digits))
                if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                digits.parse().unwrap_or(u64::MAX)
            }
            Some(_) => self.panic(&format!("{field} is no time")),
        };
        Some(Duration::from_millis(milliseconds))
    }

    /// Panics when a field was left.
    fn end(&self) {
        if let Some(field) = self.map.keys().next() {
            self.panic(&format!("an unknown field {field}"));
        }
    }

    fn to_seen(&self, event: Value) -> Seen {
        let mut fields = Self::new(format!("{}, an event", self.at), event);
        let mut string = |field: &str| {
            fields
                .string(field)
                .unwrap_or_else(|| fields.panic(&format!("no {field}")))
        };
        let seen = Seen {
            event: string("event"),
            data: string("data"),
            last_event_id: string("lastEventId"),
        };
        fields.end();
        seen
    }

    fn to_string(&self, field: &str, value: Value) -> String {
        match value {
            Value::String(text) => text,
            _ => self.panic(&format!("{field} is not a string")),
        }
    }

    fn to_usize(&self, field: &str, value: &Value) -> usize {
        value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or_else(|| self.panic(&format!("{field} holds what is no count")))
    }

    fn to_bytes(&self, hex: &str) -> Vec<u8> {
        if hex.len() % 2 != 0 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            self.panic("input_hex is not hexadecimal");
        }
        hex.as_bytes()
            .chunks_exact(2)
            .map(|pair| {
                let pair = str::from_utf8(pair).expect("hexadecimal is ASCII");
                u8::from_str_radix(pair, 16).expect("two hexadecimal digits are a byte")
            })
            .collect()
    }

    fn panic(&self, what: &str) -> ! {
        panic!("{}: {what}", self.at)
    }
}
