//! Recorded streams, and what a reference implementation saw in them.
//!
//! The recordings are not part of this repository. The variable `SSE_REAL` names a folder of them;
//! its `expected.json` lists, for each file, what was counted and hashed.

use core::time::Duration;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};
use ssewire::{Event, Frame};

/// Returns each recording, with what is expected of it.
pub(crate) fn recordings() -> Vec<(Value, Vec<u8>)> {
    let folder = PathBuf::from(env::var_os("SSE_REAL").expect("SSE_REAL names the folder"));
    let list = fs::read(folder.join("expected.json")).expect("the folder has an expected.json");
    let list: Vec<Value> = serde_json::from_slice(&list).expect("expected.json is a JSON list");
    assert!(!list.is_empty(), "expected.json lists no file");
    let read = |expected: Value| {
        let name = text(&expected, "file");
        let bytes = fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(bytes.len(), number(&expected, "bytes"), "{name}: bytes");
        (expected, bytes)
    };
    list.into_iter().map(read).collect()
}

/// Compares all frames of a recording, and the last event ID behind them, with what is expected.
pub(crate) fn check(expected: &Value, frames: Vec<Frame>, last_event_id: Option<&str>, at: &str) {
    let (mut events, mut comments, mut retry) = (Vec::new(), 0, None);
    for frame in frames {
        match frame {
            Frame::Event(event) => events.push(event),
            Frame::Comment(_) => comments += 1,
            Frame::Retry(time) => retry = Some(time),
            frame => panic!("{at}: a frame of an unknown kind: {frame:?}"),
        }
    }

    assert_eq!(comments, number(expected, "comments"), "{at}: comments");
    assert_eq!(
        last_event_id.unwrap_or(""),
        text(expected, "lastEventId"),
        "{at}"
    );
    assert_eq!(retry, milliseconds(&expected["retry"]), "{at}: retry");
    check_events(expected, &events, at);
}

/// Compares all events of a recording with what is expected.
pub(crate) fn check_events(expected: &Value, events: &[Event], at: &str) {
    assert_eq!(events.len(), number(expected, "events"), "{at}: events");
    let mut types = BTreeMap::new();
    for event in events {
        *types.entry(event.event_type()).or_insert(0) += 1;
    }
    let counted = expected["types"].as_object().expect("types is an object");
    assert_eq!(types.len(), counted.len(), "{at}: types");
    for (event_type, count) in types {
        assert_eq!(
            count,
            number(&expected["types"], event_type),
            "{at}: {event_type}"
        );
    }
    assert_eq!(
        sha256_hex(&as_json(events)),
        text(expected, "events_sha256"),
        "{at}: {events:#?}"
    );
}

/// Writes the list that was hashed: sorted keys, no white space, all but printable ASCII escaped.
pub(crate) fn as_json(events: &[Event]) -> String {
    let mut json = String::from("[");
    for (index, event) in events.iter().enumerate() {
        json.push_str(if index == 0 {
            "{\"data\":"
        } else {
            ",{\"data\":"
        });
        push_escaped(&mut json, event.data());
        json.push_str(",\"event\":");
        push_escaped(&mut json, event.event_type());
        json.push_str(",\"lastEventId\":");
        push_escaped(&mut json, event.id().unwrap_or(""));
        json.push('}');
    }
    json.push(']');
    json
}

fn push_escaped(json: &mut String, text: &str) {
    json.push('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'"') => json.push_str("\\\""),
            Ok(b'\\') => json.push_str("\\\\"),
            Ok(b'\n') => json.push_str("\\n"),
            Ok(b'\r') => json.push_str("\\r"),
            Ok(b'\t') => json.push_str("\\t"),
            Ok(0x08) => json.push_str("\\b"),
            Ok(0x0C) => json.push_str("\\f"),
            Ok(printable @ b' '..=b'~') => json.push(char::from(printable)),
            _ => json.push_str(&format!("\\u{unit:04x}")),
        }
    }
    json.push('"');
}

fn sha256_hex(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field]
        .as_str()
        .unwrap_or_else(|| panic!("expected.json: no text {field} in {object}"))
}

fn number(object: &Value, field: &str) -> usize {
    object[field]
        .as_u64()
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or_else(|| panic!("expected.json: no number {field} in {object}"))
}

fn milliseconds(value: &Value) -> Option<Duration> {
    match value {
        Value::Null => None,
        Value::Number(number) => number.as_u64().map(Duration::from_millis),
        Value::String(digits) => digits.parse().ok().map(Duration::from_millis),
        _ => panic!("expected.json: no time: {value}"),
    }
}
