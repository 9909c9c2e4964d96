//! The events that encoders write.

use crate::corpus::{Shape, Text, Texts};
use crate::encoders::Batch;

/// Creates batches of about `batch_len` bytes on the wire, and returns the number of bytes in all.
pub fn batches(shape: Shape, size: usize, batch_len: usize) -> (Vec<Batch>, usize) {
    let mut texts = Texts::new(shape);
    let mut batches = Vec::new();
    let mut made = 0;
    while made < size {
        let mut len = 0;
        let mut batch = Vec::new();
        while len < batch_len {
            let Some(text) = texts.next() else { break };
            len += wire_len(&text);
            batch.push(text);
        }
        made += len;
        batches.push(batch.into());
    }
    (batches, made)
}

/// Returns the number of bytes that an event takes on the wire.
pub fn wire_len(text: &Text) -> usize {
    let field = |name: &str, value: &str| {
        if value.is_empty() {
            0
        } else {
            name.len() + ": \n".len() + value.len()
        }
    };
    let data: usize = text.data.split('\n').map(|line| field("data", line)).sum();
    field("id", &text.id) + field("event", &text.event_type) + data + 1
}

/// The wire bytes of one measurement: enough to make reading the clock free, few enough for a
/// cache.
pub const BATCH: usize = 256 << 10;

/// The shapes that are encoded: all but those that only a receiver can tell apart.
pub const SHAPES: [Shape; 7] = [
    Shape::OpenAi,
    Shape::Anthropic,
    Shape::Tiny,
    Shape::Stock,
    Shape::Multi,
    Shape::Huge,
    Shape::Utf8,
];
