//! A client of an API in the style of OpenAI's: prints a completion as it comes.
//!
//! `LLM_KEY=sk-… cargo run --bin llm_client -- https://llm.example/v1/chat/completions 'Once upon a time'`
//!
//! Each event is typed JSON, and `[DONE]` is the end. If the stream ends without it, that is an error. So
//! is an event with an error in it. The request is not repeated once text has come.

use std::error::Error;
use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
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

async fn complete(url: &str, prompt: &str) -> Result<(), Box<dyn Error>> {
    let request = Http::post(url)
        .bearer(std::env::var("LLM_KEY").unwrap_or_default())
        .json(&json!({
            "model": "any",
            "stream": true,
            "messages": [{ "role": "user", "content": prompt }],
        }));
    // What fails before the first event has cost nothing yet.
    let config = ClientConfig::new()
        .reconnect(Reconnect::UntilFirstEvent)
        .max_attempts(3)
        .idle_timeout(Duration::from_secs(60));
    let mut chunks = EventSource::new(request, config)
        .json::<Chunk>()
        .error_when(|event| event.data().starts_with("{\"error\""))
        .until("[DONE]");
    while let Some(chunk) = chunks.next().await {
        for choice in chunk?.choices {
            print!("{}", choice.delta.content.unwrap_or_default());
            stdout().flush()?;
        }
    }
    println!();
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some((url, prompt)) = arguments.next().zip(arguments.next()) else {
        eprintln!("usage: llm_client URL PROMPT");
        return ExitCode::from(2);
    };
    match complete(&url, &prompt).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
