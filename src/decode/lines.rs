//! Bytes to lines, without a word of the grammar.
//!
//! Each window of 64 bytes becomes a bit mask of its line ends, so that a short line costs a shift
//! and not a search. A line that outlasts a few windows is left to `memchr2`, which is faster where
//! it finds nothing.

use memchr::memchr2;

use crate::decode::window::{WINDOW, line_ends, line_ends_of_tail};

/// The lines of one chunk that have not been taken yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines<'i> {
    /// The bytes that have not been taken. They start with a line, or with the rest of one.
    pub(crate) rest: &'i [u8],
    /// The line ends of the latest window, without those that were taken.
    ends: u64,
    /// The byte of `rest` for which the lowest bit of `ends` stands.
    base: usize,
    /// The number of bytes of `rest` that have been scanned.
    scanned: usize,
}

/// A line of the chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'i> {
    /// The line without its end.
    pub(crate) bytes: &'i [u8],
    /// The number of bytes of the chunk that follow. Places in a chunk are counted from its end.
    pub(crate) left: usize,
    /// Whether the line ends with a CR and the chunk ends there, so that an LF at the start of the
    /// next chunk belongs to it.
    pub(crate) open_cr: bool,
}

impl<'i> Lines<'i> {
    /// Starts at the front of a chunk and scans its first window.
    #[inline(always)]
    pub(crate) fn new(chunk: &'i [u8]) -> Self {
        let mut lines = Self::unread(chunk);
        lines.scan_window();
        lines
    }

    /// Starts at the front of a chunk without scanning any of it.
    #[inline(always)]
    pub(crate) const fn unread(chunk: &'i [u8]) -> Self {
        Self {
            rest: chunk,
            ends: 0,
            base: 0,
            scanned: 0,
        }
    }

    /// Returns whether nothing of the chunk has been scanned.
    #[inline(always)]
    pub(crate) const fn is_unread(&self) -> bool {
        self.scanned == 0
    }

    /// Drops the next byte, which is in the first window: it belongs to the chunk before, or to a
    /// BOM.
    pub(crate) fn skip_byte(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.ends >>= 1;
        self.scanned = self.scanned.saturating_sub(1);
    }

    /// Takes `start` if the next line starts with it.
    #[inline(always)]
    pub(crate) fn skip_start(&mut self, start: &[u8]) -> bool {
        // A few bytes, for which a call of memcmp would cost more.
        let is_same = start.iter().zip(self.rest).all(|(one, other)| one == other);
        match self.rest.get(start.len()..) {
            Some(rest) if is_same => self.rest = rest,
            _ => return false,
        }
        self.ends >>= start.len();
        self.scanned = self.scanned.saturating_sub(start.len());
        true
    }

    /// Returns whether a line ends in what is left of the chunk.
    #[inline(always)]
    pub(crate) fn find_line(&mut self) -> bool {
        self.ends != 0 || self.find_window()
    }

    /// Takes the next line if it ends in this chunk.
    #[inline(always)]
    pub(crate) fn next_line(&mut self) -> Option<Line<'i>> {
        if !self.find_line() {
            return None;
        }
        let bit = self.ends.trailing_zeros();
        let end = self.base + bit as usize;
        let (bytes, tail) = self.rest.split_at_checked(end)?;
        let (end_len, rest) = match tail {
            [b'\n', rest @ ..] => (1, rest),
            // "U+000D CARRIAGE RETURN U+000A LINE FEED (CRLF) character pairs" end one line.
            [b'\r', b'\n', rest @ ..] => (2, rest),
            [_, rest @ ..] => (1, rest),
            [] => return None,
        };
        let line = Line {
            bytes,
            left: tail.len(),
            open_cr: tail == b"\r",
        };
        self.advance(bit, end, end_len, rest);
        Some(line)
    }

    /// Takes the next line if its end is in this chunk and cannot continue in the next one.
    #[inline(always)]
    pub(crate) fn whole_line(&mut self) -> Option<&'i [u8]> {
        let (line, taken) = self.peek_whole_line()?;
        *self = taken;
        Some(line)
    }

    /// Returns the line that [`whole_line`](Self::whole_line) would take, and the lines after it.
    #[inline(always)]
    pub(crate) fn peek_whole_line(&self) -> Option<(&'i [u8], Self)> {
        let mut taken = *self;
        match taken.next_line() {
            Some(line) if !line.open_cr => Some((line.bytes, taken)),
            _ => None,
        }
    }

    /// Takes a blank line if one follows that ends with LF or CRLF.
    #[inline(always)]
    pub(crate) fn take_blank_line(&mut self) -> bool {
        let (len, rest) = match self.rest {
            [b'\n', rest @ ..] => (1, rest),
            [b'\r', b'\n', rest @ ..] => (2, rest),
            _ => return false,
        };
        self.rest = rest;
        self.ends >>= len;
        self.scanned = self.scanned.saturating_sub(len);
        true
    }

    /// Returns the next line if it ends with LF or CRLF and a blank line follows that ends in the
    /// same way, and the lines after both.
    #[inline(always)]
    pub(crate) fn line_before_blank(&mut self) -> Option<(&'i [u8], Self)> {
        if !self.find_line() {
            return None;
        }
        let bit = self.ends.trailing_zeros();
        let len = self.base + bit as usize;
        let (line, tail) = self.rest.split_at_checked(len)?;
        let (ends_len, rest) = two_line_ends(tail)?;
        let mut taken = *self;
        taken.advance(bit, len, ends_len, rest);
        Some((line, taken))
    }

    /// Steps over a line of `len` bytes, whose end is `bit` of the mask, and over its line end.
    #[inline(always)]
    fn advance(&mut self, bit: u32, len: usize, end_len: usize, rest: &'i [u8]) {
        self.rest = rest;
        self.ends = self.ends >> bit >> end_len;
        self.base = 0;
        self.scanned = self.scanned.saturating_sub(len + end_len);
    }

    /// Takes everything that is left: the start or the middle of a line.
    #[inline(always)]
    pub(crate) fn take_rest(&mut self) -> &'i [u8] {
        let rest = self.rest;
        *self = Self::unread(&[]);
        rest
    }

    /// Moves on to the next window that holds a line end.
    #[inline(always)]
    fn find_window(&mut self) -> bool {
        for _ in 0..WINDOWS_BEFORE_SEARCH {
            if !self.scan_window() {
                return false;
            }
            if self.ends != 0 {
                return true;
            }
        }
        self.scanned = find_line_end(self.rest, self.scanned);
        self.scan_window()
    }

    /// Scans the next window, if there is one.
    #[inline(always)]
    fn scan_window(&mut self) -> bool {
        self.base = self.scanned;
        let Some(ahead @ [_, ..]) = self.rest.get(self.scanned..) else {
            return false;
        };
        if let Some(window) = ahead.first_chunk::<WINDOW>() {
            self.ends = line_ends(window);
            self.scanned += WINDOW;
            return true;
        }
        self.ends = line_ends_of_tail(self.rest, self.scanned);
        self.scanned = self.rest.len();
        true
    }
}

/// Returns whether a line ends in `bytes`.
#[inline(always)]
pub(crate) fn has_line_end(bytes: &[u8]) -> bool {
    if bytes.len() > WINDOWS_BEFORE_SEARCH * WINDOW {
        return memchr2(b'\r', b'\n', bytes).is_some();
    }
    let mut start = 0;
    while let Some(window) = bytes.get(start..).and_then(|rest| rest.first_chunk()) {
        if line_ends(window) != 0 {
            return true;
        }
        start += WINDOW;
    }
    start < bytes.len() && line_ends_of_tail(bytes, start) != 0
}

/// Splits off the two line ends that `tail` starts with, and returns their length. A CR counts only
/// with its LF.
#[inline(always)]
fn two_line_ends(tail: &[u8]) -> Option<(usize, &[u8])> {
    match tail {
        [b'\n', b'\n', rest @ ..] => Some((2, rest)),
        [b'\r', b'\n', b'\r', b'\n', rest @ ..] => Some((4, rest)),
        _ => None,
    }
}

/// Returns the position of the first line end after the first `scanned` bytes.
#[inline(never)]
fn find_line_end(rest: &[u8], scanned: usize) -> usize {
    match rest
        .get(scanned..)
        .and_then(|ahead| memchr2(b'\r', b'\n', ahead))
    {
        Some(offset) => scanned + offset,
        None => rest.len(),
    }
}

/// The number of windows without a line end after which the search is left to `memchr2`.
const WINDOWS_BEFORE_SEARCH: usize = 6;
