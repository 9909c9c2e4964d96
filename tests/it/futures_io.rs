//! Reader and writer over futures-io.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use futures_util::io::{AsyncRead, Cursor};
use ssewire::futures_io::{EventReader, EventWriter, ReadError};
use ssewire::{Event, Frame};

use ssewire::futures_io as adapter;
#[path = "common/io_cases.rs"]
#[allow(clippy::duplicate_mod, reason = "the same cases over two adapters")]
mod io_cases;

#[tokio::test]
async fn what_is_written_is_read() {
    let event = Event::new("α\n\n β")
        .with_type("greek")
        .unwrap()
        .with_id("1")
        .unwrap();
    let mut writer = EventWriter::new(Cursor::new(Vec::new()));
    writer.send(&event).await.unwrap();
    writer.send(&event).await.unwrap();
    let wire = writer.into_inner().into_inner();

    let mut reader = EventReader::new(Cursor::new(wire));
    for _ in 0..2 {
        assert_eq!(
            reader.next_frame().await.unwrap(),
            Some(Frame::Event(event.clone()))
        );
    }
    assert_eq!(reader.next_frame().await.unwrap(), None);
}

/// Only futures-io lets a reader claim what cannot be.
#[tokio::test]
async fn a_reader_that_claims_too_much_is_an_error() {
    #[derive(Debug)]
    struct Liar;
    impl AsyncRead for Liar {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            room: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(room.len() + 1))
        }
    }
    let mut reader = EventReader::new(Liar);
    let error = reader.next_frame().await.unwrap_err();
    assert!(matches!(error, ReadError::Transport(e) if e.kind() == io::ErrorKind::InvalidData));
    assert_eq!(reader.next_frame().await.unwrap(), None);
}

#[cfg(feature = "async-std")]
#[test]
fn async_std_has_the_same_types() {
    use ssewire::async_std::{EventReader as Reader, EventWriter as Writer, ReadError as Error};

    let _: fn(EventReader<()>) -> Reader<()> = |reader| reader;
    let _: fn(EventWriter<()>) -> Writer<()> = |writer| writer;
    let _: fn(ReadError) -> Error = |error| error;
}
