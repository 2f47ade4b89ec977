//! `writ audit restore-test`: whether kept evidence can be read back.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use writ_audit::calendar::last_month;
use writ_audit::restore::{self, Ask, Found, RestoreTest, SiteTest, Taken};
use writ_audit::sample::Seed;
use writ_audit::{Archive, Folder, Period};
use writ_trust::ids::SiteId;
use writ_trust::text::{escaped, one_line};
use writ_trust::time::Time;

use super::attesting::{Attesting, Deed};
use super::unpack::bucket::BucketOptions;
use super::{Root, known, unpack};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, files, random, screen};

/// Read kept evidence back and verify it: random bundles of a month, from archives, a bucket or a copied folder
///
/// Takes so many bundles of each site at random into a private temporary folder, and asks of each: is it there with its signature,
/// does the signature hold, is it valid by its schema, does the site's log hold it, and has it the bytes of a reference folder. A
/// bundle that the log or the reference names and the copy lacks may be drawn as any other, and fails. The temporary folder is
/// removed at the end.
///
/// With --attest-key it leaves evidence: what was drawn, by what seed, and what came of it, signed by a person's key. A depot's own
/// backup is restored by `writ-depot restore`, and the audit folder that `writ audit fetch` makes from it is tested with --copy.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit restore-test /mnt/archive/clinic-001-2026-10-*.tar.gz --trust root-you-were-given.json \\
      --period 2026-10 --reference audit --attest-key ../keys/sam.key --to audit
  writ audit restore-test --from s3://clinic-evidence --endpoint https://s3.eu-central-1.amazonaws.com --region eu-central-1 \\
      --credentials ../keys/auditor.credentials --site clinic-001 --trust root-you-were-given.json
  writ audit restore-test --copy /mnt/copy/audit --trust root-you-were-given.json --sample 5 --json

Exit codes: 0 all of them are as they should be; 1 one is not, or a site has none; 2 could not run.")]
pub struct Arguments {
    /// Archives of days (SITE-DAY.tar.gz); of each the document is looked for beside it
    #[arg(value_name = "ARCHIVE", required_unless_present_any = ["from", "copy"])]
    archives: Vec<PathBuf>,
    #[command(flatten)]
    bucket: BucketOptions,
    /// An audit folder that was copied elsewhere, or restored, instead of archives
    #[arg(long, value_name = "DIR", conflicts_with_all = ["archives", "from"])]
    copy: Option<PathBuf>,
    #[command(flatten)]
    root: Root,
    /// Only this site
    #[arg(long)]
    site: Option<SiteId>,
    /// How many bundles of each site
    #[arg(long, value_name = "N", default_value = "5")]
    sample: NonZeroUsize,
    /// Of this time, by the days in their ids; without it, of the month before this one
    #[arg(long)]
    period: Option<String>,
    /// What to draw by: 8 to 64 letters, digits and hyphens
    #[arg(long)]
    seed: Option<Seed>,
    /// An audit folder whose bytes they must have
    #[arg(long, value_name = "DIR")]
    reference: Option<PathBuf>,
    #[command(flatten)]
    attesting: Attesting,
    /// Take this instant for now
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Print the result as JSON: restore-tested-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let now = self.now.unwrap_or_else(clock::now_in_seconds);
        let period = match &self.period {
            Some(text) => Period::parse(text, now).map_err(|e| Failure::could_not(e).at("--period"))?,
            None => last_month(now).ok_or_else(|| Failure::could_not("there was no month before this one"))?,
        };
        let key = self.attesting.key()?;
        if key.is_some() {
            self.attesting.place(None)?;
        }
        let seed = match &self.seed {
            Some(seed) => seed.clone(),
            None => Seed::from_bytes(&*random::bytes::<16>()?),
        };
        let reference = self.reference.as_deref().map(Folder::open).transpose();
        let reference = reference.map_err(|e| Failure::could_not("cannot open the reference folder").caused_by(&e))?;
        // Of this run alone, readable by nobody else, and gone when it ends.
        let scratch = tempfile::Builder::new().prefix("writ-restore-test-").tempdir();
        let scratch = scratch.map_err(|e| Failure::could_not("there is no room for a temporary folder").because(e))?;
        let (archive, whole) = self.restored(scratch.path())?;
        known(&archive, self.site.as_ref())?;
        if !self.root.is_given() {
            screen::warning("the trust root was taken from the copy itself: give --trust or --trust-digest");
        }
        let taken = scratch.path().join("taken");
        files::make_directory(&taken)?;
        let ask = Ask { seed, count: self.sample.get(), period, reference: reference.as_ref() };
        let result = restore::test(&archive, &ask, &taken)
            .map_err(|e| Failure::could_not("the test could not be made").caused_by(&e))?;
        if self.json {
            screen::json(&result);
        } else {
            print(&result);
        }
        for site in result.sites.iter().filter(|site| site.tested == 0) {
            screen::warning(&format!("there is no bundle of {} of this time: look at --period", site.site));
        }
        if let Some(key) = key {
            let to = self.attesting.place(None)?;
            for of in result.sites.iter().filter(|of| of.tested > 0) {
                let sealed = self.attesting.leave(&archive, to, &of.site, &key, deed(&result, of), now)?;
                screen::aside(&format!("attested as {} of {}", sealed.bundle_id, of.site));
            }
        }
        Ok(if whole && result.is_fine() { Answer::Yes } else { Answer::No })
    }

    /// What was kept, as an archive, and whether every archive of a day could be unpacked.
    fn restored(&self, scratch: &Path) -> Outcome<(Archive, bool)> {
        let Some(copy) = &self.copy else {
            let unpacked = scratch.join("unpacked");
            files::make_directory(&unpacked)?;
            let done = unpack::unpack(&self.archives, &self.bucket, self.site.as_ref(), &unpacked)?;
            for refused in &done.refused {
                let path = refused.path.strip_prefix(scratch).unwrap_or(&refused.path);
                screen::warning(&format!("left out {}: {}", one_line(path.display()), one_line(&refused.why)));
            }
            // What others than the newest appliance saw of the log is not in every archive: what is here is judged, bundle by bundle.
            return Ok((self.root.open(&unpacked, self.site.clone(), true, clock::now())?, done.refused.is_empty()));
        };
        Ok((self.root.open(copy, self.site.clone(), true, clock::now())?, true))
    }
}

fn deed(result: &RestoreTest, of: &SiteTest) -> Deed {
    let own: Vec<&Taken> = result.bundles.iter().filter(|taken| taken.site == of.site).collect();
    let Period { from, to } = result.period;
    let statement = format!("Restore test: {}, of {from} to {to}, drawn by the seed {}", of.line(), result.seed);
    Deed {
        item: "CK-28",
        control: "164.308(a)(7)(ii)(D)",
        statement,
        from,
        until: to,
        attachments: own.iter().filter_map(|taken| Some((taken.path.clone(), taken.digest?))).collect(),
        facts: BTreeMap::from([
            ("seed".to_owned(), result.seed.to_string()),
            ("asked".to_owned(), result.asked.to_string()),
            ("sampled".to_owned(), own.len().to_string()),
            ("verified".to_owned(), of.verified.to_string()),
        ]),
    }
}

fn print(result: &RestoreTest) {
    screen::line(&format!("seed {}, {} to {}", result.seed, result.period.from, result.period.to));
    for taken in &result.bundles {
        let (style, word) = if taken.ok { (screen::GREEN, "ok    ") } else { (screen::RED, "NOT OK") };
        let name = format!("{} of {} {}", taken.bundle_id, taken.site, escaped(&taken.summary));
        screen::line(&format!("{} {name}", screen::paint(style, word)));
        let found = |found: Found| match found {
            Found::Ok => "ok",
            Found::Failed => "FAILED",
            Found::NotJudged => "not judged",
        };
        let entry = taken.index.map(|index| format!(", entry {index}")).unwrap_or_default();
        let answers = format!(
            "there {}; signature {}; schema {}; log {}{entry}; same bytes {}",
            found(taken.present),
            found(taken.signature),
            found(taken.schema),
            taken.log,
            found(taken.same)
        );
        screen::line(&format!("       {}", screen::paint(screen::DIM, &answers)));
        taken.why.iter().for_each(|why| screen::line(&format!("       {}: {}", taken.path, escaped(why))));
    }
    screen::line(&format!("{} (of {} that there should be)", result.line(), result.there));
}
