//! Verifying one release: who signed, which documents, and whether its appliances would accept it now.

use nix_narinfo::TrustedPublicKey;
use writ_nix::cache::Entry;
use writ_policy::closure::Closure;
use writ_policy::policy::{Policy, PolicyError};
use writ_trust::acceptance::{self, Identity, LogInclusion, LogProof};
use writ_trust::floor::Floor;
use writ_trust::history::{self, PastRelease, Standing};
use writ_trust::ids::SiteId;
use writ_trust::refusal::Refusal;
use writ_trust::release::{ClosureRef, Release};
use writ_trust::role::Role;
use writ_trust::root::TrustKey;

use super::Context;
use super::findings::Findings;
use crate::layout::{Layout, ReleaseFiles};

/// Verifies a release that stands alone; returns its site if it can be read.
pub fn single(
    context: &Context,
    layout: Option<&Layout>,
    files: &ReleaseFiles,
    findings: &mut Findings,
) -> Option<SiteId> {
    let subject = files.path.display().to_string();
    // The site is not known from elsewhere, so the document's own word is taken, and judged with its signatures.
    let site = match Release::parse(&files.bytes) {
        Ok(release) => release.site,
        Err(e) => {
            findings.failed(&subject, e.to_string());
            return None;
        }
    };
    if let Some(past) = signatures(context, &site, files, &subject, findings) {
        let layout = layout.filter(|layout| layout.documents().is_dir());
        match layout {
            Some(layout) => documents(context, layout, &past.release, &subject, findings),
            None => findings.not_verified(&subject, "its documents: they are not beside it"),
        }
        acceptance(context, files, &past.release, &subject, findings);
        let previous = past.release.previous.map_or("none".to_owned(), |d| d.to_string());
        findings.not_verified(&subject, format!("the release before it ({previous}): only one release was given"));
    }
    Some(site)
}

/// Who signed, judged by the trust roots of its time.
pub fn signatures(
    context: &Context,
    site: &SiteId,
    files: &ReleaseFiles,
    subject: &str,
    findings: &mut Findings,
) -> Option<PastRelease> {
    match history::verify_release_for_audit(&files.bytes, &files.signatures, &context.chain, site, None) {
        Err(e) => {
            findings.failed(subject, e.to_string());
            None
        }
        Ok(past) => {
            let names: Vec<&str> = past.signers.iter().map(|signer| signer.name.as_str()).collect();
            let what = format!("signed by {} under trust root {}", names.join(", "), past.release.trust_version);
            match &past.standing {
                Standing::Sound => findings.verified(subject, what),
                Standing::Unproven { revoked } => {
                    let revoked: Vec<String> =
                        revoked.iter().map(|(signer, at)| format!("{} as of {at}", signer.name)).collect();
                    let revoked = revoked.join(", ");
                    findings.not_verified(subject, format!("{what}; revoked since: {revoked}, and no proof of when"));
                }
            }
            Some(past)
        }
    }
}

/// Every document that a release names, by its exact bytes.
pub fn documents(context: &Context, layout: &Layout, release: &Release, subject: &str, findings: &mut Findings) {
    for (name, generation) in release.generations.iter().filter(|(name, _)| context.wants(name)) {
        let subject = format!("{subject} {name}");
        match layout.read_document(&generation.policy.digest, "the policy").map_err(|e| e.to_string()) {
            Err(e) => findings.failed(&subject, e),
            Ok(bytes) => match generation.policy.check(&bytes) {
                Err(e) => findings.failed(&subject, e.to_string()),
                Ok(()) => match Policy::parse(&bytes) {
                    Ok(policy) if policy.site != release.site || policy.appliance != *name => {
                        findings.failed(&subject, format!("its policy is for {} of {}", policy.appliance, policy.site));
                    }
                    Ok(_) => findings.verified(&subject, format!("policy {}", generation.policy.digest)),
                    // A later version of the agent may know it, and comes with the system.
                    Err(e @ PolicyError::UnknownSchema { .. }) => {
                        findings.not_verified(&subject, format!("what its policy means: {e}"));
                    }
                    Err(e) => findings.failed(&subject, e.to_string()),
                },
            },
        }
        match &generation.closure {
            None => findings.not_verified(&subject, "its system: Writ does not manage it"),
            Some(closure) => system(context, layout, release, closure, &subject, findings),
        }
    }
}

fn system(
    context: &Context,
    layout: &Layout,
    release: &Release,
    named: &ClosureRef,
    subject: &str,
    findings: &mut Findings,
) {
    let bytes = match layout.read_document(&named.digest, "the closure") {
        Ok(bytes) => bytes,
        Err(e) => return findings.failed(subject, e.to_string()),
    };
    if let Err(e) = named.check(&bytes) {
        return findings.failed(subject, e.to_string());
    }
    let closure = match Closure::parse(&bytes) {
        Ok(closure) if closure.toplevel == named.toplevel.as_str() => closure,
        Ok(closure) => return findings.failed(subject, format!("its closure is of {}", closure.toplevel)),
        Err(e) => return findings.failed(subject, e.to_string()),
    };
    findings.verified(subject, format!("closure {} ({} paths)", named.digest, closure.paths.len()));
    let cache = layout.cache();
    if !cache.is_dir() {
        return findings.not_verified(subject, "its binary cache: there is none here");
    }
    // A key whose time is over still vouches for what it signed then; appliances judge by the present.
    let counts = |key: &&TrustKey| key.serves(Role::Cache, Some(&release.site)).is_ok() && key.revoked_at.is_none();
    let keys = context.chain.newest().keys.iter().filter(counts);
    let keys: Vec<_> = keys.filter_map(|key| TrustedPublicKey::parse(&key.nix_public_key()).ok()).collect();
    for path in &closure.paths {
        if let Err(e) = Entry::read(&cache, path).and_then(|entry| entry.require_signature(&keys)) {
            return findings.failed(subject, format!("{} in the cache: {e}", path.path));
        }
    }
    findings.verified(subject, "its binary cache lists every path as the closure does, signed by cache keys");
    findings.not_verified(subject, "the contents of the cache: whoever imports them compares every path");
}

/// Whether each appliance would accept the release if it had accepted none before.
pub fn acceptance(context: &Context, files: &ReleaseFiles, release: &Release, subject: &str, findings: &mut Findings) {
    let floor = Floor::initial(release.site.clone(), &context.chain);
    let mut anyone = false;
    for (name, generation) in release.generations.iter().filter(|(name, _)| context.wants(name)) {
        anyone = true;
        let identity =
            Identity { site: release.site.clone(), appliance: name.clone(), public_key: generation.public_key.clone() };
        let subject = format!("{subject} {name}");
        let log = LogProof { receipt: files.receipt.as_deref(), ..LogProof::default() };
        let judged =
            acceptance::accept(&files.bytes, &files.signatures, &context.chain, &floor, &identity, &log, context.now);
        match judged {
            Ok(accepted) => {
                findings.verified(&subject, format!("acceptable now, until {}", release.expires_at));
                match accepted.log {
                    LogInclusion::Included(_) => {
                        findings.verified(&subject, format!("the site's log includes it: {}", accepted.log));
                    }
                    LogInclusion::NotConfigured | LogInclusion::NotChecked => {
                        findings.not_verified(&subject, format!("that the site's log includes it: {}", accepted.log));
                    }
                }
            }
            Err(Refusal::NotBefore { .. }) if release.is_held(generation) => {
                findings.not_verified(&subject, "acceptable only once a newer release promotes it");
            }
            Err(Refusal::NotBefore { not_before, .. }) => {
                findings.not_verified(&subject, format!("acceptable only from {not_before} on"));
            }
            Err(refusal) => findings.failed(&subject, refusal.to_string()),
        }
    }
    if let (false, Some(name)) = (anyone, &context.appliance) {
        findings.failed(subject, format!("it has no entry for {name}"));
    }
}
