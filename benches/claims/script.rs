//! A server that sends what a script says, connection by connection, and notes each request.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// One step of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Writes bytes as they are: a head without a body.
    Raw(&'static str),
    /// Writes the head of an event stream.
    Open,
    /// Writes bytes of the body, as one chunk.
    Send(Vec<u8>),
    /// Writes each of the bytes as a chunk of its own, with a pause after it.
    Dribble(Vec<u8>),
    /// Does nothing for a while.
    Pause(Duration),
    /// Ends the body as HTTP has it.
    End,
    /// Keeps the connection open, in silence, until the client leaves.
    Hold,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The first line.
    pub(crate) line: String,
    pub(crate) last_event_id: Option<String>,
    pub(crate) at: Instant,
    /// When the last step of its response was done.
    pub(crate) done: Option<Instant>,
}

/// A scripted server. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Script {
    /// Starts a server of some connections. After the last of them, each is held open without an event.
    pub(crate) async fn start(connections: Vec<Vec<Step>>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let noted = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (noted, connections) = (Arc::clone(&noted), connections.clone());
                // A client that leaves is part of many scripts.
                tokio::spawn(async move { serve(socket, &noted, &connections).await });
            }
        });
        Ok(Self {
            port,
            requests,
            task,
        })
    }

    /// Returns the requests so far, in the order in which their heads were complete.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut socket: TcpStream,
    requests: &Mutex<Vec<Request>>,
    connections: &[Vec<Step>],
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let request = read_request(&mut socket).await?;
    let index = {
        let mut requests = lock(requests);
        requests.push(request);
        requests.len() - 1
    };
    let held = [Step::Open, Step::Hold];
    let steps = connections.get(index).map_or(&held[..], Vec::as_slice);
    for step in steps {
        take(&mut socket, step).await?;
    }
    lock(requests)[index].done = Some(Instant::now());
    socket.shutdown().await
}

async fn take(socket: &mut TcpStream, step: &Step) -> io::Result<()> {
    match step {
        Step::Raw(bytes) => socket.write_all(bytes.as_bytes()).await,
        Step::Open => socket.write_all(HEAD.as_bytes()).await,
        Step::Send(bytes) => send(socket, bytes).await,
        Step::Dribble(bytes) => {
            for byte in bytes {
                send(socket, &[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Ok(())
        }
        Step::Pause(time) => {
            tokio::time::sleep(*time).await;
            Ok(())
        }
        Step::End => socket.write_all(b"0\r\n\r\n").await,
        Step::Hold => {
            while socket.read(&mut [0; 1024]).await? > 0 {}
            Ok(())
        }
    }
}

async fn send(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    socket.write_all(&chunk).await
}

async fn read_request(socket: &mut TcpStream) -> io::Result<Request> {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        if socket.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let last_event_id = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let found = name.eq_ignore_ascii_case("last-event-id");
        found.then(|| value.trim().to_owned())
    });
    Ok(Request {
        line,
        last_event_id,
        at: Instant::now(),
        done: None,
    })
}

fn lock(requests: &Mutex<Vec<Request>>) -> std::sync::MutexGuard<'_, Vec<Request>> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The head of an event stream. The connection is not used again, so that each attempt is one.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
