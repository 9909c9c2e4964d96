//! Which answers open the stream, which are tried again, and what an error keeps of one.

use core::error::Error as _;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use http::{HeaderValue, header};
use ssewire::client::{Cause, ClientConfig, CloseReason, Excerpt, Phase};
use ssewire::hyper::Http;

use crate::common::runtime::{
    Runtime, Source, all_data, assert_gave_up, get, next_data, next_error, on_both, quick, within,
};
use crate::common::server::{OPEN, Server, answer};

on_both! {
    a_204_stops_for_good
    an_error_keeps_status_headers_and_body
    an_endless_error_body_is_kept_in_part
    an_error_body_is_kept_up_to_the_limit
    a_stalled_error_body_is_not_waited_for
    an_error_body_that_breaks_off_is_kept_as_far_as_it_came
    a_500_is_tried_again
    a_retried_answer_is_shown_to_the_hook
    attempts_without_progress_are_counted
    both_kinds_of_retry_after_are_lower_bounds
    too_long_a_wait_is_an_error
    other_content_types_are_errors
    odd_content_types_open
    a_coding_is_refused_by_name
    a_browser_takes_no_answer_but_200
    a_new_token_resumes_after_a_401
    on_open_may_refuse_an_answer
    what_is_no_http_is_tried_again
    an_answer_before_the_request_was_read_is_an_answer
}

const STREAM: &str = "content-type: text/event-stream";

async fn a_204_stops_for_good<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send(OPEN.to_owned() + "data: 1\n\n");
        }
        _ => connection.answer("204 No Content", &[STREAM], ""),
    });
    let mut events = get::<R>(server.url("/"));
    assert_eq!(all_data(&mut events).await, ["1"]);
    assert_eq!(events.phase(), Phase::Closed(CloseReason::NoContent));
    assert!(events.next().await.is_none());
    events.restart();
    assert!(events.next().await.is_none());
    assert_eq!(server.accepted(), 2);
}

async fn an_error_keeps_status_headers_and_body<R: Runtime>() {
    for chunked in [false, true] {
        let server = Server::saying(if chunked {
            let head =
                "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\nx-why: gone\r\n\r\n";
            head.to_owned() + "3\r\nno \r\n6\r\nstream\r\n0\r\n\r\n"
        } else {
            answer("404 Not Found", &["x-why: gone"], "no stream")
        });
        let mut events = get::<R>(server.url("/"));
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Status(404));
        let text = format!("{}: the response has status 404", server.url("/"));
        assert_eq!(error.to_string(), text);
        let answer = error.response().expect("the answer is kept");
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["x-why"], "gone");
        assert_eq!(answer.body(), "no stream");
        assert_eq!(server.accepted(), 1);
    }
}

async fn an_endless_error_body_is_kept_in_part<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.send("HTTP/1.1 403 Forbidden\r\n\r\n");
        while connection.send([b'x'; 3000]) {}
        connection.wait_for_end();
    });
    let mut events = get::<R>(server.url("/"));
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Status(403));
    let body = error.response().expect("the answer is kept").body();
    assert_eq!(body.len(), 8 * 1024);
    server.wait_for_closed(1);
}

async fn an_error_body_is_kept_up_to_the_limit<R: Runtime>() {
    for limit in [0, 1, 5, 9, 100_000] {
        // Where nothing is wanted, nothing is waited for.
        let body = if limit == 0 { "" } else { "too much." };
        let server = Server::start(move |connection| {
            connection.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\n");
            connection.send(body);
            connection.wait_for_end();
        });
        let mut events = get::<R>(server.url("/")).max_error_body_bytes(limit);
        let error = within::<R, _>(Duration::from_secs(1), next_error(&mut events)).await;
        let error = error.expect("it does not wait");
        let kept = &"too much."[..limit.min(9)];
        assert_eq!(error.response().expect("the answer is kept").body(), kept);
    }
}

async fn a_stalled_error_body_is_not_waited_for<R: Runtime>() {
    let server = Server::start(|connection| {
        connection.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\npart");
        connection.wait_for_end();
    });
    let mut events = get::<R>(server.url("/"));
    let error = next_error(&mut events).await;
    assert_eq!(error.response().expect("the answer is kept").body(), "part");
    server.wait_for_closed(1);
}

async fn an_error_body_that_breaks_off_is_kept_as_far_as_it_came<R: Runtime>() {
    let server = Server::saying("HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\npart");
    let mut events = get::<R>(server.url("/"));
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Status(403));
    assert_eq!(error.response().expect("the answer is kept").body(), "part");
}

async fn a_500_is_tried_again<R: Runtime>() {
    for status in [
        "408 a", "425 b", "429 c", "500 d", "502 e", "503 f", "504 g", "520 h", "530 i", "599 j",
    ] {
        let server = Server::start(move |connection| match connection.number() {
            0 => connection.answer(status, &[STREAM], "data: no event\n\n"),
            1 => {
                connection.send(OPEN.to_owned() + "data: 1\n\n");
            }
            _ => connection.answer("204 No Content", &[], ""),
        });
        let mut events = get::<R>(server.url("/"));
        assert_eq!(all_data(&mut events).await, ["1"], "{status}");
    }
}

async fn a_retried_answer_is_shown_to_the_hook<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => connection.answer("500 Oh", &["x-why: full"], "no disk"),
        _ => connection.answer("204 No Content", &[], ""),
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let saw = Arc::clone(&seen);
    let mut events = get::<R>(server.url("/")).on_disconnect(move |disconnect| {
        let answer = disconnect.response().expect("an answer is the cause");
        let why = answer.headers().get("x-why").cloned();
        saw.lock()
            .unwrap()
            .push((disconnect.cause(), why, answer.body().clone()));
    });
    assert!(events.next().await.is_none());
    let seen = seen.lock().unwrap();
    let why = Some(HeaderValue::from_static("full"));
    assert_eq!(seen[0], (Some(Cause::Status(500)), why, "no disk".into()));
    assert_eq!(seen[1], (None, None, "".into()));
    assert_eq!(seen.len(), 2);
}

async fn attempts_without_progress_are_counted<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        // Progress, behind which the count starts anew.
        1 => {
            connection.send(OPEN.to_owned() + "data: 1\n\n");
        }
        _ => connection.answer("500 Oh", &[], "no disk"),
    });
    let config = quick().max_attempts(3);
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    assert_eq!(next_data(&mut events).await, "1");
    let error = next_error(&mut events).await;
    assert_gave_up(&error, 3, Cause::Status(500));
    assert_eq!(
        error.response().expect("the last answer is kept").body(),
        "no disk"
    );
    assert_eq!(server.accepted(), 5);
}

async fn both_kinds_of_retry_after_are_lower_bounds<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => connection.answer("503 Busy", &["retry-after: 1"], ""),
        1 => {
            let date = "date: Fri, 01 Jan 2100 00:00:00 GMT";
            let after = "retry-after: Fri, 01 Jan 2100 00:00:01 GMT";
            connection.answer("503 Busy", &[date, after], "");
        }
        // The finer of two.
        2 => connection.answer(
            "503 Busy",
            &["retry-after: 3601", "retry-after-ms: 1000"],
            "",
        ),
        3 => connection.answer("503 Busy", &["retry-after-ms: 1000"], ""),
        // In the past, so not a wait at all.
        4 => connection.answer(
            "503 Busy",
            &["retry-after: Fri, 01 Jan 2010 00:00:01 GMT"],
            "",
        ),
        _ => connection.answer("204 No Content", &[], ""),
    });
    let mut events = Source::<R>::new(Http::get(server.url("/")), quick().jitter_percent(0));
    assert!(events.next().await.is_none());
    let requests = server.requests();
    for pair in requests[..5].windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_secs(1));
    }
    assert_eq!(requests.len(), 6);
}

async fn too_long_a_wait_is_an_error<R: Runtime>() {
    let after = ["retry-after: 99999999999999999999"];
    let server = Server::saying(answer("429 Too Many Requests", &after, "quota"));
    let mut events = get::<R>(server.url("/"));
    let error = next_error(&mut events).await;
    let CloseReason::WaitTooLong { cause, .. } = error.reason() else {
        panic!("{error:?}");
    };
    assert_eq!(cause, Cause::Status(429));
    assert_eq!(
        error.response().expect("the answer is kept").body(),
        "quota"
    );
    assert_eq!(server.accepted(), 1);
}

async fn other_content_types_are_errors<R: Runtime>() {
    for content_type in [
        "content-type: text/html",
        "content-type: text/event-streams",
        "content-type: text/event-stream, text/html",
        "content-type:",
        "content-type: \u{a0}text/event-stream",
        "x-content-type: text/event-stream",
    ] {
        let server = Server::saying(answer("200 OK", &[content_type], "<h1>Log in</h1>"));
        let mut events = get::<R>(server.url("/"));
        let error = next_error(&mut events).await;
        let CloseReason::ContentType { value } = error.reason() else {
            panic!("{content_type}: {error:?}");
        };
        let came = content_type
            .strip_prefix("content-type:")
            .map(|value| value.trim_start_matches(' '));
        assert_eq!(value, came.map(Excerpt::new), "{content_type}");
        let answer = error.response().expect("the answer is kept");
        assert_eq!(
            (answer.status().as_u16(), &answer.body()[..]),
            (200, &b"<h1>Log in</h1>"[..])
        );
        assert_eq!(server.accepted(), 1);
    }
}

async fn odd_content_types_open<R: Runtime>() {
    for content_type in [
        "content-type: text/event-stream;",
        "content-type: text/event-stream, text/event-stream",
        "content-type: text/html\r\ncontent-type: text/event-stream",
        "content-type: text/event-stream\r\ncontent-type: */*",
        "content-type: text/event-stream\r\ncontent-encoding: identity",
        "content-type:  Text/Event-Stream ; charset=\"utf-8\"; x",
        "CONTENT-TYPE: text/event-stream;charset=iso-8859-1",
    ] {
        let server = Server::start(move |connection| match connection.number() {
            0 => connection.answer("200 OK", &[content_type], "data: é\n\n"),
            _ => connection.answer("204 No Content", &[], ""),
        });
        let mut events = get::<R>(server.url("/"));
        assert_eq!(all_data(&mut events).await, ["é"], "{content_type}");
    }
    // Whoever knows better can say so.
    let server = Server::start(|connection| match connection.number() {
        0 => connection.answer("200 OK", &[], "data: 1\n\n"),
        _ => connection.answer("204 No Content", &[], ""),
    });
    let config = quick().check_content_type(false);
    let mut events = Source::<R>::new(Http::get(server.url("/")), config);
    assert_eq!(all_data(&mut events).await, ["1"]);
}

async fn a_coding_is_refused_by_name<R: Runtime>() {
    for (headers, coding) in [
        (&[STREAM, "content-encoding: gzip"][..], "gzip"),
        (
            &[STREAM, "content-encoding: identity", "content-encoding: br"],
            "br",
        ),
        (
            &[
                STREAM,
                "content-encoding: zstd",
                "content-encoding: identity",
            ],
            "zstd",
        ),
    ] {
        let server = Server::saying(answer("200 OK", headers, "\u{1f}\u{8b}\n\n"));
        let mut events = get::<R>(server.url("/"));
        let error = next_error(&mut events).await;
        let value = Excerpt::new(coding);
        assert_eq!(error.reason(), CloseReason::ContentEncoding { value });
        let text = error.to_string();
        assert!(text.contains(&format!("\"{coding}\"")), "{text}");
        assert!(text.contains("turn compression off"), "{text}");
        assert_eq!(server.accepted(), 1);
    }
}

async fn a_browser_takes_no_answer_but_200<R: Runtime>() {
    for status in [201, 206, 304, 408, 500, 503] {
        let headers = [STREAM, "retry-after: 0"];
        let server = Server::saying(answer(&format!("{status} X"), &headers, ""));
        let config = ClientConfig::browser();
        let mut events = Source::<R>::new(Http::get(server.url("/")), config);
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Status(status));
        assert_eq!(server.accepted(), 1);
    }
}

async fn a_new_token_resumes_after_a_401<R: Runtime>() {
    let server = Server::start(|connection| {
        let token = connection
            .request()
            .header("authorization")
            .map(str::to_owned);
        match (connection.number(), token.as_deref()) {
            (0, Some("Bearer 1")) => {
                connection.send(OPEN.to_owned() + "id: 1\ndata: a\n\n");
            }
            (1, Some("Bearer 1")) => connection.answer("401 Expired", &[], "expired"),
            (2, Some("Bearer 2")) => {
                connection.send(OPEN.to_owned() + "id: 2\ndata: b\n\n");
            }
            _ => connection.answer("204 No Content", &[], ""),
        }
    });
    let token = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&token);
    let http = Http::get(server.url("/")).before_request(move |mut request| {
        let value = format!("Bearer {}", current.load(Ordering::SeqCst));
        async move {
            let value = HeaderValue::try_from(value).expect("a valid header");
            request.headers_mut().insert(header::AUTHORIZATION, value);
            Ok(request)
        }
    });
    let config = quick().retry_statuses([401]);
    let mut events = Source::<R>::new(http, config).on_disconnect(move |disconnect| {
        if disconnect.cause() == Some(Cause::Status(401)) {
            token.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert_eq!(all_data(&mut events).await, ["a", "b"]);
    let ids: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("last-event-id").map(str::to_owned))
        .collect();
    assert_eq!(
        ids,
        [None, Some("1".into()), Some("1".into()), Some("2".into())]
    );
}

async fn on_open_may_refuse_an_answer<R: Runtime>() {
    let server = Server::start(|connection| {
        connection
            .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-version: 2\r\n\r\n");
        connection.send("data: unseen\n\n");
        connection.wait_for_end();
    });
    let mut events =
        get::<R>(server.url("/")).on_open(|head| match head.headers.get("x-version") {
            Some(version) if version != "1" => Err(format!("version {version:?}")),
            _ => Ok(()),
        });
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Refused);
    assert_eq!(
        error.source().expect("the hook's error").to_string(),
        "version \"2\""
    );
    assert!(error.response().is_none());
    server.wait_for_closed(1);
    assert_eq!(server.accepted(), 1);
}

async fn what_is_no_http_is_tried_again<R: Runtime>() {
    for garbage in [
        "\r\n\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 200",
        "HTTP/1.1 2xx\r\n\r\n",
        "",
    ] {
        let server = Server::start(move |connection| match connection.number() {
            0 => {
                connection.send(garbage);
            }
            _ => connection.answer("204 No Content", &[], ""),
        });
        let seen = Arc::new(Mutex::new(Vec::new()));
        let saw = Arc::clone(&seen);
        let mut events = get::<R>(server.url("/")).on_disconnect(move |disconnect| {
            let has_error = disconnect.error().is_some();
            saw.lock().unwrap().push((disconnect.cause(), has_error));
        });
        assert!(events.next().await.is_none(), "{garbage:?}");
        let cause = Some(Cause::CouldNotConnect);
        assert_eq!(
            *seen.lock().unwrap(),
            [(cause, true), (None, false)],
            "{garbage:?}"
        );
    }
}

async fn an_answer_before_the_request_was_read_is_an_answer<R: Runtime>() {
    let server = Server::accepting(|connection| {
        // Most of the body cannot be sent before it is read.
        connection.read_head();
        connection.answer("413 Content Too Large", &[], "too much");
        connection.wait_for_end();
    });
    let http = Http::post(server.url("/")).body(vec![b'x'; 16 << 20]);
    let mut events = Source::<R>::new(http, quick());
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Status(413), "{error:?}");
    assert_eq!(
        error.response().expect("the answer is kept").body(),
        "too much"
    );
    server.wait_for_closed(1);
}
