//! The example `axum`, asked as the library's own example servers are.

use crate::common::example_server::{
    a_server_survives_being_out_of_files, an_impossible_id_is_refused,
    an_interrupt_ends_server_and_stream, an_unfinished_head_times_out, the_time_comes_every_second,
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

#[cfg(unix)]
#[test]
fn axum_survives_being_out_of_files() {
    a_server_survives_being_out_of_files("axum", "/sse");
}

#[test]
fn an_unfinished_head_times_out_on_axum() {
    an_unfinished_head_times_out("axum");
}
