//! Many machines with one log, whatever fails in whatever order: an ID stands for one event, and events
//! and gaps account for everything. Each decision of the model takes a byte or two.
#![no_main]

#[path = "../../tests/it/common/relay_model/mod.rs"]
#[allow(dead_code)]
mod relay_model;

use libfuzzer_sys::fuzz_target;
use relay_model::choices::Choices;
use relay_model::{ALL, Scenario, run};

fuzz_target!(|input: &[u8]| {
    let scenario = Scenario {
        faults: &ALL,
        no_gap: false,
        steps: 900,
        is_traced: false,
    };
    let told = run(Choices::from_bytes(input), &scenario);
    assert_eq!(told.err(), None);
});
