//! The servers: this program again, in a process of its own, which does what stdin says.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::sse;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use cpu_time::ProcessTime;
use futures_core::Stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ssewire::lane::{Decision, LaneConfig};
use ssewire::server::SessionConfig;
use ssewire::tokio::{EventWriter, Lane};
use ssewire::{Event, Hub};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;

use crate::gathering::WINDOW;
use crate::{
    AXUM, AnyError, DATA, GATHERED, GATHERED_WRITER, LANE, SSEWIRE, WRITER, WRITES, runtime,
};

/// Serves one contender, and does what stdin says.
pub(crate) fn serve(name: &str, keep_alive: &str, nodelay: &str) -> Result<(), AnyError> {
    NODELAY.store(nodelay == "true", Ordering::Relaxed);
    let keep_alive = Duration::from_millis(keep_alive.parse()?);
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let config = SessionConfig::new().keep_alive(keep_alive);
        let publish = match name {
            SSEWIRE => serve_ssewire(listener, config),
            GATHERED => serve_ssewire(listener, config.gather(WINDOW)),
            LANE => serve_lane(listener, config),
            AXUM => serve_axum(listener, keep_alive),
            WRITER => serve_writer(listener, config),
            GATHERED_WRITER => serve_writer(listener, config.gather(WINDOW)),
            WRITES => serve_writes(listener, keep_alive),
            _ => serve_by_hand(listener),
        };
        let (commands, mut received) = tokio::sync::mpsc::channel(1);
        std::thread::spawn(move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                if commands.blocking_send(line).is_err() {
                    return;
                }
            }
            std::process::exit(0);
        });
        while let Some(command) = received.recv().await {
            let answer = match command.split_once(' ') {
                Some((_, count)) => {
                    publish(count.parse()?);
                    0
                }
                None if command == "time" => ProcessTime::now().as_duration().as_nanos() as u64,
                None => resident()?,
            };
            println!("{answer}");
        }
        Ok(())
    })
}

/// Publishes a number of events.
type Publish = Box<dyn Fn(usize) + Send>;

fn serve_ssewire(listener: TcpListener, config: SessionConfig) -> Publish {
    let hub = Hub::new();
    let events = hub.clone();
    accept(listener, move || {
        ssewire::tokio::response_with(events.subscribe(["prices"], None).unwrap(), config.clone())
    });
    publish_to(hub)
}

fn publish_to(hub: Hub) -> Publish {
    let event = price();
    Box::new(move |count| {
        for _ in 0..count {
            hub.publish("prices", &event);
        }
    })
}

/// The same hub without hyper: what is left is the socket's.
fn serve_writer(listener: TcpListener, config: SessionConfig) -> Publish {
    let hub = Hub::new();
    let events = hub.clone();
    tokio::spawn(async move {
        while let Ok(mut socket) = next(&listener).await {
            let (events, config) = (events.subscribe(["prices"], None).unwrap(), config.clone());
            tokio::spawn(async move {
                answer(&mut socket).await?;
                EventWriter::new(socket).forward(events, config).await
            });
        }
    });
    publish_to(hub)
}

/// The same hub in a lane.
fn serve_lane(listener: TcpListener, config: SessionConfig) -> Publish {
    let hub = Hub::new();
    let events = hub.clone();
    let (lane, drivers) = Lane::new(LaneConfig::new().nodelay(false));
    for driver in drivers {
        tokio::spawn(driver);
    }
    tokio::spawn(async move {
        while let Ok(socket) = next(&listener).await {
            let (lane, events, config) = (lane.clone(), events.clone(), config.clone());
            tokio::spawn(async move {
                let decide = async |_| {
                    let events = events.subscribe(["prices"], None).unwrap();
                    Decision::stream(ssewire::hyper::event_stream(events), config)
                };
                lane.offer(socket, decide).await
            });
        }
    });
    publish_to(hub)
}

/// The floor: no hub, no task, no timer, one write of joined bytes for each socket.
fn serve_writes(listener: TcpListener, keep_alive: Duration) -> Publish {
    let sockets = Arc::new(Mutex::new(Vec::new()));
    let opened = Arc::clone(&sockets);
    tokio::spawn(async move {
        while let Ok(mut socket) = next(&listener).await {
            answer(&mut socket).await?;
            socket.write_all(b":\n\n").await?;
            opened.lock().expect("no panic").push(socket.into_std()?);
        }
        Ok::<_, std::io::Error>(())
    });
    let kept_alive = Arc::clone(&sockets);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(keep_alive).await;
            for socket in &mut *kept_alive.lock().expect("no panic") {
                socket.write_all(b":\n").expect("there is room");
            }
        }
    });
    let next = numbered_prices();
    Box::new(move |count| {
        let mut burst = Vec::new();
        (0..count).for_each(|_| burst.extend_from_slice(&next()));
        for socket in &mut *sockets.lock().expect("no panic") {
            socket.write_all(&burst).expect("there is room");
        }
    })
}

/// Whether each write leaves at once, or may wait for an acknowledgement of the one before.
static NODELAY: AtomicBool = AtomicBool::new(false);

async fn next(listener: &TcpListener) -> std::io::Result<TcpStream> {
    let (socket, _) = listener.accept().await?;
    set_nodelay(&socket);
    Ok(socket)
}

fn set_nodelay(socket: &TcpStream) {
    let nodelay = NODELAY.load(Ordering::Relaxed);
    socket.set_nodelay(nodelay).expect("a socket takes options");
}

/// Reads a request and writes the head of its answer.
async fn answer(socket: &mut TcpStream) -> std::io::Result<()> {
    // One read brings the request, which is one packet.
    let _request = socket.read(&mut [0; 1024]).await?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    socket.write_all(head.as_bytes()).await
}

fn serve_by_hand(listener: TcpListener) -> Publish {
    let (sender, _) = broadcast::channel::<Bytes>(1024);
    let events = sender.clone();
    accept(listener, move || {
        let opening = tokio_stream::once(Ok::<_, Infallible>(Frame::data(Bytes::from(":\n\n"))));
        let events = BroadcastStream::new(events.subscribe())
            .map(|bytes| Ok(Frame::data(bytes.expect("nobody lags"))));
        ssewire::hyper::event_stream(StreamBody::new(opening.chain(events)))
    });
    let next = numbered_prices();
    Box::new(move |count| {
        for _ in 0..count {
            let _ = sender.send(next());
        }
    })
}

/// Encodes events with one ID after the other.
fn numbered_prices() -> impl Fn() -> Bytes + Send {
    let event = price();
    let id = AtomicU64::new(0);
    move || {
        let id = id.fetch_add(1, Ordering::Relaxed).to_string();
        event.clone().with_id(id).expect("an ID").to_bytes()
    }
}

fn price() -> Event {
    let event = Event::new("x".repeat(DATA)).with_type("price");
    event.expect("no line break is in it")
}

/// Serves one response to every request of every connection.
fn accept<B>(
    listener: TcpListener,
    respond: impl Fn() -> hyper::Response<B> + Clone + Send + 'static,
) where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    tokio::spawn(async move {
        while let Ok(socket) = next(&listener).await {
            let respond = respond.clone();
            let service = service_fn(move |_| {
                let response = respond();
                async { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
}

/// The usual recipe.
fn serve_axum(listener: TcpListener, keep_alive: Duration) -> Publish {
    let (sender, _) = broadcast::channel::<(u64, String)>(1024);
    let events = sender.clone();
    let handler = move || {
        let stream = sse_stream(&events);
        async move { sse::Sse::new(stream).keep_alive(sse::KeepAlive::new().interval(keep_alive)) }
    };
    let router = axum::Router::new().route("/", axum::routing::get(handler));
    // As with all of these, the option is set by the bench.
    let listener = listener.tap_io(|socket| set_nodelay(socket));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let id = AtomicU64::new(0);
    Box::new(move |count| {
        for _ in 0..count {
            let id = id.fetch_add(1, Ordering::Relaxed);
            let _ = sender.send((id, "x".repeat(DATA)));
        }
    })
}

fn sse_stream(
    events: &broadcast::Sender<(u64, String)>,
) -> impl Stream<Item = Result<sse::Event, Infallible>> + use<> {
    // The first byte leaves at once, as with the others.
    let opening = tokio_stream::once(Ok(sse::Event::default().comment("")));
    opening.chain(BroadcastStream::new(events.subscribe()).map(|event| {
        let (id, data) = event.expect("nobody lags");
        Ok(sse::Event::default()
            .id(id.to_string())
            .event("price")
            .data(data))
    }))
}

fn resident() -> Result<u64, AnyError> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(value.ok_or("the system does not say")?.parse::<u64>()? << 10)
}
