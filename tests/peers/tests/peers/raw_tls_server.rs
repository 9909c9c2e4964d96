//! A server behind TLS that speaks HTTP/2 by bytes that a test has written.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::effort::now;
use crate::tls_server::certified;

/// Sends the same to everybody, until it is dropped.
pub(crate) struct RawTlsServer {
    port: u16,
    /// The root certificate, as PEM.
    pub(crate) root: String,
}

impl RawTlsServer {
    /// Starts a server that sends `first` as soon as a request has come, and then `junk` until the
    /// client has gone or a test must have failed.
    pub(crate) fn start(first: Vec<u8>, junk: Vec<u8>) -> Self {
        let (root, config) = certified(&["h2"], &["127.0.0.1"]);
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            // One client, whose every attempt is another connection.
            let (socket, _) = listener.accept().unwrap();
            // How it ends is the client's business.
            let _ = flood(Arc::clone(&config), socket, &first, &junk);
        });
        Self { port, root }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }
}

fn flood(
    config: Arc<ServerConfig>,
    socket: TcpStream,
    first: &[u8],
    junk: &[u8],
) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, socket);
    let mut request = vec![0; 4096];
    let mut len = 0;
    // The preface, SETTINGS, perhaps WINDOW_UPDATE, and then the request's HEADERS.
    while !request[..len]
        .windows(5)
        .any(|bytes| bytes == b"\x01\x05\0\0\0")
    {
        match stream.read(&mut request[len..])? {
            0 => return Ok(()),
            read => len += read,
        }
    }
    stream.write_all(first)?;
    let begin = now();
    while begin.elapsed() < Duration::from_secs(6) {
        stream.write_all(junk)?;
    }
    Ok(())
}
