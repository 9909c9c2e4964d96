//! The functions of the caller that an event source calls.

use alloc::boxed::Box;

use http::response::Parts;

use super::failure::{Disconnect, Failure};
use super::watch::PhaseSender;
use crate::EventRef;
use crate::adapters::io::BoxError;
use crate::client::Phase;

/// The hooks of an event source. Most event sources have none, so they are kept in a box.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) on_open: Option<OnOpen>,
    pub(super) on_disconnect: Option<OnDisconnect>,
    pub(super) stop_when: Option<StopWhen>,
    pub(super) watched: Option<PhaseSender>,
}

pub(super) type OnOpen = Box<dyn FnMut(&Parts) -> Result<(), BoxError> + Send>;
pub(super) type OnDisconnect = Box<dyn FnMut(&Disconnect<'_>) + Send>;
pub(super) type StopWhen = Box<dyn FnMut(EventRef<'_>) -> bool + Send>;

impl Hooks {
    /// Reports a new phase to those who watch, and a connection that is gone to its hook.
    pub(super) fn handle_phase(&mut self, before: Phase, phase: Phase, failure: &Failure) {
        if let Some(watched) = &self.watched {
            watched.send(phase);
        }
        let is_down = |phase| matches!(phase, Phase::Waiting { .. } | Phase::Closed(_));
        if is_down(phase) && !is_down(before) {
            if let Some(hook) = &mut self.on_disconnect {
                hook(&Disconnect { phase, failure });
            }
        }
    }

    /// Returns whether the caller wants no event after this one.
    #[inline]
    pub(super) fn stops_at(&mut self, event: EventRef<'_>) -> bool {
        self.stop_when.as_mut().is_some_and(|stop| stop(event))
    }
}
