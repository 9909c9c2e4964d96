//! What the observations mean, and what to do.

use core::time::Duration;
use std::collections::HashSet;

use super::finding::Finding;
use super::probe::Sent;
use super::response::{cache, connections, content_type, ended, status};
use super::resume::Resume;
use super::timing::{arrival, first_byte, held_back, keep_alive};
use super::watch::Observation;

/// Judges all that was seen. `plain` is a response without a coding, if the first one had one.
pub(super) fn findings(
    seen: &Observation,
    plain: Option<&Observation>,
    sent: &[Sent],
    resumed: Resume,
) -> Vec<Finding> {
    let mut findings = vec![status(seen), content_type(seen)];
    if seen.is_stream() {
        findings.extend([
            first_byte(seen, sent),
            arrival(seen, plain, sent),
            coding(seen, plain),
            cache(seen),
            keep_alive(seen),
            ids(seen),
            retry(seen),
            resume(resumed),
            connections(seen),
        ]);
        findings.extend(ended(seen));
        return findings;
    }
    if seen.head.is_none() {
        findings.push(first_byte(seen, sent));
        if !sent.is_empty() {
            findings.push(arrival(seen, plain, sent));
        }
    }
    // A script finds each check, whatever came.
    for check in OF_STREAMS {
        if findings.iter().all(|finding| finding.check != check) {
            findings.push(Finding::unseen(check));
        }
    }
    findings
}

fn coding(seen: &Observation, plain: Option<&Observation>) -> Finding {
    const CHECK: &str = "coding";
    let Some(coding) = seen.coding() else {
        return Finding::ok(CHECK, "none, though gzip was offered").with_value("identity");
    };
    let finding = if !coding.eq_ignore_ascii_case("gzip") {
        Finding::error(CHECK, format!("{coding}, which was not offered"), CODED)
    } else if plain.is_some_and(|plain| plain.is_coded()) {
        Finding::error(
            CHECK,
            "gzip, even where only identity was accepted",
            "Compress only what a client accepts (Accept-Encoding).",
        )
    } else if plain.is_some_and(|plain| held_back(seen, plain).is_some()) {
        Finding::error(CHECK, "gzip, and it holds events back", CODED)
    } else if !seen.arrivals.is_empty() && seen.first_decoded.is_none() {
        Finding::error(
            CHECK,
            "gzip, of which nothing can be read until more comes",
            CODED,
        )
    } else {
        Finding::warning(
            CHECK,
            "gzip: it saves bytes, and each event has to be flushed through it",
            CODED,
        )
    };
    finding.with_value(coding)
}

fn ids(seen: &Observation) -> Finding {
    const CHECK: &str = "ids";
    // A gap has the ID after which it goes on, which may be that of an event.
    let events: Vec<_> = seen.events.iter().filter(|event| !event.is_gap).collect();
    let ids: Vec<_> = events
        .iter()
        .filter_map(|event| event.id.as_deref())
        .collect();
    let distinct: HashSet<_> = ids.iter().collect();
    let repeated = ids.len() - distinct.len();
    let finding = if events.is_empty() {
        match seen.has_position {
            true => Finding::ok(CHECK, "no event came, but the position was told"),
            false => Finding::unknown(CHECK, "no event came"),
        }
    } else if ids.is_empty() {
        Finding::warning(
            CHECK,
            format!("{} events have none", events.len()),
            "Give each event an id. Without it, a client that reconnects misses what came meanwhile.",
        )
    } else if repeated > 0 {
        Finding::error(
            CHECK,
            format!("{repeated} of {} ids came before", ids.len()),
            "Give each event an id of its own. A client resumes after its last id, and cannot say which \
             of two it means.",
        )
    } else if ids.len() < events.len() {
        Finding::ok(
            CHECK,
            format!(
                "{} of {} events have one, all distinct",
                ids.len(),
                events.len()
            ),
        )
    } else {
        Finding::ok(CHECK, format!("{} events have distinct ones", ids.len()))
    };
    finding.with_value(ids.len())
}

fn retry(seen: &Observation) -> Finding {
    const CHECK: &str = "retry";
    let Some(retry) = seen.retry else {
        let text = "none was sent; browsers wait for some seconds";
        return Finding::ok(CHECK, text);
    };
    let milliseconds = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
    let text = format!("{milliseconds} ms");
    let finding = if retry < Duration::from_millis(100) {
        Finding::warning(
            CHECK,
            text,
            "Send a second or more, or all clients come back at once after a restart.",
        )
    } else if retry > Duration::from_secs(60) {
        Finding::warning(CHECK, text, "Send less: clients stay away for that long.")
    } else {
        Finding::ok(CHECK, text)
    };
    finding.with_value(milliseconds)
}

fn resume(resumed: Resume) -> Finding {
    const CHECK: &str = "resume";
    const FIX: &str = "Keep the last events, and send those after the id in the header Last-Event-ID \
                       when a client returns.";
    match resumed {
        Resume::Resumes { events } => Finding::ok(
            CHECK,
            format!("a reconnect brought the {events} events after its Last-Event-ID"),
        ),
        Resume::Gap => Finding::warning(
            CHECK,
            "the server told a reconnect that events may be missing",
            "Keep more events (--max-events, --max-bytes and --max-age of ssewire serve), or keep them \
             through a restart.",
        ),
        Resume::Repeats => Finding::error(
            CHECK,
            "a reconnect brought the event of its Last-Event-ID again",
            "Begin with the event after the id in Last-Event-ID.",
        ),
        Resume::FromBefore => Finding::error(
            CHECK,
            "a reconnect brought events from before its Last-Event-ID",
            FIX,
        ),
        Resume::Skips => Finding::error(
            CHECK,
            "a reconnect did not bring the events after its Last-Event-ID, but others",
            FIX,
        ),
        Resume::Nothing { waited } => Finding::error(
            CHECK,
            format!(
                "a reconnect brought nothing within {}, though events followed its Last-Event-ID",
                seconds(waited)
            ),
            FIX,
        ),
        Resume::NoStream {
            status: Some(status),
        } => Finding::error(
            CHECK,
            format!("a reconnect with Last-Event-ID got status {status}"),
            FIX,
        ),
        Resume::NoStream { status: None } => Finding::error(
            CHECK,
            "a reconnect with Last-Event-ID got no response in time",
            FIX,
        ),
        Resume::NoId => Finding::unknown(CHECK, "no event has an id to resume after"),
        Resume::Unsendable => Finding::warning(
            CHECK,
            "the id that it would be tried with holds control characters, which no header can carry",
            "Give events ids of printable characters.",
        ),
        Resume::OneId => Finding::unknown(CHECK, "too few events have an id to try it"),
    }
}

/// Writes a time with as many digits as matter.
pub(super) fn seconds(time: Duration) -> String {
    match time.as_millis() {
        milliseconds @ ..1_000 => format!("{milliseconds} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// What is looked at only in an event stream.
const OF_STREAMS: [&str; 9] = [
    "first-byte",
    "arrival",
    "coding",
    "cache",
    "keep-alive",
    "ids",
    "retry",
    "resume",
    "connections",
];
pub(super) const CODED: &str = "Do not compress event streams: gzip off; for the path in nginx, SetEnv no-gzip 1 in \
                     Apache, no compression algo for the type in HAProxy, Cache-Control: no-transform for \
                     Cloudflare. Or flush the compressor after each event.";
