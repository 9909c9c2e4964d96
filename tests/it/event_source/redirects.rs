//! Where answers send a request on to, and what of it goes there.

use core::error::Error as _;

use http::{HeaderValue, Method};
use ssewire::client::CloseReason;
use ssewire::hyper::Http;

use crate::common::runtime::{
    Runtime, Source, all_data, get, next_data, next_error, on_both, quick,
};
use crate::common::server::{Connection, OPEN, Recorded, Server};

on_both! {
    methods_and_bodies_follow_the_rules_of_browsers
    a_loop_ends
    fewer_redirects_may_be_allowed
    a_redirect_to_nowhere_is_an_answer
    a_location_may_be_relative
    a_location_need_not_be_a_strict_uri
    a_location_may_be_latin_1
    a_url_need_not_be_a_strict_uri_to_be_redirected
    another_origin_gets_no_credentials
    the_same_origin_keeps_credentials
    another_origin_gets_harmless_headers_only
    another_origin_gets_a_body_only_if_it_may
    another_origin_gets_its_own_host
    a_target_that_is_no_http_url_is_refused
    a_redirect_is_not_read_to_its_end
    each_attempt_starts_where_it_was_told_to
    other_3xx_answers_are_no_redirects
}

/// Sends a request on.
fn redirect(connection: &mut Connection, status: u16, location: &str) {
    let location = format!("location: {location}");
    connection.answer(&format!("{status} Elsewhere"), &[&location], "go there");
}

/// Opens a stream of one event, which says what was asked for.
fn show(connection: &mut Connection) {
    let request = connection.request();
    let body = String::from_utf8_lossy(&request.body);
    let data = format!("{} {} {body}", request.method(), request.path());
    connection.open();
    connection.send(format!("id: 1\ndata: {data}\n\n"));
}

async fn methods_and_bodies_follow_the_rules_of_browsers<R: Runtime>() {
    for (method, statuses, becomes) in [
        (Method::GET, &[301, 302, 303, 307, 308][..], "GET /to "),
        (Method::POST, &[301, 302, 303], "GET /to "),
        (Method::POST, &[307, 308], "POST /to {\"a\":1}"),
        (Method::PUT, &[303], "GET /to "),
        (Method::PUT, &[301, 302, 307, 308], "PUT /to {\"a\":1}"),
    ] {
        for status in statuses {
            let server = Server::start(move |connection| match connection.request().path() {
                "/from" => redirect(connection, *status, "/to"),
                _ => show(connection),
            });
            let mut http = Http::new(method.clone(), server.url("/from"));
            if method != Method::GET {
                http = http
                    .header("content-type", "application/json")
                    .body("{\"a\":1}");
            }
            let config = quick().last_event_id("0").expect("a valid ID");
            let mut events = Source::<R>::new(http, config);
            assert_eq!(next_data(&mut events).await, becomes, "{method} {status}");

            let to = &server.requests()[1];
            let has_body = becomes.ends_with('}');
            assert_eq!(to.header("content-type").is_some(), has_body, "{to:?}");
            let len = to.header("content-length").unwrap_or("0");
            assert_eq!(len, if has_body { "7" } else { "0" }, "{to:?}");
            assert_eq!(to.header("last-event-id"), Some("0"));
            assert_eq!(to.header("accept"), Some("text/event-stream"));
            assert_eq!(to.header("cache-control"), Some("no-cache"));
        }
    }
}

async fn a_loop_ends<R: Runtime>() {
    let server = Server::start(|connection| redirect(connection, 302, "/again"));
    let mut events = get::<R>(server.url("/"));
    let error = next_error(&mut events).await;
    assert_eq!(error.reason(), CloseReason::Status(302));
    let answer = error.response().expect("the answer is kept");
    assert_eq!(answer.headers()["location"], "/again");
    assert_eq!(answer.body(), "go there");
    assert_eq!(server.requests().len(), 11);
}

async fn fewer_redirects_may_be_allowed<R: Runtime>() {
    for allowed in [0, 1, 2] {
        let server = Server::start(|connection| match connection.number() {
            0 | 1 => redirect(connection, 302, "/"),
            _ => show(connection),
        });
        let http = Http::get(server.url("/")).max_redirects(allowed);
        let mut events = Source::<R>::new(http, quick());
        if allowed == 2 {
            assert_eq!(next_data(&mut events).await, "GET / ");
        } else {
            let error = next_error(&mut events).await;
            assert_eq!(error.reason(), CloseReason::Status(302));
            assert_eq!(server.requests().len(), allowed as usize + 1);
        }
    }
}

async fn a_redirect_to_nowhere_is_an_answer<R: Runtime>() {
    for header in [
        "x: y",
        "location:",
        "location: http://[",
        "location: ftp://x/",
        "location: data:,x",
        "location: \u{80}:",
    ] {
        let server = Server::start(move |connection| {
            connection.answer("307 Elsewhere", &[header], "nowhere");
        });
        let mut events = get::<R>(server.url("/"));
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Status(307), "{header}");
        assert_eq!(
            error.response().expect("the answer is kept").body(),
            "nowhere"
        );
        assert_eq!(server.requests().len(), 1, "{header}");
    }
}

/// Asks for `/a/b/c?q` and returns the path behind a redirect to `location`.
async fn target<R: Runtime>(location: &'static str) -> String {
    redirected::<R>("/a/b/c?q", location).await
}

async fn redirected<R: Runtime>(path: &str, location: &'static str) -> String {
    let server = Server::start(move |connection| match connection.number() {
        0 => {
            let port = connection.request().header("host").expect("there is one");
            let location = location.replace("HOST", port);
            redirect(connection, 307, &location);
        }
        _ => show(connection),
    });
    let mut events = get::<R>(server.url(path));
    let data = next_data(&mut events).await;
    data.trim()
        .strip_prefix("GET ")
        .expect("it stays a GET")
        .to_owned()
}

async fn a_location_may_be_relative<R: Runtime>() {
    for (location, expected) in [
        ("/x", "/x"),
        ("x", "/a/b/x"),
        ("../x?y", "/a/x?y"),
        ("../../../x", "/x"),
        ("?z=1", "/a/b/c?z=1"),
        ("//HOST/x", "/x"),
        ("http://HOST", "/"),
        ("HTTP://HOST/x/./y/../z", "/x/z"),
        ("http://HOST?x", "/?x"),
        ("x#fragment", "/a/b/x"),
        ("#fragment", "/a/b/c?q"),
        ("./x:y", "/a/b/x:y"),
    ] {
        assert_eq!(target::<R>(location).await, expected, "{location}");
    }
}

async fn a_location_need_not_be_a_strict_uri<R: Runtime>() {
    for (location, expected) in [
        ("/grüße?ö=ß", "/gr%C3%BC%C3%9Fe?%C3%B6=%C3%9F"),
        ("/a b", "/a%20b"),
        ("/x?id[]=1&id[]=2", "/x?id%5B%5D=1&id%5B%5D=2"),
        (
            "http://HOST/x?q={\"a\":1}|^`<>",
            "/x?q=%7B%22a%22:1%7D%7C%5E%60%3C%3E",
        ),
        ("/100%", "/100%25"),
        ("/%7Eok%2f", "/%7Eok%2f"),
    ] {
        assert_eq!(target::<R>(location).await, expected, "{location}");
    }
}

async fn a_location_may_be_latin_1<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            let head = b"HTTP/1.1 302 Elsewhere\r\ncontent-length: 0\r\n";
            connection.send([&head[..], b"location: /gr\xFC\xDFe\r\n\r\n"].concat());
        }
        _ => show(connection),
    });
    let mut events = get::<R>(server.url("/"));
    assert_eq!(next_data(&mut events).await, "GET /gr%FC%DFe ");
}

async fn a_url_need_not_be_a_strict_uri_to_be_redirected<R: Runtime>() {
    for path in ["/{a}?q={b}|^`", "/?id[]=1", "/grüße?ö", "/100%"] {
        assert_eq!(redirected::<R>(path, "/x").await, "/x", "{path}");
        assert_eq!(redirected::<R>(path, "http://HOST/x").await, "/x", "{path}");
    }
}

fn with_credentials<R>(url: String) -> Http<R> {
    let mut secret = HeaderValue::from_static("s3cret");
    secret.set_sensitive(true);
    Http::get(url)
        .header("authorization", "Bearer x")
        .header("cookie", "a=b")
        .header("proxy-authorization", "Basic x")
        .header("x-api-key", secret.clone())
        .header("x-api-key", secret)
        .header("x-other", "stays")
}

fn credentials(request: &Recorded) -> Vec<&str> {
    let secret = [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
    ];
    assert_eq!(request.header("x-other"), Some("stays"));
    secret
        .into_iter()
        .filter(|name| !request.values(name).is_empty())
        .collect()
}

async fn another_origin_gets_no_credentials<R: Runtime>() {
    let other = Server::start(|connection| match connection.request().path() {
        "/back" => {
            let to = connection
                .request()
                .header("x-back")
                .expect("it came along")
                .to_owned();
            redirect(connection, 307, &to);
        }
        _ => show(connection),
    });
    let away = other.url("/back");
    let first = Server::start(move |connection| match connection.request().path() {
        "/" => redirect(connection, 308, &away),
        _ => show(connection),
    });
    let http = with_credentials(first.url("/"))
        .header("x-back", first.url("/home"))
        .redirect_header("x-back")
        .redirect_header("x-other");
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "GET /home ");
    assert_eq!(credentials(&first.requests()[0]).len(), 4);
    assert_eq!(credentials(&other.requests()[0]), [""; 0]);
    // Whoever sends a request back could not be told apart from whoever made it up.
    assert_eq!(credentials(&first.requests()[1]), [""; 0]);
    // The next attempt starts anew, with all of them.
    first.wait_for_requests(2);
    let again = events.next().await.expect("an event").expect("no error");
    assert_eq!(again.data(), "GET /home ");
    assert_eq!(credentials(&first.requests()[2]).len(), 4);
}

/// A server that sends requests on to another.
fn away(status: u16, to: &Server) -> Server {
    let to = to.url("/to");
    Server::start(move |connection| redirect(connection, status, &to))
}

async fn another_origin_gets_harmless_headers_only<R: Runtime>() {
    let other = Server::start(show);
    let first = away(307, &other);
    let http = Http::get(first.url("/"))
        .header("accept-language", "de")
        .header("user-agent", "mine/1")
        .header("last-event-id", "5")
        .header("x-api-key", "s3cret")
        .header("x-trace", "1")
        .header("x-tenant", "acme")
        .redirect_header("x-trace");
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "GET /to ");
    let request = &other.requests()[0];
    let mut names: Vec<_> = request.headers.iter().map(|header| &*header.0).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "host",
        "last-event-id",
        "user-agent",
        "x-trace",
    ];
    assert_eq!(names, expected);
    assert_eq!(request.header("user-agent"), Some("mine/1"));
    assert_eq!(first.requests()[0].header("x-api-key"), Some("s3cret"));
}

async fn another_origin_gets_a_body_only_if_it_may<R: Runtime>() {
    let other = Server::start(show);
    for status in [307, 308] {
        let first = away(status, &other);
        let post = || {
            Http::post(first.url("/"))
                .header("content-type", "application/json")
                .header("x-api-key", "s3cret")
                .body("{}")
        };
        let mut events = Source::<R>::new(post(), quick());
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Refused);
        let expected = format!(
            "the redirect from {} to {} was not followed: it takes the body to another origin, see \
             Http::redirect_body",
            first.url("/"),
            other.url("/to"),
        );
        assert_eq!(error.source().expect("it says why").to_string(), expected);

        let before = other.requests().len();
        let mut events = Source::<R>::new(post().redirect_body(true), quick());
        assert_eq!(next_data(&mut events).await, "POST /to {}");
        let request = &other.requests()[before];
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-api-key"), None);
    }
    // There is none any longer.
    let first = away(303, &other);
    let http = Http::post(first.url("/"))
        .header("content-type", "x/y")
        .body("{}");
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "GET /to ");
    // Nor was there ever one.
    let first = away(307, &other);
    let mut events = Source::<R>::new(Http::post(first.url("/")), quick());
    assert_eq!(next_data(&mut events).await, "POST /to ");
}

async fn the_same_origin_keeps_credentials<R: Runtime>() {
    let server = Server::start(|connection| match connection.request().path() {
        "/" => {
            let host = connection.request().header("host").expect("there is one");
            let location = format!("HTTP://{host}/to");
            redirect(connection, 302, &location);
        }
        _ => show(connection),
    });
    let mut events = Source::<R>::new(with_credentials(server.url("/")), quick());
    assert_eq!(next_data(&mut events).await, "GET /to ");
    assert_eq!(credentials(&server.requests()[1]).len(), 4);
    assert_eq!(server.requests()[1].values("x-api-key").len(), 2);
}

async fn another_origin_gets_its_own_host<R: Runtime>() {
    let other = Server::start(show);
    let away = other.url("/");
    let first = Server::start(move |connection| match connection.request().path() {
        "/" => redirect(connection, 302, "/near"),
        _ => redirect(connection, 302, &away),
    });
    // A name for the first server, which means nothing to the other.
    let http = Http::get(first.url("/")).header("host", "virtual.example");
    let mut events = Source::<R>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "GET / ");
    for request in &first.requests()[..2] {
        assert_eq!(request.header("host"), Some("virtual.example"));
    }
    let host = format!("127.0.0.1:{}", other.port());
    assert_eq!(other.requests()[0].header("host"), Some(&*host));
}

async fn a_target_that_is_no_http_url_is_refused<R: Runtime>() {
    for (location, message) in [
        (
            "http://user:password@127.0.0.1/?s3cret",
            "\"http://127.0.0.1/?…\" has a user name",
        ),
        (
            "http://127.0.0.1:99999/",
            "\"http://127.0.0.1:99999/\" has an invalid port",
        ),
    ] {
        let server = Server::start(move |connection| redirect(connection, 302, location));
        let mut events = get::<R>(server.url("/"));
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Refused, "{location}");
        let source = error.source().expect("it says why").to_string();
        let from = format!("the redirect from {} to ", server.url("/"));
        assert!(source.starts_with(&from), "{location}: {source}");
        let why = format!("was not followed: the URL {message}");
        assert!(source.contains(&why), "{location}: {source}");
        assert!(!source.contains("password") && !source.contains("s3cret"));
        assert_eq!(server.requests().len(), 1);
    }
}

async fn a_redirect_is_not_read_to_its_end<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 => {
            connection.send("HTTP/1.1 302 Elsewhere\r\nlocation: /to\r\n\r\n");
            while connection.send([b'x'; 4096]) {}
            connection.wait_for_end();
        }
        _ => show(connection),
    });
    let mut events = get::<R>(server.url("/"));
    assert_eq!(next_data(&mut events).await, "GET /to ");
    server.wait_for_closed(1);
}

async fn each_attempt_starts_where_it_was_told_to<R: Runtime>() {
    let server = Server::start(|connection| match connection.number() {
        0 | 2 => redirect(connection, 301, "/to"),
        1 => {
            connection.send(OPEN.to_owned() + "id: 5\ndata: x\n\n");
        }
        _ => connection.answer("204 No Content", &[], ""),
    });
    let mut events = get::<R>(server.url("/"));
    assert_eq!(all_data(&mut events).await, ["x"]);
    let requests = server.requests();
    let paths: Vec<_> = requests
        .iter()
        .map(|request| request.path().to_owned())
        .collect();
    assert_eq!(paths, ["/", "/to", "/", "/to"]);
    for request in &requests[2..] {
        assert_eq!(request.header("last-event-id"), Some("5"));
    }
}

async fn other_3xx_answers_are_no_redirects<R: Runtime>() {
    for status in [300, 304, 305, 306] {
        let server = Server::start(move |connection| redirect(connection, status, "/to"));
        let mut events = get::<R>(server.url("/"));
        let error = next_error(&mut events).await;
        assert_eq!(error.reason(), CloseReason::Status(status));
        assert_eq!(server.requests().len(), 1);
    }
}
