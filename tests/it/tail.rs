//! The examples `tail` and `tail_async_std`, run against a server that fails as it is told.

use std::io::{BufRead, Read};

use serde_json::Value;
use ssewire::Event;

use crate::common::example::{Running, example};
use crate::common::recorded::{check_events, recordings, text};
use crate::common::server::{Connection, OPEN, Server, answer, nobody};
use crate::common::tail::{ends_with, rows, run};

rows![
    events_are_lines_of_json,
    a_line_is_there_at_once,
    whoever_reads_may_go,
    it_ends_with_a_204,
    it_ends_with_a_204_behind_a_cut_off_event,
    it_ends_with_an_event,
    it_ends_after_so_many_events,
    cut_off_and_not_tried_again,
    an_answer_that_is_no_stream,
    a_timeout,
    nobody_listens,
    no_character_controls_the_terminal,
    a_verbose_run_traces_each_attempt,
    an_event_too_large,
    bad_arguments,
    the_request_is_what_the_arguments_say,
    it_reconnects_when_it_is_told_to,
    a_browser_takes_a_503_for_fatal,
    #[ignore = "needs SSE_REAL, the folder of recorded streams"]
    recorded_streams_are_printed,
];

fn line(data: &str) -> String {
    format!("{{\"type\":\"message\",\"data\":\"{data}\",\"id\":null}}\n")
}

/// Serves an answer whole, always the same.
fn answering(status: &str, headers: &[&str], body: &str) -> Server {
    Server::saying(answer(status, headers, body))
}

/// Serves an event stream that stays open.
fn staying(body: &'static str) -> Server {
    Server::start(move |connection| {
        connection.open();
        connection.send(body);
        connection.wait_for_end();
    })
}

const EVENTS: &str = "content-type: text/event-stream";

fn events_are_lines_of_json(tail: &str) {
    let server = answering(
        "200 OK",
        &[EVENTS],
        "data: plain\n\n: comment\nretry: 5\n\nid: 7\nevent: t\ndata: a\"b\r\ndata: \u{e9}\u{2028}\n\n\
        data: same id\n\nid\ndata: reset\n\n",
    );
    let (stdout, stderr) = ends_with(0, tail, &["--reconnect", "never", &server.url("/")]);
    assert_eq!(
        stdout,
        "{\"type\":\"message\",\"data\":\"plain\",\"id\":null}\n\
        {\"type\":\"t\",\"data\":\"a\\\"b\\n\u{e9}\u{2028}\",\"id\":\"7\"}\n\
        {\"type\":\"message\",\"data\":\"same id\",\"id\":\"7\"}\n\
        {\"type\":\"message\",\"data\":\"reset\",\"id\":\"\"}\n"
    );
    let url = server.url("/");
    assert_eq!(
        stderr,
        format!("connecting: {url}\nopen: 200 OK\nclosed: {url}: the stream ended\n")
    );
}

fn a_line_is_there_at_once(tail: &str) {
    let server = Server::start(move |connection| {
        connection.open();
        connection.send("data: 1\n\n");
        connection.wait_until_told();
        connection.send("data: 2\n\n");
        connection.wait_for_end();
    });
    let arguments = ["--until", "2", &server.url("/")];
    let mut running = Running::start(example(tail).args(arguments));
    let mut stdout = running.stdout();
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert_eq!(first, line("1"));
    server.tell();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, line("2"));
    assert_eq!(running.output().status.code(), Some(0));
}

fn whoever_reads_may_go(tail: &str) {
    let server = Server::start(|connection| {
        connection.open();
        while connection.send("data: x\n\n") {}
        connection.wait_for_end();
    });
    let mut running = Running::start(example(tail).arg(server.url("/")));
    let mut stdout = running.stdout();
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    assert_eq!(running.output().status.code(), Some(0));
    server.wait_for_closed(1);
}

fn it_ends_with_a_204(tail: &str) {
    let server = answering("204 No Content", &[], "");
    let url = server.url("/");
    let (stdout, stderr) = ends_with(0, tail, &[&url]);
    assert_eq!(stdout, "");
    let last =
        format!("closed: {url}: the response has status 204, which tells a client to stop\n");
    assert!(stderr.ends_with(&last), "{stderr}");
}

fn it_ends_with_a_204_behind_a_cut_off_event(tail: &str) {
    let server = Server::start(|connection| {
        connection.send(match connection.number() {
            0 => format!("{OPEN}retry: 1\ndata: 1\n\ndata: cut"),
            _ => answer("204 No Content", &[], ""),
        });
    });
    // The server has said that there is no more, the cut off event included.
    let (stdout, _) = ends_with(0, tail, &[&server.url("/")]);
    assert_eq!(stdout, line("1"));
}

fn it_ends_with_an_event(tail: &str) {
    let server = staying("data: 1\n\ndata: [DONE]\n\ndata: beyond\n\ndata: half");
    let (stdout, _) = ends_with(0, tail, &["--until", "[DONE]", &server.url("/")]);
    assert_eq!(stdout, line("1") + &line("[DONE]"));
    server.wait_for_closed(1);
}

fn it_ends_after_so_many_events(tail: &str) {
    let server = staying("data: 1\n\ndata: 2\n\ndata: 3\n\ndata: half");
    let (stdout, _) = ends_with(0, tail, &["--max-events", "2", &server.url("/")]);
    assert_eq!(stdout, line("1") + &line("2"));
    server.wait_for_closed(1);
}

fn cut_off_and_not_tried_again(tail: &str) {
    // In the midst of a chunk, of an event, and of a body of known length.
    let chunked = Server::start(|connection| {
        connection.open_chunked();
        connection.chunk("data: 1\n\n");
    });
    let closed = Server::start(|connection| {
        connection.open();
        connection.send("data: 1\n\ndata: cut");
    });
    let short = Server::start(|connection| {
        let head = OPEN.trim_end();
        connection.send(format!("{head}\r\ncontent-length: 100\r\n\r\ndata: 1\n\n"));
    });
    for server in [&chunked, &closed, &short] {
        for arguments in [&["-d", "x"][..], &["-X", "POST"], &["--reconnect", "never"]] {
            let url = server.url("/");
            let (stdout, stderr) = ends_with(18, tail, &[arguments, &[&url]].concat());
            assert_eq!(stdout, line("1"), "{stderr}");
        }
        assert_eq!(server.accepted(), 3);
    }
}

fn an_answer_that_is_no_stream(tail: &str) {
    let server = answering("404 Not Found", &[], "no such\nstream");
    let (stdout, stderr) = ends_with(22, tail, &[&server.url("/")]);
    assert_eq!(stdout, "");
    let url = server.url("/");
    let lines =
        format!("closed: {url}: the response has status 404\nthe response says: \"no such\"\n");
    assert!(stderr.ends_with(&lines), "{stderr}");

    let server = answering("200 OK", &["content-type: text/html"], "<html>");
    let (_, stderr) = ends_with(22, tail, &[&server.url("/")]);
    assert!(stderr.contains("not of type text/event-stream"), "{stderr}");

    let server = answering("503 Service Unavailable", &[], "");
    ends_with(22, tail, &["--max-attempts", "1", &server.url("/")]);
    let server = answering("301 Moved Permanently", &[], "");
    ends_with(22, tail, &[&server.url("/")]);
}

fn a_timeout(tail: &str) {
    let server = staying("data: 1\n\n");
    let url = server.url("/");
    let idle = ["--idle-timeout", "0.2"];
    let (stdout, _) = ends_with(
        28,
        tail,
        &[&idle[..], &["--reconnect", "never", &url]].concat(),
    );
    assert_eq!(stdout, line("1"));
    server.wait_for_closed(1);

    let server = Server::start(Connection::wait_for_end);
    let url = server.url("/");
    ends_with(
        28,
        tail,
        &[&idle[..], &["--max-attempts", "1", &url]].concat(),
    );
}

fn nobody_listens(tail: &str) {
    let (url, _socket) = nobody();
    let (_, stderr) = ends_with(7, tail, &["--max-attempts", "2", &url]);
    assert_eq!(stderr.matches("retrying in ").count(), 1, "{stderr}");
    assert!(
        stderr.contains(&format!("closed: {url}: gave up after 2 attempts")),
        "{stderr}"
    );
    ends_with(7, tail, &["--reconnect", "never", &url]);
}

fn no_character_controls_the_terminal(tail: &str) {
    // C0, DEL, C1 and marks of direction, as text and as bytes that are no UTF-8.
    let hostile = "\u{1b}]0;x\u{7}\u{7f}\u{80}\u{9b}2J\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}";
    let event = format!("event: {hostile}\nid: {hostile}\ndata: {hostile}\n\n");
    let server = answering("200 OK", &[EVENTS], &event);
    let url = server.url("/");
    let (stdout, stderr) = ends_with(0, tail, &["--reconnect", "never", &url]);
    let line: Value = serde_json::from_str(&stdout).unwrap();
    for field in ["type", "data", "id"] {
        assert_eq!(line[field].as_str(), Some(hostile), "the text is the same");
    }
    let page = answering("404 Not Found", &[], hostile);
    let other = answering("200 OK", &[&format!("content-type: {hostile}")[..25]], "");
    let json = answering("200 OK", &[EVENTS], &format!("{{\"{hostile}"));
    let mut shown = vec![stdout, stderr];
    for server in [page, other, json] {
        let output = run(tail, &["--reconnect", "never", &server.url("/")]);
        shown.push(String::from_utf8(output.stdout).unwrap());
        shown.push(String::from_utf8(output.stderr).unwrap());
    }
    for text in shown {
        let controls = |character: &char| {
            character.is_control() && *character != '\n'
                || hostile.contains(*character) && !character.is_ascii()
        };
        assert_eq!(text.chars().find(controls), None, "{text:?}");
    }
}

fn a_verbose_run_traces_each_attempt(tail: &str) {
    let (url, _socket) = nobody();
    let (_, stderr) = ends_with(7, tail, &["-v", "--max-attempts", "2", &url]);
    for traced in [
        "connecting",
        "attempt=1",
        "attempt=2",
        "WARN",
        "gave up after 2 attempts",
    ] {
        assert!(stderr.contains(traced), "{stderr}");
    }
}

fn an_event_too_large(tail: &str) {
    let server = Server::start(|connection| {
        connection.open();
        connection.send("data: 1\n\ndata: ");
        while connection.send("x".repeat(100)) {}
        connection.wait_for_end();
    });
    let (stdout, _) = ends_with(63, tail, &["--max-event-bytes", "1000", &server.url("/")]);
    assert_eq!(stdout, line("1"));
    server.wait_for_closed(1);
    assert_eq!(server.accepted(), 1);
}

fn bad_arguments(tail: &str) {
    let url = "http://127.0.0.1:1/";
    for arguments in [
        &[][..],
        &["--nonsense", url],
        &[url, url],
        &["ftp://127.0.0.1/"],
        &["127.0.0.1:1"],
        &["http://"],
        &["-H", "no colon", url],
        &["-H", "a b: c", url],
        &["-H", "a: b\nc: d", url],
        &["-X", "A B", url],
        &["-X", "", url],
        &["--max-events", "0", url],
        &["--max-events", "-1", url],
        &["--max-attempts", "0", url],
        &["--max-attempts", "x", url],
        &["--idle-timeout", "0", url],
        &["--idle-timeout", "-1", url],
        &["--idle-timeout", "NaN", url],
        &["--idle-timeout", "soon", url],
        &["--max-event-bytes", "x", url],
        &["--reconnect", "sometimes", url],
        &["--last-event-id", "a\nb", url],
        &["--cacert", "/no/such/file", url],
        &[
            "--cacert",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            url,
        ],
    ] {
        let (stdout, stderr) = ends_with(2, tail, arguments);
        assert_eq!(stdout, "", "{arguments:?}");
        assert!(!stderr.is_empty(), "{arguments:?}");
    }
    let (stdout, _) = ends_with(0, tail, &["--help"]);
    assert!(stdout.contains("--last-event-id"), "{stdout}");
}

fn the_request_is_what_the_arguments_say(tail: &str) {
    let server = answering("204 No Content", &[], "");
    let url = server.url("/a?b");
    ends_with(0, tail, &[&url]);
    ends_with(0, tail, &["-d", "{\"a\": \"\u{e9}\"}", &url]);
    ends_with(0, tail, &["-X", "REPORT", "-d", "x", &url]);
    let headers = [
        "-H",
        "X-Key: a: b",
        "-H",
        "x-key:c",
        "--header",
        "User-Agent: me",
    ];
    ends_with(
        0,
        tail,
        &[&headers[..], &["--last-event-id", "\u{e9} 7", &url]].concat(),
    );
    let requests = server.requests();
    let sent = |number: usize| {
        let request = &requests[number];
        (request.method(), request.path(), &request.body[..])
    };
    assert_eq!(sent(0), ("GET", "/a?b", &b""[..]));
    assert_eq!(sent(1), ("POST", "/a?b", "{\"a\": \"\u{e9}\"}".as_bytes()));
    assert_eq!(sent(2), ("REPORT", "/a?b", &b"x"[..]));
    assert_eq!(requests[3].values("x-key"), [&b"a: b"[..], b"c"]);
    assert_eq!(requests[3].header("user-agent"), Some("me"));
    assert_eq!(requests[3].header("last-event-id"), Some("\u{e9} 7"));
    assert_eq!(requests[0].header("last-event-id"), None);
}

fn it_reconnects_when_it_is_told_to(tail: &str) {
    let server = || {
        Server::start(|connection| {
            match connection.number() {
                0 => connection.open_chunked() && connection.chunk("retry: 1\n\n"),
                1 => connection.open_chunked() && connection.chunk("id: 1\ndata: 1\n\n"),
                _ => connection.send(answer("204 No Content", &[], "")),
            };
        })
    };
    for (when, code, requests) in [
        ("always", 0, 3),
        ("until-first-event", 18, 2),
        ("never", 18, 1),
    ] {
        let server = server();
        let url = server.url("/");
        let (_, stderr) = ends_with(code, tail, &["-d", "x", "--reconnect", when, &url]);
        assert_eq!(server.accepted(), requests, "{when}: {stderr}");
        assert!(server.requests().iter().all(|request| request.body == b"x"));
    }
}

fn a_browser_takes_a_503_for_fatal(tail: &str) {
    let server = answering("503 Service Unavailable", &["retry-after: 0"], "");
    ends_with(22, tail, &["--browser", &server.url("/")]);
    assert_eq!(server.accepted(), 1);
}

fn recorded_streams_are_printed(tail: &str) {
    let list = recordings();
    for (expected, bytes) in &list {
        let name = text(expected, "file");
        let sent = bytes.clone();
        let server = Server::start(move |connection| connection.replay(&sent, true));
        let output = run(tail, &["--reconnect", "never", &server.url("/")]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        // Many of them end without the blank line that would end the last event.
        let is_whole = expected["ends_with_blank_line"] == Value::Bool(true);
        let code = output.status.code();
        assert!(
            code == Some(0) || code == Some(18) && !is_whole,
            "{name}: {code:?} {stderr}"
        );
        let events: Vec<_> = core::str::from_utf8(&output.stdout)
            .unwrap()
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let event = Event::new(text(&line, "data"));
                let event = event.with_type(text(&line, "type")).unwrap();
                match line["id"].as_str() {
                    Some(id) => event.with_id(id).unwrap(),
                    None => event,
                }
            })
            .collect();
        check_events(expected, &events, name);
    }
    println!(
        "SSE_REAL: {} files printed by {tail}, all right",
        list.len()
    );
}
