//! The texts that are not in the current chunk, and the bound on their memory.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use crate::decode::text;

/// The texts that are not in the current chunk.
///
/// The buffers are reused from event to event, so that a warm decoder does not allocate. The memory
/// that a large event needed is released.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    /// The block's data, without the bytes in `raw`.
    data: String,
    /// The end of the data, not checked for UTF-8 yet, so that one check serves many short pieces.
    raw: Vec<u8>,
    /// Where the current line of data starts, if it has been cut by the end of a chunk.
    line_start: LineStart,
    /// Whether the data was cut off, since it exceeds the budget.
    is_cut_off: bool,
    /// The text of `raw` if that is not UTF-8.
    lossy: String,
    pub(crate) event_type: String,
    pub(crate) id: String,
    /// A comment, or a type or an ID whose line has not ended.
    pub(crate) value: Vec<u8>,
    /// The committed ID, which outlives blocks and connections.
    pub(crate) last_event_id: String,
    /// Whether a buffer may be larger than it may stay.
    pub(crate) outgrown: bool,
    /// The number of bytes that the buffers may hold together.
    limit: usize,
    /// The size that a block may have: the limit without the excess of a very long last event ID.
    pub(crate) budget: usize,
}

/// The place where a line of data starts.
#[derive(Clone, Copy, Debug)]
enum LineStart {
    Raw(usize),
    Data(usize),
}

impl Default for LineStart {
    fn default() -> Self {
        Self::Raw(0)
    }
}

/// The texts of the [`Buffers`], borrowed.
pub(crate) struct Texts<'a> {
    pub(crate) data: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) id: &'a str,
    pub(crate) last_event_id: &'a str,
}

/// The error for a text that would exceed the limit of its block.
pub(crate) struct TooLarge;

impl Buffers {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            budget: limit,
            ..Self::default()
        }
    }

    /// Starts the block's data.
    #[inline(always)]
    pub(crate) fn start_data(&mut self) {
        self.data.clear();
        self.raw.clear();
        self.line_start = LineStart::Raw(0);
        self.is_cut_off = false;
    }

    /// Starts a further line of data, which may come in pieces.
    #[inline(always)]
    pub(crate) fn start_data_line(&mut self) {
        self.push_data(b"\n");
        self.line_start = LineStart::Raw(self.raw.len());
    }

    #[inline(always)]
    pub(crate) fn push_data(&mut self, bytes: &[u8]) {
        if self.raw.capacity() - self.raw.len() < bytes.len() {
            self.push_data_in_parts(bytes);
        } else {
            self.raw.extend_from_slice(bytes);
        }
    }

    /// Returns the size of the data, decoded, at the end of a line. It is over every limit if the
    /// data was cut off.
    pub(crate) fn settle_data(&mut self) -> usize {
        self.move_raw(true);
        if self.is_cut_off {
            usize::MAX
        } else {
            self.data.len()
        }
    }

    /// Returns the size that the data, decoded, had before its last line was started.
    pub(crate) fn settle_data_before_line(&mut self) -> usize {
        let start = match self.line_start {
            LineStart::Data(start) => start,
            LineStart::Raw(at) => {
                let raw = mem::take(&mut self.raw);
                let (before, line) = raw.split_at(at.min(raw.len()));
                self.push_text_of(before);
                let (at, len) = (before.len(), line.len());
                self.raw = raw;
                self.raw.copy_within(at.., 0);
                self.raw.truncate(len);
                self.line_start = LineStart::Data(self.data.len());
                self.data.len()
            }
        };
        // Without the LF that joins the lines.
        start.saturating_sub(1)
    }

    /// Lends the texts. The data has to be checked for UTF-8, so it is lent only if it is wanted.
    #[inline(always)]
    pub(crate) fn lend(&mut self, with_data: bool) -> Texts<'_> {
        if with_data && !self.data.is_empty() {
            self.move_raw(true);
        }
        let data = if !with_data {
            ""
        } else if !self.data.is_empty() {
            self.data.as_str()
        } else {
            match text::validate(&self.raw) {
                Some(text) => text,
                None => decode_lossy(&self.raw, &mut self.lossy),
            }
        };
        Texts {
            data,
            event_type: &self.event_type,
            id: &self.id,
            last_event_id: &self.last_event_id,
        }
    }

    #[inline(always)]
    pub(crate) fn push_value(&mut self, bytes: &[u8]) {
        if self.value.capacity() - self.value.len() < bytes.len() {
            self.grow_value(bytes.len());
        }
        self.value.extend_from_slice(bytes);
    }

    /// Replaces invalid UTF-8 in the finished value, and returns the number of bytes that this
    /// added.
    pub(crate) fn make_value_valid(&mut self, max_growth: usize) -> Result<usize, TooLarge> {
        if text::validate(&self.value).is_some() {
            return Ok(0);
        }
        let growth = text::growth(&self.value);
        if growth > max_growth {
            return Err(TooLarge);
        }
        self.make_room_for_value(self.value.len() + growth);
        text::make_valid(&mut self.value, growth);
        self.outgrown |= self.value.capacity() > SMALL;
        Ok(growth)
    }

    /// Makes the finished value the block's type, and returns the number of bytes that U+FFFD
    /// added.
    pub(crate) fn value_to_event_type(&mut self, max_growth: usize) -> Result<usize, TooLarge> {
        free(&mut self.event_type);
        let growth = self.make_value_valid(max_growth)?;
        move_text(&mut self.value, &mut self.event_type);
        self.outgrown |= self.event_type.capacity() > SMALL;
        Ok(growth)
    }

    /// Makes the finished value the block's ID, and returns the number of bytes that U+FFFD added.
    pub(crate) fn value_to_id(&mut self, max_growth: usize) -> Result<usize, TooLarge> {
        free(&mut self.id);
        let growth = self.make_value_valid(max_growth)?;
        move_text(&mut self.value, &mut self.id);
        self.outgrown |= self.id.capacity() > SMALL;
        Ok(growth)
    }

    /// Makes the block's ID the last event ID.
    pub(crate) fn id_to_last_event_id(&mut self) {
        mem::swap(&mut self.id, &mut self.last_event_id);
        self.outgrown |= self.id.capacity() > SMALL;
        if self.last_event_id.capacity() > SMALL {
            self.last_event_id.shrink_to_fit();
        }
    }

    /// Makes `id` the last event ID.
    #[inline(always)]
    pub(crate) fn commit_id(&mut self, id: &str) {
        if id.len() > SMALL {
            self.data.shrink_to(LARGE);
        }
        set_text(&mut self.last_event_id, id);
    }

    /// Makes `text` the block's type, since its chunk ends.
    pub(crate) fn keep_event_type(&mut self, text: &str) {
        if text.len() > SMALL {
            self.data.shrink_to(LARGE);
        }
        set_text(&mut self.event_type, text);
        self.outgrown |= self.event_type.capacity() > SMALL;
    }

    /// Makes `text` the block's ID, since its chunk ends.
    pub(crate) fn keep_id(&mut self, text: &str) {
        if text.len() > SMALL {
            self.data.shrink_to(LARGE);
        }
        set_text(&mut self.id, text);
        self.outgrown |= self.id.capacity() > SMALL;
    }

    /// Clears the buffers of the block and shrinks those that are large, the data buffer unless
    /// `keep_data` is set.
    pub(crate) fn release(&mut self, keep_data: bool) {
        self.start_data();
        if !keep_data && self.data.capacity() > LARGE {
            // Freed at its full size, not shrunk, so that an allocator can learn to keep memory of
            // that size: otherwise glibc's maps fresh pages each time.
            self.data = String::new();
            self.data.reserve_exact(LARGE);
        }
        for text in [&mut self.event_type, &mut self.id] {
            text.clear();
            text.shrink_to(SMALL);
        }
        self.release_value();
        self.outgrown = self.data.capacity() > LARGE;
    }

    /// Clears and shrinks the buffer of unfinished values and comments.
    pub(crate) fn release_value(&mut self) {
        self.value.clear();
        self.value.shrink_to(SMALL);
    }

    /// Frees the memory of a type and of an ID that are no longer of use.
    pub(crate) fn free_unused(&mut self, event_type: bool, id: bool) {
        if event_type {
            free(&mut self.event_type);
        }
        if id {
            free(&mut self.id);
        }
    }

    /// Returns whether the data is longer than its buffer may stay.
    pub(crate) fn data_is_large(&self) -> bool {
        self.data.len() > LARGE
    }

    /// Appends data for which `raw` has no room, or which is long enough to be checked by itself
    /// while it is in the cache.
    #[inline(never)]
    fn push_data_in_parts(&mut self, bytes: &[u8]) {
        let needed = self.raw.len() + bytes.len();
        if needed <= RAW {
            self.raw
                .reserve_exact((2 * needed).clamp(SHORTEST, RAW) - self.raw.len());
            self.raw.extend_from_slice(bytes);
            return;
        }
        // The bytes that may complete a character that the last piece cut.
        let joint = bytes
            .iter()
            .take(3)
            .take_while(|byte| is_continuation(**byte))
            .count();
        let (joint, rest) = bytes.split_at(joint);
        self.raw.reserve_exact(joint.len());
        self.raw.extend_from_slice(joint);
        self.move_raw(!rest.is_empty());
        if rest.len() <= RAW / 4 {
            self.raw.extend_from_slice(rest);
            return;
        }
        let (whole, cut) = rest.split_at(rest.len() - text::cut_len(rest));
        self.push_text_of(whole);
        self.raw.extend_from_slice(cut);
    }

    /// Moves the raw bytes to the data: all of them, or all but a character that they cut.
    fn move_raw(&mut self, all: bool) {
        let raw = mem::take(&mut self.raw);
        let cut = if all { 0 } else { text::cut_len(&raw) };
        let (whole, cut) = raw.split_at(raw.len() - cut);
        let mut rest = whole;
        if let LineStart::Raw(at) = self.line_start {
            let (before, line) = whole.split_at(at.min(whole.len()));
            if !before.is_empty() {
                self.push_text_of(before);
            }
            self.line_start = LineStart::Data(self.data.len());
            rest = line;
        }
        self.push_text_of(rest);
        let (whole, cut) = (whole.len(), cut.len());
        self.raw = raw;
        self.raw.copy_within(whole.., 0);
        self.raw.truncate(cut);
    }

    fn push_text_of(&mut self, bytes: &[u8]) {
        if self.is_cut_off {
            return;
        }
        if let Some(text) = text::validate(bytes) {
            self.push_text(text);
            return;
        }
        for chunk in bytes.utf8_chunks() {
            self.push_text(chunk.valid());
            if !chunk.invalid().is_empty() {
                self.push_text(REPLACEMENT);
            }
            if self.is_cut_off {
                return;
            }
        }
    }

    /// Appends text, unless the block is then too large, which the end of the line will report.
    #[inline(always)]
    fn push_text(&mut self, text: &str) {
        let others = beyond_small(self.event_type.len()) + beyond_small(self.id.len());
        if self.data.len() + text.len() + others > self.budget {
            self.is_cut_off = true;
            return;
        }
        self.make_room_for_data(text.len());
        self.data.push_str(text);
    }

    fn make_room_for_data(&mut self, additional: usize) {
        if self.data.capacity() - self.data.len() >= additional {
            return;
        }
        let needed = self.data.len() + additional;
        let texts = self.large_texts();
        if needed + texts + self.value.capacity() > self.limit {
            self.value.shrink_to(SMALL);
        }
        let others = texts + beyond_small(self.value.capacity());
        let target = grown(
            self.data.capacity(),
            needed,
            self.limit.saturating_sub(others),
        );
        self.data.reserve_exact(target - self.data.len());
        self.outgrown |= self.data.capacity() > LARGE;
    }

    #[inline(never)]
    fn grow_value(&mut self, additional: usize) {
        let needed = self.value.len() + additional;
        let most = self.make_room_for_value(needed);
        let target = grown(self.value.capacity(), needed, most);
        self.value.reserve_exact(target - self.value.len());
        self.outgrown |= self.value.capacity() > SMALL;
    }

    /// Frees what the data does not use where a value of `needed` bytes has no room within the
    /// limit, and returns the most that the value may take.
    fn make_room_for_value(&mut self, needed: usize) -> usize {
        let texts = self.large_texts();
        if needed + texts + self.data.capacity() > self.limit {
            // By no more than is missing, since the data may continue to grow.
            self.data
                .shrink_to(self.limit.saturating_sub(needed + texts).max(SHORTEST));
        }
        self.limit
            .saturating_sub(texts)
            .saturating_sub(self.data.capacity())
    }

    /// Returns what type and IDs take beyond what their buffers keep for good.
    fn large_texts(&self) -> usize {
        beyond_small(self.event_type.capacity())
            + beyond_small(self.id.capacity())
            + beyond_small(self.last_event_id.capacity())
    }
}

/// Returns the next capacity: twice the last, but not past `most` if that is enough.
fn grown(capacity: usize, needed: usize, most: usize) -> usize {
    capacity
        .saturating_mul(2)
        .max(SHORTEST)
        .min(most)
        .max(needed)
}

/// Returns the part of a length that exceeds the capacity which a small buffer keeps.
fn beyond_small(len: usize) -> usize {
    len.saturating_sub(SMALL)
}

fn is_continuation(byte: u8) -> bool {
    (0x80..0xC0).contains(&byte)
}

/// Frees a text that is no longer of use, if its buffer is large.
fn free(text: &mut String) {
    if text.capacity() > SMALL {
        *text = String::new();
    }
}

/// Replaces a text. Its buffer gets no spare capacity, and a large buffer is not kept for it.
#[inline(always)]
fn set_text(text: &mut String, new: &str) {
    text.clear();
    if text.capacity() < new.len() || text.capacity() > SMALL {
        resize(text, new.len());
    }
    text.push_str(new);
}

#[inline(never)]
fn resize(text: &mut String, len: usize) {
    text.shrink_to(len);
    text.reserve_exact(len.max(SHORTEST));
}

/// Moves a value, which is UTF-8, to its place as text. A short value is copied, so that both
/// buffers stay warm.
fn move_text(value: &mut Vec<u8>, text: &mut String) {
    if value.len() > SMALL {
        *text = String::from_utf8(mem::take(value)).unwrap_or_default();
        text.shrink_to_fit();
    } else {
        set_text(text, text::validate(value).unwrap_or_default());
    }
}

/// Decodes `bytes` into `out`, with U+FFFD for invalid UTF-8.
#[inline(never)]
fn decode_lossy<'a>(bytes: &[u8], out: &'a mut String) -> &'a str {
    out.clear();
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            out.push_str(REPLACEMENT);
        }
    }
    out
}

/// "U+FFFD REPLACEMENT CHARACTER".
const REPLACEMENT: &str = "\u{FFFD}";
/// The capacity that the data buffer keeps, in bytes: events up to this size are gathered without
/// an allocation, however they are cut.
const LARGE: usize = 32 << 10;
/// The largest number of data bytes that wait for their check. Not a page: the addresses that a
/// copy reads and writes would then have the same offset in their pages, for which processors may
/// stall.
const RAW: usize = (4 << 10) - 64;
/// The capacity that each of the other buffers keeps, in bytes.
const SMALL: usize = 4 << 10;
/// The first allocation of a buffer, in bytes.
const SHORTEST: usize = 64;
