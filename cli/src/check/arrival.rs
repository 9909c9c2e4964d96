//! Whether events arrive as they are sent.

use core::time::Duration;
use std::time::UNIX_EPOCH;

use super::watch::Seen;

/// When an event was sent, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SentTime {
    /// Since the start of 1970.
    pub(super) at: Duration,
    /// It is a whole second.
    pub(super) is_coarse: bool,
}

/// Looks for a time in an event: an RFC 3339 timestamp, or milliseconds since 1970.
pub(super) fn sent_time(id: &str, data: &str) -> Option<SentTime> {
    let is_apart =
        |character: char| !character.is_ascii_alphanumeric() && !":.+-".contains(character);
    let data = data.get(..SEARCHED).unwrap_or(data);
    let dates = || data.split(is_apart).chain(id.split(is_apart));
    let date = dates().find_map(|word| {
        let date = humantime::parse_rfc3339(word).ok()?;
        Some(SentTime {
            at: date.duration_since(UNIX_EPOCH).ok()?,
            is_coarse: !word.contains('.'),
        })
    });
    date.or_else(|| {
        let mut numbers = dates().flat_map(|word| word.split([':', '-', '.']));
        numbers.find_map(|word| {
            let is_time = word.len() == 13 && word.starts_with('1');
            let milliseconds = word.parse().ok().filter(|_| is_time)?;
            Some(SentTime {
                at: Duration::from_millis(milliseconds),
                is_coarse: false,
            })
        })
    })
}

/// What the arrivals of events say.
#[derive(Debug, PartialEq)]
pub(super) enum Arrival {
    /// Events that were sent over this time arrived together.
    Lumps {
        events: usize,
        over: Duration,
    },
    /// Events arrived apart, as they were sent.
    AsSent {
        events: usize,
    },
    /// Events come in groups, which may be how they are sent.
    Groups {
        events: usize,
        groups: usize,
    },
    /// Events came one by one. When they were sent is not known.
    OneByOne {
        events: usize,
    },
    TooFew,
}

/// Judges events by when they arrived and, if they tell, when they were sent. `opened` is when the head
/// came.
pub(super) fn judge(events: &[Seen], opened: Duration) -> Arrival {
    let groups = groups(events);
    let times: Vec<_> = events.iter().filter_map(|event| event.sent).collect();
    let is_ordered = times.is_sorted_by_key(|time| time.at);
    if is_ordered && times.len() == events.len() {
        let lump = groups.iter().find_map(|group| lump(group, opened));
        if let Some(lump) = lump {
            return lump;
        }
        let apart = groups.get(1..).unwrap_or_default();
        if is_paced(apart) {
            return Arrival::AsSent {
                events: apart.len(),
            };
        }
    }
    // The first group may be a replay.
    let later: Vec<_> = groups.iter().skip(1).collect();
    let singles = later.iter().filter(|group| group.len() == 1).count();
    let count = later.iter().map(|group| group.len()).sum();
    match later.len() {
        0 | 1 => Arrival::TooFew,
        length if singles * 2 >= length => Arrival::OneByOne { events: count },
        length if later.iter().all(|group| group.len() >= 3) => Arrival::Groups {
            events: count,
            groups: length,
        },
        _ => Arrival::OneByOne { events: count },
    }
}

/// Splits events where a time passed between two.
fn groups(events: &[Seen]) -> Vec<&[Seen]> {
    let is_together = |a: &Seen, b: &Seen| b.at.saturating_sub(a.at) < TOGETHER;
    events.chunk_by(is_together).collect()
}

/// Returns whether groups arrived as far apart as they were sent. A time that says something else than
/// when an event was sent does not go on like that.
fn is_paced(groups: &[&[Seen]]) -> bool {
    let first = groups.first().and_then(|group| group.first());
    let last = groups.last().and_then(|group| group.first());
    let (Some(first), Some(last)) = (first, last) else {
        return false;
    };
    let (Some(from), Some(to)) = (first.sent, last.sent) else {
        return false;
    };
    let arrived = last.at.saturating_sub(first.at);
    let sent = to.at.saturating_sub(from.at);
    let least = Duration::from_secs(1);
    !sent.is_zero() && sent.abs_diff(arrived) <= least.max(arrived / 2)
}

/// Returns a group as a lump if its events were sent over some time, and is no replay.
fn lump(group: &[Seen], opened: Duration) -> Option<Arrival> {
    let (first, last) = (group.first()?, group.last()?);
    let (from, to) = (first.sent?, last.sent?);
    let over = to.at.saturating_sub(from.at);
    let least = match from.is_coarse || to.is_coarse {
        true => Duration::from_secs(2),
        false => Duration::from_secs(1),
    };
    // A replay comes at once, and goes back to before the request.
    let waited = last.at.saturating_sub(opened);
    let is_live = waited >= least && over <= last.at + least;
    (over >= least && is_live).then_some(Arrival::Lumps {
        events: group.len(),
        over,
    })
}

const TOGETHER: Duration = Duration::from_millis(50);
/// How much of an event is searched for a time, in bytes.
const SEARCHED: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: u64, sent: Option<u64>) -> Seen {
        Seen {
            at: Duration::from_millis(at),
            id: None,
            is_gap: false,
            probe: None,
            sent: sent.map(|at| SentTime {
                at: Duration::from_millis(at),
                is_coarse: false,
            }),
        }
    }

    fn judged(events: &[(u64, Option<u64>)]) -> Arrival {
        let events: Vec<_> = events.iter().map(|&(at, sent)| seen(at, sent)).collect();
        judge(&events, Duration::ZERO)
    }

    #[test]
    fn a_time_is_found() {
        let at = |id, data| sent_time(id, data).map(|time| (time.at.as_millis(), time.is_coarse));
        assert_eq!(
            at("", "{\"t\":\"2024-01-01T00:00:01Z\"}"),
            Some((1_704_067_201_000, true))
        );
        assert_eq!(
            at("", "at 2024-01-01T00:00:01.250Z."),
            None,
            "a word is a word"
        );
        assert_eq!(
            at("", "2024-01-01T00:00:01.250Z"),
            Some((1_704_067_201_250, false))
        );
        assert_eq!(at("1704067201250-7", "x"), Some((1_704_067_201_250, false)));
        assert_eq!(
            at("", "{\"ts\":1704067201250}"),
            Some((1_704_067_201_250, false))
        );
        assert_eq!(at("17", "2704067201250 170406720125 x"), None);
    }

    #[test]
    fn lumps_are_told_from_what_only_looks_like_them() {
        let lump = [
            (10, Some(0)),
            (3_000, Some(500)),
            (3_001, Some(1_500)),
            (3_002, Some(2_900)),
        ];
        let over = Duration::from_millis(2_400);
        assert_eq!(judged(&lump), Arrival::Lumps { events: 3, over });
        // All of them, once the response was long enough for a proxy.
        let late = [(2_500, Some(0)), (2_501, Some(2_400))];
        assert!(matches!(judged(&late), Arrival::Lumps { events: 2, .. }));
        // A replay of old events.
        let replay = [
            (10, Some(0)),
            (11, Some(90_000)),
            (500, Some(91_000)),
            (900, Some(91_400)),
        ];
        assert_eq!(judged(&replay), Arrival::AsSent { events: 2 });
        let late_replay = [(2_500, Some(0)), (2_501, Some(90_000))];
        assert_eq!(judged(&late_replay), Arrival::TooFew);
        // Events that were sent together.
        let burst = [
            (10, Some(0)),
            (1_000, Some(900)),
            (1_001, Some(901)),
            (2_000, Some(1_900)),
        ];
        assert_eq!(judged(&burst), Arrival::AsSent { events: 2 });
    }

    #[test]
    fn a_time_that_is_not_that_of_sending_proves_nothing() {
        let same = [0, 500, 900, 1_500].map(|at| (at, Some(5)));
        assert_eq!(judged(&same), Arrival::OneByOne { events: 3 });
        let years = [0, 1, 2, 3].map(|n| (n * 500, Some(n * 31_536_000_000)));
        assert_eq!(judged(&years), Arrival::OneByOne { events: 3 });
    }

    #[test]
    fn without_times_little_is_known() {
        assert_eq!(judged(&[]), Arrival::TooFew);
        assert_eq!(
            judged(&[(0, None), (1, None), (900, None)]),
            Arrival::TooFew
        );
        let apart = [(0, None), (500, None), (900, None), (1_500, None)];
        assert_eq!(judged(&apart), Arrival::OneByOne { events: 3 });
        let group = |at: u64| (0..4).map(move |n| (at + n, None));
        let groups: Vec<_> = group(0).chain(group(2_000)).chain(group(4_000)).collect();
        let expected = Arrival::Groups {
            events: 8,
            groups: 2,
        };
        assert_eq!(judged(&groups), expected);
    }
}
