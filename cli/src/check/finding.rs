//! One thing that was looked at.

use serde_json::Value;

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// The stream did not show it.
    Unknown,
    Ok,
    Warning,
    Error,
}

impl Verdict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was looked at, what was seen, and what to do about it.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// What was measured, if there is one value of it.
    pub(super) value: Value,
    pub(super) text: String,
    pub(super) fix: Option<&'static str>,
}

impl Finding {
    pub(super) fn new(check: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self {
            check,
            verdict,
            value: Value::Null,
            text: text.into(),
            fix: None,
        }
    }

    pub(super) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, text)
    }

    pub(super) fn unknown(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Verdict::Unknown, text)
    }

    /// What could not be looked at, since there was no event stream.
    pub(super) fn unseen(check: &'static str) -> Self {
        Self::unknown(check, UNSEEN)
    }

    pub(super) fn is_unseen(&self) -> bool {
        self.text == UNSEEN
    }

    pub(super) fn warning(check: &'static str, text: impl Into<String>, fix: &'static str) -> Self {
        Self::new(check, Verdict::Warning, text).with_fix(fix)
    }

    pub(super) fn error(check: &'static str, text: impl Into<String>, fix: &'static str) -> Self {
        Self::new(check, Verdict::Error, text).with_fix(fix)
    }

    pub(super) fn with_value(mut self, value: impl Into<Value>) -> Self {
        self.value = value.into();
        self
    }

    fn with_fix(mut self, fix: &'static str) -> Self {
        self.fix = Some(fix);
        self
    }
}

const UNSEEN: &str = "there was no event stream to look at";
