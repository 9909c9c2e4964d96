//! The example servers, asked as a user would ask them: with curl, mostly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;

use ssewire::server::EventId;
use ssewire::{Decoder, Event, FrameRef};

use crate::common::example::{next_line, run, text};
use crate::common::example_server::{
    Curl, a_server_survives_being_out_of_files, an_impossible_id_is_refused,
    an_interrupt_ends_server_and_stream, an_unfinished_head_times_out, curl, start,
    the_time_comes_every_second,
};

/// The servers that send the time.
const TIMES: [&str; 4] = ["quickstart", "async_std_server", "lane", "lane_async_std"];

#[test]
fn the_time_comes_every_second_from_each_server_that_tells_it() {
    thread::scope(|scope| {
        for name in TIMES {
            scope.spawn(move || the_time_comes_every_second(name));
        }
    });
}

#[test]
fn an_id_that_cannot_be_one_is_refused() {
    for (name, path) in [
        ("quickstart", "/sse"),
        ("async_std_server", "/sse"),
        ("lane", "/sse"),
        ("lane_async_std", "/sse"),
        ("stockprice", "/price"),
        ("chat", "/chat/sse?username=ann"),
    ] {
        an_impossible_id_is_refused(name, path);
    }
}

#[test]
fn a_chat_tells_all_and_one() {
    let (_server, address) = start("chat");
    let listen = |name: &str| {
        let url = format!("http://{address}/chat/sse?username={name}");
        let mut stream = Curl::start(&[&url]);
        // Whoever comes is told of the others, and then of themselves.
        let own = format!("{{\"Name\":\"{name}\"}}");
        while stream.event_of("here").1 != own {}
        stream
    };
    let post = |path: &str| curl(&["-X", "POST", &format!("http://{address}/chat/{path}")]);
    let success = ("200".to_owned(), "{\"message\":\"success\"}".to_owned());
    let (mut ann, mut bob) = (listen("ann"), listen("bob"));

    assert_eq!(post("broadcast?from=eve&message=hello%20all"), success);
    for stream in [&mut ann, &mut bob] {
        assert_message(
            &stream.event_of("broadcast").1,
            ["broadcast", "eve", "", "hello all"],
        );
    }
    let forged = "%22%0A%0Aevent%3A%20forged%0Adata%3A%20%F0%9F%98%80";
    let path = format!("direct?from=eve&to=bob&message={forged}");
    assert_eq!(post(&path), success);
    let (id, data) = bob.event_of("direct");
    let forged = "\"\n\nevent: forged\ndata: \u{1F600}";
    assert_message(&data, ["direct", "eve", "bob", forged]);

    assert_eq!(post("broadcast?from=eve&message=last"), success);
    // The direct message was for one, and forges nothing.
    assert_message(
        &event_that_is_news(&mut ann),
        ["broadcast", "eve", "", "last"],
    );
    assert_message(
        &event_that_is_news(&mut bob),
        ["broadcast", "eve", "", "last"],
    );

    // Who was away gets what came meanwhile.
    drop(bob);
    assert_eq!(post("direct?from=ann&to=bob&message=missed"), success);
    let header = format!("Last-Event-ID: {id}");
    let url = format!("http://{address}/chat/sse?username=bob");
    let mut bob = Curl::start(&["-H", &header, &url]);
    assert_message(
        &event_that_is_news(&mut bob),
        ["broadcast", "eve", "", "last"],
    );
    assert_message(
        &event_that_is_news(&mut bob),
        ["direct", "ann", "bob", "missed"],
    );
}

/// Returns the data of the next event that does not tell who is here.
fn event_that_is_news(stream: &mut Curl) -> String {
    loop {
        let (_, kind, data) = stream.event();
        if !matches!(&*kind, "here" | "gone") {
            return data;
        }
    }
}

fn assert_message(data: &str, expected: [&str; 4]) {
    let message: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(data).expect("the data is JSON");
    let names: Vec<_> = message.keys().map(String::as_str).collect();
    assert_eq!(names, ["Type", "From", "To", "Message", "Timestamp"]);
    for (name, expected) in names.iter().zip(expected) {
        assert_eq!(message[*name], expected, "{data}");
    }
    let time = message["Timestamp"].as_str().expect("a time is a string");
    humantime::parse_rfc3339(time).expect("it is a time");
}

#[test]
fn whoever_joins_a_chat_gets_its_last_messages_and_who_is_here() {
    let (_server, address) = start("chat");
    let join = |name: &str| {
        let url = format!("http://{address}/chat/sse?username={name}");
        Curl::start(&[&url])
    };
    let mut ann = join("ann");
    assert_eq!(ann.event_of("here").1, "{\"Name\":\"ann\"}");
    for number in 0..60 {
        let url = format!("http://{address}/chat/broadcast?from=ann&message={number}");
        assert_eq!(curl(&["-X", "POST", &url]).0, "200");
    }
    let mut bob = join("bob");
    assert_eq!(bob.event_of("here").1, "{\"Name\":\"ann\"}");
    for number in 10..60 {
        let data = bob.event_of("broadcast").1;
        assert_message(&data, ["broadcast", "ann", "", &number.to_string()]);
    }
    assert_eq!(bob.event_of("here").1, "{\"Name\":\"bob\"}");

    // Two windows of one person are one.
    let second = join("ann");
    drop(ann);
    drop(second);
    assert_eq!(bob.event_of("gone").1, "{\"Name\":\"ann\"}");
}

#[test]
fn a_page_of_stocks_shows_all_prices_at_once() {
    let (_server, address) = start("stockprice");
    let mut first = Curl::start(&[&format!("http://{address}/price")]);
    // One of each in a second, so the next page need not wait for one.
    let (_, kind, _) = first.event();
    let other = match &*kind {
        "AAPL" => "AMZN",
        _ => "AAPL",
    };
    first.event_of(other);
    let mut second = Curl::start(&[&format!("http://{address}/price")]);
    let kinds = [second.event().1, second.event().1];
    assert!(kinds.contains(&"AAPL".to_owned()) && kinds.contains(&"AMZN".to_owned()));
}

#[test]
fn a_chat_says_what_is_wrong() {
    let (_server, address) = start("chat");
    let long = "x".repeat(9_000);
    let long = format!("POST /chat/broadcast?from=eve&message={long}");
    let rows = [
        (
            "POST /chat/direct?from=eve&to=nobody&message=hi",
            "404",
            "nobody",
        ),
        ("POST /chat/direct?from=eve&message=hi", "400", "to"),
        ("POST /chat/direct?from=eve&to=nobody", "400", "message"),
        ("POST /chat/broadcast?from=eve", "400", "message"),
        ("POST /chat/broadcast?message=hi", "400", "from"),
        ("POST /chat/broadcast?from=&message=hi", "400", "from"),
        ("POST /chat/broadcast?from=%20&message=hi", "400", "from"),
        (&long, "400", "message"),
        ("GET /chat/sse", "400", "username"),
        (
            "GET /chat/broadcast?from=eve&message=hi",
            "404",
            "not found",
        ),
        ("GET /nowhere", "404", "not found"),
    ];
    for (line, status, word) in rows {
        let (method, path) = line.split_once(' ').expect("a line has a method");
        let url = format!("http://{address}{path}");
        let (got, body) = curl(&["-X", method, &url]);
        assert_eq!(got, status, "{line}: {body}");
        let body: serde_json::Value = serde_json::from_str(&body).expect("the answer is JSON");
        let error = body["error"].as_str().expect("the error is a string");
        assert!(error.contains(word), "{line}: {error}");
    }
    // And goes on.
    let success = "{\"message\":\"success\"}";
    let url = format!("http://{address}/chat/broadcast?from=eve&message=hi");
    assert_eq!(curl(&["-X", "POST", &url]).1, success);
}

#[test]
fn a_chat_takes_no_posts_from_other_pages_and_not_too_much_from_one_address() {
    let (_server, address) = start("chat");
    let _ann = Curl::start(&[&format!("http://{address}/chat/sse?username=ann")]);
    let url = |message: &str| format!("http://{address}/chat/broadcast?from=eve&message={message}");
    let post = |headers: &[&str], message: &str| {
        let mut arguments = vec!["-X", "POST"];
        for header in headers {
            arguments.extend(["-H", header]);
        }
        let url = url(message);
        arguments.push(&url);
        curl(&arguments).0
    };
    let (_, port) = address.rsplit_once(':').expect("an address has a port");
    let own = format!("Origin: http://{address}");
    let local = [
        format!("Origin: http://localhost:{port}"),
        format!("Host: localhost:{port}"),
    ];
    assert_eq!(post(&[], "hi"), "200");
    assert_eq!(post(&[&own], "hi"), "200");
    assert_eq!(post(&[&local[0], &local[1]], "hi"), "200");
    for headers in [
        &["Origin: http://evil.example"][..],
        &["Origin: null"],
        &["Origin: http://127.0.0.1:1"],
        &["Host: evil.example"],
        &["Host: evil.example", "Origin: http://evil.example"],
    ] {
        assert_eq!(post(headers, "hi"), "403", "{headers:?}");
    }

    let long = "m".repeat(5_000);
    assert_eq!(post(&[], &long), "400");
    let name = format!("http://{address}/chat/sse?username={}", "n".repeat(200));
    assert_eq!(curl(&["--max-time", "5", &name]).0, "400");

    // As fast as one connection sends them, which is more than a person does.
    let all = format!("http://{address}/chat/broadcast?from=eve&message=[1-400]");
    let (last, answers) = curl(&["-X", "POST", &all]);
    assert_eq!(last, "429");
    assert!(answers.contains("}\n200{"), "{answers}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_server_and_streams_well() {
    for (name, path) in [
        ("quickstart", "/sse"),
        ("stockprice", "/price"),
        ("chat", "/chat/sse?username=ann"),
        ("async_std_server", "/sse"),
        ("lane", "/sse"),
        ("lane_async_std", "/sse"),
    ] {
        an_interrupt_ends_server_and_stream(name, path);
    }
}

#[cfg(unix)]
#[test]
fn servers_survive_being_out_of_files() {
    for name in TIMES {
        a_server_survives_being_out_of_files(name, "/sse");
    }
}

#[test]
fn unfinished_heads_time_out() {
    thread::scope(|scope| {
        for name in TIMES {
            scope.spawn(|| an_unfinished_head_times_out(name));
        }
    });
}

#[test]
fn a_response_by_hand_comes_in_chunks() {
    let (_server, address) = start("async_std_server");
    let (head, body) = request(&address, "GET /sse");
    assert!(
        head.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{head}"
    );
    assert_eq!(
        events(body).next().expect("the time").event_type(),
        "timestamp"
    );
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
    let (_server, address) = start("stockprice");
    let (head, mut body) = request(&address, "GET /price");
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    for header in [
        "content-type: text/event-stream",
        "cache-control: no-cache, no-transform",
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
    let (_server, address) = start("stockprice");
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
    let (_server, address) = start("stockprice");
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
    let (_server, address) = start("stockprice");
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
    let (_server, address) = start("stockprice");
    let port = address.rsplit(':').next().unwrap();
    let output = run("stockprice", &[port], b"");
    let message = text(&output.stderr);
    assert!(message.starts_with(&format!("stockprice: cannot listen on port {port}: ")));
    assert_eq!(output.status.code(), Some(1));
}
