//! Whatever is done to topics, in whatever order: what the simplest telling of it says.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use ssewire::server::SlowReader;

use crate::common::topics_model::{Key, Limits, Model, Op, Start};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        max_shrink_iters: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_doubled_or_reordered_in_silence(
        max_events in prop_oneof![0_usize..4, 4_usize..40],
        max_bytes in prop_oneof![0_usize..200, 200_usize..4000],
        max_events_per_topic in option::of(0_usize..10),
        max_age in option::of(0_u64..60),
        skips: bool,
        ops in vec(op(), 0..160),
    ) {
        let slow_reader = match skips {
            true => SlowReader::SkipToLive,
            false => SlowReader::Disconnect,
        };
        let mut model = Model::new(Limits {
            max_events,
            max_bytes,
            max_events_per_topic,
            max_age,
            slow_reader,
        });
        for op in ops {
            model.apply(op);
        }
        model.finish();
    }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (topics(), size(), key())
            .prop_map(|(topics, size, key)| Op::Publish { topics, size, key }),
        1 => (any::<u8>(), prop::bool::weighted(0.2))
            .prop_map(|(topic, is_new_epoch)| Op::Append { topic, is_new_epoch }),
        1 => (0_u8..30).prop_map(|seconds| Op::Pass { seconds }),
        2 => (any::<u8>(), start()).prop_map(|(topics, start)| Op::Subscribe { topics, start }),
        5 => (any::<u8>(), max_bytes())
            .prop_map(|(reader, max_bytes)| Op::Read { reader, max_bytes }),
        5 => (any::<u8>(), any::<bool>())
            .prop_map(|(reader, is_anew)| Op::Wait { reader, is_anew }),
        1 => any::<u8>().prop_map(|reader| Op::Unsubscribe { reader }),
        1 => any::<u8>().prop_map(|reader| Op::Resume { reader }),
        1 => any::<bool>().prop_map(|names| Op::SubscribeTooMuch { names }),
        1 => (any::<u8>(), 0_u8..60).prop_map(|(topic, seconds)| Op::Close { topic, seconds }),
        1 => any::<u8>().prop_map(|topic| Op::EndStreams { topic }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(topic, key)| Op::Announce { topic, key }),
        2 => any::<u8>().prop_map(|announced| Op::Withdraw { announced }),
        1 => any::<u8>().prop_map(|reader| Op::End { reader }),
        1 => (any::<u8>(), topics())
            .prop_map(|(reader, topics)| Op::AddTopics { reader, topics }),
        1 => (any::<u8>(), topics())
            .prop_map(|(reader, topics)| Op::RemoveTopics { reader, topics }),
    ]
}

/// Mostly one topic.
fn topics() -> impl Strategy<Value = u8> {
    prop_oneof![6 => (0_u8..5).prop_map(|topic| 1 << topic), 1 => any::<u8>()]
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        4 => Just(Key::None),
        2 => any::<u8>().prop_map(Key::Latest),
        1 => any::<u8>().prop_map(Key::Removed),
    ]
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![
        3 => Just(Start::Fresh),
        2 => Just(Start::Earliest),
        2 => (0_u8..20).prop_map(Start::Last),
        5 => (0_u8..50).prop_map(Start::Ago),
        1 => (0_u8..5).prop_map(Start::Beyond),
        1 => any::<u8>().prop_map(Start::OtherEpoch),
        1 => any::<u8>().prop_map(Start::Garbage),
    ]
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0_usize..40, 2 => 40_usize..300, 1 => 300_usize..5000]
}

fn max_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0), 4 => 1_usize..400, 2 => Just(1 << 16)]
}
