//! The examples, run as a user would run them.

use std::io::Write;

use crate::common::example::{Running, example, next_line, run, text};

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
    let message = "decode: an event is larger than max_event_bytes; skipped\n";
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
