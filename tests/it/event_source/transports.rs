//! Transports of the caller's.

use ssewire::client::{CloseReason, Phase, Reconnect};
use ssewire::event_source::EventSource;

use crate::common::memory::{Memory, stream};
use crate::common::runtime::{Runtime, on_both, quick};

on_both! {
    only_what_says_get_is_repeated
}

async fn only_what_says_get_is_repeated<R: Runtime>() {
    let rows = [
        (Some("GET"), None, true),
        (Some("POST"), None, false),
        (Some("get"), None, false),
        (None, None, false),
        (None, Some(Reconnect::Always), true),
        (None, Some(Reconnect::UntilFirstEvent), false),
        (Some("GET"), Some(Reconnect::Never), false),
    ];
    for (method, reconnect, repeats) in rows {
        let mut memory = Memory::new([Ok(stream("data: 1\n\n")), Ok(stream("data: 2\n\n"))]);
        memory.method = method;
        let attempts = memory.attempts.clone();
        let config = match reconnect {
            Some(reconnect) => quick().reconnect(reconnect),
            None => quick(),
        };
        let mut events = EventSource::<_, R>::new(memory, config);
        while events.next().await.is_some() {}
        let expected = if repeats { 3 } else { 1 };
        assert_eq!(attempts.lock().unwrap().len(), expected, "{method:?}");
        let reason = if repeats {
            CloseReason::NoContent
        } else {
            CloseReason::Ended
        };
        assert_eq!(events.phase(), Phase::Closed(reason));
    }
}
