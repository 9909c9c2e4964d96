//! The requests of a relay as commands of Redis.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ::redis::{Cmd, Pipeline, cmd};

use super::keys::Keys;
use crate::server::{Append, Change, Entry, EventId, Join, Kind, Request};

/// What a request needs that a relay does not know.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) max_len: usize,
    pub(super) max_keys: usize,
}

/// Returns the commands of a request: one, or one for each entry.
pub(super) fn commands(keys: &Keys, limits: &Limits, request: &Request) -> Pipeline {
    let mut pipeline = Pipeline::new();
    match request {
        Request::Join(join) => pipeline.add_command(joining(keys, join)),
        Request::Append(append) => {
            for entry in &append.entries {
                pipeline.add_command(appending(keys, limits, append, entry));
            }
            &mut pipeline
        }
        Request::Beat(beat) => {
            let keys = [
                keys.log(beat.generation),
                keys.latest(beat.generation),
                keys.present(beat.generation),
                keys.nodes(),
            ];
            let mut script = script(BEAT, keys);
            script.arg(limits.max_len).arg(beat.epoch).arg(&beat.node);
            script.arg(u8::from(beat.has_presences));
            script.arg(u8::from(beat.may_judge));
            script.arg(beat.silence.as_millis().to_string());
            pipeline.add_command(script)
        }
        Request::Probe { with_lineage } => {
            let mut probe = script(PROBE, [keys.facts(), keys.closed()]);
            probe.arg(keys.log_prefix()).arg(u8::from(*with_lineage));
            pipeline.add_command(probe)
        }
        Request::Scan { generation, cursor } => {
            let mut scan = cmd("HSCAN");
            scan.arg(keys.latest(*generation)).arg(*cursor);
            scan.arg("COUNT").arg(SCAN_COUNT);
            pipeline.add_command(scan)
        }
        Request::Read {
            generation,
            after,
            count,
            wait,
        } => {
            let log = keys.log(*generation);
            let mut read;
            if wait.is_zero() {
                read = cmd("XRANGE");
                read.arg(log).arg(format!("({}", decimal(*after)));
                read.arg("+").arg("COUNT").arg(*count);
            } else {
                read = cmd("XREAD");
                read.arg("COUNT").arg(*count);
                read.arg("BLOCK").arg(wait.as_millis().max(1).to_string());
                read.arg("STREAMS").arg(log).arg(decimal(*after));
            }
            pipeline.add_command(read)
        }
        #[allow(
            unreachable_patterns,
            reason = "a later version of the core may ask for more"
        )]
        _ => &mut pipeline,
    };
    pipeline
}

fn joining(keys: &Keys, join: &Join) -> Cmd {
    let mut script = script(JOIN, [keys.facts()]);
    script.arg(keys.log_prefix()).arg(join.floor);
    script.arg(u8::from(join.opens_epoch));
    script.arg(format!("{:06}", join.digits));
    script.arg(format!("{:016x}", join.generation));
    script
}

fn appending(keys: &Keys, limits: &Limits, append: &Append, entry: &Entry) -> Cmd {
    if let Some(command) = announcing(keys, limits, append, entry) {
        return command;
    }
    let log = keys.log(append.generation);
    let fields = entry.fields();
    let mut command = match entry.kind() {
        Kind::Latest { topics, key, .. } | Kind::Removal { topics, key, .. } => {
            let is_set = matches!(entry.kind(), Kind::Latest { .. });
            let mut script = script(KEYED, [log, keys.latest(append.generation)]);
            script.arg(limits.max_len).arg(append.epoch);
            script.arg(limits.max_keys);
            script.arg(if is_set { "set" } else { "del" });
            script.arg(topics.len());
            for topic in topics.iter() {
                script.arg(latest_field(topic, key));
            }
            script.arg(if is_set {
                packed(&fields)
            } else {
                String::new()
            });
            script
        }
        Kind::Close { topic, time } => {
            let mut script = script(CLOSE, [log, keys.closed()]);
            script.arg(limits.max_len).arg(append.epoch).arg(topic);
            script.arg(time.as_millis().to_string());
            script
        }
        _ => {
            let mut add = cmd("XADD");
            add.arg(log).arg("NOMKSTREAM").arg("MAXLEN").arg("~");
            add.arg(limits.max_len);
            add.arg(format!("{}-*", append.epoch));
            add
        }
    };
    for (name, value) in fields {
        command.arg(name).arg(&*value);
    }
    command
}

/// Returns the command of an entry about a presence.
fn announcing(keys: &Keys, limits: &Limits, append: &Append, entry: &Entry) -> Option<Cmd> {
    let Kind::Presence {
        change,
        topic,
        key,
        token,
        ..
    } = entry.kind()
    else {
        return None;
    };
    let [here, gone] = entry.presence()?;
    let keys = [
        keys.log(append.generation),
        keys.latest(append.generation),
        keys.present(append.generation),
    ];
    let mut script = script(PRESENT, keys);
    script.arg(limits.max_len).arg(append.epoch);
    script.arg(limits.max_keys);
    script.arg(match change {
        Change::Gone => "gone",
        Change::Again => "again",
        _ => "here",
    });
    script.arg(latest_field(topic, key)).arg(token);
    let (here, gone) = (here.fields(), gone.fields());
    script.arg(2 * here.len());
    for (name, value) in here.iter().chain(&gone) {
        script.arg(*name).arg(&**value);
    }
    Some(script)
}

fn script<const N: usize>(text: &str, keys: [String; N]) -> Cmd {
    let mut script = cmd("EVAL");
    script.arg(text).arg(keys.len());
    for key in keys {
        script.arg(key);
    }
    script
}

/// Returns the field of a key of a topic in the hash of the newest events.
fn latest_field(topic: &str, key: &str) -> String {
    format!("{}:{topic}{key}", topic.len())
}

/// Returns the fields of an entry as one text: of each name and each value the length in bytes, a colon,
/// and the text.
fn packed(fields: &[(&str, Cow<'_, str>)]) -> String {
    let parts = fields.iter().flat_map(|(name, value)| [*name, &**value]);
    parts.fold(String::new(), |mut packed, part| {
        packed.push_str(&part.len().to_string());
        packed.push(':');
        packed.push_str(part);
        packed
    })
}

/// Returns the parts of such a text.
pub(super) fn unpacked(mut packed: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while !packed.is_empty() {
        let (part, rest) = split_part(packed)?;
        parts.push(part);
        packed = rest;
    }
    Some(parts)
}

/// Splits off a text that begins with its length and a colon.
pub(super) fn split_part(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = packed.iter().position(|byte| *byte == b':')?;
    let (len, rest) = packed.split_at(colon);
    let len: usize = core::str::from_utf8(len).ok()?.parse().ok()?;
    rest.get(1..)?.split_at_checked(len)
}

fn decimal(id: EventId) -> String {
    format!("{}-{}", id.epoch(), id.number())
}

const JOIN: &str = include_str!("join.lua");
const PROBE: &str = include_str!("probe.lua");
const KEYED: &str = include_str!("keyed.lua");
const PRESENT: &str = concat!(
    include_str!("announcements.lua"),
    include_str!("present.lua")
);
const BEAT: &str = concat!(include_str!("announcements.lua"), include_str!("beat.lua"));
const CLOSE: &str = include_str!("close.lua");
const SCAN_COUNT: usize = 200;
