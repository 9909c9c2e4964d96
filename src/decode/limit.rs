//! The limit on the size of a block, and the release of the memory that large blocks needed.

use core::mem;

use crate::decode::Decoder;
use crate::decode::block::{Block, Partial, Pending, Text};
use crate::error::DecodeError;

impl Decoder {
    /// Compares a large block with the limit at the end of a line. From now on the bytes that
    /// U+FFFD adds to its data count.
    #[inline(never)]
    pub(crate) fn check_size(&mut self, block: &mut Block<'_>) -> Result<(), DecodeError> {
        if block.size > self.buffers.budget {
            return Err(self.discard(false));
        }
        if let Text::Chunk(value) = block.data {
            self.buffers.start_data();
            self.buffers.push_data(value.bytes);
            block.data = Text::Kept;
        }
        if matches!(block.data, Text::Kept) {
            block.size = block.size.saturating_add(self.buffers.settle_data());
            if block.size > self.buffers.budget {
                return Err(self.discard(false));
            }
        }
        Ok(())
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
