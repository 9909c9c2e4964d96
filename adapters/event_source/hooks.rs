//! The functions of the caller that an event source calls.

use alloc::boxed::Box;

use http::response::Parts;

use super::failure::Disconnect;
use super::watch::PhaseSender;
use crate::EventRef;
use crate::adapters::io::BoxError;
use crate::client::{Attempt, Phase};

/// The hooks of an event source. Most event sources have none, so they are kept in a box.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) on_attempt: Option<OnAttempt>,
    pub(super) on_open: Option<OnOpen>,
    pub(super) on_disconnect: Option<OnDisconnect>,
    pub(super) stop_when: Option<StopWhen>,
    pub(super) watched: Option<PhaseSender>,
}

pub(super) type OnAttempt = Box<dyn FnMut(&Attempt) + Send>;
pub(super) type OnOpen = Box<dyn FnMut(&Parts) -> Result<(), BoxError> + Send>;
pub(super) type OnDisconnect = Box<dyn FnMut(&Disconnect<'_>) + Send>;
pub(super) type StopWhen = Box<dyn FnMut(EventRef<'_>) -> bool + Send>;

impl Hooks {
    /// Reports a new phase to its hook, if a connection is gone, and to those who watch.
    pub(super) fn handle_phase(&mut self, phase: Phase, gone: Option<&Disconnect<'_>>) {
        // Those who watch are told even if the hook panics.
        let _watched = self
            .watched
            .as_ref()
            .map(|sender| Sending { sender, phase });
        if let (Some(hook), Some(disconnect)) = (&mut self.on_disconnect, gone) {
            hook(disconnect);
        }
    }

    /// Returns whether the caller wants no event after this one.
    #[inline]
    pub(super) fn stops_at(&mut self, event: EventRef<'_>) -> bool {
        self.stop_when.as_mut().is_some_and(|stop| stop(event))
    }
}

/// Sends a phase when it is dropped.
struct Sending<'a> {
    sender: &'a PhaseSender,
    phase: Phase,
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.sender.send(self.phase);
    }
}
