//! Measures servers of many streams over HTTP: the README beside this file says how to run it.

use std::convert::Infallible;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::sse;
use bytes::Bytes;
use cpu_time::ProcessTime;
use futures_core::Stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ssewire::server::SessionConfig;
use ssewire::tokio::EventWriter;
use ssewire::{Decoder, Event, FrameRef, Hub};
use ssewire_benches::args::{Args, exit_code};
use ssewire_benches::measure::{rotated, setting};
use ssewire_benches::series::{Bar, Series, Verdicts, head, number, row};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().collect();
    let done = match args.get(1).map(String::as_str) {
        Some(AS_SERVER) => serve(&args[2], &args[3]),
        _ => run(),
    };
    exit_code(done)
}

fn run() -> Result<(), AnyError> {
    let args = Args::from_env(&["--smoke", "--rounds"])?;
    let rounds = args.rounds(5);
    let (readers, idle) = if args.smoke {
        (20, 50)
    } else {
        (1_000, 10_000)
    };
    let mut verdicts = Verdicts::default();
    println!("{}", setting());
    println!(
        "{readers} streams over HTTP/1.1 on loopback, events of 200 bytes; processor time of the \
         server's process, the kernel's share included; median of {rounds} rounds; every event \
         counted.\n"
    );
    let names = CONTENDERS;
    println!("{}", head("µs a delivery", &names));
    let mut tables = Vec::new();
    for (burst, bar) in [(1, 0.77), (16, 0.25)] {
        let bursts = if args.smoke { 3 } else { 100 };
        let mut series = Series::new(names.into_iter());
        for round in 0..rounds {
            for index in rotated(names.len(), round) {
                eprintln!("{}, {burst} waiting", names[index]);
                let time = deliver(names[index], readers, bursts, burst)?;
                series.push(
                    index,
                    time.as_secs_f64() * 1e6 / (readers * bursts * burst) as f64,
                );
            }
        }
        let cells = names.map(|name| number(series.median(name), 2));
        println!("{}", row(&format!("{burst} waiting"), cells));
        tables.push((burst, bar, series));
    }
    let names = [SSEWIRE, BY_HAND, WRITER, WRITES];
    println!("\n{}", head("ratio to axum", &names));
    for (burst, bar, series) in tables {
        let cells = names.map(|name| {
            let bar = (name == SSEWIRE).then_some(Bar::AtMost(bar));
            verdicts.judge(series.ratio(name, AXUM), bar)
        });
        println!("{}", row(&format!("{burst} waiting"), cells));
    }
    println!(
        "\n{}",
        head(
            &format!("{idle} idle streams"),
            &[
                "bytes a stream",
                "ratio to axum",
                "µs a comment",
                "ratio to axum"
            ]
        )
    );
    let names = [SSEWIRE, AXUM];
    let mut memory = Series::new(names.into_iter());
    let mut time = Series::new(names.into_iter());
    for round in 0..if args.smoke { 1 } else { 3 } {
        for index in rotated(names.len(), round) {
            eprintln!("{}, idle", names[index]);
            let (bytes, each) = rest(names[index], idle)?;
            memory.push(index, bytes);
            time.push(index, each);
        }
    }
    for (name, bars) in [(SSEWIRE, Some((0.6, 1.0))), (AXUM, None)] {
        let mut judge = |series: &Series<f64>, bar: Option<f64>| {
            verdicts.judge(series.ratio(name, AXUM), bar.map(Bar::AtMost))
        };
        let ratios = [
            judge(&memory, bars.map(|bars| bars.0)),
            judge(&time, bars.map(|bars| bars.1)),
        ];
        let [of_memory, of_time] = ratios;
        let cells = [
            number(memory.median(name), 0),
            of_memory,
            number(time.median(name), 2),
            of_time,
        ];
        println!("{}", row(name, cells));
    }
    println!("\n{}", verdicts.summary(args.smoke));
    Ok(())
}

/// Returns the time that a server takes to send bursts of events to all of its readers.
fn deliver(name: &str, readers: usize, bursts: usize, burst: usize) -> Result<Duration, AnyError> {
    let mut server = Server::start(name, "15000")?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut streams = open(server.port, readers).await?;
        let before = server.ask("time")?;
        for _ in 0..bursts {
            let next = Instant::now() + Duration::from_millis(if burst == 1 { 20 } else { 50 });
            server.ask(&format!("publish {burst}"))?;
            // A client that waits for each write is woken by each, at the server's cost: this one
            // looks when all is written.
            tokio::time::sleep_until(next - Duration::from_millis(5)).await;
            for stream in &mut streams {
                stream.read_events(burst).await?;
            }
            tokio::time::sleep_until(next).await;
        }
        let after = server.ask("time")?;
        Ok(Duration::from_nanos(after - before))
    })
}

/// Returns the resident bytes of an idle stream, and the microseconds of a comment that keeps it
/// alive.
fn rest(name: &str, count: usize) -> Result<(f64, f64), AnyError> {
    let mut server = Server::start(name, "1000")?;
    let runtime = runtime()?;
    runtime.block_on(async {
        // What is needed once is not counted.
        let _first = open(server.port, 1).await?;
        let before = server.ask("memory")?;
        let mut streams = open(server.port, count).await?;
        for stream in &mut streams {
            stream.read_some().await?;
        }
        let bytes = (server.ask("memory")? - before) as f64 / count as f64;
        let time = server.ask("time")?;
        for _ in 0..ROUNDS_OF_COMMENTS {
            for stream in &mut streams {
                stream.read_some().await?;
            }
        }
        let time = (server.ask("time")? - time) as f64 / 1e3;
        Ok((bytes, time / (ROUNDS_OF_COMMENTS * count) as f64))
    })
}

/// Is one client, which reads and counts.
struct Reader {
    socket: TcpStream,
    decoder: Decoder,
    /// Behind the head, a chunked body: its framing is dropped by the least that will do, since no
    /// line of it looks like a field.
    buffer: Vec<u8>,
    events: usize,
}

async fn open(port: u16, count: usize) -> Result<Vec<Reader>, AnyError> {
    let mut readers = Vec::new();
    for _ in 0..count {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
        socket
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await?;
        readers.push(Reader {
            socket,
            decoder: Decoder::new(),
            buffer: vec![0; 4096],
            events: 0,
        });
    }
    for reader in &mut readers {
        let len = reader.socket.read(&mut reader.buffer).await?;
        if !reader.buffer[..len].starts_with(b"HTTP/1.1 200") {
            return Err("the server does not answer".into());
        }
    }
    Ok(readers)
}

impl Reader {
    async fn read_events(&mut self, count: usize) -> Result<(), AnyError> {
        while self.events < count {
            self.read_some().await?;
        }
        if self.events > count {
            return Err("an event too many".into());
        }
        self.events = 0;
        Ok(())
    }

    async fn read_some(&mut self) -> Result<(), AnyError> {
        let len = self.socket.read(&mut self.buffer).await?;
        if len == 0 {
            return Err("the stream ended".into());
        }
        let mut rest = &self.buffer[..len];
        while let Some(frame) = self.decoder.decode(&mut rest)? {
            let is_whole = |event: ssewire::EventRef<'_>| {
                event.data().len() == DATA && event.event_type() == "price"
            };
            match frame {
                FrameRef::Event(event) if is_whole(event) => self.events += 1,
                FrameRef::Event(_) => return Err("an event is broken".into()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Is a server in a process of its own.
struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start(name: &str, keep_alive: &str) -> Result<Self, AnyError> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program)
            .args([AS_SERVER, name, keep_alive])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let mut server = Self {
            input: input.ok_or("no pipe")?,
            output: BufReader::new(output.ok_or("no pipe")?),
            process,
            port: 0,
        };
        server.port = server.answer()?.try_into()?;
        Ok(server)
    }

    fn ask(&mut self, what: &str) -> Result<u64, AnyError> {
        writeln!(self.input, "{what}")?;
        self.answer()
    }

    fn answer(&mut self) -> Result<u64, AnyError> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves one contender, and does what stdin says.
fn serve(name: &str, keep_alive: &str) -> Result<(), AnyError> {
    let keep_alive = Duration::from_millis(keep_alive.parse()?);
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let publish = match name {
            SSEWIRE => serve_ssewire(listener, keep_alive),
            AXUM => serve_axum(listener, keep_alive),
            WRITER => serve_writer(listener, keep_alive),
            WRITES => serve_writes(listener),
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

fn serve_ssewire(listener: TcpListener, keep_alive: Duration) -> Publish {
    let hub = Hub::new();
    let events = hub.clone();
    let config = SessionConfig::new().keep_alive(keep_alive);
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
fn serve_writer(listener: TcpListener, keep_alive: Duration) -> Publish {
    let hub = Hub::new();
    let events = hub.clone();
    let config = SessionConfig::new().keep_alive(keep_alive);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (events, config) = (events.subscribe(["prices"], None).unwrap(), config.clone());
            tokio::spawn(async move {
                answer(&mut socket).await?;
                EventWriter::new(socket).forward(events, config).await
            });
        }
    });
    publish_to(hub)
}

/// The floor: no hub, no task, no timer, one write of joined bytes for each socket.
fn serve_writes(listener: TcpListener) -> Publish {
    let sockets = Arc::new(Mutex::new(Vec::new()));
    let opened = Arc::clone(&sockets);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            answer(&mut socket).await?;
            socket.write_all(b":\n\n").await?;
            opened.lock().expect("no panic").push(socket.into_std()?);
        }
        Ok::<_, std::io::Error>(())
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
        while let Ok((socket, _)) = listener.accept().await {
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

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

const AS_SERVER: &str = "--as-server";
const SSEWIRE: &str = "ssewire";
const AXUM: &str = "axum";
const BY_HAND: &str = "bytes by hand";
const WRITER: &str = "ssewire without hyper";
const WRITES: &str = "a loop of writes";
const CONTENDERS: [&str; 5] = [SSEWIRE, AXUM, BY_HAND, WRITER, WRITES];
/// Bytes of data in an event of 200.
const DATA: usize = 150;
const ROUNDS_OF_COMMENTS: usize = 3;
