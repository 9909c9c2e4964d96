//! What each request gets.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Buf, Bytes};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use ssewire::hyper::{event_stream, refused, service_unavailable, start};
use ssewire::lane::Decision;
use ssewire::server::{PublishError, Refused, SessionConfig, Start};
use ssewire::tokio::response_with;
use ssewire::{Event, Hub, Subscription};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::access::Access;
use super::query::{Query, path_decoded};
use super::reply::{Reply, no_content, refusal, with_json, with_text};
use super::topics::RecentTopics;

/// The endpoints, over one hub.
pub(super) struct Service {
    hub: Hub,
    access: Access,
    session: SessionConfig,
    /// A permit for each stream that may still be opened.
    streams: Arc<Semaphore>,
    metrics: PrometheusHandle,
    topics: RecentTopics,
}

/// The most streams that [`Service::new`] takes.
pub(super) const MOST_STREAMS: usize = Semaphore::MAX_PERMITS;

impl Service {
    pub(super) fn new(
        hub: Hub,
        access: Access,
        session: SessionConfig,
        max_streams: usize,
        metrics: PrometheusHandle,
    ) -> Self {
        Self {
            hub,
            access,
            session,
            streams: Arc::new(Semaphore::new(max_streams)),
            metrics,
            topics: RecentTopics::default(),
        }
    }

    /// Responds to a request, whatever is in it.
    pub(super) async fn respond<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Error: Into<BoxError>> + Unpin,
    {
        let (parts, mut body) = request.into_parts();
        let request = Request::from_parts(parts, ());
        let reply = self.route(&request, &mut body).await;
        let mut reply = match reply {
            Ok(reply) => reply,
            Err(refusal) => {
                // A client that asked whether to send its body has not sent it.
                if !request.headers().contains_key(header::EXPECT) {
                    discard(body).await;
                }
                refusal
            }
        };
        let origin = request.headers().get(header::ORIGIN);
        self.access.share(origin, reply.headers_mut());
        reply
    }

    async fn route<B>(&self, request: &Request<()>, body: &mut B) -> Result<Reply, Reply>
    where
        B: Body<Error: Into<BoxError>> + Unpin,
    {
        if let Some(reply) = self.access.preflight(request) {
            return Ok(reply);
        }
        let query = Query::parse(request.uri().query().unwrap_or_default()).map_err(bad)?;
        // A base URL and a path are often joined with one slash too many.
        let path = request.uri().path().trim_start_matches('/').to_owned();
        match &*path {
            "events" => {
                allow(request, &[Method::GET])?;
                self.access.check_subscriber(request, &query)?;
                self.stream(request, &query)
            }
            "publish" => {
                allow(request, &[Method::POST])?;
                self.access.check_publisher(request)?;
                self.publish(body, &query).await
            }
            "" => self.show(request, &query, page),
            "topics" => self.show(request, &query, || {
                with_json(StatusCode::OK, &self.topics.to_json(&self.hub))
            }),
            "metrics" => self.show(request, &query, || {
                with_text(StatusCode::OK, PROMETHEUS, self.metrics.render())
            }),
            "healthz" => {
                allow(request, &READING)?;
                let health = self.hub.health();
                let stale = health.filter(|health| health.stale_since.is_some());
                let text = match stale.map(|health| health.failure) {
                    None => "ok\n".into(),
                    Some(None) => "stale\n".into(),
                    Some(Some(failure)) => format!("stale: {failure}\n"),
                };
                let mut reply = with_text(StatusCode::OK, PLAIN, text);
                // By this, `ssewire check` knows what it may publish.
                let version = HeaderValue::from_static(env!("CARGO_PKG_VERSION"));
                reply.headers_mut().insert(VERSION, version);
                Ok(reply)
            }
            _ => match path.strip_prefix("topics/") {
                Some(topic) if !topic.is_empty() => {
                    allow(request, &[Method::DELETE])?;
                    self.access.check_publisher(request)?;
                    self.close_topic(topic)
                }
                _ => Err(refusal(StatusCode::NOT_FOUND, "there is nothing here")),
            },
        }
    }

    /// Shows something to those who may subscribe.
    fn show(
        &self,
        request: &Request<()>,
        query: &Query,
        show: impl FnOnce() -> Reply,
    ) -> Result<Reply, Reply> {
        allow(request, &READING)?;
        self.access.check_subscriber(request, query)?;
        Ok(show())
    }

    /// Decides whether a stream goes past the HTTP server. All that is refused goes to it, and gets
    /// its response there.
    pub(super) fn offer(&self, request: &Request<()>) -> Decision {
        match self.open_past(request) {
            Some(response) => Decision::stream(response, self.session.clone()),
            None => Decision::Pass,
        }
    }

    fn open_past(&self, request: &Request<()>) -> Option<Response<Subscription>> {
        if request.uri().path().trim_start_matches('/') != "events" {
            return None;
        }
        let query = Query::parse(request.uri().query().unwrap_or_default()).ok()?;
        self.access.check_subscriber(request, &query).ok()?;
        let (events, permit) = self.subscribe(request, &query).ok()?;
        let mut response = event_stream(events);
        // The stream has its permit for as long as it is open.
        response.extensions_mut().insert(Arc::new(permit));
        let origin = request.headers().get(header::ORIGIN);
        self.access.share(origin, response.headers_mut());
        Some(response)
    }

    fn stream(&self, request: &Request<()>, query: &Query) -> Result<Reply, Reply> {
        let (events, permit) = self.subscribe(request, query)?;
        let response = response_with(events, self.session.clone());
        Ok(response.map(|body| {
            // The stream has its permit for as long as it is open.
            let body = body.map_frame(move |frame| {
                let _permit = &permit;
                frame
            });
            body.boxed_unsync()
        }))
    }

    fn subscribe(
        &self,
        request: &Request<()>,
        query: &Query,
    ) -> Result<(Subscription, OwnedSemaphorePermit), Reply> {
        let topics = query.topics().map_err(bad)?;
        let asked = query.start.as_deref().map(str::parse::<Start>).transpose();
        let asked = asked.map_err(|error| bad(format!("start: {error}")))?;
        let resumed = start(request).map_err(bad)?;
        let start = resumed.or(asked).unwrap_or_default();

        let Ok(permit) = Arc::clone(&self.streams).try_acquire_owned() else {
            return Err(with_error(
                service_unavailable(FULL),
                "too many streams are open (--max-streams)",
            ));
        };
        let events = self.hub.subscribe(topics, start).map_err(|reason| {
            let response = refused(reason);
            match reason {
                Refused::TopicClosed => no_content(),
                _ => with_error(response, reason),
            }
        })?;
        self.topics.note_subscribed(topics);
        Ok((events, permit))
    }

    async fn publish<B>(&self, body: &mut B, query: &Query) -> Result<Reply, Reply>
    where
        B: Body<Error: Into<BoxError>> + Unpin,
    {
        let topics = query.topics().map_err(bad)?;
        if query.key.as_deref() == Some("") {
            return Err(bad("the key is empty"));
        }
        let event_type = query.event_type.as_deref().unwrap_or_default();
        let data = read(body).await?;
        let data = core::str::from_utf8(&data).map_err(|_| bad("the body is not UTF-8"))?;
        let event = Event::new(data).with_type(event_type).map_err(bad)?;
        let published = match &query.key {
            Some(key) => self.hub.publish_latest(topics, key, event),
            None => self.hub.publish(topics, event),
        };
        let id = published.await.map_err(|error| {
            let status = match error {
                PublishError::TopicClosed => StatusCode::CONFLICT,
                PublishError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                PublishError::OutboxFull
                | PublishError::Refused(_)
                | PublishError::Expired
                | PublishError::Unknown
                | PublishError::RelayClosed => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            };
            refusal(status, error.to_string())
        })?;
        self.topics.note_published(topics);
        let id = json!({ "id": id.to_string() });
        Ok(with_json(StatusCode::OK, &id))
    }

    fn close_topic(&self, topic: &str) -> Result<Reply, Reply> {
        let topic = path_decoded(topic).map_err(bad)?;
        self.hub.close_topic(&topic, CLOSED);
        self.topics.forget(&topic);
        Ok(no_content())
    }
}

/// Reads the body of a publication, within a size and a time.
async fn read<B>(body: &mut B) -> Result<Bytes, Reply>
where
    B: Body<Error: Into<BoxError>> + Unpin,
{
    let too_large = || {
        let text = format!("the body is larger than {LARGEST_BODY} bytes");
        refusal(StatusCode::PAYLOAD_TOO_LARGE, text)
    };
    if body.size_hint().lower() > LARGEST_BODY as u64 {
        return Err(too_large());
    }
    let body = Limited::new(body, LARGEST_BODY).collect();
    match timeout(LONGEST_BODY, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(bad(format!("the body did not arrive: {error}"))),
        Err(_) => Err(refusal(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
        )),
    }
}

/// Reads what is left of a body, within bounds. A connection that is closed before everything was read is
/// reset, and many clients then see no response.
async fn discard<B: Body + Unpin>(mut body: B) {
    let mut left = MOST_DISCARDED;
    let work = async {
        while let Ok(Some(Ok(frame))) = timeout(LONGEST_PAUSE, body.frame()).await {
            let bytes = frame.data_ref().map_or(0, Buf::remaining);
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // However far it came, the response follows.
    let _ = timeout(LONGEST_DISCARD, work).await;
}

fn allow(request: &Request<()>, methods: &[Method]) -> Result<(), Reply> {
    if methods.contains(request.method()) {
        return Ok(());
    }
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    let names = names.join(", ");
    let text = format!("the method has to be {}", names.replace(", ", " or "));
    let mut reply = refusal(StatusCode::METHOD_NOT_ALLOWED, text);
    if let Ok(names) = HeaderValue::from_str(&names) {
        reply.headers_mut().insert(header::ALLOW, names);
    }
    Err(reply)
}

/// Returns a response of the library with its error as JSON.
fn with_error(response: Response<String>, error: impl fmt::Display) -> Reply {
    let mut reply = refusal(response.status(), error.to_string());
    if let Some(wait) = response.headers().get(header::RETRY_AFTER) {
        reply
            .headers_mut()
            .insert(header::RETRY_AFTER, wait.clone());
    }
    reply
}

fn bad(error: impl fmt::Display) -> Reply {
    refusal(StatusCode::BAD_REQUEST, error.to_string())
}

fn page() -> Reply {
    let mut reply = with_text(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // Its address may have a token.
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        reply
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    reply
}

type BoxError = Box<dyn core::error::Error + Send + Sync>;

const PAGE: &str = include_str!("page.html");
/// The page loads nothing from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// The header of `/healthz` that names this server.
pub(crate) const VERSION: &str = "ssewire-version";
const PLAIN: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const READING: [Method; 2] = [Method::GET, Method::HEAD];
/// The largest body of a publication, in bytes: 1 MiB.
const LARGEST_BODY: usize = 1 << 20;
/// How long the body of a publication may take.
const LONGEST_BODY: Duration = Duration::from_secs(30);
/// How much of a body is read after its request was refused, in bytes: 16 MiB.
const MOST_DISCARDED: usize = 16 << 20;
const LONGEST_DISCARD: Duration = Duration::from_secs(10);
/// How long nothing of it may come.
const LONGEST_PAUSE: Duration = Duration::from_millis(300);
/// How long a topic stays closed.
const CLOSED: Duration = Duration::from_secs(3_600);
/// When a client may try again that finds no room.
const FULL: Duration = Duration::from_secs(5);
