//! `writ fleet promote`: a draft of the same release again, which lets some appliances have it now.

use std::collections::BTreeSet;
use std::path::PathBuf;

use writ_client::Client;
use writ_policy::rings::{Rings, promoted};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::release::Release;
use writ_trust::role::Role;
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;
use writ_trust::time::Span;

use super::standing::Limits;
use super::{against, look};
use crate::depot::{DepotOptions, ReaderOptions};
use crate::failure::{Answer, Failure, Outcome};
use crate::layout::{Layout, RELEASE_FILE};
use crate::release::draft::{carry, fresh_folder, ledger_path, next_serial, valid_chain};
use crate::release::ledger::Ledger;
use crate::release::previous::{self, Previous};
use crate::release::promotion::{self, Promotion};
use crate::release::{source, summary};
use crate::{clock, files, screen};

/// How many appliances that speak against a promotion are named.
const SHOWN: usize = 10;

/// Let a ring, an appliance or everybody have the newest release now
///
/// Makes a draft with a new serial: the documents of the newest release, the same sources, and for those that are named a
/// `not_before` that has come. Nobody is put off. It is signed and published as every draft is, so a promotion takes as many
/// people as a release.
///
/// Refused while an appliance of an earlier ring has not kept the release: it rolled it back, gave it up, refuses it, is silent,
/// or has not taken it up yet, by what it last signed. With --anyway that is told to whoever signs, and the draft is made.
///
/// --flake is a checkout of the commit that the release was made from: its site.nix says who is in which ring.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ fleet promote --site clinic-001 --ring rest --flake . --previous releases --to draft \\
      --depot https://depot.example.org --read-key ../keys/operator.key
  writ release sign draft --key ../keys/alice.key --flake . --previous releases
  writ release publish draft --to releases --cache-key ../keys/cache-1.nix-key \\
      --depot https://depot.example.org --read-key ../keys/operator.key

Exit codes: 0 drafted; 1 refused: somebody before them has not kept it, or nobody waits; 2 could not run.")]
pub struct Arguments {
    /// The site
    #[arg(long)]
    site: SiteId,
    #[command(flatten)]
    whom: Whom,
    /// The root of the sources of the newest release
    #[arg(long, value_name = "DIR", default_value = ".")]
    flake: PathBuf,
    /// The folder that this release will be published to: its newest release is the one that is promoted
    #[arg(long, value_name = "RELEASEDIR")]
    previous: PathBuf,
    /// The folder to write; must not exist yet, or be empty
    #[arg(long, value_name = "DRAFTDIR")]
    to: PathBuf,
    #[command(flatten)]
    depot: DepotOptions,
    #[command(flatten)]
    reader: ReaderOptions,
    /// Promote although an earlier ring has not kept the release: why, in one line, for those who sign
    #[arg(long, value_name = "REASON")]
    anyway: Option<String>,
    /// The oldest that a heartbeat may be; appliances say one every minute
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    max_age: Span,
    /// How long appliances may newly accept it
    #[arg(long, value_name = "SPAN", default_value = "180d")]
    expires: Span,
    /// The ledger; `ledger.json` beside DRAFTDIR if absent
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// Who is promoted.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// The appliances of this ring
    #[arg(long, value_name = "RING")]
    ring: Option<String>,
    /// This appliance; may be repeated
    #[arg(long = "appliance", value_name = "APPLIANCE")]
    appliances: Vec<ApplianceId>,
    /// Every appliance of the site
    #[arg(long)]
    all: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        check_reason(self.anyway.as_deref())?;
        let (draft, releases) = (Layout::new(&self.to), Layout::new(&self.previous));
        let fresh = fresh_folder(&self.to)?;
        let chain = valid_chain(&releases)?;
        let ledger = Ledger::open(&ledger_path(self.ledger.as_deref(), &self.to))?;
        let before = previous::newest(&releases, &self.site, &chain)?.ok_or_else(|| {
            Failure::refused(format!("no release of {} is in this folder", self.site))
                .at(releases.root().display())
                .next("make the first one: writ release draft")
        })?;
        let rings = self.rings(&before)?;
        let client = self.depot.reader(&self.reader)?;
        let promotion = self.judge(&client, &chain, &before, &rings)?;
        let release = self.release(&chain, &ledger, &before, &promotion)?;
        let made = write(&draft, &releases, &before, &release, &promotion);
        if made.is_err() && fresh {
            // A draft is whole or not there.
            let _ = std::fs::remove_dir_all(&self.to);
        }
        let file = made?;
        let told = summary::of_draft(&draft, &release, Some(&before.past.release), &rings)?;
        told.iter().chain(&promotion.lines()).for_each(|line| screen::line(line));
        screen::line(&format!("wrote {} ({})", file.display(), Digest::of(&release.canonical())));
        let needed = chain.newest().threshold(Role::Release);
        screen::line(&format!(
            "next: {needed} release keys sign it, each from their own checkout: writ release sign {} --key NAME.key",
            self.to.display()
        ));
        Ok(Answer::Yes)
    }

    /// The rings of the site, by the sources that the release before was made from.
    fn rings(&self, before: &Previous) -> Outcome<Rings> {
        let snapshot = source::snapshot(&self.flake)?;
        let (made, own) = (&before.past.release.source, &snapshot.source);
        if made != own {
            let name = made.revision.as_ref().map_or("no commit", |revision| revision.as_str());
            return Err(Failure::refused("these are not the sources that the release was made from")
                .at(self.flake.display())
                .because(format!("the release: {name} ({})", made.nar_hash))
                .because(format!("these:       {}", own.nar_hash))
                .next(format!("git worktree add ../promoted {name}, and give --flake ../promoted")));
        }
        let rings = snapshot.tree.rings(std::slice::from_ref(&self.site));
        let mut rings = rings.map_err(|e| {
            Failure::could_not("the rings of these sources cannot be read").at(self.flake.display()).because(e)
        })?;
        Ok(rings.remove(&self.site).unwrap_or_default())
    }

    /// Who would be promoted, what speaks against it, and whether it is made all the same.
    fn judge(&self, client: &Client, chain: &TrustChain, before: &Previous, rings: &Rings) -> Outcome<Promotion> {
        let now = clock::now();
        let seen = look::site(client, chain, &self.site, now).map_err(|problem| {
            Failure::could_not(format!("what {} runs cannot be learnt", self.site)).at(client.depot()).because(problem)
        })?;
        if seen.digest != before.past.digest {
            let (shown, own) = (&seen.release, &before.past.release);
            return Err(Failure::refused("the folder's newest release is not the depot's")
                .at(self.previous.display())
                .because(format!(
                    "the folder has {}-{}, the depot {}-{}",
                    own.epoch, own.serial, shown.epoch, shown.serial
                ))
                .next("bring the folder up to date, so that nothing of the other release is undone unseen"));
        }
        let waits = |name: &&ApplianceId| seen.release.generations.get(*name).is_some_and(|own| own.not_before > now);
        let (what, named) = self.whom.named(&seen.release, rings)?;
        let appliances: BTreeSet<ApplianceId> = named.iter().filter(waits).cloned().collect();
        if appliances.is_empty() {
            return Err(Failure::refused("nobody of these waits: the release may be taken up already")
                .at(&what)
                .next(format!("writ fleet status --site {} says how it stands", self.site)));
        }
        let limits = Limits { max_age: self.max_age.clone(), late_after: self.max_age.clone() };
        let against = against::of(&seen, rings, &appliances, &limits, now);
        if let (false, None) = (against.is_empty(), &self.anyway) {
            let failure = Failure::refused(format!("{what} is not promoted: who goes before has not kept the release"))
                .at(format!("release {}-{} of {}", seen.release.epoch, seen.release.serial, self.site));
            let shown = against.iter().take(SHOWN).fold(failure, Failure::because);
            let more = against.len().saturating_sub(SHOWN);
            let shown = if more > 0 { shown.because(format!("and {more} more")) } else { shown };
            return Err(shown.next("mend that and release again, or give --anyway REASON; nothing was written"));
        }
        let anyway = if against.is_empty() { None } else { self.anyway.clone() };
        let (schema, site, appliances) =
            (promotion::SCHEMA.to_owned(), self.site.clone(), appliances.into_iter().collect());
        Ok(Promotion { schema, site, what, appliances, against, anyway })
    }

    /// The release before again, with a new serial, and a time that has come for those who are promoted.
    fn release(
        &self,
        chain: &TrustChain,
        ledger: &Ledger,
        before: &Previous,
        promotion: &Promotion,
    ) -> Outcome<Release> {
        let old = &before.past.release;
        // A clock set back must not make time run backwards between releases.
        let issued_at = old.issued_at.max(clock::now_in_seconds());
        let mut release = Release {
            epoch: chain.newest().epoch,
            serial: next_serial(&self.site, chain, ledger, Some(before))?,
            issued_at,
            expires_at: issued_at.plus(&self.expires),
            previous: Some(before.past.digest),
            trust_version: chain.newest().version,
            ..old.clone()
        };
        for (name, generation) in &mut release.generations {
            generation.not_before = promoted(generation, promotion.appliances.contains(name), issued_at);
        }
        Release::parse(&release.canonical())
            .map_err(|e| Failure::refused("nobody would accept this release").at(&self.site).because(e))?;
        Ok(release)
    }
}

impl Whom {
    /// What is promoted in words, and whom that means.
    fn named(&self, release: &Release, rings: &Rings) -> Outcome<(String, BTreeSet<ApplianceId>)> {
        let known = || release.generations.keys();
        if self.all {
            return Ok(("everybody".to_owned(), known().cloned().collect()));
        }
        if let Some(name) = &self.ring {
            let Some(ring) = rings.named(name) else {
                let names = rings.0.iter().map(|ring| ring.name.as_str());
                return Err(Failure::refused(format!("{} has no ring {}", release.site, one_line(name))).nearest(
                    name,
                    names,
                    || "the site's site.nix names its rings".to_owned(),
                ));
            };
            let members: BTreeSet<&str> = ring.appliances.iter().map(String::as_str).collect();
            let own = known().filter(|appliance| members.contains(appliance.as_str()));
            return Ok((format!("ring {name}"), own.cloned().collect()));
        }
        for appliance in &self.appliances {
            if !release.generations.contains_key(appliance) {
                let names = known().map(ApplianceId::as_str);
                let point = format!("{}-{}", release.epoch, release.serial);
                return Err(Failure::refused(format!("release {point} of {} has no {appliance}", release.site))
                    .nearest(appliance.as_str(), names, || "writ fleet status lists them".to_owned()));
            }
        }
        let names: Vec<&str> = self.appliances.iter().map(ApplianceId::as_str).collect();
        Ok((names.join(", "), self.appliances.iter().cloned().collect()))
    }
}

fn check_reason(reason: Option<&str>) -> Outcome<()> {
    let Some(reason) = reason else { return Ok(()) };
    if reason.trim().is_empty() || reason.len() > promotion::MAX_REASON || reason.chars().any(char::is_control) {
        let most = promotion::MAX_REASON;
        return Err(Failure::could_not(format!("--anyway takes a reason: one line of 1 to {most} bytes")));
    }
    Ok(())
}

/// Writes the draft; gives the file of its release.
fn write(
    draft: &Layout,
    releases: &Layout,
    before: &Previous,
    release: &Release,
    promotion: &Promotion,
) -> Outcome<PathBuf> {
    files::make_directory(&draft.documents())?;
    for (name, generation) in &release.generations {
        let policy = releases.read_document(&generation.policy.digest, "a policy of the release")?;
        let closure = generation.closure.as_ref();
        let bytes = closure.map(|c| releases.read_document(&c.digest, "a closure of the release")).transpose()?;
        generation.check_documents(&policy, bytes.as_deref()).map_err(|e| {
            Failure::refused("a document of the release is damaged").at(format!("{}/{name}", release.site)).because(e)
        })?;
        files::create_or_same(&draft.document(&generation.policy.digest), &policy, "a document")?;
        if let (Some(named), Some(bytes)) = (closure, bytes) {
            files::create_or_same(&draft.document(&named.digest), &bytes, "a document")?;
        }
    }
    carry(draft, releases, before)?;
    promotion.write(draft)?;
    let folder = draft.release(&release.site, release.point());
    files::make_directory(&folder)?;
    let file = folder.join(RELEASE_FILE);
    files::create_or_same(&file, &release.canonical(), "the release")?;
    Ok(file)
}
