//! The chat page in a real browser, through a restart of its server.

#![allow(
    clippy::unwrap_used,
    reason = "what these tests need is there, or they fail"
)]

use core::time::Duration;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Html;
use axum::routing::get;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use ssewire::hyper::start;
use ssewire::server::SessionConfig;
use ssewire::tokio::response_with;
use ssewire::{Event, Hub};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::example::example;

#[path = "../../it/common/example.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod example;

/// A message that would break a page or a stream that is careless.
const HOSTILE: &str = "\"quotes\" & 'more'\nevent: forged 😀 </script><b>bold</b>";

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn two_windows_chat_and_miss_nothing_while_the_server_restarts() {
    let driver = Process::start(Command::new("chromedriver").arg("--port=0"), |line| {
        let port = line.split("started successfully on port ").nth(1)?;
        Some(port.trim_end_matches('.').to_owned())
    });
    let chat = |port: &str| {
        Process::start(example("chat").arg(port), |line| {
            Some(
                line.strip_prefix("http://")?
                    .trim_end_matches('/')
                    .to_owned(),
            )
        })
    };
    let server = chat("0");
    let address = server.found.clone();

    let ann = Window::open(&driver.found, &address, "ann").await;
    let bob = Window::open(&driver.found, &address, "bob").await;
    ann.wait_for("#users", "ann (you)\nbob").await;
    bob.wait_for("#users", "ann\nbob (you)").await;

    ann.send(HOSTILE).await;
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
    ann.send("between us").await;
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
    let driver = Process::start(Command::new("chromedriver").arg("--port=0"), |line| {
        let port = line.split("started successfully on port ").nth(1)?;
        Some(port.trim_end_matches('.').to_owned())
    });
    let server = Process::start(example("stockprice").arg("0"), |line| {
        Some(
            line.strip_prefix("http://")?
                .trim_end_matches('/')
                .to_owned(),
        )
    });
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
    let driver = Process::start(Command::new("chromedriver").arg("--port=0"), |line| {
        let port = line.split("started successfully on port ").nth(1)?;
        Some(port.trim_end_matches('.').to_owned())
    });
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

/// Is one browser with a page.
struct Window {
    client: Client,
    /// Its profile, which goes when it is closed.
    _profile: tempfile::TempDir,
}

impl Window {
    async fn new(driver: &str, address: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1000,720",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".into(), json!({ "args": arguments }));
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{driver}"))
            .await
            .unwrap();
        client.goto(&format!("http://{address}/")).await.unwrap();
        Self {
            client,
            _profile: profile,
        }
    }

    async fn open(driver: &str, address: &str, name: &str) -> Self {
        let window = Self::new(driver, address).await;
        let field = window.client.find(Locator::Css("#name")).await.unwrap();
        field.send_keys(name).await.unwrap();
        window.click("#login button").await;
        window.wait_for("#state", "connected").await;
        window
    }

    async fn send(&self, message: &str) {
        // Not by keys: the driver has none for an emoji.
        let script = "document.querySelector('#message').value = arguments[0]";
        self.client
            .execute(script, vec![json!(message)])
            .await
            .unwrap();
        self.click("#send").await;
    }

    async fn click(&self, selector: &str) {
        let element = self.client.find(Locator::Css(selector)).await.unwrap();
        element.click().await.unwrap();
    }

    async fn count(&self, selector: &str) -> usize {
        self.client
            .find_all(Locator::Css(selector))
            .await
            .unwrap()
            .len()
    }

    /// Waits until an element has a text.
    async fn wait_for(&self, selector: &str, text: &str) {
        let condition = format!(
            "return document.querySelector({})?.innerText.trim() === {}",
            json!(selector),
            json!(text),
        );
        self.wait_until(&condition).await;
    }

    async fn wait_until(&self, condition: &str) {
        for _ in 0..300 {
            let holds = self.client.execute(condition, Vec::new()).await.unwrap();
            if holds == json!(true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let page = self
            .client
            .execute("return document.body.innerText", Vec::new())
            .await;
        panic!("{condition} never held in: {page:?}");
    }

    /// Takes a picture, for whoever names a folder for them.
    async fn picture(&self, name: &str) {
        if let Some(folder) = env::var_os("SSE_PICTURES") {
            let picture = self.client.screenshot().await.unwrap();
            std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), picture).unwrap();
        }
    }
}

/// Is a program that has said on stdout where it is to be found; it ends with this.
struct Process {
    child: Child,
    found: String,
}

impl Process {
    fn start(command: &mut Command, find: impl Fn(&str) -> Option<String>) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("it is installed");
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        let found = lines
            .find_map(|line| find(&line))
            .expect("it says where it is");
        // Its pipe must not fill up.
        std::thread::spawn(move || lines.count());
        Self { child, found }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
