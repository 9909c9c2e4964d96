//! Recorded streams of real services: exactly the events that were counted and hashed for each.

use serde_json::Value;
use ssewire::{Decoder, DecoderConfig, Event};

use crate::common::feed::{self, Route, feed};
use crate::common::recorded;

#[test]
#[ignore = "needs SSE_REAL, a folder of recorded streams with their expected.json"]
fn recorded_streams_give_the_events_that_were_counted() {
    let recordings = recorded::recordings();
    for (expected, bytes) in &recordings {
        for size in [bytes.len().max(1), 1, 7, 1460] {
            for route in [Route::Decode, Route::Frames] {
                check(expected, bytes, size, route);
            }
        }
    }
    println!("SSE_REAL: {} files, all right", recordings.len());
}

fn check(expected: &Value, bytes: &[u8], size: usize, route: Route) {
    let name = recorded::text(expected, "file");
    let at = format!("{name}, in pieces of {size}, {route:?}");
    let mut decoder = Decoder::with_config(DecoderConfig::new().comments(true));
    let frames = feed(&mut decoder, feed::pieces(bytes, size), route)
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|error| panic!("{at}: {error}")))
        .collect();
    recorded::check(expected, frames, decoder.last_event_id(), &at);
}

#[test]
fn json_is_written_as_it_was_hashed() {
    let event = Event::new("a\"\\\n\t\u{7f}é😀\0")
        .with_type("t")
        .expect("a type");
    let event = event.with_id("1").expect("an id");
    assert_eq!(
        recorded::as_json(&[event, Event::new("")]),
        concat!(
            r#"[{"data":"a\"\\\n\t\u007f\u00e9\ud83d\ude00\u0000","event":"t","lastEventId":"1"},"#,
            r#"{"data":"","event":"message","lastEventId":""}]"#
        ),
    );
}
