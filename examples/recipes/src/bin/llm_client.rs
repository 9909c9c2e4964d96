//! A client of an API in the style of OpenAI's: prints a completion as it comes.
//! `LLM_KEY=sk-… cargo run --bin llm_client -- https://llm.example/v1/chat/completions 'Once upon a time'`
//!
//! Each event is typed JSON, and `[DONE]` is the end. If the stream ends without it, that is an error. So
//! is an event with an error in it. What the server says of an error is printed with it.

use std::error::Error;
use std::io::{Write, stdout};
use std::process::exit;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, from_slice, json};
use ssewire::io::JsonStreamError;
use ssewire::tokio::{ClientConfig, EventSource, Http, Reconnect};

#[derive(Deserialize)]
struct Chunk {
    choices: Vec<Choice>,
}
#[derive(Deserialize)]
struct Choice {
    delta: Delta,
}
#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

/// Returns what the server says of an error, in an event or in place of a stream.
fn failure(json: &[u8]) -> Option<Value> {
    let mut json: Value = from_slice(json).ok()?;
    Some(json.get_mut("error")?.take()).filter(|error| !error.is_null())
}

async fn complete(url: &str, prompt: &str) -> Result<(), Box<dyn Error>> {
    let request = Http::post(url)
        .bearer(std::env::var("LLM_KEY").unwrap_or_default())
        .json(&json!({
            "model": "any",
            "stream": true,
            "messages": [{ "role": "user", "content": prompt }],
        }));
    // A request is repeated if it fails before the first event, although that may cost twice.
    let config = ClientConfig::new()
        .reconnect(Reconnect::UntilFirstEvent)
        .max_attempts(3)
        .idle_timeout(Duration::from_secs(60));
    let mut chunks = EventSource::new(request, config)
        .json::<Chunk>()
        .error_when(|event| failure(event.data().as_bytes()).is_some())
        .until("[DONE]");
    while let Some(chunk) = chunks.next().await {
        if let Err(JsonStreamError::Source(error)) = &chunk
            && let Some(said) = error.response().and_then(|it| failure(it.body()))
        {
            return Err(format!("{error}: {said}").into());
        }
        for choice in chunk?.choices {
            print!("{}", choice.delta.content.unwrap_or_default());
            stdout().flush()?;
        }
    }
    println!();
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some((url, prompt)) = arguments.next().zip(arguments.next()) else {
        eprintln!("usage: llm_client URL PROMPT");
        exit(2);
    };
    if let Err(error) = complete(&url, &prompt).await {
        eprintln!("{error}");
        exit(1);
    }
}
