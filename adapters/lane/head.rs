//! The heads: the one of a request is read, the one of a response is written.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::io::{self, Write as _};
use std::time::SystemTime;

use ::http::header::{self, HeaderName, HeaderValue};
use ::http::{Method, Request, Uri, Version, request, response};
use httpdate::fmt_http_date;

use crate::adapters::runtime::{Alarm, ReadFrom, Timer};

/// What came through a socket first.
pub(super) enum Head {
    /// A request that a lane may take.
    Request(Box<Request<()>>),
    /// Something else.
    Other,
    /// Nothing: the peer has left.
    Closed,
}

/// Reads a head, and leaves all bytes that were read in `read`.
pub(super) async fn read_head<S, K>(
    socket: &mut S,
    read: &mut Vec<u8>,
    max_bytes: usize,
    limit: Option<Duration>,
) -> io::Result<Head>
where
    K: ReadFrom<S> + Timer + Default,
{
    let mut alarm = Alarm::new(K::default());
    let deadline = limit.map(|limit| alarm.now() + limit);
    let mut searched = 0;
    poll_fn(|cx| {
        loop {
            match look(read, &mut searched) {
                Some(head) => return Poll::Ready(Ok(head)),
                None if read.len() >= max_bytes => return Poll::Ready(Ok(Head::Other)),
                None => {}
            }
            let len = read.len();
            let room = max_bytes.min((2 * len).max(FIRST_READ));
            read.resize(room, 0);
            let polled = match read.get_mut(len..) {
                Some(room) => K::poll_read(socket, cx, room),
                None => Poll::Ready(Ok(0)),
            };
            let got = match &polled {
                Poll::Ready(Ok(got)) => *got,
                _ => 0,
            };
            read.truncate(len + got);
            match polled {
                Poll::Ready(Ok(0)) if read.is_empty() => return Poll::Ready(Ok(Head::Closed)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Head::Other)),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => {
                    let is_late = |at| alarm.poll(cx, at).is_ready();
                    return match deadline.is_some_and(is_late) {
                        true => Poll::Ready(Err(late())),
                        false => Poll::Pending,
                    };
                }
            }
        }
    })
    .await
}

/// Looks at what was read so far, of which `searched` bytes have no end of a head. Returns `None` if
/// it may be the start of one.
fn look(read: &[u8], searched: &mut usize) -> Option<Head> {
    let len = read.len().min(GET.len());
    if read.get(..len) != GET.get(..len) {
        return Some(Head::Other);
    }
    // An end may have begun in what was searched.
    let from = searched.saturating_sub(3);
    *searched = read.len();
    let new = read.get(from..).unwrap_or_default();
    let has_end = memchr::memchr_iter(b'\n', new).any(|at| {
        let rest = new.get(at + 1..).unwrap_or_default();
        rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    });
    let head = || parse(read).map_or(Head::Other, |request| Head::Request(Box::new(request)));
    has_end.then(head)
}

/// Parses a head, if it is one that a lane may take and nothing follows it.
fn parse(read: &[u8]) -> Option<Request<()>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(len)) = parsed.parse(read) else {
        return None;
    };
    if len != read.len() || parsed.version != Some(1) || parsed.method != Some("GET") {
        return None;
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = Uri::try_from(parsed.path?).ok()?;
    for header in parsed.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(header.value).ok()?;
        request.headers_mut().append(name, value);
    }
    let (request, ()) = request.into_parts();
    is_plain(&request).then(|| Request::from_parts(request, ()))
}

/// Returns whether a request has no body and wants no other protocol.
fn is_plain(request: &request::Parts) -> bool {
    let odd = [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::EXPECT,
    ];
    odd.iter().all(|name| !request.headers.contains_key(name))
}

/// Writes the head of a response with a body in chunks, after which the connection is closed.
pub(super) fn write_head(response: &response::Parts) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let status = response.status;
    let reason = status.canonical_reason().unwrap_or_default();
    // A vector takes everything.
    let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", status.as_str());
    let ours = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
    ];
    for (name, value) in &response.headers {
        if !ours.contains(name) {
            for bytes in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(bytes);
            }
        }
    }
    if !response.headers.contains_key(header::DATE) {
        let _ = write!(out, "date: {}\r\n", fmt_http_date(today()));
    }
    out.extend_from_slice(b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    out
}

#[expect(
    clippy::disallowed_methods,
    reason = "a response says when it was sent"
)]
fn today() -> SystemTime {
    SystemTime::now()
}

fn late() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the head of the request did not arrive in time",
    )
}

const GET: &[u8] = b"GET ";
/// How many bytes the first read takes.
const FIRST_READ: usize = 1024;
/// As many as hyper takes.
const MAX_HEADERS: usize = 100;

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn looked_at(bytes: &[u8]) -> Option<Head> {
        look(bytes, &mut 0)
    }

    #[test]
    fn a_head_is_found_however_it_is_split() {
        let head = b"GET /events?topic=a HTTP/1.1\r\nHost: a\r\nLast-Event-ID: e-7\r\n\r\n";
        let mut searched = 0;
        for len in 0..head.len() {
            assert!(look(&head[..len], &mut searched).is_none(), "{len}");
        }
        let Some(Head::Request(request)) = look(head, &mut searched) else {
            panic!("it is whole")
        };
        assert_eq!(request.uri(), "/events?topic=a");
        assert_eq!(request.headers()["last-event-id"], "e-7");
        assert!(matches!(
            looked_at(b"GET / HTTP/1.1\n\n"),
            Some(Head::Request(_))
        ));
    }

    #[test]
    fn everything_else_is_passed_on_as_soon_as_it_is_known() {
        let passed = [
            "P",
            "\r\n",
            "GEX",
            "HEAD / HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ];
        for bytes in passed {
            let look = looked_at(bytes.as_bytes());
            assert!(matches!(look, Some(Head::Other)), "{bytes:?}");
        }
        let many = "a: b\r\n".repeat(MAX_HEADERS + 1);
        let bytes = ["GET / HTTP/1.1\r\n", &many, "\r\n"].concat();
        assert!(matches!(looked_at(bytes.as_bytes()), Some(Head::Other)));
    }

    #[test]
    fn the_head_of_a_response_keeps_its_headers_but_not_its_framing() {
        let mut response = crate::adapters::http::event_stream(());
        let headers = response.headers_mut();
        headers.insert("content-length", HeaderValue::from_static("7"));
        headers.append("x-one", HeaderValue::from_static("1"));
        headers.append("x-one", HeaderValue::from_static("2"));
        let head = String::from_utf8(write_head(&response.into_parts().0)).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(head.contains("\r\ncontent-type: text/event-stream\r\n"));
        assert!(head.contains("\r\nx-one: 1\r\nx-one: 2\r\n"));
        assert!(!head.contains("content-length"));
        assert!(head.contains("\r\ndate: "));
        assert!(head.ends_with("\r\ntransfer-encoding: chunked\r\n\r\n"));
    }
}
