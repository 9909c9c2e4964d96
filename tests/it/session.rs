//! One open response on a clock that moves only when told.

use core::time::Duration;

use ssewire::server::{Encoded, Outgoing, Session, SessionConfig, SessionEnd};
use ssewire::{Event, EventRef, Frame, FrameRef, Timestamp};

const COMMENT: &[u8] = b":\n";

#[test]
fn a_comment_opens_and_the_reconnection_time_heads_the_first_event() {
    for (retry, wire) in [
        (None, &b"data: a\n\n"[..]),
        (Some(ms(0)), b"retry: 0\ndata: a\n\n"),
        (Some(ms(1)), b"retry: 1\ndata: a\n\n"),
        (Some(ms(2500)), b"retry: 2500\ndata: a\n\n"),
        (Some(Duration::from_nanos(1)), b"retry: 1\ndata: a\n\n"),
        (
            Some(Duration::MAX),
            b"retry: 18446744073709551615\ndata: a\n\n",
        ),
    ] {
        let mut out = b"before".to_vec();
        let config = SessionConfig::new().retry(retry);
        let mut session = Session::open(at(0), config, 0, &mut out);
        assert_eq!(out, b"before:\n", "{retry:?}");
        assert_eq!(session.ended(), None);
        // Comments come before, and it comes once.
        out.clear();
        session.handle_timeout(at(15_000), &mut out);
        assert!(session.send(at(15_000), FrameRef::Comment("c"), &mut out));
        assert_eq!(out, b":\n:c\n");
        out.clear();
        assert!(session.send(at(15_000), EventRef::new("a"), &mut out));
        assert_eq!(out, wire, "{retry:?}");
        out.clear();
        assert!(session.send(at(15_000), EventRef::new("b"), &mut out));
        assert_eq!(out, b"data: b\n\n");
    }
}

#[test]
fn an_orderly_end_follows_a_comment_with_a_blank_line() {
    let config = config().max_age(ms(60_000)).jitter_percent(0);
    let retry = || FrameRef::Retry(ms(7));
    let cases: [(&[FrameRef<'_>], &[u8]); 6] = [
        (&[], b"\n"),
        (&[FrameRef::Comment("c")], b"\n"),
        (&[EventRef::new("a").into()], b""),
        (&[EventRef::new("a").into(), FrameRef::Comment("c")], b"\n"),
        // A time that no event takes along.
        (&[EventRef::new("a").into(), retry()], b"retry: 7\n\n"),
        (&[retry(), EventRef::new("a").into()], b""),
    ];
    for (frames, end) in cases {
        for by_age in [true, false] {
            let mut out = Vec::new();
            let mut session = Session::open(at(0), config.clone().retry(ms(9)), 0, &mut out);
            for frame in frames {
                assert!(session.send(at(1), *frame, &mut out));
            }
            out.clear();
            match by_age {
                true => session.handle_timeout(at(60_000), &mut out),
                false => session.end(&mut out),
            }
            assert_eq!(out, end, "{frames:?}");
            session.end(&mut out);
            assert_eq!(out, end, "once");
        }
    }
    // A comment that is written when the age is due.
    let mut session = open(config, 0);
    let mut out = Vec::new();
    assert!(session.send(at(60_000), FrameRef::Comment("c"), &mut out));
    assert_eq!(out, b":c\n\n");

    // A peer that takes nothing gets no orderly end.
    let mut session = open(self::config().keep_alive(None), 0);
    session.handle_blocked(at(0));
    assert_eq!(timeout(&mut session, 30_000), b"");
    assert_eq!(session.ended(), Some(SessionEnd::Stalled));
}

#[test]
fn what_is_encoded_is_passed_on_unless_something_comes_before_it() {
    let event = Event::new("a");
    let encoded = Encoded::from(&event);
    let mut out = Vec::new();
    let mut session = Session::open(at(0), config().retry(ms(9)), 0, &mut out);
    assert_eq!(session.pass(at(1), encoded.clone(), &mut out), None);
    assert_eq!(out, b":\nretry: 9\ndata: a\n\n");
    out.clear();
    let bytes = session
        .pass(at(2), encoded.clone(), &mut out)
        .expect("the bytes");
    assert_eq!(bytes.as_ptr(), encoded.as_bytes().as_ptr());
    assert_eq!(session.poll_timeout(), Some(at(15_002)));
    for (frame, wire) in [
        (Frame::Comment("c".into()), &b":c\n"[..]),
        (Frame::Retry(ms(7)), b""),
        (Frame::Event(event), b"retry: 7\ndata: a\n\n"),
    ] {
        let encoded = Encoded::from(&frame);
        for item in [Outgoing::from(encoded), Outgoing::from(frame)] {
            out.clear();
            let mut session = session.clone();
            if let Some(bytes) = session.pass(at(3), item, &mut out) {
                out.extend_from_slice(&bytes);
            }
            assert_eq!(out, wire);
        }
        let _ = session.pass(at(3), Frame::Retry(ms(7)), &mut out);
    }
    session.end(&mut out);
    out.clear();
    assert_eq!(session.pass(at(4), encoded, &mut out), None);
    assert_eq!(out, b"");
}

#[test]
fn silence_is_broken_by_a_comment_each_time() {
    let mut session = open(config(), 1000);
    for round in 1..5 {
        let due = 1000 + round * 15_000;
        assert_eq!(session.poll_timeout(), Some(at(due)));
        assert_eq!(timeout(&mut session, due - 1), b"", "too early");
        assert_eq!(session.poll_timeout(), Some(at(due)));
        assert_eq!(timeout(&mut session, due), COMMENT);
        assert_eq!(timeout(&mut session, due), b"", "once");
    }
    // Whoever comes late starts the next silence there.
    assert_eq!(timeout(&mut session, 200_000), COMMENT);
    assert_eq!(session.poll_timeout(), Some(at(215_000)));
}

#[test]
fn traffic_starts_the_silence_anew() {
    let mut session = open(config(), 0);
    let mut out = Vec::new();
    assert!(session.send(at(10_000), EventRef::new("a"), &mut out));
    assert_eq!(out, b"data: a\n\n");
    assert_eq!(session.poll_timeout(), Some(at(25_000)));
    assert_eq!(timeout(&mut session, 24_999), b"");

    assert!(session.handle_sent(at(24_999)));
    assert_eq!(session.poll_timeout(), Some(at(39_999)));
    assert_eq!(timeout(&mut session, 39_998), b"");
    assert_eq!(timeout(&mut session, 39_999), COMMENT);
}

#[test]
fn whatever_is_a_frame_can_be_sent() {
    let mut session = open(config(), 0);
    let mut out = Vec::new();
    let event = Event::new("b").with_id("1").unwrap();
    assert!(session.send(at(1), &event, &mut out));
    assert!(session.send(at(1), &Frame::Comment("c".into()), &mut out));
    assert!(session.send(at(1), FrameRef::Retry(ms(7)), &mut out));
    assert_eq!(out, b"id: 1\ndata: b\n\n:c\n");
}

#[test]
fn no_comment_comes_when_it_is_turned_off() {
    for off in [None, Some(Duration::ZERO)] {
        let mut session = open(config().keep_alive(off), 0);
        assert_eq!(session.poll_timeout(), None);
        assert_eq!(timeout(&mut session, u64::MAX), b"");
        assert!(session.handle_sent(at(5)));
        assert_eq!(session.poll_timeout(), None);
        assert_eq!(session.ended(), None);
    }
}

#[test]
fn zero_is_never_for_every_time() {
    for off in [None, Some(Duration::ZERO)] {
        let config = config().keep_alive(off).write_timeout(off).max_age(off);
        let mut session = open(config, 0);
        session.handle_blocked(at(0));
        assert_eq!(session.poll_timeout(), None);
        assert_eq!(timeout(&mut session, u64::MAX), b"");
        assert!(session.handle_sent(at(u64::MAX)));
        assert_eq!(session.ended(), None);
    }
}

#[test]
fn a_session_ends_at_its_age_whatever_is_sent() {
    let mut session = open(config().max_age(ms(60_000)).jitter_percent(0), 500);
    let mut out = Vec::new();
    for second in 1..60 {
        assert!(session.send(at(500 + second * 1000), EventRef::new("x"), &mut out));
    }
    assert_eq!(session.poll_timeout(), Some(at(60_500)));
    assert_eq!(timeout(&mut session, 60_499), b"");
    assert_eq!(session.ended(), None);
    assert_eq!(timeout(&mut session, 60_500), b"");
    assert_ended(&mut session, SessionEnd::MaxAge, 60_500);
}

/// A session that always has something to send never waits for a timer.
#[test]
fn a_session_ends_at_its_age_without_a_timer() {
    for due in [60_000, 60_001, u64::MAX] {
        let config = config().max_age(ms(60_000)).jitter_percent(0);
        let mut session = open(config.clone(), 0);
        assert!(session.handle_sent(at(59_999)));
        assert!(!session.handle_sent(at(due)), "{due}");
        assert_ended(&mut session, SessionEnd::MaxAge, due);

        // The frame that shows that it is due is not lost.
        let mut session = open(config, 0);
        let mut out = Vec::new();
        assert!(session.send(at(due), EventRef::new("last"), &mut out));
        assert_eq!(out, b"data: last\n\n");
        assert_ended(&mut session, SessionEnd::MaxAge, due);
    }
}

#[test]
fn an_age_that_is_due_with_a_comment_leaves_the_comment_out() {
    let mut session = open(config().max_age(ms(15_000)).jitter_percent(0), 0);
    assert_eq!(timeout(&mut session, 15_000), b"\n");
    assert_ended(&mut session, SessionEnd::MaxAge, 15_000);
}

#[test]
fn jitter_shortens_the_age_by_no_more_than_it_may_and_by_all_of_it() {
    for (percent, shortest) in [(0, 100_000), (10, 90_000), (100, 0), (255, 0)] {
        let ages: Vec<u64> = (0..2000)
            .map(|seed| {
                let config = config()
                    .keep_alive(None)
                    .max_age(ms(100_000))
                    .jitter_percent(percent);
                let open = || Session::open(at(0), config.clone(), seed, &mut Vec::new());
                let end = open().poll_timeout();
                assert_eq!(end, open().poll_timeout(), "equal seeds, equal ages");
                let end = end.unwrap().since_origin();
                assert!(
                    end <= ms(100_000) && end >= ms(shortest),
                    "{percent}%: {end:?}"
                );
                end.as_millis() as u64
            })
            .collect();
        // All of the room is used, and about evenly.
        let room = 100_000 - shortest;
        for part in 0..10 {
            let (from, to) = (
                shortest + room * part / 10,
                shortest + room * (part + 1) / 10,
            );
            let count = ages.iter().filter(|age| (from..=to).contains(age)).count();
            assert!(
                count > 100,
                "{percent}%: {count} ages of 2000 in {from}..={to}"
            );
        }
    }
}

#[test]
fn extreme_times_saturate() {
    for percent in [0, 10, 100] {
        let config = config()
            .keep_alive(Duration::MAX)
            .write_timeout(Duration::MAX)
            .max_age(Duration::MAX)
            .jitter_percent(percent);
        let mut session = open(config, u64::MAX);
        session.handle_blocked(at(u64::MAX));
        assert!(session.poll_timeout() > Some(at(u64::MAX)));
        assert_eq!(timeout(&mut session, u64::MAX), b"");
        assert_eq!(session.ended(), None);
    }
    // The shortest age that is one.
    let mut session = open(config().max_age(Duration::from_nanos(1)), 5);
    assert_eq!(timeout(&mut session, 6), b"\n");
    assert_ended(&mut session, SessionEnd::MaxAge, 6);
}

#[test]
fn the_write_timeout_runs_from_the_first_block_until_bytes_are_taken() {
    let mut session = open(config().keep_alive(None), 0);
    assert_eq!(session.poll_timeout(), None);
    session.handle_blocked(at(1000));
    assert_eq!(session.poll_timeout(), Some(at(31_000)));
    session.handle_blocked(at(20_000));
    assert_eq!(session.poll_timeout(), Some(at(31_000)), "the first counts");
    session.handle_unblocked();
    assert_eq!(session.poll_timeout(), None);
    session.handle_unblocked();
    assert_eq!(timeout(&mut session, 40_000), b"");

    session.handle_blocked(at(40_000));
    assert_eq!(timeout(&mut session, 69_999), b"");
    assert_eq!(session.ended(), None);
    assert_eq!(timeout(&mut session, 70_000), b"");
    assert_ended(&mut session, SessionEnd::Stalled, 70_000);
}

#[test]
fn without_a_write_timeout_a_peer_may_block_for_ever() {
    let mut session = open(config().write_timeout(None), 0);
    session.handle_blocked(at(0));
    assert_eq!(session.poll_timeout(), Some(at(15_000)));
    for round in 1..100 {
        assert_eq!(timeout(&mut session, round * 15_000), b"", "blocked");
    }
    assert_eq!(session.ended(), None);
    session.handle_unblocked();
    assert_eq!(timeout(&mut session, 100 * 15_000), COMMENT);
}

#[test]
fn a_blocked_peer_is_sent_no_comments() {
    let mut session = open(config(), 0);
    session.handle_blocked(at(1000));
    assert_eq!(session.poll_timeout(), Some(at(15_000)));
    assert_eq!(timeout(&mut session, 15_000), b"");
    assert_eq!(session.poll_timeout(), Some(at(30_000)));
    session.handle_unblocked();
    assert_eq!(timeout(&mut session, 29_999), b"");
    assert_eq!(timeout(&mut session, 30_000), COMMENT);
}

#[test]
fn of_several_times_the_earliest_is_polled() {
    let every = [10_000_u64, 20_000, 30_000];
    for keep_alive in every {
        for age in every {
            for write in every {
                let config = config()
                    .keep_alive(ms(keep_alive))
                    .max_age(ms(age))
                    .jitter_percent(0)
                    .write_timeout(ms(write));
                let mut session = open(config, 0);
                assert_eq!(session.poll_timeout(), Some(at(keep_alive.min(age))));
                session.handle_blocked(at(0));
                assert_eq!(
                    session.poll_timeout(),
                    Some(at(keep_alive.min(age).min(write)))
                );
                session.handle_unblocked();
                assert_eq!(session.poll_timeout(), Some(at(keep_alive.min(age))));
            }
        }
    }
}

#[test]
fn the_caller_ends_it_once() {
    let mut session = open(config().max_age(ms(60_000)), 0);
    session.end(&mut Vec::new());
    assert_ended(&mut session, SessionEnd::Caller, 10);
    session.end(&mut Vec::new());
    assert_ended(&mut session, SessionEnd::Caller, 20);

    let mut session = open(config().max_age(Duration::from_nanos(1)), 0);
    timeout(&mut session, 1);
    session.end(&mut Vec::new());
    assert_ended(&mut session, SessionEnd::MaxAge, 30);
}

/// What was sent before the end still has to leave.
#[test]
fn the_write_timeout_outlives_the_end() {
    for blocked_before in [true, false] {
        for by_age in [true, false] {
            let mut session = open(config().max_age(ms(10_000)).jitter_percent(0), 0);
            if blocked_before {
                session.handle_blocked(at(5000));
            }
            let end = if by_age {
                assert_eq!(timeout(&mut session, 10_000), b"\n");
                SessionEnd::MaxAge
            } else {
                session.end(&mut Vec::new());
                SessionEnd::Caller
            };
            assert_eq!(session.ended(), Some(end));
            session.handle_blocked(at(12_000));
            let stalled = if blocked_before { 35_000 } else { 42_000 };
            assert_eq!(session.poll_timeout(), Some(at(stalled)));
            assert_eq!(timeout(&mut session, stalled - 1), b"");
            assert_eq!(session.ended(), Some(end));

            // It reads on after all.
            let mut patient = session.clone();
            patient.handle_unblocked();
            assert_eq!(patient.poll_timeout(), None);
            assert_ended(&mut patient, end, stalled);

            assert_eq!(timeout(&mut session, stalled), b"");
            assert_ended(&mut session, SessionEnd::Stalled, stalled);
            session.handle_blocked(at(stalled));
            assert_eq!(session.poll_timeout(), None);
        }
    }
}

/// Asserts that nothing comes any more.
fn assert_ended(session: &mut Session, end: SessionEnd, now: u64) {
    assert_eq!(session.ended(), Some(end));
    assert_eq!(session.poll_timeout(), None);
    let mut out = Vec::new();
    assert!(!session.send(at(now), EventRef::new("late"), &mut out));
    assert!(!session.handle_sent(at(now)));
    session.handle_unblocked();
    for later in [0, 1, 1_000_000, u64::MAX] {
        session.handle_timeout(at(now.saturating_add(later)), &mut out);
    }
    assert_eq!(out, b"");
    assert_eq!(session.poll_timeout(), None);
    assert_eq!(session.ended(), Some(end));
}

fn config() -> SessionConfig {
    SessionConfig::new()
}

#[test]
fn a_reconnection_time_that_waits_for_an_event_breaks_no_silence() {
    let mut session = open(SessionConfig::new(), 0);
    let mut out = Vec::new();
    assert!(session.send(at(10_000), FrameRef::Retry(ms(1)), &mut out));
    let retry = Outgoing::from(Frame::Retry(ms(2)));
    assert_eq!(session.pass(at(14_000), retry, &mut out), None);
    assert!(out.is_empty());
    assert_eq!(session.poll_timeout(), Some(at(15_000)));
    assert_eq!(timeout(&mut session, 15_000), COMMENT);
}

fn open(config: SessionConfig, now: u64) -> Session {
    Session::open(at(now), config, 0, &mut Vec::new())
}

fn timeout(session: &mut Session, now: u64) -> Vec<u8> {
    let mut out = Vec::new();
    session.handle_timeout(at(now), &mut out);
    out
}

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_origin(ms(milliseconds))
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
