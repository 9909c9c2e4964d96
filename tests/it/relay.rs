//! Many machines with one log, whatever fails.

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use ssewire::server::{
    Action, Appended, Entry, EventId, Kind, Link, Relay, RelayConfig, Request, Response, Run,
    TopicSet, Topics, TopicsConfig,
};
use ssewire::{Event, Timestamp};

use crate::common::relay_model::choices::Choices;
use crate::common::relay_model::{ALL, Fault, HARMLESS, Scenario, run};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn events_and_gaps_account_for_everything_whatever_fails(seed: u64) {
        let told = run(Choices::from_seed(seed), &scenario(&ALL, false, 900));
        prop_assert_eq!(told.err(), None);
    }

}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// As the fuzz target does it.
    #[test]
    fn decisions_from_bytes_are_accounted_for(bytes in vec(any::<u8>(), 0..4000)) {
        let told = run(Choices::from_bytes(&bytes), &scenario(&ALL, false, 900));
        prop_assert_eq!(told.err(), None);
    }

    #[test]
    fn no_gap_is_told_where_nothing_is_lost(seed: u64) {
        let told = run(Choices::from_seed(seed), &scenario(&HARMLESS, true, 900));
        prop_assert_eq!(told, Ok(0));
    }
}

/// A master becomes a replica while a node loads from it, after the scan of the keys.
#[test]
fn a_case_that_was_found_once_is_accounted_for() {
    let choices = Choices::from_seed(10_457_593_752_960_385_547);
    assert_eq!(run(choices, &scenario(&ALL, false, 900)).err(), None);
}

/// Each kind of failure alone, and some that belong together, as often as a machine can bear.
#[test]
fn each_failure_alone_is_accounted_for() {
    let kinds: [&'static [Fault]; 8] = [
        &[Fault::RestartEmpty],
        &[Fault::RestartFromFile],
        &[Fault::Promote],
        &[Fault::Split, Fault::Heal],
        &[Fault::Flush, Fault::Clock],
        &[Fault::Stop, Fault::Late],
        &[Fault::Refuse, Fault::Drop],
        &[
            Fault::Split,
            Fault::Heal,
            Fault::Late,
            Fault::Drop,
            Fault::Clock,
        ],
    ];
    for faults in kinds {
        for seed in 0..40 {
            let told = run(Choices::from_seed(seed), &scenario(faults, false, 900));
            assert_eq!(told.err(), None, "seed {seed} of {faults:?}");
        }
    }
}

/// A reader that is behind, and reads on, is not given up. One that no longer gets anywhere is.
#[test]
fn a_reader_that_is_behind_is_not_given_up() {
    const EPOCH: u64 = 7;
    let mut now = Timestamp::default();
    let mut relay = Relay::new(RelayConfig::new(), 1);
    let mut topics = Topics::<()>::following(TopicsConfig::new());
    let tip = EventId::new(EPOCH, 0);
    let log = Run {
        is_master: true,
        server: "a".into(),
        generation: Some(1),
        epoch: EPOCH,
        tip: Some(tip),
        lineage: Vec::new(),
        closed: Vec::new(),
    };
    let fields = [("kind", "event"), ("topic", "news"), ("data", "another")];
    let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let other = Entry::from_fields(fields);
    let kind = Kind::Event {
        topics: TopicSet::new(["news"]),
        event: Event::new("from this one"),
    };
    relay.publish(now, 0, kind).unwrap();
    let (mut read, mut is_loaded) = (0, false);
    let mut given_up_after = None;
    for second in 0..60_u64 {
        while let Some(action) = relay.poll_action(now) {
            let (link, response) = match action {
                Action::Connect(link) => {
                    relay.handle_connected(now, link);
                    continue;
                }
                Action::Disconnect(_) => {
                    given_up_after.get_or_insert(second);
                    continue;
                }
                Action::Send(link, Request::Join(_) | Request::Probe { .. }) => {
                    let newest = if is_loaded { 100 } else { 0 };
                    let tip = Some(EventId::new(EPOCH, newest));
                    let run = Run { tip, ..log.clone() };
                    (link, Response::Run(run))
                }
                Action::Send(link, Request::Beat(_)) => (link, Response::Beat { was_known: true }),
                Action::Send(link, Request::Append(append)) => {
                    assert_eq!(append.entries.len(), 1);
                    // Behind a hundred of others.
                    let id = EventId::new(EPOCH, 100);
                    (link, Response::Appended(vec![Appended::Id(id)]))
                }
                Action::Send(link, Request::Scan { .. }) => {
                    let (cursor, items) = (0, Vec::new());
                    (link, Response::Stored { cursor, items })
                }
                Action::Send(link, Request::Read { wait, .. }) if wait.is_zero() => {
                    let first = (tip, Entry::epoch(None));
                    let entries = [first].into_iter().filter(|_| !is_loaded).collect();
                    is_loaded = true;
                    (link, Response::Entries(entries))
                }
                // An entry a second, and none after half a minute.
                Action::Send(_, Request::Read { .. }) => continue,
                action => panic!("{action:?}"),
            };
            relay.handle_response(now, 0, link, response, &mut topics);
        }
        now = now + Duration::from_secs(1);
        if second < 30 {
            read += 1;
            let entries = vec![(EventId::new(EPOCH, read), other.clone())];
            let response = Response::Entries(entries);
            relay.handle_response(now, 0, Link::Reader, response, &mut topics);
        }
        relay.handle_timeout(now);
    }
    assert!(
        given_up_after.is_some_and(|second| second > 30),
        "{given_up_after:?}"
    );
}

/// Runs one case and prints what happens: `RELAY_SEED=7 cargo test -- --ignored trace_a_relay`, or
/// with `RELAY_BYTES`, the file of an input of the fuzz target.
#[test]
#[ignore = "needs RELAY_SEED, the seed of a case, or takes 1"]
fn trace_a_relay() {
    let seed = std::env::var("RELAY_SEED");
    let seed = seed.map_or(1, |seed| seed.parse().unwrap());
    let is_harmless = std::env::var("RELAY_HARMLESS").is_ok();
    let faults: &[_] = match is_harmless {
        true => &HARMLESS,
        false => &ALL,
    };
    let mut scenario = scenario(faults, is_harmless, 900);
    scenario.is_traced = true;
    let choices = match std::env::var("RELAY_BYTES") {
        Ok(file) => Choices::from_bytes(&std::fs::read(file).unwrap()),
        Err(_) => Choices::from_seed(seed),
    };
    println!("{:?}", run(choices, &scenario));
}

/// Runs many cases: `RELAY_RUNS=10000 cargo test -- --ignored hunt`.
#[test]
#[ignore = "needs RELAY_RUNS, the number of cases, or takes 20"]
fn hunt_with_many_seeds() {
    let runs = std::env::var("RELAY_RUNS");
    let runs: u64 = runs.map_or(20, |runs| runs.parse().unwrap());
    let (mut gaps, mut found) = (0, Vec::new());
    for seed in 0..runs {
        for (faults, no_gap) in [(&ALL[..], false), (&HARMLESS[..], true)] {
            match run(Choices::from_seed(seed), &scenario(faults, no_gap, 900)) {
                Ok(told) => gaps += told,
                Err(what) => found.push(format!("seed {seed}, no gap {no_gap}: {what}")),
            }
        }
    }
    println!("{runs} runs, {gaps} gaps, {} found", found.len());
    for what in found.iter().take(20) {
        println!("{what}");
    }
    assert!(found.is_empty());
}

const fn scenario(faults: &'static [Fault], no_gap: bool, steps: u64) -> Scenario {
    Scenario {
        faults,
        no_gap,
        steps,
        is_traced: false,
    }
}
