//! `ssewire serve`, over sockets.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what these tests need is there, or they fail"
)]

mod common;
#[path = "../../tests/it/redis/server.rs"]
#[allow(dead_code, reason = "this test only starts it")]
mod redis;

use core::time::Duration;
use std::fs;
use std::io::{Read, Write};
use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;

use self::common::example::text;
use self::common::{Server, program, run};

#[test]
fn what_is_published_is_streamed() {
    let server = Server::start(&[]);
    let mut stream = server.open("/events?topic=a&topic=b%20c", &[]);
    assert!(
        stream.head.contains("content-type: text/event-stream"),
        "{}",
        stream.head
    );
    let position = stream.block();
    assert!(position.starts_with("id: "), "{position}");

    let first = server.publish("topic=a", "one\ntwo");
    let second = server.publish("topic=b+c&type=t%C3%A9", "é");
    server.publish("topic=elsewhere", "x");
    let third = server.publish("topic=a&topic=b%20c", "");
    assert_eq!(
        stream.block(),
        format!("id: {first}\ndata: one\ndata: two\n")
    );
    assert_eq!(
        stream.block(),
        format!("id: {second}\nevent: té\ndata: é\n")
    );
    assert_eq!(stream.block(), format!("id: {third}\ndata: \n"));
}

#[test]
fn a_stream_begins_where_it_is_asked_to() {
    let server = Server::start(&[]);
    let ids: Vec<_> = (1..=4)
        .map(|n| server.publish("topic=a", &n.to_string()))
        .collect();
    let first_of = |query: &str, headers: &[&str]| {
        server
            .open(&format!("/events?topic=a{query}"), headers)
            .data()
    };
    assert_eq!(first_of("&start=earliest", &[]), "1");
    assert_eq!(first_of("&start=last:2", &[]), "3");
    let after = |n: usize| format!("&last_event_id={}", ids[n - 1]);
    assert_eq!(first_of(&after(1), &[]), "2");
    // The header beats the query, and an ID beats `start`.
    let header = format!("last-event-id: {}", ids[2]);
    assert_eq!(first_of(&after(1), &[&header]), "4");
    assert_eq!(first_of(&(after(2) + "&start=earliest"), &[]), "3");
    // The ID of another server.
    let mut unknown = server.open("/events?topic=a", &["last-event-id: 7"]);
    assert_eq!([unknown.data(), unknown.data()], ["unknown", "1"]);

    let mut live = server.open("/events?topic=a&start=live", &[]);
    server.publish("topic=a", "5");
    assert_eq!(live.data(), "5");
}

#[test]
fn an_event_with_a_key_replaces_the_one_before() {
    let server = Server::start(&[]);
    for (key, data) in [("x", "1"), ("y", "2"), ("x", "3")] {
        server.publish(&format!("topic=a&key={key}"), data);
    }
    let mut stream = server.open("/events?topic=a&start=earliest", &[]);
    assert_eq!([stream.data(), stream.data()], ["2", "3"]);
}

#[test]
fn bad_requests_are_told_what_is_wrong() {
    let server = Server::start(&[]);
    let long = "x".repeat(1025);
    let many: String = (0..1025).map(|n| format!("&topic={n}")).collect();
    for (request, status, why) in [
        ("GET /events", 400, "topic is missing"),
        ("GET /events?topic=", 400, "no name"),
        ("GET /events?topic=%FF", 400, "UTF-8"),
        ("GET /events?topic=a&start=newest", 400, "live, earliest"),
        ("GET /events?topic=a&start=last:-1", 400, "live, earliest"),
        ("GET /events?topic=a&start=live&start=live", 400, "twice"),
        (&format!("GET /events?topic={long}"), 400, "1024"),
        (&format!("GET /events?a=b{many}"), 400, "1024"),
        ("POST /publish", 400, "topic is missing"),
        ("POST /publish?topic=a&type=%0A", 400, "line feed"),
        ("POST /publish?topic=a&key=", 400, "key is empty"),
        (&format!("POST /publish?topic={long}"), 400, "1024"),
        (&format!("POST /publish?topic=a&key={long}"), 400, "1024"),
        ("DELETE /topics/%FF", 400, "UTF-8"),
        ("GET /nowhere", 404, "nothing here"),
        ("DELETE /topics/", 404, "nothing here"),
        ("POST /events?topic=a", 405, "GET"),
        ("HEAD2 /events?topic=a", 405, "GET"),
        ("OPTIONS /events?topic=a", 405, "GET"),
        ("GET /publish?topic=a", 405, "POST"),
        ("GET /topics/a", 405, "DELETE"),
        ("POST /topics", 405, "GET or HEAD"),
        ("DELETE /healthz", 405, "GET or HEAD"),
    ] {
        let response = server.request(request, &[], b"");
        response.refuses(status, why);
        assert_eq!(
            response.header("allow").is_some(),
            status == 405,
            "{request}"
        );
    }
    server
        .request("POST /publish?topic=a", &[], b"\xFF")
        .refuses(400, "UTF-8");
    let id = "last-event-id: \u{e9}";
    let latin1: Vec<u8> = id.chars().map(|c| c as u8).collect();
    let mut socket = server.connect();
    let head = [b"GET /events?topic=a HTTP/1.0\r\n", &*latin1, b"\r\n\r\n"].concat();
    socket.write_all(&head).unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.0 400 "), "{response}");
    assert!(response.contains("{\"error\":\""), "{response}");
}

#[test]
fn a_body_has_a_limit() {
    let server = Server::start(&[]);
    let largest = "x".repeat(1 << 20);
    server.publish("topic=a", &largest);
    let larger = largest + "x";
    let publish = "POST /publish?topic=a";
    server
        .request(publish, &[], larger.as_bytes())
        .refuses(413, "1048576");
    let size = format!("{:x}\r\n", larger.len());
    let chunked = [size.as_bytes(), larger.as_bytes(), b"\r\n0\r\n\r\n"].concat();
    let response = server.request(publish, &["transfer-encoding: chunked"], &chunked);
    response.refuses(413, "1048576");
    server
        .request(publish, &["transfer-encoding: chunked"], b"zz\r\n")
        .refuses(400, "body");
    assert_eq!(server.get("/healthz").body, "ok\n");

    // A client that sends everything before it reads is not cut off meanwhile.
    let guarded = Server::start(&["--publish-token", "p"]);
    let huge = vec![b'x'; 8 << 20];
    for (server, line, status) in [
        (&server, publish, 413),
        (&guarded, publish, 401),
        (&server, "POST /nowhere", 404),
    ] {
        let mut socket = server.connect();
        let length = huge.len();
        let head = format!("{line} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(&huge).unwrap();
        let mut response = [0; 12];
        socket.read_exact(&mut response).unwrap();
        assert_eq!(text(&response), format!("HTTP/1.1 {status}"));
    }
    // One that asks first is told at once.
    let mut asking = server.connect();
    let head = "POST /publish?topic=a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9999999\r\n\r\n";
    asking.write_all(head.as_bytes()).unwrap();
    let mut status = [0; 12];
    asking.read_exact(&mut status).unwrap();
    assert_eq!(text(&status), "HTTP/1.1 413");
}

#[test]
fn tokens_are_asked_for() {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--verbose"]);
    command
        .args(["--publish-token", "p-secret"])
        .env("SSEWIRE_SUBSCRIBE_TOKEN", "s-secret");
    let server = Server::launch(&mut command);
    let (right, wrong) = (
        "authorization: bEaReR s-secret",
        "authorization: Bearer s-secreT",
    );
    for target in ["/events?topic=a", "/", "/metrics", "/topics"] {
        let line = format!("GET {target}");
        let none = server.request(&line, &[], b"");
        none.refuses(401, "needs a token");
        assert_eq!(none.header("www-authenticate"), Some("Bearer"));
        for header in [
            wrong,
            "authorization: Bearer p-secret",
            "authorization: Basic s-secret",
        ] {
            assert_eq!(
                server.request(&line, &[header], b"").status,
                401,
                "{target} {header}"
            );
        }
        // The header is what counts.
        let both = format!(
            "{line}{}access_token=s-secret",
            if target.contains('?') { '&' } else { '?' }
        );
        server.request(&both, &[wrong], b"").refuses(401, "wrong");
        if !target.starts_with("/events") {
            assert_eq!(server.request(&line, &[right], b"").status, 200);
            assert_eq!(server.request(&both, &[], b"").status, 200);
        }
    }
    assert_eq!(server.get("/healthz").status, 200);
    let publish = "POST /publish?topic=a";
    server
        .request(publish, &[], b"")
        .refuses(401, "needs a token");
    server
        .request(&format!("{publish}&access_token=p-secret"), &[], b"")
        .refuses(401, "needs");
    server.request(publish, &[right], b"").refuses(401, "wrong");
    server
        .request("DELETE /topics/a", &[], b"")
        .refuses(401, "needs a token");

    let mut by_header = server.open("/events?topic=a", &[right]);
    let mut by_query = server.open("/events?topic=a&access_token=s-secret", &[]);
    let published = server.request(publish, &["authorization: Bearer p-secret"], b"x");
    assert_eq!(published.status, 200);
    assert_eq!([by_header.data(), by_query.data()], ["x", "x"]);
    drop((by_header, by_query));

    let output = stop(server, "-TERM");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let log = format!("{stderr}{}", String::from_utf8_lossy(&output.stdout));
    assert!(log.contains("open"), "{log}");
    assert!(!log.contains("secret"), "{log}");
    // Nor does the help show what the environment has.
    let help = program()
        .args(["serve", "--help"])
        .env("SSEWIRE_PUBLISH_TOKEN", "p-secret")
        .output();
    assert!(!text(&help.unwrap().stdout).contains("p-secret"));
}

#[test]
fn pages_of_other_origins_get_what_was_allowed() {
    let none = Server::start(&[]);
    let some = Server::start(&[
        "--allow-origin",
        "https://a.example",
        "--allow-origin",
        "http://b.example:8080",
    ]);
    let all = Server::start(&["--allow-origin", "*"]);
    let allowed = |server: &Server, origin: &str| {
        let response = server.request("GET /topics", &[&format!("origin: {origin}")], b"");
        assert_eq!(response.status, 200);
        let header = response.header("access-control-allow-origin");
        (
            header.map(str::to_owned),
            response.header("vary").map(str::to_owned),
        )
    };
    let vary = Some("origin".to_owned());
    for origin in ["https://a.example", "http://b.example:8080"] {
        assert_eq!(
            allowed(&some, origin),
            (Some(origin.to_owned()), vary.clone())
        );
    }
    for origin in [
        "http://a.example",
        "https://a.example:444",
        "https://a.example.evil.example",
        "null",
    ] {
        assert_eq!(allowed(&some, origin), (None, vary.clone()), "{origin}");
        assert_eq!(allowed(&none, origin), (None, None), "{origin}");
        assert_eq!(
            allowed(&all, origin),
            (Some("*".to_owned()), None),
            "{origin}"
        );
    }
    // Errors too, or the page cannot tell what is wrong.
    let error = some.request("GET /events", &["origin: https://a.example"], b"");
    assert_eq!(
        error.header("access-control-allow-origin"),
        Some("https://a.example")
    );

    let asks = "access-control-request-method: POST";
    let preflight = |server: &Server, origin: &str| {
        server.request("OPTIONS /publish?topic=a", &[origin, asks], b"")
    };
    let yes = preflight(&some, "origin: https://a.example");
    assert_eq!(
        (yes.status, yes.header("access-control-allow-methods")),
        (204, Some("GET, POST, DELETE"))
    );
    assert_eq!(
        yes.header("access-control-allow-origin"),
        Some("https://a.example")
    );
    assert!(
        yes.header("access-control-allow-headers")
            .unwrap()
            .contains("authorization")
    );
    let no = preflight(&some, "origin: https://evil.example");
    no.refuses(403, "--allow-origin");
    assert_eq!(no.header("access-control-allow-origin"), None);
    preflight(&none, "origin: https://evil.example").refuses(403, "--allow-origin");

    // A page needs no preflight for a POST of plain text.
    for (server, origin, status) in [
        (&none, "origin: https://evil.example".to_owned(), 403),
        (&none, "origin: null".to_owned(), 403),
        (&none, format!("origin: http://{}", none.address), 200),
        (&some, "origin: https://a.example".to_owned(), 200),
        (&some, "origin: https://evil.example".to_owned(), 403),
        (&all, "origin: https://evil.example".to_owned(), 200),
    ] {
        let response = server.request("POST /publish?topic=a", &[&origin], b"x");
        assert_eq!(response.status, status, "{origin}");
    }
}

#[test]
fn a_topic_can_be_closed() {
    let server = Server::start(&[]);
    let mut stream = server.open("/events?topic=a%2Fb", &[]);
    server.publish("topic=a/b", "last");
    let delete = |target: &str| server.request(&format!("DELETE {target}"), &[], b"").status;
    assert_eq!(delete("/topics/a%2Fb"), 204);
    assert_eq!(delete("/topics/nobody-knows-it"), 204);
    assert_eq!(stream.data(), "last");
    assert_eq!(stream.block(), "", "the stream has ended");
    let publish = server.request("POST /publish?topic=a/b", &[], b"x");
    publish.refuses(409, "closed");
    let position = server.get("/topics").json()["position"]
        .as_str()
        .unwrap()
        .to_owned();
    let late = server.get(&format!("/events?topic=a/b&last_event_id={position}"));
    assert_eq!((late.status, &*late.body), (204, ""));
}

#[test]
fn the_number_of_streams_has_a_limit() {
    let server = Server::start(&["--max-streams", "2"]);
    let open = || server.open("/events?topic=a", &[]);
    let (first, _second) = (open(), open());
    let refused = server.get("/events?topic=a");
    refused.refuses(503, "--max-streams");
    assert_eq!(refused.header("retry-after"), Some("5"));
    drop(first);
    // The server learns that a client has left when it writes to it.
    for _ in 0..200 {
        server.publish("topic=a", "x");
        if server.get("/topics").json()["streams"] == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    open();
}

#[test]
fn options_reach_the_hub_and_its_streams() {
    let server = Server::start(&[
        "--max-events",
        "3",
        "--keep-alive",
        "0.05",
        "--retry",
        "1234",
        "--gather",
        "20",
    ]);
    let mut stream = server.open("/events?topic=a", &[]);
    let (mut comments, mut retry) = (0, false);
    while comments < 3 || !retry {
        let line = common::example::next_line(&mut stream.lines);
        comments += u32::from(line.starts_with(':'));
        retry |= line == "retry: 1234\n";
    }
    let ids: Vec<_> = (0..5)
        .map(|n| server.publish("topic=a", &n.to_string()))
        .collect();
    let mut late = server.open("/events?topic=a", &[&format!("last-event-id: {}", ids[0])]);
    let gap = loop {
        let block = late.block();
        if block.contains("data") {
            break block;
        }
    };
    assert!(gap.contains("event: gap\ndata: too-old\n"), "{gap}");
    assert_eq!(late.data(), "2");

    let per_topic = Server::start(&[
        "--max-events-per-topic",
        "1",
        "--max-age",
        "3600",
        "--max-bytes",
        "100000",
    ]);
    per_topic.publish("topic=a", "1");
    per_topic.publish("topic=a", "2");
    let mut stream = per_topic.open("/events?topic=a&start=earliest", &[]);
    assert_eq!(stream.data(), "2");

    let aging = Server::start(&["--max-age", "0.05"]);
    aging.publish("topic=a", "old");
    std::thread::sleep(Duration::from_millis(100));
    let mut stream = aging.open("/events?topic=a&start=earliest", &[]);
    aging.publish("topic=a", "new");
    assert_eq!(stream.data(), "new");
    let small = Server::start(&["--max-bytes", "100"]);
    small.publish("topic=a", &"x".repeat(60));
    small.publish("topic=a", &"y".repeat(60));
    assert!(
        small
            .open("/events?topic=a&start=earliest", &[])
            .data()
            .starts_with('y')
    );
}

#[test]
fn figures_and_a_page_are_there_to_look_at() {
    let server = Server::start(&[]);
    let before = server.get("/metrics");
    assert!(before.body.contains("ssewire_streams 0"), "{}", before.body);
    let mut stream = server.open("/events?topic=a", &[]);
    server.publish("topic=a", "1");
    stream.data();
    let metrics = server.get("/metrics");
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    for line in [
        "ssewire_streams 1",
        "ssewire_events_published_total 1",
        "ssewire_events_sent_total{replay=\"false\"} 1",
        "ssewire_lag_seconds_bucket{le=\"+Inf\"} 1",
    ] {
        assert!(
            metrics.body.lines().any(|of| of == line),
            "no {line} in {}",
            metrics.body
        );
    }
    let topics = server.get("/topics").json();
    assert_eq!(
        topics["topics"][0],
        serde_json::json!({ "name": "a", "streams": 1, "published": 1 })
    );
    let page = server.get("/");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    // It is one file that loads nothing from elsewhere.
    assert!(
        !page.body.contains("src=") && !page.body.contains("//cdn"),
        "{}",
        page.body
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    let head = server.request("HEAD /healthz", &[], b"");
    assert_eq!((head.status, &*head.body), (200, ""));
    // A base URL with a slash, and a path with one.
    assert_eq!(server.get("//healthz").status, 200);
}

#[test]
fn the_list_of_topics_is_bounded() {
    let server = Server::start(&[]);
    let mut stream = server.open("/events?topic=kept", &[]);
    for round in 0..3 {
        let topics: String = (0..1000).map(|n| format!("&topic={round}-{n}")).collect();
        server.publish(&topics[1..], "x");
    }
    server.publish("topic=kept", "1");
    let topics = server.get("/topics").json();
    let topics = topics["topics"].as_array().unwrap();
    assert!(topics.len() <= 1000, "{}", topics.len());
    assert!(
        topics
            .iter()
            .any(|topic| topic["name"] == "kept" && topic["streams"] == 1)
    );
    assert_eq!(stream.data(), "1");
}

/// Sends a signal, and waits for the end.
fn stop(server: Server, signal: &str) -> std::process::Output {
    let id = server.process.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
    server.process.output()
}

#[test]
fn a_signal_ends_the_server_and_leaves_streams_whole() {
    for signal in ["-INT", "-TERM"] {
        let server = Server::start(&[]);
        let mut stream = server.open("/events?topic=a", &[]);
        server.publish("topic=a", "1");
        assert_eq!(stream.data(), "1");
        let mut half_head = server.connect();
        half_head.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
        let mut half_body = server.connect();
        half_body
            .write_all(b"POST /publish?topic=a HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx")
            .unwrap();
        let mut idle = server.connect();
        idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let mut some = [0; 15];
        idle.read_exact(&mut some).unwrap();
        server.publish("topic=a", "2");
        let address = server.address.clone();
        let output = stop(server, signal);
        assert_eq!(output.status.code(), Some(0), "{signal}");
        let mut rest = String::new();
        stream.lines.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("data: 2\n\n"), "{rest:?}");
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}

#[test]
fn a_thousand_streams_get_a_thousand_events() {
    let server = Server::start(&["--max-bytes", "4194304"]);
    let mut streams: Vec<_> = (0..1000)
        .map(|_| server.open("/events?topic=a", &[]))
        .collect();
    let publishers: Vec<_> = (0..10).map(|_| server.connect()).collect();
    std::thread::scope(|scope| {
        for (publisher, mut socket) in publishers.into_iter().enumerate() {
            scope.spawn(move || {
                for n in 0..100 {
                    let body = format!("{publisher}-{n}");
                    let length = body.len();
                    let head = format!("POST /publish?topic=a HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
                    socket.write_all((head + &body).as_bytes()).unwrap();
                    let mut response = Vec::new();
                    while !response.ends_with(b"}\n") {
                        let mut byte = [0];
                        socket.read_exact(&mut byte).unwrap();
                        response.push(byte[0]);
                    }
                    assert!(response.starts_with(b"HTTP/1.1 200 "));
                }
            });
        }
        for readers in streams.chunks_mut(250) {
            scope.spawn(move || {
                for stream in readers {
                    // Each event once, and those of one publisher in their order.
                    let mut next = [0; 10];
                    for _ in 0..1000 {
                        let data = stream.data();
                        let (publisher, n) = data.split_once('-').unwrap();
                        let next = &mut next[publisher.parse::<usize>().unwrap()];
                        assert_eq!(n.parse(), Ok(*next));
                        *next += 1;
                    }
                    assert_eq!(next, [100; 10]);
                }
            });
        }
    });
    let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    // The log and its streams: 64 KiB for each are what they may hold while they write.
    assert!(kilobytes < 100_000, "{kilobytes} kB");
    assert_eq!(server.get("/topics").json()["gaps"], 0);
}

#[test]
fn bad_options_are_refused() {
    for (arguments, why) in [
        (&["--max-events", "0"][..], "at least 1"),
        (&["--max-streams", "0"], "at least 1"),
        (&["--max-streams", "99999999999999999999"], "too large"),
        (&["--keep-alive", "-1"], ""),
        (&["--keep-alive", "soon"], "seconds"),
        (&["--publish-token", ""], "empty"),
        (&["--subscribe-token", "two words"], "ASCII"),
        (&["--allow-origin", "shop.example"], "scheme"),
        (&["--allow-origin", "https://shop.example/"], "scheme"),
        (&["--listen", "here"], "here"),
        (&["--no-such-option"], ""),
    ] {
        let output = run(&[&["serve"], arguments].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(why), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("two words"), "{stderr}");
    }
    let taken = Server::start(&[]);
    let output = run(&["serve", "--listen", &taken.address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&taken.address));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever the requests are, the server responds to each, never by a fault of its own, and goes on.
    #[test]
    fn no_request_is_too_odd(requests in vec(request(), 1..20)) {
        let server = Server::start(&["--max-streams", "3", "--max-events", "10"]);
        for (line, headers, body) in &requests {
            let mut socket = server.connect();
            // What is not a stream ends by itself, and a stream after its first byte.
            let wait = Some(Duration::from_millis(2_000));
            socket.set_read_timeout(wait).unwrap();
            let mut bytes = format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n").into_bytes();
            for header in headers {
                bytes.extend_from_slice(header);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(body);
            let _ = socket.write_all(&bytes);
            let mut status = [0; 12];
            if socket.read_exact(&mut status).is_ok() {
                let status = text(&status);
                let is_fine = [" 2", " 4"].iter().any(|class| status[8..].starts_with(class));
                prop_assert!(is_fine || status.ends_with("503"), "{status}: {line}");
            }
        }
        assert_eq!(server.get("/healthz").body, "ok\n");
        let output = stop(server, "-TERM");
        prop_assert_eq!(output.status.code(), Some(0));
        let stderr = String::from_utf8_lossy(&output.stderr);
        prop_assert!(!stderr.contains("panicked"), "{}", stderr);
    }
}

type Request = (String, Vec<Vec<u8>>, Vec<u8>);

fn request() -> impl Strategy<Value = Request> {
    let method = prop_oneof![
        4 => "GET|POST|DELETE|OPTIONS|HEAD",
        1 => "[A-Z!#$%&'*+.^_`|~-]{1,9}",
    ];
    let path = prop_oneof![
        8 => "/(events|publish|topics/[a-c%]{0,5}|topics|metrics|healthz)?",
        1 => "/?[!-~é]{0,12}",
        1 => Just("*".to_owned()),
    ];
    let pair = "(topic|type|key|start|last_event_id|access_token|x)(=([a-c]|last:[0-9]{0,30}|%0[0AD]|%[0-9A-F]{2}|[!-%'-~é]){0,3})?";
    let target = (path, vec(pair, 0..5)).prop_map(|(path, pairs)| match pairs.is_empty() {
        true => path,
        false => format!("{path}?{}", pairs.join("&")),
    });
    let header = prop_oneof![
        3 => "(last-event-id|authorization|origin|access-control-request-method): [ -~é]{0,20}".prop_map(String::into_bytes),
        2 => "(content-length: [0-9]{1,20}|transfer-encoding: (chunked|gzip)|expect: 100-continue|upgrade: h2c)".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..30),
    ];
    (method, target, vec(header, 0..4), vec(any::<u8>(), 0..40))
        .prop_map(|(method, target, headers, body)| (format!("{method} {target}"), headers, body))
}

/// Two servers with one log: what is published on one is streamed by the other.
#[test]
#[ignore = "needs redis-server"]
fn two_servers_share_their_topics_over_redis() {
    let redis = redis::Server::start();
    let url = redis.url();
    let (one, two) = (
        Server::start(&["--redis", &url]),
        Server::start(&["--redis", &url]),
    );
    let mut stream = two.open("/events?topic=a", &[]);
    assert!(stream.block().starts_with("id: "));
    let first = one.publish("topic=a", "1");
    let second = two.publish("topic=a&key=k", "2");
    assert_eq!(stream.block(), format!("id: {first}\ndata: 1\n"));
    assert_eq!(stream.block(), format!("id: {second}\ndata: 2\n"));
    // A client hops.
    let query = format!("/events?topic=a&last_event_id={first}");
    assert_eq!(one.open(&query, &[]).data(), "2");
}

#[test]
fn a_url_that_is_none_of_redis_is_refused() {
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--redis", "http://x/"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("not the URL of a Redis server"), "{error}");
}
