//! Fields to frames: the block that is being put together.
//!
//! While a block lies whole in one chunk its texts are borrowed. What must outlive its chunk, or
//! be joined from several lines, is copied to [`Kept`].

use crate::decode::Decoder;
use crate::decode::buffers::{Buffers, TooLarge};
use crate::decode::limit::FREE_ID_LEN;
use crate::error::DecodeError;
use crate::field::{self, Digits, LONGEST_OPEN, Name};

/// Says where a text of the current block stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Text<T> {
    /// No field gave it.
    #[default]
    Absent,
    /// In the chunk.
    Chunk(T),
    /// In the buffer of [`Kept`] that bears its name.
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
    /// Looks the text up; `kept` is the buffer that bears its name.
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

/// Borrows a value of one line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'i> {
    pub(crate) bytes: &'i [u8],
    /// How many bytes of the chunk come behind it.
    pub(crate) left: usize,
}

/// Holds what the lines since the last blank one have said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Block<'i> {
    /// Not looked at as text before it is dispatched.
    pub(crate) data: Text<Value<'i>>,
    pub(crate) event_type: Text<&'i str>,
    pub(crate) id: Text<&'i str>,
    /// Bytes of the block's lines, without their ends, plus what U+FFFD made its texts grow by.
    pub(crate) size: usize,
}

impl Block<'_> {
    /// Opens a line of data in the buffer: "Append the field value to the data buffer, then append
    /// a single U+000A LINE FEED (LF) character"; the last one is dropped at dispatch, so here it
    /// comes before the next line instead.
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

    /// Copies out of the chunk what still stands there.
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
        }
    }
}

/// Says which texts of the current block stand in the buffers of [`Kept`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pending {
    pub(crate) data: bool,
    pub(crate) event_type: bool,
    pub(crate) id: bool,
    pub(crate) size: usize,
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

/// Holds the start of a line that its chunk cut off.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Partial {
    /// Nothing: the next byte starts a line.
    #[default]
    None,
    /// Too little to tell the field; one byte more than can be left open has room.
    Open([u8; LONGEST_OPEN + 1], usize),
    /// A line of data, gathered in its buffer.
    Data,
    /// Another value, gathered in the buffer for such.
    Value(Name),
    /// The value of a `retry` field.
    Retry(Digits),
    /// A line that says nothing to us.
    Ignored,
}

/// Returns the ID that an event is dispatched with: the last event ID, which its block `set` or
/// left as it was; an empty one counts only where the block set it.
#[inline(always)]
pub(crate) fn id_in_effect(set: bool, last_event_id: &str) -> Option<&str> {
    if set || !last_event_id.is_empty() {
        Some(last_event_id)
    } else {
        None
    }
}

impl Decoder {
    /// Ends a block at its blank line, and tells whether it is an event.
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
                // Nothing is lent, so the next block starts before anything else is asked.
                self.buffers.release(false);
            }
        }
        !block.data.is_absent()
    }

    /// Makes the finished value what its field says, within the limit. A comment stays where it is.
    pub(crate) fn take_value(
        &mut self,
        name: Name,
        block: &mut Block<'_>,
    ) -> Result<(), DecodeError> {
        let max_growth = self.buffers.budget.saturating_sub(block.size);
        let growth = match name {
            Name::Event => {
                block.event_type = if field::is_default_type(&self.buffers.value) {
                    Text::Absent
                } else {
                    Text::Kept
                };
                self.buffers.value_to_event_type(max_growth)
            }
            Name::Id if field::is_valid_id(&self.buffers.value) => {
                block.id = Text::Kept;
                self.buffers.value_to_id(max_growth)
            }
            _ => self.buffers.make_value_valid(max_growth),
        };
        match growth {
            Ok(growth) => block.size += growth,
            Err(TooLarge) => return Err(self.discard(false)),
        }
        Ok(())
    }
}
