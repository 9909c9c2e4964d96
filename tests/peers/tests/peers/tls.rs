//! HTTPS: HTTP/1.1 and HTTP/2, and whom not to trust.

use core::error::Error as _;
use core::ops::ControlFlow;
use core::time::Duration;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::request::Parts;
use http::{Response, Version, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use ssewire::client::{Cause, CloseReason};
use ssewire::event_source::Error;
use ssewire::hyper::{Http, Tls};
use tokio::sync::Notify;

use crate::common::runtime::{
    Runtime, Source, all_data, assert_gave_up, next_data, next_error, on_both, quick, within,
};
use crate::common::server::Server;
use crate::tls_server::{Body, TlsServer};

on_both! {
    what_alpn_chooses_is_spoken
    both_protocols_send_the_same_request
    a_host_of_the_callers_is_the_authority
    both_protocols_post
    answers_are_judged_over_both_protocols
    a_stream_that_breaks_off_is_cut_off_over_both_protocols
    megabytes_come_through_flow_control
    drop_closes_the_socket_over_both_protocols
    stop_when_closes_the_socket_over_both_protocols
    a_black_hole_ends_at_the_idle_timeout_over_both_protocols
    a_wrong_name_is_refused
    an_unknown_root_is_refused
    what_is_no_tls_is_no_connection
    a_handshake_that_hangs_ends_at_the_connect_timeout
    credentials_do_not_leave_tls
}

const BOTH: [&[&str]; 2] = [&["http/1.1"], &["h2"]];
const HERE: &[&str] = &["127.0.0.1", "localhost"];

fn stream_of(
    pieces: impl futures_util::Stream<Item = Result<Bytes, &'static str>> + Send + 'static,
) -> Response<Body> {
    let body = StreamBody::new(pieces.map(|piece| piece.map(Frame::data)));
    let response = Response::builder().header("content-type", "text/event-stream");
    response.body(body.boxed_unsync()).unwrap()
}

fn full(status: u16, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    Response::builder()
        .status(status)
        .body(body.boxed_unsync())
        .unwrap()
}

fn events_of(wire: &'static str) -> impl futures_util::Stream<Item = Result<Bytes, &'static str>> {
    stream::iter([Ok(Bytes::from_static(wire.as_bytes()))])
}

/// Sends two events and ends, and has no more for those who have seen them.
fn two_events(request: &Parts, _: Bytes) -> Response<Body> {
    match request.headers.get("last-event-id") {
        None => stream_of(events_of("id: 1\ndata: one\n\nid: 2\ndata: two\n\n")),
        Some(_) => full(204, ""),
    }
}

/// Sends an event, and nothing more.
fn one_and_silence(_: &Parts, _: Bytes) -> Response<Body> {
    stream_of(events_of("data: 1\n\n").chain(stream::pending()))
}

fn trusting<R: Runtime>(server: &TlsServer, path: &str) -> Http<R> {
    let tls = Tls::with_roots(server.root.as_bytes()).expect("a root certificate");
    Http::get(server.url(path)).tls(tls)
}

async fn what_alpn_chooses_is_spoken<R: Runtime>() {
    for (speaks, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1", "h2"], Version::HTTP_11),
        (&["h2"], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let server = TlsServer::start(speaks, HERE, two_events);
        let mut events = Source::<R>::new(trusting(&server, "/"), quick());
        assert_eq!(all_data(&mut events).await, ["one", "two"], "{speaks:?}");
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        for request in &requests {
            assert_eq!(request.version, version, "{speaks:?}");
        }
        assert_eq!(requests[1].headers["last-event-id"], "2");
        // Each attempt has a connection of its own, and leaves none behind.
        server.wait_for_closed();
        server.wait_for_closed();
    }
}

async fn both_protocols_send_the_same_request<R: Runtime>() {
    let mut sent = Vec::new();
    for speaks in BOTH {
        let server = TlsServer::start(speaks, HERE, two_events);
        let http = trusting(&server, "/a?b=c")
            .header("x-mine", "1")
            // Means nothing in HTTP/2, where it would be an error.
            .header("connection", "keep-alive")
            .header("x-other", "2");
        let mut events = Source::<R>::new(http, quick());
        assert_eq!(next_data(&mut events).await, "one");
        let request = server.requests().remove(0);
        assert_eq!(request.method, "GET");
        assert_eq!(request.uri.path_and_query().expect("a path"), "/a?b=c");
        let authority = server.url("").replace("https://", "");
        match request.uri.authority() {
            Some(sent) => assert_eq!(sent.as_str(), authority),
            None => assert_eq!(request.headers[header::HOST], authority),
        }
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| **name != header::HOST && **name != header::CONNECTION)
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect();
        headers.sort();
        sent.push(headers);
    }
    let names: Vec<_> = sent[0].iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        [
            "accept",
            "accept-encoding",
            "cache-control",
            "user-agent",
            "x-mine",
            "x-other"
        ]
    );
    assert_eq!(sent[0], sent[1]);
}

async fn a_host_of_the_callers_is_the_authority<R: Runtime>() {
    for speaks in BOTH {
        let server = TlsServer::start(speaks, HERE, two_events);
        let http = trusting(&server, "/a?b").header("host", "virtual.example");
        let mut events = Source::<R>::new(http, quick());
        assert_eq!(next_data(&mut events).await, "one");
        let request = server.requests().remove(0);
        assert_eq!(request.uri.path_and_query().expect("a path"), "/a?b");
        match request.uri.authority() {
            Some(authority) => {
                assert_eq!(authority, "virtual.example");
                assert!(!request.headers.contains_key(header::HOST));
            }
            None => assert_eq!(request.headers[header::HOST], "virtual.example"),
        }
    }
}

async fn both_protocols_post<R: Runtime>() {
    for speaks in BOTH {
        for body in ["", "{}", &"x".repeat(1 << 20)] {
            let server = TlsServer::start(speaks, HERE, |request, body| {
                assert_eq!(request.method, "POST");
                let wire = format!("data: {} bytes\n\n", body.len());
                stream_of(stream::iter([Ok(wire.into())]))
            });
            let tls = Tls::with_roots(server.root.as_bytes()).expect("a root certificate");
            let http = Http::post(server.url("/")).tls(tls).body(body.to_owned());
            let mut events = Source::<R>::new(http, quick());
            assert_eq!(
                all_data(&mut events).await,
                [format!("{} bytes", body.len())]
            );
            assert_eq!(server.requests().len(), 1);
            let length = &server.requests()[0].headers[header::CONTENT_LENGTH];
            assert_eq!(length, &body.len().to_string());
        }
    }
}

async fn answers_are_judged_over_both_protocols<R: Runtime>() {
    for speaks in BOTH {
        let server = TlsServer::start(speaks, HERE, |_, _| full(404, vec![b'x'; 1 << 20]));
        let mut events = Source::<R>::new(trusting(&server, "/"), quick());
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Status(404));
        let answer = error.response().expect("the answer is kept");
        assert_eq!(answer.body().len(), 8 * 1024);
        server.wait_for_closed();

        let server = TlsServer::start(speaks, HERE, |_, _| full(200, "<h1>Log in</h1>"));
        let mut events = Source::<R>::new(trusting(&server, "/"), quick());
        let error = next_error(&mut events).await;
        assert!(matches!(error.reason(), CloseReason::ContentType { .. }));
        server.wait_for_closed();
    }
}

async fn a_stream_that_breaks_off_is_cut_off_over_both_protocols<R: Runtime>() {
    for speaks in BOTH {
        let breaks = Arc::new(Notify::new());
        let broken = Arc::clone(&breaks);
        let server = TlsServer::start(speaks, HERE, move |request, _| {
            if request.headers.contains_key("last-event-id") {
                return full(204, "");
            }
            let broken = Arc::clone(&broken);
            let broken = stream::once(async move {
                broken.notified().await;
                Err("broken")
            });
            stream_of(events_of("id: 1\ndata: one\n\ndata: torn\n").chain(broken))
        });
        let causes = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&causes);
        let mut events = Source::<R>::new(trusting(&server, "/"), quick())
            .on_disconnect(move |disconnect| seen.lock().unwrap().push(disconnect.cause()));
        assert_eq!(next_data(&mut events).await, "one");
        breaks.notify_one();
        assert!(events.next().await.is_none());
        assert_eq!(
            *causes.lock().unwrap(),
            [Some(Cause::CutOff), None],
            "{speaks:?}"
        );
    }
}

/// Sends 6 MB and then silence: more than any window, and nothing after it that would open one.
fn many(_: &Parts, _: Bytes) -> Response<Body> {
    let pieces = (0..MANY / 100).map(|piece| {
        let events = (0..100).map(|event| {
            let number = piece * 100 + event;
            format!("id: {number}\ndata: {number:0200}\n\n")
        });
        Ok(Bytes::from(events.collect::<String>()))
    });
    stream_of(stream::iter(pieces).chain(stream::pending()))
}

const MANY: usize = 30_000;

async fn megabytes_come_through_flow_control<R: Runtime>() {
    for speaks in BOTH {
        let server = TlsServer::start(speaks, HERE, many);
        let mut events = Source::<R>::new(trusting(&server, "/"), quick());
        for number in 0..MANY / 2 {
            let event = events.next().await.expect("an event").expect("no error");
            assert_eq!(event.data().len(), 200);
            assert_eq!(event.data().parse(), Ok(number));
        }
        let mut next = MANY / 2;
        // By its path: that of `StreamExt` is here too.
        let rest = Source::<R>::for_each_event(&mut events, |event| {
            assert_eq!(event.data().parse(), Ok(next));
            next += 1;
            match next {
                MANY => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        assert_eq!(rest.await.expect("no error"), Some(()));
        drop(events);
        server.wait_for_closed();
    }
}

async fn drop_closes_the_socket_over_both_protocols<R: Runtime>() {
    for speaks in BOTH {
        let server = TlsServer::start(speaks, HERE, one_and_silence);
        let mut events = Source::<R>::new(trusting(&server, "/"), quick());
        assert_eq!(next_data(&mut events).await, "1");
        drop(events);
        server.wait_for_closed();

        let mut events = Source::<R>::new(trusting(&server, "/"), quick());
        assert_eq!(next_data(&mut events).await, "1");
        let waits = within::<R, _>(Duration::from_millis(20), events.next()).await;
        assert!(waits.is_none());
        events.close();
        server.wait_for_closed();
        assert_eq!(server.requests().len(), 2);
    }
}

async fn stop_when_closes_the_socket_over_both_protocols<R: Runtime>() {
    for speaks in BOTH {
        let server = TlsServer::start(speaks, HERE, one_and_silence);
        let mut events = Source::<R>::new(trusting(&server, "/"), quick())
            .stop_when(|event| event.data() == "1");
        assert_eq!(next_data(&mut events).await, "1");
        server.wait_for_closed();
        assert!(events.next().await.is_none());
    }
}

async fn a_black_hole_ends_at_the_idle_timeout_over_both_protocols<R: Runtime>() {
    for speaks in BOTH {
        let server = TlsServer::start(speaks, HERE, one_and_silence);
        let config = quick().idle_timeout(Duration::from_millis(300));
        let mut events = Source::<R>::new(trusting(&server, "/"), config);
        assert_eq!(next_data(&mut events).await, "1");
        assert_eq!(next_data(&mut events).await, "1");
        server.wait_for_closed();
        assert_eq!(server.requests().len(), 2);
    }
}

async fn failed_attempt<R: Runtime>(http: Http<R>) -> Error {
    let mut events = Source::<R>::new(http, quick().max_attempts(1));
    next_error(&mut events).await
}

fn assert_untrusted(error: &Error, why: &str) {
    assert_gave_up(error, 1, Cause::CouldNotConnect);
    let source = error.source().expect("it says why").to_string();
    assert!(source.contains(why), "{source}");
}

async fn a_wrong_name_is_refused<R: Runtime>() {
    for name in ["example.com", "127.0.0.2", "*.0.0.1"] {
        let server = TlsServer::start(&["h2", "http/1.1"], &[name], two_events);
        let error = failed_attempt::<R>(trusting(&server, "/")).await;
        assert_untrusted(&error, "not valid for name");
        server.wait_for_closed();
        assert_eq!(server.requests().len(), 0, "not a word was said to it");
    }
}

async fn an_unknown_root_is_refused<R: Runtime>() {
    let server = TlsServer::start(&["h2", "http/1.1"], HERE, two_events);
    let other = TlsServer::start(&[], HERE, two_events);
    let tls = Tls::with_roots(other.root.as_bytes()).expect("a root certificate");
    let error = failed_attempt::<R>(Http::get(server.url("/")).tls(tls)).await;
    assert_untrusted(&error, "certificate");
    server.wait_for_closed();
    // The platform knows none of them, if it has any.
    let error = failed_attempt::<R>(Http::get(server.url("/"))).await;
    assert_untrusted(&error, "certificate");
    assert_eq!(server.requests().len(), 0);
}

async fn what_is_no_tls_is_no_connection<R: Runtime>() {
    let root = TlsServer::start(&[], HERE, two_events);
    for wire in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "",
        "\u{16}\u{3}\u{1}\0\0\0\0\0",
    ] {
        let server = Server::accepting(move |connection| {
            connection.send(wire);
        });
        let tls = Tls::with_roots(root.root.as_bytes()).expect("a root certificate");
        let url = server.url("/").replace("http:", "https:");
        let error = failed_attempt::<R>(Http::get(url).tls(tls)).await;
        assert_gave_up(&error, 1, Cause::CouldNotConnect);
        assert!(error.source().is_some());
    }
}

async fn a_handshake_that_hangs_ends_at_the_connect_timeout<R: Runtime>() {
    let root = TlsServer::start(&[], HERE, two_events);
    let server = Server::accepting(crate::common::server::Connection::wait_for_end);
    let tls = Tls::with_roots(root.root.as_bytes()).expect("a root certificate");
    let url = server.url("/").replace("http:", "https:");
    let http = Http::get(url)
        .tls(tls)
        .connect_timeout(Duration::from_millis(50));
    let error = failed_attempt::<R>(http).await;
    assert_gave_up(&error, 1, Cause::ConnectTimeout);
    server.wait_for_closed(1);
}

async fn credentials_do_not_leave_tls<R: Runtime>() {
    let plain = Server::saying(crate::common::server::OPEN.to_owned() + "data: 1\n\n");
    let server = TlsServer::start(&["h2"], HERE, |request, _| {
        let mut response = full(302, "");
        let to = request.headers["x-to"].clone();
        response.headers_mut().insert(header::LOCATION, to);
        response
    });
    let http = || {
        trusting(&server, "/")
            .header("authorization", "Bearer x")
            .header("x-to", plain.url("/plain"))
    };
    let mut events = Source::<R>::new(http(), quick());
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Refused);
    let expected = format!(
        "the redirect from {} to {} was not followed: it leaves https, see Http::redirect_to_http",
        server.url("/"),
        plain.url("/plain"),
    );
    assert_eq!(error.source().expect("it says why").to_string(), expected);
    assert_eq!(plain.accepted(), 0);

    let mut events = Source::<R>::new(http().redirect_to_http(true), quick());
    assert_eq!(next_data(&mut events).await, "1");
    assert_eq!(
        server.requests()[0].headers[header::AUTHORIZATION],
        "Bearer x"
    );
    assert_eq!(plain.requests()[0].header("authorization"), None);
    assert_eq!(plain.requests()[0].path(), "/plain");
    let host = plain.url("").replace("http://", "");
    assert_eq!(plain.requests()[0].header("host"), Some(&*host));
}
