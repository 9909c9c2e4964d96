//! How long the waits are.

use core::time::Duration;

use ssewire::client::{ClientConfig, CloseReason, End, Phase, ResponseHead};

use crate::common::embedder::{Embedder, milliseconds, seconds, steady};

/// Seeds enough for the ends of any range to come close.
const SEEDS: u64 = 300;

#[test]
fn waits_double_up_to_the_cap() {
    // Instants of the attempts, in seconds since the first.
    let instants = [0, 1, 3, 7, 15, 31, 61, 91, 121];
    let mut embedder = Embedder::new(steady());
    let start = embedder.now;
    for (index, instant) in instants.into_iter().enumerate() {
        if index > 0 {
            embedder.due();
        }
        assert_eq!(embedder.connect().number() as usize, index + 1);
        assert_eq!(embedder.now - start, seconds(instant));
        embedder.end(End::Failed);
    }
}

#[test]
fn waits_without_jitter() {
    let ms = milliseconds;
    let rows: [(&str, ClientConfig, &str, [u64; 7]); 12] = [
        (
            "default",
            steady(),
            "",
            [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
        ),
        (
            "base",
            steady().base_delay(ms(300)),
            "",
            [300, 600, 1200, 2400, 4800, 9600, 19_200],
        ),
        ("growth 1", steady().growth(1), "", [1000; 7]),
        ("growth 0 counts as 1", steady().growth(0), "", [1000; 7]),
        (
            "growth 3",
            steady().growth(3),
            "",
            [1000, 3000, 9000, 27_000, 30_000, 30_000, 30_000],
        ),
        (
            "cap",
            steady().max_delay(ms(3000)),
            "",
            [1000, 2000, 3000, 3000, 3000, 3000, 3000],
        ),
        ("cap below base", steady().max_delay(ms(500)), "", [500; 7]),
        (
            "retry",
            steady(),
            "2500",
            [2500, 5000, 10_000, 20_000, 30_000, 30_000, 30_000],
        ),
        ("retry larger than the cap", steady(), "45000", [45_000; 7]),
        (
            "retry: 0",
            steady(),
            "0",
            [100, 200, 400, 800, 1600, 3200, 6400],
        ),
        (
            "base 0",
            steady().base_delay(Duration::ZERO),
            "",
            [100, 200, 400, 800, 1600, 3200, 6400],
        ),
        (
            "retry below the floor",
            steady().min_delay(ms(800)),
            "50",
            [800, 1600, 3200, 6400, 12_800, 25_600, 30_000],
        ),
    ];
    for (name, config, retry, expected) in rows {
        let mut embedder = Embedder::new(config);
        let waits = series(&mut embedder, retry, expected.len());
        assert_eq!(waits, expected.map(milliseconds), "{name}");
    }
}

/// `jitter_percent` of a wait of the client's own is left to chance, and cut off at the cap before.
#[test]
fn waits_with_jitter() {
    /// Name, configuration, `retry`, and from what to what each wait may last, in milliseconds.
    type Ranges = (
        &'static str,
        ClientConfig,
        &'static str,
        &'static [(u64, u64)],
    );
    let rows: [Ranges; 9] = [
        (
            "default: 50 to 100 %",
            ClientConfig::new(),
            "",
            &[
                (500, 1000),
                (1000, 2000),
                (2000, 4000),
                (4000, 8000),
                (8000, 16_000),
                (15_000, 30_000),
                (15_000, 30_000),
            ],
        ),
        (
            "a fifth",
            ClientConfig::new().jitter_percent(20),
            "",
            &[(800, 1000), (1600, 2000)],
        ),
        (
            "all of it, but for the floor",
            ClientConfig::new().jitter_percent(100),
            "",
            &[(100, 1000), (100, 2000)],
        ),
        (
            "more than all counts as all",
            ClientConfig::new().jitter_percent(255),
            "",
            &[(100, 1000), (100, 2000)],
        ),
        (
            "retry: 100 to 150 %, and the cap is one",
            ClientConfig::new(),
            "2000",
            &[
                (2000, 3000),
                (4000, 6000),
                (8000, 12_000),
                (16_000, 24_000),
                (20_000, 30_000),
                (20_000, 30_000),
            ],
        ),
        (
            "retry at the cap goes beyond it",
            ClientConfig::new(),
            "30000",
            &[(30_000, 45_000), (30_000, 45_000)],
        ),
        (
            "retry beyond the cap",
            ClientConfig::new(),
            "60000",
            &[(60_000, 90_000), (60_000, 90_000)],
        ),
        (
            "retry: 0, floored and spread",
            ClientConfig::new(),
            "0",
            &[(100, 150), (200, 300)],
        ),
        (
            "retry with all of it",
            ClientConfig::new().jitter_percent(100),
            "2000",
            &[(2000, 4000), (4000, 8000)],
        ),
    ];
    for (name, config, retry, ranges) in rows {
        let mut seen = vec![(Duration::MAX, Duration::ZERO); ranges.len()];
        for seed in 0..SEEDS {
            let mut embedder = Embedder::seeded(config.clone(), seed);
            let waits = series(&mut embedder, retry, ranges.len());
            for (seen, wait) in seen.iter_mut().zip(waits) {
                *seen = (seen.0.min(wait), seen.1.max(wait));
            }
        }
        for (seen, range) in seen.into_iter().zip(ranges) {
            expect_range(name, seen, *range);
        }
    }
}

#[test]
fn attempt_1_000_000_is_one_like_any_other() {
    for (config, retry) in [
        (steady(), ""),
        (steady(), "2000"),
        (ClientConfig::new(), ""),
    ] {
        let mut embedder = Embedder::new(config);
        series(&mut embedder, retry, 10);
        for attempt in 12..=1_000_000 {
            embedder.end(End::Failed);
            let (wait, request) = embedder.reconnect();
            assert!(seconds(15) <= wait && wait <= seconds(30));
            assert_eq!(request.number(), attempt);
        }
    }
}

#[test]
fn equal_seeds_wait_alike_and_others_do_not() {
    let waits = |seed| series(&mut Embedder::seeded(ClientConfig::new(), seed), "", 5);
    assert_eq!(waits(1), waits(1));
    assert_ne!(waits(1), waits(2));
}

#[test]
fn a_later_retry_replaces_an_earlier_one_and_outlives_the_connection() {
    let mut embedder = Embedder::open(steady());
    embedder.data(b"retry: 9000\nretry: 2000\n\ndata: 1\n\n");
    embedder.end(End::Clean);
    assert_eq!(embedder.reconnect().0, seconds(2));
    embedder.accept();
    embedder.frames(b"data: 1\n\n");
    embedder.end(End::Clean);
    assert_eq!(embedder.reconnect().0, seconds(2), "kept");
    embedder.accept();
    // Neither a line that has not ended nor what is no number.
    embedder.frames(b"data: 1\n\nretry: 5 s\nretry: -1\nretry\nretry: 7000");
    embedder.end(End::Clean);
    assert_eq!(embedder.reconnect().0, seconds(2), "kept");
    embedder.accept();
    // As soon as its line ends, and by way of the cursor.
    embedder.frames(b"data: 1\n\nretry: 3000\r");
    embedder.end(End::Clean);
    assert_eq!(embedder.delay(), seconds(3));
}

#[test]
fn growth_begins_anew_at_an_event() {
    for by_cursor in [false, true] {
        let mut embedder = grown();
        embedder.accept();
        if by_cursor {
            embedder.frames(b"data: progress\n\n");
        } else {
            embedder.data(b"data: progress\n\n");
        }
        embedder.end(End::Clean);
        expect_new_growth(&mut embedder);
    }
}

#[test]
fn growth_goes_on_at_a_200_without_an_event() {
    let rows: [&[u8]; 4] = [b"", b": comment\n\n", b"id: 1\n\n", b"data: cut off\n"];
    for bytes in rows {
        let mut embedder = grown();
        embedder.accept();
        embedder.data(bytes);
        embedder.end(End::Clean);
        assert_eq!(embedder.reconnect().0, seconds(16));
        embedder.accept();
        embedder.frames(bytes);
        embedder.end(End::Clean);
        let (wait, request) = embedder.reconnect();
        assert_eq!(wait, seconds(30));
        assert_eq!(request.number(), 7);
    }
}

#[test]
fn growth_begins_anew_after_60_seconds_of_health() {
    type Loss = fn(&mut Embedder);
    let losses: [Loss; 2] = [
        |client| client.end(End::Failed),
        |client| client.client.restart(client.now),
    ];
    for lose in losses {
        let mut embedder = grown();
        embedder.accept();
        embedder.pass(seconds(60) - milliseconds(1));
        lose(&mut embedder);
        assert_eq!(embedder.delay(), seconds(16), "not yet");

        let mut embedder = grown();
        // The wait for the answer is no health.
        embedder.pass(seconds(100));
        embedder.accept();
        embedder.pass(seconds(60));
        lose(&mut embedder);
        embedder.actions();
        expect_new_growth(&mut embedder);
    }
    // Silence counts: the stream was open.
    let mut embedder = grown();
    embedder.accept();
    embedder.due();
    embedder.actions();
    expect_new_growth(&mut embedder);
}

#[test]
fn retry_after_is_the_least_wait() {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let unix_time = seconds(784_111_777);
    let head = || ResponseHead::new(503);
    let rows = [
        ("none", head(), 1),
        ("seconds", head().retry_after("120"), 120),
        ("blanks around", head().retry_after(" 120\t"), 120),
        (
            "leading zeros",
            head().retry_after("000000000000000000000120"),
            120,
        ),
        ("less than the own wait", head().retry_after("0"), 1),
        ("empty", head().retry_after(""), 1),
        ("a fraction", head().retry_after("120.5"), 1),
        ("negative", head().retry_after("-120"), 1),
        ("a sign", head().retry_after("+120"), 1),
        ("a unit", head().retry_after("120 s"), 1),
        ("other digits", head().retry_after("\u{0661}\u{0662}"), 1),
        ("no text", head().retry_after(b"\xFF120"), 1),
        ("a date without a clock", head().retry_after(DATE), 1),
        (
            "seconds need no clock",
            head().retry_after("120").date("x").unix_time(unix_time),
            120,
        ),
    ];
    for (name, head, expected) in rows {
        assert_eq!(wait_after(&head), seconds(expected), "{name}");
    }
}

#[cfg(feature = "std")]
/// Where both are there, the finer one counts.
#[test]
fn retry_after_in_milliseconds() {
    let head = || ResponseHead::new(503);
    let rows = [
        ("alone", head().retry_after_ms("2500"), 2500),
        ("a fraction", head().retry_after_ms(" 2500.75 "), 2500),
        (
            "finer",
            head().retry_after_ms("2500").retry_after("120"),
            2500,
        ),
        (
            "longer",
            head().retry_after_ms("2500").retry_after("1"),
            2500,
        ),
        (
            "less than the own wait",
            head().retry_after_ms("10").retry_after("9"),
            1000,
        ),
        ("a unit", head().retry_after_ms("9s").retry_after("2"), 2000),
        (
            "a sign",
            head().retry_after_ms("-9000").retry_after("2"),
            2000,
        ),
        ("empty", head().retry_after_ms("").retry_after("2"), 2000),
        ("a point", head().retry_after_ms(".").retry_after("2"), 2000),
        ("a word", head().retry_after_ms("9000.x"), 1000),
        ("no text", head().retry_after_ms(b"\xFF9000"), 1000),
        (
            "too many",
            head().retry_after_ms("99999999999999999999"),
            u64::MAX,
        ),
    ];
    for (name, head, expected) in rows {
        assert_eq!(wait_after(&head), milliseconds(expected), "{name}");
    }
}

#[test]
fn retry_after_with_a_date() {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let unix_time = seconds(784_111_777);
    let head = || ResponseHead::new(503);
    let rows = [
        (
            "IMF-fixdate",
            head()
                .retry_after("Sun, 06 Nov 1994 08:51:37 GMT")
                .date(DATE),
            120,
        ),
        (
            "RFC 850",
            head()
                .retry_after("Sunday, 06-Nov-94 08:51:37 GMT")
                .date(DATE),
            120,
        ),
        (
            "asctime",
            head().retry_after("Sun Nov  6 08:51:37 1994").date(DATE),
            120,
        ),
        (
            "each by its own form",
            head()
                .retry_after("Sunday, 06-Nov-94 08:51:37 GMT")
                .date("Sun Nov  6 08:49:37 1994"),
            120,
        ),
        (
            "blanks around",
            head()
                .retry_after(" Sun, 06 Nov 1994 08:51:37 GMT ")
                .date(DATE),
            120,
        ),
        (
            "by the embedder's clock",
            head()
                .retry_after("Sun, 06 Nov 1994 08:51:37 GMT")
                .unix_time(unix_time),
            120,
        ),
        (
            "the server's clock before the embedder's",
            head()
                .retry_after("Sun, 06 Nov 1994 08:51:37 GMT")
                .date(DATE)
                .unix_time(unix_time + seconds(60)),
            120,
        ),
        (
            "the embedder's where the server's is garbage",
            head()
                .retry_after("Sun, 06 Nov 1994 08:51:37 GMT")
                .date("yesterday")
                .unix_time(unix_time + seconds(60)),
            60,
        ),
        (
            "the past",
            head()
                .retry_after("Sun, 06 Nov 1994 08:00:00 GMT")
                .date(DATE),
            1,
        ),
        ("the present", head().retry_after(DATE).date(DATE), 1),
        (
            "no such day",
            head()
                .retry_after("Sun, 31 Feb 1994 08:51:37 GMT")
                .date(DATE),
            1,
        ),
        (
            "another zone",
            head()
                .retry_after("Sun, 06 Nov 1994 08:51:37 CET")
                .date(DATE),
            1,
        ),
        ("garbage", head().retry_after("soon").date(DATE), 1),
        (
            "an impossible clock",
            head()
                .retry_after("Sun, 06 Nov 1994 08:51:37 GMT")
                .unix_time(Duration::MAX),
            1,
        ),
        (
            "a date that is far away",
            head()
                .retry_after("Fri, 31 Dec 9999 23:59:59 GMT")
                .date(DATE),
            253_402_300_799 - 784_111_777,
        ),
    ];
    for (name, head, expected) in rows {
        assert_eq!(wait_after(&head), seconds(expected), "{name}");
    }
}

/// Too many digits are still a number: for ever, and not at once.
#[test]
fn retry_after_beyond_all_numbers() {
    for value in ["18446744073709551615", "99999999999999999999999999"] {
        let head = ResponseHead::new(503).retry_after(value);
        assert_eq!(wait_after(&head), seconds(u64::MAX));
        let mut embedder = Embedder::new(ClientConfig::new());
        embedder.connect();
        embedder.answer(&head);
        assert!(matches!(
            embedder.client.phase(),
            Phase::Closed(CloseReason::WaitTooLong { .. })
        ));
    }
    let mut embedder = Embedder::open(ClientConfig::new().max_wait(None));
    embedder.data(b"retry: 99999999999999999999999999\n");
    embedder.end(End::Clean);
    assert!(embedder.delay() >= milliseconds(u64::MAX));
}

#[test]
fn retry_after_is_for_one_wait_and_retry_for_all() {
    let mut embedder = Embedder::open(steady());
    embedder.data(b"retry: 5000\ndata: 1\n\n");
    embedder.end(End::Clean);
    assert_eq!(embedder.reconnect().0, seconds(5));
    embedder.answer(&ResponseHead::new(503).retry_after("120"));
    embedder.actions();
    assert_eq!(embedder.reconnect().0, seconds(120));
    embedder.status(503);
    embedder.actions();
    assert_eq!(embedder.reconnect().0, seconds(20));
    // The later of both.
    embedder.answer(&ResponseHead::new(503).retry_after("1"));
    embedder.actions();
    assert_eq!(embedder.reconnect().0, seconds(30));
}

/// All clients get the same `Retry-After`, so they must not all come back at the same time.
#[test]
fn retry_after_with_jitter() {
    let rows = [
        // Behind how many failures, what the server asked for, and what is waited.
        (0, "120", (120_000, 150_000)),
        (0, "20", (20_000, 30_000)),
        (0, "1", (1000, 1500)),
        (0, "0", (500, 1000)),
        // The longer the failure, the wider the spread.
        (3, "6", (6000, 10_000)),
        (9, "1", (15_000, 30_000)),
        // What is asked for is below the cap, so what is waited is not above it.
        (9, "18", (18_000, 30_000)),
        (9, "20", (20_000, 30_000)),
        (9, "30", (30_000, 45_000)),
        (9, "120", (120_000, 150_000)),
    ];
    for (failures, value, range) in rows {
        let mut seen = (Duration::MAX, Duration::ZERO);
        for seed in 0..SEEDS {
            let mut embedder = Embedder::seeded(ClientConfig::new(), seed);
            series(&mut embedder, "", failures);
            if failures == 0 {
                embedder.connect();
            }
            embedder.answer(&ResponseHead::new(503).retry_after(value));
            let wait = embedder.delay();
            seen = (seen.0.min(wait), seen.1.max(wait));
        }
        expect_range(&format!("{value} after {failures}"), seen, range);
    }
}

/// Returns the waits of a client all of whose attempts fail, behind a first connection that set
/// `retry`. It is left connecting.
fn series(embedder: &mut Embedder, retry: &str, count: usize) -> Vec<Duration> {
    if count == 0 {
        return Vec::new();
    }
    embedder.connect();
    if !retry.is_empty() {
        embedder.accept();
        embedder.data(format!("retry: {retry}\n\n").as_bytes());
    }
    let mut waits = Vec::new();
    for _ in 0..count {
        embedder.end(End::Failed);
        waits.push(embedder.reconnect().0);
    }
    waits
}

/// Makes an embedder whose fifth connection is being made, behind a wait of 8 seconds.
fn grown() -> Embedder {
    let mut embedder = Embedder::new(steady());
    let waits = series(&mut embedder, "", 4);
    assert_eq!(waits, [1, 2, 4, 8].map(seconds));
    embedder
}

/// Checks that the client is at the beginning of a wait, and that it grows as from the start.
fn expect_new_growth(embedder: &mut Embedder) {
    for (attempt, wait) in [1, 2, 4, 8].into_iter().enumerate() {
        let (waited, request) = embedder.reconnect();
        assert_eq!(waited, seconds(wait));
        assert_eq!(request.number() as usize, attempt + 1);
        embedder.end(End::Failed);
    }
}

/// Returns the wait after a first answer like this.
fn wait_after(head: &ResponseHead<'_>) -> Duration {
    let mut embedder = Embedder::new(steady().max_wait(None));
    embedder.connect();
    embedder.answer(head);
    let Phase::Waiting { delay, .. } = embedder.client.phase() else {
        panic!("{:?}", embedder.client.phase());
    };
    delay
}

/// Checks that what was seen lies in the range, in milliseconds, and reaches near its ends.
fn expect_range(name: &str, seen: (Duration, Duration), range: (u64, u64)) {
    let (lower, upper) = (milliseconds(range.0), milliseconds(range.1));
    let slack = (upper - lower) / 10;
    assert!(lower <= seen.0 && seen.1 <= upper, "{name}: {seen:?}");
    assert!(
        seen.0 <= lower + slack && upper <= seen.1 + slack,
        "{name}: {seen:?} does not fill {lower:?}..={upper:?}"
    );
}
