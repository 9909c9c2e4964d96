//! Attempts that are sent again with a fresh token.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use http::HeaderValue;
use ssewire::client::CloseReason;
use ssewire::hyper::{Http, Unauthorized};

use crate::common::runtime::{Runtime, Source, next_data, next_error, on_both, quick};
use crate::common::server::{OPEN, Server};

on_both! {
    a_401_is_sent_again_once_with_a_fresh_token
    a_401_is_not_sent_again_unless_it_may
    a_hook_that_panics_may_be_called_again
}

/// Opens a stream for those who have this token.
fn server(token: &'static str) -> Server {
    Server::start(move |connection| {
        if connection.request().header("authorization") == Some(token) {
            connection.send(OPEN.to_owned() + "id: 1\ndata: 1\n\n");
        } else {
            connection.answer("401 Unauthorized", &["www-authenticate: Bearer"], "who?");
        }
    })
}

/// Sends a token that it keeps, `old` at first and `new` once that is refused, and notes the calls.
fn tokens<R>(url: String) -> (Http<R>, Arc<Mutex<Vec<bool>>>) {
    let calls = Arc::<Mutex<Vec<bool>>>::default();
    let noted = Arc::clone(&calls);
    let kept = Arc::new(Mutex::new("old"));
    let http = Http::post(url)
        .body("{}")
        .before_request(move |mut request| {
            let is_refused = request.extensions().get::<Unauthorized>().is_some();
            noted.lock().unwrap().push(is_refused);
            let mut kept = kept.lock().unwrap();
            if is_refused {
                *kept = "new";
            }
            let token = HeaderValue::from_static(*kept);
            request.headers_mut().insert("authorization", token);
            async { Ok(request) }
        });
    (http, calls)
}

async fn a_401_is_sent_again_once_with_a_fresh_token<R: Runtime>() {
    let server_of_new = server("new");
    let (http, calls) = tokens::<R>(server_of_new.url("/"));
    let mut events = Source::<R>::new(http.retry_unauthorized(true), quick());
    assert_eq!(next_data(&mut events).await, "1");
    assert_eq!(*calls.lock().unwrap(), [false, true]);
    let requests = server_of_new.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.body == b"{}"));

    let server_of_other = server("other");
    let (http, calls) = tokens::<R>(server_of_other.url("/"));
    let mut events = Source::<R>::new(http.retry_unauthorized(true), quick());
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Status(401));
    assert_eq!(error.response().expect("it is kept").body(), "who?");
    assert_eq!(*calls.lock().unwrap(), [false, true]);
}

async fn a_401_is_not_sent_again_unless_it_may<R: Runtime>() {
    let server = server("new");
    let (http, calls) = tokens::<R>(server.url("/"));
    let mut events = Source::<R>::new(http, quick());
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Status(401));
    assert_eq!(*calls.lock().unwrap(), [false]);

    // Without a hook nothing would differ.
    let http = Http::get(server.url("/")).retry_unauthorized(true);
    let mut events = Source::<R>::new(http, quick());
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Status(401));
    assert_eq!(server.requests().len(), 2);
}

async fn a_hook_that_panics_may_be_called_again<R: Runtime>() {
    let server = Server::saying(OPEN.to_owned() + "data: 1\n\n");
    let mut calls = 0;
    let http = Http::get(server.url("/")).before_request(move |request| {
        calls += 1;
        assert!(calls > 1, "on purpose");
        async { Ok(request) }
    });
    let config = quick().idle_timeout(Duration::from_millis(100));
    let mut events = Source::<R>::new(http, config);
    let panics = core::panic::AssertUnwindSafe(async { events.next().await.is_some() });
    let panicked = futures_util::FutureExt::catch_unwind(panics).await;
    assert!(panicked.is_err());
    events.restart();
    assert_eq!(next_data(&mut events).await, "1");
}
