//! `writ release sign`: one person's signature, after their own evaluation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use writ_policy::rings::Rings;
use writ_trust::digest::Digest;
use writ_trust::history::dropped_revocations;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::PublicKey;
use writ_trust::release::{ClosureRef, Generation, Release, Source};
use writ_trust::role::Role;
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;

use super::evaluated::{self, Appliance, Site};
use super::ledger::{self, Entry, Event, Ledger};
use super::promotion::Promotion;
use super::source::Snapshot;
use super::{generations, previous, source, summary, timing};
use crate::clock;
use crate::failure::{Answer, Failure, Outcome};
use crate::layout::{Layout, ReleaseFiles};
use crate::passphrase::{KeyFile, PassphraseOptions};
use crate::screen;
use crate::signatures;
use crate::trust::folder;

/// How far a draft's time may lie ahead of this machine's clock, in milliseconds, before that is worth a warning.
const CLOCK_TOLERANCE_MILLIS: i64 = 5 * 60 * 1000;

/// Sign a draft, after evaluating your own checkout
///
/// Evaluates the sources in --flake, which should be your own checkout of the commit that the draft names, and refuses
/// unless every byte of every policy is the same. A system that your store has not is built from these sources, and the
/// draft's list of its contents must be the same, byte for byte; what a substituter of your own nix.conf gives is taken
/// at its word. Then shows what changes against the release before, asks for the passphrase once, and signs every site
/// of the draft: release.json.<key id>.minisig.
///
/// Beside the key, ledger.json remembers what was signed: two different releases of one number are never signed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  git clone …/policies mine && cd mine && git checkout COMMIT
  writ release sign ../draft --key ~/keys/alice.key --flake . --previous ../releases
Check a signature without Writ:
  minisign -Vm draft/releases/clinic-001/1-7/release.json -x …/release.json.KEYID.minisig -p ../keys/alice.pub")]
pub struct Arguments {
    /// The draft
    draft: PathBuf,
    /// The secret key of a release key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Your own checkout of the sources
    #[arg(long, value_name = "DIR", default_value = ".")]
    flake: PathBuf,
    /// Your own copy of the release folder: then the release before is verified, and that your key counts
    #[arg(long, value_name = "RELEASEDIR")]
    previous: Option<PathBuf>,
    /// The ledger; `ledger.json` beside the key if absent
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Do not build systems that your store has not: then whoever drafted, with whoever holds a cache key, decides what
    /// these appliances run
    #[arg(long)]
    system_unchecked: bool,
}

struct Drafted {
    files: ReleaseFiles,
    release: Release,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let draft = Layout::new(&self.draft);
        let drafted = read_draft(&draft)?;
        // What is wrong with the key file should show before minutes are spent on evaluation.
        let key_file = KeyFile::read(&self.key)?;
        let chain = self.previous.as_deref().map(|dir| folder::read(&Layout::new(dir).trust())?.chain()).transpose()?;
        let rings = self.compare(&draft, &drafted)?;
        for one in &drafted {
            let own = rings.get(&one.release.site).cloned().unwrap_or_default();
            self.show(&draft, one, chain.as_ref(), &own)?;
        }
        let key = key_file.unlock(&self.passphrase)?;
        if let Some(chain) = &chain {
            check_key(chain, &drafted, &key.public_key())?;
        }
        let ledger_path = self.ledger.clone().unwrap_or_else(|| self.key.with_file_name(ledger::FILE));
        let mut ledger = Ledger::open(&ledger_path)?;
        for Drafted { files, release } in &drafted {
            ledger.check(&release.site, release.point(), files.digest())?;
        }
        for Drafted { files, release } in &drafted {
            // Remembered before the signature exists: after a crash the number is used up, never signed twice.
            ledger.record(Entry {
                site: release.site.clone(),
                epoch: release.epoch,
                serial: release.serial,
                digest: files.digest(),
                event: Event::Signed,
                key: Some(key.key_id().to_string()),
                at: clock::now_in_seconds(),
            })?;
            let path = signatures::write(&files.path, &files.bytes, &key, &release.trusted_comment())?;
            screen::line(&format!("signed {}", path.display()));
        }
        screen::line(&format!("next: writ release publish {} --to RELEASEDIR", self.draft.display()));
        Ok(Answer::Yes)
    }

    /// Compares the draft with the signer's own evaluation; gives the rings of each site by that.
    fn compare(&self, draft: &Layout, drafted: &[Drafted]) -> Outcome<BTreeMap<SiteId, Rings>> {
        let snapshot = source::snapshot(&self.flake)?;
        for Drafted { release, files } in drafted {
            same_source(&release.source, &snapshot.source, &files.path, &self.flake)?;
        }
        let sites: Vec<SiteId> = drafted.iter().map(|one| one.release.site.clone()).collect();
        let evaluated = evaluated::evaluate(&snapshot, &sites)?;
        for Drafted { release, .. } in drafted {
            let own = evaluated.get(&release.site).ok_or_else(|| differs(&release.site, "it has no such site"))?;
            same_site(release, own)?;
            for (name, generation) in &release.generations {
                if let Some(closure) = &generation.closure {
                    self.same_system(draft, &snapshot, (&release.site, name), closure)?;
                }
            }
        }
        screen::progress("your own evaluation gives the same bytes");
        Ok(evaluated.into_iter().map(|(site, own)| (site, own.rings)).collect())
    }

    /// Compares the contents of a system with those that the signer's own store has, or builds.
    fn same_system(
        &self,
        draft: &Layout,
        snapshot: &Snapshot,
        (site, name): (&SiteId, &ApplianceId),
        closure: &ClosureRef,
    ) -> Outcome<()> {
        let (toplevel, place) = (closure.toplevel.as_str(), format!("{site}/{name}"));
        let present = Path::new(toplevel).exists();
        if !present && self.system_unchecked {
            screen::warning(&format!(
                "{place}: NOT CHECKED, as you asked: what the system {} contains. Only its path was compared; whoever \
                 drafted this, with whoever holds a cache key, decides what the appliance runs",
                closure.toplevel.base_name()
            ));
            return Ok(());
        }
        // Kept from the garbage collector until it was listed.
        let links = tempfile::tempdir().map_err(|e| Failure::could_not("cannot make a temporary folder").because(e))?;
        if !present {
            screen::progress(&format!("building the system of {place}, which your store has not"));
            build_own(snapshot, (site, name), toplevel, &links.path().join("system"))?;
        }
        let own = generations::closure_document(toplevel, &place)?;
        if Digest::of(&own) == closure.digest {
            return Ok(());
        }
        let drafted = draft.document(&closure.digest);
        let why = format!("{} lists other contents than your store has", one_line(drafted.display()));
        Err(differs(&place, &why))
    }

    fn show(&self, draft: &Layout, one: &Drafted, chain: Option<&TrustChain>, rings: &Rings) -> Outcome<()> {
        let release = &one.release;
        let carried = previous::carried(draft, release)?;
        if let (Some(chain), Some(dir)) = (chain, &self.previous) {
            follows(release, chain, &Layout::new(dir))?;
        } else {
            screen::warning(
                "the release before was not verified, nor that your key counts: give --previous RELEASEDIR",
            );
        }
        if release.issued_at.millis_since(clock::now()) > CLOCK_TOLERANCE_MILLIS {
            screen::warning(&format!("the draft claims to be made at {}: a clock is wrong", release.issued_at));
        }
        summary::of_draft(draft, release, carried.as_ref(), rings)?.iter().for_each(|line| screen::line(line));
        let promotion = Promotion::read(draft, &release.site)?;
        let promoted = promotion.as_ref().map_or(&[][..], |promotion| &promotion.appliances);
        let earlier = timing::earlier(release, rings, carried.as_ref());
        let unsaid: Vec<&str> =
            earlier.into_iter().filter(|name| !promoted.contains(name)).map(ApplianceId::as_str).collect();
        if !unsaid.is_empty() {
            screen::warning(&format!(
                "earlier than their rings of your checkout say, and the draft says nothing of a promotion: {}",
                timing::named(&unsaid)
            ));
        }
        promotion.iter().flat_map(Promotion::lines).for_each(|line| screen::line(&line));
        Ok(())
    }
}

fn read_draft(draft: &Layout) -> Outcome<Vec<Drafted>> {
    let mut drafted = Vec::new();
    for site in draft.sites()? {
        for point in draft.points(&site)? {
            let files = draft.read(&site, point)?;
            let release = files.parse()?;
            if release.site != site || release.point() != point {
                return Err(Failure::refused("this release stands under another site or number")
                    .at(files.path.display())
                    .because(format!("it is {} of {}", release.trusted_comment(), release.site)));
            }
            for (name, generation) in &release.generations {
                check_documents(draft, &site, name.as_str(), generation)?;
            }
            drafted.push(Drafted { files, release });
        }
    }
    if drafted.is_empty() {
        return Err(Failure::could_not("there is no draft here")
            .at(draft.root().display())
            .next("make one: writ release draft --to DRAFTDIR"));
    }
    Ok(drafted)
}

fn check_documents(draft: &Layout, site: &SiteId, name: &str, generation: &Generation) -> Outcome<()> {
    let policy = draft.read_document(&generation.policy.digest, "a policy of the draft")?;
    let closure = generation.closure.as_ref();
    let closure = closure.map(|c| draft.read_document(&c.digest, "a closure of the draft")).transpose()?;
    generation.check_documents(&policy, closure.as_deref()).map_err(|e| {
        Failure::refused("a document of the draft is not the one that its release names")
            .at(format!("{site}/{name}"))
            .because(e)
            .next("draft again")
    })
}

fn same_source(drafted: &Source, own: &Source, file: &Path, flake: &Path) -> Outcome<()> {
    if drafted == own {
        return Ok(());
    }
    let name = |source: &Source| {
        let revision = source.revision.as_ref().map_or("no commit", |r| r.as_str()).to_owned();
        format!("{revision}{} ({})", if source.dirty { " with changes" } else { "" }, source.nar_hash)
    };
    Err(Failure::refused("the draft was not made from your sources")
        .at(format!("{} and {}", file.display(), flake.display()))
        .because(format!("the draft: {}", name(drafted)))
        .because(format!("yours:     {}", name(own)))
        .next("check out the commit that the draft names, without changes; nothing was signed"))
}

fn differs(place: impl std::fmt::Display, what: &str) -> Failure {
    Failure::refused("the draft is not what your own evaluation gives")
        .at(place)
        .because(what)
        .next("ask whoever drafted it; nothing was signed")
}

/// Builds a system from the signer's own sources.
fn build_own(snapshot: &Snapshot, (site, name): (&SiteId, &ApplianceId), expected: &str, link: &Path) -> Outcome<()> {
    let why = match snapshot.tree.build(site, name, link) {
        Ok(built) if built == expected => return Ok(()),
        Ok(built) => format!("evaluated {expected}, built {built}"),
        Err(e) => e.to_string(),
    };
    Err(Failure::refused("the system cannot be built from your sources, so nobody checked what it contains")
        .at(format!("hosts/{site}/{name}/system.nix"))
        .because(why)
        .next(
            "sign on a machine that can build it; or give --system-unchecked, and whoever drafted it decides what these \
             appliances run; nothing was signed",
        ))
}

fn same_site(release: &Release, own: &Site) -> Outcome<()> {
    let site = &release.site;
    let own = &own.appliances;
    if !own.keys().eq(release.generations.keys()) {
        return Err(differs(site, "its appliances are others"));
    }
    for (name, generation) in &release.generations {
        let appliance = &own[name];
        same_appliance(&format!("{site}/{name}"), generation, appliance)?;
    }
    Ok(())
}

fn same_appliance(place: &str, drafted: &Generation, own: &Appliance) -> Outcome<()> {
    let toplevel = drafted.closure.as_ref().map(|c| c.toplevel.as_str());
    let what = if drafted.policy.digest != Digest::of(&own.policy) || drafted.policy.schema != own.schema {
        "its policy has other bytes"
    } else if drafted.public_key != own.public_key {
        "its public key is another one"
    } else if drafted.system_type != own.system_type {
        "its system_type is another one"
    } else if toplevel != own.toplevel.as_deref() {
        "its system is another store path"
    } else {
        return Ok(());
    };
    Err(differs(place, what))
}

/// Whether a draft continues what the signer's own copy of the release folder holds.
fn follows(release: &Release, chain: &TrustChain, releases: &Layout) -> Outcome<()> {
    let before = previous::newest(releases, &release.site, chain)?;
    let newest = before.as_ref().map(|b| b.past.digest);
    let root = chain.newest();
    let what = if release.previous != newest {
        "it does not follow the newest release of your copy".to_owned()
    } else if release.trust_version > root.version || release.epoch != root.epoch {
        format!("your newest trust root is version {}, epoch {}", root.version, root.epoch)
    } else if let Some(revoked) = before.as_ref().and_then(|b| dropped_revocations(&b.past.release, release).next()) {
        format!(
            "it forgets that the appliance key {} was revoked as of {}",
            revoked.public_key.fingerprint(),
            revoked.revoked_at
        )
    } else {
        return Ok(());
    };
    Err(Failure::refused("the draft does not continue your copy of the releases")
        .at(releases.root().display())
        .because(what)
        .next("bring your copy up to date, or ask whoever drafted it; nothing was signed"))
}

fn check_key(chain: &TrustChain, drafted: &[Drafted], key: &PublicKey) -> Outcome<()> {
    for Drafted { release, .. } in drafted {
        let entry = chain.newest().key(key.key_id()).filter(|entry| entry.public_key == *key);
        let why = match entry.map(|entry| entry.counts_now(Role::Release, Some(&release.site), clock::now())) {
            Some(Ok(())) => continue,
            Some(Err(problem)) => problem.to_string(),
            None => "it is not in the trust root".to_owned(),
        };
        return Err(Failure::refused(format!(
            "your key {} does not count for releases of {}",
            key.key_id(),
            release.site
        ))
        .because(why)
        .next("sign with a release key of the newest trust root; nothing was signed"));
    }
    Ok(())
}
