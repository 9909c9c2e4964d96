//! The parts that the example servers and `ssewire serve` share: the port, the connections, and an
//! orderly shutdown.
#![allow(dead_code, reason = "every example uses its own part of it")]

use core::convert::Infallible;
use core::error::Error;
use core::net::SocketAddr;
use core::pin::pin;
use core::time::Duration;
use std::process::ExitCode;
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ssewire::Hub;
use ssewire::server::Refused;
use ssewire::tokio::WriteTimeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Serves on 127.0.0.1 until Ctrl-C or SIGTERM, on the port in the first argument. Each request has the
/// address of its client among its extensions.
pub(crate) async fn serve<F>(name: &str, hub: &Hub, answer: F) -> ExitCode
where
    F: Fn(&Request<Incoming>) -> Answer + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    serve_connections(name, "", hub, |address: SocketAddr| {
        let answer = Arc::clone(&answer);
        service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(address);
            let answer = answer(&request);
            async { Ok::<_, Infallible>(answer) }
        })
    })
    .await
}

/// Serves as [`serve`] does, with a service for each connection. Prints a URL with a path.
pub(crate) async fn serve_connections<S, B>(
    name: &str,
    path: &str,
    hub: &Hub,
    service: impl Fn(SocketAddr) -> S,
) -> ExitCode
where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    match bind(name, path).await {
        Ok(listener) => {
            serve_on(listener, hub, service).await;
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// Listens on 127.0.0.1, on the port in the first argument, and prints a URL with a path.
pub(crate) async fn bind(name: &str, path: &str) -> Result<TcpListener, ExitCode> {
    let argument = std::env::args().nth(1);
    let Ok(port) = argument.as_deref().unwrap_or("8888").parse::<u16>() else {
        eprintln!("{name}: the port must be a number from 0 to 65535");
        return Err(ExitCode::from(2));
    };
    let bound = async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        println!("http://{}/{path}", listener.local_addr()?);
        Ok::<_, std::io::Error>(listener)
    };
    bound.await.map_err(|error| {
        eprintln!("{name}: cannot listen on port {port}: {error}");
        ExitCode::FAILURE
    })
}

/// Serves until Ctrl-C or SIGTERM, and then ends within a second.
pub(crate) async fn serve_on<S, B>(
    listener: TcpListener,
    hub: &Hub,
    service: impl Fn(SocketAddr) -> S,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    serve_offered(listener, hub, async |socket| Some(socket), service).await;
}

/// Serves as [`serve_on`] does the sockets that `offer` returns.
pub(crate) async fn serve_offered<A, I, S, B>(
    listener: TcpListener,
    hub: &Hub,
    offer: impl Fn(TcpStream) -> A,
    service: impl Fn(SocketAddr) -> S,
) where
    A: Future<Output = Option<I>> + Send + 'static,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let connections = GracefulShutdown::new();
    let mut stopped = pin!(stopped());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => break,
        };
        // Out of files, for instance. The open connections matter more.
        let Ok((socket, address)) = accepted else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        // An event should not wait until the client has acknowledged the one before.
        let _ = socket.set_nodelay(true);
        let (offered, service, watcher) = (offer(socket), service(address), connections.watcher());
        tokio::spawn(async move {
            let Some(socket) = offered.await else {
                return;
            };
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(LONGEST_HEAD)
                .max_buf_size(BUFFER)
                .serve_connection(
                    TokioIo::new(WriteTimeout::new(socket, LONGEST_STALL)),
                    service,
                );
            // A browser that leaves ends its connection with an error. Nobody needs to know.
            let _ = watcher.watch(connection).await;
        });
    }
    drop(listener);
    // Every open stream ends at an event after which its client can resume.
    hub.shutdown(sleep(LONGEST_END)).await;
    // The last bytes are out once the connections are closed. One with half a request stays open.
    let _ = timeout(LONGEST_END, connections.shutdown()).await;
}

/// Waits for Ctrl-C, or for SIGTERM, by which services are stopped.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Returns a body as the type that all responses share.
pub(crate) fn boxed<B>(response: Response<B>) -> Answer
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    response.map(BodyExt::boxed_unsync)
}

/// Returns a response with a text.
pub(crate) fn text(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Answer {
    let mut response = Response::new(Full::new(text.into()).boxed_unsync());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Returns the response to a subscription that is refused.
pub(crate) fn refused(reason: Refused) -> Answer {
    let response = ssewire::hyper::refused(reason);
    response.map(|text| Full::new(text.into()).boxed_unsync())
}

pub(crate) fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, PLAIN, "not found\n")
}

pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";
/// For how long a client may take no bytes.
const LONGEST_STALL: Duration = Duration::from_secs(30);
/// How long the head of a request may take.
pub(crate) const LONGEST_HEAD: Duration = Duration::from_secs(10);
/// How long each of the two steps of the shutdown may take.
pub(crate) const LONGEST_END: Duration = Duration::from_millis(400);
/// The bytes that hyper holds for a client that does not read, and for a head: 64 KiB.
const BUFFER: usize = 64 * 1024;
