//! A hub over a real Redis behind TLS.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use ssewire::Event;
use ssewire::hub::Observation;
use ssewire::hyper::Tls;
use ssewire::redis::Config;
use ssewire::server::{Failure, PublishError, RelayConfig};
use ssewire::tokio::Runtime;

use crate::redis_server::{Server, free_port};
use crate::tls_server::Root;

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_hub_runs_over_tls_and_trusts_only_its_roots() {
    let root = Root::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identity.pem");
    std::fs::write(&file, root.identity(&["127.0.0.1"])).unwrap();
    let (file, port) = (file.to_str().unwrap(), free_port());
    let options = ["--tls-port", &port.to_string(), "--tls-auth-clients", "no"];
    let files = ["--tls-cert-file", file, "--tls-key-file", file];
    let rest = ["--tls-ca-cert-file", file, "--save", ""];
    let server = Server::with_options(&[&options[..], &files, &rest].concat());
    server.command(&["CONFIG", "SET", "requirepass", "secret"]);

    let relay = RelayConfig::new().deadline(Duration::from_millis(800));
    let config = |roots: &Root| {
        let config = Config::new(format!("rediss://:secret@127.0.0.1:{port}/")).unwrap();
        let tls = Tls::with_roots(roots.pem().as_bytes()).unwrap();
        config.tls(tls).relay(relay.clone())
    };
    let (hub, driver) = config(&root).open::<Runtime>();
    tokio::spawn(driver);
    let mut news = hub.subscribe("news", None).unwrap();
    hub.publish("news", Event::new("hello")).await.unwrap();
    let events = news.next().await.unwrap();
    assert!(events.as_bytes().ends_with(b"data: hello\n\n"));

    let (hub, driver) = config(&Root::new()).open::<Runtime>();
    tokio::spawn(driver);
    let told = Arc::new(Mutex::new(String::new()));
    let observed = Arc::clone(&told);
    hub.observe(move |observation| {
        if let Observation::RelayFailed { message, .. } = observation {
            *observed.lock().unwrap() = message.to_string();
        }
    });
    let expired = hub.publish("news", Event::new("hello")).await;
    assert_eq!(expired, Err(PublishError::Expired));
    assert_eq!(hub.health().unwrap().failure, Some(Failure::Lost));
    let told = told.lock().unwrap().clone();
    assert!(told.contains("certificate"), "{told}");
}
