//! Bodies of events that may fail, and bodies as streams of bytes.

use core::convert::Infallible;
use core::time::Duration;
use std::io;

use bytes::Bytes;
use futures_util::stream::{self, poll_fn};
use futures_util::{FutureExt, Stream, StreamExt};
use http_body_util::BodyExt;
use ssewire::hyper::EventBody;
use ssewire::server::SessionConfig;
use ssewire::tokio::{EventWriter, response};
use ssewire::{Event, Frame, Hub};

/// Polls a body to its end.
async fn read<B: http_body::Body<Data = Bytes>>(body: B) -> (Vec<Bytes>, Option<B::Error>) {
    let mut body = Box::pin(body);
    let mut data = Vec::new();
    loop {
        match body.frame().await {
            Some(Ok(frame)) => data.push(frame.into_data().expect("no trailers")),
            Some(Err(error)) => {
                assert!(body.is_end_stream());
                assert!(body.frame().await.is_none(), "an error is the last frame");
                return (data, Some(error));
            }
            None => return (data, None),
        }
    }
}

#[tokio::test]
async fn an_error_aborts_a_body_after_what_came_before_it() {
    let event = |data| Ok(Frame::from(Event::new(data)));
    type Row = (
        Vec<Result<Frame, &'static str>>,
        &'static [&'static str],
        Option<&'static str>,
    );
    let rows: [Row; 5] = [
        (vec![], &[], None),
        (
            vec![event("1"), event("2")],
            &["data: 1\n\ndata: 2\n\n"],
            None,
        ),
        (vec![Err("gone")], &[], Some("gone")),
        (
            vec![event("1"), Err("gone")],
            &["data: 1\n\n"],
            Some("gone"),
        ),
        (
            vec![event("1"), Err("gone"), event("2")],
            &["data: 1\n\n"],
            Some("gone"),
        ),
    ];
    for (items, expected, error) in rows {
        let body = EventBody::new(stream::iter(items.clone()));
        assert!(!http_body::Body::is_end_stream(&body));
        let (data, failed) = read(body).await;
        assert_eq!(data, expected);
        assert_eq!(failed, error);

        let bytes = EventBody::new(stream::iter(items.clone())).into_stream();
        let bytes: Vec<_> = bytes.collect().await;
        let expected = expected.iter().map(|data| Ok(Bytes::from(*data)));
        assert_eq!(bytes, expected.chain(error.map(Err)).collect::<Vec<_>>());

        // In a session too, whose first bytes leave before.
        let (data, failed) = read(response(stream::iter(items)).into_body()).await;
        assert!(!data.is_empty());
        assert_eq!(failed, error);
    }
}

/// The type that actix-web and others ask for.
fn assert_streaming<S, E>(stream: S) -> S
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Into<Box<dyn core::error::Error>> + 'static,
{
    stream
}

#[tokio::test]
async fn a_body_is_a_stream_of_bytes() {
    let hub = Hub::new();
    let body = EventBody::with_session(
        hub.subscribe(["a"], None),
        SessionConfig::new(),
        ssewire::tokio::Runtime::default(),
    );
    let mut bytes = assert_streaming::<_, Infallible>(body.into_stream());
    assert!(bytes.next().await.is_some(), "it opens at once");
    assert!(bytes.next().now_or_never().is_none());
    hub.publish("a", Event::new("x"));
    let next = bytes.next().await.expect("an event").expect("never");
    assert!(next.ends_with(b"data: x\n\n"));
    hub.shutdown(tokio::time::sleep(Duration::from_secs(5)))
        .await;
    while let Some(Ok(rest)) = bytes.next().await {
        assert!(!rest.is_empty());
    }

    let fails = EventBody::new(stream::iter([
        Ok(Event::new("x")),
        Err(io::Error::other("no")),
    ]));
    let mut bytes = assert_streaming::<_, io::Error>(fails.into_stream());
    assert!(bytes.next().await.expect("an event").is_ok());
    assert!(bytes.next().await.expect("an error").is_err());
    assert!(bytes.next().await.is_none());
}

#[tokio::test]
async fn channels_are_streams_of_events() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let body = EventBody::new(poll_fn(move |cx| receiver.poll_recv(cx)));
    let sending = tokio::spawn(async move {
        sender.send(Ok(Event::new("1"))).await.expect("it reads");
        sender.send(Err("gone")).await.expect("it reads");
    });
    let (data, error) = read(body).await;
    assert_eq!(
        (data.concat(), error),
        (b"data: 1\n\n".to_vec(), Some("gone"))
    );
    sending.await.expect("no panic");
}

#[tokio::test]
async fn an_error_ends_a_writer_without_a_clean_end() {
    let items = [Ok(Event::new("1")), Err("gone"), Ok(Event::new("2"))];
    let mut writer = EventWriter::new(Vec::new());
    let error = writer
        .forward(stream::iter(items), SessionConfig::new())
        .await;
    let error = error.expect_err("the stream's");
    assert_eq!(
        (error.kind(), error.to_string()),
        (io::ErrorKind::Other, "gone".to_owned())
    );
    assert!(writer.into_inner().ends_with(b"data: 1\n\n"));
}

/// Whoever reads over HTTP sees that the response is not complete.
#[cfg(feature = "hyper")]
#[tokio::test]
async fn an_error_is_seen_by_the_client_of_a_hyper_server() {
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use ssewire::client::{CloseReason, Reconnect};
    use ssewire::tokio::{ClientConfig, EventSource, Http};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.expect("the client");
        let service = service_fn(|_| async {
            let events = stream::iter([Ok(Event::new("1"))]).chain(stream::once(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(io::Error::other("gone"))
            }));
            Ok::<_, Infallible>(response(Box::pin(events)))
        });
        let served = hyper::server::conn::http1::Builder::new();
        let served = served.serve_connection(TokioIo::new(socket), service).await;
        served.expect_err("the error of the body");
    });
    let config = ClientConfig::new().reconnect(Reconnect::Never);
    let mut events = EventSource::new(Http::get(url), config);
    assert_eq!(
        events
            .next()
            .await
            .expect("an event")
            .expect("no error")
            .data(),
        "1"
    );
    let error = events.next().await.expect("an item").expect_err("an error");
    assert_eq!(error.reason(), CloseReason::CutOff);
}
