//! Which certificates are trusted, which one is shown, and what is said about those that are not.

use core::error::Error as _;
use std::fs::File;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use ssewire::client::Cause;
use ssewire::hyper::{Http, Tls};

use crate::common::child::is_child_after;
use crate::common::runtime::{
    Runtime, Source, assert_gave_up, next_data, next_error, on_both, quick,
};
use crate::tls_server::{Body, Root, TlsServer, demanding, self_signed};

on_both! {
    a_server_that_demands_a_certificate_gets_it
    a_certificate_of_an_authority_is_no_servers
}

fn one(_: &Parts, _: Bytes) -> Response<Body> {
    let body = Full::new(Bytes::from_static(b"data: 1\n\n"));
    let response = Response::builder().header("content-type", "text/event-stream");
    let body = body.map_err(|never| match never {});
    response.body(body.boxed_unsync()).unwrap()
}

async fn a_server_that_demands_a_certificate_gets_it<R: Runtime>() {
    for speaks in [&["http/1.1"][..], &["h2"]] {
        let clients = Root::new();
        let server = TlsServer::with_config(demanding(speaks, &clients), one);
        let trusting = || Tls::with_roots(server.root.as_bytes()).expect("a root certificate");

        let identity = clients.identity(&["client.example"]);
        let tls = trusting().identity(identity.as_bytes());
        let http = Http::get(server.url("/")).tls(tls.expect("an identity"));
        let mut events = Source::<R>::new(http, quick());
        assert_eq!(next_data(&mut events).await, "1");
        assert_eq!(server.requests().len(), 1);
        drop(events);

        // None, and one of somebody else's.
        let stranger = Root::new().identity(&["client.example"]);
        let stranger = trusting().identity(stranger.as_bytes());
        for tls in [trusting(), stranger.expect("an identity")] {
            let http = Http::get(server.url("/")).tls(tls);
            let mut events = Source::<R>::new(http, quick().max_attempts(1));
            let error = next_error(&mut events).await;
            assert_gave_up(&error, 1, Cause::CouldNotConnect);
            assert_eq!(server.requests().len(), 1);
        }
    }
}

async fn a_certificate_of_an_authority_is_no_servers<R: Runtime>() {
    let server = TlsServer::with_config(self_signed(true), one);
    let tls = Tls::with_roots(server.root.as_bytes()).expect("a root certificate");
    let http = Http::get(server.url("/")).tls(tls);
    let mut events = Source::<R>::new(http, quick().max_attempts(1));
    let error = next_error(&mut events).await;
    let source = error.source().expect("it says why").to_string();
    assert!(
        source.starts_with("the TLS handshake with 127.0.0.1 failed: "),
        "{source}"
    );
    assert!(
        source.ends_with("as its own, see Tls::with_roots"),
        "{source}"
    );

    // This is what `Tls::with_roots` says to do.
    let server = TlsServer::with_config(self_signed(false), one);
    let tls = Tls::with_roots(server.root.as_bytes()).expect("a root certificate");
    let mut events = Source::<R>::new(Http::get(server.url("/")).tls(tls), quick());
    assert_eq!(next_data(&mut events).await, "1");
}

async fn roots_are_read_again<R: Runtime>() {
    let path = std::env::var("SSL_CERT_FILE").expect("the test has set it");
    let server = TlsServer::start(&["h2"], &["127.0.0.1"], one);
    std::fs::write(path, &server.root).unwrap();

    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    let mut events = Source::<R>::new(Http::get(server.url("/")), quick().max_attempts(1));
    let error = next_error(&mut events).await;
    let source = error.source().expect("it says why").to_string();
    let says_why = "the root certificates of the platform could not be read: ";
    assert!(source.starts_with(says_why), "{source}");
    assert!(source.contains("Too many open files"), "{source}");

    drop(files);
    let mut events = Source::<R>::new(Http::get(server.url("/")), quick().max_attempts(1));
    assert_eq!(next_data(&mut events).await, "1");
}

/// The roots are of the process, and so is its limit on files.
fn a_process_that_was_out_of_files_connects<R: Runtime>(test: &str) {
    let roots = tempfile::NamedTempFile::new().unwrap();
    let path = roots.path().to_str().unwrap();
    let variables = [("SSL_CERT_FILE", path), ("SSL_CERT_DIR", "/nowhere")];
    if is_child_after("ulimit -n 64", test, &variables) {
        R::run(roots_are_read_again::<R>());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_was_out_of_files_connects_on_tokio() {
    let test = "trust::a_process_that_was_out_of_files_connects_on_tokio";
    a_process_that_was_out_of_files_connects::<ssewire::tokio::Runtime>(test);
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_was_out_of_files_connects_on_async_std() {
    let test = "trust::a_process_that_was_out_of_files_connects_on_async_std";
    a_process_that_was_out_of_files_connects::<ssewire::async_std::Runtime>(test);
}
