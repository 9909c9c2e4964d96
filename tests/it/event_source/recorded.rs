//! Recorded streams of real services, served as they were recorded.

use std::sync::Arc;

use ssewire::client::Reconnect;
use ssewire::hyper::Http;
use ssewire::{DecoderConfig, Frame};

use crate::common::recorded::{check, recordings, text};
use crate::common::runtime::{Runtime, Source, quick};
use crate::common::server::Server;

async fn recorded_streams_come_through<R: Runtime>() {
    for (expected, bytes) in recordings() {
        let name = text(&expected, "file").to_owned();
        let bytes = Arc::new(bytes);
        let wire = Arc::clone(&bytes);
        let server = Server::start(move |connection| {
            let is_chunked = connection.request().path() == "/chunked";
            connection.replay(&wire, is_chunked);
        });
        for path in ["/", "/chunked"] {
            let config = quick().reconnect(Reconnect::Never);
            let config = config.decoder(DecoderConfig::new().comments(true));
            let mut events = Source::<R>::new(Http::get(server.url(path)), config);
            let mut frames: Vec<Frame> = Vec::new();
            while let Some(frame) = events.next_frame().await {
                frames.push(frame.unwrap_or_else(|error| panic!("{name}: {error}")));
            }
            check(
                &expected,
                frames,
                events.last_event_id(),
                &format!("{name}, {path}"),
            );
        }
    }
}

#[test]
#[ignore = "needs SSE_REAL, a folder of recorded streams with their expected.json"]
fn recorded_streams_come_through_on_tokio() {
    ssewire::tokio::Runtime::run(recorded_streams_come_through::<ssewire::tokio::Runtime>());
}

#[test]
#[ignore = "needs SSE_REAL, a folder of recorded streams with their expected.json"]
fn recorded_streams_come_through_on_async_std() {
    ssewire::async_std::Runtime::run(
        recorded_streams_come_through::<ssewire::async_std::Runtime>(),
    );
}
