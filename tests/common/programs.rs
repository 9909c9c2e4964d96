//! Runs the examples as a user would.
#![allow(dead_code, reason = "every test file uses its own part of it")]

use std::env;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

/// Finds an example where cargo has put it, next to the folder of this test.
pub(crate) fn example(name: &str) -> Command {
    let mut path: PathBuf = env::current_exe().expect("this test is a file");
    path.pop();
    path.set_file_name("examples");
    path.push(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: `cargo build --examples` makes it",
        path.display()
    );
    Command::new(path)
}

/// Holds a running example and kills it when the test is over, however it ends.
pub(crate) struct Running(Option<Child>);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(Some(pipes.spawn().expect("the example starts")))
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("it runs until `output`")
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.as_ref().expect("it runs until `output`").id()
    }

    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child().stdin.take().expect("stdin is a pipe")
    }

    pub(crate) fn stdout(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.child().stdout.take().expect("stdout is a pipe"))
    }

    pub(crate) fn output(mut self) -> Output {
        self.0
            .take()
            .expect("it runs until now")
            .wait_with_output()
            .expect("it can be waited for")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
