//! Runs the examples where cargo has put them.

use std::env;
use std::io::{BufRead, BufReader, Write};
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

/// Runs an example to its end. `input` must fit into a pipe, or be read as it comes.
pub(crate) fn run(name: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Running::start(example(name).args(arguments));
    let mut stdin = child.stdin();
    let input = input.to_vec();
    // On a thread of its own, since the example writes before it has read everything. It may also
    // stop reading, which is no concern here.
    let feeder = std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let output = child.output();
    let _ = feeder.join();
    output
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

pub(crate) fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).expect("the output is UTF-8")
}

pub(crate) fn next_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line comes");
    line
}
