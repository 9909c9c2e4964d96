//! What happens to connections, as a span and events of `tracing`. Without that feature they are not told.
//!
//! Their target is `ssewire`. The span is that of the event source, over all its connections.

use super::failure::Disconnect;
use crate::client::Attempt;

#[cfg(feature = "tracing")]
mod told {
    use alloc::string::String;
    use core::time::Duration;

    use http::response::Parts;
    use tracing::{Span, debug, enabled, info, info_span, warn};

    use super::{Attempt, Disconnect};
    use crate::client::Phase;

    /// The span of an event source, from its first attempt on.
    pub(in crate::adapters::event_source) struct Trace(Span);

    impl Trace {
        pub(in crate::adapters::event_source) const fn new() -> Self {
            Self(Span::none())
        }

        pub(in crate::adapters::event_source) fn attempt(
            &mut self,
            attempt: &Attempt,
            url: impl FnOnce() -> Option<String>,
        ) {
            if !enabled!(target: TARGET, tracing::Level::WARN) {
                return;
            }
            let url = url();
            let (url, number) = (url.as_deref(), attempt.number());
            if self.0.is_none() {
                self.0 = info_span!(target: TARGET, "event_source", url);
            }
            let last_event_id = attempt.last_event_id();
            debug!(target: TARGET, parent: &self.0, url, attempt = number, last_event_id, "connecting");
            if let Some(omitted) = attempt.omitted_last_event_id() {
                warn!(target: TARGET, parent: &self.0, url, "{omitted}");
            }
        }

        pub(in crate::adapters::event_source) fn open(
            &self,
            parts: &Parts,
            url: impl FnOnce() -> Option<String>,
        ) {
            if enabled!(target: TARGET, tracing::Level::INFO) {
                let (url, status) = (url(), parts.status.as_u16());
                info!(target: TARGET, parent: &self.0, url = url.as_deref(), status, "open");
            }
        }

        pub(in crate::adapters::event_source) fn down(&self, disconnect: &Disconnect<'_>) {
            let retry_in = disconnect.delay().as_ref().map(Duration::as_secs_f64);
            match disconnect.phase() {
                Phase::Closed(reason) if reason.is_orderly() => {
                    info!(target: TARGET, parent: &self.0, "closed: {disconnect}");
                }
                Phase::Closed(_) => warn!(target: TARGET, parent: &self.0, "closed: {disconnect}"),
                _ => warn!(target: TARGET, parent: &self.0, retry_in, "lost: {disconnect}"),
            }
        }
    }

    const TARGET: &str = "ssewire";
}

#[cfg(not(feature = "tracing"))]
mod told {
    use alloc::string::String;

    use http::response::Parts;

    use super::{Attempt, Disconnect};

    pub(in crate::adapters::event_source) struct Trace;

    impl Trace {
        pub(in crate::adapters::event_source) const fn new() -> Self {
            Self
        }

        pub(in crate::adapters::event_source) fn attempt(
            &self,
            _: &Attempt,
            _: impl FnOnce() -> Option<String>,
        ) {
        }

        pub(in crate::adapters::event_source) fn open(
            &self,
            _: &Parts,
            _: impl FnOnce() -> Option<String>,
        ) {
        }

        pub(in crate::adapters::event_source) fn down(&self, _: &Disconnect<'_>) {}
    }
}

pub(super) use self::told::Trace;
