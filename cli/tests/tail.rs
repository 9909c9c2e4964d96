//! `ssewire tail`, beside what `tests/it/tail.rs` holds for the examples that share its code.

#![allow(
    clippy::unwrap_used,
    reason = "what these tests need is there, or they fail"
)]

mod common;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use self::common::example::{Running, next_line, text};
use self::common::{Server, program, run};

/// Runs `ssewire tail` to its end, with exit code 0, and returns stdout and stderr.
fn tail(arguments: &[&str]) -> (String, String) {
    let output = run(&[&["tail"], arguments].concat());
    let stderr = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    (text(&output.stdout).to_owned(), stderr)
}

#[test]
fn each_form_prints_the_events() {
    let server = Server::start(&[]);
    let ids = [
        server.publish("topic=a", "one\ntwo"),
        server.publish("topic=a&type=t", "\u{1b}[2J\u{e9}"),
    ];
    let url = server.url("/events?topic=a&start=earliest");
    let print = |form: &str| tail(&["--max-events", "2", "--output", form, &url]).0;
    let [first, second] = &ids;
    assert_eq!(print("data"), "one\ntwo\n\u{1b}[2J\u{e9}\n");
    assert_eq!(
        print("raw"),
        format!(
            "id: {first}\ndata: one\ndata: two\n\nid: {second}\nevent: t\ndata: \u{1b}[2J\u{e9}\n\n"
        )
    );
    let json = format!(
        "{{\"type\":\"message\",\"data\":\"one\\ntwo\",\"id\":\"{first}\"}}\n\
        {{\"type\":\"t\",\"data\":\"\\u001b[2J\u{e9}\",\"id\":\"{second}\"}}\n"
    );
    assert_eq!(print("json"), json);
    // Not a terminal: JSON without being asked.
    assert_eq!(tail(&["--max-events", "2", &url]).0, json);
}

#[test]
fn only_events_of_a_type_are_printed_and_counted() {
    let server = Server::start(&["--max-events", "5"]);
    let lost = server.publish("topic=a", "lost");
    for data in ["1", "2", "3"] {
        server.publish("topic=a&type=t", data);
        server.publish("topic=a&type=u", data);
    }
    let url = server.url(&format!("/events?topic=a&last_event_id={lost}"));
    let arguments = ["--event", "t", "--max-events", "2", "-o", "data", &url];
    let (stdout, stderr) = tail(&arguments);
    assert_eq!(stdout, "2\n3\n");
    // A loss is told even so.
    assert!(stderr.contains("gap: the server says"), "{stderr}");
    let (stdout, _) = tail(&["--event", "u", "--until", "3", "-o", "data", &url]);
    assert_eq!(stdout, "1\n2\n3\n");
}

#[test]
fn quiet_is_quiet() {
    let server = Server::start(&[]);
    server.publish("topic=a", "1");
    let url = server.url("/events?topic=a&start=earliest");
    let (stdout, stderr) = tail(&["--quiet", "--max-events", "1", "-o", "data", &url]);
    assert_eq!((&*stdout, &*stderr), ("1\n", ""));
    let nobody = "http://127.0.0.1:1/";
    let output = run(&["tail", "-q", "--max-attempts", "1", nobody]);
    assert_eq!((output.status.code(), &*output.stderr), (Some(7), &b""[..]));
}

#[test]
fn a_terminal_gets_lines_for_a_reader() {
    let server = Server::start(&[]);
    server.publish("topic=a&type=price", "\u{1b}[2Jone\ntwo");
    let url = server.url("/events?topic=a&start=earliest");
    // `script` gives it a terminal.
    let on_terminal = |environment: &str| {
        let tail = env!("CARGO_BIN_EXE_ssewire");
        let line = format!("{environment} {tail} tail --max-events 1 '{url}'");
        let mut script = Command::new("script");
        script
            .args(["-qec", &line, "/dev/null"])
            .env_remove("NO_COLOR")
            .env("TERM", "xterm");
        let output = Running::start(&mut script).output();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let plain = on_terminal("NO_COLOR=1");
    let line = plain.lines().find(|line| line.contains("price")).unwrap();
    assert!(line.ends_with("Z price \\u001b[2Jone\\ntwo"), "{plain:?}");
    assert!(!line.contains('\u{1b}'), "{line:?}");
    let colored = on_terminal("");
    assert!(colored.contains("\u{1b}[36mprice\u{1b}[0m"), "{colored:?}");
    assert!(!colored.contains("\u{1b}[2J"), "{colored:?}");
}

#[test]
fn a_terminal_sees_how_long_the_wait_is() {
    let line = format!(
        "{} tail --max-attempts 2 http://127.0.0.1:1/",
        env!("CARGO_BIN_EXE_ssewire")
    );
    let mut script = Command::new("script");
    let output = Running::start(script.args(["-qec", &line, "/dev/null"])).output();
    assert_eq!(output.status.code(), Some(7));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("next attempt in 1 s"), "{shown:?}");
    // The line is taken away before the next one.
    assert!(shown.contains("\r\u{1b}[Kclosed: "), "{shown:?}");
}

#[test]
fn the_state_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    let server = Server::start(&[]);
    let url = server.url("/events?topic=a&start=earliest");
    for data in ["1", "2", "3"] {
        server.publish("topic=a", data);
    }
    let next = || tail(&["--state", state, "--max-events", "1", "-o", "data", &url]).0;
    assert_eq!(next(), "1\n");
    assert_eq!(next(), "2\n");
    // A link stays one, and the state beats the option.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(state, &link).unwrap();
    let link_name = link.to_str().unwrap();
    let option = [
        "--state",
        link_name,
        "--last-event-id",
        "7",
        "--max-events",
        "1",
        "-o",
        "data",
        &url,
    ];
    assert_eq!(tail(&option).0, "3\n");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let id = fs::read_to_string(state).unwrap();
    assert_eq!(
        id,
        server.get("/topics").json()["position"]
            .as_str()
            .unwrap()
            .to_owned()
            + "\n"
    );

    // An ID that comes without an event, as a hub sends before the first one.
    let fresh = folder.path().join("fresh");
    fs::write(&fresh, "").unwrap();
    let live = server.url("/events?topic=a");
    let waits = Running::start(program().args(["tail", "--state", fresh.to_str().unwrap(), &live]));
    while fs::read_to_string(&fresh).unwrap() != id {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(waits);
}

#[test]
fn a_state_that_cannot_be_kept_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere/state");
    let nul = folder.path().join("nul");
    fs::write(&nul, "a\0b\n").unwrap();
    let binary = folder.path().join("binary");
    fs::write(&binary, b"\xFF\n").unwrap();
    for path in [&nowhere, &nul, &binary] {
        let path = path.to_str().unwrap();
        let output = run(&["tail", "--quiet", "--state", path, "http://127.0.0.1:1/"]);
        assert_eq!(output.status.code(), Some(2), "{path}");
        assert!(text(&output.stderr).starts_with("tail: "), "{path}");
    }
}

#[test]
fn what_cannot_be_written_ends_it() {
    let server = Server::start(&[]);
    server.publish("topic=a", "1");
    let url = server.url("/events?topic=a&start=earliest");
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = program()
        .args(["tail", "-q", &url])
        .stdout(full)
        .stderr(Stdio::null())
        .status();
    assert_eq!(status.unwrap().code(), Some(23));
    // Whoever reads the lines may have seen enough.
    let mut running = Running::start(program().args(["tail", &url]));
    let mut stdout = running.stdout();
    next_line(&mut stdout);
    drop(stdout);
    server.publish("topic=a", "2");
    let output = running.output();
    assert_eq!(output.status.code(), Some(0));
    assert!(!text(&output.stderr).contains("panicked"));
}

#[test]
fn nothing_is_lost_however_often_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (state, lines) = (folder.path().join("state"), folder.path().join("lines"));
    let server = Server::start(&["--max-events", "1000000", "--max-bytes", "1000000000"]);
    let url = server.url("/events?topic=a&start=earliest");
    let mut command = program();
    command.args([
        "tail",
        "--quiet",
        "--output",
        "data",
        "--state",
        state.to_str().unwrap(),
        &url,
    ]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let append = || {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&lines)
            .unwrap()
    };
    let is_over = AtomicBool::new(false);
    let last = std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut socket = server.connect();
            let mut published = 0;
            while !is_over.load(Ordering::Relaxed) {
                published += 1;
                publish(&mut socket, &published.to_string());
            }
            published
        });
        for kill in 0..200_u64 {
            let mut child = command.stdout(append()).spawn().unwrap();
            // Sometimes before it has connected, mostly within its events.
            std::thread::sleep(Duration::from_micros(kill * 7919 % 40_000));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        publisher.join().unwrap()
    });
    command.args(["--until", &last.to_string()]);
    assert!(command.stdout(append()).status().unwrap().success());

    let mut text = String::new();
    File::open(&lines)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let (mut seen, mut twice) = (0_u64, 0);
    for line in text.lines() {
        let number: u64 = line.parse().unwrap();
        match number {
            again if again == seen => twice += 1,
            next => {
                assert_eq!(next, seen + 1, "an event is lost");
                seen = next;
            }
        }
    }
    assert_eq!(seen, last);
    assert!(twice <= 200, "{twice} events came twice in 200 kills");
    assert!(
        last > 200,
        "{last} events are too few for this to prove something"
    );
}

/// Publishes over a connection that stays open.
fn publish(socket: &mut std::net::TcpStream, data: &str) {
    let length = data.len();
    let request = format!(
        "POST /publish?topic=a HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{data}"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let (mut response, mut buffer) = (Vec::new(), [0; 512]);
    while !response.ends_with(b"}\n") {
        let read = socket.read(&mut buffer).unwrap();
        response.extend_from_slice(buffer.get(..read).unwrap());
    }
    assert!(response.starts_with(b"HTTP/1.1 200 "));
}

#[test]
fn a_stream_goes_on_through_a_kill_of_the_server() {
    let server = Server::start(&["--retry", "50"]);
    let address = server.address.clone();
    server.publish("topic=a", "before");
    let url = server.url("/events?topic=a&start=earliest");
    let mut tail = Running::start(program().args(["tail", "-o", "data", "--until", "after", &url]));
    let mut stdout = tail.stdout();
    assert_eq!(next_line(&mut stdout), "before\n");
    // Killed, not asked to end.
    drop(server);
    let again = Server::launch(program().args(["serve", "--listen", &address]));
    again.publish("topic=a", "after");
    // The log of the first server is gone, and the second one says so.
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "other-epoch\nafter\n");
    let output = tail.output();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("lost: "),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn every_command_has_help_with_an_example_and_a_manual_page() {
    for command in ["tail", "serve", "check"] {
        let help = run(&[command, "--help"]);
        assert!(
            text(&help.stdout).contains(&format!("\n  ssewire {command}")),
            "{command}"
        );
        let manual = run(&["man", command]);
        assert!(
            text(&manual.stdout).contains(&format!(".TH ssewire-{command} 1")),
            "{command}"
        );
    }
    assert!(text(&run(&["man"]).stdout).contains(".TH ssewire 1"));
    assert_eq!(run(&["man", "nothing"]).status.code(), Some(2));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let completions = run(&["completions", shell]);
        assert!(text(&completions.stdout).contains("max-events"), "{shell}");
    }
    let version = format!("ssewire {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&run(&["--version"]).stdout), version);
    for nothing in [&[][..], &["nothing"], &["tail"], &["tail", "ftp://a/"]] {
        assert_eq!(run(nothing).status.code(), Some(2), "{nothing:?}");
    }
}
