//! The parts that the example servers share: the port, the connections, and an orderly shutdown.
#![allow(dead_code, reason = "every example uses its own part of it")]

use core::convert::Infallible;
use core::time::Duration;
use std::process::ExitCode;
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ssewire::Hub;
use ssewire::server::Refused;
use tokio::net::TcpListener;

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Serves on 127.0.0.1 until Ctrl-C, on the port in the first argument.
pub(crate) async fn serve<F>(name: &str, hub: &Hub, answer: F) -> ExitCode
where
    F: Fn(&Request<Incoming>) -> Answer + Send + Sync + 'static,
{
    let argument = std::env::args().nth(1);
    let Ok(port) = argument.as_deref().unwrap_or("8888").parse::<u16>() else {
        eprintln!("{name}: the port must be a number from 0 to 65535");
        return ExitCode::from(2);
    };
    let bound = async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        println!("http://{}/", listener.local_addr()?);
        Ok::<_, std::io::Error>(listener)
    };
    match bound.await {
        Ok(listener) => {
            tokio::spawn(accept(listener, Arc::new(answer)));
        }
        Err(error) => {
            eprintln!("{name}: cannot listen on port {port}: {error}");
            return ExitCode::FAILURE;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
    // Every open stream ends at an event after which its client can resume.
    hub.shutdown(tokio::time::sleep(Duration::from_secs(1)))
        .await;
    ExitCode::SUCCESS
}

async fn accept<F>(listener: TcpListener, answer: Arc<F>)
where
    F: Fn(&Request<Incoming>) -> Answer + Send + Sync + 'static,
{
    loop {
        // Out of files, for instance. The open connections matter more.
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let answer = Arc::clone(&answer);
        let service = service_fn(move |request| {
            let answer = answer(&request);
            async { Ok::<_, Infallible>(answer) }
        });
        // A browser that leaves ends its connection with an error. Nobody needs to know.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
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
