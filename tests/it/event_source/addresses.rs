//! Hosts with several addresses, of which some do not respond (RFC 8305).

use core::error::Error as _;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use socket2::{Domain, Socket, Type};
use ssewire::client::Cause;
use ssewire::hyper::Http;

use crate::common::effort::now;
use crate::common::named::Named;
use crate::common::runtime::{
    Runtime, Source, assert_gave_up, next_data, next_error, on_both, quick,
};
use crate::common::server::{OPEN, Server};

on_both! {
    an_address_that_swallows_packets_costs_a_moment
    an_address_that_refuses_costs_nothing
    all_addresses_share_the_connect_timeout
    a_host_whose_addresses_all_refuse_says_so
    a_host_whose_addresses_all_hang_ends_at_the_connect_timeout
    a_host_without_an_address_says_so
    a_name_is_looked_up
    a_name_that_nobody_has_says_so
}

/// An address that is there and does not respond: its backlog is full.
struct BlackHole {
    _sockets: Vec<Socket>,
}

impl BlackHole {
    fn at(last: u8, port: u16) -> Self {
        let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port)).into();
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
        let listener = socket();
        let listens = listener.bind(&address).and_then(|()| listener.listen(0));
        listens.expect("loopback has many addresses");
        let mut sockets = vec![listener];
        for _ in 0..3 {
            let socket = socket();
            socket
                .set_nonblocking(true)
                .expect("a socket takes options");
            // It is on its way for ever.
            let _ = socket.connect(&address);
            sockets.push(socket);
        }
        Self { _sockets: sockets }
    }
}

fn server() -> Server {
    Server::saying(OPEN.to_owned() + "data: 1\n\n")
}

fn http<R: Runtime>(hosts: &str, server: &Server) -> Http<Named<R>> {
    Http::get(format!("http://{hosts}.test:{}/", server.port()))
}

async fn an_address_that_swallows_packets_costs_a_moment<R: Runtime>() {
    let server = server();
    let _hole = BlackHole::at(2, server.port());
    let mut events = Source::<Named<R>>::new(http("127-0-0-2.127-0-0-1", &server), quick());
    let begin = now();
    assert_eq!(next_data(&mut events).await, "1");
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(250), "{took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

async fn an_address_that_refuses_costs_nothing<R: Runtime>() {
    let server = server();
    let mut events = Source::<Named<R>>::new(http("127-0-0-2.127-0-0-1", &server), quick());
    let begin = now();
    assert_eq!(next_data(&mut events).await, "1");
    let took = begin.elapsed();
    assert!(took < Duration::from_millis(250), "{took:?}");
}

async fn all_addresses_share_the_connect_timeout<R: Runtime>() {
    let server = server();
    let _holes = [2, 3, 4].map(|last| BlackHole::at(last, server.port()));
    let hosts = "127-0-0-2.127-0-0-3.127-0-0-4.127-0-0-1";
    let http = http(hosts, &server).connect_timeout(Duration::from_millis(500));
    let mut events = Source::<Named<R>>::new(http, quick());
    assert_eq!(next_data(&mut events).await, "1");
}

async fn a_host_whose_addresses_all_refuse_says_so<R: Runtime>() {
    let server = server();
    let http = http("127-0-0-2.127-0-0-3", &server);
    let mut events = Source::<Named<R>>::new(http, quick().max_attempts(1));
    let error = next_error(&mut events).await;
    assert_gave_up(&error, 1, Cause::CouldNotConnect);
    let source = error.source().expect("it says why").to_string();
    let at = format!("could not connect to 127.0.0.2:{}: ", server.port());
    assert!(source.starts_with(&at), "{source}");
}

async fn a_host_whose_addresses_all_hang_ends_at_the_connect_timeout<R: Runtime>() {
    let server = server();
    let _holes = [2, 3].map(|last| BlackHole::at(last, server.port()));
    let http = http("127-0-0-2.127-0-0-3", &server);
    let http = http.connect_timeout(Duration::from_millis(100));
    let mut events = Source::<Named<R>>::new(http, quick().max_attempts(1));
    let error = next_error(&mut events).await;
    assert_gave_up(&error, 1, Cause::ConnectTimeout);
    let source = error.source().expect("it says why").to_string();
    assert!(
        source.starts_with("no connection to http://127-0-0-2."),
        "{source}"
    );
    assert!(
        source.ends_with("within 100ms, the limit of Http::connect_timeout"),
        "{source}"
    );
}

async fn a_host_without_an_address_says_so<R: Runtime>() {
    let http = Http::get("http://nothing.test/");
    let mut events = Source::<Named<R>>::new(http, quick().max_attempts(1));
    let error = next_error(&mut events).await;
    assert_gave_up(&error, 1, Cause::CouldNotConnect);
    let source = error.source().expect("it says why").to_string();
    assert_eq!(source, "the host nothing.test has no address");
}

async fn a_name_is_looked_up<R: Runtime>() {
    let server = server();
    let url = server.url("/").replace("127.0.0.1", "localhost");
    let mut events = Source::<R>::new(Http::get(url), quick());
    assert_eq!(next_data(&mut events).await, "1");
    let host = format!("localhost:{}", server.port());
    assert_eq!(server.requests()[0].header("host"), Some(&*host));
}

async fn a_name_that_nobody_has_says_so<R: Runtime>() {
    // RFC 6761, section 6.4: there is no such name.
    let http = Http::get("http://nobody.invalid/");
    let mut events = Source::<R>::new(http, quick().max_attempts(1));
    let error = next_error(&mut events).await;
    let source = error.source().expect("it says why").to_string();
    assert!(source.contains("nobody.invalid"), "{source}");
}
