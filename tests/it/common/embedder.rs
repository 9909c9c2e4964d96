//! An embedder of the client with a clock that only moves when told.

use core::time::Duration;

use ssewire::client::{Action, Cause, Client, ClientConfig, CloseReason, End, Phase, ResponseHead};
use ssewire::client::{Attempt, ReadyState};
use ssewire::{Frame, FrameRef, Timestamp};

/// Drives one client, and holds its clock.
#[derive(Debug)]
pub(crate) struct Embedder {
    pub(crate) client: Client,
    pub(crate) now: Timestamp,
}

impl Embedder {
    pub(crate) fn new(config: ClientConfig) -> Self {
        Self::seeded(config, 0)
    }

    pub(crate) fn seeded(config: ClientConfig, seed: u64) -> Self {
        // Not at the origin, so that there is an earlier.
        let now = Timestamp::from_origin(seconds(10_000));
        Self {
            client: Client::new(config, seed),
            now,
        }
    }

    /// Creates one whose client is open.
    pub(crate) fn open(config: ClientConfig) -> Self {
        let mut embedder = Self::new(config);
        embedder.connect();
        embedder.accept();
        embedder
    }

    /// Makes one whose client waits, all actions carried out.
    pub(crate) fn waiting(config: ClientConfig) -> Self {
        let mut embedder = Self::new(config);
        embedder.connect();
        embedder.end(End::Failed);
        embedder.delay();
        embedder
    }

    /// Lets time pass, without a word to the client.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Carries out all actions.
    pub(crate) fn actions(&mut self) -> Vec<Action> {
        let actions = core::iter::from_fn(|| self.client.poll_action(self.now)).collect();
        assert_eq!(self.client.poll_action(self.now), None, "at rest");
        actions
    }

    /// Carries out the one action that there must be.
    pub(crate) fn connect(&mut self) -> Attempt {
        match &self.actions()[..] {
            [Action::Connect(request)] => request.clone(),
            actions => panic!("{actions:?} instead of one connect"),
        }
    }

    pub(crate) fn answer(&mut self, head: &ResponseHead<'_>) {
        self.client.handle_response(self.now, head);
    }

    pub(crate) fn status(&mut self, status: u16) {
        self.answer(&ResponseHead::new(status));
    }

    /// Answers so that the stream opens.
    pub(crate) fn accept(&mut self) {
        self.answer(&ResponseHead::event_stream());
        assert_eq!(self.client.phase(), Phase::Open);
        assert_eq!(self.client.ready_state(), ReadyState::Open);
    }

    pub(crate) fn data(&mut self, mut bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.client.handle_data(self.now, &mut bytes) {
            frames.push(frame.to_frame());
        }
        assert_eq!(bytes, b"", "all is taken");
        frames
    }

    /// Gives the bytes by way of the cursor.
    pub(crate) fn frames(&mut self, mut bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut cursor = self.client.frames(self.now, &mut bytes);
        while let Some(frame) = cursor.next_frame() {
            frames.push(frame.to_frame());
        }
        frames
    }

    /// Gives the bytes, and returns the data and the ID of the events in them.
    pub(crate) fn events(&mut self, mut bytes: &[u8]) -> Vec<(String, Option<String>)> {
        let mut events = Vec::new();
        while let Some(frame) = self.client.handle_data(self.now, &mut bytes) {
            if let FrameRef::Event(event) = frame {
                events.push((event.data().to_owned(), event.id().map(str::to_owned)));
            }
        }
        events
    }

    pub(crate) fn end(&mut self, how: End) {
        self.client.handle_end(self.now, how);
    }

    /// Tells the time.
    pub(crate) fn tick(&mut self) {
        self.client.handle_timeout(self.now);
    }

    /// Moves the clock to the time that the client waits for, and tells it.
    pub(crate) fn due(&mut self) {
        let due = self.client.poll_timeout().expect("a timer is set");
        assert!(due >= self.now, "no timer lies in the past");
        self.now = due;
        self.tick();
    }

    /// Returns the wait that the client is at the beginning of.
    pub(crate) fn delay(&self) -> Duration {
        let Phase::Waiting { delay, .. } = self.client.phase() else {
            panic!("{:?} is no wait", self.client.phase());
        };
        assert_eq!(self.client.ready_state(), ReadyState::Connecting);
        assert_eq!(self.client.poll_timeout(), Some(self.now + delay));
        delay
    }

    /// Checks that the client is at the beginning of a wait, and why.
    pub(crate) fn expect_wait(&self, because: impl Into<Option<Cause>>) {
        self.delay();
        let Phase::Waiting { cause, .. } = self.client.phase() else {
            panic!("no wait");
        };
        assert_eq!(cause, because.into());
    }

    /// Checks that the client gave up, and returns the reason.
    pub(crate) fn gave_up(&self, after: u32, because: Cause) -> CloseReason {
        let phase = self.client.phase();
        let Phase::Closed(
            reason @ CloseReason::GaveUp {
                attempts, cause, ..
            },
        ) = phase
        else {
            panic!("{phase:?}");
        };
        assert_eq!((attempts, cause), (after, because));
        reason
    }

    /// Checks that the client closed instead of a wait, and returns the reason.
    pub(crate) fn would_not_wait(&self, asked_for: Duration, because: Cause) -> CloseReason {
        let phase = self.client.phase();
        let Phase::Closed(reason @ CloseReason::WaitTooLong { wait, cause, .. }) = phase else {
            panic!("{phase:?}");
        };
        assert_eq!((wait, cause), (asked_for, because));
        reason
    }

    /// Lets the whole wait pass, and returns it with the request that follows.
    pub(crate) fn reconnect(&mut self) -> (Duration, Attempt) {
        let delay = self.delay();
        self.due();
        assert_eq!(self.client.phase(), Phase::Connecting);
        (delay, self.connect())
    }

    /// Checks that it is over, that these are the last actions, and that nothing brings it back.
    pub(crate) fn expect_closed(&mut self, reason: CloseReason, before: &[Action]) {
        let mut expected = before.to_vec();
        expected.push(Action::Close(reason));
        self.expect_phase(Phase::Closed(reason));
        assert_eq!(self.actions(), expected);
        self.pass(seconds(1_000_000));
        self.tick();
        self.accept_late();
        assert_eq!(self.data(b"data: late\n\n"), []);
        self.end(End::Failed);
        self.client.restart(self.now);
        self.client.refuse();
        self.client.close();
        self.expect_phase(Phase::Closed(reason));
        assert_eq!(self.actions(), []);
    }

    /// Checks that a connection is due: no timer runs until it is asked for.
    pub(crate) fn expect_due(&self) {
        assert_eq!(self.client.phase(), Phase::Connecting);
        assert_eq!(self.client.ready_state(), ReadyState::Connecting);
        assert_eq!(self.client.poll_timeout(), None);
    }

    /// Checks the phase, and that there is a timer exactly where there must be one.
    pub(crate) fn expect_phase(&self, phase: Phase) {
        assert_eq!(self.client.phase(), phase);
        let (state, has_timer) = match phase {
            Phase::Open => (ReadyState::Open, true),
            Phase::Closed(_) => (ReadyState::Closed, false),
            _ => (ReadyState::Connecting, true),
        };
        assert_eq!(self.client.ready_state(), state);
        assert_eq!(self.client.poll_timeout().is_some(), has_timer);
    }

    fn accept_late(&mut self) {
        self.answer(&ResponseHead::event_stream());
    }
}

/// Makes a configuration without chance.
pub(crate) fn steady() -> ClientConfig {
    ClientConfig::new().jitter_percent(0)
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}
