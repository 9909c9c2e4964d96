//! The cursor, and `decode`, which is a cursor for one frame. Both choose the way that a chunk
//! takes.

use core::fmt;

use crate::decode::Decoder;
use crate::decode::fast::{Cut, LONGEST, Only, lend_cut, only_block, whole_block};
use crate::decode::lines::Lines;
use crate::decode::step::{lend, step};
use crate::decode::text::Checked;
use crate::error::DecodeError;
use crate::frame::FrameRef;

/// A cursor over the frames of one chunk, which it lends one at a time.
///
/// Created by [`Decoder::frames`]. From one frame to the next it remembers where the next lines end
/// and how much of the chunk is known to be UTF-8.
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
    lines: Lines<'i>,
    checked: Checked<'i>,
}

impl<'a, 'i: 'a> Frames<'a, 'i> {
    #[inline]
    pub(crate) fn new(decoder: &'a mut Decoder, input: &'a mut &'i [u8]) -> Self {
        let (lines, checked) = (Lines::unread(input), Checked::new(input));
        Self {
            decoder,
            input,
            lines,
            checked,
        }
    }

    /// Takes the next frame from the chunk.
    ///
    /// Returns `Ok(None)` once all of the chunk has been taken. The decoder then keeps the
    /// unfinished event, if there is one. Further calls return `Ok(None)` again.
    ///
    /// # Errors
    ///
    /// [`DecodeError::EventTooLarge`], once for each event over the limit. Call again to continue
    /// after that event.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<FrameRef<'_>>, DecodeError> {
        if !self.decoder.carried {
            if self.lines.is_unread() && self.input.len() <= LONGEST {
                if self.input.is_empty() {
                    return Ok(None);
                }
                return self.next_of_short();
            }
            return self.next_of_whole();
        }
        if self.decoder.is_in_data() {
            *self.input = self.decoder.take_middle(self.input);
            if self.input.is_empty() {
                return Ok(None);
            }
        }
        self.next_of_cut()
    }

    #[inline(never)]
    fn next_of_cut(&mut self) -> Result<Option<FrameRef<'_>>, DecodeError> {
        // At most the first window has been scanned so far.
        let mut lines = Lines::new(self.input);
        let cut = self.decoder.resume_cut(&mut lines);
        self.lines = lines;
        *self.input = lines.rest;
        match cut? {
            Cut::Middle => Ok(None),
            Cut::Event(pending) => Ok(Some(lend_cut(self.decoder, pending))),
            Cut::Nothing if !self.decoder.carried => self.next_of_whole(),
            Cut::Nothing | Cut::Other => self.next_by_step(),
        }
    }

    #[inline(never)]
    fn next_of_short(&mut self) -> Result<Option<FrameRef<'_>>, DecodeError> {
        match only_block(self.decoder, self.input) {
            Some(only) => {
                *self.input = &[];
                Ok(lend_only(self.decoder, only))
            }
            None => self.next_of_whole(),
        }
    }

    #[inline(never)]
    fn next_of_whole(&mut self) -> Result<Option<FrameRef<'_>>, DecodeError> {
        // A copy that nothing else borrows stays in registers.
        let mut lines = self.lines;
        let texts = whole_block::<REACH>(self.decoder, &mut lines, &mut self.checked);
        let is_taken = texts.is_none() && self.decoder.suspend_start(&mut lines);
        self.lines = lines;
        *self.input = lines.rest;
        match texts {
            Some(texts) => Ok(Some(texts.lend(self.decoder))),
            None if is_taken => Ok(None),
            None => self.next_by_step(),
        }
    }

    #[inline(never)]
    fn next_by_step(&mut self) -> Result<Option<FrameRef<'_>>, DecodeError> {
        let found = step::<REACH>(self.decoder, &mut self.lines, &mut self.checked);
        *self.input = self.lines.rest;
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
            .field("bytes_left", &self.input.len())
            .finish_non_exhaustive()
    }
}

/// Takes one frame off the front of `input`, as the cursor does, but keeps nothing about the chunk.
#[inline]
pub(crate) fn pull<'d, 'i: 'd>(
    decoder: &'d mut Decoder,
    input: &mut &'i [u8],
) -> Result<Option<FrameRef<'d>>, DecodeError> {
    if decoder.carried {
        if decoder.is_in_data() {
            *input = decoder.take_middle(input);
            if input.is_empty() {
                return Ok(None);
            }
        }
        return pull_of_cut(decoder, input);
    }
    if input.len() > LONGEST {
        return pull_of_whole(decoder, input);
    }
    if input.is_empty() {
        return Ok(None);
    }
    pull_of_short(decoder, input)
}

#[inline(never)]
fn pull_of_cut<'d, 'i: 'd>(
    decoder: &'d mut Decoder,
    input: &mut &'i [u8],
) -> Result<Option<FrameRef<'d>>, DecodeError> {
    let mut lines = Lines::new(input);
    let cut = decoder.resume_cut(&mut lines);
    *input = lines.rest;
    match cut? {
        Cut::Middle => Ok(None),
        Cut::Event(pending) => Ok(Some(lend_cut(decoder, pending))),
        Cut::Nothing | Cut::Other => pull_by_step(decoder, input, lines),
    }
}

#[inline(never)]
fn pull_of_short<'d, 'i: 'd>(
    decoder: &'d mut Decoder,
    input: &mut &'i [u8],
) -> Result<Option<FrameRef<'d>>, DecodeError> {
    match only_block(decoder, input) {
        Some(only) => {
            *input = &[];
            Ok(lend_only(decoder, only))
        }
        None => pull_of_whole(decoder, input),
    }
}

#[inline(never)]
fn pull_of_whole<'d, 'i: 'd>(
    decoder: &'d mut Decoder,
    input: &mut &'i [u8],
) -> Result<Option<FrameRef<'d>>, DecodeError> {
    let mut lines = Lines::new(input);
    let texts = whole_block::<0>(decoder, &mut lines, &mut Checked::new(input));
    if let Some(texts) = texts {
        *input = lines.rest;
        return Ok(Some(texts.lend(decoder)));
    }
    if decoder.suspend_start(&mut lines) {
        *input = lines.rest;
        return Ok(None);
    }
    pull_by_step(decoder, input, lines)
}

#[inline(always)]
fn lend_only<'d, 'i: 'd>(decoder: &'d Decoder, only: Only<'i>) -> Option<FrameRef<'d>> {
    match only {
        Only::Event(texts) => Some(texts.lend(decoder)),
        Only::Comment => None,
    }
}

#[inline(never)]
fn pull_by_step<'d, 'i: 'd>(
    decoder: &'d mut Decoder,
    input: &mut &'i [u8],
    mut lines: Lines<'i>,
) -> Result<Option<FrameRef<'d>>, DecodeError> {
    let found = step::<0>(decoder, &mut lines, &mut Checked::new(input));
    *input = lines.rest;
    match found? {
        Some(found) => Ok(Some(lend(decoder, found))),
        None => Ok(None),
    }
}

/// The number of bytes that the cursor checks for UTF-8 at a time: enough to make a check cheap,
/// and few enough for the cache.
const REACH: usize = 16 << 10;
