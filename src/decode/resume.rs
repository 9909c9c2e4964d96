//! The way over a chunk's edge: what the end of a chunk leaves open, and how the next one
//! continues.

use core::mem;
use core::time::Duration;

use crate::decode::Decoder;
use crate::decode::block::{Block, Partial, Pending, Text};
use crate::decode::lines::Lines;
use crate::decode::step::Found;
use crate::error::DecodeError;
use crate::field::{self, COMMENT_PREFIX, DATA_PREFIX, Digits, LONGEST_OPEN, Name, Start};

/// The place from which a chunk is read on.
pub(crate) enum Resumed {
    /// The start of a line, with the block so far.
    Block(Pending),
    /// The place after a frame that its first line completed.
    Found(Found<'static>),
    /// Its end: all of it was taken.
    Exhausted,
}

impl Decoder {
    /// Continues where the last chunk, or the last frame, stopped.
    #[inline(never)]
    pub(crate) fn resume(&mut self, lines: &mut Lines<'_>) -> Result<Resumed, DecodeError> {
        // Within a line of data nothing else can be open.
        if matches!(self.partial, Partial::Data) {
            return self.resume_line(Partial::Data, lines);
        }
        if self.buffers.outgrown {
            self.settle(lines.rest.is_empty());
        }
        if lines.rest.is_empty() {
            return Ok(Resumed::Exhausted);
        }
        self.carried = !self.is_at_rest();
        if mem::take(&mut self.after_cr) && lines.rest.first() == Some(&b'\n') {
            lines.skip_byte();
        }
        if self.bom < BOM.len() {
            self.match_bom(lines);
        }
        if self.discarding && !self.skip_block(lines) {
            self.carried = true;
            return Ok(Resumed::Exhausted);
        }
        match self.partial {
            Partial::None => Ok(Resumed::Block(mem::take(&mut self.pending))),
            partial => self.resume_line(partial, lines),
        }
    }

    /// Keeps what the end of the chunk leaves open: the block and the start of a line.
    #[inline(never)]
    pub(crate) fn suspend(
        &mut self,
        mut block: Block<'_>,
        start: &[u8],
    ) -> Result<(), DecodeError> {
        if block.size == 0 && start.is_empty() {
            if self.buffers.outgrown {
                self.settle(true);
            }
            return Ok(());
        }
        self.carried = true;
        block.size += start.len();
        if block.size > self.soft_budget && !start.is_empty() {
            self.check_size(&mut block, start.len(), true)?;
        }
        self.pending = block.keep(&mut self.buffers);
        self.pending.before = block.size - start.len();
        if let Some(value) = start.strip_prefix(DATA_PREFIX) {
            self.partial = self.start_value(Name::Data);
            self.buffers.push_data(value);
        } else if start.first() == COMMENT_PREFIX.first() && !self.config.comments {
            self.partial = Partial::Ignored;
        } else if !start.is_empty() {
            self.partial = match field::parse_start(start) {
                Start::Open => open(start),
                Start::Unknown => Partial::Ignored,
                Start::Known(name, value) => {
                    let mut partial = self.start_value(name);
                    self.push_value(&mut partial, value);
                    partial
                }
            };
        }
        Ok(())
    }

    /// Keeps the block while a frame from the middle of it is lent.
    #[inline(never)]
    pub(crate) fn keep(&mut self, block: Block<'_>) {
        self.carried = true;
        self.pending = block.keep(&mut self.buffers);
    }

    /// Notes that the chunk ends with a CR.
    #[inline(never)]
    pub(crate) fn note_open_cr(&mut self) {
        self.carried = true;
        self.after_cr = true;
    }

    /// Ends the stream, and returns the block that was cut off there if it is an event.
    pub(crate) fn finish_block(&mut self) -> Option<Pending> {
        if self.discarding {
            return None;
        }
        let partial = match self.partial {
            Partial::Open(start, len) => self.close_open(start, len),
            partial => partial,
        };
        self.end_value(partial).ok()?;
        let pending = mem::take(&mut self.pending);
        if pending.data { Some(pending) } else { None }
    }

    /// Reads the rest of a line that the last chunk cut off.
    #[inline(always)]
    fn resume_line(
        &mut self,
        mut partial: Partial,
        lines: &mut Lines<'_>,
    ) -> Result<Resumed, DecodeError> {
        let (piece, ended) = match lines.next_line() {
            Some(line) => {
                self.carried = line.open_cr | !self.is_at_rest();
                self.after_cr = line.open_cr;
                (line.bytes, true)
            }
            None => {
                self.carried = true;
                (lines.take_rest(), false)
            }
        };
        self.pending.size += piece.len();
        if self.pending.size > self.soft_budget {
            self.check_line(!ended)?;
        }
        if matches!(partial, Partial::Data) {
            self.buffers.push_data(piece);
            if !ended {
                return Ok(Resumed::Exhausted);
            }
            if self.pending.size <= self.soft_budget {
                self.partial = Partial::None;
                return Ok(Resumed::Block(mem::take(&mut self.pending)));
            }
        } else {
            let mut value = piece;
            if let Partial::Open(start, len) = partial {
                (partial, value) = self.resume_open(start, len, piece);
                if let (true, Partial::Open(start, len)) = (ended, partial) {
                    partial = self.close_open(start, len);
                }
            }
            self.push_value(&mut partial, value);
            if !ended {
                self.partial = partial;
                return Ok(Resumed::Exhausted);
            }
        }
        self.partial = Partial::None;
        match self.end_value(partial)? {
            None => Ok(Resumed::Block(mem::take(&mut self.pending))),
            Some(found) => {
                self.carried = true;
                Ok(Resumed::Found(found))
            }
        }
    }

    /// Appends bytes to the start of a line until they tell its field, and returns the value so
    /// far.
    fn resume_open<'p>(
        &mut self,
        mut start: [u8; LONGEST_OPEN + 1],
        len: usize,
        piece: &'p [u8],
    ) -> (Partial, &'p [u8]) {
        let mut filled = len;
        for (slot, byte) in start.iter_mut().skip(len).zip(piece) {
            *slot = *byte;
            filled += 1;
        }
        let taken = filled - len;
        match field::parse_start(start.get(..filled).unwrap_or_default()) {
            Start::Open => (Partial::Open(start, filled), &[]),
            Start::Unknown => (Partial::Ignored, &[]),
            // The value starts among the bytes just added.
            Start::Known(name, value) => {
                let rest = piece.get(taken - value.len()..).unwrap_or_default();
                (self.start_value(name), rest)
            }
        }
    }

    /// Starts the value of a line that ended before its field was clear.
    fn close_open(&mut self, start: [u8; LONGEST_OPEN + 1], len: usize) -> Partial {
        match field::parse(start.get(..len).unwrap_or_default()) {
            Some((name, _)) => self.start_value(name),
            None => Partial::Ignored,
        }
    }

    #[inline]
    pub(crate) fn start_value(&mut self, name: Name) -> Partial {
        match name {
            Name::Data => {
                if mem::replace(&mut self.pending.data, true) {
                    self.buffers.start_data_line();
                } else {
                    self.buffers.start_data();
                }
                Partial::Data
            }
            Name::Retry => Partial::Retry(Digits::Empty),
            Name::Comment if !self.config.comments => Partial::Ignored,
            Name::Event | Name::Id | Name::Comment => {
                self.buffers.value.clear();
                Partial::Value(name)
            }
        }
    }

    #[inline]
    fn push_value(&mut self, partial: &mut Partial, piece: &[u8]) {
        match partial {
            Partial::Data => self.buffers.push_data(piece),
            Partial::Value(_) => self.buffers.push_value(piece),
            Partial::Retry(digits) => *digits = digits.push(piece),
            Partial::None | Partial::Open(..) | Partial::Ignored => {}
        }
    }

    /// Ends a line that came in pieces.
    pub(crate) fn end_value(
        &mut self,
        partial: Partial,
    ) -> Result<Option<Found<'static>>, DecodeError> {
        match partial {
            Partial::Data => {
                if self.pending.size > self.soft_budget {
                    let mut block = self.pending.to_block();
                    self.check_size(&mut block, 0, false)?;
                    self.pending.size = block.size;
                }
            }
            Partial::Value(Name::Comment) => {
                let mut block = self.pending.to_block();
                self.take_value(Name::Comment, &mut block)?;
                self.pending.size = self.pending.before;
                return Ok(Some(Found::Comment(Text::Kept)));
            }
            Partial::Value(name) => {
                let mut block = self.pending.to_block();
                self.take_value(name, &mut block)?;
                self.pending = block.keep(&mut self.buffers);
            }
            Partial::Retry(digits) => {
                self.pending.size = self.pending.before;
                if let Digits::Number(milliseconds) = digits {
                    return Ok(Some(Found::Retry(Duration::from_millis(milliseconds))));
                }
            }
            Partial::None | Partial::Open(..) | Partial::Ignored => {
                self.pending.size = self.pending.before;
            }
        }
        Ok(None)
    }

    /// Drops a BOM: "One leading U+FEFF BYTE ORDER MARK character must be ignored if any are
    /// present".
    fn match_bom(&mut self, lines: &mut Lines<'_>) {
        while let (Some(expected), Some(byte)) = (BOM.get(self.bom), lines.rest.first()) {
            if byte != expected {
                if self.bom > 0 {
                    // The bytes are not a BOM, but the start of an unknown field.
                    self.partial = Partial::Ignored;
                    self.pending.size = self.bom;
                }
                self.bom = BOM.len();
                return;
            }
            self.bom += 1;
            lines.skip_byte();
        }
        self.carried |= self.bom < BOM.len();
    }

    /// Skips the rest of a block that was too large, and returns whether its end is in the chunk.
    fn skip_block(&mut self, lines: &mut Lines<'_>) -> bool {
        while let Some(line) = lines.next_line() {
            if line.open_cr {
                self.note_open_cr();
            }
            let in_line = matches!(mem::take(&mut self.partial), Partial::Ignored);
            if line.bytes.is_empty() && !in_line {
                self.discarding = false;
                return true;
            }
        }
        if !lines.take_rest().is_empty() {
            self.partial = Partial::Ignored;
        }
        false
    }
}

fn open(start: &[u8]) -> Partial {
    let mut bytes = [0; LONGEST_OPEN + 1];
    for (slot, byte) in bytes.iter_mut().zip(start) {
        *slot = *byte;
    }
    Partial::Open(bytes, start.len())
}

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];
