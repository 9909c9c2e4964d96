//! Runs each recipe against real sockets.

#![allow(
    clippy::unwrap_used,
    reason = "what these tests need is there, or they fail"
)]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::spawn;
use std::time::Duration;

/// A program that runs until it is dropped.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    fn start(path: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(path)
            .args(arguments)
            .env("LLM_KEY", "key")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Starts a server, and returns its address.
    fn serve(path: &str, arguments: &[&str]) -> (Self, String) {
        let mut server = Self::start(path, arguments);
        let url = server.line();
        let address = url.trim_start_matches("http://").split('/').next().unwrap();
        (server, address.to_owned())
    }

    fn line(&mut self) -> String {
        line(&mut self.stdout)
    }

    /// Waits for the end, and returns exit code, the rest of stdout, and stderr.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut error) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut error).unwrap();
        (self.child.wait().unwrap().code(), out, error)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Reads lines up to one with this start.
fn skip_to(reader: &mut impl BufRead, start: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "no {start}");
        if line.starts_with(start) {
            return line.trim_end().to_owned();
        }
    }
}

/// Enough on a busy machine, and less than the 15 seconds between comments that keep a stream alive.
const SOON: Duration = Duration::from_secs(10);

fn request(address: &str, head: &str, body: &str) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(address).unwrap();
    // Sooner than a comment that keeps the stream alive, so no test hangs on them.
    socket.set_read_timeout(Some(SOON)).unwrap();
    let length = body.len();
    let head = format!(
        "{head}\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    socket.write_all((head + body).as_bytes()).unwrap();
    BufReader::new(socket)
}

/// A server that takes one request for each function, and tells the head of each.
fn upstream(
    respond: Vec<fn(&mut TcpStream, &Receiver<()>)>,
) -> (String, Receiver<String>, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let ((told, heads), (go, gone)) = (channel(), channel());
    spawn(move || {
        for respond in respond {
            let (mut socket, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(socket.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let line = line(&mut reader).to_ascii_lowercase();
                if let Some(bytes) = line.strip_prefix("content-length: ") {
                    length = bytes.parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
                head += &(line + "\n");
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            // Nobody may want to know.
            let _ = told.send(head + &String::from_utf8(body).unwrap());
            respond(&mut socket, &gone);
        }
    });
    (url, heads, go)
}

/// The head of a stream whose end is not the end of its connection.
const OPEN: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(socket: &mut TcpStream, text: &str) {
    write!(socket, "{:x}\r\n{text}\r\n", text.len()).unwrap();
}

const PROXY: &str = env!("CARGO_BIN_EXE_llm_proxy");
const COMPLETE: &str = "POST /complete HTTP/1.1";

#[test]
fn the_proxy_passes_events_on_as_they_come() {
    let (url, heads, go) = upstream(vec![|socket, gone| {
        write!(socket, "{OPEN}").unwrap();
        for event in ["data: 1\n\n", "data: [DONE]\n\n", ""] {
            chunk(socket, event);
            if !event.is_empty() {
                gone.recv().unwrap();
            }
        }
    }]);
    let (_proxy, address) = Program::serve(PROXY, &["0", &url]);
    let mut response = request(&address, COMPLETE, "{\"a\":1}");
    assert_eq!(skip_to(&mut response, "data: "), "data: 1");
    let head = heads.recv().unwrap();
    assert!(
        head.contains("authorization: bearer key") && head.ends_with("{\"a\":1}"),
        "{head}"
    );
    go.send(()).unwrap();
    assert_eq!(skip_to(&mut response, "data: "), "data: [DONE]");
    go.send(()).unwrap();
    let mut rest = String::new();
    response.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "it is whole: {rest:?}");
}

#[test]
fn the_proxy_passes_an_error_on_as_a_status() {
    let (url, ..) = upstream(vec![
        |socket, _| {
            write!(
                socket,
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-type: application/json\r\n\
                 content-length: 16\r\n\r\n{{\"error\":\"slow\"}}"
            )
            .unwrap();
        },
        |socket, _| write!(socket, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").unwrap(),
        |socket, _| write!(socket, "{OPEN}0\r\n\r\n").unwrap(),
    ]);
    let (_proxy, address) = Program::serve(PROXY, &["0", &url]);
    let read = || {
        let mut response = String::new();
        request(&address, COMPLETE, "{}")
            .read_to_string(&mut response)
            .unwrap();
        response
    };
    let response = read();
    assert!(response.starts_with("HTTP/1.1 429 "), "{response}");
    assert!(response.contains("retry-after: 7"), "{response}");
    assert!(response.ends_with("{\"error\":\"slow\"}"), "{response}");
    // A response that is no stream, a stream without an event, and no upstream at all.
    for _ in 0..3 {
        let response = read();
        assert!(response.starts_with("HTTP/1.1 502 "), "{response}");
        assert!(!response.contains("127.0.0.1"), "{response}");
    }
}

#[test]
fn the_proxy_cuts_off_what_the_upstream_cuts_off() {
    let (url, _heads, go) = upstream(vec![|socket, gone| {
        write!(socket, "{OPEN}").unwrap();
        chunk(socket, "data: 1\n\n");
        gone.recv().unwrap();
    }]);
    let (_proxy, address) = Program::serve(PROXY, &["0", &url]);
    let mut response = request(&address, COMPLETE, "{}");
    skip_to(&mut response, "data: 1");
    go.send(()).unwrap();
    let mut rest = Vec::new();
    // A read that times out would be no end at all.
    if let Err(error) = response.read_to_end(&mut rest) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks whole");
}

#[test]
fn the_proxy_leaves_when_the_browser_does() {
    let (url, heads, _go) = upstream(vec![
        // Does not respond. It ends when the proxy leaves.
        |socket, _| assert_eq!(socket.read(&mut [0]).unwrap(), 0),
        |socket, _| {
            write!(socket, "{OPEN}").unwrap();
            chunk(socket, "data: 1\n\n");
            assert_eq!(socket.read(&mut [0]).unwrap(), 0);
        },
    ]);
    let (_proxy, address) = Program::serve(PROXY, &["0", &url]);
    let early = request(&address, COMPLETE, "{\"n\":1}");
    assert!(heads.recv_timeout(SOON).unwrap().ends_with("{\"n\":1}"));
    drop(early);
    let mut response = request(&address, COMPLETE, "{\"n\":2}");
    // The upstream takes one connection after the other, so the first is gone.
    assert!(heads.recv_timeout(SOON).unwrap().ends_with("{\"n\":2}"));
    skip_to(&mut response, "data: 1");
    assert_eq!(heads.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty));
    drop(response);
    // The upstream's thread ends with its connection, and its sender with it.
    let end = heads.recv_timeout(SOON);
    assert_eq!(end, Err(RecvTimeoutError::Disconnected));
}

const CLIENT: &str = env!("CARGO_BIN_EXE_llm_client");

#[test]
fn the_client_prints_a_completion() {
    let (url, heads, _go) = upstream(vec![|socket, _| {
        write!(socket, "{OPEN}").unwrap();
        for text in ["Once", " upon"] {
            chunk(
                socket,
                &format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"),
            );
        }
        chunk(
            socket,
            "data: {\"error\":null,\"choices\":[{\"delta\":{}}]}\n\ndata: [DONE]\n\n",
        );
    }]);
    let (code, out, error) = Program::start(CLIENT, &[&url, "hello"]).end();
    assert_eq!((code, &*out, &*error), (Some(0), "Once upon\n", ""));
    assert!(heads.recv().unwrap().contains("\"content\":\"hello\""));
}

#[test]
fn the_client_says_what_went_wrong() {
    let run = |respond: fn(&mut TcpStream, &Receiver<()>)| {
        let (url, ..) = upstream(vec![respond]);
        let (code, _, error) = Program::start(CLIENT, &[&url, "hello"]).end();
        assert_eq!(code, Some(1), "{error}");
        error
    };
    let error = run(|socket, _| {
        write!(
            socket,
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 31\r\n\r\n{{\"error\":{{\"message\":\"bad key\"}}}}"
        )
        .unwrap();
    });
    assert!(
        error.contains("401") && error.contains("bad key"),
        "{error}"
    );
    let error = run(|socket, _| {
        write!(socket, "{OPEN}").unwrap();
        chunk(socket, "data: {\"error\":\"overloaded\"}\n\n");
    });
    assert!(error.contains("overloaded"), "{error}");
    // In a chunk that looks like others, and with the usual end.
    let error = run(|socket, _| {
        write!(socket, "{OPEN}").unwrap();
        chunk(
            socket,
            "data: {\"choices\":[],\"error\":{\"message\":\"too busy\"}}\n\ndata: [DONE]\n\n",
        );
    });
    assert!(error.contains("too busy"), "{error}");
    let error = run(|socket, _| {
        write!(socket, "{OPEN}").unwrap();
        chunk(socket, "data: {\"choices\":[]}\n\n");
        chunk(socket, "");
    });
    assert!(!error.is_empty(), "the stream ended without [DONE]");
    assert_eq!(Program::start(CLIENT, &[]).end().0, Some(2));
}

const MCP: &str = env!("CARGO_BIN_EXE_mcp_client");

fn welcome(socket: &mut TcpStream, _: &Receiver<()>) {
    const WELCOME: &str = "{\"jsonrpc\":\"2.0\",\"id\":\"initialize\",\"result\":{\"protocolVersion\":\"2025-06-18\"}}";
    let length = WELCOME.len();
    write!(
        socket,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: s1\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{WELCOME}"
    )
    .unwrap();
}

fn accept(socket: &mut TcpStream, _: &Receiver<()>) {
    let head = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
}

#[test]
fn mcp_resumes_and_never_repeats_the_post() {
    let (url, heads, _go) = upstream(vec![
        welcome,
        accept,
        |socket, _| {
            write!(socket, "{OPEN}").unwrap();
            chunk(socket, "retry: 10\nid: a\ndata:\n\n");
            chunk(
                socket,
                "id: b\ndata: {\"method\":\"notifications/progress\"}\n\n",
            );
        },
        |socket, _| {
            write!(socket, "{OPEN}").unwrap();
            chunk(
                socket,
                "id: c\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"tools/list\",\"result\":{\"tools\":[]}}\n\n",
            );
        },
    ]);
    let (code, out, error) = Program::start(MCP, &[&url, "tools/list"]).end();
    assert_eq!(code, Some(0), "{error}");
    let lines: Vec<_> = out.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        lines.first(),
        Some(&"{\"method\":\"notifications/progress\"}")
    );
    assert_eq!(
        lines.last(),
        Some(&"{\"id\":\"tools/list\",\"jsonrpc\":\"2.0\",\"result\":{\"tools\":[]}}")
    );
    let heads: Vec<_> = heads.iter().collect();
    let [initialize, initialized, list, resume] = &heads[..] else {
        panic!("{heads:?}");
    };
    assert!(initialize.starts_with("post ") && initialize.contains("\"initialize\""));
    assert!(!initialize.contains("mcp-session-id"));
    assert!(initialized.contains("notifications/initialized"));
    assert!(list.starts_with("post ") && list.contains("tools/list"));
    assert!(
        resume.starts_with("get ") && resume.contains("last-event-id: b\n"),
        "{resume}"
    );
    for post in [initialize, initialized, list] {
        let accept = "\naccept: application/json, text/event-stream\n";
        assert!(post.contains(accept), "{post}");
    }
    assert!(resume.contains("\naccept: text/event-stream\n"), "{resume}");
    for later in [initialized, list, resume] {
        assert!(later.contains("mcp-session-id: s1\n"), "{later}");
        assert!(
            later.contains("mcp-protocol-version: 2025-06-18\n"),
            "{later}"
        );
    }
}

#[test]
fn mcp_takes_no_other_stream_for_one_that_is_cut_off() {
    let (url, heads, _go) = upstream(vec![
        welcome,
        accept,
        |socket, _| {
            write!(socket, "{OPEN}").unwrap();
            chunk(socket, "retry: 10\ndata: {}\n\n");
        },
        // A GET without an ID would get here.
        |socket, _| {
            write!(socket, "{OPEN}").unwrap();
            chunk(socket, "data: {\"id\":\"tools/list\"}\n\n");
        },
    ]);
    let (code, _, error) = Program::start(MCP, &[&url, "tools/list"]).end();
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("cut off without an event ID"), "{error}");
    assert_eq!(heads.try_iter().count(), 3);
}

#[test]
fn a_hub_replays_behind_servers_that_take_bytes() {
    for path in [env!("CARGO_BIN_EXE_actix"), env!("CARGO_BIN_EXE_poem")] {
        let (server, address) = Program::serve(path, &["0"]);
        let publish = |data: &str| {
            let mut response = request(&address, "POST /publish HTTP/1.1", data);
            let head = line(&mut response);
            assert!(head.contains(" 200 "), "{head}");
            skip_to(&mut response, "\r\n");
            let mut id = String::new();
            response.read_to_string(&mut id).unwrap();
            id.trim().to_owned()
        };
        let mut live = request(&address, "GET /events HTTP/1.1", "");
        skip_to(&mut live, "id: ");
        let first = publish("one");
        publish("two");
        assert_eq!(skip_to(&mut live, "data: "), "data: one");
        assert_eq!(skip_to(&mut live, "data: "), "data: two");
        let resume = format!("GET /events HTTP/1.1\r\nlast-event-id: {first}");
        let mut resumed = request(&address, &resume, "");
        assert_eq!(skip_to(&mut resumed, "data: "), "data: two");

        let id = server.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        for mut stream in [live, resumed] {
            let mut rest = String::new();
            stream.read_to_string(&mut rest).unwrap();
            assert!(rest.ends_with("0\r\n\r\n"), "{path}: {rest:?}");
        }
        assert_eq!(server.end().0, Some(0), "{path}");
    }
}

#[test]
fn reqwest_follows_and_reads_once() {
    let (url, ..) = upstream(vec![
        |socket, _| {
            write!(socket, "{OPEN}").unwrap();
            chunk(socket, "retry: 10\nid: 1\ndata: a\n\n");
            chunk(socket, "id: 2\ndata: b\n\n");
        },
        |socket, _| {
            write!(socket, "{OPEN}").unwrap();
            chunk(socket, "retry: 10\nid: 3\ndata: c\n\n");
        },
        |socket, _| write!(socket, "HTTP/1.1 204 No Content\r\n\r\n").unwrap(),
    ]);
    let (code, out, error) = Program::start(env!("CARGO_BIN_EXE_reqwest_client"), &[&url]).end();
    assert_eq!(
        (code, &*out),
        (Some(0), "read: a\nread: b\nfollowed: c\n"),
        "{error}"
    );
}
