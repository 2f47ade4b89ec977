//! `writ release draft`: evaluate, build, write an unsigned release.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::release::{Release, ReleaseSchema, RevokedKey};
use writ_trust::root_chain::TrustChain;
use writ_trust::time::{Span, Time};

use super::evaluated::{self, Site};
use super::generations::{self, Documents};
use super::ledger::{self, Event, Ledger};
use super::previous::{self, Previous};
use super::source::{self, Snapshot};
use super::{summary, timing};
use crate::clock;
use crate::failure::{Answer, Failure, Outcome};
use crate::files;
use crate::layout::{Layout, RELEASE_FILE};
use crate::screen;
use crate::trust::{draft::read_public_key, folder};

/// Evaluate the sources and write an unsigned release
///
/// Evaluates the files that git tracks, as they stand in the working tree; builds the systems; writes release.json and
/// the documents that it names into a new folder. Nothing is signed and nothing leaves this machine. The same commit
/// always gives the same policy bytes.
///
/// The serial is one above the newest of the site, in the release folder and in the ledger (the file that remembers what
/// was signed and published from here). If the two contradict each other, nothing is drafted.
///
/// Where site.nix has rings, each appliance may take the release up when its ring does; one for which nothing changes keeps the
/// time that it has. `writ fleet promote` lets a ring have it earlier.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ release draft --flake . --site clinic-001 --previous releases --to draft
  writ release draft --flake . --previous releases --to draft --expires 30d      (all sites)
  writ release draft --flake . --previous releases --to draft \\
      --revoke old/front-desk.pub='stolen with the machine' --revoked-at 2026-11-20T18:00:00Z")]
pub struct Arguments {
    /// The root of the sources: baselines/, rules/, hosts/, modules/
    #[arg(long, value_name = "DIR", default_value = ".")]
    flake: PathBuf,
    /// A site; may be repeated; all sites if absent
    #[arg(long = "site", value_name = "SITE")]
    sites: Vec<SiteId>,
    /// The folder to write; must not exist yet, or be empty
    #[arg(long, value_name = "DRAFTDIR")]
    to: PathBuf,
    /// The folder that this release will be published to: its trust roots and newest releases are what this one follows
    #[arg(long, value_name = "RELEASEDIR")]
    previous: PathBuf,
    /// The number of this release, or `auto`
    #[arg(long, value_name = "N", default_value = "auto")]
    serial: SerialChoice,
    /// The epoch expected: refused if the trust root says otherwise
    #[arg(long, value_name = "N")]
    epoch: Option<Epoch>,
    /// How long appliances may newly accept it
    #[arg(long, value_name = "SPAN", default_value = "180d")]
    expires: Span,
    /// Appliances wait until this time (RFC 3339), and those of later rings for so much longer; from now on if absent
    #[arg(long, value_name = "TIME")]
    not_before: Option<Time>,
    /// An appliance's key that no longer speaks for it; may be repeated
    #[arg(long = "revoke", value_name = "FILE=REASON")]
    revoked: Vec<Revocation>,
    /// Since when the keys of --revoke may have been in other hands; now if absent. Of what they signed, audits count what the
    /// site's log is proven to have held before
    #[arg(long, value_name = "TIME", requires = "revoked")]
    revoked_at: Option<Time>,
    /// The ledger; `ledger.json` beside DRAFTDIR if absent
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy)]
enum SerialChoice {
    Auto,
    Fixed(Serial),
}

impl FromStr for SerialChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse().map(Self::Fixed).map_err(|e| format!("{e}, or auto"))
    }
}

/// `FILE=REASON`
#[derive(Debug, Clone)]
struct Revocation {
    file: PathBuf,
    reason: String,
}

impl FromStr for Revocation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (file, reason) = text.split_once('=').ok_or("expected FILE=REASON")?;
        Ok(Self { file: file.into(), reason: reason.to_owned() })
    }
}

#[derive(Serialize)]
struct Drafted {
    site: SiteId,
    epoch: Epoch,
    serial: Serial,
    digest: Digest,
    previous: Option<Digest>,
    file: PathBuf,
    signatures_needed: u32,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let draft = Layout::new(&self.to);
        let fresh = fresh_folder(&self.to)?;
        let releases = Layout::new(&self.previous);
        let chain = self.chain(&releases)?;
        let ledger = Ledger::open(&ledger_path(self.ledger.as_deref(), &self.to))?;
        let snapshot = source::snapshot(&self.flake)?;
        let evaluated = evaluated::evaluate(&snapshot, &self.sites)?;
        let made = self.write(&draft, &releases, &chain, &ledger, &snapshot, &evaluated);
        if made.is_err() && fresh {
            // A draft is whole or not there.
            let _ = std::fs::remove_dir_all(&self.to);
        }
        self.tell(&made?, &snapshot);
        Ok(Answer::Yes)
    }

    fn chain(&self, releases: &Layout) -> Outcome<TrustChain> {
        let chain = valid_chain(releases)?;
        let root = chain.newest();
        match self.epoch {
            Some(epoch) if epoch != root.epoch => {
                Err(Failure::refused(format!("the newest trust root says epoch {}, not {epoch}", root.epoch))
                    .at(releases.trust().display())
                    .next("only a trust root raises the epoch: writ trust next --raise-epoch"))
            }
            _ => Ok(chain),
        }
    }

    fn write(
        &self,
        draft: &Layout,
        releases: &Layout,
        chain: &TrustChain,
        ledger: &Ledger,
        snapshot: &Snapshot,
        evaluated: &BTreeMap<SiteId, Site>,
    ) -> Outcome<Vec<Drafted>> {
        let mut drafted = Vec::new();
        for (site, appliances) in evaluated {
            let before = previous::newest(releases, site, chain)?;
            let mut documents = Documents::new();
            let release =
                self.release(site, appliances, draft, chain, ledger, snapshot, before.as_ref(), &mut documents)?;
            let bytes = release.canonical();
            Release::parse(&bytes)
                .map_err(|e| Failure::refused("nobody would accept this release").at(site).because(e))?;
            files::make_directory(&draft.documents())?;
            for (digest, bytes) in &documents {
                files::create_or_same(&draft.document(digest), bytes, "a document")?;
            }
            if let Some(before) = &before {
                carry(draft, releases, before)?;
            }
            let folder = draft.release(site, release.point());
            files::make_directory(&folder)?;
            files::create_or_same(&folder.join(RELEASE_FILE), &bytes, "the release")?;
            drafted.push(Drafted {
                site: site.clone(),
                epoch: release.epoch,
                serial: release.serial,
                digest: Digest::of(&bytes),
                previous: release.previous,
                file: folder.join(RELEASE_FILE),
                signatures_needed: chain.newest().threshold(writ_trust::role::Role::Release),
            });
            if !self.json {
                let before = before.as_ref().map(|b| &b.past.release);
                let told = summary::of_draft(draft, &release, before, &appliances.rings)?;
                told.iter().for_each(|line| screen::line(line));
            }
        }
        Ok(drafted)
    }

    #[allow(clippy::too_many_arguments, reason = "each is one ingredient of a release, used once")]
    fn release(
        &self,
        site: &SiteId,
        appliances: &Site,
        draft: &Layout,
        chain: &TrustChain,
        ledger: &Ledger,
        snapshot: &Snapshot,
        before: Option<&Previous>,
        documents: &mut Documents,
    ) -> Outcome<Release> {
        let serial = self.serial_for(site, chain, ledger, before)?;
        let now = clock::now_in_seconds();
        // A clock set back must not make time run backwards between releases.
        let issued_at = before.map_or(now, |b| b.past.release.issued_at.max(now));
        let base = self.not_before.unwrap_or(issued_at);
        let mut generations = generations::build(snapshot, site, appliances, base, draft, documents)?;
        timing::by_rings(&mut generations, &appliances.rings, base, before.map(|b| &b.past.release));
        Ok(Release {
            schema: ReleaseSchema::V1,
            site: site.clone(),
            epoch: chain.newest().epoch,
            serial,
            issued_at,
            expires_at: issued_at.plus(&self.expires),
            previous: before.map(|b| b.past.digest),
            source: snapshot.source.clone(),
            trust_version: chain.newest().version,
            generations,
            revoked_appliance_keys: self.revoked_keys(before, issued_at)?,
        })
    }

    fn serial_for(
        &self,
        site: &SiteId,
        chain: &TrustChain,
        ledger: &Ledger,
        before: Option<&Previous>,
    ) -> Outcome<Serial> {
        let next = next_serial(site, chain, ledger, before)?;
        match self.serial {
            SerialChoice::Fixed(serial) if serial < next => {
                Err(Failure::refused(format!("serial {serial} of {site} is used up"))
                    .because(format!("the next free one is {next}"))
                    .next("leave --serial out"))
            }
            SerialChoice::Fixed(serial) => Ok(serial),
            SerialChoice::Auto => Ok(next),
        }
    }

    fn revoked_keys(&self, before: Option<&Previous>, now: Time) -> Outcome<Vec<RevokedKey>> {
        let mut revoked = before.map(|b| b.past.release.revoked_appliance_keys.clone()).unwrap_or_default();
        let revoked_at = self.revoked_at.unwrap_or(now);
        if revoked_at > now {
            return Err(Failure::refused("a key cannot be revoked as of a time that has not come")
                .at("--revoked-at")
                .because(format!("it is {now}"))
                .next("leave it out, or give the last time at which the key was surely in the right hands"));
        }
        for revocation in &self.revoked {
            let public_key = read_public_key(&revocation.file)?;
            match revoked.iter_mut().find(|known| known.public_key.ed25519() == public_key.ed25519()) {
                Some(known) => self.move_revocation(known, &revocation.file)?,
                None => revoked.push(RevokedKey { public_key, revoked_at, reason: revocation.reason.clone() }),
            }
        }
        Ok(revoked)
    }

    /// A key that was revoked before may have been in other hands earlier than was known, and never later.
    fn move_revocation(&self, known: &mut RevokedKey, file: &Path) -> Outcome<()> {
        let Some(given) = self.revoked_at else { return Ok(()) };
        if given > known.revoked_at {
            return Err(Failure::refused("a revocation is never moved to a later time")
                .at(file.display())
                .because(format!(
                    "the key is revoked as of {} already, and --revoked-at says {given}",
                    known.revoked_at
                ))
                .next("leave the key out of this draft, or give an earlier --revoked-at"));
        }
        known.revoked_at = given;
        Ok(())
    }

    fn tell(&self, drafted: &[Drafted], snapshot: &Snapshot) {
        if snapshot.source.dirty {
            screen::warning("the sources have changes that no commit has: nobody else can draft the same release");
        }
        if self.json {
            screen::json(&drafted);
            return;
        }
        for one in drafted {
            screen::line(&format!("wrote {} ({})", one.file.display(), one.digest));
        }
        let needed = drafted.iter().map(|one| one.signatures_needed).max().unwrap_or(1);
        screen::line(&format!(
            "next: {needed} release keys sign it, each from their own checkout: writ release sign {} --key NAME.key",
            self.to.display()
        ));
    }
}

/// Refuses a draft's folder that has something in it. Whether it is not there yet.
pub fn fresh_folder(to: &Path) -> Outcome<bool> {
    let fresh = !to.exists();
    if !fresh && (!to.is_dir() || !files::list(to)?.is_empty()) {
        return Err(Failure::refused("the draft's folder is not empty").at(to.display()).next("name a new one"));
    }
    Ok(fresh)
}

/// The trust roots of a release folder, of which the newest has not expired.
pub fn valid_chain(releases: &Layout) -> Outcome<TrustChain> {
    let chain = folder::read(&releases.trust())?.chain()?;
    if chain.is_expired(clock::now()) {
        let expires_at = chain.newest().expires_at;
        return Err(Failure::refused(format!("the newest trust root expired at {expires_at}"))
            .at(releases.trust().display())
            .next(format!("renew it: writ trust next --from {}", releases.trust().display())));
    }
    Ok(chain)
}

/// The next free serial of a site: one above the newest in the release folder and in the ledger, which must agree.
pub fn next_serial(site: &SiteId, chain: &TrustChain, ledger: &Ledger, before: Option<&Previous>) -> Outcome<Serial> {
    let epoch = chain.newest().epoch;
    let newest = before.map(|b| b.past.release.point());
    let published = ledger.newest(site, Some(Event::Published));
    if let Some(known) = published {
        let point = (known.epoch, known.serial);
        let conflict = |why: String| {
            Failure::refused(format!("the ledger and the release folder contradict each other about {site}"))
                .at(ledger.path().display())
                .because(why)
                .next("find out which is right before anything is signed: the folder may have been set back")
        };
        match (newest, before) {
            (Some(newest), _) if newest > point => {}
            (Some(newest), Some(before)) if newest == point && before.past.digest == known.digest => {}
            (Some((e, s)), _) if (e, s) == point => {
                return Err(conflict(format!("release {e}-{s} has other bytes than the one published from here")));
            }
            _ => {
                let has = newest.map_or("none".to_owned(), |(e, s)| format!("{e}-{s}"));
                return Err(conflict(format!("{}-{} was published, the folder's newest is {has}", point.0, point.1)));
            }
        }
    }
    let known = ledger.newest(site, None).map(|entry| (entry.epoch, entry.serial));
    let highest = [newest, known].into_iter().flatten().filter(|(e, _)| *e == epoch).map(|(_, s)| s).max();
    let next = highest.map_or(Ok(Serial::FIRST), Serial::next);
    next.map_err(|e| Failure::refused(format!("{site} has no serial left in epoch {epoch}")).because(e))
}

/// The ledger of drafts and publications: the one given, or `ledger.json` beside the draft.
pub fn ledger_path(given: Option<&Path>, draft: &Path) -> PathBuf {
    match given {
        Some(path) => path.to_owned(),
        None => {
            let absolute = std::path::absolute(draft).unwrap_or_else(|_| draft.to_owned());
            absolute.with_file_name(ledger::FILE)
        }
    }
}

/// Copies the release before and its policies into the draft, for signers to compare with.
pub fn carry(draft: &Layout, releases: &Layout, before: &Previous) -> Outcome<()> {
    let target = draft.previous(&before.past.release.site);
    if let Some(parent) = target.parent() {
        files::make_directory(parent)?;
    }
    files::create_or_same(&target, &before.files.bytes, "the release before")?;
    for (name, generation) in &before.past.release.generations {
        let bytes = releases.read_document(&generation.policy.digest, "a policy of the release before")?;
        generation.policy.check(&bytes).map_err(|e| {
            Failure::refused("a policy of the release before is damaged")
                .at(format!("{}/{name}", before.past.release.site))
                .because(e)
        })?;
        files::create_or_same(&draft.document(&generation.policy.digest), &bytes, "a document")?;
    }
    Ok(())
}
