//! The heads of responses, as real servers send them.

use core::time::Duration;

use ssewire::client::Cause;
use ssewire::hyper::Http;

use crate::common::effort::now;
use crate::common::runtime::{
    Runtime, Source, assert_gave_up, next_data, next_error, on_both, quick,
};
use crate::common::server::{Connection, OPEN, Server};

on_both! {
    a_head_may_have_many_headers
    a_head_with_more_headers_than_that_is_no_response
    a_head_may_be_long
    a_header_line_may_be_folded
    a_head_that_takes_too_long_ends_at_its_own_timeout
    a_timeout_of_zero_is_none
}

fn answering(headers: impl Fn() -> String + Send + Sync + 'static) -> Server {
    Server::start(move |connection| {
        let head = OPEN.trim_end();
        connection.send(format!("{head}\r\n{}\r\ndata: 1\n\n", headers()));
    })
}

async fn a_head_may_have_many_headers<R: Runtime>() {
    for count in [99, 150, 500] {
        let server = answering(move || (0..count).map(|at| format!("x-{at}: y\r\n")).collect());
        let mut events = Source::<R>::new(Http::get(server.url("/")), quick());
        assert_eq!(next_data(&mut events).await, "1", "{count}");
        // Once it is known that there are many, nothing is sent in vain.
        let extra = usize::from(count > 100);
        assert_eq!(server.requests().len(), 1 + extra);
        assert_eq!(next_data(&mut events).await, "1", "{count}");
        assert_eq!(server.requests().len(), 2 + extra);

        let before = server.requests().len();
        let mut events = Source::<R>::new(Http::post(server.url("/")), quick());
        assert_eq!(next_data(&mut events).await, "1", "{count}");
        assert_eq!(server.requests().len(), before + 1, "it may cost money");
    }
}

async fn a_head_with_more_headers_than_that_is_no_response<R: Runtime>() {
    let server = answering(|| (0..600).map(|at| format!("x-{at}: y\r\n")).collect());
    let mut events = Source::<R>::new(Http::get(server.url("/")), quick().max_attempts(2));
    let error = next_error(&mut events).await;
    assert_gave_up(&error, 2, Cause::CouldNotConnect);
    let source = core::error::Error::source(&error).expect("it says why");
    let expected = format!(
        "no response from {}: message head is too large",
        server.url("/")
    );
    assert_eq!(source.to_string(), expected);
    assert_eq!(server.requests().len(), 3);
}

async fn a_head_may_be_long<R: Runtime>() {
    let server = answering(|| format!("x: {}\r\n", "y".repeat(120 << 10)));
    let mut events = Source::<R>::new(Http::get(server.url("/")), quick().max_attempts(1));
    assert_eq!(next_data(&mut events).await, "1");
}

async fn a_header_line_may_be_folded<R: Runtime>() {
    let server = answering(|| "x-policy: default-src 'self';\r\n  img-src *\r\n".to_owned());
    let mut events = Source::<R>::new(Http::get(server.url("/")), quick().max_attempts(1));
    assert_eq!(next_data(&mut events).await, "1");
}

async fn a_head_that_takes_too_long_ends_at_its_own_timeout<R: Runtime>() {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-",
        "HTTP/1.1 103 Wait\r\n\r\n",
    ] {
        let server = Server::start(move |connection| {
            connection.send(said);
            connection.wait_for_end();
        });
        let http = Http::get(server.url("/?token=s3cret"));
        let http = http.response_timeout(Duration::from_millis(100));
        let mut events = Source::<R>::new(http, quick().max_attempts(1));
        let begin = now();
        let error = next_error(&mut events).await;
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{:?}",
            begin.elapsed()
        );
        assert_gave_up(&error, 1, Cause::CouldNotConnect);
        let source = core::error::Error::source(&error).expect("it says why");
        let expected = format!(
            "no response from {}?token=… within 100ms, the limit of Http::response_timeout",
            server.url("/"),
        );
        assert_eq!(source.to_string(), expected);
        server.wait_for_closed(1);
    }
}

async fn a_timeout_of_zero_is_none<R: Runtime>() {
    let server = Server::start(|connection: &mut Connection| {
        std::thread::sleep(Duration::from_millis(50));
        connection.send(OPEN.to_owned() + "data: 1\n\n");
    });
    let http = Http::get(server.url("/"));
    let http = http
        .connect_timeout(Duration::ZERO)
        .response_timeout(Duration::ZERO);
    let mut events = Source::<R>::new(http, quick().max_attempts(1));
    assert_eq!(next_data(&mut events).await, "1");
    // The body may take longer than its head.
    let http = Http::get(server.url("/")).response_timeout(Duration::from_secs(5));
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "1");
    assert_eq!(next_data(&mut events).await, "1");
}
