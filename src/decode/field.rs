//! Lines to fields (WHATWG HTML, "Interpreting an event stream").

/// Names what a line can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Data,
    Event,
    Id,
    Retry,
    Comment,
}

/// Splits a whole line, which is not empty; `None` for a field that the standard does not know.
///
/// Exactly one U+0020 after the colon is dropped, never a tab, and none from a comment. A line
/// without a colon is a field name with an empty value.
#[inline(always)]
pub(crate) fn parse(line: &[u8]) -> Option<(Name, &[u8])> {
    if let Some(rest) = line.strip_prefix(b"data") {
        return Some((Name::Data, value(rest)?));
    }
    if let Some(text) = line.strip_prefix(b":") {
        return Some((Name::Comment, text));
    }
    if let Some(rest) = line.strip_prefix(b"event") {
        return Some((Name::Event, value(rest)?));
    }
    if let Some(rest) = line.strip_prefix(b"id") {
        return Some((Name::Id, value(rest)?));
    }
    if let Some(rest) = line.strip_prefix(b"retry") {
        return Some((Name::Retry, value(rest)?));
    }
    None
}

/// Returns the value of a line of data in its most common form.
#[inline(always)]
pub(crate) fn data(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"data: ")
}

/// Drops the colon, and the one space that may follow it, from what stands behind a field name.
#[inline(always)]
fn value(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b':', b' ', value @ ..] | [b':', value @ ..] | value @ [] => Some(value),
        _ => None,
    }
}

/// Tells what the start of a line that goes on in the next chunk will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start<'i> {
    /// Known, with the part of the value that is there.
    Known(Name, &'i [u8]),
    /// No field of the standard, however it goes on.
    Unknown,
    /// Not to be told yet; at most [`LONGEST_OPEN`] bytes are like that.
    Open,
}

/// Classifies the start of a line, which is not empty.
#[inline]
pub(crate) fn parse_start(start: &[u8]) -> Start<'_> {
    // Whether a space follows the colon decides where the value starts.
    let is_open = start.len() <= LONGEST_OPEN && NAMES.iter().any(|name| name.starts_with(start));
    if is_open {
        return Start::Open;
    }
    match parse(start) {
        Some((name, value)) => Start::Known(name, value),
        None => Start::Unknown,
    }
}

/// Sums up the value of a `retry` field, which may come in pieces of any number and length.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Digits {
    Empty,
    /// Only ASCII digits so far. The number saturates.
    Number(u64),
    /// "If the field value consists of only ASCII digits": it does not, so the field is ignored.
    Invalid,
}

impl Digits {
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

/// The most bytes that can start a line without telling what it is: `event:` or `retry:`.
pub(crate) const LONGEST_OPEN: usize = 6;

const NAMES: [&[u8]; 4] = [b"data:", b"event:", b"id:", b"retry:"];

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
