//! The examples `tail` and `tail_async_std`, and a certificate that they are given.

use std::io::Write;

use http::Response;
use http_body_util::{BodyExt, Empty};

use crate::common::tail::{ends_with, rows};
use crate::tls_server::TlsServer;

rows![a_certificate_from_a_file];

fn a_certificate_from_a_file(tail: &str) {
    let server = TlsServer::start(&["http/1.1"], &["localhost"], |_, _| {
        let body = Empty::new().map_err(|never| match never {});
        let response = Response::builder().status(204);
        response.body(body.boxed_unsync()).unwrap()
    });
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(server.root.as_bytes()).unwrap();
    let trusting = ["--cacert", file.path().to_str().unwrap()];
    let once = ["--max-attempts", "1"];
    let address = server.url("/");
    let localhost = address.replace("127.0.0.1", "localhost");
    ends_with(0, tail, &[&trusting[..], &[&localhost]].concat());
    // Another name, and nobody who vouches for it.
    ends_with(7, tail, &[&once[..], &trusting, &[&address]].concat());
    ends_with(7, tail, &[&once[..], &[&localhost]].concat());
    for _ in 0..3 {
        server.wait_for_closed();
    }
    assert_eq!(server.requests().len(), 1);
}
