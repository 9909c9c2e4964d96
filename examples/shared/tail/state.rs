//! The file that `--state` names, which holds the last event ID.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file with the last event ID, in a line. It is always whole, whenever the program is killed.
pub(crate) struct StateFile {
    path: PathBuf,
    /// The next content, on the same file system.
    draft: PathBuf,
    id: String,
}

impl StateFile {
    /// Reads the file, or creates it. An empty file stands for no ID, as a missing one does.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        // A link stays a link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut draft = path.clone().into_os_string();
        draft.push(".new");
        let mut state = Self {
            path,
            draft: draft.into(),
            id: text.strip_suffix('\n').unwrap_or(&text).to_owned(),
        };
        // What cannot be written should be known now.
        state.write()?;
        Ok(state)
    }

    /// Returns the last event ID, or `None` if it is empty.
    pub(crate) fn id(&self) -> Option<&str> {
        Some(&*self.id).filter(|id| !id.is_empty())
    }

    /// Records the last event ID, unless it is recorded already.
    pub(crate) fn save(&mut self, id: Option<&str>) -> io::Result<()> {
        if self.id() == id {
            return Ok(());
        }
        id.unwrap_or_default().clone_into(&mut self.id);
        self.write()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file in one step.
    fn write(&mut self) -> io::Result<()> {
        fs::write(&self.draft, format!("{}\n", self.id))?;
        fs::rename(&self.draft, &self.path)
    }
}
