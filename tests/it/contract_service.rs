//! The contract service, driven as the contract tests drive it: commands in, callbacks out, and a
//! server of streams whose every byte is decided here.

use core::time::Duration;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::common::example::example;

#[test]
fn it_says_what_it_can() {
    let service = Service::start();
    let answer = service.call("GET", "/", "");
    let expected = json!({
        "name": "ssewire",
        "capabilities": [
            "bom", "comments", "event-type-listeners", "headers", "last-event-id", "post", "report", "read-timeout",
            "restart", "server-directed-shutdown-request",
        ],
    });
    assert_eq!(answer.status, 200);
    assert_eq!(
        serde_json::from_str::<Value>(&answer.body).unwrap(),
        expected
    );
}

#[test]
fn events_are_posted_in_order_with_the_persistent_id() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    assert_eq!(stream.path, "/streams/1");
    let mut connection = stream.connection();
    assert_eq!(connection.line, "GET /stream HTTP/1.1");
    assert_eq!(connection.header("accept"), Some("text/event-stream"));
    assert_eq!(connection.header("last-event-id"), None);

    assert_eq!(stream.listen("t"), 202);
    connection.open();
    connection.send("data: none yet\n\nid: 7\nevent: t\ndata: a\ndata: \"b\"\r\n\r\n");
    connection.send("data: \u{e9}\n\nid\ndata: none left\n\n");
    stream.expect_event("message", "none yet", "");
    stream.expect_event("t", "a\n\"b\"", "7");
    stream.expect_event("message", "\u{e9}", "7");
    stream.expect_event("message", "none left", "");

    // Each stream has its own numbers.
    let mut other = service.open(json!({}));
    assert_eq!(other.path, "/streams/2");
    let mut connection = other.connection();
    connection.open();
    connection.send("data: x\n\n");
    other.expect_event("message", "x", "");
}

#[test]
fn a_report_waits_for_the_answer_to_the_one_before_and_the_stream_does_not() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    let mut connection = stream.connection();
    connection.open();
    connection.send("data: 1\n\n");
    let unanswered = stream.callback();
    connection.send("id: 3\ndata: 2\n\n: 3\n\n");
    drop(connection);
    // What is said here shows that all of it was read.
    let mut connection = stream.connection();
    assert_eq!(connection.header("last-event-id"), Some("3"));
    connection.open();
    connection.send("data: 5\n\n");
    assert!(
        stream.callbacks.is_silent(),
        "the first report is not answered"
    );

    unanswered.take();
    stream.expect_event("message", "2", "3");
    stream.expect_comment(" 3");
    stream.expect_error();
    stream.expect_event("message", "5", "3");
}

#[test]
fn a_comment_is_posted_whole_when_its_line_ends() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    let mut connection = stream.connection();
    connection.open();
    connection.send("data: half\n:  two spaces, a colon: \n");
    stream.expect_comment("  two spaces, a colon: ");
    connection.send(":\r");
    stream.expect_comment("");
    connection.send("\n:x\r\ndata: whole\n");
    stream.expect_comment("x");
    connection.send("\n");
    stream.expect_event("message", "half\nwhole", "");
}

#[test]
fn a_byte_order_mark_is_skipped_on_every_connection() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    for number in ["1", "2"] {
        let mut connection = stream.connection();
        connection.open();
        connection.send("\u{FEFF}data: ");
        connection.send(number);
        connection.send("\n\n");
        stream.expect_event("message", number, "");
        drop(connection);
        stream.expect_error();
    }
}

#[test]
fn long_lines_pass() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    let mut connection = stream.connection();
    connection.open();
    for (field, letter) in [("data: ", "x"), (":", "\u{e9}")] {
        let text = letter.repeat((14 << 20) / letter.len());
        connection.send(field);
        connection.send(&text);
        connection.send("\n\n");
        let report = stream.report();
        let seen = report.pointer("/event/data").unwrap_or(&report["comment"]);
        // Not `assert_eq`, which would print it.
        assert!(seen.as_str() == Some(&text), "{field} is whole");
    }
}

#[test]
fn one_lost_connection_is_one_error() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    for wire in [
        // The end of the body, with an event that is cut off.
        format!("{OPEN}\r\ndata: cut"),
        // A chunk that is cut off, and one that is none.
        format!("{OPEN}Transfer-Encoding: chunked\r\n\r\nA\r\ndata:"),
        format!("{OPEN}Transfer-Encoding: chunked\r\n\r\nwhat?\r\n"),
        // The last chunk.
        format!("{OPEN}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        // No answer, half an answer, and one that is not HTTP.
        String::new(),
        "HTTP/1.1 200 OK\r\n".into(),
        "hello\r\n\r\n".into(),
    ] {
        let mut connection = stream.connection();
        connection.send(&wire);
        drop(connection);
        assert_ne!(stream.expect_error(), "", "{wire}");
    }
    let mut connection = stream.connection();
    connection.open();
    connection.send("data: next\n\n");
    stream.expect_event("message", "next", "");
}

#[test]
fn one_retried_status_is_one_error_and_the_wait_does_not_grow() {
    let service = Service::start();
    let mut stream = service.open(json!({ "initialDelayMs": 20 }));
    let mut waits = Vec::new();
    for _ in 0..8 {
        let mut connection = stream.connection();
        connection.send("HTTP/1.1 503 Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
        let since = now();
        let error = stream.expect_error();
        assert!(error.contains("503"), "{error}");
        drop(connection);
        waits.push(since);
    }
    let mut connection = stream.connection();
    // Doubled, it would be 2.5 seconds now.
    assert!(waits.pop().unwrap().elapsed() < Duration::from_secs(2));
    connection.open();
    connection.send("data: next\n\n");
    stream.expect_event("message", "next", "");
}

#[test]
fn other_answers_close_the_stream_with_one_error() {
    let service = Service::start();
    for (head, part) in [
        ("204 No Content\r\n", "204"),
        ("401 Unauthorized\r\nContent-Length: 0\r\n", "401"),
        ("404 Not Found\r\nContent-Length: 0\r\n", "404"),
        (
            "200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n",
            "text/event-stream",
        ),
        ("301 Moved\r\nContent-Length: 0\r\n", "301"),
        ("301 Moved\r\nLocation:\r\nContent-Length: 0\r\n", "301"),
        ("302 Found\r\nLocation: \r\nContent-Length: 0\r\n", "302"),
        ("307 Temporary\r\nLocation:\r\nContent-Length: 0\r\n", "307"),
    ] {
        let mut stream = service.open(json!({}));
        let mut connection = stream.connection();
        connection.send(&format!("HTTP/1.1 {head}\r\n"));
        let error = stream.expect_error();
        assert!(error.contains(part), "{head}: {error}");
        // The stream is still there, but nothing brings it back.
        assert_eq!(stream.restart(), 202, "{head}");
        assert_eq!(stream.delete(), 200, "{head}");
        assert!(
            stream.server.is_silent() && stream.callbacks.is_silent(),
            "{head}"
        );
    }
}

#[test]
fn method_headers_and_body_are_sent_again() {
    let service = Service::start();
    for method in ["POST", "REPORT"] {
        let mut stream = service.open(json!({
            "method": method,
            "headers": { "X-One": "1", "Content-Type": "text/plain; charset=utf-8" },
            "body": "a \u{e9}\n",
        }));
        for attempt in 0..3 {
            let mut connection = stream.connection();
            assert_eq!(connection.line, format!("{method} /stream HTTP/1.1"));
            assert_eq!(connection.header("x-one"), Some("1"));
            assert_eq!(
                connection.header("content-type"),
                Some("text/plain; charset=utf-8")
            );
            assert_eq!(connection.body, "a \u{e9}\n".as_bytes());
            assert_eq!(
                connection.header("last-event-id"),
                (attempt == 2).then_some("5")
            );
            if attempt == 0 {
                connection.send("HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n");
            } else {
                connection.open();
                connection.send("id: 5\ndata: x\n\n");
                stream.expect_event("message", "x", "5");
            }
            drop(connection);
            stream.expect_error();
        }
    }
}

#[test]
fn a_redirect_that_keeps_the_method_keeps_the_body() {
    let service = Service::start();
    let mut stream = service.open(json!({ "method": "REPORT", "body": "which?" }));
    let mut connection = stream.connection();
    connection.send("HTTP/1.1 307 Temporary\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
    let mut connection = stream.connection();
    assert_eq!(connection.line, "REPORT /other HTTP/1.1");
    assert_eq!(connection.body, b"which?");
    connection.open();
    connection.send("data: x\n\n");
    stream.expect_event("message", "x", "");
}

#[test]
fn the_last_event_id_is_sent_until_it_is_emptied() {
    let service = Service::start();
    let mut stream = service.open(json!({ "lastEventId": "seed" }));
    for (header, wire, id) in [
        (Some("seed"), "data: x\n\n", "seed"),
        (Some("seed"), "id: 2\ndata: x\n\n", "2"),
        (Some("2"), "id:\ndata: x\n\n", ""),
        (None, "data: x\n\n", ""),
        (None, "id: \u{e9}\ndata: x\n\n", "\u{e9}"),
        (Some("\u{e9}"), "data: x\n\n", "\u{e9}"),
    ] {
        let mut connection = stream.connection();
        assert_eq!(connection.header("last-event-id"), header, "before {wire}");
        connection.open();
        connection.send(wire);
        stream.expect_event("message", "x", id);
        drop(connection);
        stream.expect_error();
    }
}

#[test]
fn a_restart_is_no_error() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    for number in ["1", "2"] {
        let mut connection = stream.connection();
        connection.open();
        connection.send(&format!("id: {number}\ndata: x\n\n"));
        stream.expect_event("message", "x", number);
        assert_eq!(stream.restart(), 202);
        connection.expect_end();
    }
    // Before there is an answer too.
    let mut connection = stream.connection();
    assert_eq!(stream.restart(), 202);
    connection.expect_end();
    let mut connection = stream.connection();
    assert_eq!(connection.header("last-event-id"), Some("2"));
    connection.open();
    connection.send("data: next\n\n");
    stream.expect_event("message", "next", "2");
}

#[test]
fn a_read_timeout_is_one_error_and_a_new_connection() {
    let service = Service::start();
    let mut stream = service.open(json!({ "readTimeoutMs": 1000 }));
    // No answer at all, then one that falls silent.
    let mut connection = stream.connection();
    stream.expect_error();
    connection.expect_end();
    let mut connection = stream.connection();
    connection.open();
    connection.send("data: before\n\ndata: cut");
    stream.expect_event("message", "before", "");
    stream.expect_error();
    connection.expect_end();
    let mut connection = stream.connection();
    connection.open();
    connection.send("data: after\n\n");
    stream.expect_event("message", "after", "");
}

#[test]
fn the_reconnect_comes_when_it_was_asked_for() {
    let service = Service::start();
    let lose = |stream: &mut Stream, wire| {
        let mut connection = stream.connection();
        connection.open();
        connection.send(wire);
        drop(connection);
        let since = now();
        stream.expect_error();
        since
    };

    let mut stream = service.open(json!({ "initialDelayMs": 0 }));
    let quickest = (0..5).map(|_| {
        let since = lose(&mut stream, "");
        stream.server.wait();
        since.elapsed()
    });
    let quickest = quickest.min().unwrap();
    assert!(quickest < Duration::from_millis(90), "{quickest:?}");

    // The loss is noticed after `since`, so that the wait can only seem longer.
    let mut stream = service.open(json!({ "initialDelayMs": 300 }));
    let since = lose(&mut stream, "");
    stream.connection();
    assert!(since.elapsed() >= Duration::from_millis(300));

    // Nothing here waits for as long as the first delay.
    let mut stream = service.open(json!({ "initialDelayMs": 600_000 }));
    lose(&mut stream, "retry: 0\n\n");
    let since = lose(&mut stream, "retry: 300\n\n");
    let _third = stream.connection();
    assert!(since.elapsed() >= Duration::from_millis(300));
}

#[test]
fn bad_parameters_are_refused() {
    let service = Service::start();
    let order = |key: &str, value: Value| {
        let mut order = json!({
            "tag": "t",
            "callbackUrl": "http://127.0.0.1:9/callback",
            "streamUrl": "http://127.0.0.1:9/stream",
            "initialDelayMs": null,
            "readTimeoutMs": null,
        });
        order[key] = value;
        order.to_string()
    };
    let mut bodies = vec![String::new(), "{".into(), "[]".into(), "null".into()];
    bodies.extend(
        [
            ("streamUrl", json!(null)),
            ("streamUrl", json!("")),
            ("streamUrl", json!("/stream")),
            ("streamUrl", json!("ftp://127.0.0.1/")),
            ("callbackUrl", json!(null)),
            ("callbackUrl", json!(1)),
            ("callbackUrl", json!("https://127.0.0.1/")),
            ("initialDelayMs", json!(-1)),
            ("initialDelayMs", json!("1")),
            ("readTimeoutMs", json!(0.5)),
            ("lastEventId", json!("two\nlines")),
            ("lastEventId", json!(1)),
            ("method", json!("NO GOOD")),
            ("body", json!({})),
            ("headers", json!(["x"])),
            ("headers", json!({ "x": 1 })),
            ("headers", json!({ "x y": "z" })),
            ("headers", json!({ "x": "y\n" })),
        ]
        .map(|(key, value)| order(key, value)),
    );
    for body in bodies {
        let answer = service.call("POST", "/", &body);
        assert_eq!(answer.status, 400, "{body}");
        assert_ne!(answer.body, "", "{body}");
    }
    assert_eq!(
        service.open(json!({})).path,
        "/streams/1",
        "none was opened"
    );
}

#[test]
fn unknown_commands_streams_and_paths_are_refused() {
    let service = Service::start();
    let stream = service.open(json!({}));
    for body in ["", "{}", "[]", r#"{"command":"listen"}"#] {
        assert_eq!(
            service.call("POST", &stream.path, body).status,
            400,
            "{body}"
        );
    }
    let restart = r#"{"command":"restart"}"#;
    for (method, path) in [
        ("POST", "/streams/2"),
        ("DELETE", "/streams/2"),
        ("GET", "/streams/1"),
        ("GET", "/other"),
        ("PUT", "/"),
    ] {
        assert_eq!(
            service.call(method, path, restart).status,
            404,
            "{method} {path}"
        );
    }
}

#[test]
fn other_types_are_reported_once_they_are_listened_for() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    let mut connection = stream.connection();
    connection.open();
    connection.send("event: a\ndata: 1\n\nevent: b\ndata: 2\n\ndata: 3\n\n");
    stream.expect_event("message", "3", "");
    assert_eq!(stream.listen("b"), 202);
    connection.send("event: a\ndata: 4\n\nevent: b\ndata: 5\n\ndata: 6\n\n");
    stream.expect_event("b", "5", "");
    stream.expect_event("message", "6", "");
    for body in [
        r#"{"command":"listen"}"#,
        r#"{"command":"listen","listen":{"type":1}}"#,
    ] {
        assert_eq!(service.call("POST", &stream.path, body).status, 400);
    }
}

#[test]
fn a_deleted_stream_closes_its_connection() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    let mut connection = stream.connection();
    connection.open();
    connection.send("data: x\n\n");
    stream.expect_event("message", "x", "");
    assert_eq!(stream.delete(), 200);
    connection.expect_end();
    assert_eq!(stream.delete(), 404);
    assert_eq!(stream.restart(), 404);
    // Not while it is at rest either.
    let mut waiting = service.open(json!({ "initialDelayMs": 600_000 }));
    drop(waiting.connection());
    waiting.expect_error();
    assert_eq!(waiting.delete(), 200);
    assert!(stream.server.is_silent() && stream.callbacks.is_silent());
}

#[test]
fn it_quits_when_told_to() {
    let service = Service::start();
    let mut stream = service.open(json!({}));
    let mut connection = stream.connection();
    connection.open();
    assert_eq!(service.call("DELETE", "/", "").status, 200);
    assert_eq!(service.wait().code(), Some(0));
    connection.expect_end();
}

#[test]
fn a_port_that_is_bad_or_taken_is_named() {
    for port in ["eighty", "65536", "-1", ""] {
        let output = contract_service(port).output().unwrap();
        let message = "contract_service: the port must be a number from 0 to 65535\n";
        assert_eq!(output.stderr, message.as_bytes());
        assert_eq!(output.status.code(), Some(2));
    }
    let service = Service::start();
    let port = service.address.rsplit(':').next().unwrap();
    let output = contract_service(port).output().unwrap();
    let message = format!("contract_service: cannot listen on port {port}: ");
    assert!(output.stderr.starts_with(message.as_bytes()));
    assert_eq!(output.status.code(), Some(1));
}

/// Holds the running service and kills it when the test is over, however it ends.
struct Service {
    child: Child,
    address: String,
}

fn contract_service(port: &str) -> Command {
    let mut command = example("contract_service");
    command.arg(port);
    command
}

impl Service {
    fn start() -> Self {
        let mut child = contract_service("0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("a line comes");
        let address = line
            .strip_prefix("listening on http://")
            .and_then(|rest| rest.strip_suffix('\n'));
        let address = address.expect("the first line says where").to_owned();
        Self { child, address }
    }

    /// Opens a stream on servers of its own.
    fn open(&self, order: Value) -> Stream<'_> {
        let (server, callbacks) = (Server::start(), Server::start());
        let mut whole = json!({
            "tag": "a test",
            "callbackUrl": format!("{}/callback", callbacks.url),
            "streamUrl": format!("{}/stream", server.url),
            "initialDelayMs": 0,
            "readTimeoutMs": null,
        });
        let Value::Object(order) = order else {
            panic!("an order is an object")
        };
        let object = whole.as_object_mut().expect("it is an object");
        object.extend(order);
        let answer = self.call("POST", "/", &whole.to_string());
        assert_eq!(answer.status, 201, "{}", answer.body);
        Stream {
            service: self,
            path: answer.location.expect("it says where the stream is"),
            server,
            callbacks,
            reports: 0,
        }
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut socket = TcpStream::connect(&self.address).expect("the service listens");
        set_timeout(&socket);
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
            Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .expect("the service reads");
        let mut answer = BufReader::new(socket);
        let (line, headers) = head(&mut answer).expect("the answer has a head");
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut body = String::new();
        answer.read_to_string(&mut body).expect("the answer ends");
        Answer {
            status: status.expect("the status is a number"),
            location: find(&headers, "location").map(String::from),
            body,
        }
    }

    fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("it can be waited for")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    location: Option<String>,
    body: String,
}

/// Stands for a stream of the service, with both servers that it talks to.
struct Stream<'a> {
    service: &'a Service,
    path: String,
    server: Server,
    callbacks: Server,
    reports: usize,
}

impl Stream<'_> {
    /// Waits for the next connection of the client.
    fn connection(&mut self) -> Incoming {
        self.server.next()
    }

    /// Waits for the next callback, which is still to be answered, and checks its number.
    fn callback(&mut self) -> Incoming {
        self.reports += 1;
        let callback = self.callbacks.next();
        let line = format!("POST /callback/{} HTTP/1.1", self.reports);
        assert_eq!(callback.line, line);
        callback
    }

    fn report(&mut self) -> Value {
        self.callback().take()
    }

    fn expect_event(&mut self, event_type: &str, data: &str, id: &str) {
        let event = json!({ "type": event_type, "data": data, "id": id });
        assert_eq!(self.report(), json!({ "kind": "event", "event": event }));
    }

    fn expect_comment(&mut self, text: &str) {
        assert_eq!(self.report(), json!({ "kind": "comment", "comment": text }));
    }

    fn expect_error(&mut self) -> String {
        let report = self.report();
        assert_eq!(report.get("kind"), Some(&json!("error")), "{report}");
        let error = report.get("error").and_then(Value::as_str);
        error.expect("it is a text").to_owned()
    }

    fn restart(&self) -> u16 {
        let command = r#"{"command":"restart"}"#;
        self.service.call("POST", &self.path, command).status
    }

    fn listen(&self, event_type: &str) -> u16 {
        let command = json!({ "command": "listen", "listen": { "type": event_type } });
        let command = command.to_string();
        self.service.call("POST", &self.path, &command).status
    }

    fn delete(&self) -> u16 {
        self.service.call("DELETE", &self.path, "").status
    }
}

/// Accepts connections, and hands out each with the request that it brought.
struct Server {
    url: String,
    incoming: Receiver<Incoming>,
    next: Option<Incoming>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (sender, incoming) = mpsc::channel();
        thread::spawn(move || {
            // It ends with the process, or with the test that it serves.
            while let Ok((socket, _)) = listener.accept() {
                if !accept(socket, &sender) {
                    return;
                }
            }
        });
        Self {
            url,
            incoming,
            next: None,
        }
    }

    /// Waits until there is a connection, and leaves it there.
    fn wait(&mut self) {
        if self.next.is_none() {
            let next = self.incoming.recv_timeout(LONG);
            self.next = Some(next.expect("a request comes"));
        }
    }

    fn next(&mut self) -> Incoming {
        self.wait();
        self.next.take().expect("it was waited for")
    }

    /// Returns whether no connection waits.
    fn is_silent(&mut self) -> bool {
        self.next.is_none() && self.incoming.try_recv().is_err()
    }
}

/// Reads a request and passes it on, and returns whether anybody wants more.
fn accept(socket: TcpStream, sender: &Sender<Incoming>) -> bool {
    set_timeout(&socket);
    let mut reader = BufReader::new(socket);
    // A client that leaves before its request is out has wanted nothing.
    let Ok((line, headers)) = head(&mut reader) else {
        return true;
    };
    let len =
        find(&headers, "content-length").map_or(0, |len| len.parse().expect("it is a number"));
    let mut body = vec![0; len];
    reader.read_exact(&mut body).expect("the body is whole");
    let incoming = Incoming {
        socket: reader.into_inner(),
        line,
        headers,
        body,
    };
    sender.send(incoming).is_ok()
}

/// Is a connection with the request that it brought. To drop it closes it.
struct Incoming {
    socket: TcpStream,
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Incoming {
    fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Answers with the head of a stream that lasts until the connection ends.
    fn open(&mut self) {
        self.send(OPEN);
        self.send("\r\n");
    }

    fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).expect("it is open");
    }

    /// Waits for the client to leave.
    fn expect_end(&mut self) {
        match self.socket.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("the client has not left: {other:?}"),
        }
    }

    /// Answers a callback, and returns what it says.
    fn take(mut self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        serde_json::from_slice(&self.body).expect("a callback is JSON")
    }
}

/// Reads the first line and the headers, their names in lower case.
fn head(reader: &mut impl BufRead) -> std::io::Result<(String, Vec<(String, String)>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some("") if !lines.is_empty() => break,
            Some(line) => lines.push(line.to_owned()),
            None => return Err(ErrorKind::UnexpectedEof.into()),
        }
    }
    let line = lines.remove(0);
    let headers = lines.iter().map(|line| {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Ok((line, headers.collect()))
}

fn set_timeout(socket: &TcpStream) {
    let set = socket.set_read_timeout(Some(LONG));
    set.expect("the time is not zero");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the service waits by the real clock"
)]
fn now() -> Instant {
    Instant::now()
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|header| header.0 == name)?;
    Some(&found.1)
}

/// The head of an answer that opens a stream, but for the blank line.
const OPEN: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
/// How long to wait for what must come.
const LONG: Duration = Duration::from_secs(30);
