//! Many events over two nodes, and clients that hop between them all the time.

use core::time::Duration;

use ssewire::Event;
use ssewire::hub::Observation;
use ssewire::server::{EventId, Start};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use super::server::Server;
use super::{Node, Seen};

/// `SOAK_EVENTS=1000000 cargo test … soak -- --ignored` takes some minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server, and takes SOAK_EVENTS, or 20000"]
async fn whoever_hops_gets_each_event_once_and_in_order() {
    let count = std::env::var("SOAK_EVENTS").map_or(20_000, |count| count.parse().unwrap());
    let server = Server::start();
    let nodes = [Node::over(&server.url()), Node::over(&server.url())];
    for node in &nodes {
        node.hub.observe(|observation| {
            if let Observation::RelayFailed { message, .. } = observation {
                println!("{message}");
            }
        });
    }
    let first = nodes[0]
        .hub
        .publish("news", Event::new("first"))
        .await
        .unwrap();
    let clients: Vec<_> = (0..10)
        .map(|index| {
            let hubs = [nodes[0].hub.clone(), nodes[1].hub.clone()];
            let mut luck = fastrand::Rng::with_seed(index);
            tokio::spawn(async move {
                let mut seen = Seen {
                    last: Some(first),
                    ..Seen::default()
                };
                while seen.events.last().is_none_or(|(_, data)| data != "end") {
                    let hub = &hubs[luck.usize(..2)];
                    let last = seen.last.unwrap();
                    let mut news = hub.subscribe("news", Start::After(last)).unwrap();
                    let until = Instant::now() + Duration::from_millis(luck.u64(1..200));
                    while let Ok(Some(events)) = timeout_at(until, news.next()).await {
                        seen.take(events.as_bytes());
                        // What drives the hubs has its turn, however far behind this client is.
                        yield_now().await;
                    }
                }
                seen
            })
        })
        .collect();
    let mut ids: Vec<EventId> = Vec::with_capacity(count);
    let mut left = count;
    while left > 0 {
        let batch = left.min(1_000);
        let waiting: Vec<_> = (0..batch)
            .map(|index| nodes[index % 2].hub.publish("news", Event::new("x")))
            .collect();
        for publication in waiting {
            ids.push(publication.await.unwrap());
        }
        left -= batch;
    }
    ids.push(
        nodes[1]
            .hub
            .publish("news", Event::new("end"))
            .await
            .unwrap(),
    );
    ids.sort_unstable();
    for client in clients {
        let seen = client.await.unwrap();
        assert_eq!(seen.gaps, [""; 0]);
        assert!(seen.events.iter().map(|(id, _)| id).eq(&ids));
    }
}
