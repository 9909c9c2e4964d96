//! A transport in memory, whose responses are given.

use core::convert::Infallible;
use core::future::{Ready, ready};
use core::task::{Context, Poll};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use ssewire::client::Attempt;
use ssewire::event_source::{ByteStream, Connect, ConnectError, redacted};

/// Gives one answer after another, and keeps what it was asked for.
pub(crate) struct Memory {
    pub(crate) method: Option<&'static str>,
    pub(crate) url: Option<&'static str>,
    answers: VecDeque<Answer>,
    pub(crate) attempts: Arc<Mutex<Vec<Attempt>>>,
}

pub(crate) type Answer = Result<Response<Canned>, ConnectError>;

impl Memory {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            method: Some("GET"),
            url: None,
            answers: answers.into_iter().collect(),
            attempts: Arc::default(),
        }
    }
}

impl Connect for Memory {
    type Body = Canned;
    type Future = Ready<Answer>;

    fn connect(&mut self, attempt: &Attempt) -> Self::Future {
        self.attempts.lock().unwrap().push(attempt.clone());
        let answer = self.answers.pop_front();
        ready(answer.unwrap_or_else(|| Ok(stop())))
    }

    fn method(&self) -> Option<&str> {
        self.method
    }

    fn url(&self) -> Option<String> {
        self.url.map(redacted)
    }
}

/// Lends its bytes in pieces, and then ends.
#[derive(Debug)]
pub(crate) struct Canned(pub(crate) VecDeque<Vec<u8>>);

impl ByteStream for Canned {
    type Error = Infallible;

    fn poll_bytes(&mut self, _: &mut Context<'_>) -> Poll<Result<&[u8], Infallible>> {
        while self.0.front().is_some_and(Vec::is_empty) {
            self.0.pop_front();
        }
        Poll::Ready(Ok(self.0.front().map_or(&[], |piece| piece)))
    }

    fn consume(&mut self, len: usize) {
        if len > 0 {
            self.0.front_mut().unwrap().drain(..len);
        }
    }
}

/// Returns a response of any kind.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Canned> {
    let body = Canned([body.as_bytes().to_vec()].into());
    let mut response = Response::new(body);
    *response.status_mut() = status.try_into().unwrap();
    let headers = headers.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    });
    *response.headers_mut() = headers.collect::<HeaderMap>();
    response
}

/// Returns a response that opens the stream.
pub(crate) fn stream(body: &str) -> Response<Canned> {
    response(200, &[("content-type", "text/event-stream")], body)
}

/// Returns a response after which there is no other attempt.
pub(crate) fn stop() -> Response<Canned> {
    response(204, &[], "")
}

/// Returns the error of an attempt that failed.
pub(crate) fn refused_by_peer() -> ConnectError {
    io::Error::from(io::ErrorKind::ConnectionRefused).into()
}
