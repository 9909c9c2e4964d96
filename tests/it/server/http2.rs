//! Many streams on one connection of HTTP/2.

use core::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::GracefulShutdown;
use ssewire::hyper::EventReader;
use ssewire::server::{SessionConfig, TopicsConfig};
use ssewire::{Event, Frame, Hub};
use tokio::net::TcpStream;

use crate::common::serving::{PATIENCE, Server, accept, answer, block_on};

/// Serves a hub over HTTP/2, to whoever knows that it is that.
fn start(hub: Hub) -> Server {
    let served = hub.clone();
    Server::on_tokio(hub, |listener| {
        accept(listener, move |socket| {
            let hub = served.clone();
            let config = SessionConfig::new().keep_alive(None);
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&hub, &config, request.uri().path(), request.headers());
                async { Ok::<_, Infallible>(answer) }
            });
            let server = http2::Builder::new(TokioExecutor::new());
            let served = server.serve_connection(TokioIo::new(socket), service);
            async { drop(served.await) }
        })
    })
}

struct Connection(SendRequest<Empty<Bytes>>);

impl Connection {
    async fn open(server: &Server) -> Self {
        let socket = TokioIo::new(TcpStream::connect(server.address).await.unwrap());
        let mut client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        // What a stream that is not read holds, and what it leaves to the others.
        client.initial_stream_window_size(64 << 10);
        client.initial_connection_window_size(1 << 20);
        let (requests, connection) = client.handshake(socket).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        Self(requests)
    }

    async fn get(&mut self, path: &str, last_event_id: &str) -> Response<Incoming> {
        let request = Request::get(format!("http://test{path}"));
        let request = request.header("last-event-id", last_event_id);
        let request = request.body(Empty::new()).unwrap();
        self.0.ready().await.unwrap();
        self.0.send_request(request).await.unwrap()
    }

    async fn events(&mut self, path: &str, last_event_id: &str) -> EventReader<Incoming> {
        let response = self.get(path, last_event_id).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        EventReader::new(response.into_body())
    }
}

async fn event(reader: &mut EventReader<Incoming>) -> Option<Event> {
    match reader
        .next_frame()
        .await
        .expect("the stream goes on or ends well")?
    {
        Frame::Event(event) => Some(event),
        frame => panic!("{frame:?}"),
    }
}

async fn data(reader: &mut EventReader<Incoming>) -> String {
    event(reader).await.expect("one more event").data().into()
}

#[test]
fn many_streams_share_one_connection() {
    const STREAMS: usize = 150;
    let server = start(Hub::new());
    block_on(async {
        let mut connection = Connection::open(&server).await;
        let mut readers = Vec::new();
        for number in 0..STREAMS {
            // The head is here though there is no event.
            let path = format!("/all,{number}");
            readers.push(connection.events(&path, "").await);
        }
        assert_eq!(server.hub.subscriber_count_of("all"), STREAMS);
        for round in 0..10 {
            for number in 0..STREAMS {
                let text = format!("{round} for {number}");
                server.hub.publish(number.to_string(), Event::new(text));
            }
            server.hub.publish("all", Event::new(round.to_string()));
        }
        for (number, reader) in readers.iter_mut().enumerate() {
            for round in 0..10 {
                assert_eq!(data(reader).await, format!("{round} for {number}"));
                assert_eq!(data(reader).await, round.to_string());
            }
        }

        // Each leaves by itself.
        readers.truncate(STREAMS / 2);
        while server.hub.subscriber_count() > STREAMS / 2 {
            tokio::task::yield_now().await;
        }
        server.hub.publish("all", Event::new("who is left?"));
        for reader in &mut readers {
            assert_eq!(data(reader).await, "who is left?");
        }

        let left = server.hub.shutdown(tokio::time::sleep(PATIENCE)).await;
        assert_eq!(left, 0);
        for reader in &mut readers {
            assert_eq!(event(reader).await, None);
        }
    });
}

#[test]
fn a_connection_that_is_lost_takes_all_its_streams_along() {
    let server = start(Hub::new());
    block_on(async {
        let mut connection = Connection::open(&server).await;
        for _ in 0..20 {
            // Without its reader a stream would be reset alone.
            core::mem::forget(connection.get("/a", "").await);
        }
        assert_eq!(server.hub.subscriber_count(), 20);
    });
    // The runtime is gone, and the socket with it.
    server.wait_for_subscribers(0);
    server.wait_for_closed_sockets();
}

#[test]
fn a_stream_that_is_not_read_holds_up_none_of_the_others_and_resumes() {
    const EVENTS: usize = 180;
    let server = start(Hub::with_config(TopicsConfig::new().max_bytes(1 << 20)));
    block_on(async {
        let mut connection = Connection::open(&server).await;
        let mut stalled = connection.events("/a", "").await;
        let mut readers = Vec::new();
        for _ in 0..20 {
            readers.push(connection.events("/a", "").await);
        }
        for number in 0..EVENTS {
            let text = format!("{number} {}", "x".repeat(4_000));
            server.hub.publish("a", Event::new(text));
            for reader in &mut readers {
                assert_eq!(number_of(&event(reader).await.unwrap()), number);
            }
        }
        assert_eq!(server.hub.stats().disconnected, 0);

        let (mut next, mut last) = (0, String::new());
        while let Some(event) = event(&mut stalled).await {
            assert_eq!(number_of(&event), next);
            next += 1;
            last = event.id().unwrap().into();
        }
        assert!(next < EVENTS);
        assert_eq!(server.hub.stats().disconnected, 1);
        let mut resumed = connection.events("/a", &last).await;
        for number in next..EVENTS {
            assert_eq!(number_of(&event(&mut resumed).await.unwrap()), number);
        }
    });
}

/// The hub knows that all was taken from it, not that it is out: the server's own shutdown is awaited.
#[test]
fn nothing_is_lost_when_the_process_ends_after_both_shutdowns() {
    const STREAMS: usize = 50;
    for round in 0..10 {
        let hub = Hub::new();
        let served = hub.clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = Server::on_tokio(hub, |listener| async move {
            let connections = GracefulShutdown::new();
            let accepting = async {
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    let hub = served.clone();
                    let config = SessionConfig::new().keep_alive(None);
                    let service = service_fn(move |request: Request<Incoming>| {
                        let answer = answer(&hub, &config, request.uri().path(), request.headers());
                        async { Ok::<_, Infallible>(answer) }
                    });
                    let server = http2::Builder::new(TokioExecutor::new());
                    let connection = server.serve_connection(TokioIo::new(socket), service);
                    tokio::spawn(connections.watch(connection));
                }
            };
            tokio::select! {
                () = accepting => {}
                _ = stopped => {}
            }
            let left = served.shutdown(tokio::time::sleep(PATIENCE)).await;
            assert_eq!(left, 0);
            connections.shutdown().await;
            // The runtime ends here, with all of its tasks.
        });
        block_on(async {
            let mut connection = Connection::open(&server).await;
            let mut readers = Vec::new();
            for _ in 0..STREAMS {
                readers.push(connection.events("/a", "").await);
            }
            server.hub.publish("a", Event::new("x".repeat(500)));
            stop.send(()).unwrap();
            for reader in &mut readers {
                assert_eq!(data(reader).await.len(), 500, "{round}");
                assert_eq!(event(reader).await, None, "{round}");
            }
        });
    }
}

fn number_of(event: &Event) -> usize {
    assert_eq!(event.event_type(), "message", "{event:?}");
    event.data().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn an_id_that_is_none_is_refused_alone() {
    let server = start(Hub::new());
    block_on(async {
        let mut connection = Connection::open(&server).await;
        let mut others = connection.events("/a", "").await;
        let refused = connection.get("/a", &"1".repeat(5_000)).await;
        assert_eq!(refused.status(), 400);
        server.hub.publish("a", Event::new("1"));
        assert_eq!(data(&mut others).await, "1");
        let mut behind = connection.events("/a", "elsewhere-1").await;
        let gap = event(&mut behind).await.unwrap();
        assert_eq!((gap.event_type(), gap.data()), ("gap", "unknown"));
    });
}
