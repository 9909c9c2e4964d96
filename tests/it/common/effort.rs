//! What a future costs the thread that polls it.

use core::future::poll_fn;
use core::pin::pin;
use core::time::Duration;
use std::time::Instant;

/// How long a future took in all, and how much of the processor its longest poll used.
#[derive(Debug)]
pub(crate) struct Effort {
    took: Duration,
    longest_poll: Duration,
}

impl Effort {
    /// Waits for a future and measures it.
    pub(crate) async fn of<F: Future>(future: F) -> (F::Output, Self) {
        let mut future = pin!(future);
        let mut longest_poll = Duration::ZERO;
        let begin = now();
        let output = poll_fn(|cx| {
            let before = thread_time();
            let polled = future.as_mut().poll(cx);
            longest_poll = longest_poll.max(thread_time().saturating_sub(before));
            polled
        })
        .await;
        let took = begin.elapsed();
        (output, Self { took, longest_poll })
    }

    /// Checks that no poll took long, and that a timeout of `within` ended it about in time. Other
    /// tests run at the same time, and without optimization.
    pub(crate) fn assert_small(&self, within: Duration) {
        println!("{self:?}");
        assert!(self.took < within + Duration::from_millis(1500), "{self:?}");
        assert!(self.longest_poll < Duration::from_millis(200), "{self:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "this is a measurement")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns how long this thread has run: other processes do not count.
#[cfg(target_os = "linux")]
fn thread_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("Linux tells it in nanoseconds"))
}

#[cfg(not(target_os = "linux"))]
fn thread_time() -> Duration {
    use std::sync::OnceLock;

    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(now).elapsed()
}
