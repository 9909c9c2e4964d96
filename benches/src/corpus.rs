//! Streams of known content, the same in every run.

use fastrand::Rng;

use crate::tally::Tally;

/// Names what the events of a corpus look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Chat chunks as OpenAI sends them: one `data` line of JSON, about 260 bytes an event.
    OpenAi,
    /// Deltas as Anthropic sends them: `event` and `data`, about 120 bytes an event.
    Anthropic,
    /// `data: x`.
    Tiny,
    /// `id`, `event` and `data` of a stock price, about 45 bytes an event.
    Stock,
    /// Events of 20 `data` lines of 80 bytes.
    Multi,
    /// Events of one line of 1 MiB.
    Huge,
    /// The stock corpus with CRLF.
    Crlf,
    /// Nine `: keep-alive` blocks before each small event.
    Keepalive,
    /// Chinese text, 200 to 300 bytes an event.
    Utf8,
}

impl Shape {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 9] = [
        Self::OpenAi,
        Self::Anthropic,
        Self::Tiny,
        Self::Stock,
        Self::Multi,
        Self::Huge,
        Self::Crlf,
        Self::Keepalive,
        Self::Utf8,
    ];

    /// Returns the name that tables and options use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Tiny => "tiny",
            Self::Stock => "stock",
            Self::Multi => "multi",
            Self::Huge => "huge",
            Self::Crlf => "crlf",
            Self::Keepalive => "keepalive",
            Self::Utf8 => "utf8",
        }
    }

    /// Returns the column of this shape in a table of all.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Holds the text of one event; an empty type or ID is none.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// The type.
    pub event_type: String,
    /// The data, its lines joined by LF.
    pub data: String,
    /// The ID.
    pub id: String,
}

impl Text {
    /// Adds this event as a receiver sees it.
    pub fn count(&self, tally: &mut Tally) {
        let event_type = if self.event_type.is_empty() {
            "message"
        } else {
            &self.event_type
        };
        tally.add(event_type, &self.data, &self.id);
    }
}

/// Gives the events of a shape, one behind the other, without an end.
#[derive(Debug)]
pub struct Texts {
    shape: Shape,
    rng: Rng,
    made: usize,
}

impl Texts {
    /// Starts at the first event.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            rng: Rng::with_seed(SEED),
            made: 0,
        }
    }
}

impl Iterator for Texts {
    type Item = Text;

    fn next(&mut self) -> Option<Text> {
        let rng = &mut self.rng;
        let number = self.made;
        self.made += 1;
        let data_only = |data| Text {
            data,
            ..Text::default()
        };
        Some(match self.shape {
            Shape::OpenAi => data_only(openai(rng)),
            Shape::Anthropic => Text {
                event_type: String::from("content_block_delta"),
                data: format!(
                    r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":" {}"}}}}"#,
                    word(rng),
                ),
                id: String::new(),
            },
            Shape::Tiny => data_only(String::from("x")),
            Shape::Stock | Shape::Crlf => Text {
                event_type: String::from(TICKERS[rng.usize(..TICKERS.len())]),
                data: format!(
                    "{}.{:02} {}",
                    rng.u32(100..1000),
                    rng.u32(..100),
                    rng.u32(10..100)
                ),
                id: format!("{}", 1_000_000 + number),
            },
            Shape::Multi => data_only(
                (0..20)
                    .map(|_| line(rng, 74))
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
            Shape::Huge => data_only(line(rng, (1 << 20) - "data: ".len())),
            Shape::Keepalive => data_only(format!("tick {}", 100_000 + number)),
            Shape::Utf8 => data_only(chinese(rng)),
        })
    }
}

/// Holds one stream and what is in it.
#[derive(Debug)]
pub struct Corpus {
    /// The bytes as they are sent.
    pub wire: Vec<u8>,
    /// What a receiver finds in them.
    pub tally: Tally,
}

impl Corpus {
    /// Makes whole events until at least `size` bytes are there. A smaller corpus of the same
    /// shape is a prefix of a larger one.
    pub fn new(shape: Shape, size: usize) -> Self {
        Self::make(shape, size + (1 << 12), |corpus| corpus.wire.len() < size)
    }

    /// Makes a number of events, which are those that a larger corpus begins with.
    pub fn of_events(shape: Shape, count: u64) -> Self {
        Self::make(shape, 0, |corpus| corpus.tally.events < count)
    }

    fn make(shape: Shape, capacity: usize, wants_more: impl Fn(&Self) -> bool) -> Self {
        let mut corpus = Self {
            wire: Vec::with_capacity(capacity),
            tally: Tally::default(),
        };
        let mut texts = Texts::new(shape);
        while wants_more(&corpus) {
            let Some(text) = texts.next() else { break };
            write(shape, &text, &mut corpus.wire);
            text.count(&mut corpus.tally);
        }
        corpus
    }
}

fn write(shape: Shape, text: &Text, wire: &mut Vec<u8>) {
    let line_end = if shape == Shape::Crlf { "\r\n" } else { "\n" };
    let mut line = |parts: [&str; 2]| {
        for part in parts.into_iter().chain([line_end]) {
            wire.extend_from_slice(part.as_bytes());
        }
    };
    if shape == Shape::Keepalive {
        for _ in 0..9 {
            line([": keep-alive", ""]);
            line(["", ""]);
        }
    }
    if !text.id.is_empty() {
        line(["id: ", &text.id]);
    }
    if !text.event_type.is_empty() {
        line(["event: ", &text.event_type]);
    }
    for part in text.data.split('\n') {
        line(["data: ", part]);
    }
    line(["", ""]);
}

fn openai(rng: &mut Rng) -> String {
    format!(
        concat!(
            r#"{{"id":"chatcmpl-9xKqT2vLmR4wZ8aBcDeFgHiJkLmN0","object":"chat.completion.chunk","#,
            r#""created":{},"model":"gpt-4o-2024-05-13","system_fingerprint":"fp_aa87380ac5","#,
            r#""choices":[{{"index":0,"delta":{{"content":" {}"}},"logprobs":null,"#,
            r#""finish_reason":null}}]}}"#,
        ),
        rng.u32(1_700_000_000..1_800_000_000),
        word(rng),
    )
}

fn word(rng: &mut Rng) -> String {
    let mut word = String::new();
    push_word(rng, &mut word);
    word
}

fn push_word(rng: &mut Rng, out: &mut String) {
    for _ in 0..rng.usize(2..10) {
        out.push(rng.lowercase());
    }
}

/// Returns `len` bytes of ASCII words.
fn line(rng: &mut Rng, len: usize) -> String {
    let mut line = String::with_capacity(len + 10);
    while line.len() < len {
        push_word(rng, &mut line);
        line.push(' ');
    }
    line.truncate(len);
    line
}

fn chinese(rng: &mut Rng) -> String {
    let mut text = String::new();
    for place in 1..=rng.usize(65..98) {
        match char::from_u32(rng.u32(0x4E00..0x9FA5)) {
            Some(_) if place % 12 == 0 => text.push('，'),
            Some(character) => text.push(character),
            None => {}
        }
    }
    text.push('。');
    text
}

const SEED: u64 = 0x0053_5345;
const TICKERS: [&str; 4] = ["AAPL", "AMZN", "GOOG", "MSFT"];
