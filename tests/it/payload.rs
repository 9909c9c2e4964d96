//! JSON and base64 in the data: there and back, and what is said of data that is neither.

use core::error::Error;
use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize, Serializer, ser};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use ssewire::{Base64Error, Decoder, Event, EventRef, FrameRef, JsonError};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Price<'a> {
    symbol: &'a str,
    #[serde(borrow)]
    note: Cow<'a, str>,
    cents: u64,
}

#[test]
fn json_is_written_on_one_line_and_read_again() {
    let price = Price {
        symbol: "AAPL",
        note: "two\nlines, \u{2028} and 日本語 😀".into(),
        cents: 12150,
    };
    let event = Event::json(&price).expect("JSON");
    assert_eq!(event.event_type(), "message");
    assert_eq!(event.id(), None);
    assert_eq!(
        event.data(),
        "{\"symbol\":\"AAPL\",\"note\":\"two\\nlines, \u{2028} and 日本語 😀\",\"cents\":12150}"
    );
    assert_eq!(
        over_the_wire(&event).parse_json::<Price<'_>>().unwrap(),
        price
    );
}

#[test]
fn json_takes_a_type_and_an_id() {
    let event = Event::json("x")
        .expect("JSON")
        .with_type("note")
        .and_then(|event| event.with_id("7"))
        .expect("fields");
    assert_eq!(event.to_bytes(), "id: 7\nevent: note\ndata: \"x\"\n\n");
}

#[test]
fn json_that_a_value_brings_with_line_breaks_becomes_one_line() {
    let raw = RawValue::from_string("[1,\r\n2,\r3,\n\"a\\nb\"]".to_owned()).expect("JSON");
    let event = Event::json(&raw).expect("JSON");
    assert_eq!(event.data(), "[1,  2, 3, \"a\\nb\"]");
    assert_eq!(over_the_wire(&event), event);
}

#[test]
fn json_over_several_data_lines_is_read() {
    let wire = b"data: {\ndata:   \"a\": [1,\ndata:\ndata: 2]\ndata: }\n\n";
    let value: Value = decoded(wire).parse_json().expect("JSON");
    assert_eq!(value, json!({"a": [1, 2]}));
    let value: Vec<u8> = EventRef::new("[1,\r2,\r\n3]").parse_json().expect("JSON");
    assert_eq!(value, [1, 2, 3]);
}

#[test]
fn strings_are_borrowed_from_the_data() {
    let event = Event::new(r#"{"symbol": "AAPL", "note": "plain", "cents": 1}"#);
    let price: Price<'_> = event.parse_json().expect("a price");
    assert!(
        event
            .data()
            .as_bytes()
            .as_ptr_range()
            .contains(&price.symbol.as_ptr())
    );
    assert!(matches!(price.note, Cow::Borrowed("plain")));

    // From an `EventRef` they live as long as the data, not as the `EventRef`.
    let data = String::from(r#"["AAPL", "GOOG"]"#);
    let symbols: Vec<&str> = {
        let event = EventRef::new(&data);
        event.parse_json().expect("symbols")
    };
    assert_eq!(symbols, ["AAPL", "GOOG"]);

    let error = Event::new(r#""a\nb""#).parse_json::<&str>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "JSON of event \"message\": invalid type: string \"a\\nb\", \
         expected a borrowed string at line 1 column 6"
    );
}

#[test]
fn json_errors_say_which_event_and_where() {
    for (data, line, column, message) in [
        ("", 1, 0, "EOF while parsing a value at line 1 column 0"),
        ("[DONE]", 1, 2, "expected value at line 1 column 2"),
        ("[1,\n2,\nx]", 3, 1, "expected value at line 3 column 1"),
        ("[1]\n[2]", 2, 1, "trailing characters at line 2 column 1"),
        (
            "[1, \"é\"]",
            1,
            8,
            "invalid type: string \"é\", expected u8 at line 1 column 8",
        ),
    ] {
        let event = Event::new(data)
            .with_type("price")
            .and_then(|event| event.with_id("7"))
            .expect("fields");
        for error in [
            event.parse_json::<Vec<u8>>().unwrap_err(),
            event.as_event_ref().parse_json::<Vec<u8>>().unwrap_err(),
            decoded(&event.to_bytes())
                .parse_json::<Vec<u8>>()
                .unwrap_err(),
        ] {
            assert_eq!(error.event_type(), "price");
            assert_eq!(error.id(), Some("7"));
            assert_eq!((error.line(), error.column()), (line, column), "{data:?}");
            assert_eq!(
                error.to_string(),
                format!("JSON of event \"price\" with id \"7\": {message}")
            );
            assert_eq!(error.json_error().to_string(), message);
            assert!(error.source().is_none(), "it would be shown twice");
        }
    }
}

#[test]
fn a_missing_field_is_named() {
    let event = Event::new(r#"{"symbol": "AAPL", "note": ""}"#);
    let error = event.parse_json::<Price<'_>>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "JSON of event \"message\": missing field `cents` at line 1 column 30"
    );
    assert!(error.json_error().is_data());
}

#[test]
fn a_value_that_is_refused_as_a_whole_has_no_line() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "u32")]
    struct Even;

    impl TryFrom<u32> for Even {
        type Error = &'static str;

        fn try_from(number: u32) -> Result<Self, Self::Error> {
            if number % 2 == 0 {
                Ok(Self)
            } else {
                Err("number is odd")
            }
        }
    }

    assert!(Event::new("4").parse_json::<Even>().is_ok());
    let error = Event::new("3").parse_json::<Even>().unwrap_err();
    assert_eq!((error.line(), error.column()), (0, 0));
    assert_eq!(
        error.to_string(),
        "JSON of event \"message\": number is odd"
    );
}

#[test]
fn a_value_that_cannot_be_json_is_refused() {
    struct Broken;

    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(ser::Error::custom("sensor is off"))
        }
    }

    let error = Event::json(&Broken).unwrap_err();
    assert_eq!(error.to_string(), "JSON of a new event: sensor is off");
    assert_eq!((error.event_type(), error.id()), ("message", None));
    assert_eq!((error.line(), error.column()), (0, 0));

    let error = Event::json(&BTreeMap::from([((1, 2), 3)])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "JSON of a new event: key must be a string"
    );
}

#[test]
fn what_a_peer_makes_long_is_cut_in_errors() {
    let (event_type, id) = ("é".repeat(1000), "x".repeat(65));
    let data = format!("[\n\"{}\"]", "日".repeat(100_000));
    let event = Event::new(&data)
        .with_type(&event_type)
        .and_then(|event| event.with_id(&id))
        .expect("fields");

    let error = event.parse_json::<Vec<u8>>().unwrap_err();
    assert_eq!(error.event_type(), format!("{}…", "é".repeat(32)));
    assert_eq!(error.id(), Some(&*format!("{}…", "x".repeat(64))));
    let message = error.to_string();
    assert!(message.len() < 600, "{message}");
    assert!(
        message.ends_with("日日… at line 2 column 300002"),
        "{message}"
    );

    let error = event.decode_base64().unwrap_err();
    assert_eq!(error.event_type(), format!("{}…", "é".repeat(32)));
    assert_eq!(error.id(), Some(&*format!("{}…", "x".repeat(64))));

    let full = "x".repeat(64);
    let event = Event::new("!").with_type(&full).expect("a type");
    assert_eq!(event.decode_base64().unwrap_err().event_type(), full);
}

#[test]
fn control_characters_do_not_reach_the_message() {
    let event = Event::new("\u{1B}")
        .with_type("a\u{1B}[2J\"")
        .expect("a type");
    let error = event.decode_base64().unwrap_err();
    assert_eq!(error.event_type(), "a\u{1B}[2J\"");
    assert_eq!(
        error.to_string(),
        r#"base64 of event "a\u{1b}[2J\"": '\u{1b}' at byte 0 is not in the alphabet"#
    );
}

#[test]
fn base64_is_what_rfc_4648_says() {
    for (bytes, text) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        let event = Event::base64(bytes);
        assert_eq!(event.data(), text);
        assert_eq!(
            over_the_wire(&event).decode_base64().unwrap(),
            bytes.as_bytes()
        );
    }
    assert_eq!(Event::base64([0xFB, 0xEF, 0xFF]).data(), "++//");
}

#[test]
fn base64_is_read_as_go_reads_it() {
    for data in [
        "Zm9v\nYg==",
        "Z\nm\n9\nv\nY\ng\n=\n=\n",
        "\n\nZm9vYg==\n",
        "Zm9vYg=\n=",
    ] {
        assert_eq!(
            Event::new(data).decode_base64().unwrap(),
            b"foob",
            "{data:?}"
        );
    }
    // An `EventRef` may hold CR.
    assert_eq!(
        EventRef::new("Zm9v\r\nYg=\r=").decode_base64().unwrap(),
        b"foob"
    );
    assert_eq!(EventRef::new("\r\n").decode_base64().unwrap(), b"");
    // The last four bits of `h` and the last two of `9` make no byte.
    assert_eq!(Event::new("Zh==").decode_base64().unwrap(), b"f");
    assert_eq!(Event::new("Zm9=").decode_base64().unwrap(), b"fo");
}

#[test]
fn base64_errors_say_which_event_and_where() {
    for (data, position, message) in [
        ("Zg=", 3, "cut off or not padded at byte 3"),
        ("Zg", 2, "cut off or not padded at byte 2"),
        ("Zm9vY", 5, "cut off or not padded at byte 5"),
        ("Zm9v\nYg\n", 8, "cut off or not padded at byte 8"),
        ("=", 0, "padding at byte 0 is out of place"),
        ("Zm9v=", 4, "padding at byte 4 is out of place"),
        ("Zg===", 4, "padding at byte 4 is out of place"),
        ("Zg==\nZg==", 5, "text at byte 5 follows the padding"),
        ("Zg=v", 3, "text at byte 3 follows the padding"),
        ("Zm9v Zm9v", 4, "' ' at byte 4 is not in the alphabet"),
        ("Zm-_", 2, "'-' at byte 2 is not in the alphabet"),
        ("Zm\n9é*", 4, "'é' at byte 4 is not in the alphabet"),
        ("*Zm9v*", 0, "'*' at byte 0 is not in the alphabet"),
        ("Zg==*", 4, "'*' at byte 4 is not in the alphabet"),
    ] {
        let event = Event::new(data)
            .with_type("file")
            .and_then(|event| event.with_id("7"))
            .expect("fields");
        for error in [
            event.decode_base64().unwrap_err(),
            event.as_event_ref().decode_base64().unwrap_err(),
            decoded(&event.to_bytes()).decode_base64().unwrap_err(),
        ] {
            assert_eq!(error.event_type(), "file");
            assert_eq!(error.id(), Some("7"));
            assert_eq!(error.position(), position, "{data:?}");
            assert_eq!(
                error.to_string(),
                format!("base64 of event \"file\" with id \"7\": {message}")
            );
        }
    }
}

#[test]
fn errors_pass_between_threads_and_into_boxes() {
    fn is_error<T: Error + Send + Sync + 'static>() {}
    is_error::<JsonError>();
    is_error::<Base64Error>();
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_survive_base64(
        bytes in vec(any::<u8>(), 0..300),
        breaks in vec((any::<prop::sample::Index>(), "\r|\n|\r\n"), 0..5),
    ) {
        let event = Event::base64(&bytes);
        prop_assert!(!event.data().contains(['\r', '\n']));
        prop_assert_eq!(over_the_wire(&event).decode_base64(), Ok(bytes.clone()));

        let mut data = event.data().to_owned();
        for (index, line_break) in breaks {
            data.insert_str(index.index(data.len() + 1), &line_break);
        }
        prop_assert_eq!(EventRef::new(&data).decode_base64(), Ok(bytes.clone()));
        prop_assert_eq!(over_the_wire(&Event::new(&data)).decode_base64(), Ok(bytes));
    }

    #[test]
    fn any_text_is_base64_or_has_a_first_place_where_it_cannot_be(data in "[AZz9+/=\n\r*é]{0,12}|[Az=\n]{0,12}") {
        match EventRef::new(&data).decode_base64() {
            Ok(_) => prop_assert!(is_base64(&data)),
            Err(error) => {
                prop_assert!(!is_base64(&data));
                let (start, rest) = data.split_at(error.position());
                prop_assert!(starts_base64(start));
                if let Some(character) = rest.chars().next() {
                    let longer = format!("{start}{character}");
                    prop_assert!(!starts_base64(&longer));
                }
            }
        }
    }

    #[test]
    fn any_json_survives(value in any_json()) {
        let event = Event::json(&value).expect("JSON");
        prop_assert!(!event.data().contains(['\r', '\n']));
        prop_assert_eq!(over_the_wire(&event).parse_json::<Value>().expect("JSON"), value.clone());

        // Over several lines too, which is how servers that print JSON for people send it.
        let pretty = Event::new(serde_json::to_string_pretty(&value).expect("JSON"));
        prop_assert_eq!(over_the_wire(&pretty).parse_json::<Value>().expect("JSON"), value);
    }

    #[test]
    fn any_data_is_parsed_without_a_panic(data in any::<String>(), id in "[^\r\n\0]{0,80}") {
        let event = Event::new(&data).with_id(&id).expect("an ID");
        if let Err(error) = event.parse_json::<Value>() {
            prop_assert!(error.line() <= data.split(['\r', '\n']).count());
        }
        if let Err(error) = event.decode_base64() {
            prop_assert!(event.data().is_char_boundary(error.position()));
        }
    }
}

/// A failure becomes a row above, not a seed of the generator.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// What RFC 4648 calls base64, without its line breaks.
fn is_base64(data: &str) -> bool {
    let text = data.replace(['\r', '\n'], "");
    let symbols = text.trim_end_matches('=');
    text.len() % 4 == 0
        && text.len() - symbols.len() <= 2
        && symbols
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

fn starts_base64(start: &str) -> bool {
    ["", "=", "==", "A", "AA", "AAA"]
        .iter()
        .any(|rest| is_base64(&format!("{start}{rest}")))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        any::<String>().prop_map(Value::from),
        "[\r\n\"\\\\\u{85}\u{2028}é😀\0 ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a\r\n\"é]{0,3}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

/// The event that a receiver gets.
fn over_the_wire(event: &Event) -> Event {
    decoded(&event.to_bytes())
}

fn decoded(mut wire: &[u8]) -> Event {
    let mut decoder = Decoder::new();
    match decoder.decode(&mut wire) {
        Ok(Some(FrameRef::Event(event))) => event.to_event(),
        other => panic!("no event: {other:?}"),
    }
}
