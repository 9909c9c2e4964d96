//! The shortest way, for a chunk that is one block of the usual form and nothing else, as a server
//! sends that flushes each event and each comment.

use memchr::memchr2;

use crate::decode::Decoder;
use crate::decode::fast::{Places, Texts};
use crate::decode::text;
use crate::decode::window::{WINDOW, line_ends, line_ends_of_short};
use crate::field::{self, COMMENT_PREFIX, DATA_PREFIX, EVENT_PREFIX, ID_PREFIX};

/// The block of which a chunk consists.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Only<'i> {
    /// An event.
    Event(Texts<'i>),
    /// A comment, which is not a frame.
    Comment,
}

/// Returns the block of which a chunk consists, if it does.
#[inline(always)]
pub(crate) fn only_block<'i>(decoder: &mut Decoder, chunk: &'i [u8]) -> Option<Only<'i>> {
    let ([block @ .., b'\n', b'\n'] | [block @ .., b'\r', b'\n', b'\r', b'\n']) = chunk else {
        return None;
    };
    if block.len() >= decoder.soft_budget {
        return None;
    }
    let first = block.first();
    if first == DATA_PREFIX.first() {
        let data = field::strip(block, DATA_PREFIX)?;
        if has_line_end(chunk, block.len()) {
            return None;
        }
        return Some(Only::Event(Texts {
            data: text::validate(data)?,
            event_type: "",
            has_id: false,
        }));
    }
    if first != COMMENT_PREFIX.first() {
        return several_lines(decoder, chunk, block).map(Only::Event);
    }
    if decoder.config.comments || has_line_end(chunk, block.len()) {
        return None;
    }
    Some(Only::Comment)
}

/// Returns whether a line ends in the first `len` bytes of a chunk, of which there are more.
#[inline(always)]
fn has_line_end(chunk: &[u8], len: usize) -> bool {
    match chunk.get(..len) {
        Some(long) if chunk.len() >= WINDOW => memchr2(b'\r', b'\n', long).is_some(),
        _ => (line_ends_of_short(chunk).trailing_zeros() as usize) < len,
    }
}

/// Returns the event of a block that is all of a chunk but for the line ends. All lines but the
/// last have to end in the first window.
#[inline(never)]
fn several_lines<'i>(decoder: &mut Decoder, chunk: &'i [u8], block: &'i [u8]) -> Option<Texts<'i>> {
    let mut ends = match chunk.first_chunk() {
        Some(window) => line_ends(window),
        None => line_ends_of_short(chunk),
    };
    let mut places = Places::default();
    let mut start = 0;
    loop {
        let end = ends.trailing_zeros() as usize;
        let (line, tail) = block.split_at_checked(end).unwrap_or((block, &[]));
        let line = line.get(start..)?;
        match line.first() {
            Some(b'd') if line.starts_with(DATA_PREFIX) => {
                let later = block.get(end.max(WINDOW)..).unwrap_or_default();
                if !tail.is_empty() && (end < WINDOW || memchr2(b'\r', b'\n', later).is_some()) {
                    return None;
                }
                places.data = start + DATA_PREFIX.len()..block.len();
                return places.take(text::validate(block)?, decoder);
            }
            _ if ends == 0 => return None,
            Some(b'e') if line.starts_with(EVENT_PREFIX) => {
                places.event_type = start + EVENT_PREFIX.len()..end;
            }
            Some(b'i') if line.starts_with(ID_PREFIX) => {
                places.id = Some(start + ID_PREFIX.len()..end);
            }
            _ => return None,
        }
        let ends_len = match tail {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        start = end + ends_len;
        ends = ends >> end >> ends_len << ends_len << end;
    }
}

/// The longest chunk for which this way is worth trying, in bytes.
pub(crate) const LONGEST: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn an_only_block_is_what_its_bytes_are_one_by_one() {
        let texts = |len| ["", "x", "\r", "é"].map(|end| "a".repeat(len) + end);
        for end in ["\n", "\r\n", "\r"] {
            for len in (0..=2).chain(28..=36).chain(44..=70).chain(120..=130) {
                for text in texts(len) {
                    for block in [
                        format!("data: {text}{end}{end}"),
                        format!("data: 1{end}data: {text}{end}{end}"),
                        format!("event: {text}{end}data: 1{end}{end}"),
                        format!("id: {text}{end}data: 1{end}{end}"),
                        format!("id: 1{end}event: e{end}data: {text}{end}{end}"),
                        format!("id: {text}{end}event: {text}{end}{end}"),
                        format!(": {text}{end}{end}"),
                        format!("{text}: 1{end}{end}"),
                    ] {
                        check(&block);
                    }
                }
            }
        }
    }

    fn check(block: &str) {
        let mut whole = decoder();
        let mut bytes = decoder();
        let mut input = block.as_bytes();
        let frame = |decoder: &mut Decoder, input: &mut &[u8]| {
            let frame = decoder.decode(input).expect("it is not too large");
            frame.map(|frame| frame.to_frame())
        };
        let found = core::iter::from_fn(|| frame(&mut whole, &mut input));
        let pieces = block.as_bytes().chunks(1);
        let expected = pieces.filter_map(|mut piece| frame(&mut bytes, &mut piece));
        assert!(found.eq(expected), "{block:?}");
        assert_eq!(whole.last_event_id(), bytes.last_event_id(), "{block:?}");
    }

    /// Returns a decoder for which it is too late for a BOM.
    fn decoder() -> Decoder {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.decode(&mut &b"\n"[..]), Ok(None));
        decoder
    }
}
