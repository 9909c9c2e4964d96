//! Whatever is done to topics, in whatever order, they answer as the simplest telling of it does:
//! nothing is lost, doubled or reordered without being told, and the log keeps its bounds.
//!
//! The first byte is how many events the log holds, the second how many bytes, in eights, the third
//! what becomes of slow readers, the fourth how many events a topic holds, the fifth how old they get. The
//! rest are operations, of two to four bytes each.
#![no_main]

#[path = "../../tests/it/common/topics_model.rs"]
mod topics_model;

use libfuzzer_sys::fuzz_target;
use ssewire::server::SlowReader;
use topics_model::{Limits, Model, Op};

fuzz_target!(|input: &[u8]| {
    let [max_events, max_bytes, skips, per_topic, max_age, ops @ ..] = input else {
        return;
    };
    let mut model = Model::new(Limits {
        max_events: usize::from(*max_events % 64),
        max_bytes: 8 * usize::from(*max_bytes),
        max_events_per_topic: (*per_topic < 64).then_some(usize::from(*per_topic)),
        max_age: (*max_age < 128).then_some(u64::from(*max_age)),
        slow_reader: match skips & 1 {
            0 => SlowReader::Disconnect,
            _ => SlowReader::SkipToLive,
        },
    });
    let mut ops = ops;
    while let Some(op) = Op::parse(&mut ops) {
        model.apply(op);
    }
    model.finish();
});
