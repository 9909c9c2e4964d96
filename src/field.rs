//! The grammar of fields, stated once (WHATWG HTML, "Interpreting an event stream").
//!
//! The decoder reads by it, the encoder writes by it, and an event's constructors check by it.

/// The fields of the standard, and the comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Data,
    Event,
    Id,
    Retry,
    Comment,
}

/// The usual start of a `data` line, which is also how one is written.
pub(crate) const DATA_PREFIX: &[u8; 6] = b"data: ";
/// The usual start of an `event` line.
pub(crate) const EVENT_PREFIX: &[u8; 7] = b"event: ";
/// The usual start of an `id` line.
pub(crate) const ID_PREFIX: &[u8; 4] = b"id: ";
/// The usual start of a `retry` line.
pub(crate) const RETRY_PREFIX: &[u8; 7] = b"retry: ";
/// The start of a comment.
pub(crate) const COMMENT_PREFIX: &[u8; 1] = b":";

/// The type of an event whose block names none.
pub(crate) const DEFAULT_TYPE: &str = "message";

/// Returns whether a value of an `event` field stands for the default type: "If the event type
/// buffer has a value other than the empty string, change the type of the newly created event".
#[inline(always)]
pub(crate) fn is_default_type(value: &[u8]) -> bool {
    value.is_empty() || value == DEFAULT_TYPE.as_bytes()
}

/// Returns whether a value of an `id` field counts: "If the field value does not contain U+0000
/// NULL, then set the last event ID buffer to the field value. Otherwise, ignore the field."
#[inline(always)]
pub(crate) fn is_valid_id(value: &[u8]) -> bool {
    // Not `iter().all(…)`, which looks at a gathered ID, perhaps of megabytes, byte by byte.
    !value.contains(&b'\0')
}

/// Returns whether a byte in an event type would end its line.
pub(crate) const fn is_forbidden_in_type(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Returns whether a byte in an ID would end its line, or make a receiver ignore the field.
pub(crate) const fn is_forbidden_in_id(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b'\0')
}

/// Splits a complete line, which is not empty. Returns `None` for a field that the standard does
/// not know.
///
/// Exactly one U+0020 after the colon is dropped, never a tab, and none from a comment. A line
/// without a colon is a field name with an empty value.
#[inline(always)]
pub(crate) fn parse(line: &[u8]) -> Option<(Name, &[u8])> {
    if let Some(rest) = line.strip_prefix(DATA) {
        return Some((Name::Data, value(rest)?));
    }
    if let Some(text) = line.strip_prefix(COMMENT_PREFIX) {
        return Some((Name::Comment, text));
    }
    if let Some(rest) = line.strip_prefix(EVENT) {
        return Some((Name::Event, value(rest)?));
    }
    if let Some(rest) = line.strip_prefix(ID) {
        return Some((Name::Id, value(rest)?));
    }
    if let Some(rest) = line.strip_prefix(RETRY) {
        return Some((Name::Retry, value(rest)?));
    }
    None
}

/// Returns what follows one of the prefixes, as [`strip_prefix`](slice::strip_prefix) does, but
/// always without a call.
#[inline(always)]
pub(crate) fn strip<'i, const N: usize>(line: &'i [u8], prefix: &[u8; N]) -> Option<&'i [u8]> {
    match line.split_first_chunk() {
        Some((start, value)) if start == prefix => Some(value),
        _ => None,
    }
}

/// Drops the colon, and the one space that may follow it, from what comes after a field name.
#[inline(always)]
fn value(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b':', b' ', value @ ..] | [b':', value @ ..] | value @ [] => Some(value),
        _ => None,
    }
}

/// The meaning of the start of a line that continues in the next chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start<'i> {
    /// A field, with the part of its value that has arrived.
    Known(Name, &'i [u8]),
    /// No field of the standard, however the line continues.
    Unknown,
    /// Undecided. At most [`LONGEST_OPEN`] bytes can be.
    Open,
}

/// Classifies the start of a line, which is not empty.
#[inline]
pub(crate) fn parse_start(start: &[u8]) -> Start<'_> {
    // The value starts after the space that may follow the colon, so a colon alone decides nothing.
    let is_open = |prefix: &&[u8]| start.len() < prefix.len() && prefix.starts_with(start);
    if start.len() <= LONGEST_OPEN && PREFIXES.iter().any(is_open) {
        return Start::Open;
    }
    match parse(start) {
        Some((name, value)) => Start::Known(name, value),
        None => Start::Unknown,
    }
}

/// The value of a `retry` field, which may come in any number of pieces of any length.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Digits {
    /// Nothing so far.
    Empty,
    /// Only ASCII digits so far. The number saturates.
    Number(u64),
    /// Something else: "If the field value consists of only ASCII digits, then interpret the field
    /// value as an integer in base ten […]. Otherwise, ignore the field."
    Invalid,
}

impl Digits {
    /// Appends a piece of the value.
    pub(crate) fn push(self, piece: &[u8]) -> Self {
        piece
            .iter()
            .fold(self, |digits, byte| match (digits, byte) {
                (Self::Empty, b'0'..=b'9') => Self::Number(u64::from(byte - b'0')),
                (Self::Number(number), b'0'..=b'9') => Self::Number(
                    number
                        .saturating_mul(10)
                        .saturating_add(u64::from(byte - b'0')),
                ),
                _ => Self::Invalid,
            })
    }
}

const DATA: &[u8] = name(DATA_PREFIX);
const EVENT: &[u8] = name(EVENT_PREFIX);
const ID: &[u8] = name(ID_PREFIX);
const RETRY: &[u8] = name(RETRY_PREFIX);
const PREFIXES: [&[u8]; 4] = [DATA_PREFIX, EVENT_PREFIX, ID_PREFIX, RETRY_PREFIX];

/// The longest start of a line that does not tell its field yet, in bytes: `event:` or `retry:`.
pub(crate) const LONGEST_OPEN: usize = RETRY_PREFIX.len() - 1;

/// Drops the colon and the space.
const fn name(prefix: &'static [u8]) -> &'static [u8] {
    prefix.split_at(prefix.len() - 2).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_open_until_its_value_starts() {
        for line in [&b"data: x"[..], b"event: x", b"id: x", b"retry: x"] {
            let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
            for len in 1..=colon + 1 {
                assert_eq!(
                    parse_start(&line[..len]),
                    Start::Open,
                    "{line:?} cut at {len}"
                );
                assert!(len <= LONGEST_OPEN);
            }
            let (name, _) = parse(line).expect("a field");
            assert_eq!(parse_start(&line[..colon + 2]), Start::Known(name, b""));
            assert_eq!(parse_start(line), Start::Known(name, b"x"));
        }
        assert_eq!(parse_start(b"datax"), Start::Unknown);
        assert_eq!(parse_start(b"x"), Start::Unknown);
        assert_eq!(parse_start(b":"), Start::Known(Name::Comment, b""));
    }
}
