//! The IDs of published events.

use core::cmp::Ordering;
use core::error::Error;
use core::fmt;
use core::str::FromStr;

/// The ID of a published event: an epoch, and a number in the sequence of that epoch.
///
/// Its text is the epoch in hexadecimal, a hyphen, and the number in decimal.
///
/// # Examples
///
/// ```
/// use ssewire::server::EventId;
///
/// let id: EventId = "e5f-42".parse()?;
/// assert_eq!((id.epoch(), id.number()), (0xE5F, 42));
/// assert_eq!(id.to_string(), "e5f-42");
/// # Ok::<(), ssewire::server::InvalidEventId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId {
    epoch: u64,
    number: u64,
}

impl EventId {
    /// No event has a lower one.
    pub(crate) const LOWEST: Self = Self::new(0, 0);

    /// Creates the ID with this number in the sequence of this epoch.
    pub const fn new(epoch: u64, number: u64) -> Self {
        Self { epoch, number }
    }

    /// Returns the position before the event with this ID.
    pub(crate) const fn before(self) -> Self {
        Self::new(self.epoch, self.number.saturating_sub(1))
    }

    /// Returns the highest ID below this one.
    pub(crate) const fn just_before(self) -> Self {
        match self.number {
            0 => Self::new(self.epoch.saturating_sub(1), u64::MAX),
            number => Self::new(self.epoch, number - 1),
        }
    }

    /// Returns the lowest ID after this one in its epoch.
    pub(crate) const fn next(self) -> Self {
        Self::new(self.epoch, self.number.saturating_add(1))
    }

    /// Returns epoch and number as one integer, since comparing 128 bits takes no branch.
    const fn both(&self) -> u128 {
        (self.epoch as u128) << 64 | self.number as u128
    }

    /// Returns the epoch.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the number in the sequence of the epoch. The first event has 1, and the position
    /// before it 0.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

/// By epoch, then by number.
impl Ord for EventId {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.both().cmp(&other.both())
    }
}

impl PartialOrd for EventId {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    #[inline]
    fn gt(&self, other: &Self) -> bool {
        self.both() > other.both()
    }

    #[inline]
    fn le(&self, other: &Self) -> bool {
        self.both() <= other.both()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch, self.number)
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    /// Parses an ID. Each ID has only one text, with hexadecimal digits in lower case, and without
    /// signs or leading zeros.
    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        let (epoch, number) = text.split_once('-').ok_or(InvalidEventId)?;
        let is_plain = |digits: &str, is_digit: fn(&u8) -> bool| {
            (digits == "0" || !digits.starts_with('0')) && digits.as_bytes().iter().all(is_digit)
        };
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if !is_plain(epoch, is_hex) || !is_plain(number, u8::is_ascii_digit) {
            return Err(InvalidEventId);
        }
        Ok(Self {
            epoch: u64::from_str_radix(epoch, 16).map_err(|_| InvalidEventId)?,
            number: number.parse().map_err(|_| InvalidEventId)?,
        })
    }
}

/// The error of parsing a text that is not an [`EventId`].
///
/// # Examples
///
/// ```
/// use ssewire::server::EventId;
///
/// let error = "E5F-042".parse::<EventId>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "an event ID is an epoch in hexadecimal, a hyphen and a number, like e5f-42",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidEventId;

impl fmt::Display for InvalidEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event ID is an epoch in hexadecimal, a hyphen and a number, like e5f-42")
    }
}

impl Error for InvalidEventId {}
