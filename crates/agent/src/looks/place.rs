//! Where a look is made: what every context knows of its machine, whoever looks and whatever was seen before.

use std::path::PathBuf;
use std::time::Instant;

use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;

use crate::probes::ProbeContext;
use crate::secrets::Secrets;

/// What can be handed to another thread of a [`ProbeContext`]; each is as there.
#[derive(Debug, Clone)]
pub struct Place {
    /// As in [`ProbeContext`].
    pub root: PathBuf,
    /// As in [`ProbeContext`].
    pub records: PathBuf,
    /// As in [`ProbeContext`].
    pub programs: PathBuf,
    /// As in [`ProbeContext`].
    pub own_key: Option<PublicKey>,
    /// As in [`ProbeContext`].
    pub logs_dropped: u64,
    /// As in [`ProbeContext`]: the same ones, which change with the policy.
    pub secrets: Secrets,
}

impl Place {
    /// That of a context.
    pub fn of(context: &ProbeContext) -> Self {
        let ProbeContext { root, records, programs, own_key, logs_dropped, secrets, .. } = context;
        let (root, records, programs) = (root.clone(), records.clone(), programs.clone());
        let (own_key, secrets) = (own_key.clone(), secrets.clone());
        Self { root, records, programs, own_key, logs_dropped: *logs_dropped, secrets }
    }

    /// A context there that has seen nothing yet.
    pub fn context(
        &self,
        now: Time,
        monotonic: Instant,
        profile: PathBuf,
        expected_toplevel: Option<String>,
    ) -> ProbeContext {
        let Self { root, records, programs, own_key, logs_dropped, secrets } = self.clone();
        let context = ProbeContext::new(now, monotonic, profile, expected_toplevel);
        ProbeContext { root, records, programs, own_key, logs_dropped, secrets, ..context }
    }
}
