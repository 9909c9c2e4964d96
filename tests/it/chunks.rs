//! Events out of any stream of chunks.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use ssewire::client::{Attempt, ClientConfig, Reconnect};
use ssewire::event_source::{Connect, ConnectError, EventSource};
use ssewire::io::{ChunkStream, EventReader, EventStreamExt, ReadError};
use ssewire::{Decoder, DecoderConfig};

const WIRE: &str = "\u{FEFF}id: 1\r\ndata: é\r\n\r\n:\nretry: 1\n\ndata: b\n\ndata: cut";

#[tokio::test]
async fn chunks_may_be_cut_anywhere_and_be_of_any_type() {
    for len in 1..=WIRE.len() {
        let pieces = || WIRE.as_bytes().chunks(len);
        assert_eq!(
            data(stream::iter(pieces().map(Ok::<_, io::Error>))).await,
            ["é", "b"]
        );
        let bytes = pieces().map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece)));
        assert_eq!(data(stream::iter(bytes)).await, ["é", "b"]);
        // Empty ones are not the end.
        let bytes = pieces().flat_map(|piece| [Ok::<_, io::Error>(Vec::new()), Ok(piece.to_vec())]);
        assert_eq!(data(stream::iter(bytes)).await, ["é", "b"]);
        let bytes = stream::iter(pieces().map(|piece| Ok::<_, io::Error>(piece.to_vec())));
        let bytes = bytes.then(|piece| async {
            tokio::task::yield_now().await;
            piece
        });
        assert_eq!(data(Box::pin(bytes)).await, ["é", "b"]);
    }
    assert_eq!(
        data(stream::iter([Ok::<_, io::Error>(WIRE)])).await,
        ["é", "b"]
    );
    assert_eq!(
        data(stream::iter([Ok::<_, io::Error>(WIRE.to_owned())])).await,
        ["é", "b"]
    );
    assert!(
        data(stream::empty::<Result<Bytes, io::Error>>())
            .await
            .is_empty()
    );
}

async fn data<C: AsRef<[u8]>>(
    chunks: impl Stream<Item = Result<C, io::Error>> + Unpin,
) -> Vec<String> {
    let mut events = chunks.events();
    let mut seen = Vec::new();
    while let Some(event) = events.next_event().await.expect("no error") {
        seen.push(event.data().to_owned());
    }
    assert!(events.next_event().await.expect("no error").is_none());
    seen
}

#[tokio::test]
async fn an_error_is_final() {
    let chunks = stream::iter([Ok("data: 1\n\nda"), Err("torn"), Ok("ta: 2\n\n")]);
    let mut events = chunks.events();
    assert_eq!(events.next_event().await.unwrap().unwrap().data(), "1");
    let error = events.next_event().await.expect_err("the stream's");
    assert_eq!(error, ReadError::Transport("torn"));
    assert_eq!(events.next_event().await, Ok(None));
}

#[tokio::test]
async fn empty_chunks_without_end_leave_others_their_turn() {
    let chunks = stream::repeat_with(|| Ok::<_, io::Error>([0_u8; 0]));
    let mut events = chunks.events();
    assert!(events.next_event().now_or_never().is_none());
}

#[tokio::test]
async fn the_decoder_may_be_the_callers() {
    let config = DecoderConfig::new().comments(true);
    let chunks = ChunkStream::new(stream::iter([Ok::<_, io::Error>(": hi\n")]));
    let mut reader = EventReader::with_parts(chunks, Decoder::with_config(config));
    assert!(reader.next_frame().await.expect("no error").is_some());
}

/// As the bodies of a transport of the caller's, with reconnects.
#[tokio::test]
async fn a_transport_may_have_such_a_body() {
    type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, io::Error>>>>;

    struct Chunked(u32);

    impl Connect for Chunked {
        type Body = ChunkStream<Chunks, Bytes>;
        type Future = core::future::Ready<Result<http::Response<Self::Body>, ConnectError>>;

        fn connect(&mut self, _: &Attempt) -> Self::Future {
            self.0 += 1;
            let chunks = [Ok("data: ".into()), Ok(format!("{}\n\n", self.0).into())];
            let body: Chunks = Box::pin(stream::iter(chunks));
            let response = http::Response::builder().header("content-type", "text/event-stream");
            let response = response.body(ChunkStream::new(body));
            core::future::ready(response.map_err(ConnectError::refused))
        }

        fn method(&self) -> Option<&str> {
            Some("GET")
        }
    }

    let config = ClientConfig::new()
        .reconnect(Reconnect::Always)
        .base_delay(core::time::Duration::from_millis(1));
    let mut events = EventSource::<_, ssewire::tokio::Runtime>::new(Chunked(0), config);
    for number in 1..=3 {
        let event = events.next().await.expect("an event").expect("no error");
        assert_eq!(event.data(), number.to_string());
    }
}

/// A stream that is polled after its end would panic.
#[tokio::test]
async fn a_stream_is_not_polled_after_its_end() {
    struct Once(bool);

    impl Stream for Once {
        type Item = Result<Bytes, io::Error>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            assert!(
                !core::mem::replace(&mut self.0, true),
                "polled after its end"
            );
            Poll::Ready(None)
        }
    }

    let mut events = Once(false).events();
    for _ in 0..3 {
        assert!(events.next_event().await.expect("no error").is_none());
    }
}
