//! Base64 in the data: the standard alphabet, with padding (RFC 4648, section 4).
//!
//! The decoder accepts whatever Go's `base64.StdEncoding` accepts, since servers written in Go send
//! it: CR and LF are skipped, and unused bits of the last character may have any value.

use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use ::base64::alphabet;
use ::base64::engine::{Engine, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr2;

use super::subject::Subject;
use crate::event::{Event, EventRef};

impl Event {
    /// Creates an event whose data is `bytes` as base64, on one line.
    ///
    /// The event has the default type and no ID.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Event;
    ///
    /// let event = Event::base64(b"\0\xFF\n");
    ///
    /// assert_eq!(event.data(), "AP8K");
    /// assert_eq!(event.decode_base64()?, b"\0\xFF\n");
    /// # Ok::<(), ssewire::Base64Error>(())
    /// ```
    pub fn base64(bytes: impl AsRef<[u8]>) -> Self {
        Self::from_lf_only(STANDARD.encode(bytes))
    }

    /// Decodes the data as base64 with the standard alphabet and padding.
    ///
    /// Line breaks are skipped wherever they are. Empty data decodes to no bytes.
    ///
    /// # Errors
    ///
    /// [`Base64Error`] if the data contains any other character, is cut off, or is not padded.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::Event;
    ///
    /// assert_eq!(Event::new("aGVs\nbG8=").decode_base64()?, b"hello");
    /// assert!(Event::new("aGVsbG8").decode_base64().is_err());
    /// # Ok::<(), ssewire::Base64Error>(())
    /// ```
    pub fn decode_base64(&self) -> Result<Vec<u8>, Base64Error> {
        self.as_event_ref().decode_base64()
    }
}

impl EventRef<'_> {
    /// Decodes the data as base64, as [`Event::decode_base64`] does.
    ///
    /// # Errors
    ///
    /// [`Base64Error`] if the data is not base64, is cut off, or is not padded.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssewire::{Decoder, FrameRef};
    ///
    /// let mut decoder = Decoder::new();
    /// let mut input = &b"data: aGVs\ndata: bG8=\n\n"[..];
    /// let Some(FrameRef::Event(event)) = decoder.decode(&mut input)? else { panic!() };
    ///
    /// assert_eq!(event.decode_base64()?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decode_base64(&self) -> Result<Vec<u8>, Base64Error> {
        let data = self.data().as_bytes();
        let decoded = match memchr2(b'\n', b'\r', data) {
            None => STANDARD.decode(data),
            Some(_) => STANDARD.decode(without_breaks(data)),
        };
        decoded.map_err(|_| Base64Error::find(*self))
    }
}

/// The error for data that is not base64, with the event and the position.
///
/// # Examples
///
/// ```
/// use ssewire::Event;
///
/// let event = Event::new("aGVs\nbG*=").with_type("file")?.with_id("7")?;
/// let error = event.decode_base64().unwrap_err();
///
/// assert_eq!((error.event_type(), error.id()), ("file", Some("7")));
/// assert_eq!(event.data()[error.position()..], *"*=");
/// assert_eq!(
///     error.to_string(),
///     r#"base64 of event "file" with id "7": '*' at byte 7 is not in the alphabet"#,
/// );
/// # Ok::<(), ssewire::InvalidField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base64Error {
    subject: Subject,
    position: usize,
    fault: Fault,
}

impl Base64Error {
    /// Finds the first position at which the data of `event` cannot continue any base64 text. The
    /// crate that decodes has positions too, but it reports an invalid last character before
    /// earlier ones, and does not see the line breaks.
    fn find(event: EventRef<'_>) -> Self {
        let at = |position, fault| Self {
            subject: Subject::new(event),
            position,
            fault,
        };
        let (mut symbols, mut padding) = (0, 0);
        for (position, character) in event.data().char_indices() {
            match character {
                '\n' | '\r' => {}
                '=' if symbols < 2 || symbols + padding == 4 => {
                    return at(position, Fault::Padding);
                }
                '=' => padding += 1,
                _ if !is_symbol(character) => {
                    return at(position, Fault::Character(character));
                }
                _ if padding > 0 => return at(position, Fault::AfterPadding),
                _ => symbols = (symbols + 1) % 4,
            }
        }
        at(event.data().len(), Fault::End)
    }

    /// Returns the event's type. If it is longer than 64 bytes, it is cut there and ends with `…`.
    pub fn event_type(&self) -> &str {
        self.subject.event_type()
    }

    /// Returns the event's ID, shortened in the same way.
    pub fn id(&self) -> Option<&str> {
        self.subject.id()
    }

    /// Returns the byte offset of the first invalid character in the data.
    ///
    /// Line breaks count. It is the length of the data if the data is cut off or not padded.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for Base64Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "base64 of {}: ", self.subject)?;
        let position = self.position;
        match self.fault {
            Fault::Character(character) => {
                write!(f, "{character:?} at byte {position} is not in the alphabet")
            }
            Fault::Padding => write!(f, "padding at byte {position} is out of place"),
            Fault::AfterPadding => write!(f, "text at byte {position} follows the padding"),
            Fault::End => write!(f, "cut off or not padded at byte {position}"),
        }
    }
}

impl Error for Base64Error {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Character(char),
    Padding,
    AfterPadding,
    End,
}

const fn is_symbol(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '/')
}

fn without_breaks(data: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(data.len());
    for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        text.extend_from_slice(line);
    }
    text
}

static STANDARD: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
