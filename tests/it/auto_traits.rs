//! Which public types can be sent to another thread, shared with it, and moved after they were pinned.
//! Compilers derive that from private fields, so a change of those can break a user.
//!
//! A type with a parameter is here with one that has all three traits, which then come from the type
//! itself, and where it matters with one that has none.

use core::cell::Cell;
use core::marker::{PhantomData, PhantomPinned};
use core::task::Waker;

use bytes::Bytes;
use futures_util::stream::Pending;
use ssewire::client::{
    Action, Attempt, Cause, Client, ClientConfig, ClientFrames, CloseReason, End, Excerpt,
    OmittedId, Phase, ReadyState, Reconnect, ResponseHead, StrayLines,
};
use ssewire::event_source::{
    BoxError, ConnectError, Disconnect, Error, EventSource, FromReader, OpenReader, PhaseWatch,
};
use ssewire::hub::{
    Announcement, Burst, Hub, Membership, Observation, Publication, StreamEnd, Subscription,
    SubscriptionHandle, SubscriptionStream,
};
use ssewire::hyper::{
    BodyStream, EventBody, FromFn, Http, HttpBody, ReadError, Sending, Tls, Unauthorized,
};
use ssewire::io::{ChunkStream, ReaderStream};
use ssewire::lane::{Answer, Decision, LaneConfig, LaneDriver, Passed};
use ssewire::runtime::Untimed;
use ssewire::server::{
    Announced, Delivery, Encoded, EventId, Gap, GapReason, InvalidEventId, InvalidLastEventId,
    InvalidStart, LastRead, Outgoing, PositionNotice, Presence, PublishError, Refused, Session,
    SessionConfig, SessionEnd, SlowReader, Start, Subscriber, SubscriberEnd, TopicSet, Topics,
    TopicsConfig, TopicsStats, Wire,
};
use ssewire::{
    Base64Error, DecodeError, Decoder, DecoderConfig, Event, EventRef, Frame, FrameRef, Frames,
    InvalidField, JsonError, Timestamp,
};
use ssewire::{async_std, futures_io, hyper, tokio};

/// Asserts that each type has exactly these traits.
macro_rules! assert_traits {
    ($send:ident $sync:ident $unpin:ident: $($type:ty),+ $(,)?) => {
        let expected = [is(stringify!($send)), is(stringify!($sync)), is(stringify!($unpin))];
        $(
            let actual = [Probe::<$type>::SEND, Probe::<$type>::SYNC, Probe::<$type>::UNPIN];
            assert_eq!(actual, expected, "{}: Send, Sync, Unpin", stringify!($type));
        )+
    };
}

#[test]
fn the_lane() {
    assert_traits! { Send Sync Unpin:
        async_std::Lane, tokio::Lane, Answer, Decision, LaneConfig, Passed<Vec<u8>>,
    }
    assert_traits! { Send NotSync Unpin:
        LaneDriver<async_std::Runtime>, LaneDriver<tokio::Runtime>,
    }
}

#[test]
fn the_words() {
    assert_traits! { Send Sync Unpin:
        Base64Error, DecodeError, Decoder, DecoderConfig, Event, EventRef<'static>, Frame,
        FrameRef<'static>, Frames<'static, 'static>, InvalidField, JsonError, Timestamp,
    }
}

#[test]
fn the_client() {
    assert_traits! { Send Sync Unpin:
        Action, Attempt, Cause, Client, ClientConfig, ClientFrames<'static, 'static>, CloseReason, End,
        Phase, ReadyState, Reconnect, Attempt, ResponseHead<'static>, Excerpt, OmittedId, StrayLines,
    }
}

#[test]
fn the_server() {
    assert_traits! { Send Sync Unpin:
        Delivery, Encoded, EventId, Gap, GapReason, InvalidEventId, InvalidLastEventId, Outgoing,
        Session, SessionConfig, SessionEnd, SlowReader, Start, Subscriber, TopicSet, TopicsConfig, TopicsStats, Refused, Wire,
        Topics<u32>, Topics<Waker>, Announced, InvalidStart, LastRead, PositionNotice, Presence,
        PublishError, SubscriberEnd,
    }
    // A token that stays on its thread keeps its topics there.
    assert_traits! { No No Unpin: Topics<*const u8> }
    assert_traits! { Send No Unpin: Topics<Cell<u8>> }
}

#[test]
fn the_hub() {
    assert_traits! { Send Sync Unpin:
        Hub, Membership, Subscription, Announcement, Burst<'static>, Observation<'static>, Publication,
        StreamEnd, SubscriptionHandle, SubscriptionStream,
    }
}

#[test]
fn readers_and_writers() {
    assert_traits! { Send Sync Unpin:
        futures_io::EventReader<Io>, futures_io::EventWriter<Io>, tokio::EventReader<Io>,
        tokio::EventWriter<Io>, hyper::EventReader<Body>, BodyStream<Body>, ReadError,
        EventBody<Pending<Event>>, async_std::EventBody<Pending<Event>>,
        tokio::EventBody<Pending<Event>>,
    }
    assert_traits! { No No No:
        futures_io::EventWriter<Local>, tokio::EventWriter<Local>, EventBody<Local>,
    }
    // A reader never pins what it reads from.
    assert_traits! { No No Unpin: futures_io::EventReader<Local>, tokio::EventReader<Local> }
    assert_traits! { Send Sync Unpin: ChunkStream<Pending<Event>, Bytes> }
    assert_traits! { No No No: ChunkStream<Local, Bytes> }
}

#[test]
fn the_event_source() {
    assert_traits! { Send Sync Unpin:
        BoxError, ConnectError, Disconnect<'static>, Error, PhaseWatch, Tls, Untimed, async_std::Runtime,
        tokio::Runtime, ReaderStream<Io, Untimed>, OpenReader<core::future::Ready<()>, Untimed>,
        FromReader<fn() -> Io, Untimed>, Http<tokio::Runtime>, Http<async_std::Runtime>, Unauthorized,
        FromFn<fn()>, Sending<core::future::Ready<()>>,
    }
    assert_traits! { Send No Unpin:
        EventSource<Http<tokio::Runtime>, tokio::Runtime>,
        EventSource<Http<async_std::Runtime>, async_std::Runtime>,
        HttpBody,
    }
}

/// Has all three traits.
struct Io;

/// Has none of them.
struct Local(PhantomData<(*const u8, PhantomPinned)>);

type Body = http_body_util::Empty<Bytes>;

/// Says whether `T` has a trait: the inherent constant, which needs the trait, goes before that of
/// [`Lacks`].
struct Probe<T>(PhantomData<T>);

trait Lacks {
    const SEND: bool = false;
    const SYNC: bool = false;
    const UNPIN: bool = false;
}

impl<T> Lacks for Probe<T> {}

impl<T: Send> Probe<T> {
    const SEND: bool = true;
}

impl<T: Sync> Probe<T> {
    const SYNC: bool = true;
}

impl<T: Unpin> Probe<T> {
    const UNPIN: bool = true;
}

fn is(name: &str) -> bool {
    name != "No"
}
