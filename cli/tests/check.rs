//! `ssewire check`, against servers and proxies that have one fault each.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what these tests need is there, or they fail"
)]

mod common;

use core::time::Duration;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{sleep, spawn};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use self::common::example::text;
use self::common::{Server, run};

/// Serves each connection by a function of the head of its request. Returns the URL.
fn serve(respond: impl Fn(&mut TcpStream, &str) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let respond = Arc::new(respond);
    spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, respond) = (socket.unwrap(), Arc::clone(&respond));
            spawn(move || {
                let head = head(&mut socket);
                respond(&mut socket, &head.to_ascii_lowercase());
            });
        }
    });
    format!("http://{address}/stream")
}

fn head(socket: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Writes, and returns whether the client is still there.
fn send(socket: &mut TcpStream, text: impl AsRef<[u8]>) -> bool {
    socket.write_all(text.as_ref()).is_ok()
}

/// Keeps a connection open until the client leaves.
fn hold(socket: &mut TcpStream) {
    let _ = socket.read(&mut [0]);
}

/// A whole head of an event stream that ends with its connection.
const OPEN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    cache-control: no-cache, no-transform\r\nconnection: close\r\n\r\n";

/// Sends events with the IDs from `first` on, 100 ms apart, until the client leaves.
fn events(socket: &mut TcpStream, first: u64) {
    let mut id = first;
    while send(socket, format!("id: {id}\ndata: {id}\n\n")) {
        sleep(Duration::from_millis(100));
        id += 1;
    }
}

/// The ID that a request resumes after, or 0.
fn resumed(head: &str) -> u64 {
    let id = head
        .lines()
        .find_map(|line| line.strip_prefix("last-event-id: "));
    id.map_or(0, |id| id.parse().unwrap())
}

struct Report {
    code: i32,
    json: Value,
}

impl Report {
    fn of(url: &str) -> Self {
        Self::with(&[], url)
    }

    fn with(options: &[&str], url: &str) -> Self {
        let time: &[&str] = match options.contains(&"--for") {
            true => &[],
            false => &["--for", "1.5"],
        };
        let output = run(&[&["check", "--json"], time, options, &[url]].concat());
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        Self {
            code: output.status.code().unwrap(),
            json: serde_json::from_slice(&output.stdout).unwrap(),
        }
    }

    fn finding(&self, check: &str) -> &Value {
        let findings = self.json["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["check"] == check);
        finding.unwrap_or_else(|| panic!("no {check} in {:#}", self.json))
    }

    /// Checks one verdict, and that its sentence has a text.
    #[track_caller]
    fn has(&self, check: &str, verdict: &str, why: &str) -> &Self {
        let finding = self.finding(check);
        assert_eq!(finding["verdict"], verdict, "{:#}", self.json);
        let text = finding["text"].as_str().unwrap();
        assert!(text.contains(why), "{text}");
        let needs_fix = matches!(verdict, "warning" | "error");
        assert_eq!(finding["fix"].is_string(), needs_fix, "{finding}");
        self
    }

    #[track_caller]
    fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{:#}", self.json);
        self
    }
}

#[test]
fn a_good_stream() {
    let url = serve(|socket, head| {
        send(socket, OPEN);
        send(socket, ":\nretry: 2000\n\n");
        events(socket, resumed(head) + 1);
    });
    let report = Report::of(&url);
    report
        .ends_with(0)
        .has("status", "ok", "200")
        .has("content-type", "ok", "text/event-stream")
        .has("first-byte", "ok", "after")
        .has("arrival", "ok", "one by one")
        .has("coding", "ok", "none")
        .has("cache", "ok", "no-transform")
        .has("ids", "ok", "distinct")
        .has("retry", "ok", "2000 ms")
        .has("resume", "ok", "3 events after")
        .has("connections", "warning", "six connections");
    assert_eq!(report.json["verdict"], "warning");
    assert_eq!(report.json["url"], *url);
    assert_eq!(report.finding("retry")["value"], 2000);
}

#[test]
fn our_own_server_is_probed() {
    let server = Server::start(&[]);
    let url = server.url("/events?topic=a");
    let report = Report::of(&url);
    report
        .ends_with(0)
        .has("arrival", "ok", "5 events of ours")
        .has("resume", "ok", "events after")
        .has("ids", "ok", "distinct");
    // Nobody else sees the probes.
    let topics = server.get("/topics").json();
    assert_eq!(topics["topics"].as_array().unwrap().len(), 1, "{topics}");
    let mut stream = server.open("/events?topic=a&start=earliest", &[]);
    server.publish("topic=a", "first");
    assert_eq!(stream.data(), "first");
    Report::with(&["--no-probe"], &url)
        .ends_with(0)
        .has("arrival", "unknown", "too few");

    let guarded = Server::start(&[
        "--publish-token",
        "p",
        "--subscribe-token",
        "s",
        "--keep-alive",
        "0.6",
    ]);
    let url = guarded.url("/events?topic=a&access_token=s");
    let report = Report::of(&url);
    report
        .ends_with(0)
        .has("arrival", "unknown", "too few")
        .has("keep-alive", "ok", "a comment after")
        .has("ids", "ok", "position");
    assert!(
        !report.json.to_string().contains("access_token=s"),
        "{}",
        report.json
    );
    Report::with(&["--publish-token", "p"], &url).has("arrival", "ok", "5 events of ours");
    let without = Report::of(&guarded.url("/events?topic=a"));
    without.ends_with(1).has("status", "error", "401");
    Report::with(
        &["-H", "authorization: Bearer s", "--publish-token", "p"],
        &guarded.url("/events?topic=a"),
    )
    .has("arrival", "ok", "5 events of ours");
}

#[test]
fn a_response_that_is_no_stream() {
    let respond = |status: &'static str, content_type: &'static str| {
        let url = serve(move |socket, _| {
            send(
                socket,
                format!("HTTP/1.1 {status}\r\n{content_type}content-length: 0\r\n\r\n"),
            );
        });
        Report::of(&url)
    };
    let html = "content-type: text/html\r\n";
    respond("200 OK", html)
        .ends_with(1)
        .has("content-type", "error", "text/html");
    respond("200 OK", "")
        .ends_with(1)
        .has("content-type", "error", "none");
    respond("404 Not Found", html)
        .ends_with(1)
        .has("status", "error", "404");
    respond("500 Internal Server Error", html)
        .ends_with(1)
        .has("status", "error", "500");
    let events = "content-type: text/event-stream\r\n";
    respond("204 No Content", events)
        .ends_with(0)
        .has("status", "warning", "stop");
    respond("204 No Content", "")
        .ends_with(0)
        .has("content-type", "ok", "needs none");
    // A script finds each check. A table has no lines that say nothing.
    for check in ["arrival", "cache", "keep-alive", "resume", "connections"] {
        respond("404 Not Found", html).has(check, "unknown", "no event stream");
    }
    let url = serve(|socket, _| {
        send(
            socket,
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        );
    });
    let table = run(&["check", &url]);
    let table = text(&table.stdout);
    assert!(
        table.contains("404") && !table.contains("keep-alive"),
        "{table}"
    );
    let latin = "content-type: Text/Event-Stream ; charset=latin1\r\n";
    respond("200 OK", latin).has("content-type", "warning", "latin1");
    let nobody = Report::of("http://127.0.0.1:1/");
    nobody.ends_with(1).has("status", "error", "refused").has(
        "first-byte",
        "unknown",
        "no response",
    );
}

#[test]
fn a_server_that_does_not_respond() {
    let url = serve(|socket, _| hold(socket));
    Report::of(&url)
        .ends_with(1)
        .has("status", "unknown", "no status")
        .has("first-byte", "error", "not even a status");
    let url = serve(|socket, _| {
        send(socket, OPEN);
        hold(socket);
    });
    Report::of(&url)
        .ends_with(0)
        .has("first-byte", "warning", "only the head")
        .has("arrival", "unknown", "too few")
        .has("keep-alive", "unknown", "too short")
        .has("ids", "unknown", "no event");
}

#[test]
fn the_question_whose_server_it_is_takes_nothing_from_the_watch() {
    let url = serve(|socket, head| {
        if head.starts_with("get /healthz") {
            return hold(socket);
        }
        send(socket, OPEN);
        events(socket, resumed(head) + 1);
    });
    let url = url.replace("/stream", "/events?topic=a");
    Report::of(&url)
        .ends_with(0)
        .has("first-byte", "ok", "after")
        .has("arrival", "ok", "one by one")
        .has("resume", "ok", "3 events after");
}

#[test]
fn a_watch_without_an_end() {
    let url = serve(|socket, _| {
        send(
            socket,
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        );
    });
    let output = run(&["check", "--for", "1e19", &url]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}

#[test]
fn comments_that_keep_a_stream_alive() {
    let url = serve(|socket, _| {
        send(socket, OPEN);
        while send(socket, ":\n") {
            sleep(Duration::from_millis(600));
        }
    });
    let report = Report::with(&["--for", "2"], &url);
    report.has("keep-alive", "ok", "a comment after every ");
    let period = report.finding("keep-alive")["value"].as_f64().unwrap();
    assert!((0.5..0.9).contains(&period), "{period}");
}

/// Sends events through gzip where it is accepted, flushed or not.
fn compressing(flushes: bool) -> String {
    serve(move |socket, head| {
        if !head.contains("accept-encoding: gzip") {
            send(socket, OPEN);
            return events(socket, 1);
        }
        let gzip = OPEN.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
        send(socket, gzip);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        for id in 1.. {
            encoder
                .write_all(format!("id: {id}\ndata: {id}\n\n").as_bytes())
                .unwrap();
            if flushes {
                encoder.flush().unwrap();
            }
            if !send(socket, core::mem::take(encoder.get_mut())) {
                break;
            }
            sleep(Duration::from_millis(100));
        }
    })
}

#[test]
fn a_gzip_that_holds_back() {
    Report::of(&compressing(false))
        .ends_with(1)
        .has("coding", "error", "holds events back")
        .has("arrival", "error", "gzip holds events back");
    Report::of(&compressing(true))
        .has("coding", "warning", "flushed")
        .has("arrival", "ok", "one by one");
    let url = serve(|socket, _| {
        send(
            socket,
            OPEN.replace("\r\n\r\n", "\r\ncontent-encoding: br\r\n\r\n"),
        );
        send(socket, "x");
        hold(socket);
    });
    Report::of(&url)
        .ends_with(1)
        .has("coding", "error", "not offered");
    let url = serve(|socket, _| {
        send(
            socket,
            OPEN.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n"),
        );
        send(socket, "this is no gzip");
        hold(socket);
    });
    Report::of(&url).has("ended", "warning", "gzip is broken");
}

#[test]
fn ids_that_repeat_or_are_missing() {
    let sending = |block: &'static str| {
        serve(move |socket, _| {
            send(socket, OPEN);
            while send(socket, block) {
                sleep(Duration::from_millis(100));
            }
        })
    };
    Report::of(&sending("id: 7\ndata: x\n\n"))
        .ends_with(1)
        .has("ids", "error", "came before");
    let none = Report::of(&sending("data: x\n\n"));
    none.ends_with(0)
        .has("ids", "warning", "none")
        .has("resume", "unknown", "no event has an id");
}

#[test]
fn a_resume_that_does_not_resume() {
    /// Three events, and after a resume those from an ID on that is computed.
    fn after(resume: impl Fn(u64) -> String + Send + Sync + 'static) -> Report {
        let event = |id| format!("id: {id}\ndata: {id}\n\n");
        let url = serve(move |socket, head| {
            send(socket, OPEN);
            send(
                socket,
                match resumed(head) {
                    0 => [1, 2, 3].map(event).concat(),
                    id => resume(id),
                },
            );
            hold(socket);
        });
        Report::of(&url)
    }
    let event = |id: u64| format!("id: {id}\ndata: {id}\n\n");
    after(move |id| event(id + 1) + &event(id + 2)).has("resume", "ok", "2 events");
    after(move |id| event(id) + &event(id + 1))
        .ends_with(1)
        .has("resume", "error", "again");
    after(move |_| event(9))
        .ends_with(1)
        .has("resume", "error", "but others");
    after(|_| ":\n".into())
        .ends_with(1)
        .has("resume", "error", "nothing");
    after(|_| "event: gap\ndata: x\n\n".into()).has("resume", "warning", "may be missing");

    // One after the other, and with events without an ID in between.
    after(move |id| event(id + 1)).has("resume", "ok", "1 events");
    after(move |id| format!("data: a\n\ndata: b\n\n{}{}", event(id + 1), event(id + 2)))
        .ends_with(0)
        .has("resume", "ok", "2 events");
    let url = serve(|socket, _| {
        send(socket, OPEN);
        send(socket, "id: \u{1}a\ndata: x\n\nid: \u{1}b\ndata: x\n\n");
        hold(socket);
    });
    Report::of(&url)
        .ends_with(0)
        .has("resume", "warning", "control characters");

    // Whoever ignores the header begins anew.
    let url = serve(|socket, _| {
        send(socket, OPEN);
        events(socket, 1);
    });
    Report::of(&url)
        .ends_with(1)
        .has("resume", "error", "from before");
    let url = serve(|socket, head| {
        if resumed(head) > 0 {
            send(
                socket,
                "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            );
        } else {
            send(socket, OPEN);
            events(socket, 1);
        }
    });
    Report::of(&url).ends_with(1).has("resume", "error", "400");
}

#[test]
fn the_header_fields_that_keep_caches_away() {
    let with = |header: &'static str| {
        Report::of(&serve(move |socket, _| {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
            send(socket, format!("{head}{header}\r\n:\n"));
        }))
    };
    with("").has("cache", "warning", "no Cache-Control");
    with("cache-control: max-age=9\r\n").has("cache", "warning", "max-age=9");
    with("cache-control: No-Store\r\n").has("cache", "warning", "No-Store");
    with("cache-control: no-cache\r\ncache-control: no-transform\r\n")
        .has("cache", "ok", "no-cache");
    with("age: 3\r\n")
        .ends_with(1)
        .has("cache", "error", "from a cache");
}

#[test]
fn how_a_stream_ends() {
    let ending = |body: &'static str| {
        Report::of(&serve(move |socket, _| {
            send(socket, OPEN);
            send(socket, body);
            let _ = socket.shutdown(Shutdown::Both);
        }))
    };
    ending("data: x\n\n").has("ended", "ok", "ended after");
    ending("data: x\n").has("ended", "warning", "within an event");
    ending("")
        .has("first-byte", "warning", "without a byte")
        .has("ended", "warning", "without an event");
    ending("retry: 1000\n\n").has("ended", "warning", "without an event");
    let url = serve(|socket, _| {
        send(
            socket,
            OPEN.replace("connection: close", "transfer-encoding: chunked"),
        );
        send(socket, "9\r\ndata: x\n\n\r\n");
    });
    Report::of(&url).has("ended", "warning", "cut off");
    let retry = ending("retry: 0\n\n");
    retry.has("retry", "warning", "0 ms");
}

#[test]
fn events_that_arrive_in_lumps() {
    let url = serve(|socket, _| {
        send(socket, OPEN);
        send(socket, ":\n");
        sleep(Duration::from_millis(1_200));
        // Sent 400 ms apart, by their own word.
        let paced: String = (0..4)
            .map(|n| {
                format!(
                    "id: a{n}\ndata: {{\"t\":{}}}\n\n",
                    1_700_000_000_000_u64 + n * 400
                )
            })
            .collect();
        send(socket, paced);
        hold(socket);
    });
    Report::of(&url)
        .ends_with(1)
        .has("arrival", "error", "4 events that were sent over 1.2 s");
}

#[test]
fn what_a_server_sends_cannot_harm() {
    let endless = serve(|socket, _| {
        send(socket, OPEN);
        let block = "x".repeat(1 << 16);
        while send(socket, &block) {}
    });
    Report::of(&endless).has("ids", "unknown", "no event");
    let bomb = serve(|socket, _| {
        send(
            socket,
            OPEN.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n"),
        );
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let block = vec![b'x'; 1 << 20];
        for _ in 0..64 {
            encoder.write_all(&block).unwrap();
        }
        send(socket, encoder.finish().unwrap());
        hold(socket);
    });
    Report::of(&bomb).has("ids", "unknown", "no event");
    let controlling = serve(|socket, _| {
        send(
            socket,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: \u{9b}2J\r\n\r\n:\n",
        );
        hold(socket);
    });
    let output = run(&["check", "--for", "0.3", &controlling]);
    let table = text(&output.stdout);
    assert!(table.contains("\\u009b2J"), "{table}");
    assert!(
        table
            .lines()
            .any(|line| line == "ok       status        200 OK"),
        "{table}"
    );
}

#[test]
fn bad_arguments() {
    for arguments in [
        &["check"][..],
        &["check", "ftp://a/"],
        &["check", "not a URL"],
        &["check", "--for", "0", "http://127.0.0.1:1/"],
        &["check", "-H", "no colon", "http://127.0.0.1:1/"],
        &["check", "--cacert", "/nowhere", "https://127.0.0.1:1/"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            !output.stderr.is_empty() && output.stdout.is_empty(),
            "{arguments:?}"
        );
    }
}

/// nginx in front of a server, until it is dropped.
struct Nginx {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Nginx {
    fn start(server: &str, settings: &str) -> Self {
        Self::listening(server, "", settings)
    }

    /// Starts nginx with parameters of its socket, and what follows them.
    fn listening(server: &str, socket: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {name};\n"))
            .concat();
        let config = format!(
            "daemon off; pid nginx.pid; error_log error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off;\n{paths}\
             server {{ listen {address} {socket}; location / {{ proxy_pass http://{server};\n{settings} }} }} }}\n"
        );
        fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let process = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let nginx = Self {
            process,
            address,
            _folder: folder,
        };
        for _ in 0..200 {
            if TcpStream::connect(&nginx.address).is_ok() {
                return nginx;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("nginx does not listen");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &id]).status();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_proxy_that_buffers_is_told() {
    let server = Server::start(&["--keep-alive", "0.5"]);
    let through = |settings: &str| {
        let nginx = Nginx::start(&server.address, settings);
        Report::of(&format!("http://{}/events?topic=a", nginx.address))
    };
    // nginx obeys the X-Accel-Buffering of the server, unless it is told not to.
    through("")
        .ends_with(0)
        .has("arrival", "ok", "5 events of ours");
    let buffered = through("proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;");
    let held = buffered.json["findings"].as_array().unwrap();
    let error = held
        .iter()
        .find(|finding| finding["verdict"] == "error")
        .unwrap();
    assert!(
        error["fix"]
            .as_str()
            .unwrap()
            .contains("proxy_buffering off;"),
        "{error}"
    );
    let first_byte = buffered.has("first-byte", "error", "though the server took 5 events");
    first_byte
        .ends_with(1)
        .has("arrival", "error", "did not arrive");
    let off = through("proxy_buffering off; proxy_ignore_headers X-Accel-Buffering;");
    off.ends_with(0).has("arrival", "ok", "5 events of ours");
    let gzip = "gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_http_version 1.0;";
    through(gzip).has("coding", "warning", "gzip");
}

#[test]
#[ignore = "needs nginx"]
fn a_proxy_that_buffers_a_server_of_others_is_told() {
    let url = serve(|socket, head| {
        send(socket, OPEN);
        events(socket, resumed(head) + 1);
    });
    let server = url.strip_prefix("http://").unwrap();
    let server = server.strip_suffix("/stream").unwrap();
    let through = |settings: &str| {
        let nginx = Nginx::start(server, settings);
        Report::of(&format!("http://{}/stream", nginx.address))
    };
    let held = through("proxy_buffering on;");
    held.ends_with(1)
        .has("first-byte", "error", "not even a status")
        .has("arrival", "unknown", "no event stream");
    let fix = held.finding("first-byte")["fix"].as_str().unwrap();
    assert!(fix.contains("proxy_buffering off;"), "{fix}");
    through("proxy_buffering off;")
        .ends_with(0)
        .has("first-byte", "ok", "after")
        .has("arrival", "ok", "one by one")
        .has("resume", "ok", "3 events after");
}

#[test]
#[ignore = "needs nginx"]
fn https_and_http_2() {
    let server = Server::start(&[]);
    let names = ["127.0.0.1".to_owned()];
    let own = rcgen::generate_simple_self_signed(names).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: String| {
        let path = folder.path().join(name);
        fs::write(&path, pem).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let certificate = file("certificate.pem", own.cert.pem());
    let key = file("key.pem", own.signing_key.serialize_pem());
    let tls = format!("ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key}");
    let nginx = Nginx::listening(&server.address, &tls, "");
    let url = format!("https://{}/events?topic=a", nginx.address);

    let report = Report::with(&["--cacert", &certificate], &url);
    report
        .ends_with(0)
        .has("connections", "ok", "HTTP/2")
        .has("arrival", "ok", "5 events of ours")
        .has("resume", "ok", "events after");
    let unknown = Report::of(&url);
    unknown.ends_with(1).has("status", "error", "certificate");

    server.publish("topic=a", "1");
    let arguments = [
        "tail",
        "--cacert",
        &certificate,
        "-o",
        "data",
        "--max-events",
        "1",
    ];
    let earliest = format!("{url}&start=earliest");
    let tail = run(&[&arguments[..], &[&earliest]].concat());
    assert_eq!((tail.status.code(), text(&tail.stdout)), (Some(0), "1\n"));
}
