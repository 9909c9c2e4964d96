//! The clocks of a hub.

use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::Timestamp;
use crate::adapters::seed::random_seed;

/// The time since a hub was created.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a hub has no timer that knows the time"
    )]
    pub(super) fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_origin(self.origin.elapsed())
    }
}

/// Returns the number of milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "epochs have to rise from one start to the next"
)]
pub(super) fn milliseconds() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let milliseconds = since_1970.unwrap_or(Duration::ZERO).as_millis();
    u64::try_from(milliseconds).unwrap_or(u64::MAX / DIGITS)
}

/// Returns an epoch that is higher than at the last start of the program, unless the system's clock
/// was set back. It is the milliseconds since 1970, followed by six random digits.
pub(super) fn new_epoch() -> u64 {
    milliseconds()
        .saturating_mul(DIGITS)
        .saturating_add(random_seed() % DIGITS)
}

const DIGITS: u64 = 1_000_000;
