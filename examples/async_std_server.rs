//! A server on async-std, with a minimal HTTP of its own, that sends the time every second.
//!
//! `cargo run --example async_std_server --features async-std [-- PORT]`, then
//! `curl -N http://127.0.0.1:8888/sse`. The port is 8888; 0 takes any free one.

#[path = "shared/chunked.rs"]
mod chunked;

use core::error::Error;
use core::time::Duration;
use std::io;
use std::process;
use std::sync::Arc;
use std::time::SystemTime;

use async_std::io::{ReadExt, WriteExt};
use async_std::net::{TcpListener, TcpStream};
use async_std::task;
use chunked::Chunked;
use ssewire::async_std::EventWriter;
use ssewire::server::{SessionConfig, last_event_id};
use ssewire::{EventRef, Hub};

fn main() -> Result<(), Box<dyn Error>> {
    task::block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let port = match std::env::args().nth(1) {
        Some(port) => port.parse()?,
        None => 8888,
    };
    let hub = Hub::new();
    // Each open connection holds a clone.
    let open = Arc::new(());
    ctrlc::set_handler({
        let (hub, open) = (hub.clone(), Arc::downgrade(&open));
        move || task::block_on(stop(&hub, || open.strong_count() - 1))
    })?;
    task::spawn(tell_time(hub.clone()));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}/sse", listener.local_addr()?);
    loop {
        // Out of files, for instance. The open connections matter more.
        let Ok((socket, _)) = listener.accept().await else {
            task::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // An event should not wait until the client has acknowledged the one before.
        let _ = socket.set_nodelay(true);
        let (hub, open) = (hub.clone(), Arc::clone(&open));
        task::spawn(async move {
            // A client that sends no request in time gets no response.
            let time = Duration::from_secs(10);
            if let Ok(Ok(request)) = async_std::future::timeout(time, read_head(&socket)).await {
                // A client that leaves ends this with an error. Nobody needs to know.
                let _ = respond(socket, &request, &hub).await;
            }
            drop(open);
        });
    }
}

/// Ends every open stream in an orderly way, then the program. Runs on Ctrl-C and SIGTERM.
async fn stop(hub: &Hub, open: impl Fn() -> usize) {
    let second = Duration::from_secs(1);
    hub.shutdown(task::sleep(second)).await;
    // The last bytes are out when the connections are closed. One with half a request stays open.
    let all_closed = async {
        while open() > 0 {
            task::sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = async_std::future::timeout(second, all_closed).await;
    process::exit(0);
}

async fn respond(mut socket: TcpStream, head: &[u8], hub: &Hub) -> io::Result<()> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(head);
    if parsed.is_err() || (request.method, request.path) != (Some("GET"), Some("/sse")) {
        return socket.write_all(NOT_FOUND).await;
    }
    let headers = request.headers.iter();
    let ids = headers.filter(|header| header.name.eq_ignore_ascii_case("last-event-id"));
    let Ok(id) = last_event_id(ids.map(|header| header.value)) else {
        return socket.write_all(BAD_REQUEST).await;
    };
    let Ok(events) = hub.subscribe("time", id) else {
        return socket.write_all(UNAVAILABLE).await;
    };
    socket.write_all(OK).await?;
    // HTTP/1.0 has no chunks: there the response ends with the connection.
    if request.version == Some(0) {
        socket.write_all(b"\r\n").await?;
        let mut writer = EventWriter::new(socket);
        return writer.forward(events, SessionConfig::new()).await.map(drop);
    }
    socket.write_all(CHUNKED).await?;
    let mut writer = EventWriter::new(Chunked::new(socket));
    writer.forward(events, SessionConfig::new()).await?;
    Ok(())
}

/// Reads up to the blank line after the headers, which may take 8 KiB.
async fn read_head(mut socket: &TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let len = socket.read(&mut buffer).await?;
        if len == 0 || head.len() > 8 * 1024 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend(buffer.iter().take(len));
    }
    Ok(head)
}

#[expect(clippy::disallowed_methods, reason = "the time is what this is about")]
async fn tell_time(hub: Hub) {
    loop {
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let event = EventRef::new(&time).with_type("timestamp");
        hub.publish_ref("time", event.expect("no line break is in it"));
        task::sleep(Duration::from_secs(1)).await;
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\nConnection: close\r\n";
const CHUNKED: &[u8] = b"Transfer-Encoding: chunked\r\n\r\n";
const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 12\r\nConnection: close\r\n\r\nbad request\n";
const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";
const NOT_FOUND: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\nConnection: close\r\n\r\nnot found\n";
