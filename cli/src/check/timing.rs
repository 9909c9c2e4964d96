//! What the times say at which bytes and events came.

use core::time::Duration;

use super::arrival::{Arrival, judge};
use super::finding::Finding;
use super::findings::{CODED, seconds};
use super::probe::Sent;
use super::watch::Observation;

pub(super) fn first_byte(seen: &Observation, sent: &[Sent]) -> Finding {
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

pub(super) fn arrival(seen: &Observation, plain: Option<&Observation>, sent: &[Sent]) -> Finding {
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
        Arrival::Groups { events, groups } => Finding::unknown(
            CHECK,
            format!(
                "{events} events came in {groups} groups, and nothing tells whether they were sent so"
            ),
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
    let fix = match seen.is_coded() {
        true => CODED,
        false => HELD_BACK,
    };
    let count = sent.len();
    let opened = seen.head.as_ref().map_or(Duration::ZERO, |head| head.at);
    let margin = LATE.min(seen.time / 3);
    let (mut arrived, mut late, mut missing) = (Vec::new(), 0, 0);
    for (number, sent) in sent.iter().enumerate() {
        match seen.events.iter().find(|event| event.probe == Some(number)) {
            Some(event) => {
                late += usize::from(event.at.saturating_sub(sent.taken) > LATE);
                arrived.push((event.at, sent));
            }
            // Before the stream is open, and just before the end of the watch, it may miss one.
            None => missing += usize::from(sent.at >= opened && sent.taken + margin <= seen.time),
        }
    }
    if missing > 0 || late > 0 {
        let text = format!(
            "of {count} events of ours that the server took, {missing} did not arrive and {late} \
             were more than {} late",
            seconds(LATE)
        );
        return Finding::error(CHECK, text, fix);
    }
    let groups = arrived.chunk_by(|a, b| b.0.saturating_sub(a.0) < TOGETHER);
    let lump = groups
        .filter(|group| group.len() >= 3)
        .filter_map(|group| {
            let ((_, first), (_, last)) = (group.first()?, group.last()?);
            let over = last.at.saturating_sub(first.taken);
            (over >= APART).then_some((group.len(), over))
        })
        .max();
    if let Some((events, over)) = lump {
        let text = format!(
            "{events} events of ours that were sent over {} arrived together",
            seconds(over)
        );
        return Finding::error(CHECK, text, fix);
    }
    let mut delays: Vec<_> = arrived
        .iter()
        .map(|(at, sent)| at.saturating_sub(sent.at))
        .collect();
    delays.sort_unstable();
    match delays.get(delays.len() / 2) {
        Some(median) => {
            let count = delays.len();
            let text = format!(
                "{count} events of ours arrived within {} of being sent",
                seconds(*median)
            );
            Finding::ok(CHECK, text).with_value(median.as_secs_f64())
        }
        None => Finding::unknown(
            CHECK,
            format!("the stream was not open long enough for the {count} events of ours"),
        ),
    }
}

/// Tells what a coded response holds back that one without a coding brings.
pub(super) fn held_back(coded: &Observation, plain: &Observation) -> Option<String> {
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
    // Whoever holds events back sends them together. An event that comes by itself may come late.
    let apart = coded
        .events
        .chunk_by(|a, b| b.at.saturating_sub(a.at) < TOGETHER);
    let flushes = apart.count() >= 3;
    let is_soon = plain_first <= time / 3;
    (late > least && is_open && is_soon && !flushes).then(|| match coded_first {
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

pub(super) fn keep_alive(seen: &Observation) -> Finding {
    const CHECK: &str = "keep-alive";
    const FIX: &str = "Send a comment (a line with a colon) after every 15 seconds of silence. Proxies \
                       cut silent responses: nginx after 60 seconds (proxy_read_timeout), HAProxy after \
                       its timeout server, Apache after its Timeout, Cloudflare after some 100 seconds.";
    let silence = seen.longest_silence;
    let mut ended = seen.comments.clone();
    ended.sort_unstable();
    if silence >= Duration::from_secs(20) {
        let text = format!("the stream was silent for {}", seconds(silence));
        return Finding::warning(CHECK, text, FIX).with_value(silence.as_secs_f64());
    }
    match ended.get(ended.len() / 2) {
        Some(period) => {
            let every = match ended.len() {
                1 => "",
                _ => "every ",
            };
            let text = format!("a comment after {every}{} of silence", seconds(*period));
            Finding::ok(CHECK, text).with_value(period.as_secs_f64())
        }
        None => Finding::unknown(
            CHECK,
            format!(
                "the longest silence was {}, too short to tell; --for 60 shows more",
                seconds(silence)
            ),
        ),
    }
}

/// What counts as late for a byte that is on its way.
const LATE: Duration = Duration::from_secs(1);
const HELD_BACK: &str = "Something between server and client collects bytes. In nginx: proxy_buffering off; \
                         (or send X-Accel-Buffering: no, unless proxy_ignore_headers has it). In Apache: \
                         ProxyPass … flushpackets=on. Or the server itself does not flush, or gathers \
                         events (--gather of ssewire serve).";
/// How far apart events of ours have to be sent to be told from a lump.
const APART: Duration = Duration::from_millis(150);
/// How close to each other events arrive that were held back.
const TOGETHER: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode, Version};

    use super::*;
    use crate::check::finding::Verdict;
    use crate::check::watch::{Head, Seen};

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn event(at: u64, probe: Option<usize>) -> Seen {
        Seen {
            at: ms(at),
            id: None,
            is_gap: false,
            probe,
            sent: None,
        }
    }

    /// A stream that was opened at a time, and watched for three seconds.
    fn watched(opened: u64, events: Vec<Seen>) -> Observation {
        Observation {
            head: Some(Head {
                at: ms(opened),
                status: StatusCode::OK,
                version: Version::HTTP_11,
                headers: HeaderMap::new(),
                is_redirected: false,
            }),
            events,
            time: ms(3_000),
            ..Observation::default()
        }
    }

    fn sent_at(times: &[u64]) -> Vec<Sent> {
        let sent = times.iter().map(|at| Sent {
            at: ms(*at),
            taken: ms(at + 50),
        });
        sent.collect()
    }

    #[test]
    fn events_of_ours() {
        /// When events are sent, when the stream is open, and which arrive when.
        type Case = (&'static [u64], u64, &'static [(usize, u64)]);
        const THREE: &[u64] = &[100, 500, 900];
        let rows: [(Case, Verdict, &str); 8] = [
            // At once.
            (
                (THREE, 20, &[(0, 130), (1, 530), (2, 930)]),
                Verdict::Ok,
                "3 events of ours arrived within 30 ms",
            ),
            // Together.
            (
                (THREE, 20, &[(0, 940), (1, 941), (2, 942)]),
                Verdict::Error,
                "3 events of ours that were sent over 750 ms",
            ),
            (
                (THREE, 20, &[(0, 1_900), (1, 1_901), (2, 1_902)]),
                Verdict::Error,
                "0 did not arrive and 2 were",
            ),
            // Never.
            (
                (THREE, 20, &[(0, 130), (2, 930)]),
                Verdict::Error,
                "1 did not arrive and 0 were",
            ),
            ((THREE, 20, &[]), Verdict::Error, "3 did not arrive"),
            // Sent before the stream is open, or just before the watch ends.
            ((THREE, 600, &[(2, 930)]), Verdict::Ok, "1 events of ours"),
            (
                (&[100, 2_600], 20, &[(0, 130)]),
                Verdict::Ok,
                "1 events of ours",
            ),
            (
                (&[100, 2_600], 200, &[]),
                Verdict::Unknown,
                "not open long enough",
            ),
        ];
        for ((sent, opened, arrived), verdict, text) in rows {
            let events = arrived.iter().map(|&(number, at)| event(at, Some(number)));
            let finding = probed(&watched(opened, events.collect()), &sent_at(sent));
            assert_eq!(finding.verdict, verdict, "{text}: {}", finding.text);
            assert!(finding.text.contains(text), "{text}: {}", finding.text);
        }
        let silent = Observation {
            head: None,
            ..watched(0, Vec::new())
        };
        assert_eq!(probed(&silent, &sent_at(&[100])).verdict, Verdict::Error);
    }

    #[test]
    fn a_coding_that_only_seems_to_hold_back() {
        let coded = |times: &[u64]| {
            let events = times.iter().map(|at| event(*at, None)).collect();
            let mut seen = watched(10, events);
            if let Some(head) = &mut seen.head {
                let gzip = http::HeaderValue::from_static("gzip");
                head.headers.insert("content-encoding", gzip);
            }
            seen
        };
        let plain = |first| as_stream(watched(10, vec![event(first, None)]));
        let is_held = |coded: &Observation, first| held_back(coded, &plain(first)).is_some();
        assert!(is_held(&coded(&[]), 100));
        assert!(is_held(&coded(&[2_500, 2_501, 2_502]), 100));
        assert!(
            !is_held(&coded(&[1_500, 2_000, 2_600]), 100),
            "it flushes each"
        );
        assert!(!is_held(&coded(&[]), 1_400), "events are rare");
        assert!(!is_held(&watched(10, Vec::new()), 100), "it is not coded");
    }

    fn as_stream(mut seen: Observation) -> Observation {
        if let Some(head) = &mut seen.head {
            let media_type = http::HeaderValue::from_static("text/event-stream");
            head.headers.insert("content-type", media_type);
        }
        seen
    }

    #[test]
    fn a_period_is_the_silence_before_a_comment() {
        let with = |comments: &[u64], longest: u64| {
            let mut seen = watched(10, Vec::new());
            seen.comments = comments.iter().map(|silence| ms(*silence)).collect();
            seen.longest_silence = ms(longest);
            let finding = keep_alive(&seen);
            (finding.verdict, finding.text)
        };
        let every = (
            Verdict::Ok,
            "a comment after every 15.0 s of silence".into(),
        );
        assert_eq!(with(&[15_000, 15_001, 14_999], 15_001), every);
        let once = (Verdict::Ok, "a comment after 15.0 s of silence".into());
        assert_eq!(with(&[15_000], 15_000), once);
        assert_eq!(with(&[], 19_000).0, Verdict::Unknown);
        assert_eq!(with(&[], 20_000).0, Verdict::Warning);
        assert_eq!(with(&[30_000], 30_000).0, Verdict::Warning);
    }
}
