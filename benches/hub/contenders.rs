//! What is measured: a hub, one event at a time and in bursts, and two channels of tokio's.

use bytes::Bytes;
use futures_core::Stream;
use ssewire::hub::{Publication, SubscriptionStream};
use ssewire::{Event, Hub};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// A contender.
pub(crate) trait Bench {
    type Stream: Stream + Unpin;

    fn new() -> Self;

    fn subscribe(&mut self) -> Self::Stream;

    /// Publishes an event, and returns how many bytes every subscriber gets.
    fn publish(&mut self, event: &Event) -> usize;

    /// Publishes an event several times in a row.
    fn publish_all(&mut self, event: &Event, count: usize) -> usize {
        (0..count).map(|_| self.publish(event)).sum()
    }

    /// Returns what is written to the socket.
    fn bytes(item: <Self::Stream as Stream>::Item) -> Bytes;
}

pub(crate) struct HubBench(Hub);

impl Bench for HubBench {
    type Stream = SubscriptionStream;

    fn new() -> Self {
        Self(Hub::new())
    }

    fn subscribe(&mut self) -> SubscriptionStream {
        self.0.subscribe(["topic"], None).unwrap().into_stream()
    }

    fn publish(&mut self, event: &Event) -> usize {
        published_len(&self.0.publish("topic", event), event)
    }

    fn bytes(item: ssewire::server::Encoded) -> Bytes {
        item.into_bytes()
    }
}

/// The events are published as a `Burst`.
pub(crate) struct BurstBench(Hub);

impl Bench for BurstBench {
    type Stream = SubscriptionStream;

    fn new() -> Self {
        Self(Hub::new())
    }

    fn subscribe(&mut self) -> SubscriptionStream {
        self.0.subscribe(["topic"], None).unwrap().into_stream()
    }

    fn publish(&mut self, event: &Event) -> usize {
        self.publish_all(event, 1)
    }

    fn publish_all(&mut self, event: &Event, count: usize) -> usize {
        let mut burst = self.0.burst();
        (0..count)
            .map(|_| published_len(&burst.publish("topic", event), event))
            .sum()
    }

    fn bytes(item: ssewire::server::Encoded) -> Bytes {
        item.into_bytes()
    }
}

fn published_len(publication: &Publication, event: &Event) -> usize {
    let id = publication.id().expect("the topic is open");
    let id = event.clone().with_id(id.to_string());
    // The length alone: what it takes to know it is the bench's own, and the same for all.
    id.expect("an ID").to_bytes().len()
}

/// Every event is encoded once, by hand.
pub(crate) struct BytesBench(broadcast::Sender<Bytes>, u64);

impl Bench for BytesBench {
    type Stream = BroadcastStream<Bytes>;

    fn new() -> Self {
        Self(broadcast::channel(1024).0, 0)
    }

    fn subscribe(&mut self) -> BroadcastStream<Bytes> {
        BroadcastStream::new(self.0.subscribe())
    }

    fn publish(&mut self, event: &Event) -> usize {
        self.1 += 1;
        let event = event.clone().with_id(self.1.to_string()).expect("an ID");
        let bytes = event.to_bytes();
        let len = bytes.len();
        let _ = self.0.send(bytes);
        len
    }

    fn bytes(item: <BroadcastStream<Bytes> as Stream>::Item) -> Bytes {
        item.expect("nobody lags")
    }
}

/// Every receiver encodes for itself, as the stream of events behind a usual response does.
pub(crate) struct EventsBench(broadcast::Sender<Event>, u64);

impl Bench for EventsBench {
    type Stream = BroadcastStream<Event>;

    fn new() -> Self {
        Self(broadcast::channel(1024).0, 0)
    }

    fn subscribe(&mut self) -> BroadcastStream<Event> {
        BroadcastStream::new(self.0.subscribe())
    }

    fn publish(&mut self, event: &Event) -> usize {
        self.1 += 1;
        let event = event.clone().with_id(self.1.to_string()).expect("an ID");
        let len = event.to_bytes().len();
        let _ = self.0.send(event);
        len
    }

    fn bytes(item: <BroadcastStream<Event> as Stream>::Item) -> Bytes {
        item.expect("nobody lags").to_bytes()
    }
}

pub(crate) fn event() -> Event {
    Event::new("x".repeat(150))
        .with_type("price")
        .expect("no line break")
}

pub(crate) const HUB: &str = "hub";
pub(crate) const BURST: &str = "hub, in a `Burst`";
pub(crate) const BYTES: &str = "broadcast of bytes";
pub(crate) const EVENTS: &str = "broadcast of events";
