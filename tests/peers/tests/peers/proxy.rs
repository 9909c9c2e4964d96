//! A proxy that opens tunnels, by CONNECT and by SOCKS5.

use core::net::Ipv4Addr;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Opens tunnels to ports of this machine, whatever host is asked for.
pub(crate) struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy that wants this user name and password, joined by a colon, if any.
    pub(crate) fn start(credentials: Option<&'static str>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            // No test has more connections.
            for client in listener.incoming().take(16) {
                let log = Arc::clone(&log);
                // How it ends is the client's business.
                thread::spawn(move || serve(client?, credentials, &log));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    pub(crate) fn url_for(&self, scheme: &str, user: &str) -> String {
        format!("{scheme}://{user}@127.0.0.1:{}", self.port)
    }

    /// Returns what it was asked for: heads of requests, and targets of SOCKS5.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut client: TcpStream,
    credentials: Option<&str>,
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut first = [0];
    client.read_exact(&mut first)?;
    let port = match first {
        [5] => socks5(&mut client, credentials, log)?,
        [byte] => connect(&mut client, byte, credentials, log)?,
    };
    let Some(port) = port else { return Ok(()) };
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || copy(from, to));
    copy(server, client);
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    // Both ends hear of it when either is closed.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

fn connect(
    client: &mut TcpStream,
    first: u8,
    credentials: Option<&str>,
    log: &Mutex<Vec<String>>,
) -> io::Result<Option<u16>> {
    let mut head = vec![first];
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    log.lock().unwrap().push(head.clone());
    let target = head.split(' ').nth(1).unwrap();
    if target.starts_with("forbidden.") {
        client.write_all(b"HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno")?;
        return Ok(None);
    }
    if credentials.is_some() && !head.to_lowercase().contains("proxy-authorization: basic ") {
        client.write_all(b"HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n")?;
        return Ok(None);
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (_, port) = target.rsplit_once(':').unwrap();
    Ok(Some(port.parse().unwrap()))
}

/// RFC 1928, and RFC 1929 for the password.
fn socks5(
    client: &mut TcpStream,
    credentials: Option<&str>,
    log: &Mutex<Vec<String>>,
) -> io::Result<Option<u16>> {
    let methods = read_short(client)?;
    match credentials {
        None => client.write_all(&[5, 0])?,
        Some(_) if !methods.contains(&2) => {
            client.write_all(&[5, 0xFF])?;
            return Ok(None);
        }
        Some(credentials) => {
            client.write_all(&[5, 2])?;
            read::<1>(client)?;
            let user = String::from_utf8(read_short(client)?).unwrap();
            let password = String::from_utf8(read_short(client)?).unwrap();
            let is_right = format!("{user}:{password}") == credentials;
            client.write_all(&[1, u8::from(!is_right)])?;
            if !is_right {
                return Ok(None);
            }
        }
    }
    let [_, _, _, kind] = read::<4>(client)?;
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(client)?).to_string(),
        3 => String::from_utf8(read_short(client)?).unwrap(),
        _ => panic!("{kind}"),
    };
    let port = u16::from_be_bytes(read::<2>(client)?);
    log.lock().unwrap().push(format!("{host}:{port}"));
    let is_allowed = !host.starts_with("forbidden.");
    client.write_all(&[5, if is_allowed { 0 } else { 2 }, 0, 1, 0, 0, 0, 0, 0, 0])?;
    Ok(is_allowed.then_some(port))
}

fn read<const LEN: usize>(client: &mut TcpStream) -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_short(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let [len] = read::<1>(client)?;
    let mut bytes = vec![0; len.into()];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}
