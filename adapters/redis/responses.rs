//! What Redis returns, as the responses to a relay.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use ::redis::{ErrorKind, RedisError, Value};

use super::link::Failed;
use super::requests::{split_part, unpacked};
use crate::server::{
    Appended, Entry, EventId, Failure, Origin, Refusal, Request, Response, Run, Stored,
};

/// Returns the response to a request, from the values of its commands.
pub(super) fn response(request: &Request, values: Vec<Value>) -> Result<Response, Failed> {
    if matches!(request, Request::Append(_)) {
        let results = values.into_iter().map(appended);
        return Ok(Response::Appended(results.collect()));
    }
    let garbled = || (Failure::Garbled, Failure::Garbled.to_string());
    let value = values.into_iter().next().ok_or_else(garbled)?;
    if let Value::ServerError(error) = value {
        let is_beat = matches!(request, Request::Beat(_));
        if is_beat && appended(Value::ServerError(error.clone())) == Appended::NewerEpoch {
            // Somebody else will judge.
            return Ok(Response::Beat { was_known: true });
        }
        return Err(failed(&error.into()));
    }
    let response = match request {
        Request::Join(_) | Request::Probe { .. } => run(value).map(Response::Run),
        Request::Beat(_) => match value {
            Value::Int(known) => Some(Response::Beat {
                was_known: known == 1,
            }),
            _ => None,
        },
        Request::Scan { .. } => stored(value),
        Request::Read { wait, .. } => match wait.is_zero() {
            true => entries(value),
            false => read(value),
        }
        .map(Response::Entries),
        _ => None,
    };
    response.ok_or_else(garbled)
}

/// Returns what an error means for the connection, and what it says.
pub(super) fn failed(error: &RedisError) -> Failed {
    (failure(error), error.to_string())
}

fn failure(error: &RedisError) -> Failure {
    match error.code() {
        // The words of the server are lost then.
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            Failure::Refused(Refusal::NoPermission)
        }
        Some(code) if WRONG_SERVER.contains(&code) => Failure::WrongServer,
        Some(_) => Failure::Refused(refusal(error)),
        None => Failure::Lost,
    }
}

fn refusal(error: &RedisError) -> Refusal {
    match error.code().unwrap_or_default() {
        "OOM" => Refusal::OutOfMemory,
        "NOREPLICAS" => Refusal::NoReplicas,
        "MISCONF" => Refusal::NotSaved,
        "NOPERM" | "NOAUTH" | "WRONGPASS" => Refusal::NoPermission,
        "TOOMANYKEYS" => Refusal::TooManyKeys,
        _ => Refusal::Other,
    }
}

fn appended(value: Value) -> Appended {
    match value {
        Value::Nil => Appended::NoLog,
        Value::BulkString(ref text) if text == b"UNNEEDED" => Appended::Unneeded,
        Value::ServerError(error) => {
            let error = RedisError::from(error);
            // This has no code of its own.
            if error
                .detail()
                .unwrap_or_default()
                .contains("equal or smaller")
            {
                return Appended::NewerEpoch;
            }
            match failure(&error) {
                Failure::Refused(refusal) => Appended::Refused(refusal),
                _ => Appended::WrongServer,
            }
        }
        value => match text(&value).and_then(id) {
            Some(id) => Appended::Id(id),
            None => Appended::WrongServer,
        },
    }
}

fn run(value: Value) -> Option<Run> {
    let values = array(value)?;
    let mut values = values.into_iter();
    let is_master = matches!(values.next()?, Value::Int(1));
    let mut next = || values.next().as_ref().and_then(text).map(String::from);
    let (server, generation, epoch) = (next()?, next()?, next()?);
    let (tip, lineage) = (next()?, next()?);
    let closed = array(values.next()?)?;
    let closed: Vec<&str> = closed.iter().filter_map(text).collect();
    let pairs = closed.chunks_exact(2).filter_map(|pair| match pair {
        [topic, left] => {
            let left = Duration::from_millis(left.parse().ok()?);
            Some((String::from(*topic), left))
        }
        _ => None,
    });
    let origins = lineage.split(',').filter_map(|line| {
        let (epoch, previous) = line.split_once(':')?;
        Some(Origin {
            epoch: epoch.parse().ok()?,
            previous: id(previous),
        })
    });
    Some(Run {
        is_master,
        generation: u64::from_str_radix(&generation, 16).ok(),
        epoch: epoch.parse().ok()?,
        tip: id(&tip),
        lineage: origins.collect(),
        closed: pairs.collect(),
        server,
    })
}

fn stored(value: Value) -> Option<Response> {
    let mut values = array(value)?.into_iter();
    let cursor = text(&values.next()?)?.parse().ok()?;
    let fields = array(values.next()?)?;
    let items = fields.chunks_exact(2).filter_map(|pair| match pair {
        [field, value] => item(bytes(field)?, bytes(value)?),
        _ => None,
    });
    Some(Response::Stored {
        cursor,
        items: items.collect(),
    })
}

fn item(field: &[u8], value: &[u8]) -> Option<Stored> {
    let (topic, _) = split_part(field)?;
    let end = value.iter().position(|byte| *byte == b'\n')?;
    let (number, packed) = value.split_at(end);
    let parts = unpacked(packed.get(1..)?)?;
    let fields = parts.chunks_exact(2).filter_map(|pair| match pair {
        [name, value] => Some((*name, *value)),
        _ => None,
    });
    Some(Stored {
        id: id(core::str::from_utf8(number).ok()?)?,
        topic: core::str::from_utf8(topic).ok()?.into(),
        entry: Entry::from_fields(fields),
    })
}

/// Returns the entries that a blocking read found, which is nothing in time.
fn read(value: Value) -> Option<Vec<(EventId, Entry)>> {
    if value == Value::Nil {
        return Some(Vec::new());
    }
    let stream = array(value)?.into_iter().next()?;
    entries(array(stream)?.into_iter().nth(1)?)
}

fn entries(value: Value) -> Option<Vec<(EventId, Entry)>> {
    let entries = array(value)?.into_iter().map(|entry| {
        let mut parts = array(entry)?.into_iter();
        let number = id(text(&parts.next()?)?)?;
        let fields = match parts.next()? {
            Value::Nil => Vec::new(),
            fields => array(fields)?,
        };
        let fields = fields.chunks_exact(2).filter_map(|pair| match pair {
            [name, value] => Some((bytes(name)?, bytes(value)?)),
            _ => None,
        });
        Some((number, Entry::from_fields(fields)))
    });
    entries.collect()
}

fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    core::str::from_utf8(bytes(value)?).ok()
}

fn id(text: &str) -> Option<EventId> {
    let (epoch, number) = text.split_once('-')?;
    Some(EventId::new(epoch.parse().ok()?, number.parse().ok()?))
}

const WRONG_SERVER: [&str; 8] = [
    "READONLY",
    "LOADING",
    "CLUSTERDOWN",
    "MOVED",
    "ASK",
    "UNBLOCKED",
    "MASTERDOWN",
    "TRYAGAIN",
];
