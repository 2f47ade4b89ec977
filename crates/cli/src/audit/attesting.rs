//! Leaving evidence of what was done: a bundle of kind `attestation`, signed by a person's key, in a chain of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use writ_audit::attest::{DUTY, ITEM, Statement, draft, duties, standing};
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
    /// The duty that is done with it, instead of the one that the policy has for this
    #[arg(long, requires = "attest_key")]
    duty: Option<String>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

/// What was done, for whoever leaves evidence of it.
pub(super) struct Deed {
    /// The item of the checklists, as its catalogue calls it.
    pub item: &'static str,
    /// The control, where the policy has no duty for the item.
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

    /// Leaves evidence of a deed at a site.
    pub(super) fn leave(
        &self,
        archive: &Archive,
        to: &Path,
        site: &SiteId,
        key: &SecretKey,
        deed: Deed,
        now: Time,
    ) -> Outcome<Sealed> {
        let duties = duties(archive, site);
        let found = match &self.duty {
            Some(named) => Some(find_duty(&duties, named)?),
            None => {
                let own = duties.iter().find(|(_, (duty, _))| duty.source.iter().any(|id| id == deed.item));
                own.map(|(id, (_, control))| (*id, *control))
            }
        };
        let Deed { item, control, statement, from, until, attachments, mut facts } = deed;
        facts.insert(ITEM.to_owned(), item.to_owned());
        let mut own_control = control.to_owned();
        if let Some((id, control)) = found {
            facts.insert(DUTY.to_owned(), id.to_owned());
            own_control = control.map_or(own_control, str::to_owned);
        }
        let told = facts.clone();
        let statement = Statement { control: own_control, statement, from, until, attachments, facts };
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
/// interrupted leaves no bundle without one.
pub(super) fn write(
    archive: &Archive,
    to: &Path,
    site: &SiteId,
    key: &SecretKey,
    statement: Statement,
    now: Time,
) -> Outcome<Sealed> {
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
    let place = to.join(&standing.folder);
    files::make_directory(&place)?;
    let path = place.join(sealed.file_name());
    let beside = place.join(format!("{}.minisig", sealed.file_name()));
    files::replace(&beside, sealed.signature_text.as_bytes(), 0o644, "the signature of the attestation")?;
    if !files::create(&path, &sealed.bytes, 0o644, "the attestation")? {
        return Err(Failure::could_not("somebody attested with this key at the same time")
            .at(path.display())
            .next("run it again"));
    }
    Ok(sealed)
}
