//! The one engine, behind `decode` and behind the cursor.

use core::fmt;
use core::time::Duration;

use crate::decode::Decoder;
use crate::decode::assemble::{Block, Found, Text, Value, id_in_effect};
use crate::decode::carry::Resumed;
use crate::decode::cut::{Cut, lend_cut};
use crate::decode::field::{self, Digits, Name};
use crate::decode::scan::Scan;
use crate::decode::simple::{lend_simple, simple_event};
use crate::decode::text::{self, Window};
use crate::error::DecodeError;
use crate::event::EventRef;
use crate::frame::FrameRef;

/// Lends the frames of one chunk, one at a time.
///
/// Made by [`Decoder::frames`]. What it knows of the chunk, it knows from one frame to the next:
/// where the next lines end and how far the bytes are known to be UTF-8.
///
/// # Examples
///
/// ```
/// use ssewire::{Decoder, FrameRef};
///
/// let mut decoder = Decoder::new();
/// let mut input = &b"data: 1\n\ndata: 2\n\ndata: 3"[..];
/// let mut frames = decoder.frames(&mut input);
///
/// let mut count = 0;
/// while let Some(frame) = frames.next_frame()? {
///     assert!(matches!(frame, FrameRef::Event(_)));
///     count += 1;
/// }
/// assert_eq!(count, 2);
/// assert!(input.is_empty());
/// # Ok::<(), ssewire::DecodeError>(())
/// ```
pub struct Frames<'a, 'i> {
    decoder: &'a mut Decoder,
    input: &'a mut &'i [u8],
    scan: Scan<'i>,
    window: Window<'i>,
}

impl<'a, 'i: 'a> Frames<'a, 'i> {
    #[inline]
    pub(crate) fn new(decoder: &'a mut Decoder, input: &'a mut &'i [u8]) -> Self {
        let (scan, window) = (Scan::unread(input), Window::new(input));
        Self {
            decoder,
            input,
            scan,
            window,
        }
    }

    /// Takes the next frame off the chunk.
    ///
    /// `Ok(None)` means that all of it was taken; what belongs to an unfinished event is in the
    /// decoder. A further call gives `Ok(None)` again.
    ///
    /// # Errors
    ///
    /// [`DecodeError::EventTooLarge`] once for each event over the limit; call again to go on
    /// behind it.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<FrameRef<'_>>, DecodeError> {
        if !self.decoder.carried {
            return self.next_of_whole();
        }
        if self.decoder.is_in_data() {
            *self.input = self.decoder.take_middle(self.input);
            if self.input.is_empty() {
                self.scan = Scan::unread(&[]);
                return Ok(None);
            }
        }
        self.next_of_cut()
    }

    #[inline(never)]
    fn next_of_cut(&mut self) -> Result<Option<FrameRef<'_>>, DecodeError> {
        // Little has been read of it yet, if anything.
        let mut scan = Scan::new(self.input);
        let cut = self.decoder.resume_simply(&mut scan);
        self.scan = scan;
        *self.input = scan.rest;
        match cut? {
            Cut::Middle => Ok(None),
            Cut::Event(pending) => Ok(Some(lend_cut(self.decoder, pending))),
            Cut::Nothing if !self.decoder.carried => self.next_of_whole(),
            Cut::Nothing | Cut::Other => self.next_of_any_kind(),
        }
    }

    #[inline(never)]
    fn next_of_whole(&mut self) -> Result<Option<FrameRef<'_>>, DecodeError> {
        // A copy that nothing else borrows stays in registers.
        let mut scan = self.scan;
        let texts = simple_event::<WINDOW>(self.decoder, &mut scan, &mut self.window);
        let is_taken = texts.is_none() && self.decoder.suspend_simply(&mut scan);
        self.scan = scan;
        *self.input = scan.rest;
        match texts {
            Some(texts) => Ok(Some(lend_simple(self.decoder, texts))),
            None if is_taken => Ok(None),
            None => self.next_of_any_kind(),
        }
    }

    #[inline(never)]
    fn next_of_any_kind(&mut self) -> Result<Option<FrameRef<'_>>, DecodeError> {
        let found = step::<WINDOW>(self.decoder, &mut self.scan, &mut self.window);
        *self.input = self.scan.rest;
        match found? {
            Some(found) => Ok(Some(lend(self.decoder, found))),
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Frames<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("decoder", &self.decoder)
            .field("bytes_left", &self.scan.rest.len())
            .finish_non_exhaustive()
    }
}

/// Takes one frame off `input`.
#[inline]
pub(crate) fn pull<'d, 'i: 'd>(
    decoder: &'d mut Decoder,
    input: &mut &'i [u8],
) -> Result<Option<FrameRef<'d>>, DecodeError> {
    if decoder.carried && decoder.is_in_data() {
        *input = decoder.take_middle(input);
        if input.is_empty() {
            return Ok(None);
        }
    }
    let (mut scan, mut window) = (Scan::new(input), Window::new(input));
    if decoder.carried {
        let cut = decoder.resume_simply(&mut scan);
        *input = scan.rest;
        match cut? {
            Cut::Middle => return Ok(None),
            Cut::Event(pending) => return Ok(Some(lend_cut(decoder, pending))),
            Cut::Nothing | Cut::Other => {}
        }
    } else {
        let texts = simple_event::<0>(decoder, &mut scan, &mut window);
        if let Some(texts) = texts {
            *input = scan.rest;
            return Ok(Some(lend_simple(decoder, texts)));
        }
        if decoder.suspend_simply(&mut scan) {
            *input = scan.rest;
            return Ok(None);
        }
    }
    pull_any_kind(decoder, input, scan, window)
}

#[inline(never)]
fn pull_any_kind<'d, 'i: 'd>(
    decoder: &'d mut Decoder,
    input: &mut &'i [u8],
    mut scan: Scan<'i>,
    mut window: Window<'i>,
) -> Result<Option<FrameRef<'d>>, DecodeError> {
    let found = step::<0>(decoder, &mut scan, &mut window);
    *input = scan.rest;
    match found? {
        Some(found) => Ok(Some(lend(decoder, found))),
        None => Ok(None),
    }
}

/// Looks the texts of a frame up. Its ID has been committed.
#[inline(always)]
fn lend<'d, 'i: 'd>(decoder: &'d mut Decoder, found: Found<'i>) -> FrameRef<'d> {
    let kept = &mut decoder.kept;
    match found {
        Found::Event {
            data,
            event_type,
            has_id,
        } => {
            let texts = kept.lend(matches!(data, Text::Kept));
            FrameRef::Event(EventRef::from_decoded(
                event_type.resolve(texts.event_type),
                data.resolve(texts.data),
                id_in_effect(has_id, texts.last_event_id),
            ))
        }
        Found::Comment(text) => FrameRef::Comment(match text {
            Text::Chunk(text) => text,
            _ => text::validate(&kept.value).unwrap_or_default(),
        }),
        Found::Retry(time) => FrameRef::Retry(time),
    }
}

/// Reads lines until they make a frame or the chunk is used up. UTF-8 is checked `REACH` bytes at
/// a time, or field by field.
#[inline(always)]
fn step<'i, const REACH: usize>(
    decoder: &mut Decoder,
    scan: &mut Scan<'i>,
    window: &mut Window<'i>,
) -> Result<Option<Found<'i>>, DecodeError> {
    let mut block = Block::default();
    if decoder.carried {
        match decoder.resume(scan)? {
            Resumed::Block(pending) => block = pending.to_block(),
            Resumed::Found(found) => return Ok(Some(found)),
            Resumed::Exhausted => return Ok(None),
        }
    }
    loop {
        let Some(line) = scan.next_line() else {
            decoder.suspend(block, scan.take_rest())?;
            return Ok(None);
        };
        if line.open_cr {
            decoder.note_open_cr();
        }
        if line.bytes.is_empty() {
            if decoder.end_block(&block) {
                return Ok(Some(event::<REACH>(decoder, window, block)));
            }
            block = Block::default();
            if !decoder.config.comments {
                scan.skip_comment_blocks(decoder.soft_budget);
            }
            continue;
        }
        block.size = block.size.saturating_add(line.bytes.len());
        if block.size > decoder.soft_budget {
            decoder.check_size(&mut block)?;
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
                        block.open_data_line(&mut decoder.kept);
                        decoder.kept.push_data(bytes);
                    }
                    if block.size > decoder.soft_budget {
                        decoder.check_size(&mut block)?;
                    }
                    if scan.take_blank_line() {
                        decoder.end_block(&block);
                        return Ok(Some(event::<REACH>(decoder, window, block)));
                    }
                }
                Name::Event => match window.get(bytes, value.left, REACH) {
                    Some("" | "message") => block.event_type = Text::Absent,
                    Some(text) => block.event_type = Text::Chunk(text),
                    None => decoder.lossy(name, bytes, &mut block)?,
                },
                // "If the field value does not contain U+0000 NULL, then set the last event ID
                // buffer to the field value. Otherwise, ignore the field."
                Name::Id => match window.get(bytes, value.left, REACH) {
                    Some(text) if text.bytes().all(|byte| byte != 0) => {
                        block.id = Text::Chunk(text);
                    }
                    Some(_) => {}
                    None => decoder.lossy(name, bytes, &mut block)?,
                },
                // In effect from the end of its line on, not from the end of its block.
                Name::Retry => {
                    if let Digits::Number(milliseconds) = Digits::Empty.push(bytes) {
                        decoder.keep(block);
                        return Ok(Some(Found::Retry(Duration::from_millis(milliseconds))));
                    }
                }
                Name::Comment if decoder.config.comments => {
                    let text = match window.get(bytes, value.left, REACH) {
                        Some(text) => Text::Chunk(text),
                        None => {
                            decoder.lossy(name, bytes, &mut block)?;
                            Text::Kept
                        }
                    };
                    decoder.keep(block);
                    return Ok(Some(Found::Comment(text)));
                }
                Name::Comment => {}
            }
        }
    }
}

/// Makes the event of a block that has ended and has data.
#[inline(always)]
fn event<'i, const REACH: usize>(
    decoder: &mut Decoder,
    window: &mut Window<'i>,
    block: Block<'i>,
) -> Found<'i> {
    let data = match block.data {
        Text::Chunk(value) => data_text::<REACH>(decoder, window, value),
        Text::Absent | Text::Kept => Text::Kept,
    };
    Found::Event {
        data,
        event_type: block.event_type,
        has_id: !block.id.is_absent(),
    }
}

/// Makes text of data that stands in the chunk; where it is not UTF-8, it goes to the buffer and
/// is decoded when it is lent.
#[inline(always)]
fn data_text<'i, const REACH: usize>(
    decoder: &mut Decoder,
    window: &mut Window<'i>,
    value: Value<'i>,
) -> Text<&'i str> {
    match window.get(value.bytes, value.left, REACH) {
        Some(text) => Text::Chunk(text),
        None => decoder.keep_data(value.bytes),
    }
}

impl Decoder {
    #[inline(never)]
    fn keep_data(&mut self, bytes: &[u8]) -> Text<&'static str> {
        self.kept.start_data();
        self.kept.push_data(bytes);
        Text::Kept
    }

    /// Takes a value in that is not UTF-8.
    #[inline(never)]
    fn lossy(
        &mut self,
        name: Name,
        bytes: &[u8],
        block: &mut Block<'_>,
    ) -> Result<(), DecodeError> {
        self.kept.value.clear();
        self.kept.push_value(bytes);
        self.take_value(name, block)
    }
}

/// How far the cursor checks UTF-8 at a time, in bytes: enough to make it cheap, and little enough
/// for the cache.
const WINDOW: usize = 16 << 10;
