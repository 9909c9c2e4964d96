//! The short way over a chunk's edge, for a block of the usual form that is cut there. What it does
//! not take, `resume` does.

use core::mem;

use crate::decode::Decoder;
use crate::decode::block::{Partial, Pending, id_in_effect};
use crate::decode::limit::FREE_ID_LEN;
use crate::decode::lines::{Lines, has_line_end};
use crate::decode::text;
use crate::error::DecodeError;
use crate::event::EventRef;
use crate::field::{self, COMMENT_PREFIX, DATA_PREFIX, EVENT_PREFIX, ID_PREFIX, Name};
use crate::frame::FrameRef;

/// The way in which a chunk continues the one before.
pub(crate) enum Cut {
    /// All of it belongs to the same block, which goes on.
    Middle,
    /// It ended an event, which was taken.
    Event(Pending),
    /// It ended a block that is not an event, which was taken.
    Nothing,
    /// In another way, from here on.
    Other,
}

impl Decoder {
    /// Takes pieces from the middle of a line of data, of which most of a long event consists, and
    /// returns the rest of the chunk: the part in which that line ends.
    #[inline(never)]
    pub(crate) fn take_middle<'i>(&mut self, chunk: &'i [u8]) -> &'i [u8] {
        // With room for the whole chunk, no piece has to be compared with the limit.
        if self.pending.size.saturating_add(chunk.len()) > self.sure_budget() {
            return chunk;
        }
        let mut rest = chunk;
        loop {
            let (piece, after) = rest.split_at_checked(PIECE).unwrap_or((rest, &[]));
            if has_line_end(piece) {
                return rest;
            }
            self.pending.size += piece.len();
            self.buffers.push_data(piece);
            if after.is_empty() {
                return after;
            }
            rest = after;
        }
    }

    /// Returns whether the last chunk ended within a line of data.
    #[inline(always)]
    pub(crate) fn is_in_data(&self) -> bool {
        matches!(self.partial, Partial::Data)
    }

    /// Continues the block that the last chunk cut off, as far as it has the usual form.
    #[inline(always)]
    pub(crate) fn resume_cut(&mut self, lines: &mut Lines<'_>) -> Result<Cut, DecodeError> {
        // With room for the whole chunk, no line has to be compared with the limit.
        let size = self.pending.size.saturating_add(lines.rest.len());
        if size > self.soft_budget || !self.is_at_rest() {
            return Ok(Cut::Other);
        }
        match self.partial {
            Partial::Data => {}
            // No other name starts like this.
            Partial::Open([b'd', ..], len) => {
                let missing = DATA_PREFIX.get(len..).unwrap_or_default();
                if !lines.skip_start(missing) {
                    return Ok(Cut::Other);
                }
                self.pending.size += missing.len();
                self.partial = self.start_value(Name::Data);
            }
            partial @ Partial::Value(name @ (Name::Event | Name::Id)) => {
                let Some(rest) = lines.whole_line() else {
                    return Ok(Cut::Other);
                };
                self.pending.size += rest.len();
                self.buffers.push_value(rest);
                self.partial = Partial::None;
                let value = mem::take(&mut self.buffers.value);
                let is_kept = self.keep_value(name, &value);
                self.buffers.value = value;
                if !is_kept {
                    self.end_value(partial)?;
                }
            }
            Partial::Ignored if !self.discarding => {
                if lines.whole_line().is_none() {
                    return Ok(Cut::Other);
                }
                self.pending.size = self.pending.before;
                self.partial = Partial::None;
            }
            Partial::None if self.pending.size > 0 && !self.after_cr => {}
            _ => return Ok(Cut::Other),
        }
        Ok(self.read_on(lines))
    }

    /// Keeps the start of a line of data or of a comment if the chunk consists of nothing else and
    /// no block is open. Returns whether the chunk is used up.
    #[inline(always)]
    pub(crate) fn suspend_start(&mut self, lines: &mut Lines<'_>) -> bool {
        if lines.find_line() || lines.rest.len() > self.soft_budget {
            return false;
        }
        let start = lines.rest;
        if start.is_empty() {
            return true;
        }
        if let Some(value) = start.strip_prefix(DATA_PREFIX) {
            self.buffers.start_data();
            self.buffers.push_data(value);
            self.pending.data = true;
            self.partial = Partial::Data;
        } else if start.first() == COMMENT_PREFIX.first() && !self.config.comments {
            self.partial = Partial::Ignored;
        } else {
            return false;
        }
        self.pending.size = start.len();
        self.pending.before = 0;
        self.carried = true;
        lines.take_rest();
        true
    }

    /// Reads on within a line of data, or at the start of a line, in a block whose texts are all in
    /// the buffers.
    #[inline(always)]
    fn read_on(&mut self, lines: &mut Lines<'_>) -> Cut {
        loop {
            if !self.is_in_data() {
                if lines.take_blank_line() {
                    return self.end_cut_block();
                }
                if lines.skip_start(DATA_PREFIX) {
                    self.pending.before = self.pending.size;
                    self.pending.size += DATA_PREFIX.len();
                    self.partial = self.start_value(Name::Data);
                } else {
                    match lines.peek_whole_line() {
                        Some((line, taken)) if self.keep_field(line) => {
                            self.pending.size += line.len();
                            *lines = taken;
                            continue;
                        }
                        _ => return Cut::Other,
                    }
                }
            }
            if !lines.find_line() {
                self.pending.size += lines.rest.len();
                self.buffers.push_data(lines.take_rest());
                return Cut::Middle;
            }
            let Some(line) = lines.whole_line() else {
                return Cut::Other;
            };
            self.pending.size += line.len();
            self.buffers.push_data(line);
            self.partial = Partial::None;
        }
    }

    /// Keeps the type or the ID that a line gives, and returns whether it has the usual form.
    #[inline(always)]
    fn keep_field(&mut self, line: &[u8]) -> bool {
        if let Some(value) = line.strip_prefix(EVENT_PREFIX) {
            self.keep_value(Name::Event, value)
        } else if let Some(value) = line.strip_prefix(ID_PREFIX) {
            self.keep_value(Name::Id, value)
        } else {
            false
        }
    }

    /// Keeps a type or an ID, and returns whether it has the usual form.
    #[inline(always)]
    fn keep_value(&mut self, name: Name, value: &[u8]) -> bool {
        if value.len() > FREE_ID_LEN {
            return false;
        }
        match (name, text::validate(value)) {
            (Name::Event, Some(text)) if field::is_default_type(text.as_bytes()) => {
                self.pending.event_type = false;
            }
            (Name::Event, Some(text)) => {
                self.buffers.keep_event_type(text);
                self.pending.event_type = true;
            }
            (Name::Id, Some(text)) if field::is_valid_id(text.as_bytes()) => {
                self.buffers.keep_id(text);
                self.pending.id = true;
            }
            _ => return false,
        }
        true
    }

    /// Ends a block after its blank line.
    #[inline(always)]
    fn end_cut_block(&mut self) -> Cut {
        self.partial = Partial::None;
        self.carried = false;
        let pending = mem::take(&mut self.pending);
        if self.end_block(&pending.to_block()) {
            Cut::Event(pending)
        } else {
            Cut::Nothing
        }
    }
}

/// Lends the event of a block that was cut, after its ID has been committed.
#[inline(always)]
pub(crate) fn lend_cut(decoder: &mut Decoder, pending: Pending) -> FrameRef<'_> {
    let texts = decoder.buffers.lend(true);
    let event_type = if pending.event_type {
        texts.event_type
    } else {
        ""
    };
    let id = id_in_effect(pending.id, texts.last_event_id);
    FrameRef::Event(EventRef::from_decoded(event_type, texts.data, id))
}

/// The bytes of a long line that are taken at a time: few enough to be in the nearest cache when
/// they are copied.
const PIECE: usize = 8 << 10;
