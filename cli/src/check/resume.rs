//! Whether a reconnect goes on where the connection before it ended.

use core::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use super::client::Client;
use super::watch::{Coding, Observation, Seen, watch_until};

/// What a reconnect with the ID of an earlier event brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// The events after it came again, in their order.
    Resumes { events: usize },
    /// The server told that events may be missing.
    Gap,
    /// The event with the ID came again.
    Repeats,
    /// Events from before the ID came.
    FromBefore,
    /// Later events came, and some after the ID did not.
    Skips,
    /// Nothing came, though there were events after the ID.
    Nothing { waited: Duration },
    /// The response was no event stream.
    NoStream { status: Option<u16> },
    /// No header can carry the ID.
    Unsendable,
    /// There is no ID to try it with.
    NoId,
    /// Only one event had an ID, so nothing is known to follow it.
    OneId,
}

/// Reconnects as a client would that has lost its connection a few events ago.
pub(super) async fn resume(
    client: &Client,
    url: &str,
    seen: &Observation,
    time: Duration,
) -> Resume {
    let known: Vec<_> = seen.events.iter().filter(|event| !event.is_gap).collect();
    let ids: Vec<_> = known
        .iter()
        .filter_map(|event| event.id.as_deref())
        .collect();
    // A few events back, as far as they are distinct.
    let Some(from) = ids.len().checked_sub(2) else {
        return match ids.len() {
            0 => Resume::NoId,
            _ => Resume::OneId,
        };
    };
    let from = from.saturating_sub(2);
    let (before, rest) = ids.split_at(from);
    let Some((&id, expected)) = rest.split_first() else {
        return Resume::NoId;
    };
    if HeaderValue::from_bytes(id.as_bytes()).is_err() {
        return Resume::Unsendable;
    }
    let deadline = Instant::now() + time.clamp(LEAST, MOST);
    // Events without an ID may come in between.
    let tells = |event: &&Seen| event.is_gap || event.id.is_some();
    let is_enough =
        |again: &Observation| again.events.iter().filter(tells).count() >= expected.len();
    let coding = Coding::Identity;
    let again = watch_until(client, url, Some(id), coding, deadline, is_enough).await;
    judge(id, before, expected, &again)
}

fn judge(id: &str, before: &[&str], expected: &[&str], again: &Observation) -> Resume {
    if !again.is_stream() {
        let status = again.head.as_ref().map(|head| head.status.as_u16());
        return Resume::NoStream { status };
    }
    if again.events.iter().any(|event| event.is_gap) {
        return Resume::Gap;
    }
    let came = again.events.iter().filter_map(|event| event.id.as_deref());
    let came: Vec<_> = came.collect();
    if came.iter().any(|came| before.contains(came)) {
        return Resume::FromBefore;
    }
    if came.contains(&id) {
        return Resume::Repeats;
    }
    if came.starts_with(expected) {
        return Resume::Resumes {
            events: expected.len(),
        };
    }
    match came.len() {
        0 => Resume::Nothing { waited: again.time },
        // They may come as slowly as the first time.
        events if expected.starts_with(&came) => Resume::Resumes { events },
        _ => Resume::Skips,
    }
}

/// How long the events may take to come again.
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(3);
