//! `writ release publish`: a signed draft into a folder that appliances read.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags};
use writ_nix::cache_key::CacheKey;
use writ_nix::publish;
use writ_nix::tool::Nix;
use writ_policy::closure::Closure;
use writ_trust::acceptance::{self, Identity};
use writ_trust::floor::{Floor, FloorRelease};
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::minisign::signature_file_name;
use writ_trust::refusal::Refusal;
use writ_trust::release::Release;
use writ_trust::role::Role;
use writ_trust::root_chain::TrustChain;
use writ_trust::threshold::Tally;

use super::draft::ledger_path;
use super::generations::Documents;
use super::ledger::{Entry, Event, Ledger};
use super::previous;
use crate::clock;
use crate::failure::{Answer, Failure, Outcome};
use crate::files;
use crate::layout::{Layout, RELEASE_FILE, ReleaseFiles};
use crate::screen;
use crate::trust::folder;

/// Publish a signed draft into a release folder
///
/// Judges the draft by every rule that appliances apply, then copies: closures into DIR/cache (signed with the cache
/// key), documents into DIR/documents, and last, in one rename, DIR/releases/<site>/<epoch>-<serial>. That rename is a
/// compare-and-swap: it happens only if the release before is still the newest and the number is free. Publishing the
/// same draft again changes nothing, or adds signatures that came later.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ release publish draft --to releases --cache-key keys/cache-1.nix-key
Appliances read the folder over any file transport: writ-enforce --releases releases")]
pub struct Arguments {
    /// The draft
    draft: PathBuf,
    /// The release folder
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The secret cache key, in Nix's form; needed when the draft has systems
    #[arg(long, value_name = "FILE")]
    cache_key: Option<PathBuf>,
    /// A folder of trust roots to add to DIR/trust first
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    /// The ledger; `ledger.json` beside the draft if absent
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// One site of a draft, judged fit.
struct Fit {
    files: ReleaseFiles,
    release: Release,
    closures: Vec<Closure>,
    /// The documents that it names, as they were judged.
    documents: Documents,
    /// The signature files that count.
    signatures: Vec<(String, Vec<u8>)>,
    /// Whether one signature is enough here.
    single: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (draft, target) = (Layout::new(&self.draft), Layout::new(&self.to));
        if let Some(trust) = &self.trust {
            add_roots(trust, &target)?;
        }
        let chain = folder::read(&target.trust())?.chain()?;
        let sites = draft.sites()?;
        if sites.is_empty() {
            return Err(Failure::could_not("there is no draft here").at(self.draft.display()));
        }
        let mut ledger = Ledger::open(&ledger_path(self.ledger.as_deref(), &self.draft))?;
        let key = self.cache_key.as_deref().map(CacheKey::read).transpose();
        let key = key.map_err(|e| Failure::refused("the cache key is not usable").because(e))?;
        // Every site is judged before any is published.
        let mut fit = Vec::new();
        for site in &sites {
            fit.push(judge(&draft, &target, site, &chain, &ledger)?);
        }
        for one in &fit {
            self.publish(one, &target, &chain, key.as_ref(), &mut ledger)?;
        }
        Ok(Answer::Yes)
    }

    fn publish(
        &self,
        fit: &Fit,
        target: &Layout,
        chain: &TrustChain,
        key: Option<&CacheKey>,
        ledger: &mut Ledger,
    ) -> Outcome<()> {
        let Fit { release, files: release_files, .. } = fit;
        let folder = target.release(&release.site, release.point());
        if !fit.closures.is_empty() {
            let key = usable_key(key, release, chain)?;
            let cache = std::path::absolute(target.cache()).unwrap_or_else(|_| target.cache());
            for closure in &fit.closures {
                screen::progress(&format!("copying {} into the cache", screen::count(closure.paths.len(), "path")));
                publish::publish(&Nix::default(), closure, &cache, Some(key))
                    .map_err(|e| Failure::could_not("cannot publish the system").at(&closure.toplevel).because(e))?;
            }
        }
        files::make_directory(&target.documents())?;
        for folder in [target.documents(), target.trust(), folder.clone()] {
            // Of a publish that was killed; whatever cannot be removed is in nobody's way.
            let _ = writ_durable::remove_leftovers(&folder);
        }
        for (digest, bytes) in &fit.documents {
            files::create_or_same(&target.document(digest), bytes, "a document")?;
        }
        let fresh = swap(fit, target, chain, &folder)?;
        ledger.record(Entry {
            site: release.site.clone(),
            epoch: release.epoch,
            serial: release.serial,
            digest: release_files.digest(),
            event: Event::Published,
            key: None,
            at: clock::now_in_seconds(),
        })?;
        let verb = if fresh { "published" } else { "was published already:" };
        let signatures = screen::count(fit.signatures.len(), "signature");
        screen::line(&format!("{verb} {} ({signatures})", folder.display()));
        Ok(())
    }
}

fn add_roots(from: &Path, target: &Layout) -> Outcome<()> {
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

/// Judges one site's draft as its appliances will.
fn judge(draft: &Layout, target: &Layout, site: &SiteId, chain: &TrustChain, ledger: &Ledger) -> Outcome<Fit> {
    let points = draft.points(site)?;
    let [point] = points[..] else {
        return Err(Failure::refused(format!("a draft has one release per site, this one has {}", points.len()))
            .at(draft.site(site).display()));
    };
    let files = draft.read(site, point)?;
    let release = files.parse()?;
    let unfit = |why: String| {
        Failure::refused(format!("appliances of {site} would not accept this release"))
            .at(files.path.display())
            .because(why)
            .next("nothing was published")
    };
    if release.point() != point || release.site != *site {
        return Err(unfit(format!("it is {}, but stands elsewhere", release.trusted_comment())));
    }
    ledger.check(site, point, files.digest())?;
    let floor = floor(target, &release, chain)?;
    let now = clock::now();
    for (appliance, generation) in &release.generations {
        let public_key = generation.public_key.clone();
        let identity = Identity { site: site.clone(), appliance: appliance.clone(), public_key };
        match acceptance::accept_unlogged(&files.bytes, &files.signatures, chain, &floor, &identity, now) {
            // Publishing ahead of time is what `not_before` is for.
            Ok(_) | Err(Refusal::NotBefore { .. }) => {}
            Err(refusal) => return Err(unfit(refusal.to_string())),
        }
    }
    let (closures, documents) = documents(draft, &release)?;
    let tally = Tally::of_release(chain.newest(), site, &files.bytes, &files.signatures, now);
    for (_, rejection) in &tally.rejected {
        screen::warning(&format!("not published: a signature that does not count: {rejection}"));
    }
    let rejected: Vec<usize> = tally.rejected.iter().map(|(position, _)| *position).collect();
    let counted = files.signatures.iter().enumerate().filter(|(position, _)| !rejected.contains(position));
    let signatures = counted.map(|(_, file)| named(&file.bytes)).collect::<Outcome<_>>()?;
    let single = chain.newest().threshold(Role::Release) == 1;
    Ok(Fit { files, release, closures, documents, signatures, single })
}

fn named(bytes: &[u8]) -> Outcome<(String, Vec<u8>)> {
    let signature = writ_trust::minisign::Signature::parse(bytes)
        .map_err(|e| Failure::refused("a signature file is not readable").because(e))?;
    Ok((signature_file_name(RELEASE_FILE, signature.key_id()), bytes.to_vec()))
}

/// What an appliance that is up to date has accepted: the folder's newest release, unless it is this very one.
fn floor(target: &Layout, release: &Release, chain: &TrustChain) -> Outcome<Floor> {
    let mut floor = Floor::initial(release.site.clone(), chain);
    floor.release = previous::newest(target, &release.site, chain)?.map(|newest| FloorRelease {
        epoch: newest.past.release.epoch,
        serial: newest.past.release.serial,
        digest: newest.past.digest,
    });
    Ok(floor)
}

/// Checks every document that a release names, and returns its closures and the bytes that were checked.
fn documents(draft: &Layout, release: &Release) -> Outcome<(Vec<Closure>, Documents)> {
    let (mut closures, mut documents) = (Vec::new(), Documents::new());
    for (name, generation) in &release.generations {
        let place = format!("{}/{name}", release.site);
        let unfit = |e: String| Failure::refused("a document of the draft is not usable").at(&place).because(e);
        let policy = draft.read_document(&generation.policy.digest, "a policy of the draft")?;
        let closure = generation.closure.as_ref();
        let bytes = closure.map(|c| draft.read_document(&c.digest, "a closure of the draft")).transpose()?;
        generation.check_documents(&policy, bytes.as_deref()).map_err(|e| unfit(e.to_string()))?;
        if let (Some(named), Some(bytes)) = (closure, bytes) {
            let closure = Closure::parse(&bytes).map_err(|e| unfit(e.to_string()))?;
            if closure.toplevel != named.toplevel.as_str() {
                return Err(unfit(format!("its closure is of {}, not of {}", closure.toplevel, named.toplevel)));
            }
            closures.push(closure);
            documents.insert(named.digest, bytes);
        }
        documents.insert(generation.policy.digest, policy);
    }
    Ok((closures, documents))
}

fn usable_key<'k>(key: Option<&'k CacheKey>, release: &Release, chain: &TrustChain) -> Outcome<&'k CacheKey> {
    let trusted = chain.newest().nix_public_keys(&release.site, clock::now());
    let Some(key) = key else {
        return Err(Failure::refused("the draft has systems, and no key to sign them with was given")
            .next("--cache-key NAME.nix-key, of a key with the role cache; nothing was published"));
    };
    if trusted.contains(&key.public_text()) {
        return Ok(key);
    }
    Err(Failure::refused(format!("appliances of {} would not take paths signed by this cache key", release.site))
        .at(key.public_text())
        .because(match trusted.len() {
            0 => "the trust root has no cache key for this site".to_owned(),
            _ => format!("the trust root has {}", trusted.join(", ")),
        })
        .next("grant it: writ trust next --from DIR/trust --key NAME.pub:cache; nothing was published"))
}

/// Puts the release into its place if the release before is still the newest; whether it was not there yet.
fn swap(fit: &Fit, target: &Layout, chain: &TrustChain, folder: &Path) -> Outcome<bool> {
    let release = &fit.release;
    let site = target.site(&release.site);
    files::make_directory(&site)?;
    let _lock = lock(&site.join(".lock"))?;
    if let Some(there) = files::read_if_there(&folder.join(RELEASE_FILE), MAX_DOCUMENT, "the release of this number")? {
        if there != fit.files.bytes {
            return Err(overtaken(release, folder, "its number is taken"));
        }
        add_signatures(fit, folder)?;
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

fn lock(path: &Path) -> Outcome<File> {
    let failed =
        |e: std::io::Error| Failure::could_not("cannot lock the site's releases").at(path.display()).because(e);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
    Ok(file)
}
