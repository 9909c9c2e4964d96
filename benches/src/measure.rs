//! The clock, the median, and the order of a round.

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

/// Runs `work` and returns how long the processor worked on it, and its result.
///
/// The time in which the system ran something else instead is not counted.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = ThreadTime::now();
    let result = region(work);
    (start.elapsed(), result)
}

/// Runs `work` in a function of its own, by whose name the program `count` finds where it ends.
#[inline(never)]
fn region<T>(work: impl FnOnce() -> T) -> T {
    start();
    work()
}

/// Marks where counting starts.
#[inline(never)]
fn start() {
    black_box(());
}

/// Returns megabytes (10⁶ bytes) a second.
pub fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64().max(1e-9)
}

/// Returns the middle value, `None` of none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let above = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(above);
    }
    Some((values.get(values.len() / 2 - 1)? + above) / 2.0)
}

/// Returns the indices below `count`, starting one further in each round and going backwards in
/// every other one, so that no contender always runs behind the same one.
pub fn rotated(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| {
        let step = match round % 2 {
            0 => index,
            _ => count - index,
        };
        (step + round) % count
    })
}

/// Returns the name of the cargo profile that this program was built with.
pub fn profile() -> String {
    let folder = std::env::current_exe().ok().and_then(|program| {
        let name = program.parent()?.file_name()?;
        Some(name.to_string_lossy().into_owned())
    });
    folder.unwrap_or_else(|| String::from("release"))
}

/// Returns in one line what was compiled how, and on what it runs.
pub fn setting() -> String {
    let simd = if cfg!(target_feature = "avx2") {
        "AVX2"
    } else {
        "baseline"
    };
    format!(
        "Built with profile `{}`, for {} ({simd}); runs on {}.",
        profile(),
        std::env::consts::ARCH,
        processor().unwrap_or_else(|| String::from("an unknown processor")),
    )
}

fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(String::from(name.trim()))
}
