//! How long to wait before the next attempt.

use core::time::Duration;

use fastrand::Rng;

use crate::client::config::ClientConfig;

/// The waits between attempts.
///
/// They grow up to a cap as long as there is no progress, have jitter, and never end earlier than the
/// server allows.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    rng: Rng,
    /// Attempts since the last progress.
    attempts: u32,
    /// Waits since the last progress. There is one more than attempts if a connection with progress
    /// was lost before the first of them.
    waits: u32,
    /// The reconnection time that the server set.
    retry: Option<Duration>,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            attempts: 0,
            waits: 0,
            retry: None,
        }
    }

    pub(crate) fn count_attempt(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
    }

    /// Takes the fact that there was progress.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
        self.waits = 0;
    }

    /// "Set the event stream's reconnection time to that integer" (WHATWG HTML, "Interpreting an
    /// event stream").
    pub(crate) fn set_retry(&mut self, time: Duration) {
        self.retry = Some(time);
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns the shortest wait that the server accepts. `retry_after` is the wait that the last
    /// response asked for.
    pub(crate) fn lower_bound(&self, retry_after: Option<Duration>) -> Duration {
        let retry = self.retry.unwrap_or_default();
        retry.max(retry_after.unwrap_or_default())
    }

    /// Returns the wait before the next attempt.
    pub(crate) fn next_delay(
        &mut self,
        config: &ClientConfig,
        retry_after: Option<Duration>,
    ) -> Duration {
        let base = self.retry.unwrap_or(config.base_delay);
        let grown = self.grown(base.max(config.min_delay), config);
        self.waits = self.waits.saturating_add(1);
        let jitter = config.jitter_percent;
        let (lower, upper) = match self.retry {
            // Cap first, then jitter. Otherwise all waits at the cap would be equal.
            None => (grown.saturating_sub(percent_of(grown, jitter)), grown),
            Some(retry) => {
                let cap = config.max_delay.max(stretched(retry, jitter));
                let upper = stretched(grown, jitter).min(cap);
                let lower = upper.saturating_mul(100) / (100 + u32::from(jitter));
                (lower.max(retry), upper)
            }
        };
        let own = self.between(lower, upper).max(config.min_delay);
        match retry_after {
            None => own,
            Some(wait) => {
                let chance = percent_of(wait.max(grown), jitter).min(config.max_delay);
                let cap = config.max_delay.max(stretched(wait, jitter));
                let upper = wait.saturating_add(chance).min(cap);
                self.between(wait, upper).max(own)
            }
        }
    }

    fn grown(&self, base: Duration, config: &ClientConfig) -> Duration {
        let factor = config.growth.saturating_pow(self.waits);
        // The server's time is a lower bound, even above the cap.
        let shortest = self.retry.unwrap_or_default();
        base.saturating_mul(factor)
            .min(config.max_delay)
            .max(shortest)
    }

    fn between(&mut self, lower: Duration, upper: Duration) -> Duration {
        let spread = nanoseconds(upper.saturating_sub(lower));
        lower.saturating_add(Duration::from_nanos(self.rng.u64(0..=spread)))
    }
}

fn percent_of(time: Duration, percent: u8) -> Duration {
    time.saturating_mul(u32::from(percent)) / 100
}

fn stretched(time: Duration, percent: u8) -> Duration {
    time.saturating_add(percent_of(time, percent))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
