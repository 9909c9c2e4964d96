//! A hub on actix-web, whose bodies are streams of bytes.
//!
//! `cargo run --bin actix -- PORT`, then
//! `curl -N http://127.0.0.1:8888/events` and `curl -d hello http://127.0.0.1:8888/publish`

use std::error::Error;
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use ssewire::hyper::{EventBody, event_stream};
use ssewire::server::{SessionConfig, start_of_request};
use ssewire::tokio::Runtime;
use ssewire::{Event, Hub};
use tokio::time::sleep;

async fn events(hub: web::Data<Hub>, request: HttpRequest) -> HttpResponse {
    let ids = request
        .headers()
        .get_all("last-event-id")
        .map(|id| id.as_bytes());
    let start = match start_of_request(ids, request.uri().query()) {
        Ok(start) => start.unwrap_or_default(),
        Err(error) => return HttpResponse::BadRequest().body(error.to_string()),
    };
    let Ok(events) = hub.subscribe("news", start) else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let mut response = HttpResponse::Ok();
    for (name, value) in event_stream(()).headers() {
        response.insert_header((name.as_str(), value.as_bytes()));
    }
    let body = EventBody::with_session(events, SessionConfig::new(), Runtime::default());
    response.streaming(body.into_stream())
}

async fn publish(hub: web::Data<Hub>, data: String) -> String {
    match hub.publish("news", Event::new(data)).await {
        Ok(id) => format!("{id}\n"),
        Err(error) => format!("{error}\n"),
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1);
    let port: u16 = port.as_deref().unwrap_or("8888").parse()?;
    let hub = Hub::new();
    let shared = web::Data::new(hub.clone());
    let app = move || {
        App::new()
            .app_data(shared.clone())
            .route("/events", web::get().to(events))
            .route("/publish", web::post().to(publish))
    };
    let server = HttpServer::new(app)
        .disable_signals()
        .bind(("127.0.0.1", port))?;
    println!("http://{}/events", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            // Every stream ends at an event after which its client can resume.
            hub.shutdown(sleep(Duration::from_secs(1))).await;
            handle.stop(true).await;
        }
    });
    Ok(server.await?)
}
