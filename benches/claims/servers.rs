//! The claims about servers. Both send to whoever listens to one topic, from a handler of axum.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse as _;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::routing::get;
use hyper::HeaderMap;
use ssewire::server::SessionConfig;
use ssewire::tokio::response_with;
use ssewire::{Event, Hub};
use ssewire_benches::clients::AnyError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;

use crate::verdict::{Table, Verdict, version};

/// A server that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// `response` of a subscription to a hub.
    Ssewire,
    /// `Sse` over tokio's broadcast channel, the usual recipe.
    Axum,
}

/// A server at work.
struct Running {
    address: SocketAddr,
    topic: Topic,
    /// Asks the server to shut down.
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
enum Topic {
    Hub(Hub),
    Channel(broadcast::Sender<(u64, String)>),
}

impl Server {
    pub(crate) const ALL: [Self; 2] = [Self::Ssewire, Self::Axum];

    pub(crate) fn title(self) -> String {
        match self {
            Self::Ssewire => "ssewire's `response` of a `Hub`".to_owned(),
            Self::Axum => format!("axum {}'s `Sse` of a broadcast channel", version("axum")),
        }
    }

    /// Starts the server, with a comment after a silence where one is asked for.
    async fn start(self, keep_alive: Option<Duration>) -> Result<Running, AnyError> {
        let topic = match self {
            Self::Ssewire => Topic::Hub(Hub::new()),
            Self::Axum => Topic::Channel(broadcast::channel(CAPACITY).0),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (handler, hub) = (topic.clone(), topic.clone());
        let router = Router::new().route(
            "/",
            get(move |headers: HeaderMap| {
                let response = handler.respond(&headers, keep_alive);
                async move { response }
            }),
        );
        // Each as its documentation shows a shutdown.
        let shutdown = async move {
            let _ = stopped.await;
            if let Topic::Hub(hub) = hub {
                hub.shutdown(sleep(Duration::from_secs(1))).await;
            }
        };
        let task = tokio::spawn(async move {
            let server = axum::serve(listener, router).with_graceful_shutdown(shutdown);
            let _ = server.await;
        });
        Ok(Running {
            address,
            topic,
            stop: Some(stop),
            task,
        })
    }
}

impl Topic {
    fn respond(
        &self,
        headers: &HeaderMap,
        keep_alive: Option<Duration>,
    ) -> axum::response::Response {
        match self {
            Self::Hub(hub) => {
                let id = ssewire::hyper::last_event_id(headers).unwrap_or_default();
                let config = match keep_alive {
                    Some(time) => SessionConfig::new().keep_alive(time),
                    None => SessionConfig::new(),
                };
                response_with(hub.subscribe("topic", id).expect("an open hub"), config)
                    .into_response()
            }
            Self::Channel(channel) => {
                let events = BroadcastStream::new(channel.subscribe()).filter_map(|item| {
                    let (id, data) = item.ok()?;
                    let event = sse::Event::default().id(id.to_string()).data(data);
                    Some(Ok::<_, Infallible>(event))
                });
                match keep_alive {
                    Some(time) => Sse::new(events)
                        .keep_alive(KeepAlive::new().interval(time))
                        .into_response(),
                    None => Sse::new(events).into_response(),
                }
            }
        }
    }

    fn publish(&self, number: u64, data: String) {
        match self {
            Self::Hub(hub) => {
                hub.publish("topic", Event::new(data));
            }
            // Without a receiver nothing is sent.
            Self::Channel(channel) => {
                let _ = channel.send((number, data));
            }
        }
    }
}

impl Running {
    async fn connect(&self, last_event_id: Option<&str>) -> Result<Reader, AnyError> {
        let mut socket = TcpStream::connect(self.address).await?;
        let id = last_event_id.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
        let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{id}\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut reader = Reader {
            socket,
            text: String::new(),
        };
        if !reader.wait(|text| text.contains("\r\n\r\n")).await {
            return Err("the server sent no head".into());
        }
        Ok(reader)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One response, as the bytes that have arrived.
struct Reader {
    socket: TcpStream,
    text: String,
}

impl Reader {
    /// Reads until the text is as it has to be, and returns whether it came to that.
    async fn wait(&mut self, holds: impl Fn(&str) -> bool) -> bool {
        let reading = async {
            let mut bytes = vec![0; 16 << 10];
            while !holds(&self.text) {
                match self.socket.read(&mut bytes).await {
                    Ok(len @ 1..) => self.text.push_str(&String::from_utf8_lossy(&bytes[..len])),
                    _ => return false,
                }
            }
            true
        };
        timeout(PATIENCE, reading).await.unwrap_or(false)
    }

    fn body(text: &str) -> &str {
        text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

/// Tries every claim with both servers.
pub(crate) async fn fill(table: &mut Table) -> Result<(), AnyError> {
    let mut rows: [(&'static str, Vec<Verdict>); 9] = [
        "sends the first byte of the body at once",
        "sends a comment after a silence (by a setting)",
        "tells nginx not to buffer the stream",
        "sends a returning client the events that it missed",
        "… or tells it that they are gone",
        "bounds its memory when a client does not read",
        "ends open streams at a graceful shutdown",
        "cannot be made to forge a field by CR or LF in data",
        "returns an error for CR or LF in a type",
    ]
    .map(|claim| (claim, Vec::new()));
    for server in Server::ALL {
        let verdicts = [
            first_byte(server).await?,
            comment(server).await?,
            nginx(server).await?,
            replay(server).await?,
            gap(server).await?,
            memory(server).await?,
            shutdown(server).await?,
            line_break_in_data(server).await?,
            line_break_in_type(server),
        ];
        for (row, holds) in rows.iter_mut().zip(verdicts) {
            row.1.push(holds.into());
        }
    }
    for (claim, verdicts) in rows {
        table.add(claim, verdicts);
    }
    Ok(())
}

async fn first_byte(server: Server) -> Result<bool, AnyError> {
    let running = server.start(None).await?;
    let mut reader = running.connect(None).await?;
    Ok(reader.wait(|text| !Reader::body(text).is_empty()).await)
}

async fn comment(server: Server) -> Result<bool, AnyError> {
    let running = server.start(Some(Duration::from_millis(300))).await?;
    let mut reader = running.connect(None).await?;
    // The first may have opened the stream.
    let comments = |text: &str| Reader::body(text).matches("\n:").count();
    Ok(reader.wait(|text| comments(text) > 1).await)
}

async fn nginx(server: Server) -> Result<bool, AnyError> {
    let running = server.start(None).await?;
    let reader = running.connect(None).await?;
    Ok(reader.text.to_lowercase().contains("x-accel-buffering: no"))
}

async fn replay(server: Server) -> Result<bool, AnyError> {
    let running = server.start(None).await?;
    let mut reader = running.connect(None).await?;
    running.topic.publish(1, "first".into());
    if !reader.wait(|text| text.contains("data: first\n\n")).await {
        return Err("the event did not arrive".into());
    }
    let id = reader
        .text
        .split("id: ")
        .nth(1)
        .and_then(|rest| rest.split('\n').next());
    let id = id.ok_or("the event has no ID")?.to_owned();
    drop(reader);
    running.topic.publish(2, "second".into());
    let mut reader = running.connect(Some(&id)).await?;
    Ok(reader.wait(|text| text.contains("data: second\n\n")).await)
}

async fn gap(server: Server) -> Result<bool, AnyError> {
    let running = server.start(None).await?;
    let mut reader = running.connect(Some("gone-1")).await?;
    Ok(reader.wait(|text| text.contains("data: ")).await)
}

async fn memory(server: Server) -> Result<bool, AnyError> {
    let running = server.start(None).await?;
    let _silent = running.connect(None).await?;
    let before = resident()?;
    let mut most = before;
    for number in 0..200 {
        running.topic.publish(number, "x".repeat(1 << 20));
        sleep(Duration::from_millis(1)).await;
        most = most.max(resident()?);
    }
    eprintln!("{server:?}: {} MiB", (most - before) >> 20);
    // Half of what was published.
    Ok(most - before < 100 << 20)
}

async fn shutdown(server: Server) -> Result<bool, AnyError> {
    let mut running = server.start(None).await?;
    let _open = running.connect(None).await?;
    if let Some(stop) = running.stop.take() {
        let _ = stop.send(());
    }
    Ok(timeout(PATIENCE, &mut running.task).await.is_ok())
}

async fn line_break_in_data(server: Server) -> Result<bool, AnyError> {
    let running = server.start(None).await?;
    let mut reader = running.connect(None).await?;
    running
        .topic
        .publish(1, "a\revent: forged\nid: forged\r\nb".into());
    running.topic.publish(2, "last".into());
    if !reader.wait(|text| text.contains("data: last\n\n")).await {
        return Err("the event did not arrive".into());
    }
    let mut lines = Reader::body(&reader.text).split(['\r', '\n']);
    let forged = |line: &str| line.starts_with("event: forged") || line.starts_with("id: forged");
    Ok(!lines.any(forged))
}

fn line_break_in_type(server: Server) -> bool {
    let kind = "a\ndata: forged";
    let build = || match server {
        Server::Ssewire => Event::new("x").with_type(kind).is_err(),
        // It returns the event.
        Server::Axum => {
            let _event = sse::Event::default().event(kind);
            false
        }
    };
    catch_unwind(AssertUnwindSafe(build)).unwrap_or(false)
}

/// Returns the resident memory of this process, in bytes.
fn resident() -> Result<u64, AnyError> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(value.ok_or("the system does not say")?.parse::<u64>()? << 10)
}

/// How long a trial waits for what it claims.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many events the channel holds.
const CAPACITY: usize = 16;
