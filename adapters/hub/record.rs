//! The metrics of a hub.

use metrics::{counter, gauge, histogram};

use super::{Hub, Observation};

impl Hub {
    /// Records what happens in the hub from now on with the crate [`metrics`], under these names:
    ///
    /// | Name | Kind | Label |
    /// |---|---|---|
    /// | `ssewire_streams` | gauge | |
    /// | `ssewire_streams_opened_total` | counter | |
    /// | `ssewire_streams_ended_total` | counter | `end`, as [`StreamEnd::as_str`](super::StreamEnd::as_str) |
    /// | `ssewire_stream_age_seconds` | histogram | |
    /// | `ssewire_events_published_total` | counter | |
    /// | `ssewire_events_sent_total` | counter | `replay`: `true` or `false` |
    /// | `ssewire_bytes_sent_total` | counter | |
    /// | `ssewire_events_dropped_total` | counter | `for`: `room` or `age` |
    /// | `ssewire_gaps_total` | counter | `reason`, as [`GapReason::as_str`](crate::server::GapReason::as_str) |
    /// | `ssewire_lag_seconds` | histogram | |
    /// | `ssewire_relay_waiting` | gauge | |
    /// | `ssewire_relay_stale` | gauge | |
    /// | `ssewire_relay_failures_total` | counter | |
    ///
    /// Install a recorder first, for instance that of metrics-exporter-prometheus. Bytes are those
    /// of events, without what the transport adds. The lag is the time between the publication of
    /// an event and its delivery to a stream, and is not recorded in a replay.
    ///
    /// The last three are those of a hub over Redis: how many of its publications wait to be in the log,
    /// 1 if the newest events may be missing here and otherwise 0, and how many attempts to reach the
    /// log have failed.
    ///
    /// Streams that are open already are not recorded. A second call records everything twice.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Hub;
    ///
    /// let hub = Hub::new();
    /// hub.record_metrics();
    /// ```
    pub fn record_metrics(&self) {
        self.observe(record);
    }
}

fn record(observation: &Observation<'_>) {
    match *observation {
        Observation::Opened { .. } => {
            counter!("ssewire_streams_opened_total").increment(1);
            gauge!("ssewire_streams").increment(1);
        }
        Observation::Ended { end, age, .. } => {
            counter!("ssewire_streams_ended_total", "end" => end.as_str()).increment(1);
            gauge!("ssewire_streams").decrement(1);
            histogram!("ssewire_stream_age_seconds").record(age);
        }
        Observation::Sent {
            events,
            bytes,
            is_replay,
            lag,
            ..
        } => {
            let replay = match is_replay {
                true => "true",
                false => "false",
            };
            counter!("ssewire_events_sent_total", "replay" => replay).increment(events);
            counter!("ssewire_bytes_sent_total").increment(bytes as u64);
            // A replay is as old as it is.
            if !is_replay {
                histogram!("ssewire_lag_seconds").record(lag);
            }
        }
        Observation::Gap { reason, .. } => {
            counter!("ssewire_gaps_total", "reason" => reason.as_str()).increment(1);
        }
        Observation::Published { .. } => {
            counter!("ssewire_events_published_total").increment(1);
        }
        Observation::Dropped { for_room, for_age } => {
            counter!("ssewire_events_dropped_total", "for" => "room").increment(for_room);
            counter!("ssewire_events_dropped_total", "for" => "age").increment(for_age);
        }
        Observation::RelayFailed { .. } => {
            counter!("ssewire_relay_failures_total").increment(1);
        }
        Observation::Relayed { waiting, is_stale } => {
            gauge!("ssewire_relay_waiting").set(waiting as f64);
            gauge!("ssewire_relay_stale").set(f64::from(u8::from(is_stale)));
        }
    }
}
