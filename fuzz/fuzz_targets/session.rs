//! Whatever is done to a session, in whatever order, what it writes is a sound stream, and nothing of
//! it is taken for an event that was none.
//!
//! The first byte is the keep-alive and the write timeout in seconds, the second the maximum age, the
//! third the reconnection time. The rest are operations, of one or two bytes each.
#![no_main]

#[path = "../../tests/it/common/session_model.rs"]
mod session_model;

use libfuzzer_sys::fuzz_target;
use session_model::{SessionModel, SessionOp, config};

fuzz_target!(|input: &[u8]| {
    let [times, age, retry, ops @ ..] = input else {
        return;
    };
    let (config, retry) = config([*times, *age, *retry]);
    let mut model = SessionModel::new(config, retry, u64::from(*age));
    let mut ops = ops;
    while let Some(op) = SessionOp::parse(&mut ops) {
        model.apply(op);
    }
    model.finish();
});
