//! What is in the log that many machines share.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::presence::Change;
use crate::event::{Event, EventRef};
use crate::server::event_id::EventId;
use crate::server::log::Role;
use crate::server::topic_set::TopicSet;

/// An entry of the log: something that one machine tells all.
///
/// In the log it is a list of fields, each with a name and a value in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The machine that sent it, in this life of its process.
    pub(super) sender: u64,
    /// The number of the entry among those of its sender.
    pub(super) number: u64,
    /// When it was published: milliseconds since 1970, by the clock of the sender.
    pub(super) at: u64,
    pub(super) kind: Kind,
}

/// What an [`Entry`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// An epoch begins.
    Epoch {
        /// The ID of the entry before. `None` if the log was empty.
        previous: Option<EventId>,
    },
    /// An event.
    Event {
        /// Its topics.
        topics: TopicSet,
        /// Its event.
        event: Event,
    },
    /// An event that takes the place of the one with the same key.
    Latest {
        /// Its topics.
        topics: TopicSet,
        /// The key.
        key: String,
        /// Its event.
        event: Event,
        /// Whether it is a [presence](crate::server::Presence), which does not get old.
        lasts: bool,
    },
    /// An event that reports the end of a key.
    Removal {
        /// Its topics.
        topics: TopicSet,
        /// The key.
        key: String,
        /// Its event.
        event: Event,
    },
    /// A presence is announced, changed or withdrawn. In the log this is a [`Latest`](Self::Latest), a
    /// [`Removal`](Self::Removal) or nothing, depending on who else announced the key.
    Presence {
        /// What is done about it.
        change: Change,
        /// The topic.
        topic: String,
        /// The key.
        key: String,
        /// The name of the announcement. It begins with that of the machine and a hyphen.
        token: String,
        /// The event of the presence.
        here: Event,
        /// The event that reports its end.
        gone: Event,
    },
    /// A topic is closed for some time.
    Close {
        /// The name of the topic.
        topic: String,
        /// For how long.
        time: Duration,
    },
    /// The streams of a topic end.
    End {
        /// The name of the topic.
        topic: String,
    },
    /// Something that a later version of this crate knows.
    Unknown,
}

impl Kind {
    /// Returns the topics, the role and the event of an event.
    pub(in crate::server) fn as_event(&self) -> Option<(&TopicSet, Role<'_>, EventRef<'_>)> {
        Some(match self {
            Self::Event { topics, event } => (topics, Role::Plain, event.into()),
            Self::Latest {
                topics,
                key,
                event,
                lasts,
            } => {
                let role = match lasts {
                    true => Role::Present(key),
                    false => Role::Latest(key),
                };
                (topics, role, event.into())
            }
            Self::Removal { topics, key, event } => (topics, Role::Removal(key), event.into()),
            _ => return None,
        })
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Epoch { .. } => "epoch",
            Self::Event { .. } => "event",
            Self::Latest { .. } => "latest",
            Self::Removal { .. } => "removal",
            Self::Presence { .. } => "presence",
            Self::Close { .. } => "close",
            Self::End { .. } => "end",
            Self::Unknown => "",
        }
    }
}

impl Entry {
    /// Creates the entry with which an epoch begins.
    pub const fn epoch(previous: Option<EventId>) -> Self {
        Self {
            sender: 0,
            number: 0,
            at: 0,
            kind: Kind::Epoch { previous },
        }
    }

    /// Returns what it tells.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Returns the machine that sent it and its number there. No other entry has these.
    pub const fn nonce(&self) -> (u64, u64) {
        (self.sender, self.number)
    }

    /// Returns the entries that the announcement of a presence and its withdrawal are in the log, or
    /// `None` if this is not about a presence.
    pub fn presence(&self) -> Option<[Self; 2]> {
        let Kind::Presence {
            topic,
            key,
            here,
            gone,
            ..
        } = &self.kind
        else {
            return None;
        };
        let topics = || TopicSet::new([topic]);
        let entry = |kind| Self {
            sender: self.sender,
            number: self.number,
            at: self.at,
            kind,
        };
        let here = entry(Kind::Latest {
            topics: topics(),
            key: key.clone(),
            event: here.clone(),
            lasts: true,
        });
        let gone = entry(Kind::Removal {
            topics: topics(),
            key: key.clone(),
            event: gone.clone(),
        });
        Some([here, gone])
    }

    /// Returns its size, in bytes, without what the log adds.
    pub fn byte_count(&self) -> usize {
        if let Some([here, gone]) = self.presence() {
            return here.byte_count() + gone.byte_count();
        }
        self.fields()
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    }

    /// Returns about how many bytes it has in the log, without making its fields.
    pub(super) fn rough_size(&self) -> usize {
        let event = self.kind.as_event().map(|(topics, _, event)| {
            let topics: usize = topics.iter().map(str::len).sum();
            topics + event.event_type().len() + event.data().len()
        });
        ROUGH_OVERHEAD + event.unwrap_or_default()
    }

    /// Returns the fields that stand for it in the log.
    pub fn fields(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut fields = Vec::with_capacity(8);
        fields.push((VERSION, Cow::Borrowed("1")));
        fields.push((KIND, self.kind.word().into()));
        fields.push((
            NONCE,
            alloc::format!("{:x}-{}", self.sender, self.number).into(),
        ));
        fields.push((AT, self.at.to_string().into()));
        match &self.kind {
            Kind::Epoch { previous } => {
                let decimal = |id: &EventId| alloc::format!("{}-{}", id.epoch(), id.number());
                let previous = previous.as_ref().map(decimal);
                fields.push((PREVIOUS, previous.unwrap_or_default().into()));
            }
            Kind::Close { topic, time } => {
                fields.push((TOPIC, topic.into()));
                fields.push((TIME, time.as_millis().to_string().into()));
            }
            Kind::End { topic } => fields.push((TOPIC, topic.into())),
            Kind::Latest { lasts: true, .. } => fields.push((LASTS, Cow::Borrowed("1"))),
            _ => {}
        }
        if let Some((topics, role, event)) = self.kind.as_event() {
            fields.extend(topics.iter().map(|topic| (TOPIC, topic.into())));
            fields.extend(role.named_key().map(|key| (KEY, key.into())));
            if event.event_type() != EventRef::new("").event_type() {
                fields.push((TYPE, event.event_type().into()));
            }
            fields.push((DATA, event.data().into()));
        }
        fields
    }

    /// Returns the entry for which these fields stand. Fields that are not known are ignored. An
    /// entry of a kind that is not known, or with a field that is invalid, is
    /// [`Kind::Unknown`].
    pub fn from_fields<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut raw = Raw::default();
        for (name, value) in fields {
            raw.set(name, value);
        }
        raw.into_entry()
    }
}

/// The fields of an entry that is read.
#[derive(Default)]
struct Raw<'a> {
    kind: &'a [u8],
    nonce: (u64, u64),
    at: u64,
    topics: Vec<&'a str>,
    key: Option<&'a str>,
    lasts: bool,
    event_type: Option<&'a str>,
    data: Option<&'a str>,
    previous: Option<&'a str>,
    time: Option<u64>,
    is_invalid: bool,
}

impl<'a> Raw<'a> {
    fn set(&mut self, name: &[u8], value: &'a [u8]) {
        if name == KIND.as_bytes() {
            self.kind = value;
            return;
        }
        let Ok(value) = core::str::from_utf8(value) else {
            self.is_invalid = true;
            return;
        };
        match core::str::from_utf8(name).unwrap_or_default() {
            NONCE => {
                let parts = value.split_once('-');
                self.nonce = parts
                    .and_then(|(sender, number)| {
                        let sender = u64::from_str_radix(sender, 16).ok()?;
                        Some((sender, number.parse().ok()?))
                    })
                    .unwrap_or_default();
            }
            AT => self.at = value.parse().unwrap_or_default(),
            TOPIC => self.topics.push(value),
            KEY => self.key = Some(value),
            LASTS => self.lasts = value == "1",
            TYPE => self.event_type = Some(value),
            DATA => self.data = Some(value),
            PREVIOUS => self.previous = Some(value),
            TIME => self.time = value.parse().ok(),
            _ => {}
        }
    }

    fn into_entry(self) -> Entry {
        let kind = match self.is_invalid {
            true => None,
            false => self.kind(),
        };
        Entry {
            sender: self.nonce.0,
            number: self.nonce.1,
            at: self.at,
            kind: kind.unwrap_or(Kind::Unknown),
        }
    }

    fn kind(&self) -> Option<Kind> {
        let topic = || Some((*self.topics.first()?).into());
        let key = || Some(self.key?.into());
        let topics = || TopicSet::new(&self.topics);
        Some(match self.kind {
            b"epoch" => Kind::Epoch {
                previous: self.previous()?,
            },
            b"event" => Kind::Event {
                topics: topics(),
                event: self.event()?,
            },
            b"latest" => Kind::Latest {
                topics: topics(),
                key: key()?,
                event: self.event()?,
                lasts: self.lasts,
            },
            b"removal" => Kind::Removal {
                topics: topics(),
                key: key()?,
                event: self.event()?,
            },
            b"close" => Kind::Close {
                topic: topic()?,
                time: Duration::from_millis(self.time?),
            },
            b"end" => Kind::End { topic: topic()? },
            _ => return None,
        })
    }

    /// Returns the ID of the entry before an epoch, or `None` within if there was none.
    fn previous(&self) -> Option<Option<EventId>> {
        let text = self.previous?;
        if text.is_empty() {
            return Some(None);
        }
        let (epoch, number) = text.split_once('-')?;
        let id = EventId::new(epoch.parse().ok()?, number.parse().ok()?);
        Some(Some(id))
    }

    fn event(&self) -> Option<Event> {
        Event::new(self.data?)
            .with_type(self.event_type.unwrap_or_default())
            .ok()
    }
}

/// The names of the fields, and the fields that every entry has.
const ROUGH_OVERHEAD: usize = 80;

const VERSION: &str = "v";
const KIND: &str = "kind";
const NONCE: &str = "nonce";
const AT: &str = "at";
const TOPIC: &str = "topic";
const KEY: &str = "key";
const LASTS: &str = "lasts";
const TYPE: &str = "type";
const DATA: &str = "data";
const PREVIOUS: &str = "previous";
const TIME: &str = "time";
