//! Any operations on the client machine keep its promises, as `../tests/common/watch.rs` has them.
//!
//! The first 16 bytes choose the configuration, 0 being the default; then two bytes are one
//! operation. `../tests/common/operation.rs` says what they stand for.
#![no_main]

#[path = "../../tests/it/common/operation.rs"]
mod operation;
#[path = "../../tests/it/common/watch.rs"]
mod watch;

use libfuzzer_sys::fuzz_target;
use operation::{Operation, Settings};
use watch::Watched;

fuzz_target!(|input: &[u8]| {
    let Some((settings, operations)) = input.split_first_chunk() else {
        return;
    };
    let mut watched = Watched::new(Settings::from_bytes(*settings));
    for operation in operations.chunks_exact(2) {
        let [kind, detail] = *operation else {
            return;
        };
        watched.step(Operation::from_bytes([kind, detail]));
    }
    watched.finish();
});
