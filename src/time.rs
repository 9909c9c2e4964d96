//! Points in time, without a clock.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time, as the duration since an origin that the embedder chooses.
///
/// The state machines read no clock. The code that drives them chooses an origin once, such as the
/// start of the program, and passes the time since then with every fact. All timestamps that one
/// machine receives must have the same origin. Arithmetic saturates.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use ssewire::Timestamp;
///
/// let now = Timestamp::from_origin(Duration::from_secs(5));
/// let later = now + Duration::from_millis(250);
///
/// assert!(later > now);
/// assert_eq!(later - now, Duration::from_millis(250));
/// assert_eq!(now - later, Duration::ZERO);
/// assert_eq!(later.since_origin(), Duration::from_millis(5250));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(Duration);

impl Timestamp {
    /// Creates the timestamp that is `elapsed` after the origin.
    pub const fn from_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// Returns the time between the origin and this timestamp.
    pub const fn since_origin(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({:?})", self.0)
    }
}
