//! The examples, run as a user would run them.

use std::io::{BufRead, Write};
use std::process::Output;

#[path = "common/programs.rs"]
mod programs;

use programs::{Running, example};

/// Runs an example to its end. `input` must fit into a pipe, or be read as it comes.
fn run(name: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Running::start(example(name).args(arguments));
    let mut stdin = child.stdin();
    let input = input.to_vec();
    // On a thread of its own, since the example writes before it has read everything. It may also
    // stop reading, which is no concern here.
    let feeder = std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let output = child.output();
    let _ = feeder.join();
    output
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).expect("the output is UTF-8")
}

fn next_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line comes");
    line
}

#[test]
fn decode_prints_events_as_lines_of_json() {
    let wire = b"\xEF\xBB\xBFdata: plain\n\n: comment\nretry: 5\n\nid: 7\nevent: t\ndata: a\"b\r\ndata: \xC3\xA9\n\n\
        data: same id\n\nid\ndata: reset\n\ndata: cut off";
    let lines = "{\"type\":\"message\",\"data\":\"plain\",\"id\":null}\n\
        {\"type\":\"t\",\"data\":\"a\\\"b\\né\",\"id\":\"7\"}\n\
        {\"type\":\"message\",\"data\":\"same id\",\"id\":\"7\"}\n\
        {\"type\":\"message\",\"data\":\"reset\",\"id\":\"\"}\n";
    let output = run("decode", &[], wire);
    assert_eq!(text(&output.stdout), lines);
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));

    let output = run("decode", &["--flush-at-eof"], wire);
    let cut_off = "{\"type\":\"message\",\"data\":\"cut off\",\"id\":null}\n";
    assert_eq!(text(&output.stdout), format!("{lines}{cut_off}"));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn decode_prints_each_event_at_once_however_it_arrives() {
    let mut decode = Running::start(&mut example("decode"));
    let (mut stdin, mut stdout) = (decode.stdin(), decode.stdout());
    // Without a line feed anywhere, so that nothing that waits for one would pass.
    for number in 0..3 {
        for byte in format!("data: {number}\r\r").bytes() {
            stdin.write_all(&[byte]).unwrap();
            stdin.flush().unwrap();
        }
        let line = next_line(&mut stdout);
        assert_eq!(
            line,
            format!("{{\"type\":\"message\",\"data\":\"{number}\",\"id\":null}}\n")
        );
    }
    drop(stdin);
    assert_eq!(next_line(&mut stdout), "");
    assert_eq!(decode.output().status.code(), Some(0));
}

#[test]
fn decode_skips_an_event_too_large_and_says_so() {
    let wire = format!("data: {}\n\ndata: next\n\n", "x".repeat(17 << 20));
    let output = run("decode", &[], wire.as_bytes());
    let next = "{\"type\":\"message\",\"data\":\"next\",\"id\":null}\n";
    assert_eq!(text(&output.stdout), next);
    let message = "decode: event is larger than max_event_bytes; skipped\n";
    assert_eq!(
        (text(&output.stderr), output.status.code()),
        (message, Some(0))
    );
}

#[test]
fn decode_and_encode_refuse_unknown_arguments() {
    for (name, argument) in [("decode", "--flush"), ("encode", "file")] {
        let output = run(name, &[argument], b"");
        assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
        let message = text(&output.stderr);
        assert!(
            message.contains(argument) && message.contains("usage"),
            "{message}"
        );
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    for (name, input) in [("decode", "data: x\n\n"), ("encode", "{\"data\":\"x\"}\n")] {
        let mut child = Running::start(&mut example(name));
        let mut stdin = child.stdin();
        drop(child.stdout());
        // It notices at a write, and its own end then shows as a pipe that breaks.
        while stdin.write_all(input.as_bytes()).is_ok() {}
        let output = child.output();
        assert_eq!(
            (text(&output.stderr), output.status.code()),
            ("", Some(0)),
            "{name}"
        );
    }
}

#[test]
fn encode_writes_frames() {
    let lines = "{\"data\":\"plain\"}\n\
        \n\
        {\"type\":\"t\",\"data\":\"a\\r\\nb\",\"id\":\"7\"}\r\n\
        {\"type\":null,\"data\":\"\",\"id\":null}\n\
        {\"comment\":\" hi\"}\n\
        {\"retry\":3000}";
    let output = run("encode", &[], lines.as_bytes());
    let wire =
        "data: plain\n\nid: 7\nevent: t\ndata: a\ndata: b\n\ndata: \n\n: hi\n\nretry: 3000\n\n";
    assert_eq!(text(&output.stdout), wire);
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
}

#[test]
fn encode_says_which_line_is_wrong() {
    let rows: [(&[u8], &str); 10] = [
        (b"{\"data\":", "EOF while parsing"),
        (b"[1]", "invalid type"),
        (b"\"\xFF\"", "invalid"),
        (b"{}", "no \"data\", \"comment\" or \"retry\""),
        (b"{\"data\":1}", "\"data\" is no string"),
        (b"{\"data\":\"x\",\"id\":5}", "\"id\" is no string"),
        (
            b"{\"data\":\"x\",\"type\":\"a\\nb\"}",
            "event contains a line feed at byte 1",
        ),
        (
            b"{\"data\":\"x\",\"id\":\"a\\u0000\"}",
            "id contains a NUL at byte 1",
        ),
        (
            b"{\"retry\":-1}",
            "\"retry\" is no whole number of milliseconds",
        ),
        (b"{\"data\":\"x\",\"event\":\"t\"}", "unexpected \"event\""),
    ];
    for (line, reason) in rows {
        let output = run(
            "encode",
            &[],
            &[b"{\"data\":\"first\"}\n", line, b"\n"].concat(),
        );
        assert_eq!(
            text(&output.stdout),
            "data: first\n\n",
            "what came before is out"
        );
        let message = text(&output.stderr);
        assert!(message.starts_with("encode: line 2: "), "{message}");
        assert!(message.contains(reason), "{message}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn what_encode_writes_decode_reads() {
    let lines = "{\"type\":\"t\",\"data\":\" α\\n\\nβ\\n\",\"id\":\"1\"}\n\
        {\"type\":\"message\",\"data\":\"\",\"id\":\"1\"}\n";
    let encoded = run("encode", &[], lines.as_bytes());
    assert_eq!(text(&run("decode", &[], &encoded.stdout).stdout), lines);
}

#[test]
fn embed_prints_events_and_where_to_go_on() {
    let output = run(
        "embed",
        &[],
        b"id: 7\nevent: greeting\ndata: hi\n\nretry: 2000\n\n",
    );
    let expected =
        "greeting: hi\n(reconnect after 2s)\n(next time, go on after event Some(\"7\"))\n";
    assert_eq!(
        (text(&output.stdout), output.status.code()),
        (expected, Some(0))
    );
}

#[cfg(all(feature = "tokio", feature = "hyper"))]
mod stockprice {
    use std::io::{BufReader, Read};
    use std::net::TcpStream;

    use ssewire::server::EventId;
    use ssewire::{Decoder, Event, FrameRef};

    use super::*;

    /// Starts the server on any free port, and returns its address as it prints it.
    fn start() -> (Running, String) {
        let mut server = Running::start(example("stockprice").arg("0"));
        let line = next_line(&mut server.stdout());
        let address = line
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix("/\n"));
        let address = address.expect("the first line is a URL").to_owned();
        (server, address)
    }

    /// Sends a request and returns the head of the answer, and its body still to be read.
    fn request(address: &str, line: &str) -> (String, BufReader<TcpStream>) {
        let mut socket = TcpStream::connect(address).expect("the server listens");
        write!(
            socket,
            "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .expect("the server reads");
        let mut answer = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let line = next_line(&mut answer);
            assert!(!line.is_empty(), "the head ends early: {head}");
            head.push_str(&line);
        }
        (head.to_ascii_lowercase(), answer)
    }

    /// Reads one chunk of a chunked body.
    fn chunk(body: &mut impl BufRead) -> Vec<u8> {
        let len = usize::from_str_radix(next_line(body).trim_end(), 16).expect("a chunk's length");
        let mut chunk = vec![0; len];
        body.read_exact(&mut chunk).expect("a chunk is whole");
        assert_eq!(next_line(body), "\r\n");
        chunk
    }

    /// Returns the events of a body as they come.
    fn events(mut body: impl BufRead) -> impl Iterator<Item = Event> {
        let mut decoder = Decoder::new();
        core::iter::repeat_with(move || {
            let chunk = chunk(&mut body);
            let mut input = &*chunk;
            let mut events = Vec::new();
            while let Some(frame) = decoder.decode(&mut input).expect("a sound stream") {
                if let FrameRef::Event(event) = frame {
                    events.push(event.to_event());
                }
            }
            events
        })
        .flatten()
    }

    fn id(event: &Event) -> EventId {
        event
            .id()
            .and_then(|id| id.parse().ok())
            .expect("the ID is one that a hub gives")
    }

    #[test]
    fn prices_come_with_id_event_and_data() {
        let (_server, address) = start();
        let (head, mut body) = request(&address, "GET /price");
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        for header in [
            "content-type: text/event-stream",
            "cache-control: no-cache",
            "x-accel-buffering: no",
        ] {
            assert!(
                head.contains(&format!("\r\n{header}\r\n")),
                "{header} is missing: {head}"
            );
        }
        let opening = chunk(&mut body);
        assert!(
            opening.starts_with(b":"),
            "the first byte waits for no price"
        );

        let events: Vec<_> = events(body).take(4).collect();
        for (event, symbol) in events.iter().zip(["AAPL", "AMZN", "AAPL", "AMZN"]) {
            assert_eq!(event.event_type(), symbol);
            event.data().parse::<f64>().expect("the data is a price");
        }
        assert!(events.is_sorted_by_key(id), "{events:?}");
    }

    #[test]
    fn everyone_sees_the_same_prices() {
        let (_server, address) = start();
        let (mut one, mut other) = (
            events(request(&address, "GET /price").1),
            events(request(&address, "GET /price").1),
        );
        let (mut a, mut b) = (one.next().unwrap(), other.next().unwrap());
        // They need not have begun at the same price.
        for _ in 0..3 {
            while id(&a) != id(&b) {
                let (late, prices) = if id(&a) < id(&b) {
                    (&mut a, &mut one)
                } else {
                    (&mut b, &mut other)
                };
                *late = prices.next().unwrap();
            }
            assert_eq!(a, b);
            (a, b) = (one.next().unwrap(), other.next().unwrap());
        }
    }

    #[test]
    fn the_page_listens_to_the_prices() {
        let (_server, address) = start();
        let (head, mut body) = request(&address, "GET /");
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        assert!(
            head.contains("\r\ncontent-type: text/html; charset=utf-8\r\n"),
            "{head}"
        );
        let mut page = String::new();
        body.read_to_string(&mut page).unwrap();
        assert!(page.contains("new EventSource(\"/price\")"));
    }

    #[test]
    fn other_paths_and_methods_are_not_found() {
        let (_server, address) = start();
        for line in ["GET /prices", "POST /price"] {
            assert!(
                request(&address, line)
                    .0
                    .starts_with("http/1.1 404 not found\r\n")
            );
        }
    }

    #[test]
    fn a_bad_port_is_refused() {
        for port in ["eighty", "65536", "-1", ""] {
            let output = run("stockprice", &[port], b"");
            let message = text(&output.stderr);
            assert_eq!(
                message,
                "stockprice: the port must be a number from 0 to 65535\n"
            );
            assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
        }
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let (_server, address) = start();
        let port = address.rsplit(':').next().unwrap();
        let output = run("stockprice", &[port], b"");
        let message = text(&output.stderr);
        assert!(message.starts_with(&format!("stockprice: cannot listen on port {port}: ")));
        assert_eq!(output.status.code(), Some(1));
    }
}
