//! Events over reqwest, with its proxies, cookies and middleware.
//!
//! `cargo run --bin reqwest_client -- http://127.0.0.1:8888/price`

use core::error::Error;

use ssewire::client::ClientConfig;
use ssewire::http::{Method, Response};
use ssewire::hyper::{from_fn, request_headers};
use ssewire::io::EventStreamExt;
use ssewire::tokio::EventSource;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: reqwest_client URL")?;
    let client = reqwest::Client::new();
    read_once(&client, &url).await?;
    follow(client, url).await
}

/// Reads two events of one response, without reconnecting.
async fn read_once(client: &reqwest::Client, url: &str) -> Result<(), Box<dyn Error>> {
    let response = client.get(url).send().await?.error_for_status()?;
    let mut events = response.bytes_stream().events();
    for _ in 0..2 {
        if let Some(event) = events.next_event().await? {
            println!("read: {}", event.data());
        }
    }
    Ok(())
}

/// Follows a stream through reconnects.
async fn follow(client: reqwest::Client, url: String) -> Result<(), Box<dyn Error>> {
    let connect = from_fn(Method::GET, move |attempt| {
        let request = client.get(&url).headers(request_headers(attempt));
        async { request.send().await.map(Response::from) }
    });
    let mut events = EventSource::new(connect, ClientConfig::new());
    while let Some(event) = events.next().await {
        println!("followed: {}", event?.data());
    }
    Ok(())
}
