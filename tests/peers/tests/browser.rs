//! The chat page in a real browser, through a restart of its server.

#![allow(
    clippy::unwrap_used,
    reason = "what these tests need is there, or they fail"
)]

use core::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Html;
use axum::routing::get;
use fantoccini::Locator;
use serde_json::json;
use ssewire::hyper::start;
use ssewire::server::SessionConfig;
use ssewire::tokio::response_with;
use ssewire::{Event, Hub};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::browser::{Process, Window, address, driver};
use self::example::example;

#[path = "../browser/mod.rs"]
mod browser;

#[path = "../../it/common/example.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod example;

/// A message that would break a page or a stream that is careless.
const HOSTILE: &str = "\"quotes\" & 'more'\nevent: forged 😀 </script><b>bold</b>";

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn two_windows_chat_and_miss_nothing_while_the_server_restarts() {
    let driver = driver();
    let chat = |port: &str| Process::start(example("chat").arg(port), address);
    let server = chat("0");
    let address = server.found.clone();

    let ann = log_in(&driver.found, &address, "ann").await;
    let bob = log_in(&driver.found, &address, "bob").await;
    ann.wait_for("#users", "ann (you)\nbob").await;
    bob.wait_for("#users", "ann\nbob (you)").await;

    say(&ann, HOSTILE).await;
    for window in [&ann, &bob] {
        window
            .wait_for("#messages li.broadcast:last-child .bubble", HOSTILE)
            .await;
    }
    // To one only, from somebody who has no window.
    post(
        &address,
        "/chat/direct?from=eve&to=bob&message=psst%20%3C%2Fscript%3E",
    )
    .await;
    bob.wait_for("#messages li.direct:last-child .bubble", "psst </script>")
        .await;
    // And from a window: a click on the name, then a message.
    ann.click("#users button[data-name=bob]").await;
    say(&ann, "between us").await;
    for window in [&ann, &bob] {
        window
            .wait_for("#messages li.direct:last-child .bubble", "between us")
            .await;
    }
    assert_eq!(
        ann.count("#messages li.direct").await,
        1,
        "what eve wrote is bob's"
    );
    assert_eq!(bob.count("#messages li.direct").await, 2);
    ann.picture("chat").await;

    drop(server);
    for window in [&ann, &bob] {
        window.wait_for("#state", "reconnecting").await;
    }
    let (_, port) = address.rsplit_once(':').unwrap();
    let _server = chat(port);
    post(&address, "/chat/broadcast?from=eve&message=in%20between").await;
    for window in [&ann, &bob] {
        window.wait_for("#state", "connected").await;
        window
            .wait_for("#messages li.broadcast:last-child .bubble", "in between")
            .await;
        assert_eq!(window.count("#messages li.missed").await, 1);
        assert_eq!(
            window.count("#messages li.broadcast").await,
            2,
            "nothing came twice"
        );
    }
    bob.picture("chat-resumed").await;
    for window in [ann, bob] {
        window.client.close().await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn the_stock_page_shows_prices() {
    let driver = driver();
    let server = Process::start(example("stockprice").arg("0"), address);
    let window = Window::new(&driver.found, &server.found).await;
    window.wait_for("#state", "live").await;
    // Some prices, so that the lines of the chart have a length.
    let three = "return document.querySelectorAll('polyline')[1].getAttribute('points')\
        ?.split(' ').length >= 3";
    window.wait_until(three).await;
    window.picture("stockprice").await;
    window.client.close().await.unwrap();
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn a_page_that_loses_its_connection_before_its_first_event_misses_nothing() {
    let driver = driver();
    let hub = Hub::new();
    // Each stream ends soon after its opening.
    let config = SessionConfig::new()
        .keep_alive(None)
        .retry(Duration::from_millis(500))
        .max_age(Duration::from_millis(200))
        .jitter_percent(0);
    let events = async move |State(hub): State<Hub>, request: Request| {
        let start = start(&request).unwrap().unwrap_or_default();
        let id = request.headers().get("last-event-id");
        if let Some(id) = id {
            // The first request that has one: what was missed is published before it is answered.
            if hub.position().to_string() == id.to_str().unwrap() {
                hub.publish("news", Event::new("missed"));
            }
        }
        response_with(hub.subscribe("news", start).unwrap(), config)
    };
    let router = Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/events", get(events))
        .with_state(hub.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let window = Window::new(&driver.found, &address).await;
    // The block of the position fires no event, and its ID comes back.
    window.wait_for("#seen", "missed").await;
    assert_eq!(hub.position().number(), 1);
    window.client.close().await.unwrap();
}

/// A page that shows the data of each event.
const PAGE: &str = "<!doctype html><title>news</title><pre id=seen></pre><script>
    new EventSource('/events').onmessage = (event) => {
        document.getElementById('seen').textContent += `${event.data}\\n`;
    };
</script>";

async fn log_in(driver: &str, address: &str, name: &str) -> Window {
    let window = Window::new(driver, address).await;
    let field = window.client.find(Locator::Css("#name")).await.unwrap();
    field.send_keys(name).await.unwrap();
    window.click("#login button").await;
    window.wait_for("#state", "connected").await;
    window
}

async fn say(window: &Window, message: &str) {
    // Not by keys: the driver has none for an emoji.
    let script = "document.querySelector('#message').value = arguments[0]";
    window
        .client
        .execute(script, vec![json!(message)])
        .await
        .unwrap();
    window.click("#send").await;
}

async fn post(address: &str, path: &str) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("{\"message\":\"success\"}"), "{answer}");
}
