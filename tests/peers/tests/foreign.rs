//! Clients of other people behind nginx, through a restart of the chat.
//!
//! `SSE_PYTHON` is a Python that has httpx-sse, and `SSE_NODE` a folder in which npm has installed
//! `eventsource` and `@microsoft/fetch-event-source`. Without them, `python3` and the current folder.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what these tests need is there, or they fail"
)]

use core::time::Duration;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};

use self::example::example;

#[path = "../../it/common/example.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod example;

#[test]
#[ignore = "needs nginx, python3 and node"]
fn foreign_clients_miss_nothing_while_the_chat_restarts_behind_nginx() {
    let (server, address) = chat("0");
    let (nginx, proxy) = nginx(&address);
    let mut clients: Vec<_> = clients(&proxy);
    for client in &mut clients {
        client.wait_for("it is open", |line| line["open"] == 200);
    }
    // Each name is here: nobody's subscription starts after the first message.
    for client in &mut clients {
        for name in NAMES {
            client.wait_until(name, |line| {
                line["event"] == "here" && text(&line["data"]).contains(name)
            });
        }
    }
    broadcast(&proxy, "one");
    broadcast(&proxy, "two");
    for client in &mut clients {
        client.wait_for_message("two");
    }

    drop(server);
    for client in &mut clients {
        client.wait_for("it waits as the server asks", |line| line["wait"] == 1000);
        // Nothing but nginx responds to the next attempt.
        let wait = client.wait_after_nginx;
        client.wait_for("it waits as nginx asks", |line| line["wait"] == wait);
    }
    let (_, port) = address.rsplit_once(':').unwrap();
    let _server = chat(port);
    broadcast(&proxy, "in between");
    for client in &mut clients {
        client.wait_for_message("in between");
    }
    broadcast(&proxy, "last");
    for client in &mut clients {
        client.wait_for_message("last");
    }
    drop(nginx);

    for client in &clients {
        let messages: Vec<_> = client.seen.iter().filter_map(message).collect();
        let name = client.name;
        assert_eq!(messages, ["one", "two", "in between", "last"], "{name}");
        let gaps = client.seen.iter().filter(|line| line["event"] == "gap");
        assert_eq!(
            gaps.count(),
            1,
            "{name}: the log of the first server is gone"
        );
        // The block of the position, which has an ID and no data: these two do not follow the standard.
        let is_position = |line: &Value| line["data"] == "" && !text(&line["id"]).is_empty();
        let takes_it_for_an_event = client.seen.iter().any(is_position);
        assert_eq!(takes_it_for_an_event, name != "eventsource", "{name}");
        let is_phantom = |line: &&Value| line["data"] == "" && line["id"] == "";
        let phantom = client.seen.iter().find(is_phantom);
        assert_eq!(phantom, None, "{name}: an event that nobody sent");
    }
}

/// A client, with what it has printed and the test has waited for.
struct Client {
    name: &'static str,
    wait_after_nginx: u64,
    lines: Receiver<Value>,
    seen: Vec<Value>,
    _process: Process,
}

impl Client {
    fn start(name: &'static str, wait_after_nginx: u64, command: &mut Command, url: &str) -> Self {
        let url = format!("{url}/chat/sse?username={name}");
        let mut process = Process::start(command.arg(url));
        let output = BufReader::new(process.0.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| json!({ "text": line }));
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            name,
            wait_after_nginx,
            lines,
            seen: Vec::new(),
            _process: process,
        }
    }

    fn wait_for(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) {
        loop {
            let Ok(line) = self.lines.recv_timeout(Duration::from_secs(30)) else {
                panic!("{}: {what}: never, only {:#?}", self.name, self.seen);
            };
            let found = is_it(&line);
            self.seen.push(line);
            if found {
                return;
            }
        }
    }

    /// Waits as [`wait_for`](Self::wait_for) does, unless it has been seen already.
    fn wait_until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) {
        if !self.seen.iter().any(&is_it) {
            self.wait_for(what, is_it);
        }
    }

    fn wait_for_message(&mut self, text: &str) {
        self.wait_for(text, |line| message(line).as_deref() == Some(text));
    }
}

fn clients(proxy: &str) -> Vec<Client> {
    let url = format!("http://{proxy}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
    let python = env::var_os("SSE_PYTHON").unwrap_or_else(|| "python3".into());
    let modules = env::var_os("SSE_NODE").unwrap_or_else(|| ".".into());
    let node = |script| {
        let mut node = Command::new("node");
        node.arg(folder.join(script)).env("SSE_NODE", &modules);
        node
    };
    let [httpx, eventsource, fetch] = NAMES;
    let script = folder.join("httpx_sse_client.py");
    vec![
        // It sees a reconnection time only in a block that has ended, and nginx ends none.
        Client::start(httpx, 1000, Command::new(python).arg(script), &url),
        Client::start(eventsource, 1500, &mut node("eventsource.cjs"), &url),
        Client::start(fetch, 1500, &mut node("fetch_event_source.cjs"), &url),
    ]
}

/// Returns the text of a message to everybody.
fn message(line: &Value) -> Option<String> {
    if line["event"] != "broadcast" {
        return None;
    }
    let data: Value = serde_json::from_str(text(&line["data"])).unwrap();
    data["Message"].as_str().map(str::to_owned)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn broadcast(proxy: &str, message: &str) {
    let message = message.replace(' ', "%20");
    let mut socket = TcpStream::connect(proxy).unwrap();
    let request = format!(
        "POST /chat/broadcast?from=eve&message={message} HTTP/1.1\r\nHost: {proxy}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).unwrap();
    assert!(response.contains("success"), "{response}");
}

/// Starts the chat, and returns its address too.
fn chat(port: &str) -> (Process, String) {
    let mut chat = Process::start(example("chat").arg(port));
    let mut line = String::new();
    let output = chat.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let address = line.trim_end().trim_start_matches("http://");
    (chat, address.trim_end_matches('/').to_owned())
}

/// Starts nginx in front of a server, and returns its address too.
fn nginx(server: &str) -> (Nginx, String) {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let config = include_str!("../foreign/nginx.conf")
        .replace("LISTEN", &address)
        .replace("SERVER;", &format!("{server};"));
    let path = folder.path().join("nginx.conf");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder.path()).arg("-c").arg(&path);
    command.args(["-e", "error.log"]);
    let nginx = Nginx {
        process: Process::start(&mut command),
        _folder: folder,
    };
    for _ in 0..100 {
        if TcpStream::connect(&address).is_ok() {
            return (nginx, address);
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("nginx does not listen on {address}");
}

/// A running nginx and its folder.
struct Nginx {
    process: Process,
    _folder: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker ends only if it is told to.
        let id = self.process.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.process.0.wait();
    }
}

/// A program that ends with this.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdout(Stdio::piped())
                .spawn()
                .expect("it is installed"),
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const NAMES: [&str; 3] = ["httpx-sse", "eventsource", "fetch-event-source"];
