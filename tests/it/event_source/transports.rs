//! Transports of the caller's.

use core::convert::Infallible;
use core::error::Error as _;
use std::io;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use http_body_util::{Full, StreamBody};
use ssewire::client::{Cause, CloseReason, Phase, Reconnect};
use ssewire::event_source::{ConnectError, EventSource};
use ssewire::http::{HeaderMap, Method, Response, StatusCode};
use ssewire::hyper::{event_stream, from_fn, no_content, request_headers};

use crate::common::memory::{Memory, stream};
use crate::common::runtime::{Runtime, assert_gave_up, on_both, quick};

on_both! {
    only_what_says_get_is_repeated
    a_closure_is_a_transport
    a_closure_names_its_method
    a_closure_may_refuse
}

async fn only_what_says_get_is_repeated<R: Runtime>() {
    let rows = [
        (Some("GET"), None, true),
        (Some("POST"), None, false),
        (Some("get"), None, false),
        (None, None, false),
        (None, Some(Reconnect::Always), true),
        (None, Some(Reconnect::UntilFirstEvent), false),
        (Some("GET"), Some(Reconnect::Never), false),
    ];
    for (method, reconnect, repeats) in rows {
        let mut memory = Memory::new([Ok(stream("data: 1\n\n")), Ok(stream("data: 2\n\n"))]);
        memory.method = method;
        let attempts = memory.attempts.clone();
        let config = match reconnect {
            Some(reconnect) => quick().reconnect(reconnect),
            None => quick(),
        };
        let mut events = EventSource::<_, R>::new(memory, config);
        while events.next().await.is_some() {}
        let expected = if repeats { 3 } else { 1 };
        assert_eq!(attempts.lock().unwrap().len(), expected, "{method:?}");
        let reason = if repeats {
            CloseReason::NoContent
        } else {
            CloseReason::Ended
        };
        assert_eq!(events.phase(), Phase::Closed(reason));
    }
}

async fn a_closure_is_a_transport<R: Runtime>() {
    let requests = Arc::new(Mutex::new(Vec::<HeaderMap>::new()));
    let seen = Arc::clone(&requests);
    let connect = from_fn(Method::GET, move |attempt| {
        let mut seen = seen.lock().unwrap();
        seen.push(request_headers(attempt));
        let number = seen.len();
        async move {
            let mut response = match number {
                1 => event_stream("id: \u{e9}\ndata: 1\n\n".to_owned()),
                2 => return Err(io::Error::other("no route")),
                3 => event_stream("data: 2\n\n".to_owned()),
                _ => no_content(),
            };
            if number == 3 {
                *response.status_mut() = StatusCode::BAD_GATEWAY;
            }
            Ok(response.map(|body| Full::<bytes::Bytes>::new(body.into())))
        }
    });
    let causes = Arc::new(Mutex::new(Vec::new()));
    let saw = Arc::clone(&causes);
    let mut events = EventSource::<_, R>::new(connect, quick())
        .on_disconnect(move |lost| saw.lock().unwrap().push(lost.cause()));
    let event = events.next().await.expect("an event").expect("no error");
    assert_eq!(event.data(), "1");
    assert!(events.next().await.is_none());
    assert_eq!(
        *causes.lock().unwrap(),
        [
            Some(Cause::Ended),
            Some(Cause::CouldNotConnect),
            Some(Cause::Status(502)),
            None
        ]
    );
    let requests = requests.lock().unwrap();
    for (number, headers) in requests.iter().enumerate() {
        assert_eq!(headers["accept"], "text/event-stream");
        assert_eq!(headers["accept-encoding"], "identity");
        assert_eq!(headers["cache-control"], "no-cache");
        let id = headers.get("last-event-id").map(|id| id.as_bytes());
        assert_eq!(id, (number > 0).then_some("\u{e9}".as_bytes()));
        assert_eq!(headers.len(), if number > 0 { 4 } else { 3 });
    }
}

async fn a_closure_names_its_method<R: Runtime>() {
    for (method, repeats) in [
        (Method::GET, true),
        (Method::POST, false),
        (Method::PUT, false),
    ] {
        let calls = Arc::new(Mutex::new(0));
        let count = Arc::clone(&calls);
        let connect = from_fn(method, move |_| {
            *count.lock().unwrap() += 1;
            let chunk = futures_util::stream::iter([Ok::<_, Infallible>(bytes::Bytes::from(
                "data: 1\n\n",
            ))]);
            let body = StreamBody::new(chunk.map(|chunk| chunk.map(http_body::Frame::data)));
            async { Ok::<_, Infallible>(event_stream(body)) }
        });
        let mut events = EventSource::<_, R>::new(connect, quick());
        let mut count = 0;
        while let Some(event) = events.next().await {
            event.expect("no error");
            count += 1;
            if count == 3 {
                break;
            }
        }
        assert_eq!(*calls.lock().unwrap(), if repeats { 3 } else { 1 });
    }
}

async fn a_closure_may_refuse<R: Runtime>() {
    let refuse = from_fn(Method::GET, |_| async {
        Err::<Response<Full<bytes::Bytes>>, _>(ConnectError::refused("no key"))
    });
    let mut events = EventSource::<_, R>::new(refuse.url("http://u:p@h/?key=1"), quick());
    let error = events.next().await.expect("an item").expect_err("an error");
    assert_eq!(error.reason(), CloseReason::Refused);
    let text = "http://h/?key=…: the request or the response was refused: no key";
    assert_eq!(error.to_string(), text);

    let fail = from_fn(Method::GET, |_| async {
        Err::<Response<Full<bytes::Bytes>>, _>(io::Error::other("no route"))
    });
    let mut events = EventSource::<_, R>::new(fail, quick().max_attempts(2));
    let error = events.next().await.expect("an item").expect_err("an error");
    assert_gave_up(&error, 2, Cause::CouldNotConnect);
    let source = error.source().expect("the closure's error");
    assert!(source.is::<io::Error>());
}
