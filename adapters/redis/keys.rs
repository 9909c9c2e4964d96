//! The names of what a log has in Redis.

use alloc::format;
use alloc::string::String;

/// The keys of one log. All have the same hash tag, so that a cluster keeps them together.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    tag: String,
}

impl Keys {
    pub(super) fn new(name: &str) -> Self {
        Self {
            tag: format!("{{ssewire:{name}}}"),
        }
    }

    /// The facts of the log: its generation, its epoch, its lineage.
    pub(super) fn facts(&self) -> String {
        format!("{}:run", self.tag)
    }

    /// The topics that are closed.
    pub(super) fn closed(&self) -> String {
        format!("{}:closed", self.tag)
    }

    pub(super) fn log_prefix(&self) -> String {
        format!("{}:log:", self.tag)
    }

    pub(super) fn log(&self, generation: u64) -> String {
        format!("{}{generation:016x}", self.log_prefix())
    }

    /// Who announced each key.
    pub(super) fn present(&self, generation: u64) -> String {
        format!("{}:present:{generation:016x}", self.tag)
    }

    /// The machines, each with the time of its last beat.
    pub(super) fn nodes(&self) -> String {
        format!("{}:nodes", self.tag)
    }

    /// The newest events of all keys.
    pub(super) fn latest(&self, generation: u64) -> String {
        format!("{}:latest:{generation:016x}", self.tag)
    }
}
