//! Events of our own, over an `ssewire serve`.

use core::time::Duration;

use http::Method;
use tokio::time::{Instant, sleep, timeout_at};

use super::client::Client;
use crate::serve::VERSION;

/// A topic of our own, on a server that is known to take events.
pub(super) struct Probe {
    /// The stream, with the topic added.
    url: String,
    publish: String,
    token: Option<String>,
}

/// When an event was published, since the watch began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// When its request was sent.
    pub(super) at: Duration,
    /// When the response to it came.
    pub(super) taken: Duration,
}

impl Probe {
    /// Returns a probe if the URL is that of the events of an `ssewire serve`.
    pub(super) async fn find(client: &Client, url: &str, token: Option<&str>) -> Option<Self> {
        let (path, query) = url.split_once('?')?;
        let base = path.strip_suffix("/events")?;
        let healthz = format!("{base}/healthz");
        let response = client
            .send(Method::GET, &healthz, None, String::new())
            .await;
        if !response.ok()?.headers().contains_key(VERSION) {
            return None;
        }
        let topic = format!("{PROBE_TOPIC}{:016x}", fastrand::u64(..));
        let query = query.split('#').next().unwrap_or_default();
        Some(Self {
            url: format!("{path}?{query}&topic={topic}"),
            publish: format!("{base}/publish?topic={topic}&type={PROBE_TYPE}"),
            token: token.map(str::to_owned),
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Publishes events within the first half of a time, or for longer over a slow network. Returns none
    /// if the server does not let us.
    pub(super) async fn publish(&self, client: &Client, time: Duration) -> Vec<Sent> {
        let started = Instant::now();
        let step = (time / 12).min(Duration::from_millis(400));
        let mut sent = Vec::new();
        // By then the stream is open, unless something is slow.
        sleep(step).await;
        for number in 0..PROBES {
            let at = started.elapsed();
            let token = self.token.as_deref();
            let published = client.send(Method::POST, &self.publish, token, number.to_string());
            match timeout_at(started + time, published).await {
                Ok(Ok(response)) if response.status() == 200 => {
                    let taken = started.elapsed();
                    sent.push(Sent { at, taken });
                }
                _ => break,
            }
            sleep(step).await;
        }
        sent
    }
}

/// How the name of a topic of ours begins.
pub(crate) const PROBE_TOPIC: &str = "ssewire-check-";
/// The type of our events.
pub(super) const PROBE_TYPE: &str = "ssewire-check";
const PROBES: usize = 5;
