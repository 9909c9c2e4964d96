//! Servers of a hub, on tokio and on async-std.

use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use bytes::Bytes;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use http::header::HeaderMap;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use ssewire::Hub;
use ssewire::async_std::EventWriter;
use ssewire::hyper::{event_stream, last_event_id, refused};
use ssewire::lane::{Decision, LaneConfig};
use ssewire::server::{Refused, SessionConfig, SessionEnd};
use tokio::sync::oneshot;

use crate::common::client::{Client, Request as Get};

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Serves a hub on a port of its own, until it is dropped. The path of a request names the topics,
/// with commas between them.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    /// How the sessions of its connections end; only async-std's are told.
    ends: mpsc::Receiver<io::Result<Option<SessionEnd>>>,
    stop: Option<Stop>,
}

enum Stop {
    Tokio(oneshot::Sender<()>, thread::JoinHandle<()>),
    AsyncStd(async_std::task::JoinHandle<()>),
}

/// Starts a server of either kind.
pub(crate) type Start = fn(Hub, SessionConfig) -> Server;

/// Makes the test of each row on each server.
macro_rules! on_each {
    ($($row:ident)*) => {
        mod on_hyper {
            $(#[test]
            fn $row() {
                super::$row($crate::common::serving::Server::on_hyper);
            })*
        }
        mod on_async_std {
            $(#[test]
            fn $row() {
                super::$row($crate::common::serving::Server::on_async_std);
            })*
        }
        mod on_lane {
            $(#[test]
            fn $row() {
                super::$row($crate::common::serving::Server::on_lane);
            })*
        }
        mod on_lane_of_async_std {
            $(#[test]
            fn $row() {
                super::$row($crate::common::serving::Server::on_lane_of_async_std);
            })*
        }
    };
}
pub(crate) use on_each;

impl Server {
    /// Starts hyper on tokio, in a thread of its own.
    pub(crate) fn on_hyper(hub: Hub, config: SessionConfig) -> Self {
        let served = hub.clone();
        Self::answering(hub, move |request| {
            answer(&served, &config, request.uri().path(), request.headers())
        })
    }

    /// Starts hyper on tokio with answers of the caller's.
    pub(crate) fn answering(
        hub: Hub,
        answer: impl Fn(&Request<Incoming>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let answer = Arc::new(answer);
        let connection = move |socket| {
            let answer = Arc::clone(&answer);
            async move {
                let service = service_fn(move |request| {
                    let answer = answer(&request);
                    async { Ok::<_, Infallible>(answer) }
                });
                let mut server = http1::Builder::new();
                server.timer(TokioTimer::new()).max_buf_size(HYPER_BUFFER);
                // How it ends is the client's business.
                let _ = server.serve_connection(TokioIo::new(socket), service).await;
            }
        };
        Self::on_tokio(hub, |listener| accept(listener, connection))
    }

    /// Starts a lane on tokio, before hyper.
    pub(crate) fn on_lane(hub: Hub, config: SessionConfig) -> Self {
        Self::on_lane_with(hub, config, LaneConfig::new().tasks(2))
    }

    pub(crate) fn on_lane_with(hub: Hub, config: SessionConfig, lane: LaneConfig) -> Self {
        let served = hub.clone();
        Self::on_tokio(hub, move |listener| {
            let (lane, drivers) = ssewire::tokio::Lane::new(lane);
            for driver in drivers {
                tokio::spawn(driver);
            }
            accept(listener, move |socket| {
                let (hub, config, lane) = (served.clone(), config.clone(), lane.clone());
                async move {
                    let decide = async |request| decide(&hub, &config, &request);
                    let Ok(Some(passed)) = lane.offer(socket, decide).await else {
                        return;
                    };
                    let service = service_fn(move |request: Request<Incoming>| {
                        let answer = answer(&hub, &config, request.uri().path(), request.headers());
                        async { Ok::<_, Infallible>(answer) }
                    });
                    let mut server = http1::Builder::new();
                    server.timer(TokioTimer::new()).max_buf_size(HYPER_BUFFER);
                    let _ = server.serve_connection(TokioIo::new(passed), service).await;
                }
            })
        })
    }

    /// Starts a lane on async-std, before an HTTP of its own.
    pub(crate) fn on_lane_of_async_std(hub: Hub, config: SessionConfig) -> Self {
        let (listener, address) = listen();
        let listener = async_net::TcpListener::try_from(listener).unwrap();
        let served = hub.clone();
        let accepting = async_std::task::spawn(async move {
            let (lane, drivers) = ssewire::async_std::Lane::new(LaneConfig::new());
            for driver in drivers {
                async_std::task::spawn(driver);
            }
            loop {
                let socket = listener.accept().await.unwrap().0;
                let (hub, config, lane) = (served.clone(), config.clone(), lane.clone());
                async_std::task::spawn(async move {
                    let decide = async |request| decide(&hub, &config, &request);
                    if let Ok(Some(passed)) = lane.offer(socket, decide).await {
                        let _ = answer_by_hand(passed, hub, config).await;
                    }
                });
            }
        });
        Self {
            address,
            hub,
            ends: mpsc::channel().1,
            stop: Some(Stop::AsyncStd(accepting)),
        }
    }

    /// Starts a server of the caller's on tokio.
    pub(crate) fn on_tokio<F>(
        hub: Hub,
        serve: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()>,
    {
        let (listener, address) = listen();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime().block_on(async {
                tokio::select! {
                    () = serve(tokio::net::TcpListener::from_std(listener).unwrap()) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            hub,
            ends: mpsc::channel().1,
            stop: Some(Stop::Tokio(stop, thread)),
        }
    }

    /// Starts a server on async-std, with an HTTP of its own and an [`EventWriter`].
    pub(crate) fn on_async_std(hub: Hub, config: SessionConfig) -> Self {
        let (listener, address) = listen();
        let listener = async_std::net::TcpListener::from(listener);
        let (tell, ends) = mpsc::channel();
        let served = hub.clone();
        let accepting = async_std::task::spawn(async move {
            loop {
                let socket = listener.accept().await.unwrap().0;
                let (hub, config, tell) = (served.clone(), config.clone(), tell.clone());
                async_std::task::spawn(async move {
                    let end = answer_by_hand(socket, hub, config).await;
                    // Nobody may be left to hear it.
                    let _ = tell.send(end);
                });
            }
        });
        Self {
            address,
            hub,
            ends,
            stop: Some(Stop::AsyncStd(accepting)),
        }
    }

    /// Asks for a stream.
    pub(crate) fn open(&self, path: &str, last_event_id: Option<&str>) -> Client {
        let mut request = Get::of(path);
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        Client::open(self.address, request)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Shuts the hub down, and returns how many subscriptions have not ended by themselves.
    pub(crate) fn shut_down(&self) -> usize {
        block_on(async { self.hub.shutdown(tokio::time::sleep(PATIENCE)).await })
    }

    /// Returns how a session has ended; waits for it.
    pub(crate) fn session_end(&self) -> io::Result<Option<SessionEnd>> {
        self.ends.recv_timeout(PATIENCE).expect("a session ends")
    }

    /// Waits until the hub has so many subscriptions.
    pub(crate) fn wait_for_subscribers(&self, count: usize) {
        wait_until("subscriptions come and go", || {
            self.hub.subscriber_count() == count
        });
    }

    /// Returns what a response without events begins with, and ends with.
    pub(crate) fn opening(&self) -> Vec<u8> {
        format!(":\nid: {}\n\n", self.hub.position()).into_bytes()
    }

    /// Waits until the server holds no socket of a client that has gone.
    pub(crate) fn wait_for_closed_sockets(&self) {
        wait_until("sockets are closed", || {
            let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
            let port = format!(":{:04X}", self.address.port());
            !table.lines().any(|line| {
                let mut columns = line.split_whitespace().skip(1);
                let is_mine = columns.next().is_some_and(|local| local.ends_with(&port));
                is_mine && matches!(columns.nth(1), Some(ESTABLISHED | CLOSE_WAIT))
            })
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.stop.take() {
            Some(Stop::Tokio(stop, thread)) => {
                drop(stop);
                let _ = thread.join();
            }
            Some(Stop::AsyncStd(accepting)) => {
                async_std::task::block_on(accepting.cancel());
            }
            None => {}
        }
    }
}

/// Runs `connection` for each that comes, as a task.
pub(crate) async fn accept<F>(
    listener: tokio::net::TcpListener,
    connection: impl Fn(tokio::net::TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        tokio::spawn(connection(socket));
    }
}

/// Answers with the events of the topics that the path names.
pub(crate) fn answer(hub: &Hub, config: &SessionConfig, path: &str, headers: &HeaderMap) -> Answer {
    match last_event_id(headers) {
        Ok(id) => match hub.subscribe(path.trim_start_matches('/').split(','), id) {
            Ok(events) => boxed(ssewire::tokio::response_with(events, config.clone())),
            Err(reason) => boxed(refused(reason)),
        },
        Err(error) => {
            let mut response = Response::new(format!("{error}\n"));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            boxed(response)
        }
    }
}

pub(crate) fn boxed<B>(response: Response<B>) -> Answer
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    response.map(BodyExt::boxed_unsync)
}

/// Decides as [`answer`] answers.
fn decide(hub: &Hub, config: &SessionConfig, request: &Request<()>) -> Decision {
    let Ok(id) = last_event_id(request.headers()) else {
        return Decision::Pass;
    };
    let topics = request.uri().path().trim_start_matches('/').split(',');
    match hub.subscribe(topics, id) {
        Ok(events) => Decision::stream(event_stream(events), config.clone()),
        Err(_) => Decision::Pass,
    }
}

async fn answer_by_hand(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    hub: Hub,
    config: SessionConfig,
) -> io::Result<Option<SessionEnd>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).await?;
        head.extend(byte);
    }
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(&head).expect("a client of these tests");
    let id = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("last-event-id"));
    let id = id.map(|header| core::str::from_utf8(header.value).unwrap());
    let topics = request.path.unwrap().trim_start_matches('/').split(',');
    let events = match hub.subscribe(topics, id) {
        Ok(events) => events,
        Err(Refused::TopicClosed) => {
            socket.write_all(NO_CONTENT).await?;
            return Ok(None);
        }
        Err(_) => {
            socket.write_all(UNAVAILABLE).await?;
            return Ok(None);
        }
    };
    socket.write_all(OK).await?;
    EventWriter::new(socket).forward(events, config).await
}

/// Listens on a port whose connections hold little in the kernel, so that a reader that stalls is
/// soon felt.
fn listen() -> (std::net::TcpListener, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    socket.listen(4096).unwrap();
    let listener = std::net::TcpListener::from(socket);
    SockRef::from(&listener)
        .set_send_buffer_size(KERNEL_BUFFER)
        .unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Waits until something is so that nobody tells of.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has a clock")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Runs a future in which tokio's sockets and timers work. A row that hangs fails.
pub(crate) fn block_on<F: Future>(row: F) -> F::Output {
    let row = runtime().block_on(async { tokio::time::timeout(2 * PATIENCE, row).await });
    row.expect("the row hangs")
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// What the kernel is asked to hold of a stream that is not read, on either side.
pub(crate) const KERNEL_BUFFER: usize = 4096;
/// What hyper is asked to hold, the least that it takes.
const HYPER_BUFFER: usize = 8192;
const OK: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const ESTABLISHED: &str = "01";
const CLOSE_WAIT: &str = "08";
