//! Choosing among encoded events.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::decode::{Decoder, DecoderConfig};
use crate::event::EventRef;
use crate::frame::FrameRef;

/// What is left of encoded events.
#[derive(Debug)]
pub(crate) enum Filtered {
    All,
    Some(Bytes),
    None,
}

/// Drops the events that `keep` refuses. The bytes are events as this crate's encoder writes them, each
/// with a type and an ID of its own, so that what is left of them means the same without the others.
pub(crate) fn filter(bytes: &Bytes, mut keep: impl FnMut(EventRef<'_>) -> bool) -> Filtered {
    let mut decoder = Decoder::with_config(DecoderConfig::new().max_event_bytes(usize::MAX));
    let mut rest = &bytes[..];
    // What is kept before the first event that is not stays where it is, and so does what follows the
    // last one.
    let mut kept: Option<Vec<u8>> = None;
    let mut start = 0;
    let mut from = 0;
    while let Ok(Some(frame)) = decoder.decode(&mut rest) {
        let end = bytes.len() - rest.len();
        if let FrameRef::Event(event) = frame {
            if !keep(event) {
                let kept = kept.get_or_insert_default();
                kept.extend_from_slice(bytes.get(from..start).unwrap_or_default());
                from = end;
            }
        }
        start = end;
    }
    match kept {
        None => Filtered::All,
        Some(kept) if kept.is_empty() && from == bytes.len() => Filtered::None,
        // Only the end is left, so it can be shared.
        Some(kept) if kept.is_empty() => Filtered::Some(bytes.slice(from..)),
        Some(mut kept) => {
            kept.extend_from_slice(bytes.get(from..).unwrap_or_default());
            Filtered::Some(kept.into())
        }
    }
}
