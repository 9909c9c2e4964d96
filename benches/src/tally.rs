//! What a run found, to be compared with what the corpus holds.

/// Counts events, the bytes of their fields, and the first byte of each.
///
/// Every contender pays the same for it, and none can leave out work that it depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events seen.
    pub events: u64,
    /// Bytes of all types; the default type counts as `message`.
    pub type_bytes: u64,
    /// Bytes of all data.
    pub data_bytes: u64,
    /// Bytes of all IDs.
    pub id_bytes: u64,
    /// The sum of the first bytes of all fields.
    pub first_bytes: u64,
}

impl Tally {
    /// Returns what the same events give when they come `count` times.
    pub fn times(self, count: u64) -> Self {
        Self {
            events: self.events * count,
            type_bytes: self.type_bytes * count,
            data_bytes: self.data_bytes * count,
            id_bytes: self.id_bytes * count,
            first_bytes: self.first_bytes * count,
        }
    }

    /// Adds one event; no ID is an empty one.
    #[inline]
    pub fn add(&mut self, event_type: &str, data: &str, id: &str) {
        self.events += 1;
        self.type_bytes += event_type.len() as u64;
        self.data_bytes += data.len() as u64;
        self.id_bytes += id.len() as u64;
        self.first_bytes += first(event_type) + first(data) + first(id);
    }
}

#[inline]
fn first(text: &str) -> u64 {
    text.as_bytes().first().map_or(0, |&byte| u64::from(byte))
}
