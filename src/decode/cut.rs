//! The short way for what small chunks mostly consist of: blocks in their usual form that a chunk
//! cut off, or will be. Everything else is left to `carry`.

use core::mem;

use crate::decode::Decoder;
use crate::decode::assemble::{Partial, Pending, id_in_effect};
use crate::decode::carry::FREE_ID_LEN;
use crate::decode::field::{self, Name};
use crate::decode::scan::{Scan, has_line_end};
use crate::event::EventRef;
use crate::frame::FrameRef;

/// Says how a chunk goes on from the one before.
pub(crate) enum Cut {
    /// With the end of an event, which was taken.
    Event(Pending),
    /// With the end of a block that is no event, which was taken.
    Nothing,
    /// Otherwise: what is left must be read line by line.
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

    /// Takes the rest of the block that the last chunk cut off, if it has the form that most have.
    /// It finds nothing that reading line by line would not find, but faster.
    #[inline(always)]
    pub(crate) fn resume_simply(&mut self, scan: &mut Scan<'_>) -> Cut {
        match self.partial {
            Partial::Data => self.resume_data(scan),
            // No other name starts like this.
            Partial::Open([b'd', ..], len) => {
                let missing = DATA.get(len..).unwrap_or_default();
                if !scan.skip_start(missing) {
                    return Cut::Other;
                }
                self.pending.size = self.pending.size.saturating_add(missing.len());
                self.partial = self.start_value(Name::Data);
                self.resume_data(scan)
            }
            Partial::Ignored if !self.discarding => match scan.last_line() {
                Some((line, taken)) if self.has_room_for(line) => {
                    *scan = taken;
                    self.end_simply()
                }
                _ => Cut::Other,
            },
            // Only its blank line is missing, perhaps.
            Partial::None if self.pending.size > 0 && !self.after_cr => {
                if self.has_room_for(&[]) && scan.take_blank_line() {
                    self.end_simply()
                } else {
                    Cut::Other
                }
            }
            _ => Cut::Other,
        }
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

    #[inline(always)]
    fn resume_data(&mut self, scan: &mut Scan<'_>) -> Cut {
        match scan.last_line() {
            Some((line, taken)) if self.has_room_for(line) => {
                *scan = taken;
                self.kept.push_data(line);
                self.end_simply()
            }
            _ => Cut::Other,
        }
    }

    /// Returns whether nothing but the block is carried, and it stays small with another line.
    #[inline(always)]
    fn has_room_for(&self, line: &[u8]) -> bool {
        self.is_at_rest() && self.pending.size.saturating_add(line.len()) <= self.soft_budget
    }

    /// Ends a block behind its blank line.
    #[inline(always)]
    fn end_simply(&mut self) -> Cut {
        self.partial = Partial::None;
        self.carried = false;
        let pending = mem::take(&mut self.pending);
        if pending.id {
            self.kept.id_to_last_event_id();
            self.carried = self.kept.outgrown;
            if self.kept.last_event_id.len() > FREE_ID_LEN {
                self.charge_id();
            }
        }
        if pending.data {
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
