//! The general way: line by line, whatever the lines say.

use core::time::Duration;

use crate::decode::Decoder;
use crate::decode::block::{Block, Text, Value, id_in_effect};
use crate::decode::fast::skip_comment_blocks;
use crate::decode::lines::Lines;
use crate::decode::resume::Resumed;
use crate::decode::text::{self, Checked};
use crate::error::DecodeError;
use crate::event::EventRef;
use crate::field::{self, Digits, Name};
use crate::frame::FrameRef;

/// A frame that was found. Its texts are looked up when it is lent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'i> {
    Event {
        data: Text<&'i str>,
        event_type: Text<&'i str>,
        /// Whether the event's own block set the last event ID.
        has_id: bool,
    },
    Comment(Text<&'i str>),
    Retry(Duration),
}

/// Looks up the texts of a frame, after its ID has been committed.
#[inline(always)]
pub(crate) fn lend<'d, 'i: 'd>(decoder: &'d mut Decoder, found: Found<'i>) -> FrameRef<'d> {
    let buffers = &mut decoder.buffers;
    match found {
        Found::Event {
            data,
            event_type,
            has_id,
        } => {
            let texts = buffers.lend(matches!(data, Text::Kept));
            FrameRef::Event(EventRef::from_decoded(
                event_type.resolve(texts.event_type),
                data.resolve(texts.data),
                id_in_effect(has_id, texts.last_event_id),
            ))
        }
        Found::Comment(text) => FrameRef::Comment(match text {
            Text::Chunk(text) => text,
            _ => text::validate(&buffers.value).unwrap_or_default(),
        }),
        Found::Retry(time) => FrameRef::Retry(time),
    }
}

/// Reads lines until they complete a frame or the chunk is used up. UTF-8 is checked `REACH` bytes
/// at a time, or field by field with a reach of 0.
#[inline(always)]
pub(crate) fn step<'i, const REACH: usize>(
    decoder: &mut Decoder,
    lines: &mut Lines<'i>,
    checked: &mut Checked<'i>,
) -> Result<Option<Found<'i>>, DecodeError> {
    let mut block = Block::default();
    if decoder.carried {
        match decoder.resume(lines)? {
            Resumed::Block(pending) => block = pending.to_block(),
            Resumed::Found(found) => return Ok(Some(found)),
            Resumed::Exhausted => return Ok(None),
        }
    }
    loop {
        let Some(line) = lines.next_line() else {
            decoder.suspend(block, lines.take_rest())?;
            return Ok(None);
        };
        if line.open_cr {
            decoder.note_open_cr();
        }
        if line.bytes.is_empty() {
            if decoder.end_block(&block) {
                return Ok(Some(event::<REACH>(decoder, checked, block)));
            }
            block = Block::default();
            if !decoder.config.comments {
                skip_comment_blocks(lines, decoder.soft_budget);
            }
            continue;
        }
        block.size += line.bytes.len();
        if block.size > decoder.soft_budget {
            decoder.check_size(&mut block, line.bytes.len(), false)?;
        }
        if let Some((name, bytes)) = field::parse(line.bytes) {
            let value = Value {
                bytes,
                left: line.left,
            };
            match name {
                Name::Data => {
                    if block.data.is_absent() {
                        block.data = Text::Chunk(value);
                    } else {
                        block.open_data_line(&mut decoder.buffers);
                        decoder.buffers.push_data(bytes);
                    }
                    if block.size > decoder.soft_budget {
                        decoder.check_size(&mut block, 0, false)?;
                    }
                    if lines.take_blank_line() {
                        decoder.end_block(&block);
                        return Ok(Some(event::<REACH>(decoder, checked, block)));
                    }
                }
                Name::Event => match checked.get(bytes, value.left, REACH) {
                    Some(text) if field::is_default_type(text.as_bytes()) => {
                        block.event_type = Text::Absent;
                    }
                    Some(text) => block.event_type = Text::Chunk(text),
                    None => decoder.lossy(name, bytes, &mut block)?,
                },
                Name::Id => match checked.get(bytes, value.left, REACH) {
                    Some(text) if field::is_valid_id(text.as_bytes()) => {
                        block.id = Text::Chunk(text);
                    }
                    Some(_) => {}
                    None => decoder.lossy(name, bytes, &mut block)?,
                },
                // In effect from the end of its line, not from the end of its block.
                Name::Retry => {
                    block.size -= line.bytes.len();
                    if let Digits::Number(milliseconds) = Digits::Empty.push(bytes) {
                        decoder.keep(block);
                        return Ok(Some(Found::Retry(Duration::from_millis(milliseconds))));
                    }
                }
                Name::Comment if decoder.config.comments => {
                    let text = match checked.get(bytes, value.left, REACH) {
                        Some(text) => Text::Chunk(text),
                        None => {
                            decoder.lossy(name, bytes, &mut block)?;
                            Text::Kept
                        }
                    };
                    block.size -= line.bytes.len();
                    decoder.keep(block);
                    return Ok(Some(Found::Comment(text)));
                }
                Name::Comment => block.size -= line.bytes.len(),
            }
        } else {
            block.size -= line.bytes.len();
        }
    }
}

/// Completes the event of a block that has ended and has data.
#[inline(always)]
fn event<'i, const REACH: usize>(
    decoder: &mut Decoder,
    checked: &mut Checked<'i>,
    block: Block<'i>,
) -> Found<'i> {
    let data = match block.data {
        Text::Chunk(value) => data_text::<REACH>(decoder, checked, value),
        Text::Absent | Text::Kept => Text::Kept,
    };
    Found::Event {
        data,
        event_type: block.event_type,
        has_id: !block.id.is_absent(),
    }
}

/// Returns data that is in the chunk as text. If it is not UTF-8, it goes to the buffer and is
/// decoded when it is lent.
#[inline(always)]
fn data_text<'i, const REACH: usize>(
    decoder: &mut Decoder,
    checked: &mut Checked<'i>,
    value: Value<'i>,
) -> Text<&'i str> {
    match checked.get(value.bytes, value.left, REACH) {
        Some(text) => Text::Chunk(text),
        None => decoder.keep_data(value.bytes),
    }
}

impl Decoder {
    #[inline(never)]
    fn keep_data(&mut self, bytes: &[u8]) -> Text<&'static str> {
        self.buffers.start_data();
        self.buffers.push_data(bytes);
        Text::Kept
    }

    /// Takes a value that is not UTF-8.
    #[inline(never)]
    fn lossy(
        &mut self,
        name: Name,
        bytes: &[u8],
        block: &mut Block<'_>,
    ) -> Result<(), DecodeError> {
        self.buffers.value.clear();
        self.buffers.push_value(bytes);
        self.take_value(name, block)
    }
}
