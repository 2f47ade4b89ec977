//! What is obeyed now: one generation, and the policy that this version could read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use writ_evidence::bundle::ReleaseRef;
use writ_policy::policy::Policy;
use writ_trust::acceptance::Identity;

use super::generation::{self, Generation, GenerationError};
use super::state::{Point, RunningRef};

/// What is obeyed now.
#[derive(Debug)]
pub struct Running {
    /// The generation: its release and its system.
    pub generation: Generation,
    /// The policy that is enforced, and the release it came with: an earlier one while this version cannot read the
    /// generation's own.
    pub policy: Option<(Point, Policy)>,
    /// Programs that runbooks may name.
    pub programs: BTreeMap<String, PathBuf>,
}

impl Running {
    /// Takes up a generation. Where this version does not know its policy's schema, the policy before stays in force.
    pub fn adopt(generation: Generation, before: Option<Self>) -> Self {
        let programs = generation.programs();
        let policy = match &generation.policy {
            Ok(policy) => Some((generation.point(), policy.clone())),
            Err(_) => before.and_then(|before| before.policy),
        };
        Self { generation, policy, programs }
    }

    /// Reads back what was obeyed when the state was written.
    pub fn load(state_dir: &Path, identity: &Identity, at: &RunningRef) -> Result<Self, GenerationError> {
        let read = |point| {
            let documents = generation::load(state_dir, point)?;
            Generation::read(&documents, &identity.site, &identity.appliance)
        };
        let generation = read(at.release)?;
        if generation.digest != at.digest {
            return Err(GenerationError::Altered { found: generation.digest, accepted: at.digest });
        }
        let mut running = Self::adopt(generation, None);
        if running.policy.is_none()
            && let Some(point) = at.policy.filter(|point| *point != at.release)
        {
            running.policy = read(point)?.policy.ok().map(|policy| (point, policy));
        }
        Ok(running)
    }

    /// What the state keeps of it.
    pub fn reference(&self) -> RunningRef {
        RunningRef {
            release: self.generation.point(),
            digest: self.generation.digest,
            policy: self.policy.as_ref().map(|(point, _)| *point),
        }
    }

    /// What evidence says of it.
    pub fn release_ref(&self) -> ReleaseRef {
        let point = self.generation.point();
        ReleaseRef { epoch: point.epoch, serial: point.serial, digest: self.generation.digest }
    }
}
