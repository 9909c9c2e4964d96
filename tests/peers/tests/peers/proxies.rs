//! Requests through proxies, by setting and by the environment.

use core::error::Error as _;
use core::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, Version};
use http_body_util::{BodyExt, Full};
use ssewire::client::{Cause, CloseReason};
use ssewire::event_source::Error;
use ssewire::hyper::{Http, Tls};

use crate::common::child::is_child;
use crate::common::runtime::{
    Runtime, Source, assert_gave_up, next_data, next_error, on_both, quick,
};
use crate::common::server::{Connection, OPEN, Server};
use crate::proxy::Proxy;
use crate::tls_server::{Body, TlsServer};

on_both! {
    https_goes_through_a_tunnel
    http_is_sent_to_the_proxy_as_it_is
    both_go_through_socks5
    a_proxy_may_want_a_password
    a_proxy_that_refuses_says_so
    a_proxy_with_https_is_refused_by_name
    a_proxy_that_hangs_ends_at_the_connect_timeout
    a_redirect_goes_through_the_proxy_too
}

fn one(_: &Parts, _: Bytes) -> Response<Body> {
    let body = Full::new(Bytes::from_static(b"data: 1\n\n"));
    let response = Response::builder().header("content-type", "text/event-stream");
    let body = body.map_err(|never| match never {});
    response.body(body.boxed_unsync()).unwrap()
}

fn plain_server() -> Server {
    Server::saying(OPEN.to_owned() + "data: 1\n\n")
}

async fn error_of<R: Runtime>(http: Http<R>) -> (Error, String) {
    let mut events = Source::<R>::new(http, quick().max_attempts(1));
    let error = next_error(&mut events).await;
    let source = error.source().expect("it says why").to_string();
    (error, source)
}

async fn https_goes_through_a_tunnel<R: Runtime>() {
    for (speaks, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let server = TlsServer::start(&[speaks], &["events.test"], one);
        let proxy = Proxy::start(None);
        let tls = Tls::with_roots(server.root.as_bytes()).expect("a root certificate");
        // Nobody but the proxy knows where that is.
        let url = server.url("/x").replace("127.0.0.1", "events.test");
        let http = Http::get(&url).tls(tls).proxy(proxy.url("http"));
        let mut events = Source::<R>::new(http.header("authorization", "Bearer x"), quick());
        assert_eq!(next_data(&mut events).await, "1");
        assert_eq!(server.requests()[0].version, version);

        let target = url
            .strip_prefix("https://")
            .and_then(|url| url.strip_suffix("/x"));
        let target = target.expect("it is that URL");
        let expected = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
        assert_eq!(
            proxy.asked(),
            [expected],
            "and nothing that is the server's"
        );
    }
}

async fn http_is_sent_to_the_proxy_as_it_is<R: Runtime>() {
    let proxy = plain_server();
    let http = Http::get("http://events.test/x?y").proxy(proxy.url(""));
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "1");
    let request = &proxy.requests()[0];
    assert_eq!(request.line, "GET http://events.test/x?y HTTP/1.1");
    assert_eq!(request.header("host"), Some("events.test"));
    assert_eq!(request.header("proxy-authorization"), None);

    let url = proxy.url("").replace("//", "//Aladdin:open%20sesame@");
    let http = Http::get("http://events.test/").proxy(url);
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "1");
    let requests = proxy.requests();
    let authorization = requests.last().unwrap().header("proxy-authorization");
    assert_eq!(authorization, Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
}

async fn both_go_through_socks5<R: Runtime>() {
    let server = plain_server();
    let port = server.port();
    for (scheme, host, asked) in [
        ("socks5h", "events.test", "events.test"),
        ("socks5", "localhost", "127.0.0.1"),
        ("socks5", "127.0.0.1", "127.0.0.1"),
    ] {
        let proxy = Proxy::start(None);
        let http = Http::get(format!("http://{host}:{port}/")).proxy(proxy.url(scheme));
        let mut events = Source::<R>::new(http, quick());
        assert_eq!(next_data(&mut events).await, "1");
        // A `localhost` of IPv6 is no address of this test's.
        assert_eq!(proxy.asked(), [format!("{asked}:{port}")]);
    }
    assert!(
        server.requests()[0]
            .header("host")
            .unwrap()
            .starts_with("events.test:")
    );

    let server = TlsServer::start(&["h2"], &["events.test"], one);
    let proxy = Proxy::start(None);
    let tls = Tls::with_roots(server.root.as_bytes()).expect("a root certificate");
    let url = server.url("/").replace("127.0.0.1", "events.test");
    let http = Http::get(url).tls(tls).proxy(proxy.url("socks5h"));
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "1");
}

async fn a_proxy_may_want_a_password<R: Runtime>() {
    let server = TlsServer::start(&["h2"], &["127.0.0.1"], one);
    let trusting = || {
        let tls = Tls::with_roots(server.root.as_bytes()).expect("a root certificate");
        Http::get(server.url("/")).tls(tls)
    };
    for scheme in ["http", "socks5h"] {
        let proxy = Proxy::start(Some("ann:s3cret"));
        let http = trusting().proxy(proxy.url_for(scheme, "ann:s3cret"));
        let mut events = Source::<R>::new(http, quick());
        assert_eq!(next_data(&mut events).await, "1");

        let (error, source) = error_of::<R>(trusting().proxy(proxy.url(scheme))).await;
        assert!(source.contains(&proxy.url(scheme)), "{source}");
        if scheme == "http" {
            assert_eq!(error.reason(), CloseReason::Refused);
            assert!(source.contains("user name and a password"), "{source}");
        }
    }
    let proxy = Proxy::start(Some("ann:s3cret"));
    let (error, source) =
        error_of::<R>(trusting().proxy(proxy.url_for("socks5", "ann:other"))).await;
    assert_gave_up(&error, 1, Cause::CouldNotConnect);
    assert!(source.contains("Password"), "{source}");
    assert!(!source.contains("other"), "{source}");
}

async fn a_proxy_that_refuses_says_so<R: Runtime>() {
    for (scheme, why) in [
        ("http", "its response to CONNECT has status 403"),
        ("socks5h", "Connection not allowed by ruleset"),
    ] {
        let proxy = Proxy::start(None);
        let http = Http::get("https://forbidden.test/").proxy(proxy.url(scheme));
        let http = match scheme {
            "http" => http,
            _ => Http::get("http://forbidden.test/").proxy(proxy.url(scheme)),
        };
        let (error, source) = error_of::<R>(http).await;
        assert_gave_up(&error, 1, Cause::CouldNotConnect);
        let url = proxy.url(scheme);
        let expected = format!("no connection through the proxy {url}/: {why}");
        assert_eq!(source, expected);
    }
}

async fn a_proxy_with_https_is_refused_by_name<R: Runtime>() {
    for (url, shown) in [
        (
            "https://ann:s3cret@proxy.test:3129",
            "https://proxy.test:3129/",
        ),
        ("socks4://proxy.test", "socks4://proxy.test/"),
    ] {
        let (error, source) = error_of::<R>(Http::get("http://events.test/").proxy(url)).await;
        assert_eq!(error.reason(), CloseReason::Refused);
        let expected = format!(
            "the proxy {shown} cannot be used: only proxies with http, socks5 or socks5h are supported"
        );
        assert_eq!(source, expected);
    }
    for url in [
        "",
        "ftp://ann:s3cret@proxy.test",
        "http://ann:s3cret@a b",
        "ann:s3cret@[",
    ] {
        let (error, source) = error_of::<R>(Http::get("http://events.test/").proxy(url)).await;
        assert_eq!(error.reason(), CloseReason::Refused);
        assert!(
            source.ends_with("its URL is invalid, see Http::proxy"),
            "{source}"
        );
        assert!(!source.contains("s3cret"), "{source}");
    }
}

async fn a_proxy_that_hangs_ends_at_the_connect_timeout<R: Runtime>() {
    let proxy = Server::accepting(Connection::wait_for_end);
    for scheme in ["http", "socks5h"] {
        let url = proxy.url("").replace("http", scheme);
        let http = Http::get("https://events.test/").proxy(url);
        let http = http.connect_timeout(Duration::from_millis(50));
        let (error, _) = error_of::<R>(http).await;
        assert_gave_up(&error, 1, Cause::ConnectTimeout);
    }
    proxy.wait_for_closed(2);
}

async fn a_redirect_goes_through_the_proxy_too<R: Runtime>() {
    let proxy = Server::start(|connection| match connection.number() {
        0 => connection.answer("302 Elsewhere", &["location: http://other.test/"], ""),
        _ => {
            connection.send(OPEN.to_owned() + "data: 1\n\n");
        }
    });
    let url = proxy.url("").replace("//", "//ann:s3cret@");
    let mut events = Source::<R>::new(Http::get("http://events.test/").proxy(url), quick());
    assert_eq!(next_data(&mut events).await, "1");
    let requests = proxy.requests();
    assert_eq!(requests[1].line, "GET http://other.test/ HTTP/1.1");
    // It is the proxy's, wherever the request goes.
    assert!(
        requests
            .iter()
            .all(|it| it.header("proxy-authorization").is_some())
    );
}

async fn the_environment_decides<R: Runtime>() {
    let server = plain_server();
    let server_url = server.url("/");
    // Named in NO_PROXY.
    let mut events = Source::<R>::new(Http::get(&server_url), quick());
    assert_eq!(next_data(&mut events).await, "1");

    let (error, source) = error_of::<R>(Http::get("http://events.test/")).await;
    assert_gave_up(&error, 1, Cause::CouldNotConnect);
    let expected = "no connection through the proxy http://127.0.0.1:9/: ";
    assert!(source.starts_with(expected), "{source}");

    let (error, source) = error_of::<R>(Http::get("https://events.test/")).await;
    assert_eq!(error.reason(), CloseReason::Refused);
    let expected = "the proxy https://secure.test:1/ cannot be used: ";
    assert!(source.starts_with(expected), "{source}");

    // A setting goes before.
    let (_, source) = error_of::<R>(Http::get("http://nobody.invalid/").no_proxy()).await;
    assert!(
        source.contains("could not look up nobody.invalid"),
        "{source}"
    );
    let set = plain_server();
    let http = Http::get("http://events.test/").proxy(set.url(""));
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "1");
}

/// Runs a row where `HTTP_PROXY` and its like are set, to a port where nobody listens.
fn in_an_environment<R: Runtime>(test: &str) {
    let variables = [
        // Nobody listens there (RFC 863).
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "https://ann:s3cret@secure.test:1"),
        ("NO_PROXY", "127.0.0.0/8"),
    ];
    if is_child(test, &variables) {
        R::run(the_environment_decides::<R>());
    }
}

async fn an_invalid_proxy_is_not_passed_over<R: Runtime>() {
    let server = plain_server();
    let (error, source) = error_of::<R>(Http::get(server.url("/"))).await;
    assert_eq!(error.reason(), CloseReason::Refused);
    let expected = "the proxy ftp://proxy.test cannot be used: its URL is invalid, see the \
                    variable http_proxy";
    assert_eq!(source, expected);
    assert_eq!(server.accepted(), 0);
    // Named in NO_PROXY.
    let http = Http::get("http://nobody.invalid/");
    let (_, source) = error_of::<R>(http).await;
    assert!(source.contains("could not look up"), "{source}");
}

#[test]
fn an_invalid_proxy_of_the_environment_is_not_passed_over() {
    let test = "proxies::an_invalid_proxy_of_the_environment_is_not_passed_over";
    let variables = [
        ("http_proxy", "ftp://ann:s3cret@proxy.test"),
        ("no_proxy", "invalid"),
    ];
    if is_child(test, &variables) {
        let row = an_invalid_proxy_is_not_passed_over::<ssewire::tokio::Runtime>();
        ssewire::tokio::Runtime::run(row);
    }
}

#[test]
fn the_environment_decides_on_tokio() {
    in_an_environment::<ssewire::tokio::Runtime>("proxies::the_environment_decides_on_tokio");
}

#[test]
fn the_environment_decides_on_async_std() {
    let test = "proxies::the_environment_decides_on_async_std";
    in_an_environment::<ssewire::async_std::Runtime>(test);
}
