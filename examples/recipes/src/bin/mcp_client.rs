//! A client of the Model Context Protocol over Streamable HTTP (version 2025-06-18): opens a session, calls a
//! method, and prints the messages that come. `cargo run --bin mcp_client -- URL tools/list`
//!
//! The response to a POST may be JSON or an event stream. A stream that is cut off is resumed by a GET with
//! `Last-Event-ID` ("Resumability and Redelivery"), and the POST is never repeated.

use std::error::Error;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};
use ssewire::event_source::ConnectError;
use ssewire::http::{Method, Response};
use ssewire::hyper::{from_fn, request_headers};
use ssewire::tokio::{ClientConfig, EventSource};

struct Session(reqwest::Client, String, HeaderMap);

impl Session {
    async fn post(&mut self, message: Value) -> reqwest::Result<reqwest::Response> {
        let post = self.0.post(&self.1).headers(self.2.clone());
        let post = post.header(ACCEPT, "application/json, text/event-stream");
        let response = post.json(&message).send().await?.error_for_status()?;
        if let Some(id) = response.headers().get("mcp-session-id") {
            self.2.insert("mcp-session-id", id.clone());
        }
        Ok(response)
    }

    /// Calls a method, and prints what comes before its response.
    async fn call(&mut self, method: &str, params: Value) -> Result<Value, Box<dyn Error>> {
        let call = json!({ "jsonrpc": "2.0", "id": method, "method": method, "params": params });
        let response = self.post(call).await?;
        let kind = response.headers().get(CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
            return Ok(response.json().await?);
        }
        let Self(client, url, headers) = Self(self.0.clone(), self.1.clone(), self.2.clone());
        let mut first = Some(response);
        let connect = from_fn(Method::GET, move |attempt| {
            let get = client.get(&url).headers(headers.clone());
            let (first, get) = (first.take(), get.headers(request_headers(attempt)));
            let resumes = attempt.last_event_id().is_some();
            async move {
                match first {
                    Some(first) => Ok(Response::from(first)),
                    // Without an ID, a GET opens another stream.
                    None if !resumes => Err(ConnectError::refused("cut off without an event ID")),
                    None => Ok(get.send().await.map_err(ConnectError::failed)?.into()),
                }
            }
        });
        let mut events = EventSource::new(connect, ClientConfig::new().max_attempts(5));
        while let Some(event) = events.next().await.transpose()? {
            // An event without data only has an ID to resume after.
            let message: Value = serde_json::from_str(event.data()).unwrap_or_default();
            if message["id"] == method && message.get("method").is_none() {
                return Ok(message);
            }
            println!("{}", event.data());
        }
        Err("the stream ended without the response".into())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [url, method] = [1, 2].map(|n| std::env::args().nth(n).expect("mcp_client URL METHOD"));
    let mut session = Session(reqwest::Client::new(), url, HeaderMap::new());
    let info = json!({ "name": "ssewire", "version": "0.1.0" });
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info });
    let welcome = session.call("initialize", hello).await?;
    let version = welcome["result"]["protocolVersion"].as_str();
    let version = version.ok_or("it is no MCP server")?.parse()?;
    session.2.insert("mcp-protocol-version", version);
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    session.post(ready).await?;
    println!("{}", session.call(&method, json!({})).await?);
    Ok(())
}
