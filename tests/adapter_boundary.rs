//! The adapters use nothing but the public API: here they are compiled once more, outside of the
//! crate, where `crate::` finds only what the crate exports. One that touches a private item makes
//! this file fail to compile.

extern crate alloc;

#[allow(unused_imports)]
use ssewire::*;

#[allow(dead_code, unnameable_types, unreachable_pub, unused_imports)]
#[path = "../adapters/mod.rs"]
mod adapters;

#[test]
fn the_crate_holds_the_adapters_outside_of_src_and_under_no_condition() {
    let lib = include_str!("../src/lib.rs");
    let mut lines = lib.lines();
    let mut before = "";
    while let Some(line) = lines.next() {
        if line.contains("#[path") {
            assert_eq!(line, "#[path = \"../adapters/mod.rs\"]");
            assert_eq!(lines.next(), Some("mod adapters;"));
            assert_eq!(before, "", "a condition here would break the child modules");
            assert!(
                !lines.any(|line| line.contains("#[path")),
                "there is one such module"
            );
            return;
        }
        before = line;
    }
    panic!("src/lib.rs does not declare the adapters");
}

#[cfg(feature = "futures-io")]
#[test]
fn futures_io_works_on_the_public_api() {
    use futures_util::FutureExt;

    let mut writer = adapters::futures_io::EventWriter::new(Vec::new());
    writer
        .send(EventRef::new("x"))
        .now_or_never()
        .expect("a vector is ready")
        .unwrap();
    let wire = writer.into_inner();
    let mut reader = adapters::futures_io::EventReader::new(&*wire);
    let frame = reader
        .next_frame()
        .now_or_never()
        .expect("a slice is ready")
        .unwrap();
    assert_eq!(frame, Some(Event::new("x").into()));
}

#[cfg(feature = "tokio")]
#[test]
fn tokio_works_on_the_public_api() {
    use futures_util::FutureExt;

    let mut writer = adapters::tokio::EventWriter::new(Vec::new());
    writer
        .send(EventRef::new("x"))
        .now_or_never()
        .expect("a vector is ready")
        .unwrap();
    let wire = writer.into_inner();
    let mut reader = adapters::tokio::EventReader::new(&*wire);
    let frame = reader
        .next_frame()
        .now_or_never()
        .expect("a slice is ready")
        .unwrap();
    assert_eq!(frame, Some(Event::new("x").into()));
}

#[cfg(feature = "hyper")]
#[test]
fn hyper_works_on_the_public_api() {
    use futures_util::{FutureExt, stream};

    let body = adapters::hyper::EventBody::new(stream::iter([Event::new("x")]));
    let mut reader =
        adapters::hyper::EventReader::new(adapters::hyper::event_stream(body).into_body());
    let frame = reader
        .next_frame()
        .now_or_never()
        .expect("the event is ready")
        .unwrap();
    assert_eq!(frame, Some(Event::new("x").into()));
}

#[cfg(feature = "async-std")]
#[test]
fn async_std_is_there() {
    let reader = adapters::async_std::EventReader::new(&b""[..]);
    assert!(reader.into_inner().is_empty());
}
