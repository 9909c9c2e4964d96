//! Example servers and curl as their client, with the checks that several servers share.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{ChildStdout, Command};

use super::example::{Running, example, next_line, text};

/// Starts a server on any free port, and returns its address as it prints it.
pub(crate) fn start(name: &str) -> (Running, String) {
    let mut server = Running::start(example(name).arg("0"));
    let line = next_line(&mut server.stdout());
    let url = line.trim_end().strip_prefix("http://");
    let address = url.and_then(|url| url.split('/').next());
    (server, address.expect("the first line is a URL").to_owned())
}

/// Runs curl to its end, and returns the answer's status and body.
pub(crate) fn curl(arguments: &[&str]) -> (String, String) {
    let mut curl = Command::new("curl");
    let curl = curl.args(["-s", "-w", "\n%{http_code}"]).args(arguments);
    let output = Running::start(curl).output();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    let answer = text(&output.stdout);
    let (body, status) = answer.rsplit_once('\n').expect("the status is last");
    (status.to_owned(), body.to_owned())
}

/// A stream that curl prints as it comes.
pub(crate) struct Curl {
    process: Running,
    lines: BufReader<ChildStdout>,
}

impl Curl {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut curl = Command::new("curl");
        let mut process = Running::start(curl.args(["-sN"]).args(arguments));
        let lines = process.stdout();
        Self { process, lines }
    }

    /// Reads the next block that is an event: ID, type and data.
    pub(crate) fn event(&mut self) -> (String, String, String) {
        let mut fields = [String::new(), String::new(), String::new()];
        loop {
            let line = next_line(&mut self.lines);
            assert!(!line.is_empty(), "the stream ends");
            for (field, name) in fields.iter_mut().zip(["id: ", "event: ", "data: "]) {
                if let Some(value) = line.strip_prefix(name) {
                    *field = value.trim_end().to_owned();
                }
            }
            if line == "\n" && !fields[2].is_empty() {
                let [id, kind, data] = fields;
                return (id, kind, data);
            }
        }
    }

    /// Reads the next event of a type, and returns its ID and data.
    pub(crate) fn event_of(&mut self, kind: &str) -> (String, String) {
        loop {
            let (id, of, data) = self.event();
            if of == kind {
                return (id, data);
            }
        }
    }
}

/// Checks that a server sends the time every second, and that a client can resume.
pub(crate) fn the_time_comes_every_second(name: &str) {
    let (_server, address) = start(name);
    let url = format!("http://{address}/sse");
    let mut events = Curl::start(&["--compressed", &url]);
    let seen = [events.event(), events.event(), events.event()];
    let time = |data: &str| humantime::parse_rfc3339(data).expect("the data is a time");
    for (_, kind, data) in &seen {
        assert_eq!(kind, "timestamp", "{name}");
        time(data);
    }
    assert!(seen.is_sorted_by_key(|(.., data)| time(data)), "{seen:?}");

    // Whoever comes back gets what was missed, or is told.
    let header = format!("Last-Event-ID: {}", seen[0].0);
    let mut resumed = Curl::start(&["-H", &header, &url]);
    assert_eq!([resumed.event(), resumed.event()], seen[1..], "{name}");
    let mut unknown = Curl::start(&["-H", "Last-Event-ID: 7", &url]);
    let (_, kind, data) = unknown.event();
    assert_eq!((&*kind, &*data), ("gap", "unknown"), "{name}");

    let elsewhere = format!("http://{address}/nowhere");
    assert_eq!(curl(&[&elsewhere]).0, "404", "{name}");
}

/// Checks that a server refuses a `Last-Event-ID` that is not UTF-8.
pub(crate) fn an_impossible_id_is_refused(name: &str, path: &str) {
    let (_server, address) = start(name);
    let mut socket = TcpStream::connect(&address).expect("the server listens");
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nLast-Event-ID: ");
    let request = [head.as_bytes(), b"\xFF\r\n\r\n"].concat();
    socket.write_all(&request).expect("the server reads");
    let line = next_line(&mut BufReader::new(socket));
    assert!(line.starts_with("HTTP/1.1 400 "), "{name}: {line}");
}

/// Checks that SIGINT and SIGTERM end a server and its open stream in an orderly way, even while a
/// request is half sent.
#[cfg(unix)]
pub(crate) fn an_interrupt_ends_server_and_stream(name: &str, path: &str) {
    for signal in ["-INT", "-TERM"] {
        let (server, address) = start(name);
        let mut stream = Curl::start(&[&format!("http://{address}{path}")]);
        stream.event();
        let mut half = TcpStream::connect(&address).expect("the server listens");
        half.write_all(b"GET / HTTP/1.1\r\nHo").expect("it reads");
        let interrupt = Command::new("kill")
            .args([signal, &server.id().to_string()])
            .status();
        assert!(interrupt.expect("kill is there").success());
        let Curl { process, mut lines } = stream;
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("the rest is text");
        assert!(rest.is_empty() || rest.ends_with("\n\n"), "{name}: {rest}");
        assert_eq!(process.output().status.code(), Some(0), "{name} {signal}");
        assert_eq!(server.output().status.code(), Some(0), "{name} {signal}");
    }
}

/// Checks that a server that was out of files serves again once it has some.
#[cfg(unix)]
pub(crate) fn a_server_survives_being_out_of_files(name: &str, path: &str) {
    let program = example(name);
    let program = program.get_program().to_str().expect("a path is text");
    let mut limited = Command::new("sh");
    let script = format!("ulimit -n 32; exec '{program}' 0");
    let mut server = Running::start(limited.args(["-c", &script]));
    let line = next_line(&mut server.stdout());
    let url = line.trim_end().strip_prefix("http://");
    let address = url.and_then(|url| url.split('/').next()).expect("a URL");
    // More than it has files for. Most of them are never accepted.
    let sockets: Vec<_> = (0..64)
        .map(|_| TcpStream::connect(address).expect("the kernel accepts"))
        .collect();
    std::thread::sleep(core::time::Duration::from_millis(500));
    drop(sockets);
    let mut stream = Curl::start(&["--max-time", "20", &format!("http://{address}{path}")]);
    stream.event();
}

/// Checks that the head of a request that is never finished does not hold its connection for ever.
pub(crate) fn an_unfinished_head_times_out(name: &str) {
    let (_server, address) = start(name);
    let mut socket = TcpStream::connect(&address).expect("the server listens");
    socket.write_all(b"GET / HTTP/1.1\r\nHo").expect("it reads");
    let patience = core::time::Duration::from_secs(20);
    socket.set_read_timeout(Some(patience)).expect("a timeout");
    let mut rest = Vec::new();
    // Whether it ends with an error or well, it ends.
    let end = socket.read_to_end(&mut rest);
    let waits = |kind| matches!(kind, std::io::ErrorKind::WouldBlock);
    assert!(
        !end.is_err_and(|error| waits(error.kind())),
        "{name}: it is still open"
    );
}
