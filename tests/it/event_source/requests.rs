//! What is sent, how often, and what is not sent at all.

use core::error::Error as _;
use core::future::pending;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use http::{Method, header};
use ssewire::client::{Cause, CloseReason, Phase, Reconnect};
use ssewire::event_source::ConnectError;
use ssewire::hyper::Http;

use crate::common::runtime::{
    Runtime, Source, all_data, assert_gave_up, get, next_data, next_error, on_both, quick,
};
use crate::common::server::{OPEN, Server};

on_both! {
    a_get_has_exactly_these_headers
    headers_of_the_callers_go_out_too
    what_the_caller_says_is_sent
    a_last_event_id_of_the_callers_is_the_first
    a_post_has_its_body
    a_post_without_a_body_says_so
    a_post_that_is_reset_is_one_request
    a_post_that_ends_is_one_request
    a_post_that_fails_at_first_is_one_request
    until_the_first_event_a_post_may_be_sent_again
    after_the_first_event_a_post_is_not_sent_again
    a_url_that_cannot_be_used_closes_at_once
    a_header_that_cannot_be_sent_closes_at_once
    the_hook_sees_the_whole_request_and_may_change_it
    a_hook_that_refuses_closes
    a_hook_that_fails_is_asked_again
    a_hook_that_hangs_ends_at_the_idle_timeout
}

async fn a_get_has_exactly_these_headers<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: 1\n\n");
    let mut events = get::<R>(server.url("/a/b?c=d&e#f"));
    next_data(&mut events).await;
    let request = &server.requests()[0];
    assert_eq!(request.line, "GET /a/b?c=d&e HTTP/1.1");
    let mut headers = request.headers.clone();
    headers.sort();
    let host = format!("127.0.0.1:{}", server.port());
    let agent = concat!("ssewire/", env!("CARGO_PKG_VERSION"));
    let expected = [
        ("accept", "text/event-stream"),
        ("accept-encoding", "identity"),
        ("cache-control", "no-cache"),
        ("host", &host),
        ("user-agent", agent),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    assert_eq!(headers, expected);
    assert_eq!(request.body, b"");
}

async fn headers_of_the_callers_go_out_too<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: 1\n\n");
    let http = Http::get(server.url(""))
        .header("user-agent", "mine/1")
        .header("x-many", "1")
        .header("X-Many", "2")
        .header("x-bytes", &b"\xE9"[..])
        .header(header::ACCEPT_LANGUAGE, "de");
    let mut events = Source::<R>::new(http, quick());
    next_data(&mut events).await;
    let request = &server.requests()[0];
    assert_eq!(request.line, "GET / HTTP/1.1");
    assert_eq!(request.header("user-agent"), Some("mine/1"));
    assert_eq!(request.values("x-many"), [b"1", b"2"]);
    assert_eq!(request.values("x-bytes"), [b"\xE9"]);
    assert_eq!(request.header("accept-language"), Some("de"));
}

async fn what_the_caller_says_is_sent<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: 1\n\n");
    let http = Http::get(server.url("/"))
        .header("accept", "application/json, text/event-stream")
        .header("accept", "text/html")
        .header("accept-encoding", "gzip")
        .header("cache-control", "max-age=3");
    let mut events = Source::<R>::new(http, quick());
    next_data(&mut events).await;
    let request = &server.requests()[0];
    let accept = [&b"application/json, text/event-stream"[..], b"text/html"];
    assert_eq!(request.values("accept"), accept);
    assert_eq!(request.header("accept-encoding"), Some("gzip"));
    assert_eq!(request.header("cache-control"), Some("max-age=3"));
}

async fn a_last_event_id_of_the_callers_is_the_first<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send(OPEN.to_owned() + "data: 1\n\n");
        }
        1 => {
            connection.send(OPEN.to_owned() + "id: 3\ndata: 2\n\n");
        }
        2 => {
            connection.send(OPEN.to_owned() + "id\ndata: 3\n\n");
        }
        _ => connection.answer("204 No Content", &[], ""),
    });
    let http = Http::get(server.url("/")).header("last-event-id", "99");
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(events.last_event_id(), Some("99"));
    assert_eq!(all_data(&mut events).await, ["1", "2", "3"]);
    let sent = server.requests();
    let sent = sent.iter().map(|request| request.header("last-event-id"));
    assert!(sent.eq([Some("99"), Some("99"), Some("3"), None]));

    // What is chosen for the client goes before.
    let http = Http::get(server.url("/")).header("last-event-id", "99");
    let config = quick().last_event_id("7").expect("a valid ID");
    let mut events = Source::<R>::new(http, config);
    assert_eq!(all_data(&mut events).await, [""; 0]);
    assert_eq!(server.requests()[4].header("last-event-id"), Some("7"));
}

async fn a_post_has_its_body<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: 1\n\n");
    let body = "{\"stream\":true}".repeat(100_000);
    let http = Http::post(server.url("/")).header("content-type", "application/json");
    let mut events = Source::<R>::new(http.body(body.clone()), quick());
    assert_eq!(all_data(&mut events).await, ["1"]);
    let request = &server.requests()[0];
    assert_eq!(request.method(), "POST");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(request.body == body.as_bytes());
}

async fn a_post_without_a_body_says_so<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: 1\n\n");
    let mut events = Source::<R>::new(Http::post(server.url("/")), quick());
    assert_eq!(all_data(&mut events).await, ["1"]);
    // RFC 9110, section 8.6: some servers answer 411 without it.
    assert_eq!(server.requests()[0].header("content-length"), Some("0"));
}

async fn a_post_that_is_reset_is_one_request<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.send(OPEN.to_owned() + "id: 1\ndata: 1\n\nid: 2\ndata: to");
        connection.wait_until_told();
        connection.reset();
    });
    for method in [
        Method::POST,
        Method::PUT,
        Method::from_bytes(b"REPORT").expect("a name"),
    ] {
        let before = server.accepted();
        let mut events = Source::<R>::new(Http::new(method, server.url("/")), quick());
        assert_eq!(next_data(&mut events).await, "1");
        server.tell();
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::CutOff);
        assert!(error.source().is_some(), "the transport's error is kept");
        let torn = events.cut_off_event().map(|event| event.to_event());
        assert_eq!(torn.expect("there is one").data(), "to");
        assert_eq!(events.last_event_id(), Some("1"));
        assert_eq!(server.accepted(), before + 1);
    }
}

async fn a_post_that_ends_is_one_request<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: 1\n\n");
    let mut events = Source::<R>::new(Http::post(server.url("/")).body("x"), quick());
    assert_eq!(all_data(&mut events).await, ["1"]);
    assert_eq!(events.phase(), Phase::Closed(CloseReason::Ended));
    assert_eq!(server.accepted(), 1);
}

async fn a_post_that_fails_at_first_is_one_request<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => connection.answer("503 Busy", &["retry-after: 0"], "busy"),
        _ => connection.reset(),
    });
    for (at, reason) in [CloseReason::Status(503), CloseReason::CouldNotConnect]
        .into_iter()
        .enumerate()
    {
        let mut events = Source::<R>::new(Http::post(server.url("/")).body("x"), quick());
        assert_eq!(next_error(&mut events).await.reason(), reason);
        assert_eq!(server.accepted(), at + 1);
    }
}

async fn until_the_first_event_a_post_may_be_sent_again<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => connection.answer("503 Busy", &["retry-after: 0"], ""),
        1 => connection.reset(),
        2 => {
            // Comments, times, IDs and what is cut off are no event.
            connection.send(OPEN.to_owned() + ": hi\nretry: 1\n\nid: 1\n\ndata: torn\n");
        }
        _ => {
            connection.send(OPEN.to_owned() + "data: 1\n\n");
        }
    });
    let config = quick().reconnect(Reconnect::UntilFirstEvent);
    let mut events = Source::<R>::new(Http::post(server.url("/")).body("x"), config);
    assert_eq!(all_data(&mut events).await, ["1"]);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(
        requests
            .iter()
            .all(|request| request.line == "POST / HTTP/1.1")
    );
    assert!(requests.iter().all(|request| request.body == b"x"));
}

async fn after_the_first_event_a_post_is_not_sent_again<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.send(OPEN.to_owned() + "data: 1\n\n");
        connection.wait_until_told();
        connection.reset();
    });
    let config = quick().reconnect(Reconnect::UntilFirstEvent);
    let mut events = Source::<R>::new(Http::post(server.url("/")), config);
    assert_eq!(next_data(&mut events).await, "1");
    server.tell();
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::CutOff);
    assert_eq!(server.accepted(), 1);
}

async fn a_url_that_cannot_be_used_closes_at_once<R: Runtime>() {
    for url in [
        "",
        "/",
        "not a URL",
        "example.com",
        "example.com:80",
        "ftp://example.com/",
        "file:///etc/hosts",
        "ws://example.com/",
        "http:",
        "http://",
        "http:///path",
        "http://:80/",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:http/",
        "http://127.0.0.1:-1/",
        "http://user@127.0.0.1/",
        "http://user:password@127.0.0.1/",
        "http://a b/",
        "http://127.0.0.1/\n",
        "*",
        #[cfg(not(feature = "tls"))]
        "https://127.0.0.1/",
    ] {
        let mut events = get::<R>(url);
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Refused, "{url:?}: {error:?}");
        let source = error.source().expect("it says why").to_string();
        let says_why = ["URL", "https needs the feature tls"];
        assert!(says_why.iter().any(|why| source.contains(why)), "{source}");
        assert!(!error.reason().is_orderly());
        if url.contains("password") {
            assert!(
                !format!("{error:?} {source}").contains("password"),
                "{error:?}"
            );
        }
    }
}

async fn a_header_that_cannot_be_sent_closes_at_once<R: Runtime>() {
    let server = Server::saying("");
    for (name, value) in [("x y", "1"), ("", "1"), ("x", "a\r\nb: c"), ("x", "a\0")] {
        let http = Http::get(server.url("/")).header(name, value);
        let mut events = Source::<R>::new(http, quick());
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Refused);
        assert!(error.source().is_some());
    }
    assert_eq!(server.accepted(), 0);
}

async fn the_hook_sees_the_whole_request_and_may_change_it<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send(OPEN.to_owned() + "id: 7\ndata: 1\n\n");
        }
        _ => connection.answer("204 No Content", &[], ""),
    });
    let url = server.url("/new");
    let http = Http::get("http://127.0.0.1:1/old")
        .header("x", "y")
        .before_request(move |mut request| {
            let url = url.clone();
            async move {
                let headers = request.headers_mut();
                assert_eq!(headers["x"], "y");
                assert_eq!(headers["accept"], "text/event-stream");
                if let Some(id) = headers.get("last-event-id").cloned() {
                    headers.insert("x-id", id);
                }
                *request.method_mut() = Method::POST;
                *request.body_mut() = "signed".into();
                *request.uri_mut() = url.parse().expect("a URL");
                Ok(request)
            }
        });
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(all_data(&mut events).await, ["1"]);
    let requests = server.requests();
    assert_eq!(requests[0].line, "POST /new HTTP/1.1");
    assert_eq!(requests[0].body, b"signed");
    assert_eq!(requests[1].header("x-id"), Some("7"));
}

async fn a_hook_that_refuses_closes<R: Runtime>() {
    let server = Server::saying("");
    let http = Http::get(server.url("/"))
        .before_request(async |_| Err(ConnectError::refused("logged out")));
    let mut events = Source::<R>::new(http, quick());
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Refused);
    assert_eq!(
        error.source().expect("it says why").to_string(),
        "logged out"
    );
    assert_eq!(server.accepted(), 0);
}

async fn a_hook_that_fails_is_asked_again<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: 1\n\n");
    let calls = AtomicUsize::new(0);
    let http = Http::get(server.url("/")).before_request(move |request| {
        let number = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                0 => Err(ConnectError::failed("no token yet")),
                1 => Err(ConnectError::timed_out("the token service is slow")),
                _ => Ok(request),
            }
        }
    });
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "1");
    assert_eq!(server.accepted(), 1);
}

async fn a_hook_that_hangs_ends_at_the_idle_timeout<R: Runtime>() {
    let server = Server::saying("");
    let http = Http::get(server.url("/"))
        .connect_timeout(Duration::from_millis(1))
        .before_request(async |_| pending().await);
    let config = quick()
        .max_attempts(2)
        .idle_timeout(Duration::from_millis(30));
    let mut events = Source::<R>::new(http, config);
    let error = next_error(&mut events).await;
    assert_gave_up(&error, 2, Cause::IdleTimeout);
    assert_eq!(server.accepted(), 0);
}
