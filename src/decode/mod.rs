//! Bytes to frames: lines (`scan`), fields (`field`), blocks (`assemble`), the engine that goes
//! through them (`cursor`, with a short way in `simple`), and what outlives a chunk (`carry`, with a
//! short way in `cut`, and `kept`).

mod assemble;
mod carry;
mod cursor;
mod cut;
pub(crate) mod field;
mod kept;
mod scan;
mod simple;
mod text;

use core::fmt;

use crate::decode::assemble::{Partial, Pending, id_in_effect};
use crate::decode::kept::Kept;
use crate::error::{DecodeError, InvalidField};
use crate::event::{self, EventRef};
use crate::frame::FrameRef;

pub use cursor::Frames;

/// Decodes an event stream, in whatever pieces its bytes arrive.
///
/// [`decode`](Self::decode) and [`frames`](Self::frames) read from the front of a slice that they
/// advance, and lend each frame until the next call. Both say `Ok(None)` when all bytes were taken
/// and more are needed; the rest of an unfinished line or event is then held here, within
/// [`max_event_bytes`](DecoderConfig::max_event_bytes). Any split of the same bytes yields the same
/// frames, at a cost linear in the bytes.
///
/// Follows WHATWG HTML, "Parsing an event stream" and "Interpreting an event stream", and where
/// that and the web-platform-tests disagree, the tests and the browsers: the last event ID
/// survives [`reset`](Self::reset) and holds for a first event without an ID.
///
/// # Examples
///
/// ```
/// use ssewire::{Decoder, FrameRef};
///
/// let mut decoder = Decoder::new();
/// let mut seen = Vec::new();
/// for mut chunk in [&b"id: 7\ndata: hel"[..], b"lo\n\ndata: bye\r", b"\n\r\n"] {
///     while let Some(frame) = decoder.decode(&mut chunk)? {
///         if let FrameRef::Event(event) = frame {
///             seen.push(event.to_event());
///         }
///     }
/// }
///
/// assert_eq!(seen[0].data(), "hello");
/// assert_eq!(seen[1].data(), "bye");
/// assert_eq!(seen[1].id(), Some("7"));
/// assert_eq!(decoder.last_event_id(), Some("7"));
/// # Ok::<(), ssewire::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct Decoder {
    config: DecoderConfig,
    /// Whether any of the following is not at rest, so that one test guards them all.
    carried: bool,
    /// The last chunk ended with a CR: an LF that comes first belongs to it.
    after_cr: bool,
    /// How many bytes of the BOM have been seen; all of them once it is too late for one.
    bom: usize,
    /// The block was too large: everything up to the next blank line is skipped.
    discarding: bool,
    /// The last event needed a data buffer larger than is kept for good; the next one may too.
    was_large: bool,
    partial: Partial,
    /// What the lines of the current block have said so far, while no call is looking at it.
    pending: Pending,
    kept: Kept,
    /// Up to which size a block is within the budget however much U+FFFD makes its data grow, and
    /// with room for a copy.
    soft_budget: usize,
}

impl Decoder {
    /// Makes a decoder with the default configuration.
    pub fn new() -> Self {
        Self::with_config(DecoderConfig::new())
    }

    /// Makes a decoder with a configuration.
    pub fn with_config(config: DecoderConfig) -> Self {
        Self {
            config,
            carried: true,
            after_cr: false,
            bom: 0,
            discarding: false,
            was_large: false,
            partial: Partial::None,
            pending: Pending::default(),
            kept: Kept::new(config.max_event_bytes),
            soft_budget: soft_budget(config.max_event_bytes),
        }
    }

    /// Takes the next frame off the front of `input`.
    ///
    /// `Ok(None)` means that all of `input` was taken and more is needed. In meaning this is
    /// `self.frames(input).next_frame()`; for many events in one chunk the cursor is faster.
    ///
    /// # Errors
    ///
    /// [`DecodeError::EventTooLarge`] once for each event over the limit; call again to go on
    /// behind it.
    #[inline]
    pub fn decode<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<FrameRef<'d>>, DecodeError> {
        cursor::pull(self, input)
    }

    /// Returns a cursor over the frames of one chunk.
    ///
    /// It advances `input` with every frame, so a cursor that is dropped early leaves the rest
    /// there.
    #[inline]
    pub fn frames<'a, 'i: 'a>(&'a mut self, input: &'a mut &'i [u8]) -> Frames<'a, 'i> {
        Frames::new(self, input)
    }

    /// Ends the stream, and lends the event that it cut off, as if its line and block had ended.
    ///
    /// The standard discards such an event ("Once the end of the file is reached, any pending data
    /// must be discarded"), so it may be incomplete and its ID does not become the last event ID.
    /// `None` if there is none, or if it was over the limit. The decoder is then as after
    /// [`reset`](Self::reset), and a second call gives `None`.
    pub fn finish(&mut self) -> Option<EventRef<'_>> {
        let block = self.finish_block();
        // Not `reset`, which would give back what is to be lent.
        self.start_over();
        let block = block?;
        let texts = self.kept.lend(true);
        let id = if block.id {
            texts.id
        } else {
            texts.last_event_id
        };
        Some(EventRef::from_decoded(
            if block.event_type {
                texts.event_type
            } else {
                ""
            },
            texts.data,
            id_in_effect(block.id, id),
        ))
    }

    /// Gets ready for a new connection: a BOM is allowed again and the pending block is dropped,
    /// but the last event ID is kept.
    pub fn reset(&mut self) {
        self.start_over();
        self.kept.release(false);
    }

    /// Sets the last event ID, as from an earlier connection; an empty one means none.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] if `id` contains CR, LF or NUL.
    pub fn set_last_event_id(&mut self, id: &str) -> Result<(), InvalidField> {
        self.kept.commit_id(event::checked_id(id)?);
        self.charge_id();
        Ok(())
    }

    /// Returns the last event ID, which the next request should carry; `None` if it is empty.
    pub fn last_event_id(&self) -> Option<&str> {
        let id = self.kept.last_event_id.as_str();
        if id.is_empty() { None } else { Some(id) }
    }

    fn start_over(&mut self) {
        self.carried = true;
        self.after_cr = false;
        self.bom = 0;
        self.discarding = false;
        self.was_large = false;
        self.partial = Partial::None;
        self.pending = Pending::default();
    }

    fn set_budget(&mut self, bytes: usize) {
        self.kept.budget = bytes;
        self.soft_budget = soft_budget(bytes);
    }
}

/// Returns the size up to which data may triple, and be copied, within `budget`.
const fn soft_budget(budget: usize) -> usize {
    budget / 8
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("config", &self.config)
            .field("last_event_id", &self.last_event_id())
            .field("pending_bytes", &self.pending.size)
            .finish_non_exhaustive()
    }
}

/// Configures a [`Decoder`].
///
/// # Examples
///
/// ```
/// use ssewire::{DecodeError, Decoder, DecoderConfig};
///
/// let config = DecoderConfig::new().max_event_bytes(16);
/// let mut decoder = Decoder::with_config(config);
/// let mut input = &b"data: more than sixteen\n\ndata: less\n\n"[..];
///
/// assert_eq!(decoder.decode(&mut input), Err(DecodeError::EventTooLarge));
/// assert!(decoder.decode(&mut input)?.is_some());
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderConfig {
    max_event_bytes: usize,
    comments: bool,
}

impl DecoderConfig {
    /// Makes the default configuration: events of up to 16 MiB, no comments.
    pub const fn new() -> Self {
        Self {
            max_event_bytes: 16 << 20,
            comments: false,
        }
    }

    /// Sets how many bytes one event may take; 16 MiB by default.
    ///
    /// Every line since the last blank one counts with all its bytes but its line end: comments
    /// and unknown fields too, and what replacing invalid UTF-8 makes a value longer. A last event
    /// ID over 4 KiB counts against each later event, since it is held next to it. The decoder
    /// never holds more than this and 64 KiB.
    pub const fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// Returns how many bytes one event may take.
    #[cfg(feature = "client")]
    pub(crate) const fn event_limit(&self) -> usize {
        self.max_event_bytes
    }

    /// Sets whether comments are frames; by default they are skipped.
    pub const fn comments(mut self, comments: bool) -> Self {
        self.comments = comments;
        self
    }
}

impl Default for DecoderConfig {
    fn default() -> Self {
        Self::new()
    }
}
