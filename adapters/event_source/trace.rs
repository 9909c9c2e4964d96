//! What happens to connections, as events of `tracing`. Without that feature they are not told.
//!
//! Their target is `ssewire`.

use super::failure::Disconnect;
use crate::client::Attempt;

#[cfg(feature = "tracing")]
mod told {
    use alloc::string::String;
    use core::time::Duration;

    use http::response::Parts;
    use tracing::{debug, info, warn};

    use super::{Attempt, Disconnect};
    use crate::client::Phase;

    pub(in crate::adapters::event_source) fn attempt(
        attempt: &Attempt,
        url: impl FnOnce() -> Option<String>,
    ) {
        if !tracing::enabled!(target: TARGET, tracing::Level::WARN) {
            return;
        }
        let url = url();
        let (url, number) = (url.as_deref(), attempt.number());
        let last_event_id = attempt.last_event_id();
        debug!(target: TARGET, url, attempt = number, last_event_id, "connecting");
        if let Some(omitted) = attempt.omitted_last_event_id() {
            warn!(target: TARGET, url, "{omitted}");
        }
    }

    pub(in crate::adapters::event_source) fn open(
        parts: &Parts,
        url: impl FnOnce() -> Option<String>,
    ) {
        if tracing::enabled!(target: TARGET, tracing::Level::INFO) {
            let url = url();
            info!(target: TARGET, url = url.as_deref(), status = parts.status.as_u16(), "open");
        }
    }

    pub(in crate::adapters::event_source) fn down(disconnect: &Disconnect<'_>) {
        let retry_in = disconnect.delay().as_ref().map(Duration::as_secs_f64);
        match disconnect.phase() {
            Phase::Closed(reason) if reason.is_orderly() => {
                info!(target: TARGET, "closed: {disconnect}");
            }
            Phase::Closed(_) => warn!(target: TARGET, "closed: {disconnect}"),
            _ => warn!(target: TARGET, retry_in, "lost: {disconnect}"),
        }
    }

    const TARGET: &str = "ssewire";
}

#[cfg(not(feature = "tracing"))]
mod told {
    use alloc::string::String;

    use http::response::Parts;

    use super::{Attempt, Disconnect};

    pub(in crate::adapters::event_source) fn attempt(
        _: &Attempt,
        _: impl FnOnce() -> Option<String>,
    ) {
    }

    pub(in crate::adapters::event_source) fn open(_: &Parts, _: impl FnOnce() -> Option<String>) {}

    pub(in crate::adapters::event_source) fn down(_: &Disconnect<'_>) {}
}

pub(super) use self::told::{attempt, down, open};
