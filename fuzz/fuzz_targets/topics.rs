//! Whatever is done to topics, in whatever order, they answer as the simplest telling of it does:
//! nothing is lost, doubled or reordered without being told, and the log keeps its bounds.
//!
//! The first byte is how many events the log holds, the second how many bytes, in eights, the third
//! what becomes of slow readers. The rest are operations, of two or three bytes each.
#![no_main]

#[path = "../../tests/it/common/topics_model.rs"]
mod topics_model;

use libfuzzer_sys::fuzz_target;
use ssewire::server::SlowReader;
use topics_model::{Model, Op};

fuzz_target!(|input: &[u8]| {
    let [max_events, max_bytes, skips, ops @ ..] = input else {
        return;
    };
    let slow_reader = match skips & 1 {
        0 => SlowReader::Disconnect,
        _ => SlowReader::SkipToLive,
    };
    let max_events = usize::from(*max_events % 64);
    let mut model = Model::new(max_events, 8 * usize::from(*max_bytes), slow_reader);
    let mut ops = ops;
    while let Some(op) = Op::parse(&mut ops) {
        model.apply(op);
    }
    model.finish();
});
