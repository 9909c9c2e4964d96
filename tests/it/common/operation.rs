//! What can be done with a client and how it can be configured, in a form that bytes can choose.

use core::time::Duration;

use ssewire::client::{ClientConfig, End, Reconnect, ResponseHead};
use ssewire::{DecoderConfig, Timestamp};

/// Something that an embedder does or reports.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// Carries out all actions.
    Poll,
    /// Carries out one action.
    PollOnce,
    /// Lets time pass.
    Pass(Duration),
    /// Tells a time at which no timer is due.
    Early,
    /// Tells the time.
    Tick,
    /// Lets time pass until the timer is due, and tells the time.
    Due,
    Answer(Answer),
    Data(&'static [u8]),
    /// Gives bytes by way of cursors, each of which is dropped after so many frames and one.
    Frames(&'static [u8], usize),
    End(End),
    Restart,
    CutOff,
    Refuse,
    Close,
    /// Lets the timer be due, carries out all actions and answers so that the stream opens.
    Reopen,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    content_type: &'static str,
    retry_after: Option<&'static str>,
    /// What `retry_after` means.
    pub(crate) wait: Option<Duration>,
}

/// A configuration, and the time that it begins at.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) start: Timestamp,
    method: &'static str,
    reconnect: Option<Reconnect>,
    pub(crate) base_delay: Duration,
    pub(crate) growth: u32,
    pub(crate) max_delay: Duration,
    pub(crate) min_delay: Duration,
    pub(crate) jitter_percent: u8,
    pub(crate) seed: u64,
    pub(crate) healthy_after: Duration,
    max_attempts: Option<u32>,
    pub(crate) max_wait: Option<Duration>,
    idle_timeout: Option<Duration>,
    retry_statuses: &'static [u16],
    check_content_type: bool,
    /// A text and how often it is repeated.
    last_event_id: (&'static str, usize),
    max_event_bytes: usize,
    comments: bool,
}

impl Operation {
    /// Makes an operation of a number for its kind and one for its detail.
    pub(crate) fn from_bytes([kind, detail]: [u8; 2]) -> Self {
        match kind % 16 {
            0 | 1 => Self::Poll,
            2 => Self::PollOnce,
            3 => Self::Pass(pick(TIMES, detail)),
            4 => Self::Early,
            5 => Self::Tick,
            6 => Self::Due,
            7 => Self::Answer(pick(ANSWERS, detail)),
            8 | 9 => Self::Data(pick(PIECES, detail)),
            10 => Self::Frames(pick(PIECES, detail), usize::from(detail >> 6)),
            11 => Self::End(pick(ENDS, detail)),
            12 => Self::Restart,
            13 => Self::CutOff,
            // Nothing comes after these, so they are seldom.
            14 if detail < 8 => Self::Refuse,
            14 if detail < 16 => Self::Close,
            _ => Self::Reopen,
        }
    }
}

impl Answer {
    pub(crate) const OPEN: Self = Self::new(200, "text/event-stream");

    const fn new(status: u16, content_type: &'static str) -> Self {
        Self {
            status,
            content_type,
            retry_after: None,
            wait: None,
        }
    }

    const fn busy(status: u16, retry_after: &'static str, seconds: Option<u64>) -> Self {
        Self {
            status,
            content_type: "text/event-stream",
            retry_after: Some(retry_after),
            wait: match seconds {
                None => None,
                Some(seconds) => Some(Duration::from_secs(seconds)),
            },
        }
    }

    pub(crate) fn head(&self) -> ResponseHead<'static> {
        let head = ResponseHead::new(self.status).content_type(self.content_type);
        match self.retry_after {
            None => head,
            Some(value) => head.retry_after(value),
        }
    }
}

impl Settings {
    /// How many bytes choose the settings.
    pub(crate) const BYTES: usize = 16;

    /// Makes settings of numbers, of which 0 stands for the default.
    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [
            start,
            policy,
            base,
            growth,
            most,
            least,
            jitter,
            seed,
            healthy,
            attempts,
            wait,
            idle,
            statuses,
            id,
            limit,
            flags,
        ] = bytes;
        let (method, reconnect) = pick(POLICIES, policy);
        Self {
            start: Timestamp::from_origin(pick(STARTS, start)),
            method,
            reconnect,
            base_delay: pick(BASE_DELAYS, base),
            growth: pick(&[2, 0, 1, 3, u32::MAX], growth),
            max_delay: pick(MAX_DELAYS, most),
            min_delay: pick(MIN_DELAYS, least),
            jitter_percent: pick(&[50, 0, 1, 99, 100, 255], jitter),
            seed: u64::from(seed),
            healthy_after: pick(&[seconds(60), Duration::ZERO, seconds(1)], healthy),
            max_attempts: pick(&[None, None, Some(0), Some(1), Some(2), Some(5)], attempts),
            max_wait: pick(MAX_WAITS, wait),
            idle_timeout: pick(IDLE_TIMEOUTS, idle),
            retry_statuses: pick(RETRY_STATUSES, statuses),
            check_content_type: flags & 1 == 0,
            last_event_id: pick(IDS, id),
            max_event_bytes: pick(&[16 << 20, 40, 12, 0], limit),
            comments: flags & 2 != 0,
        }
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new()
            .method(self.method)
            .base_delay(self.base_delay)
            .growth(self.growth)
            .max_delay(self.max_delay)
            .min_delay(self.min_delay)
            .jitter_percent(self.jitter_percent)
            .healthy_after(self.healthy_after)
            .max_attempts(self.max_attempts)
            .max_wait(self.max_wait)
            .idle_timeout(self.idle_timeout)
            .retry_statuses(self.retry_statuses)
            .check_content_type(self.check_content_type)
            .decoder(
                DecoderConfig::new()
                    .max_event_bytes(self.max_event_bytes)
                    .comments(self.comments),
            );
        if let Some(reconnect) = self.reconnect {
            config = config.reconnect(reconnect);
        }
        let (id, count) = self.last_event_id;
        config.last_event_id(id.repeat(count)).expect("an ID")
    }

    /// Returns the silence that ends a connection. Zero ends none.
    pub(crate) fn silence(&self) -> Option<Duration> {
        self.idle_timeout
            .filter(|timeout| *timeout > Duration::ZERO)
    }

    pub(crate) fn opens(&self, answer: Answer) -> bool {
        answer.status == 200
            && (!self.check_content_type || answer.content_type == "text/event-stream")
    }

    pub(crate) fn retries(&self, answer: Answer) -> bool {
        answer.status != 200 && self.retry_statuses.contains(&answer.status)
    }

    /// Returns whether a connection that was lost is to be made anew.
    pub(crate) fn wants_more(&self, had_event: bool) -> bool {
        match self.reconnect {
            None => self.method == "GET",
            Some(Reconnect::Always) => true,
            Some(Reconnect::UntilFirstEvent) => !had_event,
            Some(_) => false,
        }
    }

    pub(crate) fn most_attempts(&self) -> Option<u32> {
        self.max_attempts.map(|attempts| attempts.max(1))
    }
}

fn pick<T: Copy>(table: &[T], number: u8) -> T {
    let mut rows = table.iter().cycle().skip(usize::from(number) % table.len());
    *rows.next().expect("no table is empty")
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

const TIMES: &[Duration] = &[
    Duration::ZERO,
    Duration::from_nanos(1),
    milliseconds(99),
    milliseconds(100),
    seconds(1),
    milliseconds(59_999),
    seconds(60),
    seconds(300),
    seconds(3600),
    seconds(1_000_000_000),
    Duration::MAX,
];
const STARTS: &[Duration] = &[
    Duration::ZERO,
    seconds(10_000),
    Duration::MAX.saturating_sub(seconds(1000)),
    Duration::MAX,
];
const POLICIES: &[(&str, Option<Reconnect>)] = &[
    ("GET", None),
    ("GET", Some(Reconnect::Always)),
    ("POST", Some(Reconnect::Always)),
    ("POST", Some(Reconnect::UntilFirstEvent)),
    ("GET", Some(Reconnect::Never)),
    ("POST", None),
];
const BASE_DELAYS: &[Duration] = &[
    seconds(1),
    Duration::ZERO,
    Duration::from_nanos(1),
    milliseconds(150),
    seconds(45),
    Duration::MAX,
];
const MAX_DELAYS: &[Duration] = &[
    seconds(30),
    Duration::ZERO,
    milliseconds(50),
    seconds(5),
    seconds(7200),
    Duration::MAX,
];
const MIN_DELAYS: &[Duration] = &[
    milliseconds(100),
    Duration::ZERO,
    milliseconds(1),
    seconds(10),
    seconds(60),
];
const MAX_WAITS: &[Option<Duration>] = &[
    Some(seconds(3600)),
    None,
    Some(seconds(10)),
    Some(Duration::ZERO),
];
const IDLE_TIMEOUTS: &[Option<Duration>] = &[
    Some(seconds(300)),
    None,
    Some(seconds(1)),
    Some(Duration::ZERO),
    Some(Duration::MAX),
];
const RETRY_STATUSES: &[&[u16]] = &[
    &[408, 425, 429, 500, 502, 503, 504],
    &[],
    &[200, 204, 404, 503],
];
const IDS: &[(&str, usize)] = &[
    ("", 1),
    ("7", 1),
    (" ", 1),
    ("\u{1}", 1),
    ("\u{2026}", 1),
    ("7", 4096),
    ("7", 4097),
];
const ENDS: &[End] = &[
    End::Failed,
    End::Clean,
    End::TimedOut,
    End::Failed,
    End::Clean,
    End::TimedOut,
    End::Refused,
];
const ANSWERS: &[Answer] = &[
    Answer::OPEN,
    Answer::OPEN,
    Answer::new(503, ""),
    Answer::new(500, "text/event-stream"),
    Answer::busy(503, "0", Some(0)),
    Answer::busy(503, "20", Some(20)),
    Answer::busy(429, "120", Some(120)),
    Answer::busy(503, "3601", Some(3601)),
    Answer::busy(503, "99999999999999999999", Some(u64::MAX)),
    Answer::busy(503, "soon", None),
    Answer::busy(408, "-1", None),
    Answer::busy(200, "120", Some(120)),
    Answer::new(200, "text/plain"),
    Answer::new(200, ""),
    Answer::new(204, "text/event-stream"),
    Answer::new(404, "text/event-stream"),
    Answer::new(0, ""),
    Answer::new(u16::MAX, ""),
];
const PIECES: &[&[u8]] = &[
    b"data: x\n\n",
    b"",
    b"\n",
    b"\n\n",
    b"\r",
    b"data",
    b"data: y\n",
    b": c\n",
    b"id: 1\n",
    b"id: 2\ndata: x\n\n",
    b"id\n",
    b"id:  \n",
    b"id: \x01\n",
    b"id: \0\n",
    b"id: \xE2\x80\xA6\n",
    b"id: \xFF\n\n",
    b"event: t\n",
    b"retry: 0\n",
    b"retry: 5\n",
    b"retry: 2000\n",
    b"retry: 45000\n",
    b"retry: 3600001\n",
    b"retry: 99999999999999999999\n",
    b"retry: x\n",
    b"\xEF\xBB\xBF",
    b"\xEF\xBB\xBFdata: x\n\n",
    b"data: 1\n\nretry: 1000\n\ndata: 2\n\n: c\n\ndata: 3\n\n",
    b"data: far more than one that is small may have\n\n",
];
