//! Fields to frames: the current block.
//!
//! As long as a block is in one chunk its texts are borrowed. Text that must outlive its chunk, or
//! that is joined from several lines, is copied to the [`Buffers`].

use crate::decode::Decoder;
use crate::decode::buffers::{Buffers, TooLarge};
use crate::decode::limit::FREE_ID_LEN;
use crate::error::DecodeError;
use crate::field::{self, Digits, LONGEST_OPEN, Name};

/// The place of a text of the current block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Text<T> {
    /// Nowhere: no field gave it.
    #[default]
    Absent,
    /// In the chunk.
    Chunk(T),
    /// In the buffer of its name.
    Kept,
}

impl<T> Text<T> {
    #[inline(always)]
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    #[inline(always)]
    fn kept_if(kept: bool) -> Self {
        if kept { Self::Kept } else { Self::Absent }
    }
}

impl<'i> Text<&'i str> {
    /// Looks up the text. The buffer of its name is `kept`.
    #[inline(always)]
    pub(crate) fn resolve<'a>(self, kept: &'a str) -> &'a str
    where
        'i: 'a,
    {
        match self {
            Self::Absent => "",
            Self::Chunk(text) => text,
            Self::Kept => kept,
        }
    }
}

/// A value that is in the chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'i> {
    pub(crate) bytes: &'i [u8],
    /// The number of bytes of the chunk after it.
    pub(crate) left: usize,
}

/// The values of the lines since the last blank one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Block<'i> {
    /// Checked for UTF-8 only when it is dispatched.
    pub(crate) data: Text<Value<'i>>,
    pub(crate) event_type: Text<&'i str>,
    pub(crate) id: Text<&'i str>,
    /// No less than the bytes from which the texts came, and not zero if there are any: those of
    /// the lines since it was last counted, without their ends. Once it exceeds the soft budget it
    /// is counted again, exactly, at the next line.
    pub(crate) size: usize,
}

impl Block<'_> {
    /// Returns whether the block has no text.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_absent() && self.event_type.is_absent() && self.id.is_absent()
    }

    /// Opens a line of data in the buffer: "Append the field value to the data buffer, then append
    /// a single U+000A LINE FEED (LF) character". The last one is dropped at dispatch, so here it
    /// is appended before the next line instead.
    #[inline(always)]
    pub(crate) fn open_data_line(&mut self, buffers: &mut Buffers) {
        match self.data {
            Text::Absent => buffers.start_data(),
            Text::Kept => buffers.push_data(b"\n"),
            Text::Chunk(value) => {
                buffers.start_data();
                buffers.push_data(value.bytes);
                buffers.push_data(b"\n");
            }
        }
        self.data = Text::Kept;
    }

    /// Copies the texts that are still in the chunk.
    #[inline(always)]
    pub(crate) fn keep(self, buffers: &mut Buffers) -> Pending {
        if let Text::Chunk(value) = self.data {
            buffers.start_data();
            buffers.push_data(value.bytes);
        }
        if let Text::Chunk(text) = self.event_type {
            buffers.keep_event_type(text);
        }
        if let Text::Chunk(text) = self.id {
            buffers.keep_id(text);
        }
        Pending {
            data: !self.data.is_absent(),
            event_type: !self.event_type.is_absent(),
            id: !self.id.is_absent(),
            size: self.size,
            before: 0,
        }
    }
}

/// A block whose texts are all in the buffers, and which of them it has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pending {
    pub(crate) data: bool,
    pub(crate) event_type: bool,
    pub(crate) id: bool,
    /// The size of the block, with the bytes of a line that has not ended.
    pub(crate) size: usize,
    /// The size of the block before that line.
    pub(crate) before: usize,
}

impl Pending {
    #[inline(always)]
    pub(crate) fn to_block(self) -> Block<'static> {
        Block {
            data: Text::kept_if(self.data),
            event_type: Text::kept_if(self.event_type),
            id: Text::kept_if(self.id),
            size: self.size,
        }
    }
}

/// The start of a line that its chunk cut off.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Partial {
    /// Nothing: the next byte starts a line.
    #[default]
    None,
    /// Too little to tell the field. There is room for one more byte than can be left open.
    Open([u8; LONGEST_OPEN + 1], usize),
    /// A line of data, whose value is in the data buffer.
    Data,
    /// A type, an ID or a comment, whose value is in the value buffer.
    Value(Name),
    /// The value of a `retry` field.
    Retry(Digits),
    /// A line that is ignored.
    Ignored,
}

/// Returns the ID with which an event is dispatched: the last event ID. An empty one counts only if
/// the event's block `set` it.
#[inline(always)]
pub(crate) fn id_in_effect(set: bool, last_event_id: &str) -> Option<&str> {
    if set || !last_event_id.is_empty() {
        Some(last_event_id)
    } else {
        None
    }
}

impl Decoder {
    /// Ends a block at its blank line, and returns whether it is an event.
    ///
    /// "Set the last event ID string of the event source to the value of the last event ID
    /// buffer", with or without data; "If the data buffer is an empty string, set the data buffer
    /// and the event type buffer to the empty string and return".
    #[inline(always)]
    pub(crate) fn end_block(&mut self, block: &Block<'_>) -> bool {
        if !block.id.is_absent() {
            match block.id {
                Text::Chunk(id) => self.buffers.commit_id(id),
                _ => self.buffers.id_to_last_event_id(),
            }
            let is_charged = self.buffers.budget != self.config.max_event_bytes;
            if is_charged || self.buffers.last_event_id.len() > FREE_ID_LEN {
                self.charge_id();
            }
        }
        if self.buffers.outgrown {
            self.carried = true;
            self.was_large = matches!(block.data, Text::Kept) && self.buffers.data_is_large();
            if block.data.is_absent() {
                // Nothing is lent, and the next block may start before `settle` is called.
                self.buffers.release(false);
            }
        }
        !block.data.is_absent()
    }

    /// Moves a finished value to the place of its field, within the limit. A comment stays where it
    /// is.
    pub(crate) fn take_value(
        &mut self,
        name: Name,
        block: &mut Block<'_>,
    ) -> Result<(), DecodeError> {
        let taken = match name {
            Name::Event => {
                // Of repeated lines the last counts, and only that is held.
                block.event_type = Text::Absent;
                if field::is_default_type(&self.buffers.value) {
                    return Ok(());
                }
                let (held, max_growth) = self.room_for_value(block);
                block.event_type = Text::Kept;
                let growth = self.buffers.value_to_event_type(max_growth);
                growth.map(|growth| block.size = held + growth)
            }
            Name::Id if field::is_valid_id(&self.buffers.value) => {
                block.id = Text::Absent;
                let (held, max_growth) = self.room_for_value(block);
                block.id = Text::Kept;
                let growth = self.buffers.value_to_id(max_growth);
                growth.map(|growth| block.size = held + growth)
            }
            Name::Comment => {
                let (_, max_growth) = self.room_for_value(block);
                self.buffers.make_value_valid(max_growth).map(|_| ())
            }
            _ => {
                self.buffers.release_value();
                return Ok(());
            }
        };
        taken.map_err(|TooLarge| self.discard(false))
    }
}
