//! The clients that are tried, each with the settings that its documentation offers.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use eventsource_client::{Client as _, ClientBuilder, ReconnectOptions, SSE};
use futures_core::Stream;
use launchdarkly_sdk_transport::HyperTransport;
use reqwest_eventsource::retry::ExponentialBackoff;
use ssewire::DecoderConfig;
use ssewire::client::ClientConfig;
use ssewire::tokio::{EventSource, Http};
use ssewire_benches::clients::AnyError;
use tokio::sync::mpsc::UnboundedSender;

use crate::verdict::version;

/// A client that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Ssewire,
    Reqwest,
    LaunchDarkly,
}

/// What a client is to do, and the settings that a trial needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Task {
    pub(crate) url: String,
    /// Whether the request is a POST.
    pub(crate) post: bool,
    /// The silence that ends a connection.
    pub(crate) read_timeout: Option<Duration>,
    /// The proxy to go through.
    pub(crate) proxy: Option<String>,
    /// The largest event, in bytes.
    pub(crate) max_event_bytes: Option<usize>,
}

/// What a client returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Event { data: String, id: String },
    Error,
}

impl Client {
    pub(crate) const ALL: [Self; 3] = [Self::Ssewire, Self::Reqwest, Self::LaunchDarkly];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ssewire => "ssewire",
            Self::Reqwest => "reqwest-eventsource",
            Self::LaunchDarkly => "eventsource-client",
        }
    }

    /// Returns the name, and the version of a peer.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Ssewire => self.name().to_owned(),
            _ => format!("{} {}", self.name(), version(self.name())),
        }
    }

    /// Follows a stream until the client says that it has ended.
    ///
    /// Both peers go on after an error if they are polled again, so they are.
    pub(crate) async fn follow(
        self,
        task: Task,
        seen: UnboundedSender<Seen>,
    ) -> Result<(), AnyError> {
        match self {
            Self::Ssewire => ssewire(task, &seen).await,
            Self::Reqwest => reqwest_eventsource(task, &seen).await,
            Self::LaunchDarkly => eventsource_client(task, &seen).await,
        }
    }
}

async fn ssewire(task: Task, seen: &UnboundedSender<Seen>) -> Result<(), AnyError> {
    let request = match task.post {
        true => Http::post(&task.url).body(BODY),
        false => Http::get(&task.url),
    };
    let request = match task.proxy {
        Some(proxy) => request.proxy(proxy),
        None => request.no_proxy(),
    };
    let mut config = ClientConfig::new()
        .base_delay(FIRST_WAIT)
        .max_delay(LONGEST_WAIT);
    if let Some(time) = task.read_timeout {
        config = config.idle_timeout(time);
    }
    if let Some(bytes) = task.max_event_bytes {
        config = config.decoder(DecoderConfig::new().max_event_bytes(bytes));
    }
    let mut events = EventSource::new(request, config);
    while let Some(event) = events.next().await {
        seen.send(event.map_or(Seen::Error, |event| Seen::Event {
            data: event.data().to_owned(),
            id: event.id().unwrap_or_default().to_owned(),
        }))?;
    }
    Ok(())
}

async fn reqwest_eventsource(task: Task, seen: &UnboundedSender<Seen>) -> Result<(), AnyError> {
    // There is no setting for the size of an event.
    let mut client = reqwest::Client::builder().no_proxy();
    if let Some(proxy) = task.proxy {
        client = client.proxy(reqwest::Proxy::http(proxy)?);
    }
    if let Some(time) = task.read_timeout {
        client = client.read_timeout(time);
    }
    let client = client.build()?;
    let request = match task.post {
        true => client.post(task.url).body(BODY),
        false => client.get(task.url),
    };
    let mut events = reqwest_eventsource::EventSource::new(request)?;
    let policy = ExponentialBackoff::new(FIRST_WAIT, 2.0, Some(LONGEST_WAIT), None);
    events.set_retry_policy(Box::new(policy));
    while let Some(event) = next(&mut events).await {
        match event {
            Ok(reqwest_eventsource::Event::Open) => {}
            Ok(reqwest_eventsource::Event::Message(event)) => seen.send(Seen::Event {
                data: event.data,
                id: event.id,
            })?,
            Err(_) => seen.send(Seen::Error)?,
        }
    }
    Ok(())
}

async fn eventsource_client(task: Task, seen: &UnboundedSender<Seen>) -> Result<(), AnyError> {
    // There is no setting for the size of an event.
    let mut transport = HyperTransport::builder();
    transport = match task.proxy {
        Some(proxy) => transport.proxy_url(proxy),
        None => transport.disable_proxy(),
    };
    if let Some(time) = task.read_timeout {
        transport = transport.read_timeout(time);
    }
    let reconnect = ReconnectOptions::reconnect(true)
        .retry_initial(true)
        .delay(FIRST_WAIT)
        .delay_max(LONGEST_WAIT);
    let mut client = ClientBuilder::for_url(&task.url)?.reconnect(reconnect.build());
    if task.post {
        client = client.method("POST".into()).body(BODY.into());
    }
    let client = client.build_with_transport(transport.build_http()?);
    let mut events = client.stream();
    while let Some(event) = next(&mut events).await {
        match event {
            Ok(SSE::Event(event)) => seen.send(Seen::Event {
                data: event.data,
                id: event.id.unwrap_or_default(),
            })?,
            Ok(_) => {}
            Err(_) => seen.send(Seen::Error)?,
        }
    }
    Ok(())
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// The first wait of every client, so that no trial takes long.
pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const BODY: &str = "{\"stream\":true}";
