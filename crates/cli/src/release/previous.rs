//! The release before: read from a folder and verified, or the copy that a draft carries.

use writ_trust::history::{self, PastRelease, Standing};
use writ_trust::ids::SiteId;
use writ_trust::release::Release;
use writ_trust::root_chain::TrustChain;

use crate::failure::{Failure, Outcome};
use crate::layout::{Layout, ReleaseFiles};

/// A site's newest release, verified.
pub struct Previous {
    /// Its files.
    pub files: ReleaseFiles,
    /// What they hold.
    pub past: PastRelease,
}

/// The newest release of a site in a folder, with enough signatures under the folder's trust roots; `None` if there is no
/// release of this site yet.
pub fn newest(layout: &Layout, site: &SiteId, chain: &TrustChain) -> Outcome<Option<Previous>> {
    let Some(point) = layout.newest(site)? else { return Ok(None) };
    let files = layout.read(site, point)?;
    let past = history::verify_release_for_audit(&files.bytes, &files.signatures, chain, site, None).map_err(|e| {
        Failure::refused("the newest release in this folder does not verify, so nothing can follow it")
            .at(files.path.display())
            .because(e)
            .next(format!("writ verify {} --trust FILE", layout.root().display()))
    })?;
    if past.release.point() != point {
        return Err(Failure::refused("this release stands under another number")
            .at(files.path.display())
            .because(format!("it is {}-{}", past.release.epoch, past.release.serial)));
    }
    if let Standing::Unproven { revoked } = &past.standing {
        let names: Vec<&str> = revoked.iter().map(|(signer, _)| signer.name.as_str()).collect();
        crate::screen::warning(&format!(
            "{}: its signers {} were revoked since, and nothing proves that they signed before",
            files.path.display(),
            names.join(", ")
        ));
    }
    Ok(Some(Previous { files, past }))
}

/// The release that a draft says it follows, from the draft's own copy, which must have the digest that the draft names.
pub fn carried(draft: &Layout, release: &Release) -> Outcome<Option<Release>> {
    let Some(named) = release.previous else { return Ok(None) };
    let files = ReleaseFiles::read(&draft.previous(&release.site))?;
    if files.digest() != named {
        return Err(Failure::refused("the draft's copy of the release before is not the one that it names")
            .at(files.path.display())
            .because(format!("it has digest {}, the draft names {named}", files.digest()))
            .next("draft again"));
    }
    files.parse().map(Some)
}
