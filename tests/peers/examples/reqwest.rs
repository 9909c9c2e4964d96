//! Events over reqwest, with its proxies, cookies and middleware.
//!
//! `cargo run -p ssewire-peers --example reqwest -- http://127.0.0.1:8888/price`

use core::error::Error;
use core::pin::Pin;

use http::Response;
use ssewire::Frame;
use ssewire::client::{Attempt, ClientConfig};
use ssewire::event_source::{Connect, ConnectError};
use ssewire::hyper::{BodyStream, EventReader};
use ssewire::tokio::EventSource;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: reqwest URL")?;
    let client = reqwest::Client::new();
    read_once(&client, &url).await?;
    follow(client, url).await
}

/// Reads two events of one response, without reconnecting.
async fn read_once(client: &reqwest::Client, url: &str) -> Result<(), Box<dyn Error>> {
    let response = client.get(url).send().await?.error_for_status()?;
    let mut reader = EventReader::new(Response::from(response).into_body());
    let mut count = 0;
    while let Some(frame) = reader.next_frame().await? {
        if let Frame::Event(event) = frame {
            println!("read: {}", event.data());
            count += 1;
            if count == 2 {
                break;
            }
        }
    }
    Ok(())
}

/// Follows a stream through reconnects.
async fn follow(client: reqwest::Client, url: String) -> Result<(), Box<dyn Error>> {
    let mut events = EventSource::new(Reqwest { client, url }, ClientConfig::new());
    while let Some(event) = events.next().await {
        println!("followed: {}", event?.data());
    }
    Ok(())
}

/// A transport over reqwest.
struct Reqwest {
    client: reqwest::Client,
    url: String,
}

impl Connect for Reqwest {
    type Body = BodyStream<reqwest::Body>;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Self::Body>, ConnectError>> + Send>>;

    fn connect(&mut self, request: &Attempt) -> Self::Future {
        let mut builder = self
            .client
            .get(&self.url)
            .header("accept", "text/event-stream")
            .header("cache-control", "no-cache");
        if let Some(id) = request.last_event_id() {
            builder = builder.header("last-event-id", id.as_bytes());
        }
        Box::pin(async move {
            let response = builder.send().await.map_err(ConnectError::failed)?;
            Ok(Response::from(response).map(BodyStream::new))
        })
    }

    fn method(&self) -> Option<&str> {
        Some("GET")
    }
}
