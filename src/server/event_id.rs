//! The IDs that events are given.

use core::error::Error;
use core::fmt;
use core::str::FromStr;

/// Names an event: its number in the sequence of an epoch. Written as the epoch in hexadecimal, a
/// hyphen and the number.
///
/// # Examples
///
/// ```
/// use ssewire::server::EventId;
///
/// let id: EventId = "e5f-42".parse()?;
/// assert_eq!((id.epoch(), id.number()), (0xE5F, 42));
/// assert_eq!(id.to_string(), "e5f-42");
/// assert!("E5F-042".parse::<EventId>().is_err());
/// # Ok::<(), ssewire::server::UnknownEventId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    epoch: u64,
    number: u64,
}

impl EventId {
    pub(crate) const fn new(epoch: u64, number: u64) -> Self {
        Self { epoch, number }
    }

    /// Returns the epoch.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the number in the sequence, from 1.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch, self.number)
    }
}

impl FromStr for EventId {
    type Err = UnknownEventId;

    /// Parses an ID, in the one form that it has.
    fn from_str(text: &str) -> Result<Self, UnknownEventId> {
        let (epoch, number) = text.split_once('-').ok_or(UnknownEventId)?;
        let is_plain = |digits: &str, is_digit: fn(&u8) -> bool| {
            (digits == "0" || !digits.starts_with('0')) && digits.as_bytes().iter().all(is_digit)
        };
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if !is_plain(epoch, is_hex) || !is_plain(number, u8::is_ascii_digit) {
            return Err(UnknownEventId);
        }
        Ok(Self {
            epoch: u64::from_str_radix(epoch, 16).map_err(|_| UnknownEventId)?,
            number: number.parse().map_err(|_| UnknownEventId)?,
        })
    }
}

/// Reports a text that is no [`EventId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownEventId;

impl fmt::Display for UnknownEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an event ID of a log of topics")
    }
}

impl Error for UnknownEventId {}
