//! The documents that releases name: policies and closures, by their exact bytes.

use std::collections::BTreeMap;

use writ_policy::closure::Closure;
use writ_policy::policy::{Policy, PolicyError, reads};
use writ_trust::digest::Digest;
use writ_trust::history::PastRelease;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::release::{ClosureRef, PolicyRef};

use super::{directory, path_in, read};
use crate::folder::Folder;
use crate::problem::{Code, Problems};

/// Reads each document once and remembers what came of it.
pub struct Documents<'a> {
    folder: Option<Folder>,
    seen: BTreeMap<Digest, bool>,
    /// The policies that were read, by digest.
    pub policies: BTreeMap<Digest, Policy>,
    /// How many documents were found as their releases name them.
    pub verified: usize,
    problems: &'a mut Problems,
}

impl<'a> Documents<'a> {
    /// The documents of an audit folder.
    pub fn open(root: &Folder, problems: &'a mut Problems) -> Self {
        let folder = directory(root, "documents", "documents", problems);
        Self { folder, seen: BTreeMap::new(), policies: BTreeMap::new(), verified: 0, problems }
    }

    /// Judges every document that a release names.
    pub fn judge(&mut self, past: &PastRelease) {
        for (appliance, generation) in &past.release.generations {
            self.policy(&past.release.site, appliance, &generation.policy);
            if let Some(closure) = &generation.closure {
                self.closure(closure);
            }
        }
    }

    fn bytes(&mut self, digest: Digest, consequence: &str) -> Option<(String, Vec<u8>)> {
        let name = format!("{}.json", digest.hex());
        let path = path_in("documents", &name);
        if self.seen.insert(digest, true).is_some() {
            return None;
        }
        let before = self.problems.bad;
        let bytes = self.folder.as_ref().and_then(|f| read(f, &path, &name, MAX_DOCUMENT, self.problems));
        if bytes.is_none() && self.problems.bad == before {
            self.problems.bad(Code::Missing, &path, "a release names it, but it is not there", consequence);
        }
        bytes.map(|bytes| (path, bytes))
    }

    fn policy(&mut self, site: &SiteId, appliance: &ApplianceId, named: &PolicyRef) {
        let consequence = format!("what {site}/{appliance} had to obey is not known");
        let Some((path, bytes)) = self.bytes(named.digest, &consequence) else { return };
        if let Err(error) = named.check(&bytes) {
            return self.problems.bad(Code::Altered, &path, error, consequence);
        }
        self.verified += 1;
        if !reads(named.schema.as_str()) {
            let what = format!("it follows {}, which this version does not know", named.schema);
            return self.problems.note(Code::UnknownSchema, &path, what, "its controls are not assessable here");
        }
        match Policy::parse(&bytes) {
            Ok(policy) if policy.site != *site || policy.appliance != *appliance => {
                let what =
                    format!("it is the policy of {}/{}, given to {site}/{appliance}", policy.site, policy.appliance);
                self.problems.bad(Code::Foreign, &path, what, consequence);
            }
            Ok(policy) => {
                self.policies.insert(named.digest, policy);
            }
            Err(error @ PolicyError::UnknownSchema { .. }) => {
                self.problems.note(Code::UnknownSchema, &path, error, "its controls are not assessable here");
            }
            Err(error) => self.problems.bad(Code::Malformed, &path, error, consequence),
        }
    }

    fn closure(&mut self, named: &ClosureRef) {
        const CONSEQUENCE: &str = "which software the appliance was to run is not known";
        let Some((path, bytes)) = self.bytes(named.digest, CONSEQUENCE) else { return };
        if let Err(error) = named.check(&bytes) {
            return self.problems.bad(Code::Altered, &path, error, CONSEQUENCE);
        }
        self.verified += 1;
        match Closure::parse(&bytes) {
            Ok(closure) if closure.toplevel != named.toplevel.as_str() => {
                let what = format!("its system is {}, the release names {}", closure.toplevel, named.toplevel);
                self.problems.bad(Code::Malformed, &path, what, CONSEQUENCE);
            }
            Ok(_) => {}
            Err(error) => self.problems.bad(Code::Malformed, &path, error, CONSEQUENCE),
        }
    }
}
