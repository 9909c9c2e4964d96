//! Bytes to line ends.
//!
//! Sixty-four bytes at a time become a bit mask of their CRs and LFs, so that short lines cost a
//! shift each instead of a search each. A line that outlasts a few such blocks is left to
//! `memchr2`, which is faster where nothing is found.

use core::ops::Range;

use memchr::memchr2;
use wide::u8x16;

/// Walks the lines of one chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'i> {
    /// What has not been taken yet. It starts with a line, or with the rest of one.
    pub(crate) rest: &'i [u8],
    /// The line ends of the block that was looked at last, without those that were taken.
    mask: u64,
    /// Which byte of `rest` the lowest bit of `mask` stands for.
    base: usize,
    /// How many bytes of `rest` have been looked at.
    scanned: usize,
}

/// Describes a block of the form that most have, by places from its start.
#[derive(Clone, Debug)]
pub(crate) struct SimpleBlock {
    pub(crate) data: Range<usize>,
    pub(crate) event_type: Range<usize>,
    pub(crate) id: Option<Range<usize>>,
}

/// Describes one line of the chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'i> {
    /// Its bytes, without the line end.
    pub(crate) bytes: &'i [u8],
    /// How many bytes of the chunk come behind them. Places in the chunk are counted from its end.
    pub(crate) left: usize,
    /// Whether its line end is a CR and the chunk stops there, so that an LF at the start of the
    /// next chunk belongs to it.
    pub(crate) open_cr: bool,
}

impl<'i> Scan<'i> {
    /// Starts at the front of a chunk, and looks at its first block.
    #[inline(always)]
    pub(crate) fn new(chunk: &'i [u8]) -> Self {
        let mut scan = Self::unread(chunk);
        scan.look_at_block();
        scan
    }

    /// Starts at the front of a chunk, without a look at it.
    #[inline(always)]
    pub(crate) const fn unread(chunk: &'i [u8]) -> Self {
        Self {
            rest: chunk,
            mask: 0,
            base: 0,
            scanned: 0,
        }
    }

    /// Drops the next byte of the chunk's first block: it belongs to the chunk before, or to a BOM.
    pub(crate) fn skip_byte(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.mask >>= 1;
        self.scanned = self.scanned.saturating_sub(1);
    }

    /// Takes the bytes that a line starts with, if they are these.
    #[inline(always)]
    pub(crate) fn skip_start(&mut self, start: &[u8]) -> bool {
        // A few bytes, for which a call of memcmp would cost more.
        let is_same = start.iter().zip(self.rest).all(|(one, other)| one == other);
        match self.rest.get(start.len()..) {
            Some(rest) if is_same => self.rest = rest,
            _ => return false,
        }
        self.mask >>= start.len();
        self.scanned = self.scanned.saturating_sub(start.len());
        true
    }

    /// Returns whether a line ends in what is left of the chunk.
    #[inline(always)]
    pub(crate) fn find_line(&mut self) -> bool {
        self.mask != 0 || self.find_block()
    }

    /// Takes the next line, if it ends in this chunk.
    #[inline(always)]
    pub(crate) fn next_line(&mut self) -> Option<Line<'i>> {
        if !self.find_line() {
            return None;
        }
        let bit = self.mask.trailing_zeros();
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

    /// Takes the next line if its end is in the chunk and cannot go on in the next one.
    #[inline(always)]
    pub(crate) fn whole_line(&mut self) -> Option<&'i [u8]> {
        let (line, taken) = self.peek_whole_line()?;
        *self = taken;
        Some(line)
    }

    /// Returns the next line like [`whole_line`](Self::whole_line), and what remains without it.
    #[inline(always)]
    pub(crate) fn peek_whole_line(&self) -> Option<(&'i [u8], Self)> {
        let mut taken = *self;
        match taken.next_line() {
            Some(line) if !line.open_cr => Some((line.bytes, taken)),
            _ => None,
        }
    }

    /// Takes a blank line if one follows whose end is not the chunk's: LF or CRLF.
    #[inline(always)]
    pub(crate) fn take_blank_line(&mut self) -> bool {
        let (len, rest) = match self.rest {
            [b'\n', rest @ ..] => (1, rest),
            [b'\r', b'\n', rest @ ..] => (2, rest),
            _ => return false,
        };
        self.rest = rest;
        self.mask >>= len;
        self.scanned = self.scanned.saturating_sub(len);
        true
    }

    /// Returns the next line if it ends with LF or CRLF and a blank one like it follows, and what
    /// remains once both are taken.
    #[inline(always)]
    pub(crate) fn last_line(&mut self) -> Option<(&'i [u8], Self)> {
        if !self.find_line() {
            return None;
        }
        let bit = self.mask.trailing_zeros();
        let len = self.base + bit as usize;
        let (line, tail) = self.rest.split_at_checked(len)?;
        let (ends_len, rest) = two_line_ends(tail)?;
        let mut taken = *self;
        taken.advance(bit, len, ends_len, rest);
        Some((line, taken))
    }

    /// Takes the blocks that come next and are nothing but a comment of up to `max_len` bytes: they
    /// only keep the connection alive.
    #[inline(always)]
    pub(crate) fn skip_comment_blocks(&mut self, max_len: usize) {
        while self.rest.first() == Some(&b':') {
            match self.last_line() {
                Some((line, taken)) if line.len() <= max_len => *self = taken,
                _ => return,
            }
        }
    }

    /// Takes a block of the form that most have, if one comes next: lines of `event: ` and `id: `,
    /// one of `data: `, and a blank one, ended by LF or CRLF. Otherwise it takes nothing.
    #[inline(always)]
    pub(crate) fn simple_block(&mut self) -> Option<SimpleBlock> {
        let mut block = SimpleBlock {
            data: 0..0,
            event_type: 0..0,
            id: None,
        };
        let mut scan = *self;
        loop {
            if !scan.find_line() {
                return None;
            }
            let bit = scan.mask.trailing_zeros();
            let len = scan.base + bit as usize;
            let (line, tail) = scan.rest.split_at_checked(len)?;
            let start = self.rest.len() - scan.rest.len();
            let end = start + len;
            // One look at the first byte tells which name alone it can be.
            match line.first() {
                Some(b'd') if line.starts_with(b"data: ") => {
                    let (ends_len, rest) = two_line_ends(tail)?;
                    block.data = start + 6..end;
                    scan.advance(bit, len, ends_len, rest);
                    *self = scan;
                    return Some(block);
                }
                Some(b'e') if line.starts_with(b"event: ") => block.event_type = start + 7..end,
                Some(b'i') if line.starts_with(b"id: ") => block.id = Some(start + 4..end),
                _ => return None,
            }
            let (end_len, rest) = match tail {
                [b'\n', rest @ ..] => (1, rest),
                [b'\r', b'\n', rest @ ..] => (2, rest),
                _ => return None,
            };
            scan.advance(bit, len, end_len, rest);
        }
    }

    /// Steps over a line of `len` bytes, which `bit` of the mask ends, and over its line end.
    #[inline(always)]
    fn advance(&mut self, bit: u32, len: usize, end_len: usize, rest: &'i [u8]) {
        self.rest = rest;
        self.mask = self.mask >> bit >> end_len;
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

    /// Moves on to the next block that holds a line end.
    #[inline(always)]
    fn find_block(&mut self) -> bool {
        for _ in 0..BLOCKS_BEFORE_SEARCH {
            if !self.look_at_block() {
                return false;
            }
            if self.mask != 0 {
                return true;
            }
        }
        self.scanned = find_line_end(self.rest, self.scanned);
        self.look_at_block()
    }

    /// Makes the mask of the next block, if there is one.
    #[inline(always)]
    fn look_at_block(&mut self) -> bool {
        self.base = self.scanned;
        let Some(ahead @ [_, ..]) = self.rest.get(self.scanned..) else {
            return false;
        };
        if let Some(block) = ahead.first_chunk::<BLOCK>() {
            self.mask = mask(block);
            self.scanned += BLOCK;
            return true;
        }
        self.mask = mask_of_tail(ahead);
        self.scanned = self.rest.len();
        true
    }
}

/// Returns whether a line ends in `bytes`.
#[inline(always)]
pub(crate) fn has_line_end(bytes: &[u8]) -> bool {
    if bytes.len() > BLOCKS_BEFORE_SEARCH * BLOCK {
        return memchr2(b'\r', b'\n', bytes).is_some();
    }
    let mut rest = bytes;
    while let Some((block, tail)) = rest.split_first_chunk() {
        if mask(block) != 0 {
            return true;
        }
        rest = tail;
    }
    !rest.is_empty() && mask_of_tail(rest) != 0
}

/// Drops the two line ends that `tail` starts with, and returns their length too. A CR counts only
/// with its LF.
#[inline(always)]
fn two_line_ends(tail: &[u8]) -> Option<(usize, &[u8])> {
    match tail {
        [b'\n', b'\n', rest @ ..] => Some((2, rest)),
        [b'\r', b'\n', b'\r', b'\n', rest @ ..] => Some((4, rest)),
        _ => None,
    }
}

/// Finds the end of a long line, behind the first `scanned` bytes.
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

/// Returns the line ends of a block: bit *n* stands for byte *n*.
#[inline(always)]
fn mask(block: &[u8; BLOCK]) -> u64 {
    let mut lanes = [u8x16::splat(0); BLOCK / LANE];
    let mut any = u8x16::splat(0);
    let mut rest = block.as_slice();
    for ends in &mut lanes {
        let Some((lane, tail)) = rest.split_first_chunk() else {
            break;
        };
        *ends = ends_of_lane(*lane);
        any |= *ends;
        rest = tail;
    }
    // Most blocks of a long line have none, which one question tells.
    if any.move_mask() == 0 {
        return 0;
    }
    let mut mask = 0;
    for ends in lanes.iter().rev() {
        mask = mask << LANE | u64::from(ends.move_mask() as u16);
    }
    mask
}

/// Returns the line ends of less than a block.
#[inline(never)]
fn mask_of_tail(tail: &[u8]) -> u64 {
    let mut mask = 0;
    let mut shift = 0;
    let mut rest = tail;
    while let Some((lane, tail)) = rest.split_first_chunk() {
        mask |= u64::from(mask_of_lane(*lane)) << shift;
        shift += LANE;
        rest = tail;
    }
    for byte in rest {
        mask |= u64::from(matches!(byte, b'\r' | b'\n')) << shift;
        shift += 1;
    }
    mask
}

fn mask_of_lane(lane: [u8; LANE]) -> u16 {
    ends_of_lane(lane).move_mask() as u16
}

#[inline(always)]
fn ends_of_lane(lane: [u8; LANE]) -> u8x16 {
    let bytes = u8x16::new(lane);
    bytes.cmp_eq(u8x16::splat(b'\n')) | bytes.cmp_eq(u8x16::splat(b'\r'))
}

/// How many bytes a mask describes.
const BLOCK: usize = 64;
/// How many bytes one SIMD register holds.
const LANE: usize = 16;
/// How many blocks without a line end are read before the search for one is left to `memchr2`.
const BLOCKS_BEFORE_SEARCH: usize = 6;
