//! URLs as people write them.

use core::error::Error as _;
use std::net::TcpListener;

use ssewire::client::CloseReason;
use ssewire::hyper::Http;

use crate::common::named::Named;
use crate::common::runtime::{Runtime, Source, get, next_data, next_error, on_both, quick};
use crate::common::server::{OPEN, Server};

on_both! {
    a_url_is_encoded_as_a_redirect_is
    an_international_host_is_encoded
    an_address_may_have_a_zone
    an_invalid_url_is_named_without_its_secrets
}

fn server() -> Server {
    Server::saying(OPEN.to_owned() + "data: 1\n\n")
}

async fn a_url_is_encoded_as_a_redirect_is<R: Runtime>() {
    for (path, sent) in [
        ("/café?ö=ß", "/caf%C3%A9?%C3%B6=%C3%9F"),
        ("/a b", "/a%20b"),
        (
            "/x?id[]=1&q={\"a\":1}|^`<>",
            "/x?id%5B%5D=1&q=%7B%22a%22:1%7D%7C%5E%60%3C%3E",
        ),
        ("/100%", "/100%25"),
        ("/%7Eok%2f#ü", "/%7Eok%2f"),
    ] {
        let server = server();
        let mut events = get::<R>(server.url(path));
        next_data(&mut events).await;
        assert_eq!(server.requests()[0].path(), sent);
    }
}

async fn an_international_host_is_encoded<R: Runtime>() {
    let server = server();
    let port = server.port();
    for (host, sent) in [
        ("grüße.127-0-0-1.test", "xn--gre-6ka8l.127-0-0-1.test"),
        ("例え。127-0-0-1.test", "xn--r8jz45g.127-0-0-1.test"),
    ] {
        let before = server.accepted();
        let http = Http::get(format!("http://{host}:{port}/ä"));
        let mut events = Source::<Named<R>>::new(http, quick());
        assert_eq!(next_data(&mut events).await, "1");
        let request = &server.requests()[before];
        assert_eq!(request.header("host"), Some(&*format!("{sent}:{port}")));
        assert_eq!(request.path(), "/%C3%A4");
    }
    let from = Server::start(move |connection| {
        let location = format!("location: http://grüße.127-0-0-1.test:{port}/to");
        connection.answer("307 Elsewhere", &[&location], "");
    });
    let before = server.accepted();
    let http = Http::get(from.url("/").replace("127.0.0.1", "127-0-0-1.test"));
    let mut events = Source::<Named<R>>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "1");
    let host = format!("xn--gre-6ka8l.127-0-0-1.test:{port}");
    assert_eq!(server.requests()[before].header("host"), Some(&*host));
}

async fn an_address_may_have_a_zone<R: Runtime>() {
    // Any port where nobody listens will do: that the address is understood is the point.
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let port = listener.local_addr().expect("it has one").port();
    for host in ["[fe80::1%25lo]", "[fe80::1%251]"] {
        let url = format!("http://{host}:{port}/");
        let mut events = Source::<R>::new(Http::get(url), quick().max_attempts(1));
        let error = next_error(&mut events).await;
        let source = error.source().expect("it says why").to_string();
        assert!(
            source.starts_with("could not connect to [fe80::1%1]:"),
            "{source}"
        );
    }
}

async fn an_invalid_url_is_named_without_its_secrets<R: Runtime>() {
    for (url, shown) in [
        (
            "http://h:99999/p?token=s3cret",
            "\"http://h:99999/p?token=…\" has an invalid port",
        ),
        ("http://u:s3cret@h/", "\"http://h/\" has a user name"),
        ("ftp://u:s3cret@h/", "\"ftp://h/\" is not http or https"),
        (
            "http://u:s3cret@a b/?s3cret",
            "\"http://a b/?…\" is invalid",
        ),
        (
            "http://h/\n?s3cret",
            "\"http://h/\\n?…\" is invalid: it contains a control",
        ),
    ] {
        let http = Http::get(url);
        assert!(!format!("{http:?}").contains("s3cret"), "{http:?}");
        let mut events = Source::<R>::new(http, quick());
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Refused);
        let source = error.source().expect("it says why").to_string();
        assert!(source.starts_with(&format!("the URL {shown}")), "{source}");
        assert!(!source.contains("s3cret"), "{source}");
    }
}

#[test]
fn a_url_is_shown_without_secrets() {
    for (url, shown) in [
        ("http://h:1/p", "http://h:1/p"),
        ("http://h/p?token=x#y", "http://h/p?token=…"),
        ("http://h#y", "http://h"),
        ("http://user:password@h/p", "http://h/p"),
        ("http://a@b@h?x", "http://h?…"),
        ("http://h/p@q", "http://h/p@q"),
        ("?", "?"),
        ("", ""),
        ("http://é@h", "http://h"),
        ("user:password@h:1", "h:1"),
    ] {
        assert_eq!(ssewire::event_source::redacted(url), shown);
    }
}
