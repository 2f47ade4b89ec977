//! From an evaluated site to the generations of a release and the documents that they name.

use std::collections::BTreeMap;
use std::path::Path;

use writ_nix::closure;
use writ_nix::tool::Nix;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::release::{ClosureRef, Generation, PolicyRef};
use writ_trust::time::Time;

use super::evaluated::{Appliance, Site};
use super::source::Snapshot;
use crate::failure::{Failure, Outcome};
use crate::layout::Layout;
use crate::screen;

/// Documents by digest.
pub type Documents = BTreeMap<Digest, Vec<u8>>;

/// The generations of a site, of which each may begin at `not_before`. Builds its systems, keeping each in the store by a link
/// in the draft.
pub fn build(
    snapshot: &Snapshot,
    site: &SiteId,
    appliances: &Site,
    not_before: Time,
    draft: &Layout,
    documents: &mut Documents,
) -> Outcome<BTreeMap<ApplianceId, Generation>> {
    let mut generations = BTreeMap::new();
    for (name, appliance) in &appliances.appliances {
        let place = format!("{site}/{name}");
        let policy = PolicyRef {
            schema: appliance.schema.clone(),
            digest: keep(documents, appliance.policy.clone(), &format!("the policy of {place}"))?,
            size: appliance.policy.len() as u64,
        };
        let closure = match &appliance.toplevel {
            None => None,
            Some(toplevel) => {
                screen::progress(&format!("building the system of {place}"));
                let link = draft.system_link(site, name.as_str());
                build_system(snapshot, site, name, toplevel, &link)?;
                let bytes = closure_document(toplevel, &place)?;
                let size = bytes.len() as u64;
                let digest = keep(documents, bytes, &format!("the closure of {place}"))?;
                Some(ClosureRef { toplevel: toplevel.parse().map_err(|e| unusable(&place, &e))?, digest, size })
            }
        };
        generations.insert(name.clone(), generation(appliance, policy, closure, not_before));
    }
    Ok(generations)
}

fn generation(appliance: &Appliance, policy: PolicyRef, closure: Option<ClosureRef>, not_before: Time) -> Generation {
    Generation {
        public_key: appliance.public_key.clone(),
        system_type: appliance.system_type.clone(),
        policy,
        closure,
        not_before,
    }
}

fn build_system(snapshot: &Snapshot, site: &SiteId, name: &ApplianceId, expected: &str, link: &Path) -> Outcome<()> {
    if let Some(parent) = link.parent() {
        crate::files::make_directory(parent)?;
    }
    let place = format!("hosts/{site}/{name}/system.nix");
    let built = snapshot.tree.build(site, name, link).map_err(|e| {
        Failure::refused("the system does not build").at(&place).because(e).next("fix it, or set it to null")
    })?;
    if built == expected {
        return Ok(());
    }
    Err(Failure::could_not("the system was built as another store path than evaluated")
        .at(place)
        .because(format!("evaluated {expected}, built {built}"))
        .next("run the command again; if it stays, the expression is impure"))
}

/// The closure document of a system in the store.
pub fn closure_document(toplevel: &str, place: &str) -> Outcome<Vec<u8>> {
    let closure = closure::closure_of(&Nix::default(), Path::new(toplevel))
        .map_err(|e| Failure::could_not("cannot list the system's closure").at(place).because(e))?;
    Ok(json::canonical(&closure))
}

fn keep(documents: &mut Documents, bytes: Vec<u8>, what: &str) -> Outcome<Digest> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(Failure::refused(format!("{what} is too large"))
            .because(format!("{} bytes, a document may have {MAX_DOCUMENT}", bytes.len())));
    }
    let digest = Digest::of(&bytes);
    documents.insert(digest, bytes);
    Ok(digest)
}

fn unusable(place: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::refused("the system is not a store path that appliances could use").at(place).because(error)
}
