//! A service that puts the client under remote control, for LaunchDarkly's contract tests of SSE
//! clients (sse-contract-tests 2).
//!
//! `cargo run --release --example contract_service --features tokio,hyper [-- PORT]`. The port is
//! 8000; 0 takes any free one. The tests open streams by `POST /`, and this service posts to them
//! whatever a stream brings: events, comments and errors, numbered from 1.

use core::error::Error;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use ssewire::client::{ClientConfig, Phase, Reconnect};
use ssewire::tokio::{EventSource, Http};
use ssewire::{DecoderConfig, Frame};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

#[tokio::main]
async fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let Ok(port) = argument.as_deref().unwrap_or("8000").parse() else {
        eprintln!("contract_service: the port must be a number from 0 to 65535");
        return ExitCode::from(2);
    };
    match serve(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("contract_service: cannot listen on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let (streams, quit) = (Arc::<Mutex<Streams>>::default(), Arc::<Notify>::default());
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted,
            () = quit.notified() => return Ok(()),
        };
        // Out of files, for instance. The open connections matter more.
        let Ok((socket, _)) = socket else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (streams, quit) = (Arc::clone(&streams), Arc::clone(&quit));
        tokio::spawn(async move {
            let was_last = AtomicBool::new(false);
            let service = service_fn(|request| answer(request, &streams, &was_last));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            // A harness that leaves ends its connection with an error that is nobody's concern.
            let _ = connection.await;
            // Only now is the answer out.
            if was_last.into_inner() {
                quit.notify_one();
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    streams: &Mutex<Streams>,
    is_last: &AtomicBool,
) -> hyper::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut streams = streams.lock().expect("nothing panics while it is locked");
    let mut headers = HeaderMap::new();
    let (status, text) = match (&head.method, head.uri.path()) {
        (&Method::GET, "/") => (StatusCode::OK, ABOUT.into()),
        (&Method::POST, "/") => match Order::parse(&body) {
            Ok(order) => {
                headers.insert(LOCATION, streams.open(order));
                (StatusCode::CREATED, String::new())
            }
            Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
        },
        (&Method::DELETE, "/") => {
            is_last.store(true, Ordering::Relaxed);
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            (StatusCode::OK, String::new())
        }
        (&Method::POST, path) => match (streams.commands.get(path), Command::parse(&body)) {
            (Some(commands), Some(command)) => {
                // One whose reports were not taken has ended already.
                let _ = commands.send(command);
                (StatusCode::ACCEPTED, String::new())
            }
            (Some(_), None) => (StatusCode::BAD_REQUEST, "no such command".into()),
            (None, _) => (StatusCode::NOT_FOUND, "no such stream".into()),
        },
        (&Method::DELETE, path) if streams.commands.remove(path).is_some() => {
            (StatusCode::OK, String::new())
        }
        _ => (StatusCode::NOT_FOUND, "not found".into()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// What a stream is told while it runs.
enum Command {
    Restart,
    /// Report the events of this type from now on.
    Listen(String),
}

impl Command {
    fn parse(body: &[u8]) -> Option<Self> {
        let message: Value = serde_json::from_slice(body).ok()?;
        match message.get("command")?.as_str()? {
            "restart" => Some(Self::Restart),
            "listen" => {
                let event_type = message.get("listen")?.get("type")?.as_str()?;
                Some(Self::Listen(event_type.to_owned()))
            }
            _ => None,
        }
    }
}

/// Holds the streams that were not deleted, by path. To drop a sender ends its stream.
#[derive(Default)]
struct Streams {
    opened: u64,
    commands: HashMap<String, mpsc::UnboundedSender<Command>>,
}

impl Streams {
    /// Opens a stream, and returns its path.
    fn open(&mut self, order: Order) -> HeaderValue {
        self.opened += 1;
        let path = format!("/streams/{}", self.opened);
        let location = HeaderValue::from_str(&path).expect("a number is visible ASCII");
        let (command, commands) = mpsc::unbounded_channel();
        self.commands.insert(path, command);
        tokio::spawn(run(order, commands));
        location
    }
}

/// Runs a stream until it is deleted, or its reports are not taken.
async fn run(order: Order, commands: mpsc::UnboundedReceiver<Command>) {
    // Without a bound: a harness that is slow to take a report does not keep the stream unread.
    let (reports, queue) = mpsc::unbounded_channel();
    let errors = reports.clone();
    let source = EventSource::new(order.http, order.config).on_disconnect(move |disconnect| {
        if !matches!(disconnect.phase(), Phase::Waiting { cause: None, .. }) {
            let _ = errors.send(json!({ "kind": "error", "error": disconnect.to_string() }));
        }
    });
    tokio::select! {
        () = listen(source, commands, reports) => {}
        Err(error) = post_all(&order.callback_url, queue) => {
            eprintln!("contract_service: cannot post to {}: {error}", order.callback_url);
        }
    }
}

/// Reports what a stream brings, until it is deleted.
async fn listen(
    mut source: EventSource,
    mut commands: mpsc::UnboundedReceiver<Command>,
    reports: mpsc::UnboundedSender<Value>,
) {
    // As in a page, every other type has to be listened for.
    let mut types = HashSet::from(["message".to_owned()]);
    loop {
        tokio::select! {
            // The harness may send a command and, once it was taken, an event that it is about.
            biased;
            command = commands.recv() => match command {
                Some(Command::Restart) => source.restart(),
                Some(Command::Listen(event_type)) => {
                    types.insert(event_type);
                }
                None => return,
            },
            // A stream that has ended gives none, and waits here to be deleted.
            Some(Ok(frame)) = source.next_frame() => {
                let report = match frame {
                    Frame::Event(event) if types.contains(event.event_type()) => json!({ "kind": "event", "event": {
                        "type": event.event_type(),
                        "data": event.data(),
                        "id": event.id().unwrap_or_default(),
                    }}),
                    Frame::Comment(text) => json!({ "kind": "comment", "comment": text }),
                    _ => continue,
                };
                let _ = reports.send(report);
            }
        }
    }
}

/// Posts reports one after another, each when the one before was answered.
async fn post_all(url: &Uri, mut queue: mpsc::UnboundedReceiver<Value>) -> Result<(), BoxError> {
    let mut number = 0_u64;
    while let Some(report) = queue.recv().await {
        number += 1;
        let path = format!("{}/{number}", url.path().trim_end_matches('/'));
        let (host, port) = (url.host().unwrap_or_default(), url.port_u16().unwrap_or(80));
        let request = Request::post(path)
            .header(HOST, format!("{host}:{port}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::<Bytes>::from(serde_json::to_vec(&report)?))?;
        let socket = TokioIo::new(TcpStream::connect((host, port)).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(socket).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?;
    }
    Ok(())
}

/// Says what stream is wanted.
struct Order {
    callback_url: Uri,
    http: Http,
    config: ClientConfig,
}

impl Order {
    fn parse(body: &[u8]) -> Result<Self, BoxError> {
        let order: Value = serde_json::from_slice(body)?;
        let text = |name| optional(&order, name, Value::as_str);
        let time = |name| {
            let read = |value: &Value| value.as_u64().map(Duration::from_millis);
            optional(&order, name, read)
        };
        let url = |name| {
            let url = text(name)?.and_then(|url| url.parse::<Uri>().ok());
            url.filter(|url| url.scheme_str() == Some("http"))
                .ok_or_else(|| format!("{name} must be an http URL"))
        };

        let method = Method::from_bytes(text("method")?.unwrap_or("GET").as_bytes())?;
        let mut http = Http::new(method, url("streamUrl")?.to_string());
        if let Some(body) = text("body")? {
            http = http.body(body.to_owned());
        }
        let headers = optional(&order, "headers", Value::as_object)?;
        for (name, value) in headers.into_iter().flatten() {
            let value = value.as_str().ok_or("a header must be a text")?;
            http = http.header(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }

        // The waits are those that the harness or its server asks for, no more and no less.
        let config = ClientConfig::new()
            .reconnect(Reconnect::Always)
            .base_delay(time("initialDelayMs")?.unwrap_or(Duration::from_secs(1)))
            .min_delay(Duration::ZERO)
            .max_delay(Duration::MAX)
            .growth(1)
            .jitter_percent(0)
            .idle_timeout(time("readTimeoutMs")?)
            .last_event_id(text("lastEventId")?.unwrap_or_default())?
            .decoder(DecoderConfig::new().comments(true));
        Ok(Self {
            callback_url: url("callbackUrl")?,
            http,
            config,
        })
    }
}

/// Reads a parameter that may be missing or null.
fn optional<'a, T>(
    order: &'a Value,
    name: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, String> {
    match order.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match read(value) {
            None => Err(format!("{name} cannot be {value}")),
            some => Ok(some),
        },
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

const ABOUT: &str = r#"{"name":"ssewire","capabilities":["bom","comments","event-type-listeners",
"headers","last-event-id","post","report","read-timeout","restart","server-directed-shutdown-request"]}"#;
