//! Gathering, the heartbeat and the notice of the position, in bodies under a clock that the test moves.

use core::time::Duration;

use ssewire::server::{PositionNotice, SessionConfig};
use ssewire::{Event, Hub};

use super::bodies::{Timed, opening};

#[test]
fn the_first_event_after_a_silence_leaves_at_once_and_the_next_wait_for_the_window() {
    let hub = Hub::new();
    let config = SessionConfig::new().gather(Duration::from_millis(50));
    let mut body = Timed::new(hub.subscribe("a", None).unwrap(), config);
    assert_eq!(body.next(), opening(&hub));
    assert_eq!(body.poll(), None);

    body.go_to_milliseconds(1_000);
    publish(&hub, 0..1);
    assert!(body.next().ends_with(b"data: 0\n\n"));
    assert_eq!(body.poll(), None);
    for (at, event) in [(1_010, 1), (1_020, 2), (1_049, 3)] {
        body.go_to_milliseconds(at);
        publish(&hub, event..event + 1);
        assert_eq!(body.poll(), None, "{at}");
    }
    body.go_to_milliseconds(1_050);
    assert_eq!(data(&body.next()), ["1", "2", "3"]);
    assert_eq!(body.poll(), None);

    // The window begins anew with each write, and ends without one.
    body.go_to_milliseconds(1_060);
    publish(&hub, 4..5);
    assert_eq!(body.poll(), None);
    body.go_to_milliseconds(1_100);
    assert_eq!(data(&body.next()), ["4"]);
    body.go_to_milliseconds(1_151);
    assert_eq!(body.poll(), None);
    publish(&hub, 5..6);
    assert_eq!(data(&body.next()), ["5"]);
}

#[test]
fn a_replay_and_an_end_do_not_wait() {
    let hub = Hub::new();
    let start = hub.position();
    publish(&hub, 0..20);
    let config = SessionConfig::new().gather(Duration::from_millis(50));
    let mut body = Timed::new(hub.subscribe("a", start).unwrap(), config.clone());
    let mut replayed = Vec::new();
    while replayed.len() < 20 {
        replayed.extend(data(&body.next()));
    }
    assert_eq!(body.poll(), None);

    // Events that wait when the stream ends leave with the end.
    publish(&hub, 20..22);
    assert_eq!(body.poll(), None);
    hub.close_topic("a", Duration::from_secs(60));
    body.go_to_milliseconds(50);
    assert_eq!(data(&body.next()), ["20", "21"]);
    body.assert_ended();
}

#[test]
fn a_heartbeat_takes_the_place_of_the_comment() {
    let hub = Hub::new();
    let beat = Event::new("").with_type("alive").unwrap();
    let beat = beat.with_id("left out").unwrap();
    let mut body = Timed::new(
        hub.subscribe("a", None).unwrap(),
        SessionConfig::new().heartbeat(beat),
    );
    assert_eq!(body.next(), opening(&hub));
    for second in [15, 30] {
        body.go_to(second);
        assert_eq!(body.next(), "event: alive\ndata: \n\n");
        assert_eq!(body.poll(), None);
    }
}

#[test]
fn the_position_can_be_a_block_an_event_or_nothing() {
    let hub = Hub::new();
    publish(&hub, 0..1);
    let id = hub.position();
    let retry = SessionConfig::new().retry(Duration::from_secs(2));
    let position = Event::new("").with_type("position").unwrap();
    for (notice, expected) in [
        (
            PositionNotice::Block,
            format!(":\nretry: 2000\nid: {id}\n\n"),
        ),
        (
            PositionNotice::Event(position),
            format!(":\nretry: 2000\nid: {id}\nevent: position\ndata: \n\n"),
        ),
        (PositionNotice::Off, ":\n".to_owned()),
    ] {
        let config = retry.clone().position_notice(notice.clone());
        let hub = hub.clone();
        let mut body = Timed::new(hub.subscribe("a", None).unwrap(), config);
        assert_eq!(body.next(), expected, "{notice:?}");
        assert_eq!(body.poll(), None);
    }
}

#[test]
fn a_reconnection_time_comes_again_with_the_first_event() {
    let hub = Hub::new();
    let config = SessionConfig::new().retry(Duration::from_secs(2));
    let mut body = Timed::new(hub.subscribe("a", None).unwrap(), config);
    let id = hub.position();
    assert_eq!(body.next(), format!(":\nretry: 2000\nid: {id}\n\n"));
    publish(&hub, 0..2);
    let id = hub.position();
    let first = String::from_utf8(body.next().to_vec()).unwrap();
    assert!(first.starts_with("retry: 2000\nid: "), "{first}");
    assert!(
        first.ends_with(&format!("id: {id}\ndata: 1\n\n")),
        "{first}"
    );
    assert_eq!(first.matches("retry").count(), 1);
}

#[test]
fn the_position_of_a_narrowed_stream_moves_on_once_a_period() {
    let hub = Hub::new();
    let narrowed = hub
        .subscribe("a", None)
        .unwrap()
        .narrow(|event| event.data().len() > 2);
    let mut body = Timed::new(narrowed, SessionConfig::new());
    assert_eq!(body.next(), opening(&hub));
    publish(&hub, 0..10);
    assert_eq!(body.poll(), None, "all is left out");
    body.go_to(15);
    assert_eq!(body.next(), opening(&hub)[2..], "in place of the comment");
    assert_eq!(body.poll(), None);

    // If nothing has moved, it is the comment.
    body.go_to(30);
    assert_eq!(body.next(), ":\n");
    publish(&hub, 100..101);
    assert_eq!(data(&body.next()), ["100"]);
    body.go_to(45);
    assert_eq!(body.next(), ":\n");
    publish(&hub, 0..1);
    assert_eq!(body.poll(), None);
    body.go_to(60);
    assert_eq!(body.next(), opening(&hub)[2..]);
}

fn publish(hub: &Hub, numbers: core::ops::Range<usize>) {
    for number in numbers {
        hub.publish("a", Event::new(number.to_string()));
    }
}

fn data(wire: &[u8]) -> Vec<String> {
    let wire = core::str::from_utf8(wire).unwrap();
    let lines = wire.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(str::to_owned).collect()
}
