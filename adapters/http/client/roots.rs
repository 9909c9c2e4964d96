//! The root certificates of the platform, read once for the process.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rustls::RootCertStore;

use super::tls::Tls;

/// Returns the settings that trust the platform's certificates.
#[expect(
    clippy::disallowed_methods,
    reason = "an adapter reads the clock for the core"
)]
pub(super) fn platform() -> Result<Tls, String> {
    static PLATFORM: Mutex<Cache> = Mutex::new(Cache { kept: None });
    let mut cache = PLATFORM.lock().unwrap_or_else(PoisonError::into_inner);
    cache.get(Instant::now(), read)
}

/// What was read. Only a set that is there is kept: a process may be out of files for a moment. One
/// that lacks what could not be read is used, and read again from time to time.
struct Cache {
    kept: Option<Kept>,
}

struct Kept {
    tls: Tls,
    /// `None` if nothing is missing.
    read_again_at: Option<Instant>,
}

/// What a read has found.
struct Found {
    roots: RootCertStore,
    /// The first of the errors, if there was one.
    error: Option<String>,
}

impl Cache {
    fn get(&mut self, now: Instant, read: impl FnOnce() -> Found) -> Result<Tls, String> {
        if let Some(kept) = &mut self.kept {
            if kept.read_again_at.is_none_or(|at| now < at) {
                return Ok(kept.tls.clone());
            }
            // Also if it fails: no more than one attempt in that time.
            kept.read_again_at = Some(now + READ_AGAIN_AFTER);
        }
        let Found { roots, error } = read();
        if !roots.is_empty() {
            self.kept = Some(Kept {
                tls: Tls::trusting(Arc::new(roots)),
                read_again_at: error.is_some().then(|| now + READ_AGAIN_AFTER),
            });
        }
        match (&self.kept, error) {
            (Some(kept), _) => Ok(kept.tls.clone()),
            (None, Some(error)) => Err(format!(
                "the root certificates of the platform could not be read: {error}"
            )),
            (None, None) => {
                let remedy = "install them, set SSL_CERT_FILE or use Tls::with_roots";
                Err(format!("the platform has no root certificates: {remedy}"))
            }
        }
    }
}

fn read() -> Found {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    Found {
        roots,
        error: found.errors.first().map(|error| format!("{error}")),
    }
}

const READ_AGAIN_AFTER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use alloc::vec;

    use rustls::pki_types::TrustAnchor;

    use super::*;

    fn found(roots: u8, error: Option<&str>) -> Found {
        let anchor = |number: u8| TrustAnchor {
            subject: vec![number].into(),
            subject_public_key_info: vec![].into(),
            name_constraints: None,
        };
        Found {
            roots: (0..roots).map(anchor).collect(),
            error: error.map(String::from),
        }
    }

    fn count(tls: &Tls) -> usize {
        tls.roots().len()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn a_failure_is_not_kept_and_what_is_incomplete_is_read_again() {
        let mut cache = Cache { kept: None };
        let begin = Instant::now();
        let never = || -> Found { panic!("it is kept") };

        let error = cache.get(begin, || found(0, Some("no file"))).unwrap_err();
        assert!(error.ends_with("could not be read: no file"), "{error}");
        let error = cache.get(begin, || found(0, None)).unwrap_err();
        assert!(error.contains("SSL_CERT_FILE"), "{error}");

        let tls = cache.get(begin, || found(1, Some("no file")));
        assert_eq!(count(&tls.unwrap()), 1);
        let almost = begin + READ_AGAIN_AFTER - Duration::from_nanos(1);
        assert_eq!(count(&cache.get(almost, never).unwrap()), 1);

        // What was there is better than nothing.
        let again = begin + READ_AGAIN_AFTER;
        let tls = cache.get(again, || found(0, Some("no file")));
        assert_eq!(count(&tls.unwrap()), 1);
        assert_eq!(count(&cache.get(again, never).unwrap()), 1);

        let again = again + READ_AGAIN_AFTER;
        let tls = cache.get(again, || found(2, None));
        assert_eq!(count(&tls.unwrap()), 2);
        let later = again + 1000 * READ_AGAIN_AFTER;
        assert_eq!(count(&cache.get(later, never).unwrap()), 2);
    }
}
