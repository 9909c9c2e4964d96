//! Watching one response.

use core::time::Duration;
use std::io::Write;

use flate2::write::GzDecoder;
use http::{HeaderMap, StatusCode, Version};
use ssewire::{Decoder, DecoderConfig, FrameRef};
use tokio::time::{Instant, sleep_until};

use super::arrival::{SentTime, sent_time};
use super::client::{Client, describe};
use super::probe::PROBE_TYPE;

/// Which codings a request accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Identity,
}

/// What was seen of one response. Times are since the request.
#[derive(Debug, Default)]
pub(super) struct Observation {
    pub(super) head: Option<Head>,
    /// Why there is no head, if it is not just late.
    pub(super) failure: Option<String>,
    /// When bytes came, each time at least a little after the time before.
    pub(super) arrivals: Vec<Duration>,
    pub(super) longest_silence: Duration,
    /// The silences that a comment ended.
    pub(super) comments: Vec<Duration>,
    pub(super) events: Vec<Seen>,
    /// When the first decoded byte came.
    pub(super) first_decoded: Option<Duration>,
    pub(super) retry: Option<Duration>,
    /// An ID came in a block without data.
    pub(super) has_position: bool,
    pub(super) end: Option<End>,
    pub(super) time: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) at: Duration,
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) is_redirected: bool,
}

/// An event, without its data.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Duration,
    /// The ID that its own block has.
    pub(super) id: Option<String>,
    pub(super) is_gap: bool,
    /// The number of an event of ours.
    pub(super) probe: Option<usize>,
    pub(super) sent: Option<SentTime>,
}

#[derive(Debug)]
pub(super) enum End {
    Clean { within_an_event: bool },
    Failed(String),
}

impl Observation {
    pub(super) fn is_coded(&self) -> bool {
        self.coding().is_some()
    }

    /// Returns the coding of the response, unless it is none.
    pub(super) fn coding(&self) -> Option<&str> {
        let value = self
            .head
            .as_ref()?
            .headers
            .get(http::header::CONTENT_ENCODING)?;
        let coding = value.to_str().unwrap_or("one that is not ASCII");
        Some(coding).filter(|coding| !coding.eq_ignore_ascii_case("identity"))
    }

    /// Returns the media type of the response, in lower case.
    pub(super) fn media_type(&self) -> Option<String> {
        let value = self
            .head
            .as_ref()?
            .headers
            .get(http::header::CONTENT_TYPE)?;
        let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
        Some(
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        )
    }

    /// Returns whether this is an open event stream.
    pub(super) fn is_stream(&self) -> bool {
        let is_ok = |head: &Head| head.status == StatusCode::OK;
        self.head.as_ref().is_some_and(is_ok)
            && self.media_type().as_deref() == Some("text/event-stream")
    }
}

/// Watches the response to a request until a moment, its end, or Ctrl-C.
pub(super) async fn watch(
    client: &Client,
    url: &str,
    id: Option<&str>,
    coding: Coding,
    deadline: Instant,
) -> Observation {
    watch_until(client, url, id, coding, deadline, |_| false).await
}

/// Watches as [`watch`] does, or until enough was seen.
pub(super) async fn watch_until(
    client: &Client,
    url: &str,
    id: Option<&str>,
    coding: Coding,
    deadline: Instant,
    is_enough: impl Fn(&Observation) -> bool,
) -> Observation {
    let mut watcher = Watcher::new();
    let accepted = match coding {
        Coding::Gzip => "gzip",
        Coding::Identity => "identity",
    };
    let request = client.stream(url, accepted, id);
    let work = async {
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                watcher.seen.failure = Some(describe(error));
                return;
            }
        };
        watcher.head(&response, url);
        if !watcher.seen.is_stream() {
            return;
        }
        loop {
            let end = match response.chunk().await {
                Ok(Some(bytes)) => {
                    if let Err(error) = watcher.bytes(&bytes) {
                        Some(End::Failed(error))
                    } else if is_enough(&watcher.seen) {
                        return;
                    } else {
                        None
                    }
                }
                Ok(None) => Some(End::Clean {
                    within_an_event: watcher.decoder.finish().is_some(),
                }),
                Err(error) => Some(End::Failed(describe(error))),
            };
            if end.is_some() {
                watcher.seen.end = end;
                return;
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = sleep_until(deadline) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    watcher.finish()
}

struct Watcher {
    seen: Observation,
    started: Instant,
    last: Option<Duration>,
    decoder: Decoder,
    gzip: Option<GzDecoder<Vec<u8>>>,
}

impl Watcher {
    fn new() -> Self {
        Self {
            seen: Observation::default(),
            started: Instant::now(),
            last: None,
            decoder: Decoder::with_config(
                DecoderConfig::new()
                    .max_event_bytes(LARGEST_EVENT)
                    .comments(true),
            ),
            gzip: None,
        }
    }

    fn head(&mut self, response: &reqwest::Response, url: &str) {
        let at = self.started.elapsed();
        self.seen.head = Some(Head {
            at,
            status: response.status(),
            version: response.version(),
            headers: response.headers().clone(),
            is_redirected: http::Uri::try_from(url).ok()
                != http::Uri::try_from(response.url().as_str()).ok(),
        });
        self.last = Some(at);
        if self
            .seen
            .coding()
            .is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"))
        {
            self.gzip = Some(GzDecoder::new(Vec::new()));
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), String> {
        let at = self.started.elapsed();
        let silence = at.saturating_sub(self.last.unwrap_or_default());
        self.last = Some(at);
        self.seen.longest_silence = self.seen.longest_silence.max(silence);
        let is_new = |last: &Duration| at.saturating_sub(*last) >= TOGETHER;
        if self.seen.arrivals.last().is_none_or(is_new) && self.seen.arrivals.len() < MOST {
            self.seen.arrivals.push(at);
        }
        if self.seen.is_coded() {
            let Some(gzip) = &mut self.gzip else {
                // Another coding than was asked for.
                return Ok(());
            };
            // In steps, so that a few bytes cannot become very many at once.
            for piece in bytes.chunks(PIECE) {
                let written = gzip.write_all(piece).and_then(|()| gzip.flush());
                written.map_err(|error| format!("the gzip is broken: {error}"))?;
                let decoded = core::mem::take(gzip.get_mut());
                decode(&mut self.decoder, &decoded, at, silence, &mut self.seen);
            }
        } else {
            decode(&mut self.decoder, bytes, at, silence, &mut self.seen);
        }
        Ok(())
    }

    fn finish(mut self) -> Observation {
        self.seen.time = self.started.elapsed();
        if self.seen.end.is_none() {
            let silence = self.seen.time.saturating_sub(self.last.unwrap_or_default());
            self.seen.longest_silence = self.seen.longest_silence.max(silence);
        }
        self.seen
    }
}

fn decode(
    decoder: &mut Decoder,
    mut input: &[u8],
    at: Duration,
    silence: Duration,
    seen: &mut Observation,
) {
    if !input.is_empty() {
        seen.first_decoded.get_or_insert(at);
    }
    loop {
        match decoder.decode(&mut input) {
            Ok(None) => break,
            Ok(Some(FrameRef::Comment(_))) => {
                if silence >= SILENCE && seen.comments.len() < MOST {
                    seen.comments.push(silence);
                }
            }
            Ok(Some(FrameRef::Retry(time))) => seen.retry = Some(time),
            Ok(Some(FrameRef::Event(event))) => {
                let id = event.id().filter(|id| !id.is_empty());
                let probe = (event.event_type() == PROBE_TYPE)
                    .then(|| event.data().parse().ok())
                    .flatten();
                let known = Seen {
                    at,
                    id: id.filter(|id| id.len() <= LONGEST_ID).map(str::to_owned),
                    is_gap: event.event_type() == "gap",
                    probe,
                    sent: sent_time(id.unwrap_or_default(), event.data()),
                };
                if seen.events.len() < MOST {
                    seen.events.push(known);
                }
            }
            // The rest of an event that is too large, and what comes in later versions.
            Ok(Some(_)) | Err(_) => {}
        }
        // An ID counts for the events that follow. Emptied, it shows whether an event has its own.
        let _ = decoder.set_last_event_id("");
    }
    seen.has_position |= decoder.last_event_id().is_some();
    let _ = decoder.set_last_event_id("");
}

/// How far apart bytes have to come to count as two arrivals.
const TOGETHER: Duration = Duration::from_millis(20);
/// A silence that a comment may have been sent for.
const SILENCE: Duration = Duration::from_millis(500);
/// How many arrivals, comments and events are kept.
const MOST: usize = 10_000;
const LARGEST_EVENT: usize = 1 << 20;
const LONGEST_ID: usize = 1_024;
const PIECE: usize = 4_096;
