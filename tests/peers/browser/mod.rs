//! A browser with a page, and the programs that a test of it needs.
#![allow(dead_code, reason = "each test uses its own part of it")]

use core::time::Duration;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;

/// Starts the driver of the browser, on any free port.
pub(crate) fn driver() -> Process {
    Process::start(Command::new("chromedriver").arg("--port=0"), |line| {
        let port = line.split("started successfully on port ").nth(1)?;
        Some(port.trim_end_matches('.').to_owned())
    })
}

/// Returns the address in a line with a URL.
pub(crate) fn address(line: &str) -> Option<String> {
    Some(
        line.strip_prefix("http://")?
            .trim_end_matches('/')
            .to_owned(),
    )
}

/// One browser with a page.
pub(crate) struct Window {
    pub(crate) client: Client,
    /// Its profile, which goes when it is closed.
    _profile: tempfile::TempDir,
}

impl Window {
    pub(crate) async fn new(driver: &str, address: &str) -> Self {
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

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.client.find(Locator::Css(selector)).await.unwrap();
        element.click().await.unwrap();
    }

    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.client
            .find_all(Locator::Css(selector))
            .await
            .unwrap()
            .len()
    }

    /// Waits until an element has a text.
    pub(crate) async fn wait_for(&self, selector: &str, text: &str) {
        let condition = format!(
            "return document.querySelector({})?.innerText.trim() === {}",
            json!(selector),
            json!(text),
        );
        self.wait_until(&condition).await;
    }

    pub(crate) async fn wait_until(&self, condition: &str) {
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
    pub(crate) async fn picture(&self, name: &str) {
        if let Some(folder) = env::var_os("SSE_PICTURES") {
            let picture = self.client.screenshot().await.unwrap();
            std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), picture).unwrap();
        }
    }
}

/// A program that has said on stdout where it is to be found; it ends with this.
pub(crate) struct Process {
    child: Child,
    pub(crate) found: String,
}

impl Process {
    pub(crate) fn start(command: &mut Command, find: impl Fn(&str) -> Option<String>) -> Self {
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
