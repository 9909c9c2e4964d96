//! Whatever is done to a session, in whatever order, what it writes is a sound stream: each event and
//! comment comes once and in order, no block has no data, no reconnection time is lost, and the session
//! ends when it says.

use core::time::Duration;

use ssewire::server::{
    Encoded, EventId, Outgoing, PositionNotice, Session, SessionConfig, SessionEnd,
};
use ssewire::{Decoder, DecoderConfig, Event, Frame, Timestamp};

/// Something that is done to a session.
#[derive(Clone, Debug)]
pub(crate) enum SessionOp {
    Send(Frame),
    /// As an item, which may be encoded already.
    Pass {
        frame: Frame,
        is_encoded: bool,
    },
    /// Lets time go on, and the timer fire if it is due.
    Wait(Duration),
    Block,
    Unblock,
    /// The events are here, by their number.
    Position(u64),
    /// All streams are to end within this time.
    Close(Duration),
    /// There are no more events for now.
    Drain,
    End,
}

/// A session, and what it should have written.
pub(crate) struct SessionModel {
    session: Session,
    now: Timestamp,
    wire: Vec<u8>,
    events: Vec<Event>,
    /// The comments that say something.
    comments: Vec<String>,
    /// The reconnection time that the next event takes along.
    retry: Option<Duration>,
    retries: Vec<Duration>,
    /// A time that was sent, not only configured.
    is_owed: bool,
    is_ended: bool,
    /// When it is to end, at the latest.
    closes_by: Option<Timestamp>,
    /// How many notices of the position are blocks without data.
    position_blocks: usize,
}

impl SessionModel {
    pub(crate) fn new(config: SessionConfig, retry: Option<Duration>, seed: u64) -> Self {
        let now = Timestamp::from_origin(Duration::from_secs(1));
        let mut wire = Vec::new();
        let session = Session::open(now, config.retry(retry), seed, &mut wire);
        assert_eq!(wire, b":\n");
        Self {
            session,
            now,
            wire,
            events: Vec::new(),
            comments: Vec::new(),
            retry,
            retries: Vec::new(),
            is_owed: false,
            is_ended: false,
            closes_by: None,
            position_blocks: 0,
        }
    }

    pub(crate) fn apply(&mut self, op: SessionOp) {
        let before = self.wire.len();
        match op.clone() {
            SessionOp::Send(frame) => {
                let is_open = self.session.send(self.now, &frame, &mut self.wire);
                assert_eq!(is_open, !self.is_ended);
                self.note(frame);
            }
            SessionOp::Pass { frame, is_encoded } => {
                let item = match is_encoded {
                    true => Outgoing::from(Encoded::from(&frame)),
                    false => Outgoing::from(frame.clone()),
                };
                if let Some(bytes) = self.session.pass(self.now, item, &mut self.wire) {
                    self.wire.extend_from_slice(&bytes);
                }
                self.note(frame);
            }
            SessionOp::Wait(time) => {
                self.now = self.now + time;
                let is_due = self.session.poll_timeout().is_some_and(|at| at <= self.now);
                self.session.handle_timeout(self.now, &mut self.wire);
                assert!(is_due || self.wire.len() == before, "nothing was due");
            }
            SessionOp::Position(number) => {
                let id = EventId::new(0xE, number);
                self.session.handle_position(id, &mut self.wire);
            }
            SessionOp::Close(window) => {
                self.session.handle_closing(self.now, window);
                self.closes_by.get_or_insert(self.now + window);
            }
            SessionOp::Drain => {
                self.session.handle_drained(self.now);
                let is_open = self.session.ended().is_none();
                let is_patient = self.session.takes_events(self.now + WINDOW);
                assert_eq!(is_patient, is_open, "the window is over");
                if !self.session.is_gathering() {
                    assert_eq!(self.session.takes_events(self.now), is_open);
                }
            }
            SessionOp::Block => self.session.handle_blocked(self.now),
            SessionOp::Unblock => self.session.handle_unblocked(),
            SessionOp::End => self.session.end(&mut self.wire),
        }
        if self.is_ended {
            assert_eq!(self.wire.len(), before, "nothing after the end");
        }
        self.note_notices(before);
        if self.closes_by.is_some_and(|by| by <= self.now) && matches!(op, SessionOp::Wait(_)) {
            assert!(self.session.ended().is_some(), "its moment has come");
        }
        let ended = self.session.ended();
        if !self.is_ended && ended.is_some_and(|end| end != SessionEnd::Stalled) {
            // It may still stall, after that.
            assert!(self.wire.ends_with(b"\n\n"), "an orderly end");
            if self.is_owed {
                self.retries.extend(self.retry);
            }
        }
        self.is_ended |= ended.is_some();
        assert_eq!(self.is_ended, ended.is_some(), "once and for all");
    }

    /// Notes the heartbeats and the notices of the position that were written since the stream had so many
    /// bytes.
    fn note_notices(&mut self, before: usize) {
        let new = String::from_utf8_lossy(&self.wire[before..]);
        let is_notice = |block: &&str| block.contains("id: e-") || block.contains("event: beat");
        for block in new.split("\n\n").filter(is_notice) {
            let is_event = block.contains("\ndata:");
            self.position_blocks += usize::from(!is_event);
            self.is_owed = false;
            self.retries.extend(match is_event {
                true => self.retry.take(),
                // It comes with the next event too.
                false => self.retry,
            });
        }
    }

    fn note(&mut self, frame: Frame) {
        if self.is_ended {
            return;
        }
        match frame {
            Frame::Event(event) => {
                self.retries.extend(self.retry.take());
                self.is_owed = false;
                self.events.push(event);
            }
            Frame::Comment(text) => {
                let lines = text.replace("\r\n", "\n").replace('\r', "\n");
                let lines = lines.split('\n').filter(|line| !line.is_empty());
                self.comments.extend(lines.map(str::to_owned));
            }
            Frame::Retry(time) => {
                self.retry = Some(time);
                self.is_owed = true;
            }
            _ => {}
        }
    }

    /// Ends the session and reads all that it has written.
    pub(crate) fn finish(mut self) {
        self.apply(SessionOp::End);
        let config = DecoderConfig::new().comments(true);
        let mut decoder = Decoder::with_config(config);
        let (mut events, mut comments, mut retries) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = self.wire.as_slice();
        while let Some(frame) = decoder.decode(&mut rest).expect("a sound stream") {
            match frame.to_frame() {
                Frame::Event(event) if matches!(event.event_type(), "beat" | "position") => {}
                Frame::Event(event) => {
                    events.push((event.event_type().to_owned(), event.data().to_owned()))
                }
                Frame::Comment(text) if text.is_empty() => {}
                Frame::Comment(text) => comments.push(text),
                // Milliseconds, rounded up.
                Frame::Retry(time) => retries.push(time),
                _ => {}
            }
        }
        let sent = self.events.iter();
        let sent = sent.map(|event| (event.event_type().to_owned(), event.data().to_owned()));
        assert!(sent.eq(events), "each event once and in order");
        assert_eq!(comments, self.comments);
        let rounded = |time: &Duration| {
            let up = time.as_nanos().div_ceil(1_000_000);
            Duration::from_millis(u64::try_from(up).unwrap_or(u64::MAX))
        };
        assert!(
            self.retries.iter().map(rounded).eq(retries),
            "each time once: {:?}, {}",
            self.retries,
            String::from_utf8_lossy(&self.wire)
        );
        self.check_blocks();
    }

    /// Checks that no block but those of a position, and one of a reconnection time at the end, is without
    /// data.
    fn check_blocks(&self) {
        let mut has_data = false;
        let mut has_field = false;
        let mut empty = 0;
        for line in self.wire.split(|byte| *byte == b'\n') {
            match line {
                [] => {
                    empty += usize::from(has_field && !has_data);
                    (has_field, has_data) = (false, false);
                }
                [b':', ..] => {}
                _ => {
                    has_field = true;
                    has_data |= line.starts_with(b"data:");
                }
            }
        }
        let expected = self.position_blocks + usize::from(self.is_owed);
        assert!(empty <= expected, "a block without data");
    }
}

impl SessionOp {
    /// Takes an operation from the front of some bytes; `None` at their end.
    pub(crate) fn parse(bytes: &mut &[u8]) -> Option<Self> {
        let mut next = || {
            let (first, rest) = bytes.split_first()?;
            *bytes = rest;
            Some(*first)
        };
        let kind = next()? % 10;
        Some(match kind {
            0..=4 => {
                let frame = match next()? {
                    byte @ 0..=99 => Frame::Event(Event::new("a\nb".repeat(usize::from(byte % 7)))),
                    byte @ 100..=149 => {
                        let event = Event::new(byte.to_string()).with_type("t");
                        Frame::Event(event.and_then(|event| event.with_id("1")).ok()?)
                    }
                    byte @ 150..=199 => Frame::Comment("c\r\nd\n".repeat(usize::from(byte % 3))),
                    byte => Frame::Retry(Duration::from_micros(u64::from(byte) * 333)),
                };
                match kind {
                    0 | 1 => Self::Send(frame),
                    2 | 3 => Self::Pass {
                        frame,
                        is_encoded: kind == 2,
                    },
                    _ => Self::Pass {
                        frame,
                        is_encoded: true,
                    },
                }
            }
            5 | 6 => Self::Wait(Duration::from_millis(u64::from(next()?) * 100)),
            7 => Self::Block,
            8 => Self::Unblock,
            _ => match next()? {
                0 => Self::End,
                number @ 1..=40 => Self::Position(u64::from(number / 4)),
                window @ 41..=60 => Self::Close(Duration::from_secs(u64::from(window - 40))),
                61..=120 => Self::Drain,
                _ => Self::Wait(Duration::from_secs(60)),
            },
        })
    }
}

/// Returns the configuration that three bytes choose, and its reconnection time.
pub(crate) fn config(bytes: [u8; 3]) -> (SessionConfig, Option<Duration>) {
    let [times, age, retry] = bytes;
    let seconds = |value: u8| Duration::from_secs(u64::from(value));
    let config = SessionConfig::new()
        .keep_alive(seconds(times % 16))
        .write_timeout(seconds(times / 16))
        .max_age(seconds(age));
    let typed = |text: &str| Event::new("").with_type(text).expect("one line");
    let config = match retry % 4 {
        0 => config,
        1 => config.heartbeat(typed("beat")),
        2 => config.gather(WINDOW),
        _ => config.heartbeat(typed("beat")).gather(WINDOW),
    };
    let config = config.position_notice(match retry / 4 % 3 {
        0 => PositionNotice::Block,
        1 => PositionNotice::Event(typed("position")),
        _ => PositionNotice::Off,
    });
    let retry = (retry > 0).then(|| Duration::from_millis(u64::from(retry) * 10));
    (config, retry)
}

const WINDOW: Duration = Duration::from_millis(250);
