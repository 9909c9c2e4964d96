//! Any operations on the client machine, in any order, under any configuration.

use proptest::array::uniform;
use proptest::collection::vec;
use proptest::prelude::*;
use ssewire::client::End;

use crate::common::operation::{Answer, Operation, Settings};
use crate::common::watch::Watched;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_operations_keep_the_promises(
        settings in settings(),
        operations in vec(operation(), 0..150),
    ) {
        let mut watched = Watched::new(settings);
        for operation in operations {
            watched.step(operation);
        }
        watched.finish();
    }

    /// As an embedder does that knows the loop: it gets further.
    #[test]
    fn any_connections_keep_the_promises(
        settings in settings(),
        connections in vec((vec(operation(), 0..8), loss()), 0..40),
    ) {
        let mut watched = Watched::new(settings);
        for (operations, loss) in connections {
            watched.step(Operation::Poll);
            watched.step(Operation::Answer(Answer::OPEN));
            for operation in operations {
                watched.step(operation);
                watched.step(Operation::Poll);
            }
            watched.step(loss);
            watched.step(Operation::Poll);
            watched.step(Operation::Due);
        }
        watched.finish();
    }
}

#[test]
fn a_million_attempts_keep_the_promises() {
    let mut watched = Watched::new(Settings::from_bytes([0; Settings::BYTES]));
    for _ in 0..1_000_000 {
        watched.step(Operation::Poll);
        watched.step(Operation::End(End::Failed));
        watched.step(Operation::Due);
    }
    watched.finish();
}

fn settings() -> impl Strategy<Value = Settings> {
    // Most are left as they are, so that not all runs end at the first strange one.
    let number = prop_oneof![3 => Just(0), 1 => any::<u8>()];
    uniform::<_, { Settings::BYTES }>(number).prop_map(Settings::from_bytes)
}

fn operation() -> impl Strategy<Value = Operation> {
    any::<[u8; 2]>().prop_map(Operation::from_bytes)
}

fn loss() -> impl Strategy<Value = Operation> {
    prop_oneof![
        Just(Operation::End(End::Failed)),
        Just(Operation::End(End::Clean)),
        Just(Operation::Due),
        Just(Operation::Restart),
    ]
}

/// A failure becomes a scenario of `client.rs`, not a seed of the generator.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
