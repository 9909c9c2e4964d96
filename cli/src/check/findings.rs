//! What the observations mean, and what to do.

use core::time::Duration;
use std::collections::HashSet;

use super::arrival::{Arrival, judge};
use super::finding::Finding;
use super::probe::Sent;
use super::response::{cache, connections, content_type, ended, status};
use super::resume::Resume;
use super::watch::Observation;

/// Judges all that was seen. `plain` is a response without a coding, if the first one had one.
pub(super) fn findings(
    seen: &Observation,
    plain: Option<&Observation>,
    sent: &[Sent],
    resumed: Resume,
) -> Vec<Finding> {
    let mut findings = vec![status(seen), content_type(seen)];
    if !seen.is_stream() && seen.head.is_some() {
        return findings;
    }
    findings.push(first_byte(seen, sent));
    if seen.head.is_none() {
        return findings;
    }
    findings.extend([
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
    findings
}

fn first_byte(seen: &Observation, sent: &[Sent]) -> Finding {
    const CHECK: &str = "first-byte";
    if seen.failure.is_some() {
        return Finding::unknown(CHECK, "there was no response");
    }
    let Some(head) = &seen.head else {
        let taken = match sent.len() {
            0 => String::new(),
            count => format!(", though the server took {count} events of ours"),
        };
        let time = seconds(seen.time);
        let text = format!("nothing came within {time}, not even a status{taken}");
        return Finding::error(CHECK, text, HELD_BACK);
    };
    match seen.arrivals.first() {
        None if seen.end.is_some() => Finding::warning(
            CHECK,
            "the response ended without a byte",
            "Keep the response open, and begin it with a comment.",
        ),
        None => Finding::warning(
            CHECK,
            format!("only the head came within {}", seconds(seen.time)),
            "Begin the response with a comment (a line with a colon) and flush it. If the server does, \
             a proxy holds it back: proxy_buffering off; in nginx, flushpackets=on with ProxyPass in \
             Apache.",
        ),
        Some(&at) => {
            let text = format!("after {}", seconds(at));
            let finding = match at.saturating_sub(head.at) > LATE || head.at > LATE {
                true => Finding::warning(
                    CHECK,
                    text,
                    "Begin the response with a comment (a line with a colon) and flush it, so that \
                     proxies and clients know at once that the stream is open.",
                ),
                false => Finding::ok(CHECK, text),
            };
            finding.with_value(at.as_secs_f64())
        }
    }
}

fn arrival(seen: &Observation, plain: Option<&Observation>, sent: &[Sent]) -> Finding {
    const CHECK: &str = "arrival";
    let opened = seen.head.as_ref().map_or(seen.time, |head| head.at);
    if !sent.is_empty() {
        return probed(seen, sent);
    }
    if let Some(held) = plain.and_then(|plain| held_back(seen, plain)) {
        return Finding::error(CHECK, held, CODED);
    }
    let fix = match seen.is_coded() {
        true => CODED,
        false => HELD_BACK,
    };
    match judge(&seen.events, opened) {
        Arrival::Lumps { events, over } => Finding::error(
            CHECK,
            format!(
                "{events} events that were sent over {} arrived together",
                seconds(over)
            ),
            fix,
        ),
        Arrival::AsSent { events } => Finding::ok(
            CHECK,
            format!("as they are sent, by the times in {events} arrivals"),
        ),
        Arrival::Groups { events, groups } => Finding::warning(
            CHECK,
            format!(
                "{events} events came in {groups} groups, and nothing tells when they were sent"
            ),
            fix,
        ),
        Arrival::OneByOne { events } => {
            Finding::ok(CHECK, format!("{events} events came one by one"))
        }
        Arrival::TooFew => Finding::unknown(
            CHECK,
            format!("too few events came within {} to tell", seconds(seen.time)),
        ),
    }
}

/// Judges by the events that were published to find out.
fn probed(seen: &Observation, sent: &[Sent]) -> Finding {
    const CHECK: &str = "arrival";
    let arrived = |number: usize| seen.events.iter().find(|event| event.probe == Some(number));
    let mut delays: Vec<_> = sent
        .iter()
        .enumerate()
        .filter_map(|(number, sent)| Some(arrived(number)?.at.saturating_sub(sent.at)))
        .collect();
    delays.sort_unstable();
    let count = sent.len();
    let late = delays.iter().filter(|delay| **delay > LATE).count();
    let missing = count - delays.len();
    let median = delays.get(delays.len() / 2).copied();
    if missing == 0 && late == 0 {
        let median = median.unwrap_or_default();
        let text = format!(
            "{count} events of ours arrived within {} of being sent",
            seconds(median)
        );
        return Finding::ok(CHECK, text).with_value(median.as_secs_f64());
    }
    let fix = match seen.is_coded() {
        true => CODED,
        false => HELD_BACK,
    };
    let text = format!(
        "of {count} events of ours that the server took, {missing} did not arrive and {late} were \
         more than {} late",
        seconds(LATE)
    );
    Finding::error(CHECK, text, fix)
}

/// Tells what a coded response holds back that one without a coding brings.
fn held_back(coded: &Observation, plain: &Observation) -> Option<String> {
    let coding = coded.coding()?;
    if !plain.is_stream() || plain.is_coded() {
        return None;
    }
    let plain_first = plain.events.first().map(|event| event.at)?;
    // Both responses were watched for that long, or longer.
    let time = coded.time.min(plain.time);
    let coded_first = coded.events.first().map(|event| event.at);
    let late = coded_first.unwrap_or(time).saturating_sub(plain_first);
    let is_open = coded.end.is_none() || coded_first.is_some();
    let least = LATE.min(time / 2);
    (late > least && is_open).then(|| match coded_first {
        None => format!(
            "{coding} holds events back: none arrived within {}, where without it one came after {}",
            seconds(coded.time),
            seconds(plain_first)
        ),
        Some(at) => format!(
            "{coding} holds events back: the first arrived after {}, without it after {}",
            seconds(at),
            seconds(plain_first)
        ),
    })
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

fn keep_alive(seen: &Observation) -> Finding {
    const CHECK: &str = "keep-alive";
    const FIX: &str = "Send a comment (a line with a colon) after every 15 seconds of silence. Proxies \
                       cut silent responses: nginx after 60 seconds (proxy_read_timeout), HAProxy after \
                       its timeout server, Apache after its Timeout, Cloudflare after 100 seconds.";
    let silence = seen.longest_silence;
    let mut periods: Vec<_> = seen
        .comments
        .windows(2)
        .filter_map(|pair| pair.last()?.checked_sub(*pair.first()?))
        .collect();
    periods.sort_unstable();
    if silence >= Duration::from_secs(20) {
        let text = format!("the stream was silent for {}", seconds(silence));
        return Finding::warning(CHECK, text, FIX).with_value(silence.as_secs_f64());
    }
    if let Some(period) = periods.get(periods.len() / 2) {
        let text = format!("a comment after every {} of silence", seconds(*period));
        return Finding::ok(CHECK, text).with_value(period.as_secs_f64());
    }
    match seen.comments.first() {
        Some(_) => Finding::ok(
            CHECK,
            format!("a comment after {} of silence", seconds(silence)),
        )
        .with_value(silence.as_secs_f64()),
        None => Finding::unknown(
            CHECK,
            format!(
                "the longest silence was {}, too short to tell; --for 60 shows more",
                seconds(silence)
            ),
        ),
    }
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

/// What counts as late for a byte that is on its way.
const LATE: Duration = Duration::from_secs(1);
const HELD_BACK: &str = "Something between server and client collects bytes. In nginx: proxy_buffering off; \
                         (or send X-Accel-Buffering: no, unless proxy_ignore_headers has it). In Apache: \
                         ProxyPass … flushpackets=on. Or the server itself does not flush.";
const CODED: &str = "Do not compress event streams: gzip off; for the path in nginx, SetEnv no-gzip 1 in \
                     Apache, no compression algo for the type in HAProxy, Cache-Control: no-transform for \
                     Cloudflare. Or flush the compressor after each event.";
