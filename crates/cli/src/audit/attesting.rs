//! Leaving evidence of what was done: a bundle of kind `attestation`, signed by a person's key, in a chain of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use writ_audit::attest::{DUTY, FAILED, GOOD, ITEM, RESULT, Statement, draft, duties, standing};
use writ_audit::{Archive, Folder};
use writ_evidence::chain::{Sealed, seal};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::minisign::SecretKey;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use crate::failure::{Failure, Outcome};
use crate::files;
use crate::passphrase::{KeyFile, PassphraseOptions};
use crate::screen;

/// Whose key leaves evidence, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Attesting {
    /// Leave signed evidence of it, by this secret key, to which the trust root gives the role attest
    #[arg(long, value_name = "FILE")]
    attest_key: Option<PathBuf>,
    /// The audit folder that keeps what this key attests
    #[arg(long, value_name = "DIR", requires = "attest_key")]
    to: Option<PathBuf>,
    /// The duty of the site's policy that was done with it; without it, it is evidence for the item of the checklist alone. A run
    /// that does not come out well does no duty
    #[arg(long, value_name = "ID", requires = "attest_key")]
    duty: Option<String>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

/// What counts of a deed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// It came out well, and is evidence for the item of the checklist and for a duty.
    Wholly,
    /// Nothing came out badly, and what it shows is not enough for an item or a duty.
    ForNothing,
    /// It did not come out well.
    AsFailed,
}

impl Counts {
    /// Of what either came out well or did not.
    pub(super) fn of(good: bool) -> Self {
        if good { Self::Wholly } else { Self::AsFailed }
    }
}

/// What was done, for whoever leaves evidence of it.
pub(super) struct Deed {
    /// What counts of it.
    pub counts: Counts,
    /// The item of the checklists, as its catalogue calls it.
    pub item: &'static str,
    /// The control, where no duty is named that is for another.
    pub control: &'static str,
    /// What is stated.
    pub statement: String,
    /// From when on it was looked at.
    pub from: Time,
    /// Until when.
    pub until: Time,
    /// What was looked at.
    pub attachments: BTreeMap<String, Digest>,
    /// Further facts.
    pub facts: BTreeMap<String, String>,
}

impl Attesting {
    /// The key, unlocked before anything long begins, where evidence is to be left.
    pub(super) fn key(&self) -> Outcome<Option<SecretKey>> {
        let Some(path) = &self.attest_key else { return Ok(None) };
        Ok(Some(KeyFile::read(path)?.unlock(&self.passphrase)?))
    }

    /// Where evidence is left: the folder that was named, or this one.
    pub(super) fn place<'a>(&'a self, otherwise: Option<&'a Path>) -> Outcome<&'a Path> {
        self.to.as_deref().or(otherwise).ok_or_else(|| {
            Failure::could_not("it is not said where the evidence goes")
                .at("--attest-key")
                .next("name the audit folder that keeps what this key attests, with --to")
        })
    }

    /// Leaves evidence of a deed at a site. Only one that came out well is evidence for the item of the checklist, and for a duty only
    /// where a person named it: a duty may ask for more than a program does.
    pub(super) fn leave(
        &self,
        archive: &Archive,
        to: &Path,
        site: &SiteId,
        key: &SecretKey,
        deed: Deed,
        now: Time,
    ) -> Outcome<Sealed> {
        let duties = duties(archive, site, now);
        let found = self.duty.as_deref().map(|named| find_duty(&duties, named)).transpose()?;
        let Deed { counts, item, control, statement, from, until, attachments, mut facts } = deed;
        let result = if counts == Counts::AsFailed { FAILED } else { GOOD };
        facts.insert(RESULT.to_owned(), result.to_owned());
        match counts {
            Counts::Wholly => {
                facts.insert(ITEM.to_owned(), item.to_owned());
                facts.extend(found.map(|(id, _)| (DUTY.to_owned(), id.to_owned())));
            }
            Counts::ForNothing => screen::warning(
                "nothing of it came out badly, and it shows too little: what is attested is for no item of the checklist, and no \
                 duty is done by it",
            ),
            Counts::AsFailed => {
                screen::warning("it did not come out well: what is attested says so, and no duty is done by it");
            }
        }
        let control = found.and_then(|(_, own)| own).unwrap_or(control).to_owned();
        let told = facts.clone();
        let statement = Statement { control, statement, from, until, attachments, facts };
        let sealed = write(archive, to, site, key, statement, now)?;
        if sealed.bundle.artifacts.outputs != told {
            screen::warning(
                "what was attested has words that were taken for a patient's data and left out: look at it",
            );
        }
        Ok(sealed)
    }
}

/// The duties of a site by id, each with its control.
type Duties<'a> = BTreeMap<&'a str, (&'a writ_policy::duty::Duty, Option<&'a str>)>;

/// A duty by its id, or the failure that names the nearest.
pub(super) fn find_duty<'a>(duties: &Duties<'a>, named: &str) -> Outcome<(&'a str, Option<&'a str>)> {
    match duties.get_key_value(named) {
        Some((id, (_, control))) => Ok((*id, *control)),
        None => {
            let failure = Failure::could_not(format!("the site's policy has no duty {}", one_line(named))).at("--duty");
            Err(failure.nearest(named, duties.keys().copied(), || {
                format!("it has {} of them; `writ explain` tells of each", duties.len())
            }))
        }
    }
}

/// Seals a statement as the next bundle of the key's chain, and writes it durably: the signature first, so that a run which is
/// interrupted leaves no bundle without one. Nobody else writes to the chain meanwhile.
pub(super) fn write(
    archive: &Archive,
    to: &Path,
    site: &SiteId,
    key: &SecretKey,
    statement: Statement,
    now: Time,
) -> Outcome<Sealed> {
    // What cannot be stated leaves nothing behind, not even a folder.
    let (place, _) = next(archive, to, site, key, statement.clone(), now)?;
    let place = to.join(place);
    files::make_directory(&place)?;
    let _alone = alone(&place)?;
    // Once more: whoever was there before may have gone on with the chain.
    let (_, sealed) = next(archive, to, site, key, statement, now)?;
    let path = place.join(sealed.file_name());
    let beside = place.join(format!("{}.minisig", sealed.file_name()));
    if !path.exists() {
        // That of a run which was interrupted.
        writ_durable::remove(&beside).map_err(|e| {
            Failure::could_not("cannot remove a signature that has no bundle").at(beside.display()).because(e)
        })?;
    }
    let written = files::create(&beside, sealed.signature_text.as_bytes(), 0o644, "the signature of the attestation")?
        && files::create(&path, &sealed.bytes, 0o644, "the attestation")?;
    if !written {
        return Err(at_the_same_time(&path));
    }
    Ok(sealed)
}

/// The folder of the key's chain, relative to the audit folder, and the statement as the bundle that comes next in it.
fn next(
    archive: &Archive,
    to: &Path,
    site: &SiteId,
    key: &SecretKey,
    statement: Statement,
    now: Time,
) -> Outcome<(PathBuf, Sealed)> {
    let folder = Folder::open(to)
        .map_err(|e| Failure::could_not("cannot open the folder that keeps attestations").caused_by(&e).at("--to"))?;
    let standing = standing(archive, &folder, site, &key.public_key(), now).map_err(|e| {
        let failure = Failure::refused("this key cannot attest here").caused_by(&e);
        failure.next("a trust root gives keys the role attest: `writ trust next --key FILE.pub:attest`")
    })?;
    let meant = statement.statement.clone();
    let sealed = seal(draft(site, &standing, statement), &standing.state, key, now)
        .map_err(|e| Failure::could_not("this cannot be attested").caused_by(&e))?;
    if sealed.bundle.attestation.as_ref().is_none_or(|said| said.statement != meant) {
        return Err(Failure::refused("what is stated would not be signed as it stands")
            .because("it has words that are taken for a patient's data, or is too long for a bundle")
            .next("say it without them; nothing was written"));
    }
    Ok((standing.folder, sealed))
}

/// Keeps others from writing to the chain in a folder for as long as what is given back lives. The folder itself is locked: a file
/// of its own would belong to nothing in an audit folder.
fn alone(place: &Path) -> Outcome<File> {
    let failed = |e: std::io::Error| {
        Failure::could_not("cannot lock the folder of this key's attestations").at(place.display()).because(e)
    };
    let folder = File::open(place).map_err(failed)?;
    match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(folder),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(at_the_same_time(place)),
        Err(e) => Err(failed(e.into())),
    }
}

fn at_the_same_time(place: &Path) -> Failure {
    Failure::could_not("somebody attests with this key at the same time").at(place.display()).next("run it again")
}
