//! Runs the program, and talks to its server.
#![allow(dead_code, reason = "each test uses its own part of it")]
#![allow(
    clippy::indexing_slicing,
    reason = "what these tests need is there, or they fail"
)]

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};

use serde_json::Value;

use self::example::{Running, next_line};

#[path = "../../../tests/it/common/example.rs"]
pub(crate) mod example;

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ssewire"))
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Running::start(program().args(arguments)).output()
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) process: Running,
    pub(crate) address: String,
}

impl Server {
    /// Starts a server on any free port.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::launch(
            program()
                .args(["serve", "--listen", "127.0.0.1:0"])
                .args(options),
        )
    }

    pub(crate) fn launch(command: &mut Command) -> Self {
        let mut process = Running::start(command);
        let line = next_line(&mut process.stdout());
        let address = line
            .strip_prefix("http://")
            .and_then(|url| url.strip_suffix("/\n"));
        let address = address.unwrap_or_else(|| panic!("the first line is a URL: {line:?}"));
        Self {
            address: address.to_owned(),
            process,
        }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(&self.address).expect("it listens");
        let patience = Some(Duration::from_secs(20));
        socket.set_read_timeout(patience).expect("a timeout");
        socket
    }

    /// Sends a request, and returns the whole response.
    pub(crate) fn request(&self, line: &str, headers: &[&str], body: &[u8]) -> Response {
        let mut socket = self.connect();
        let mut head = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address
        );
        if !headers
            .iter()
            .any(|header| header.starts_with("transfer-encoding"))
        {
            head += &format!("content-length: {}\r\n", body.len());
        }
        for header in headers {
            head += &format!("{header}\r\n");
        }
        // It may respond before it has read everything.
        let _ = socket.write_all(&[head.as_bytes(), b"\r\n", body].concat());
        let mut bytes = Vec::new();
        let _ = socket.read_to_end(&mut bytes);
        Response::parse(&bytes)
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.request(&format!("GET {target}"), &[], b"")
    }

    /// Publishes, and returns the ID.
    pub(crate) fn publish(&self, query: &str, data: &str) -> String {
        let response = self.request(&format!("POST /publish?{query}"), &[], data.as_bytes());
        assert_eq!(response.status, 200, "{response:?}");
        let id = &response.json()["id"];
        id.as_str().expect("an ID").to_owned()
    }

    pub(crate) fn open(&self, target: &str, headers: &[&str]) -> Stream {
        let mut socket = self.connect();
        let mut head = format!("GET {target} HTTP/1.0\r\n");
        for header in headers {
            head += &format!("{header}\r\n");
        }
        head += "\r\n";
        socket.write_all(head.as_bytes()).expect("it reads");
        let mut lines = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).expect("a head"), 0, "{head}");
        }
        assert!(head.contains(" 200 "), "{head}");
        Stream { head, lines }
    }
}

/// An open event stream, without a transfer coding.
pub(crate) struct Stream {
    pub(crate) head: String,
    pub(crate) lines: BufReader<TcpStream>,
}

impl Stream {
    /// Reads the lines up to the next blank one, without comments. Empty at the end.
    pub(crate) fn block(&mut self) -> String {
        let mut block = String::new();
        loop {
            let line = next_line(&mut self.lines);
            match &*line {
                "" | "\n" => return block,
                comment if comment.starts_with(':') => {}
                field => block += field,
            }
        }
    }

    /// Reads the next event, and returns its data.
    pub(crate) fn data(&mut self) -> String {
        loop {
            let block = self.block();
            assert_ne!(block, "", "the stream has ended");
            let data: Vec<_> = block
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                .collect();
            if !data.is_empty() {
                return data.join("\n");
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {text:?}"));
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("no status in {head:?}")),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut named = lines.filter(|(of, _)| of.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{self:?}"
        );
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that this refuses something, and says why.
    pub(crate) fn refuses(&self, status: u16, why: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let json = self.json();
        let error = json["error"].as_str().expect("an error");
        assert!(error.contains(why), "{error:?} does not say {why:?}");
    }
}
