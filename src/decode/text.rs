//! Bytes to text: "Streams must be decoded using the UTF-8 decode algorithm" (WHATWG HTML, "Parsing
//! an event stream"), which replaces each maximal subpart of an invalid sequence by U+FFFD.

use alloc::vec::Vec;

/// Returns `bytes` as text if they are UTF-8.
#[inline(always)]
pub(crate) fn validate(bytes: &[u8]) -> Option<&str> {
    if bytes.len() < SIMD_FROM {
        core::str::from_utf8(bytes).ok()
    } else {
        simdutf8::basic::from_utf8(bytes).ok()
    }
}

/// The part of a chunk that is known to be UTF-8: what follows a field is checked with it, so that
/// one check serves many short fields.
///
/// Places in the chunk are counted from its end: `left` bytes follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<'i> {
    chunk: &'i [u8],
    /// The part of the chunk that was checked last.
    text: &'i str,
    /// The number of bytes in the chunk from the start of `text` on.
    left: usize,
    /// The number of bytes in the next check. It starts low, for a caller that takes one frame of a
    /// chunk and no more. Zero after an invalid sequence was found: from then on each field is
    /// checked alone, since a longer check would be repeated for every invalid byte.
    reach: usize,
}

impl<'i> Checked<'i> {
    #[inline(always)]
    pub(crate) fn new(chunk: &'i [u8]) -> Self {
        Self {
            chunk,
            text: "",
            left: chunk.len(),
            reach: FIRST_REACH,
        }
    }

    /// Returns `field`, which `left` bytes of the chunk follow, as text if it is UTF-8. If it has
    /// not been checked, what follows is checked with it, up to `reach` bytes in all; nothing else
    /// with a reach of 0.
    #[inline(always)]
    pub(crate) fn get(&mut self, field: &'i [u8], left: usize, reach: usize) -> Option<&'i str> {
        if reach == 0 {
            return validate(field);
        }
        let start = self.left.wrapping_sub(left + field.len());
        match self.text.get(start..start.wrapping_add(field.len())) {
            Some(text) => Some(text),
            None => self.fill(field, left, reach),
        }
    }

    #[inline(never)]
    fn fill(&mut self, field: &'i [u8], left: usize, reach: usize) -> Option<&'i str> {
        let from = left + field.len();
        // The checked part only moves forward, so that nothing is checked in it twice.
        let is_worth_it = field.len() < reach && SHORTEST_CHECK <= from && from <= self.left;
        if is_worth_it && self.reach > 0 {
            let start = self.chunk.len() - from;
            let reach = self.reach.max(field.len()).min(reach);
            self.reach = 4 * reach;
            let ahead = self.chunk.get(start..self.chunk.len().min(start + reach))?;
            let (whole, _) = ahead.split_at_checked(ahead.len() - cut_len(ahead))?;
            if let Some(text) = validate(whole) {
                self.text = text;
                self.left = from;
                if let Some(text) = text.get(..field.len()) {
                    return Some(text);
                }
            }
            self.reach = 0;
        }
        validate(field)
    }
}

/// Replaces invalid UTF-8 in place, which adds `growth` bytes, as the function of that name has
/// counted them.
pub(crate) fn make_valid(bytes: &mut Vec<u8>, growth: usize) -> Option<()> {
    // The source moves to the end and its text is written from the start, so it cannot overtake.
    let source_len = bytes.len();
    bytes.reserve_exact(growth);
    bytes.resize(source_len + growth, 0);
    bytes.copy_within(..source_len, growth);
    let mut write = 0;
    let mut read = growth;
    let mut step = [0; LOSSY_STEP];
    while read < bytes.len() {
        let len = step.len().min(bytes.len() - read);
        let is_last = read + len == bytes.len();
        let step = step.get_mut(..len)?;
        step.copy_from_slice(bytes.get(read..read + len)?);
        let cut = if is_last { 0 } else { cut_len(step) };
        let step = step.get(..len - cut)?;
        read += step.len();
        for chunk in step.utf8_chunks() {
            write = put(bytes, write, chunk.valid().as_bytes())?;
            if !chunk.invalid().is_empty() {
                write = put(bytes, write, REPLACEMENT)?;
            }
        }
    }
    Some(())
}

/// Returns the number of bytes by which the text of `bytes` is longer than they are.
pub(crate) fn growth(bytes: &[u8]) -> usize {
    bytes
        .utf8_chunks()
        .map(|chunk| match chunk.invalid().len() {
            0 => 0,
            len => REPLACEMENT.len() - len,
        })
        .sum()
}

fn put(bytes: &mut [u8], at: usize, text: &[u8]) -> Option<usize> {
    let end = at + text.len();
    bytes.get_mut(at..end)?.copy_from_slice(text);
    Some(end)
}

/// Returns the number of bytes at the end of `bytes` that start a UTF-8 sequence which further
/// bytes could complete: 0 to 3.
#[inline(always)]
pub(crate) fn cut_len(bytes: &[u8]) -> usize {
    match bytes.last() {
        Some(0x80..) => cut_len_of_non_ascii(bytes),
        _ => 0,
    }
}

fn cut_len_of_non_ascii(bytes: &[u8]) -> usize {
    (1..=bytes.len().min(3))
        .find(|len| {
            let (_, tail) = bytes.split_at(bytes.len() - len);
            core::str::from_utf8(tail)
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(0)
}

const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();
/// The length from which on simdutf8 beats the standard library, in bytes.
const SIMD_FROM: usize = 64;
/// The length of the first check of a chunk, in bytes.
const FIRST_REACH: usize = 256;
/// The length from which on more than one field is checked at once, in bytes.
const SHORTEST_CHECK: usize = 48;
/// The number of bytes that are decoded at a time.
const LOSSY_STEP: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;

    use super::*;

    #[test]
    fn make_valid_is_lossy_decoding() {
        let pieces: [&[u8]; 8] = [
            b"a",
            "é".as_bytes(),
            "例".as_bytes(),
            "😀".as_bytes(),
            b"\xFF",
            b"\xE2",
            b"\xE2\x82",
            b"\xF0\x9F\x98",
        ];
        let mut seed = 1_usize;
        for len in [0, 1, 2, 5, 400, 3000] {
            let mut bytes = vec![];
            for _ in 0..len {
                seed = seed
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                bytes.extend_from_slice(pieces[(seed >> 33) % pieces.len()]);
            }
            let expected = String::from_utf8_lossy(&bytes).into_owned();
            let growth = growth(&bytes);
            assert_eq!(growth, expected.len() - bytes.len());
            assert_eq!(make_valid(&mut bytes, growth), Some(()));
            assert_eq!(bytes, expected.as_bytes());
        }
    }

    #[test]
    fn cut_len_is_an_open_sequence() {
        for (bytes, len) in [
            (&b""[..], 0),
            (b"a", 0),
            (b"\xE2", 1),
            (b"a\xE2\x82", 2),
            (b"\xF0\x9F\x98", 3),
            (b"\xE2\x82\xAC", 0),
            (b"\x82", 0),
            (b"\xE2\xE2", 1),
            (b"\xFF", 0),
            (b"\xE0\x80", 0),
        ] {
            assert_eq!(cut_len(bytes), len, "{bytes:?}");
        }
    }
}
