//! The limit on the size of a block, and the release of the memory that large blocks needed.

use core::mem;

use crate::decode::Decoder;
use crate::decode::block::{Block, Partial, Pending, Text};
use crate::error::DecodeError;

impl Decoder {
    /// Counts a large block exactly and compares it with the limit, together with `line` bytes of a
    /// line that has not been taken. `in_line` tells whether that line continues.
    #[inline(never)]
    pub(crate) fn check_size(
        &mut self,
        block: &mut Block<'_>,
        line: usize,
        in_line: bool,
    ) -> Result<(), DecodeError> {
        let held = self.held(block);
        if held.saturating_add(line) > self.buffers.budget {
            return Err(self.discard(in_line));
        }
        block.size = held.max(usize::from(!block.is_empty())) + line;
        Ok(())
    }

    /// The same within a line that came in pieces, of which the last has not been taken.
    #[inline(never)]
    pub(crate) fn check_line(&mut self, in_line: bool) -> Result<(), DecodeError> {
        let line = self.pending.size - self.pending.before;
        let mut block = self.pending.to_block();
        if matches!(self.partial, Partial::Data) {
            block.data = Text::Absent;
        }
        let mut held = self.held(&mut block);
        if matches!(self.partial, Partial::Data) {
            held = held.saturating_add(self.buffers.settle_data_before_line());
        }
        if held.saturating_add(line) > self.buffers.budget {
            return Err(self.discard(in_line));
        }
        let is_empty = block.is_empty() && !self.pending.data;
        self.pending.before = held.max(usize::from(!is_empty));
        self.pending.size = self.pending.before + line;
        Ok(())
    }

    /// Returns the size of the block with the finished value, and the number of bytes that U+FFFD
    /// may add to that value.
    pub(crate) fn room_for_value(&mut self, block: &mut Block<'_>) -> (usize, usize) {
        let value = self.buffers.value.len();
        let size = if block.size > self.soft_budget {
            self.held(block).saturating_add(value).max(1)
        } else {
            block.size
        };
        (size, self.buffers.budget.saturating_sub(size))
    }

    /// Returns the size of what the block holds at the end of a line: its data joined by LF, its
    /// type and its ID, decoded. Whatever else was kept is freed.
    fn held(&mut self, block: &mut Block<'_>) -> usize {
        if let Text::Chunk(value) = block.data {
            self.buffers.start_data();
            self.buffers.push_data(value.bytes);
            block.data = Text::Kept;
        }
        let is_unused = |text: &Text<&str>| !matches!(text, Text::Kept);
        self.buffers
            .free_unused(is_unused(&block.event_type), is_unused(&block.id));
        let data = match block.data {
            Text::Kept => self.buffers.settle_data(),
            _ => 0,
        };
        data.saturating_add(block.event_type.resolve(&self.buffers.event_type).len())
            .saturating_add(block.id.resolve(&self.buffers.id).len())
    }

    /// Discards a block that is too large. `in_line` tells whether its line continues.
    #[inline(never)]
    pub(crate) fn discard(&mut self, in_line: bool) -> DecodeError {
        self.carried = true;
        self.discarding = true;
        self.partial = if in_line {
            Partial::Ignored
        } else {
            Partial::None
        };
        self.pending = Pending::default();
        self.buffers.release(false);
        DecodeError::EventTooLarge
    }

    /// Subtracts a very long last event ID from the limit of later blocks, since both are in memory
    /// at once.
    #[inline(never)]
    pub(crate) fn charge_id(&mut self) {
        let charge = self.buffers.last_event_id.len().saturating_sub(FREE_ID_LEN);
        self.set_budget(self.config.max_event_bytes.saturating_sub(charge));
        self.carried |= charge > 0;
    }

    /// Returns whether the buffers and the budget have their usual sizes.
    #[inline(always)]
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.buffers.outgrown && self.buffers.budget == self.config.max_event_bytes
    }

    /// Releases the memory that large texts needed once no text is in use: that of the data buffer
    /// after two events that did not need it, or when the stream `rests`, perhaps for long; that of
    /// the other buffers at once.
    pub(crate) fn settle(&mut self, rests: bool) {
        if !matches!(self.partial, Partial::None) {
            return;
        }
        self.buffers.release_value();
        if self.pending.size == 0 {
            let keep_data = mem::take(&mut self.was_large) && !rests;
            self.buffers.release(keep_data);
        }
    }

    /// Returns the size up to which a block with an unfinished line is within the budget even if the
    /// size of the block before the line has not been counted.
    #[inline(always)]
    pub(crate) fn sure_budget(&self) -> usize {
        self.buffers.budget - 2 * self.soft_budget
    }

    fn set_budget(&mut self, bytes: usize) {
        self.buffers.budget = bytes;
        self.soft_budget = soft_budget(bytes);
    }
}

/// Returns the size up to which data can triple, and be copied, within `budget`.
pub(crate) const fn soft_budget(budget: usize) -> usize {
    budget / 8
}

/// The part of a last event ID that is not subtracted from the limit of later blocks, in bytes.
pub(crate) const FREE_ID_LEN: usize = 4 << 10;
