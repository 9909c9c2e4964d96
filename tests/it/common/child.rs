//! Tests of what belongs to the whole process: its environment, its limits, its memory.

use std::env;
use std::process::Command;

/// Runs the test of this name in a process of its own, with these variables, and returns `false`.
/// There it returns `true`, and the test does its work.
pub(crate) fn is_child(test: &str, variables: &[(&str, &str)]) -> bool {
    is_child_after(":", test, variables)
}

/// As [`is_child`], in a process that has run a command of the shell first, such as `ulimit`.
pub(crate) fn is_child_after(command: &str, test: &str, variables: &[(&str, &str)]) -> bool {
    if env::var_os(CHILD).is_some_and(|child| child == test) {
        return true;
    }
    let program = env::current_exe().expect("a test knows its program");
    let output = Command::new("sh")
        .args(["-c", &format!("{command} && exec \"$0\" \"$@\"")])
        .arg(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, test)
        .envs(variables.iter().copied())
        .output()
        .expect("a process can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("1 passed"), "no such test: {said}");
    false
}

/// Returns how many KiB of memory this process has held at most.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|size| size.trim().strip_suffix(" kB"));
    peak.and_then(|size| size.parse().ok())
        .expect("Linux tells it in KiB")
}

const CHILD: &str = "SSEWIRE_TEST_CHILD";
