//! The spans and events of `tracing` of a hub.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tracing::{Level, Span, debug, enabled, info, info_span, trace, warn};

use super::{Hub, Observation};

impl Hub {
    /// Reports what happens in the hub from now on as spans and events of `tracing`, with the
    /// target `ssewire`.
    ///
    /// Each stream has a span of the level info, with its number and its topics. The span contains
    /// its opening and its end (info), each gap (warn), and each batch of events that it gets
    /// (trace). Outside of the spans, each publication is an event (trace), and so is each drop of
    /// events from the log (debug).
    ///
    /// Streams that are open already are not reported. A second call reports everything twice.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Hub;
    ///
    /// let hub = Hub::new();
    /// hub.trace();
    /// // INFO stream{stream=1 topics=["news"]}: ssewire: open
    /// let news = hub.subscribe("news", None)?;
    /// // INFO stream{stream=1 topics=["news"]}: ssewire: ended end="left" age=0.0001 events=0 bytes=0
    /// drop(news);
    /// # Ok::<(), ssewire::server::Refused>(())
    /// ```
    pub fn trace(&self) {
        let spans = Spans::default();
        self.observe(move |observation| spans.tell(observation));
    }
}

/// The spans of the streams that are open.
#[derive(Default)]
struct Spans(Mutex<HashMap<u64, Span>>);

impl Spans {
    fn tell(&self, observation: &Observation<'_>) {
        match *observation {
            Observation::Opened { stream, topics } => {
                let span = info_span!(target: TARGET, "stream", stream, ?topics);
                info!(target: TARGET, parent: &span, "open");
                if !span.is_disabled() {
                    self.with(|spans| spans.insert(stream, span));
                }
            }
            Observation::Ended {
                stream,
                end,
                age,
                events,
                bytes,
            } => {
                let span = self.with(|spans| spans.remove(&stream));
                let (parent, end) = (span.as_ref().and_then(Span::id), end.as_str());
                let age = age.as_secs_f64();
                info!(target: TARGET, parent: parent, stream, end, age, events, bytes, "ended");
            }
            Observation::Gap { stream, reason } => {
                let (parent, reason) = (self.parent(stream), reason.as_str());
                warn!(target: TARGET, parent: parent, stream, reason, "gap");
            }
            Observation::Sent {
                stream,
                events,
                bytes,
                is_replay,
                lag,
            } => {
                if enabled!(target: TARGET, Level::TRACE) {
                    let (parent, lag) = (self.parent(stream), Duration::as_secs_f64(&lag));
                    trace!(target: TARGET, parent: parent, stream, events, bytes, is_replay, lag, "sent");
                }
            }
            Observation::Published { id } => trace!(target: TARGET, %id, "published"),
            Observation::Dropped { for_room, for_age } => {
                debug!(target: TARGET, for_room, for_age, "dropped");
            }
            Observation::RelayFailed { message, .. } => {
                warn!(target: TARGET, error = message, "an attempt to reach the log failed");
            }
            Observation::Relayed { waiting, is_stale } => match is_stale {
                true => warn!(target: TARGET, waiting, "the log cannot be reached"),
                false => trace!(target: TARGET, waiting, "the log can be reached"),
            },
        }
    }

    fn parent(&self, stream: u64) -> Option<tracing::Id> {
        self.with(|spans| spans.get(&stream).and_then(Span::id))
    }

    fn with<R>(&self, act: impl FnOnce(&mut HashMap<u64, Span>) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const TARGET: &str = "ssewire";
