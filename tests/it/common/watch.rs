//! A client under watch: any operations in any order, and what must hold whatever they are.
//!
//! It knows what the docs of `ssewire::client` promise, and nothing of how the machine keeps it.

use core::time::Duration;

use ssewire::client::{Action, Attempt, Cause, Client, CloseReason, End, Phase, ReadyState};
use ssewire::{FrameRef, Timestamp};

use super::operation::{Answer, Operation, Settings};

#[derive(Debug)]
pub(crate) struct Watched {
    settings: Settings,
    client: Client,
    now: Timestamp,
    /// Whether there is a connection, or an attempt to make one.
    held: bool,
    /// Whether the connection that is being made was asked for.
    asked: bool,
    /// Whether the close was reported.
    told: bool,
    open_since: Timestamp,
    /// The earliest time of the next attempt, as the server has it.
    not_before: Timestamp,
    progress: Progress,
}

/// What came of it so far.
#[derive(Debug, Default)]
struct Progress {
    had_event: bool,
    /// Attempts and waits since the last progress.
    attempts: u32,
    waits: u32,
    /// The reconnection time that the server set.
    retry: Option<Duration>,
}

/// All of a client that can be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    phase: Phase,
    timeout: Option<Timestamp>,
    last_event_id: Option<String>,
}

impl Watched {
    pub(crate) fn new(settings: Settings) -> Self {
        let now = settings.start;
        let watched = Self {
            client: Client::new(settings.config(), settings.seed),
            now,
            held: false,
            asked: false,
            told: false,
            open_since: now,
            not_before: now,
            progress: Progress::default(),
            settings,
        };
        let look = watched.look();
        assert_eq!(look.phase, Phase::Connecting);
        assert_eq!(look.timeout, None, "no clock runs yet");
        watched
    }

    /// Does what the operation says, and checks all that comes of it.
    pub(crate) fn step(&mut self, operation: Operation) {
        if let Operation::Reopen = operation {
            for operation in [
                Operation::Due,
                Operation::Poll,
                Operation::Answer(Answer::OPEN),
            ] {
                self.step(operation);
            }
            return;
        }
        let before = self.look();
        let may_change = self.may_change(&before, operation);
        match operation {
            Operation::Poll => while self.poll() {},
            Operation::PollOnce => {
                self.poll();
            }
            Operation::Pass(time) => self.now = self.now + time,
            Operation::Early => {
                if let Some(early) = early(before.timeout, self.now) {
                    self.client.handle_timeout(early);
                }
            }
            Operation::Tick => self.client.handle_timeout(self.now),
            Operation::Due => {
                self.now = self.now.max(before.timeout.unwrap_or(self.now));
                self.client.handle_timeout(self.now);
            }
            Operation::Answer(answer) => self.client.handle_response(self.now, &answer.head()),
            Operation::Data(bytes) => self.data(bytes),
            Operation::Frames(bytes, count) => self.frames(bytes, count),
            Operation::End(how) => {
                self.client.handle_end(self.now, how);
                self.held = false;
            }
            Operation::Restart => self.client.restart(self.now),
            Operation::CutOff => {
                let is_open = before.phase == Phase::Open;
                let event = self.client.cut_off_event();
                assert!(!is_open || event.is_none(), "the stream is open");
                assert!(is_open || self.client.cut_off_event().is_none(), "once");
            }
            Operation::Refuse => self.client.refuse(),
            Operation::Close => self.client.close(),
            Operation::Reopen => unreachable!("it was taken apart"),
        }
        let after = self.look();
        if may_change {
            self.check_transition(&before, operation, &after);
        } else if !matches!(operation, Operation::Poll | Operation::PollOnce) {
            assert_eq!(before, after, "{operation:?} changes nothing here");
        }
    }

    /// Closes, and checks that this is the end.
    pub(crate) fn finish(mut self) {
        for operation in [
            Operation::Close,
            Operation::Poll,
            Operation::Restart,
            Operation::Due,
            Operation::Answer(Answer::OPEN),
            Operation::Data(b"data: late\n\n"),
            Operation::End(End::Failed),
            Operation::Poll,
        ] {
            self.step(operation);
        }
        assert!(self.told && !self.held);
    }

    /// Carries out one action, and returns whether there was one.
    fn poll(&mut self) -> bool {
        let before = self.look();
        let action = self.client.poll_action(self.now);
        // It is told and changes no phase, but it starts the clock of an attempt.
        let mut expected = before.clone();
        if matches!(action, Some(Action::Connect(_))) {
            assert!(!self.asked, "asked for twice");
            self.asked = true;
            expected.timeout = self.idle_deadline();
        }
        assert_eq!(self.look(), expected);
        assert!(!self.told || action.is_none(), "{action:?} after the close");
        match action {
            Some(Action::Connect(request)) => self.connect(&before, &request),
            Some(Action::Disconnect) => {
                assert!(self.held, "there is nothing to drop");
                assert!(!self.is_wanted(before.phase), "dropped in {before:?}");
                self.held = false;
            }
            Some(Action::Close(reason)) => {
                assert_eq!(before.phase, Phase::Closed(reason));
                assert!(!self.held, "closed with a connection held");
                self.told = true;
            }
            Some(action) => panic!("{action:?} is new"),
            None => {
                assert_eq!(self.held, self.is_wanted(before.phase), "{before:?}");
                assert_eq!(self.client.poll_action(self.now), None, "at rest");
                assert_eq!(self.look(), before);
                match before.phase {
                    Phase::Connecting => assert!(self.asked, "it was never asked for"),
                    Phase::Closed(_) => assert!(self.told, "the close was never told"),
                    _ => {}
                }
                return false;
            }
        }
        true
    }

    fn connect(&mut self, before: &Look, request: &Attempt) {
        assert_eq!(before.phase, Phase::Connecting);
        assert!(!self.held, "two connections at once");
        assert!(self.now >= self.not_before, "earlier than the server said");
        self.progress.attempts += 1;
        assert_eq!(request.number(), self.progress.attempts);
        let known = before.last_event_id.as_deref();
        match request.last_event_id() {
            Some(id) => {
                assert!(!id.trim().is_empty() && id.len() <= 4096);
                assert!(!id.contains(['\r', '\n', '\0', '\u{1}', '\u{7F}']));
                assert_eq!(Some(id), known);
                assert!(!request.is_last_event_id_omitted());
            }
            None => assert_eq!(request.is_last_event_id_omitted(), known.is_some()),
        }
        self.held = true;
    }

    fn data(&mut self, mut bytes: &[u8]) {
        let (is_open, is_empty) = (self.client.phase() == Phase::Open, bytes.is_empty());
        while let Some(frame) = self.client.handle_data(self.now, &mut bytes) {
            assert!(is_open, "{frame:?} while not open");
            self.progress.note(&frame);
        }
        assert_eq!(bytes, b"", "all is taken");
        self.check_deadline(is_empty);
    }

    fn frames(&mut self, mut bytes: &[u8], count: usize) {
        let (is_open, is_empty) = (self.client.phase() == Phase::Open, bytes.is_empty());
        // A cursor that is made and dropped loses nothing.
        let _ = self.client.frames(self.now, &mut bytes);
        assert!(!is_open || bytes.is_empty() == is_empty);
        loop {
            let mut cursor = self.client.frames(self.now, &mut bytes);
            let mut is_at_end = false;
            for _ in 0..=count {
                let Some(frame) = cursor.next_frame() else {
                    assert_eq!(cursor.next_frame(), None);
                    is_at_end = true;
                    break;
                };
                assert!(is_open, "{frame:?} while not open");
                self.progress.note(&frame);
            }
            if is_at_end {
                break;
            }
        }
        if self.client.phase() == Phase::Open || !is_open {
            assert_eq!(bytes, b"", "all is taken");
        }
        self.check_deadline(is_empty);
    }

    /// Checks that any byte, and nothing but a byte, is a sign of life.
    fn check_deadline(&self, is_empty: bool) {
        if self.client.phase() == Phase::Open && !is_empty {
            assert_eq!(self.client.poll_timeout(), self.idle_deadline());
        }
    }

    /// Returns whether an operation may have an effect that can be seen at once.
    fn may_change(&self, before: &Look, operation: Operation) -> bool {
        let is_open = before.phase == Phase::Open;
        let is_closed = matches!(before.phase, Phase::Closed(_));
        let is_asked = before.phase == Phase::Connecting && self.asked;
        match operation {
            Operation::Poll
            | Operation::PollOnce
            | Operation::Pass(_)
            | Operation::Early
            | Operation::CutOff => false,
            Operation::Tick => before.timeout.is_some_and(|due| due <= self.now),
            Operation::Due | Operation::Reopen => before.timeout.is_some(),
            Operation::Answer(_) => is_asked,
            Operation::End(_) => is_asked || is_open,
            Operation::Data(bytes) | Operation::Frames(bytes, _) => is_open && !bytes.is_empty(),
            Operation::Restart => is_open || before.phase == Phase::Connecting,
            Operation::Refuse | Operation::Close => !is_closed,
        }
    }

    /// Checks that the diagram has an arrow for what happened, and that it was due.
    fn check_transition(&mut self, before: &Look, operation: Operation, after: &Look) {
        let is_quiet = matches!(operation, Operation::Data(_) | Operation::Frames(..));
        assert!(is_quiet || before.last_event_id == after.last_event_id);
        let answer = match operation {
            Operation::Answer(answer) => Some(answer),
            _ => None,
        };
        match after.phase {
            Phase::Connecting => {
                assert!(matches!(before.phase, Phase::Waiting { .. }), "{before:?}");
                assert!(matches!(operation, Operation::Tick | Operation::Due));
                assert_eq!(after.timeout, None, "it has not been asked for");
            }
            Phase::Open if before.phase == Phase::Open => assert!(is_quiet, "{operation:?}"),
            Phase::Open => {
                assert_eq!(before.phase, Phase::Connecting);
                assert!(answer.is_some_and(|answer| self.settings.opens(answer)));
                assert_eq!(after.timeout, self.idle_deadline());
                self.open_since = self.now;
            }
            Phase::Waiting { delay, cause, .. } => {
                self.check_cause(before, operation, cause);
                self.note_health(before);
                self.check_wait(cause, delay, answer);
            }
            Phase::Closed(reason) => {
                self.note_health(before);
                self.check_reason(before, operation, reason);
            }
            phase => panic!("{phase:?} is new"),
        }
        if after.phase != Phase::Connecting || before.phase != Phase::Connecting {
            self.asked = false;
        }
    }

    fn check_cause(&self, before: &Look, operation: Operation, cause: Option<Cause>) {
        let is_open = before.phase == Phase::Open;
        let fits = match (operation, cause) {
            (Operation::Answer(answer), Some(Cause::Status(status))) => {
                status == answer.status && self.settings.retries(answer)
            }
            (Operation::End(End::Clean), Some(Cause::Ended)) => is_open,
            (Operation::End(End::Failed | End::TimedOut), Some(Cause::CutOff)) => is_open,
            (Operation::End(End::TimedOut), Some(Cause::ConnectTimeout)) => !is_open,
            (Operation::End(End::Clean | End::Failed), Some(Cause::CouldNotConnect)) => !is_open,
            (Operation::Tick | Operation::Due, Some(Cause::IdleTimeout)) => {
                self.settings.silence().is_some()
            }
            (Operation::Restart, None) => true,
            _ => false,
        };
        assert!(fits, "{cause:?} by {operation:?} in {before:?}");
    }

    /// Checks a wait that begins now.
    fn check_wait(&mut self, cause: Option<Cause>, delay: Duration, answer: Option<Answer>) {
        let (settings, progress) = (&self.settings, &self.progress);
        let retry_after = answer.and_then(|answer| answer.wait).unwrap_or_default();
        let bound = self.lower_bound(answer);
        if cause.is_some() {
            assert!(settings.wants_more(progress.had_event), "{cause:?}");
            let most = settings.most_attempts();
            assert!(most.is_none_or(|most| progress.attempts < most));
            assert!(settings.max_wait.is_none_or(|longest| bound <= longest));
        }
        assert_eq!(self.client.poll_timeout(), Some(self.now + delay));
        assert!(delay >= bound, "{delay:?} is earlier than {bound:?}");
        assert!(delay >= settings.min_delay, "{delay:?} is below the floor");

        let nanoseconds = delay.as_nanos();
        let jitter = u128::from(settings.jitter_percent.min(100));
        let stretched = |time: Duration| time.as_nanos() * (100 + jitter) / 100;
        let retry = progress.retry.unwrap_or_default();
        let cap = settings.max_delay.max(settings.min_delay).as_nanos();
        let asked_for = stretched(retry).max(stretched(retry_after));
        assert!(nanoseconds <= cap.max(asked_for), "{delay:?}");

        let base = progress.retry.unwrap_or(settings.base_delay);
        let factor = settings.growth.max(1).saturating_pow(progress.waits);
        let grown = base.max(settings.min_delay).saturating_mul(factor);
        let grown = grown.min(settings.max_delay).max(retry);
        let (least, most) = match progress.retry {
            None => (grown.as_nanos() * (100 - jitter) / 100, grown.as_nanos()),
            Some(retry) => (retry.as_nanos(), stretched(grown)),
        };
        assert!(nanoseconds >= least, "{delay:?} of {grown:?}");
        let floor = settings.min_delay.as_nanos();
        assert!(
            answer.is_some_and(|answer| answer.wait.is_some()) || nanoseconds <= most.max(floor)
        );

        self.progress.waits += 1;
        self.not_before = self.now + bound;
    }

    fn check_reason(&self, before: &Look, operation: Operation, reason: CloseReason) {
        let wants_more = self.settings.wants_more(self.progress.had_event);
        let is_open = before.phase == Phase::Open;
        match (operation, reason) {
            (Operation::Close, CloseReason::Caller)
            | (Operation::Refuse | Operation::End(End::Refused), CloseReason::Refused) => {}
            (Operation::Data(_) | Operation::Frames(..), CloseReason::EventTooLarge { .. }) => {
                assert!(is_open);
            }
            (Operation::Answer(answer), CloseReason::NoContent) => assert_eq!(answer.status, 204),
            (Operation::Answer(answer), CloseReason::ContentType { .. }) => {
                assert_eq!(answer.status, 200);
            }
            (Operation::Answer(answer), CloseReason::Status(status)) => {
                assert_eq!(answer.status, status);
                assert!(!self.settings.retries(answer) || !wants_more);
            }
            (Operation::End(End::Clean), CloseReason::Ended) => assert!(is_open && !wants_more),
            (
                _,
                CloseReason::GaveUp {
                    attempts, cause, ..
                },
            ) => {
                self.check_cause(before, operation, Some(cause));
                assert!(wants_more);
                assert_eq!(attempts, self.progress.attempts);
                let most = self.settings.most_attempts();
                assert!(most.is_some_and(|most| most <= attempts));
            }
            (
                _,
                CloseReason::WaitTooLong {
                    wait,
                    max_wait,
                    cause,
                    ..
                },
            ) => {
                self.check_cause(before, operation, Some(cause));
                assert!(wants_more);
                let answer = match operation {
                    Operation::Answer(answer) => Some(answer),
                    _ => None,
                };
                assert_eq!(wait, self.lower_bound(answer));
                let longest = self.settings.max_wait;
                assert_eq!(longest, Some(max_wait));
                assert!(max_wait < wait);
            }
            (
                _,
                CloseReason::CouldNotConnect
                | CloseReason::ConnectTimeout
                | CloseReason::CutOff
                | CloseReason::IdleTimeout,
            ) => {
                self.check_cause(before, operation, reason.cause());
                assert!(!wants_more);
            }
            _ => panic!("{reason:?} by {operation:?} in {before:?}"),
        }
    }

    /// Takes a connection that was open for long enough for progress.
    fn note_health(&mut self, before: &Look) {
        if before.phase == Phase::Open && self.now - self.open_since >= self.settings.healthy_after
        {
            self.progress.begin_anew();
        }
    }

    /// Looks at the client, and checks that what it shows fits together.
    fn look(&self) -> Look {
        let look = Look {
            phase: self.client.phase(),
            timeout: self.client.poll_timeout(),
            last_event_id: self.client.last_event_id().map(str::to_owned),
        };
        let has_idle_timeout = self.settings.silence().is_some();
        let (state, has_timeout) = match look.phase {
            Phase::Connecting => (ReadyState::Connecting, has_idle_timeout && self.asked),
            Phase::Open => (ReadyState::Open, has_idle_timeout),
            Phase::Waiting { .. } => (ReadyState::Connecting, true),
            Phase::Closed(_) => (ReadyState::Closed, false),
            phase => panic!("{phase:?} is new"),
        };
        assert_eq!(self.client.ready_state(), state);
        assert_eq!(look.timeout.is_some(), has_timeout, "{look:?}");
        assert_ne!(look.last_event_id.as_deref(), Some(""));
        look
    }

    /// Returns the least wait that the server accepts after such an answer.
    fn lower_bound(&self, answer: Option<Answer>) -> Duration {
        let retry_after = answer.and_then(|answer| answer.wait).unwrap_or_default();
        self.progress.retry.unwrap_or_default().max(retry_after)
    }

    fn idle_deadline(&self) -> Option<Timestamp> {
        self.settings.silence().map(|timeout| self.now + timeout)
    }

    fn is_wanted(&self, phase: Phase) -> bool {
        phase == Phase::Open || phase == Phase::Connecting && self.asked
    }
}

impl Progress {
    fn note(&mut self, frame: &FrameRef<'_>) {
        match frame {
            FrameRef::Event(_) => {
                self.had_event = true;
                self.begin_anew();
            }
            FrameRef::Retry(time) => self.retry = Some(*time),
            _ => {}
        }
    }

    fn begin_anew(&mut self) {
        self.attempts = 0;
        self.waits = 0;
    }
}

/// Returns the latest time at which no timer is due yet, if there is one.
fn early(timeout: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let Some(due) = timeout else {
        return Some(now);
    };
    let before = due.since_origin().checked_sub(Duration::from_nanos(1))?;
    Some(Timestamp::from_origin(before))
}
