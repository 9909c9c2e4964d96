//! A redis-server of the test's own.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A redis-server on a port of its own, which ends with this.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: PathBuf,
    options: Vec<String>,
    child: Child,
}

impl Server {
    /// Starts one that keeps nothing on disk.
    pub(crate) fn start() -> Self {
        Self::with_options(&["--save", "", "--appendonly", "no"])
    }

    pub(crate) fn with_options(options: &[&str]) -> Self {
        static NEWEST: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "ssewire-redis-{}-{}",
            std::process::id(),
            NEWEST.fetch_add(1, Ordering::Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let port = free_port();
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let child = spawn(port, &folder, &options);
        let server = Self {
            port,
            folder,
            options,
            child,
        };
        server.wait();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Kills it, as a loss of power would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Cuts bytes off the file to which it appends, as if they had not reached the disk.
    pub(crate) fn cut_file(&self, bytes: u64) {
        let folder = self.folder.join("appendonlydir");
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().ends_with(".incr.aof") {
                let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
                let len = file.metadata().unwrap().len();
                file.set_len(len.saturating_sub(bytes)).unwrap();
            }
        }
    }

    /// Starts it again on the same port and folder.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.options);
        self.wait();
    }

    /// Stops it from doing anything, or lets it go on.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Sends a command and returns the first line of the response.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut bytes = format!("*{}\r\n", words.len());
        for word in words {
            bytes.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        socket.write_all(bytes.as_bytes()).unwrap();
        let mut reader = BufReader::new(socket);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(len) = line.strip_prefix('$') {
            let len: usize = len.trim().parse().unwrap_or_default();
            let mut text = vec![0; len];
            reader.read_exact(&mut text).unwrap();
            return String::from_utf8_lossy(&text).into_owned();
        }
        line.trim().to_owned()
    }

    /// Returns how many times a command was called.
    pub(crate) fn calls_of(&self, command: &str) -> u64 {
        let stats = self.command(&["INFO", "commandstats"]);
        let prefix = format!("cmdstat_{command}:calls=");
        let line = stats.lines().find_map(|line| line.strip_prefix(&prefix));
        let calls = line.and_then(|line| line.split(',').next());
        calls.map_or(0, |calls| calls.parse().unwrap())
    }

    fn wait(&self) {
        // 30 seconds.
        for _ in 0..1_500 {
            let is_open = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            if is_open && self.command(&["PING"]) == "+PONG" {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("redis-server does not start");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn spawn(port: u16, folder: &Path, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
        .arg(folder)
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}
