//! What the response itself shows: its head, and its end.

use http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode, Version};

use super::finding::Finding;
use super::findings::seconds;
use super::watch::{End, Head, Observation};

pub(super) fn status(seen: &Observation) -> Finding {
    const CHECK: &str = "status";
    let Some(head) = &seen.head else {
        return match &seen.failure {
            Some(failure) => Finding::error(
                CHECK,
                format!("there is no response: {failure}"),
                "See that the server runs and that its address, port and certificate are right.",
            ),
            None => Finding::unknown(
                CHECK,
                format!("no status came within {}", seconds(seen.time)),
            ),
        };
    };
    let status = head.status;
    let redirected = match head.is_redirected {
        true => ", after a redirect",
        false => "",
    };
    let text = format!("{status}{redirected}");
    let finding = match status {
        StatusCode::OK => Finding::ok(CHECK, text),
        StatusCode::NO_CONTENT => Finding::warning(
            CHECK,
            format!("{text}, which tells clients to stop"),
            "Respond with 204 only if nothing will ever come.",
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Finding::error(
            CHECK,
            text,
            "Send credentials (-H 'Authorization: Bearer …'). A browser's EventSource can only send \
             cookies or a token in the URL.",
        ),
        _ if status.is_server_error() => Finding::error(
            CHECK,
            text,
            "Look into the server's log, and that of the proxy: EventSource gives up at any status \
             but 200.",
        ),
        _ => Finding::error(
            CHECK,
            text,
            "Respond with 200: EventSource gives up at any other status.",
        ),
    };
    finding.with_value(status.as_u16())
}

pub(super) fn content_type(seen: &Observation) -> Finding {
    const CHECK: &str = "content-type";
    const FIX: &str = "Set Content-Type: text/event-stream. Browsers refuse everything else.";
    let Some(head) = &seen.head else {
        return Finding::unknown(CHECK, "there was no response");
    };
    let Some(value) = head.headers.get(CONTENT_TYPE) else {
        if head.status == StatusCode::NO_CONTENT {
            return Finding::ok(CHECK, "none, and a 204 needs none");
        }
        return Finding::error(CHECK, "there is none", FIX);
    };
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let lower = value.to_ascii_lowercase();
    let finding = if seen.media_type().as_deref() != Some("text/event-stream") {
        Finding::error(CHECK, format!("{value} is no event stream"), FIX)
    } else if lower.contains("charset=") && !lower.contains("utf-8") {
        Finding::warning(
            CHECK,
            &*value,
            "Send UTF-8 and drop the charset: an event stream is always read as UTF-8.",
        )
    } else {
        Finding::ok(CHECK, &*value)
    };
    finding.with_value(value)
}

pub(super) fn cache(seen: &Observation) -> Finding {
    const CHECK: &str = "cache";
    let none = HeaderMap::new();
    let headers = seen.head.as_ref().map_or(&none, |head| &head.headers);
    let values: Vec<_> = headers.get_all(CACHE_CONTROL).iter().collect();
    let values: Vec<_> = values
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let value = values.join(", ");
    let has = |directive: &str| {
        let mut directives = value.split(',');
        directives.any(|part| part.trim().eq_ignore_ascii_case(directive))
    };
    let finding = if headers.contains_key(AGE) {
        Finding::error(
            CHECK,
            "the response comes from a cache (Age)",
            "Set Cache-Control: no-store, and leave the path out of the cache (proxy_cache off; in \
             nginx).",
        )
    } else if !has("no-cache") && !has("no-store") {
        Finding::warning(
            CHECK,
            match value.is_empty() {
                true => "there is no Cache-Control".to_owned(),
                false => format!("Cache-Control: {value}"),
            },
            "Set Cache-Control: no-cache, no-transform, so that no cache keeps events.",
        )
    } else if !has("no-transform") {
        Finding::warning(
            CHECK,
            format!("Cache-Control: {value}"),
            "Add no-transform: without it, Cloudflare and other proxies may compress the stream, and \
             hold events back.",
        )
    } else {
        Finding::ok(CHECK, format!("Cache-Control: {value}"))
    };
    finding.with_value(value)
}

pub(super) fn connections(seen: &Observation) -> Finding {
    const CHECK: &str = "connections";
    match seen.head.as_ref().map(|head: &Head| head.version) {
        Some(Version::HTTP_2 | Version::HTTP_3) => {
            Finding::ok(CHECK, "HTTP/2: many streams share a connection").with_value("HTTP/2")
        }
        version => Finding::warning(
            CHECK,
            format!(
                "{:?}: a browser opens at most six connections to a host, over all its tabs, and a \
                 stream takes one",
                version.unwrap_or(Version::HTTP_11)
            ),
            "Serve pages over HTTPS with HTTP/2 (listen 443 ssl; http2 on; in nginx), or share one stream \
             among tabs with a SharedWorker.",
        )
        .with_value("HTTP/1"),
    }
}

pub(super) fn ended(seen: &Observation) -> Option<Finding> {
    const CHECK: &str = "ended";
    let after = seconds(seen.time);
    Some(match seen.end.as_ref()? {
        End::Clean {
            within_an_event: false,
        } if seen.events.is_empty() => Finding::warning(
            CHECK,
            format!("the stream ended after {after} without an event"),
            "Keep it open for as long as events may come: clients reconnect again and again. A 204 tells \
             them to stop.",
        ),
        End::Clean {
            within_an_event: false,
        } => Finding::ok(
            CHECK,
            format!("the stream ended after {after}; browsers reconnect"),
        ),
        End::Clean {
            within_an_event: true,
        } => Finding::warning(
            CHECK,
            format!("the stream ended after {after} within an event, which clients drop"),
            "End each event with a blank line, also the last.",
        ),
        End::Failed(error) => Finding::warning(
            CHECK,
            format!("the stream was cut off after {after}: {error}"),
            "Look for a limit on the time of responses in the server and in its proxies.",
        ),
    })
}
