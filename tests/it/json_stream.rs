//! Events as typed JSON.

use core::task::{Context, Poll};

use futures_util::{FutureExt, StreamExt, stream};
use serde::Deserialize;
use ssewire::client::{CloseReason, Phase, Reconnect};
use ssewire::event_source::EventSource;
use ssewire::io::{
    ChunkStream, EventReader, EventStreamExt, JsonStream, JsonStreamError, ReadError,
};
use ssewire::tokio::{Http, Runtime};
use ssewire::{Decoder, DecoderConfig};

use crate::common::memory::{Memory, refused_by_peer, stream as open};
use crate::common::runtime::{Runtime as _, all_data, get, next_error, quick};
use crate::common::server::{Server, answer};

#[derive(Debug, Deserialize, PartialEq)]
struct Price {
    symbol: String,
    price: f64,
}

const PRICE: &str = "data: {\"symbol\":\"AAPL\",\n: comment\ndata: \"price\":121.5}\n\n";

fn of(
    wire: &str,
) -> JsonStream<impl ssewire::io::Events<Error = ReadError<&'static str>> + use<>, Price> {
    let chunks: Vec<_> = wire
        .as_bytes()
        .chunks(7)
        .map(|chunk| Ok(chunk.to_vec()))
        .collect();
    stream::iter(chunks).events().json()
}

#[track_caller]
fn is_price<E: core::fmt::Debug>(value: Option<Result<Price, E>>) {
    let price = value.expect("a value").expect("no error");
    assert_eq!((&*price.symbol, price.price), ("AAPL", 121.5));
}

#[tokio::test]
async fn values_come_up_to_the_last_event() {
    let wire = format!("{PRICE}{PRICE}data: [DONE]\n\n{PRICE}");
    let mut prices = of(&wire).until("[DONE]");
    is_price(prices.next().await);
    is_price(StreamExt::next(&mut prices).await);
    for _ in 0..3 {
        assert!(prices.next().await.is_none());
    }

    // By any property of it.
    let wire = format!("{PRICE}event: message_stop\n{PRICE}{PRICE}");
    let mut prices = of(&wire).until_event(|event| event.event_type() == "message_stop");
    is_price(prices.next().await);
    assert!(prices.next().await.is_none());

    // Without one, the end is the end.
    let mut prices = of(PRICE);
    is_price(prices.next().await);
    assert!(prices.next().await.is_none());
}

#[tokio::test]
async fn an_end_too_early_is_an_error() {
    for cut in ["", "data: [DO", "data: [DONE]\n"] {
        let mut prices = of(&format!("{PRICE}{cut}")).until("[DONE]");
        is_price(prices.next().await);
        let error = prices.next().await.expect("an item").expect_err("an error");
        assert!(matches!(error, JsonStreamError::Unfinished), "{error:?}");
        assert!(error.to_string().contains("cut off"), "{error}");
        assert!(prices.next().await.is_none());
    }
    // Where the source says why, that is enough.
    let chunks = stream::iter([Ok("data: 1\n\n"), Err("torn")]);
    let mut numbers = chunks.events().json::<u32>().until("[DONE]");
    assert!(matches!(numbers.next().await, Some(Ok(1))));
    let error = numbers
        .next()
        .await
        .expect("an item")
        .expect_err("an error");
    assert!(matches!(
        error,
        JsonStreamError::Source(ReadError::Transport("torn"))
    ));
    assert!(numbers.next().await.is_none());
}

#[tokio::test]
async fn an_event_that_cannot_be_decoded_is_not_the_end() {
    let large = "1".repeat(1000);
    for (end, is_finished) in [("data: [DONE]\n\ndata: 2\n\n", true), ("", false)] {
        let wire = format!("data: {large}\n\n{end}");
        let chunks = stream::iter([Ok::<_, &str>(wire)]);
        let config = DecoderConfig::new().max_event_bytes(100);
        let decoder = Decoder::with_config(config);
        let mut numbers = EventReader::with_parts(ChunkStream::new(chunks), decoder)
            .json::<u32>()
            .until("[DONE]");
        let error = numbers.next().await;
        assert!(matches!(
            error,
            Some(Err(JsonStreamError::Source(ReadError::Decode(_))))
        ));
        match numbers.next().await {
            None => assert!(is_finished),
            Some(Err(JsonStreamError::Unfinished)) => assert!(!is_finished),
            other => panic!("{other:?}"),
        }
        assert!(numbers.next().await.is_none());
    }
}

#[tokio::test]
async fn an_event_that_is_something_else_concerns_itself() {
    let wire = format!("data: {{}}\n\nid: 7\nevent: t\ndata: nonsense\n\n{PRICE}");
    let mut prices = of(&wire);
    for shown in [
        "missing field `symbol`",
        "JSON of event \"t\" with id \"7\"",
    ] {
        let error = prices.next().await.expect("an item").expect_err("no price");
        assert!(matches!(error, JsonStreamError::Json(_)));
        assert!(error.to_string().contains(shown), "{error}");
    }
    is_price(prices.next().await);
}

#[tokio::test]
async fn an_event_may_report_an_error() {
    let long = "\u{1b}".repeat(300);
    let wire = format!("event: error\ndata: overloaded\n\nevent: error\ndata: {long}\n\n{PRICE}");
    let mut prices = of(&wire).error_when(|event| event.event_type() == "error");
    let error = prices.next().await.expect("an item").expect_err("an error");
    let text = "the stream reports an error: event \"error\": \"overloaded\"";
    assert_eq!(error.to_string(), text);
    let JsonStreamError::Reported(event) = error else {
        panic!("{error:?}")
    };
    assert_eq!(event.data(), "overloaded");
    let error = prices.next().await.expect("an item").expect_err("an error");
    let shown = "\\u{1b}".repeat(256);
    let text = format!("the stream reports an error: event \"error\": \"{shown}\"…");
    assert_eq!(error.to_string(), text);
    is_price(prices.next().await);
}

#[test]
fn an_event_source_closes_at_the_last_event() {
    Runtime::run(async {
        let server = Server::start(|connection| {
            connection.open();
            connection.send(format!("{PRICE}data: [DONE]\n\n{PRICE}"));
            connection.wait_for_end();
        });
        let mut prices = get::<Runtime>(server.url("/"))
            .json::<Price>()
            .until("[DONE]");
        is_price(prices.next().await);
        assert!(prices.next().await.is_none());
        server.wait_for_closed(1);
        assert_eq!(prices.get_ref().phase(), Phase::Closed(CloseReason::Caller));
        assert_eq!(server.accepted(), 1);
        let mut events = prices.into_inner();
        assert!(all_data(&mut events).await.is_empty());
    });
}

#[test]
fn an_event_source_reconnects_within() {
    Runtime::run(async {
        let wire = format!("{PRICE}data: [DONE]\n\n");
        let memory = Memory::new([Ok(open(PRICE)), Err(refused_by_peer()), Ok(open(&wire))]);
        let events = EventSource::<_, Runtime>::new(memory, quick());
        let mut prices = events.json::<Price>().until("[DONE]");
        is_price(prices.next().await);
        is_price(prices.next().await);
        assert!(prices.next().await.is_none());

        let config = quick().reconnect(Reconnect::Never);
        let memory = Memory::new([Err(refused_by_peer())]);
        let mut prices = EventSource::<_, Runtime>::new(memory, config)
            .json::<Price>()
            .until("x");
        let error = prices.next().await.expect("an item").expect_err("an error");
        assert_eq!(error.to_string(), "could not connect: connection refused");
        assert!(prices.next().await.is_none());
    });
}

#[tokio::test]
async fn a_dropped_call_loses_nothing() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
    let chunks = stream::poll_fn(
        move |cx: &mut Context<'_>| -> Poll<Option<Result<&str, &str>>> { receiver.poll_recv(cx) },
    );
    let mut numbers = chunks.events().json::<u32>();
    sender.send(Ok("data: 1")).await.expect("it reads");
    assert!(numbers.next().now_or_never().is_none());
    sender.send(Ok("2\n\n")).await.expect("it reads");
    assert!(matches!(numbers.next().await, Some(Ok(12))));
}

#[test]
fn a_request_may_be_json_with_a_token() {
    Runtime::run(async {
        let server = Server::saying(answer("204 No Content", &[], ""));
        let body = serde_json::json!({ "stream": true });
        let plain = Http::post(server.url("/")).bearer("sk-1").json(&body);
        let other = Http::post(server.url("/"))
            .header("content-type", "application/merge-patch+json")
            .json(&[1, 2]);
        for http in [plain, other] {
            let mut events = EventSource::new(http, quick());
            assert!(all_data(&mut events).await.is_empty());
        }
        let requests = server.requests();
        assert_eq!(requests[0].header("authorization"), Some("Bearer sk-1"));
        assert_eq!(requests[0].header("content-type"), Some("application/json"));
        assert_eq!(requests[0].body, b"{\"stream\":true}");
        let content_type = requests[1].header("content-type");
        assert_eq!(content_type, Some("application/merge-patch+json"));
        assert_eq!(requests[1].body, b"[1,2]");

        let keys_are_no_text = std::collections::HashMap::from([((1, 2), 3)]);
        let rows = [
            (
                Http::post(server.url("/")).bearer("sk-2\n"),
                "the bearer token",
            ),
            (
                Http::post(server.url("/")).json(&keys_are_no_text),
                "the body cannot be written as JSON",
            ),
        ];
        for (http, named) in rows {
            let mut events = EventSource::new(http, quick());
            let error = next_error::<Runtime>(&mut events).await;
            assert_eq!(error.reason(), CloseReason::Refused);
            let text = error.to_string();
            assert!(text.contains(named) && !text.contains("sk-2"), "{text}");
        }
        assert_eq!(server.accepted(), 2);
    });
}
