//! The ways to take frames out of the bytes that have arrived.

use alloc::boxed::Box;
use core::ops::ControlFlow;

use super::hooks::Hooks;
use crate::client::Client;
use crate::{Event, Frame, FrameRef, Timestamp};

/// The bytes of a body that have arrived, with the client that decodes them.
///
/// Each way closes the client after an event that is to be the last one.
pub(super) struct Chunk<'a, 'i> {
    pub(super) client: &'a mut Client,
    pub(super) hooks: &'a mut Option<Box<Hooks>>,
    /// When the bytes arrived.
    pub(super) now: Timestamp,
    /// The bytes that have not been decoded yet.
    pub(super) input: &'a mut &'i [u8],
}

impl Chunk<'_, '_> {
    /// Returns the next event.
    #[inline]
    pub(super) fn next_event(self) -> Option<Event> {
        let event = self.client.next_event(self.now, self.input);
        if let (Some(hooks), Some(event)) = (self.hooks, &event) {
            if hooks.stops_at(event.as_event_ref()) {
                self.client.close();
            }
        }
        event
    }

    /// Returns the next frame.
    #[inline]
    pub(super) fn next_frame(self) -> Option<Frame> {
        let frame = self.client.handle_data(self.now, self.input)?;
        let is_last = is_last(self.hooks, &frame);
        let frame = frame.to_frame();
        if is_last {
            self.client.close();
        }
        Some(frame)
    }

    /// Calls `visit` with each frame until it breaks, and returns what it breaks with.
    #[inline]
    pub(super) fn for_each_frame<R>(
        self,
        visit: &mut impl FnMut(FrameRef<'_>) -> ControlFlow<R>,
    ) -> Option<R> {
        let mut frames = self.client.frames(self.now, self.input);
        while let Some(frame) = frames.next_frame() {
            let is_last = is_last(self.hooks, &frame);
            let flow = visit(frame);
            if is_last {
                self.client.close();
                return flow.break_value();
            }
            if let ControlFlow::Break(value) = flow {
                return Some(value);
            }
        }
        None
    }
}

/// Returns whether the caller wants nothing after this frame.
#[inline]
fn is_last(hooks: &mut Option<Box<Hooks>>, frame: &FrameRef<'_>) -> bool {
    match (hooks, frame) {
        (Some(hooks), FrameRef::Event(event)) => hooks.stops_at(*event),
        _ => false,
    }
}
