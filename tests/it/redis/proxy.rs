//! What lies between a node and its server, and fails.

use core::sync::atomic::{AtomicU16, Ordering};
use core::time::Duration;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// A proxy whose port stays the same, whatever is behind it.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    target: Arc<AtomicU16>,
    mode: watch::Sender<Mode>,
}

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Passes,
    /// Nothing arrives, and nothing is closed.
    Swallows,
    /// What is on its way to the server arrives when this is over, and a second later than that if its
    /// sender has given up by then.
    Holds,
    /// What the server answers is lost, and the connection with it.
    LosesAnswers,
    /// All connections are closed.
    Closes,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let target = Arc::new(AtomicU16::new(port));
        let (mode, seen) = watch::channel(Mode::Passes);
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            target: Arc::clone(&target),
            mode,
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let port = target.load(Ordering::Relaxed);
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let (client_in, client_out) = client.into_split();
                let (server_in, server_out) = server.into_split();
                tokio::spawn(copy(client_in, server_out, seen.clone(), Mode::Closes));
                tokio::spawn(copy(
                    server_in,
                    client_out,
                    seen.clone(),
                    Mode::LosesAnswers,
                ));
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send(mode).unwrap();
    }

    /// Is in a mode for some time, and then passes everything again.
    pub(crate) async fn set_for(&self, mode: Mode, time: Duration) {
        self.set(mode);
        sleep(time).await;
        self.set(Mode::Passes);
    }

    /// Leads to another server from now on, and closes what led to the one before.
    pub(crate) async fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::Relaxed);
        self.set_for(Mode::Closes, Duration::from_millis(50)).await;
    }
}

/// Passes bytes on until one side is closed, or the mode is that in which this direction closes.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    closes: Mode,
) {
    let mut buffer = vec![0; 64 << 10];
    let mut held = Vec::new();
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or_default(),
            changed = mode.changed() => match changed {
                Ok(()) if *mode.borrow_and_update() != Mode::Closes => {
                    if *mode.borrow() == Mode::Passes {
                        let _ = to.write_all(&core::mem::take(&mut held)).await;
                    }
                    continue;
                }
                _ => return,
            },
        };
        let is = *mode.borrow();
        if is == Mode::Holds && closes == Mode::Closes {
            held.extend_from_slice(&buffer[..read]);
            if read > 0 {
                continue;
            }
            if mode.wait_for(|mode| *mode != Mode::Holds).await.is_ok() {
                sleep(LATE).await;
                let _ = to.write_all(&held).await;
            }
            return;
        }
        if read == 0 || is == Mode::Closes || is == closes {
            return;
        }
        if is != Mode::Swallows && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// By how much a command is late whose sender has given up.
const LATE: Duration = Duration::from_secs(1);
