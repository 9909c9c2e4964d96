//! An LLM proxy on axum, which adds the key that browsers must not have:
//! `LLM_KEY=sk-… cargo run --bin llm_proxy -- PORT https://llm.example/v1/completions`
//!
//! It responds once the first event is there, so an error of the upstream is passed on as a status with its
//! body, and not as an empty 200. If the browser leaves, axum drops the body, and with it the connection to the
//! upstream. If the upstream fails in between, the response is cut off and does not look whole. A POST is
//! never repeated.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use futures_util::{StreamExt, stream};
use ssewire::event_source;
use ssewire::tokio::{ClientConfig, EventSource, Http, response};
use tokio::net::TcpListener;

struct Upstream {
    url: String,
    key: String,
}

async fn complete(State(upstream): State<Arc<Upstream>>, prompt: Bytes) -> Response<Body> {
    let request = Http::post(&upstream.url)
        .header(CONTENT_TYPE, "application/json")
        .bearer(&upstream.key)
        .body(prompt);
    let mut events = EventSource::new(request, ClientConfig::new());
    match events.next().await {
        Some(Ok(first)) => {
            let all = stream::once(async { Ok(first) }).chain(events);
            response(Box::pin(all)).map(Body::new)
        }
        Some(Err(error)) => refused(&error),
        None => (StatusCode::BAD_GATEWAY, "the upstream sent no event").into_response(),
    }
}

/// Passes on what the upstream said instead of a stream.
fn refused(error: &event_source::Error) -> Response<Body> {
    let Some(theirs) = error.response() else {
        // The message names the URL of the upstream, which is for the log.
        eprintln!("{error}");
        return (StatusCode::BAD_GATEWAY, "the upstream does not respond").into_response();
    };
    let mut response = theirs.clone().map(Body::from);
    // An HTML page with status 200 is an error too.
    if theirs.status().is_success() {
        *response.status_mut() = StatusCode::BAD_GATEWAY;
    }
    let headers = response.headers_mut();
    headers.clear();
    for name in [CONTENT_TYPE, RETRY_AFTER] {
        if let Some(value) = theirs.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    response
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (port, url) = arguments
        .next()
        .zip(arguments.next())
        .ok_or("usage: llm_proxy PORT URL")?;
    let key = std::env::var("LLM_KEY").unwrap_or_default();
    let router = Router::new().route("/complete", post(complete));
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    println!("http://{}/complete", listener.local_addr()?);
    Ok(axum::serve(listener, router.with_state(Arc::new(Upstream { url, key }))).await?)
}
