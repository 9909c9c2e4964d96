//! Whatever is done to a session, in whatever order: what it writes is sound.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::session_model::{SessionModel, SessionOp, config};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_session_writes_a_sound_stream(
        settings: [u8; 3],
        seed: u64,
        ops in vec(any::<u8>(), 0..120),
    ) {
        let (config, retry) = config(settings);
        let mut model = SessionModel::new(config, retry, seed);
        let mut ops = ops.as_slice();
        while let Some(op) = SessionOp::parse(&mut ops) {
            model.apply(op);
        }
        model.finish();
    }
}
