//! What it takes to publish.

use ssewire::{Event, Hub};
use ssewire_benches::args::Args;
use ssewire_benches::measure::{rotated, timed};
use ssewire_benches::series::{Bar, Series, Verdicts, head, number, row};

use crate::contenders::event;

pub(crate) fn run(args: &Args, verdicts: &mut Verdicts) {
    let rounds = args.rounds(9);
    println!(
        "\n{}",
        head(
            "nanoseconds to publish",
            &["alone", "beside 100,000 other topics", "ratio"]
        )
    );
    let others = if args.smoke { 100 } else { 100_000 };
    let mut series = Series::new(["alone", "beside"].into_iter());
    for round in 0..=rounds {
        for index in rotated(2, round) {
            let time = publish_beside(index * others, if args.smoke { 100 } else { 200_000 });
            if round > 0 {
                series.push(index, time);
            }
        }
    }
    let ratio = series.ratio("beside", "alone");
    println!(
        "{}",
        row(
            "one topic",
            [
                number(series.median("alone"), 0),
                number(series.median("beside"), 0),
                verdicts.judge(ratio, Some(Bar::AtMost(1.5))),
            ]
        )
    );
}

/// Returns the nanoseconds that it takes to publish to one topic.
fn publish_beside(others: usize, count: u32) -> f64 {
    // The same room in both cases: what it takes to go through the log is not the question.
    let config = ssewire::server::TopicsConfig::new().max_events(LOG);
    let hub = Hub::with_config(config);
    // A subscriber keeps each topic, and an event of its own each, as far as the log reaches.
    let _others: Vec<_> = (0..others)
        .map(|index| {
            let topic = format!("other {index}");
            hub.publish(&topic, Event::new("x"));
            hub.subscribe([topic], None).unwrap()
        })
        .collect();
    let _subscription = hub.subscribe(["one"], None).unwrap();
    let event = event();
    // The log is full from here on, and the others' events have left it.
    for _ in 0..LOG {
        hub.publish("one", &event);
    }
    let (time, ()) = timed(|| {
        for _ in 0..count {
            hub.publish("one", &event);
        }
    });
    time.as_nanos() as f64 / f64::from(count)
}

const LOG: usize = 150_000;
