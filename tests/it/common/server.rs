//! An HTTP server that does as it is told, with one thread for each connection.
//!
//! Nothing here waits for luck: a script goes on when the client has done something or when the test
//! tells it to, and a test that waits for the server fails after [`PATIENCE`].

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use socket2::{Domain, SockRef, Socket, Type};

/// Answers on a port of its own, until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One connection, in the hands of a script. The socket is closed when the script returns.
pub(crate) struct Connection {
    number: usize,
    stream: TcpStream,
    request: Recorded,
    shared: Arc<Shared>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// When the end of its head was read.
    pub(crate) at: Instant,
    /// The request line.
    pub(crate) line: String,
    /// Names and values, in order, with the names as they were written.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
}

#[derive(Default)]
struct Log {
    accepted: usize,
    requests: Vec<Recorded>,
    /// The connections that the client has closed while their scripts waited for it.
    closed: Vec<usize>,
    /// How often a script that waits may go on.
    told: usize,
    is_over: bool,
}

impl Server {
    /// Starts a server whose `script` is run for each connection once a request was read from it.
    pub(crate) fn start(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        Self::accepting(move |connection| {
            if connection.read_request() {
                script(connection);
            }
        })
    }

    /// Starts a server whose `script` is run for each connection at once.
    pub(crate) fn accepting(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback can be bound");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::<Shared>::default();
        let (at, script) = (Arc::clone(&shared), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let number = {
                    let mut log = at.lock();
                    if log.is_over {
                        break;
                    }
                    log.accepted += 1;
                    log.accepted - 1
                };
                at.changed.notify_all();
                let Ok(stream) = stream else { continue };
                let timeout = stream.set_read_timeout(Some(PATIENCE));
                timeout
                    .and(stream.set_nodelay(true))
                    .expect("a socket takes options");
                let mut connection = Connection {
                    number,
                    stream,
                    request: Recorded::none(),
                    shared: Arc::clone(&at),
                };
                let script = Arc::clone(&script);
                thread::spawn(move || script(&mut connection));
            }
        });
        Self { address, shared }
    }

    /// Starts a server that sends `bytes` to every request, and closes.
    pub(crate) fn saying(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::start(move |connection| {
            connection.send(&bytes);
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Lets one script go on that waits for it, now or later.
    pub(crate) fn tell(&self) {
        self.shared.lock().told += 1;
        self.shared.changed.notify_all();
    }

    /// Returns how many connections were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.lock().accepted
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    /// Waits until there were so many requests.
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let is_so = |log: &Log| log.requests.len() >= count;
        drop(self.shared.wait_until("requests", is_so));
    }

    /// Waits until the client has closed so many connections that scripts held open.
    pub(crate) fn wait_for_closed(&self, count: usize) {
        let is_so = |log: &Log| log.closed.len() >= count;
        drop(self.shared.wait_until("closed sockets", is_so));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Connection {
    /// Returns how many connections came before it.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn request(&self) -> &Recorded {
        &self.request
    }

    /// Sends bytes, and returns whether the client has taken them so far.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends the head of an event stream that ends with the connection.
    pub(crate) fn open(&mut self) -> bool {
        self.send(OPEN)
    }

    /// Sends the head of an event stream of chunks, which cannot end unnoticed.
    pub(crate) fn open_chunked(&mut self) -> bool {
        let head = OPEN.trim_end();
        self.send(format!("{head}\r\ntransfer-encoding: chunked\r\n\r\n"))
    }

    pub(crate) fn chunk(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        let head = format!("{:x}\r\n", bytes.len());
        self.send([head.as_bytes(), bytes, b"\r\n"].concat())
    }

    /// Sends a whole event stream in pieces of odd sizes, from a byte to more than a packet.
    pub(crate) fn replay(&mut self, bytes: &[u8], is_chunked: bool) {
        if is_chunked {
            self.open_chunked();
        } else {
            self.open();
        }
        let mut rest = bytes;
        for size in [1, 2, 3, 7, 61, 997, 4001, 20_011].into_iter().cycle() {
            let (piece, behind) = rest.split_at(rest.len().min(size));
            if piece.is_empty() {
                break;
            } else if is_chunked {
                self.chunk(piece);
            } else {
                self.send(piece);
            }
            rest = behind;
        }
        if is_chunked {
            self.send("0\r\n\r\n");
        }
    }

    /// Sends an answer with a body of a known length.
    pub(crate) fn answer(&mut self, status: &str, headers: &[&str], body: &str) {
        self.send(answer(status, headers, body));
    }

    /// Makes the end of the connection a reset, which is what a machine that has lost it sends.
    pub(crate) fn reset(&mut self) {
        let socket = SockRef::from(&self.stream);
        socket
            .set_linger(Some(Duration::ZERO))
            .expect("a socket takes options");
    }

    /// Waits until the test tells the server to go on, and returns whether it did before its end.
    pub(crate) fn wait_until_told(&self) -> bool {
        let mut log = self
            .shared
            .wait_until("the test", |log| log.told > 0 || log.is_over);
        log.told = log.told.saturating_sub(1);
        !log.is_over
    }

    /// Waits until the server has accepted so many connections.
    pub(crate) fn wait_for_accepted(&self, count: usize) {
        let is_so = |log: &Log| log.accepted >= count;
        drop(self.shared.wait_until("connections", is_so));
    }

    /// Waits until the client closes the connection, and notes that it did.
    pub(crate) fn wait_for_end(&mut self) {
        let mut buffer = [0; 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if is_timeout(&error) => return,
                Err(_) => break,
            }
        }
        self.shared.lock().closed.push(self.number);
        self.shared.changed.notify_all();
    }

    /// Reads the next request, and returns whether there was one.
    pub(crate) fn read_request(&mut self) -> bool {
        if !self.read_head() {
            return false;
        }
        let len = self.request.header("content-length");
        let len = len.map_or(0, |len| len.parse().expect("a length is a number"));
        self.request.body = vec![0; len];
        if self.stream.read_exact(&mut self.request.body).is_err() {
            return false;
        }
        self.shared.lock().requests.push(self.request.clone());
        self.shared.changed.notify_all();
        true
    }

    /// Reads the next request up to its body, and returns whether there was one.
    pub(crate) fn read_head(&mut self) -> bool {
        let head = read_head(&mut self.stream);
        let is_there = head.is_some();
        self.request = head.unwrap_or_else(Recorded::none);
        is_there
    }
}

impl Recorded {
    #[expect(clippy::disallowed_methods, reason = "a server has a clock")]
    fn none() -> Self {
        Self {
            at: Instant::now(),
            line: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Returns the value of a header as text; it must not be there twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() <= 1, "{name} is there twice: {self:?}");
        values
            .first()
            .map(|value| core::str::from_utf8(value).expect("the value is UTF-8"))
    }

    pub(crate) fn values(&self, name: &str) -> Vec<&[u8]> {
        let of_name = self
            .headers
            .iter()
            .filter(|header| header.0.eq_ignore_ascii_case(name));
        of_name.map(|header| &*header.1).collect()
    }

    pub(crate) fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Log) -> bool) -> MutexGuard<'_, Log> {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, |log| !is_so(log));
        let (log, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "the server waited for {what} in vain");
        log
    }
}

fn read_head(stream: &mut TcpStream) -> Option<Recorded> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let mut request = Recorded::none();
    for line in head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if request.line.is_empty() {
            request.line = String::from_utf8(line.to_vec()).expect("the request line is UTF-8");
        } else if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            let name = String::from_utf8(line[..colon].to_vec()).expect("a name is ASCII");
            request
                .headers
                .push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
    }
    Some(request)
}

/// Returns a URL at whose port nobody listens, nor will as long as the socket is there.
pub(crate) fn nobody() -> (String, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("loopback can be bound");
    let address = socket.local_addr().ok().and_then(|at| at.as_socket());
    let address = address.expect("a bound socket has an address");
    (format!("http://{address}/"), socket)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Writes an answer with a body of a known length.
pub(crate) fn answer(status: &str, headers: &[&str], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text + "\r\n" + body
}

/// The head of an event stream that ends with the connection.
pub(crate) const OPEN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// How long a test or a script waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
