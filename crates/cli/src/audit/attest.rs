//! `writ audit attest`: what a person states, as evidence.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use writ_audit::attest::{DUTY, ITEM, Statement, duties, newest_policies};
use writ_evidence::BundleId;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::text::one_line;
use writ_trust::time::{Span, Time};

use super::attesting::{find_duty, write};
use super::{Source, known};
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::{KeyFile, PassphraseOptions};
use crate::{clock, files, screen};

/// The largest attachment whose digest is taken, in bytes (64 MiB).
const MAX_ATTACHED: usize = 64 * 1024 * 1024;

/// State that something was done, signed by your own key: evidence for what people do
///
/// Writes a bundle of kind `attestation` into attestations/SITE/FINGERPRINT of an audit folder, in a chain of that key's own. The
/// newest trust root must give the key the role attest at the site. `writ audit verify` verifies such chains, and
/// `writ audit checklist` says of each duty when it was last attested. Keep one folder for what a key attests: a chain that is
/// continued in two folders is a forked one.
///
/// Of what is attached the digest is signed, not the content, which stays where it is kept. No log holds attestations.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit attest audit --trust root-you-were-given.json --site clinic-001 --key ../keys/sam.key \\
      --duty access.review-privileged --statement 'Every privileged account was looked at; two were removed' --attach accounts.csv
  writ audit attest audit --site clinic-001 --key ../keys/sam.key --control '164.310(a)(1)' \\
      --statement 'The list of keys to the building was reviewed' --until 2027-02-28T00:00:00Z

Exit codes: 0 written; 1 the key does not count, or its chain does not hold; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The site
    #[arg(long)]
    site: SiteId,
    /// Your secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// The duty of the site's policy that was done
    #[arg(long, required_unless_present = "control")]
    duty: Option<String>,
    /// The control that it is about; the duty's own without it
    #[arg(long)]
    control: Option<String>,
    /// The item of a checklist, as in CK-09, where no duty says it
    #[arg(long, value_name = "ID")]
    item: Option<String>,
    /// What is stated, in a sentence or two; no patient's data
    #[arg(long, value_name = "TEXT")]
    statement: String,
    /// From when it holds; without it, now
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    /// Until when it holds; without it, until the duty is due again, or for a year
    #[arg(long, value_name = "TIME")]
    until: Option<Time>,
    /// A file whose digest is signed with it; may be given several times
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// Write to this audit folder instead of the one that is read
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Sign as of this instant instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Print the result as JSON: attested-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

/// What was written, `writ.attested.v1`.
#[derive(Serialize)]
struct Attested<'a> {
    schema: &'static str,
    bundle_id: BundleId,
    site: &'a SiteId,
    control: &'a str,
    duty: Option<&'a str>,
    digest: Digest,
    key_id: String,
    sequence: u64,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let now = self.now.unwrap_or_else(clock::now_in_seconds);
        let file = KeyFile::read(&self.key)?;
        let archive = self.source.open(Some(self.site.clone()))?;
        known(&archive, Some(&self.site))?;
        let duties = duties(&archive, &self.site, now);
        let found = self.duty.as_deref().map(|named| find_duty(&duties, named)).transpose()?;
        let control = self.control.as_deref().or(found.and_then(|(_, control)| control)).ok_or_else(|| {
            Failure::could_not("no control of the policy has this duty").at("--duty").next("name one with --control")
        })?;
        let every = found.and_then(|(id, _)| duties.get(id)).and_then(|(duty, _)| duty.cadence.every.as_ref());
        if self.statement.trim().is_empty() || one_line(control) != control {
            return Err(Failure::could_not("a statement needs words, and a control a plain name")
                .at("--statement, --control")
                .next("say what was done, in a sentence"));
        }
        let policies = newest_policies(&archive, &self.site, now);
        if !policies.values().any(|policy| policy.controls.contains_key(control)) {
            screen::warning(&format!("the newest policy of {} has no control {control}", self.site));
        }
        let from = self.from.unwrap_or(now);
        let until = self.until.unwrap_or_else(|| from.plus_millis(every.map_or(365 * 86_400_000, Span::millis)));
        if until <= from {
            return Err(Failure::could_not("it ends before it begins").at("--until"));
        }
        let mut facts = BTreeMap::new();
        facts.extend(found.map(|(id, _)| (DUTY.to_owned(), id.to_owned())));
        facts.extend(self.item.clone().map(|id| (ITEM.to_owned(), id)));
        let statement = Statement {
            control: control.to_owned(),
            statement: self.statement.clone(),
            from,
            until,
            attachments: self.attachments()?,
            facts,
        };
        let key = file.unlock(&self.passphrase)?;
        let to = self.to.as_deref().unwrap_or(&self.source.folder);
        let sealed = write(&archive, to, &self.site, &key, statement, now)?;
        if self.json {
            screen::json(&Attested {
                schema: "writ.attested.v1",
                bundle_id: sealed.bundle_id,
                site: &self.site,
                control,
                duty: found.map(|(id, _)| id),
                digest: sealed.digest,
                key_id: key.key_id().to_string(),
                sequence: sealed.sequence,
            });
        } else {
            let told = writ_audit::story::tell(&sealed.bundle).join(" ");
            screen::line(&format!("{} {}", sealed.bundle_id, one_line(told)));
        }
        Ok(Answer::Yes)
    }

    fn attachments(&self) -> Outcome<BTreeMap<String, Digest>> {
        let mut attachments = BTreeMap::new();
        for path in &self.attach {
            let bytes = files::read(path, MAX_ATTACHED, "what is attached")?;
            let name = path.file_name().map(|name| one_line(name.to_string_lossy())).unwrap_or_default();
            if attachments.insert(name, Digest::of(&bytes)).is_some() {
                return Err(Failure::could_not("two files of one name are attached").at(path.display()));
            }
        }
        Ok(attachments)
    }
}
