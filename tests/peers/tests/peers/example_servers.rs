//! The example `axum`, asked as the library's own example servers are.

use crate::common::example_server::{
    an_impossible_id_is_refused, an_interrupt_ends_server_and_stream, the_time_comes_every_second,
};

#[test]
fn the_time_comes_every_second_from_axum() {
    the_time_comes_every_second("axum");
}

#[test]
fn an_id_that_cannot_be_one_is_refused_by_axum() {
    an_impossible_id_is_refused("axum", "/sse");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_axum_and_its_streams_well() {
    an_interrupt_ends_server_and_stream("axum", "/sse");
}
