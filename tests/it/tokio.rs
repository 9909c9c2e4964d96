//! Reader and writer over tokio, in memory and over loopback sockets.

use ssewire::tokio::{EventReader, EventWriter, ReadError};
use ssewire::{Event, EventRef, Frame, FrameRef};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use ssewire::tokio as adapter;
#[path = "common/io_cases.rs"]
#[allow(clippy::duplicate_mod, reason = "the same cases over two adapters")]
mod io_cases;

async fn socket_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback can be bound");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    (
        client.expect("someone listens"),
        server.expect("someone connects").0,
    )
}

#[tokio::test]
async fn events_pass_a_socket_in_both_directions() {
    let (client, server) = socket_pair().await;
    let echo = tokio::spawn(async move {
        let (read, write) = server.into_split();
        let (mut reader, mut writer) = (EventReader::new(read), EventWriter::new(write));
        while let Some(frame) = reader.next_frame().await.unwrap() {
            writer.send(&frame).await.unwrap();
        }
        writer.close().await.unwrap();
    });

    let (read, write) = client.into_split();
    let (mut reader, mut writer) = (EventReader::new(read), EventWriter::new(write));
    // The last one is larger than any socket buffer holds at once.
    for data in ["one", "two\nlines", "", &"é".repeat(3 << 20)] {
        let event = Event::new(data)
            .with_type("t")
            .unwrap()
            .with_id("1")
            .unwrap();
        // Both ways at once: neither side could take all of it before it is read.
        let (sent, received) = tokio::join!(writer.send(&event), reader.next_frame());
        sent.unwrap();
        assert!(
            received.unwrap() == Some(Frame::Event(event)),
            "{} bytes",
            data.len()
        );
    }
    writer.close().await.unwrap();
    assert_eq!(reader.next_frame().await.unwrap(), None);
    echo.await.unwrap();
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_sent() {
    let (client, server) = socket_pair().await;
    let (mut reader, mut writer) = (EventReader::new(client), EventWriter::new(server));
    for number in 0..100_u32 {
        let data = number.to_string();
        writer.send(EventRef::new(&data)).await.unwrap();
        assert_eq!(
            reader.next_frame().await.unwrap(),
            Some(Event::new(data).into())
        );
    }
}

#[tokio::test]
async fn a_socket_closed_in_an_event_is_an_end() {
    let (client, mut server) = socket_pair().await;
    server.write_all(b"data: 1\n\ndata: 2\n").await.unwrap();
    drop(server);
    let mut reader = EventReader::new(client);
    assert_eq!(
        reader.next_frame().await.unwrap(),
        Some(Event::new("1").into())
    );
    assert_eq!(reader.next_frame().await.unwrap(), None);
    assert_eq!(reader.decoder_mut().finish(), Some(EventRef::new("2")));
}

#[tokio::test]
async fn a_reset_socket_is_a_transport_error() {
    let (mut client, server) = socket_pair().await;
    // To close a socket that still holds unread bytes resets the connection.
    client.write_all(b"unread").await.unwrap();
    server.readable().await.unwrap();
    let mut reader = EventReader::new(client);
    drop(server);
    let error = reader.next_frame().await.unwrap_err();
    assert!(matches!(error, ReadError::Transport(_)), "{error:?}");
    assert_eq!(reader.next_frame().await.unwrap(), None);
}

#[tokio::test]
async fn a_cancelled_send_over_a_full_pipe_tears_no_frame() {
    let (near, far) = tokio::io::duplex(16);
    let (mut reader, mut writer) = (EventReader::new(far), EventWriter::new(near));
    let long = "x".repeat(100);
    tokio::select! {
        biased;
        sent = writer.send(EventRef::new(&long)) => panic!("the pipe cannot hold it: {sent:?}"),
        () = core::future::ready(()) => {}
    }
    let (sent, read) = tokio::join!(
        async {
            writer
                .send(FrameRef::Event(EventRef::new("short")))
                .await
                .unwrap();
            writer.close().await
        },
        async {
            let mut events = Vec::new();
            while let Some(frame) = reader.next_frame().await.unwrap() {
                events.push(frame);
            }
            events
        },
    );
    sent.unwrap();
    assert_eq!(read, [Event::new(long).into(), Event::new("short").into()]);
}
