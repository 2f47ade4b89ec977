//! Publishing into a release folder.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rustix::fs::{CWD, FlockOperation, RenameFlags};
use writ_trust::floor::FloorRelease;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::checkpoint::log_keys;
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt};
use writ_trust::release::Release;
use writ_trust::root_chain::TrustChain;

use super::fit::Fit;
use crate::clock;
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::layout::{Layout, RECEIPT_FILE, RELEASE_FILE};
use crate::release::previous;
use crate::screen;
use crate::trust::folder;

/// The newest release of a folder.
pub fn newest(target: &Layout, site: &SiteId, chain: &TrustChain) -> Outcome<Option<FloorRelease>> {
    Ok(previous::newest(target, site, chain)?.map(|newest| FloorRelease {
        epoch: newest.past.release.epoch,
        serial: newest.past.release.serial,
        digest: newest.past.digest,
    }))
}

/// Puts a release that was judged into a folder whose cache has its systems, and where the site has a log its head and tiles;
/// with the receipt of that log, if it has it by now.
pub fn publish(fit: &Fit, target: &Layout, chain: &TrustChain, receipt: Option<&[u8]>) -> Outcome<()> {
    let release = &fit.release;
    let folder = target.release(&release.site, release.point());
    files::make_directory(&target.documents())?;
    for folder in [target.documents(), target.trust(), folder.clone()] {
        // Of a publish that was killed; whatever cannot be removed is in nobody's way.
        let _ = writ_durable::remove_leftovers(&folder);
    }
    for (digest, bytes) in &fit.documents {
        files::create_or_same(&target.document(digest), bytes, "a document")?;
    }
    let fresh = swap(fit, target, chain, &folder, receipt)?;
    let verb = if fresh { "published" } else { "was published already:" };
    let signatures = screen::count(fit.signatures.len(), "signature");
    screen::line(&format!("{verb} {} ({signatures})", folder.display()));
    Ok(())
}

/// Adds a folder of trust roots to those of a release folder.
pub fn add_roots(from: &Path, target: &Layout) -> Outcome<()> {
    let given = folder::read(from)?;
    // A chain that does not hold is not spread.
    given.chain()?;
    files::make_directory(&target.trust())?;
    for root in &given.roots {
        for signature in &root.signatures {
            let path = target.trust().join(files::name_of(&signature.path));
            files::create_or_same(&path, &signature.bytes, "a signature of a trust root")?;
        }
        files::create_or_same(&target.trust().join(files::name_of(&root.path)), &root.bytes, "a trust root")?;
    }
    Ok(())
}

/// Puts the release into its place if the release before is still the newest; whether it was not there yet.
fn swap(fit: &Fit, target: &Layout, chain: &TrustChain, folder: &Path, receipt: Option<&[u8]>) -> Outcome<bool> {
    let release = &fit.release;
    let site = target.site(&release.site);
    files::make_directory(&site)?;
    let _lock = lock(&site.join(".lock"))?;
    if let Some(there) = files::read_if_there(&folder.join(RELEASE_FILE), MAX_DOCUMENT, "the release of this number")? {
        if there != fit.files.bytes {
            return Err(overtaken(release, folder, "its number is taken"));
        }
        add_signatures(fit, folder)?;
        add_receipt(release, folder, chain, receipt)?;
        return Ok(false);
    }
    let newest = previous::newest(target, &release.site, chain)?;
    let named = newest.as_ref().map(|n| n.past.digest);
    if release.previous != named {
        let now = newest.map_or("none".to_owned(), |n| format!("{}-{}", n.past.release.epoch, n.past.release.serial));
        return Err(overtaken(release, &site, &format!("the newest is {now}, and this draft does not follow it")));
    }
    let staging = site.join(format!(".{}-{}{}", release.epoch, release.serial, writ_durable::TEMPORARY_SUFFIX));
    let failed = |e: std::io::Error| Failure::could_not("cannot publish the release").at(folder.display()).because(e);
    if staging.exists() {
        std::fs::remove_dir_all(&staging).map_err(failed)?;
    }
    files::make_directory(&staging)?;
    files::create_or_same(&staging.join(RELEASE_FILE), &fit.files.bytes, "the release")?;
    add_signatures(fit, &staging)?;
    add_receipt(release, &staging, chain, receipt)?;
    rustix::fs::renameat_with(CWD, &staging, CWD, folder, RenameFlags::NOREPLACE).map_err(|e| failed(e.into()))?;
    writ_durable::sync_directory(&site).map_err(failed)?;
    Ok(true)
}

fn overtaken(release: &Release, place: &Path, why: &str) -> Failure {
    Failure::refused(format!("another release of {} was published meanwhile", release.site))
        .at(place.display())
        .because(why)
        .next("draft again, so that nothing of the other release is undone unseen")
}

fn add_signatures(fit: &Fit, folder: &Path) -> Outcome<()> {
    let path = folder.join(RELEASE_FILE);
    files::create_or_same(&path, &fit.files.bytes, "the release of this number")?;
    for (name, bytes) in &fit.signatures {
        files::create_or_same(&folder.join(name), bytes, "a signature")?;
    }
    if let (true, Some((_, bytes))) = (fit.single, fit.signatures.first()) {
        // Under this name, `minisign -Vm release.json` finds it by itself; any one that counts will do.
        files::create(&folder.join(format!("{RELEASE_FILE}.minisig")), bytes, 0o644, "a signature")?;
    }
    Ok(())
}

/// Writes the receipt, in the place of one by another log, by a key that counts no more, or of another size: appliances take
/// none but the newest log's, and hold the head beside it against it.
fn add_receipt(release: &Release, folder: &Path, chain: &TrustChain, receipt: Option<&[u8]>) -> Outcome<()> {
    let Some(receipt) = receipt else { return Ok(()) };
    let path = folder.join(RECEIPT_FILE);
    let origin = chain.newest().origins(&release.site).last().map_or("", String::as_str);
    let keys = log_keys(chain.newest(), &release.site, clock::now());
    let says = |bytes: &[u8]| {
        let verified = Receipt::parse(bytes).and_then(|receipt| receipt.verify(origin, &keys)).ok()?;
        Some((verified.entry, verified.checkpoint.checkpoint))
    };
    let there = files::read_if_there(&path, MAX_RECEIPT, "the receipt")?.and_then(|there| says(&there));
    if there.is_some() && there == says(receipt) {
        return Ok(());
    }
    files::replace(&path, receipt, 0o644, "the receipt")
}

fn lock(path: &Path) -> Outcome<File> {
    let failed =
        |e: std::io::Error| Failure::could_not("cannot lock the site's releases").at(path.display()).because(e);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
    Ok(file)
}
