//! The examples `axum` and `lane_axum`, asked as the library's own example servers are.

use crate::common::example_server::{
    a_server_survives_being_out_of_files, an_impossible_id_is_refused,
    an_interrupt_ends_server_and_stream, an_unfinished_head_times_out, the_time_comes_every_second,
};

const SERVERS: [&str; 2] = ["axum", "lane_axum"];

#[test]
fn the_time_comes_every_second_from_axum() {
    for name in SERVERS {
        the_time_comes_every_second(name);
    }
}

#[test]
fn an_id_that_cannot_be_one_is_refused_by_axum() {
    for name in SERVERS {
        an_impossible_id_is_refused(name, "/sse");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_axum_and_its_streams_well() {
    for name in SERVERS {
        an_interrupt_ends_server_and_stream(name, "/sse");
    }
}

#[cfg(unix)]
#[test]
fn axum_survives_being_out_of_files() {
    for name in SERVERS {
        a_server_survives_being_out_of_files(name, "/sse");
    }
}

#[test]
fn an_unfinished_head_times_out_on_axum() {
    for name in SERVERS {
        an_unfinished_head_times_out(name);
    }
}
