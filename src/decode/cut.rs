//! The short way for what small chunks mostly consist of: blocks in their usual form that a chunk
//! cut off, or will be. Everything else is left to `carry`.

use core::mem;

use crate::decode::Decoder;
use crate::decode::assemble::{Partial, Pending, id_in_effect};
use crate::decode::carry::FREE_ID_LEN;
use crate::decode::field::{self, Name};
use crate::decode::scan::{Scan, has_line_end};
use crate::decode::text;
use crate::error::DecodeError;
use crate::event::EventRef;
use crate::frame::FrameRef;

/// Says how a chunk goes on from the one before.
pub(crate) enum Cut {
    /// With what belongs to the same line, or the same block, to the end.
    Middle,
    /// With the end of an event, which was taken.
    Event(Pending),
    /// With the end of a block that is no event, which was taken.
    Nothing,
    /// Otherwise, from here on.
    Other,
}

impl Decoder {
    /// Takes what lies in the middle of a line of data, which is most of a long event, and returns
    /// what is left of the chunk: it may still start in the middle, but not all of it lies there.
    #[inline(never)]
    pub(crate) fn take_middle<'i>(&mut self, chunk: &'i [u8]) -> &'i [u8] {
        // With room for all of it, none of its pieces has to be asked.
        if self.pending.size.saturating_add(chunk.len()) > self.kept.budget {
            return chunk;
        }
        let mut rest = chunk;
        loop {
            let (piece, after) = rest.split_at_checked(PIECE).unwrap_or((rest, &[]));
            if has_line_end(piece) {
                return rest;
            }
            self.pending.size += piece.len();
            self.kept.push_data(piece);
            if after.is_empty() {
                return after;
            }
            rest = after;
        }
    }

    /// Returns whether the last chunk stopped in a line of data.
    #[inline(always)]
    pub(crate) fn is_in_data(&self) -> bool {
        matches!(self.partial, Partial::Data)
    }

    /// Reads on in the block that the last chunk cut off, as long as it has the form that most have.
    /// It finds nothing that the general way would not find, but faster.
    #[inline(always)]
    pub(crate) fn resume_simply(&mut self, scan: &mut Scan<'_>) -> Result<Cut, DecodeError> {
        // With room for all of the chunk, none of its lines has to be asked.
        let size = self.pending.size.saturating_add(scan.rest.len());
        if size > self.soft_budget || !self.is_at_rest() {
            return Ok(Cut::Other);
        }
        match self.partial {
            Partial::Data => {}
            // No other name starts like this.
            Partial::Open([b'd', ..], len) => {
                let missing = DATA.get(len..).unwrap_or_default();
                if !scan.skip_start(missing) {
                    return Ok(Cut::Other);
                }
                self.pending.size += missing.len();
                self.partial = self.start_value(Name::Data);
            }
            partial @ Partial::Value(name @ (Name::Event | Name::Id)) => {
                let Some(rest) = scan.whole_line() else {
                    return Ok(Cut::Other);
                };
                self.pending.size += rest.len();
                self.kept.push_value(rest);
                self.partial = Partial::None;
                let value = mem::take(&mut self.kept.value);
                let is_kept = self.keep_value(name, &value);
                self.kept.value = value;
                if !is_kept {
                    self.end_value(partial)?;
                }
            }
            Partial::Ignored if !self.discarding => {
                let Some(rest) = scan.whole_line() else {
                    return Ok(Cut::Other);
                };
                self.pending.size += rest.len();
                self.partial = Partial::None;
            }
            Partial::None if self.pending.size > 0 && !self.after_cr => {}
            _ => return Ok(Cut::Other),
        }
        Ok(self.read_on(scan))
    }

    /// Holds the start of a line of data or of a comment, if that is all that is left of the chunk
    /// and nothing else is open; if nothing is left it does nothing.
    #[inline(always)]
    pub(crate) fn suspend_simply(&mut self, scan: &mut Scan<'_>) -> bool {
        if scan.find_line() || scan.rest.len() > self.soft_budget {
            return false;
        }
        let start = scan.rest;
        if start.is_empty() {
            return true;
        }
        if let Some(value) = field::data(start) {
            self.kept.start_data();
            self.kept.push_data(value);
            self.pending.data = true;
            self.partial = Partial::Data;
        } else if start.first() == Some(&b':') && !self.config.comments {
            self.partial = Partial::Ignored;
        } else {
            return false;
        }
        self.pending.size = start.len();
        self.carried = true;
        scan.take_rest();
        true
    }

    /// Reads on in a line of data, or at the start of a line, in a block whose texts are all held.
    #[inline(always)]
    fn read_on(&mut self, scan: &mut Scan<'_>) -> Cut {
        loop {
            if !self.is_in_data() {
                if scan.take_blank_line() {
                    return self.end_simply();
                }
                if scan.skip_start(DATA) {
                    self.pending.size += DATA.len();
                    self.partial = self.start_value(Name::Data);
                } else {
                    match scan.peek_whole_line() {
                        Some((line, taken)) if self.keep_field(line) => {
                            self.pending.size += line.len();
                            *scan = taken;
                            continue;
                        }
                        _ => return Cut::Other,
                    }
                }
            }
            if !scan.find_line() {
                self.pending.size += scan.rest.len();
                self.kept.push_data(scan.take_rest());
                return Cut::Middle;
            }
            let Some(line) = scan.whole_line() else {
                return Cut::Other;
            };
            self.pending.size += line.len();
            self.kept.push_data(line);
            self.partial = Partial::None;
        }
    }

    /// Holds the type or the ID of a line in its usual form, or tells that it is not.
    #[inline(always)]
    fn keep_field(&mut self, line: &[u8]) -> bool {
        if let Some(value) = line.strip_prefix(b"event: ") {
            self.keep_value(Name::Event, value)
        } else if let Some(value) = line.strip_prefix(b"id: ") {
            self.keep_value(Name::Id, value)
        } else {
            false
        }
    }

    /// Holds a type or an ID, or tells that it is not as usual.
    #[inline(always)]
    fn keep_value(&mut self, name: Name, value: &[u8]) -> bool {
        if value.len() > FREE_ID_LEN {
            return false;
        }
        match (name, text::validate(value)) {
            (Name::Event, Some("" | "message")) => self.pending.event_type = false,
            (Name::Event, Some(text)) => {
                self.kept.keep_event_type(text);
                self.pending.event_type = true;
            }
            (Name::Id, Some(text)) if text.bytes().all(|byte| byte != 0) => {
                self.kept.keep_id(text);
                self.pending.id = true;
            }
            _ => return false,
        }
        true
    }

    /// Ends a block behind its blank line.
    #[inline(always)]
    fn end_simply(&mut self) -> Cut {
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

/// Lends the event of a block that was cut. Its ID has been committed.
#[inline(always)]
pub(crate) fn lend_cut(decoder: &mut Decoder, pending: Pending) -> FrameRef<'_> {
    let texts = decoder.kept.lend(true);
    let event_type = if pending.event_type {
        texts.event_type
    } else {
        ""
    };
    let id = id_in_effect(pending.id, texts.last_event_id);
    FrameRef::Event(EventRef::from_decoded(event_type, texts.data, id))
}

const DATA: &[u8] = b"data: ";
/// How much of a long line is taken at a time, in bytes: who reads it again then finds it in the
/// nearest cache.
const PIECE: usize = 8 << 10;
