//! `writ audit restore-test`: whether kept evidence can be read back.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use writ_audit::calendar::last_month;
use writ_audit::restore::{self, Ask, Found, KnownBy, RestoreTest, SiteTest, Taken};
use writ_audit::sample::Seed;
use writ_audit::{Archive, Folder, Period};
use writ_trust::ids::SiteId;
use writ_trust::text::{escaped, one_line};
use writ_trust::time::Time;

use super::attesting::{Attesting, Counts, Deed};
use super::unpack::bucket::BucketOptions;
use super::{Root, known, unpack};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, files, random, screen};

/// Read kept evidence back and verify it: random bundles of a month, from archives, a bucket or a copied folder
///
/// Reads so many bundles of each site at random, and asks of each: is it there with its signature, does the signature hold, is it
/// valid by its schema, does the site's log hold it, and has it the bytes of a reference folder. A bundle that the log or the
/// reference names and the copy lacks may be drawn as any other, and fails. By which of them it is known what should be there is
/// said. Archives are unpacked into a private temporary folder that is removed at the end; where one cannot be, the test fails.
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

Exit codes: 0 all of them are as they should be; 1 one is not, a site has none, or the copy is not whole; 2 could not run.")]
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
        let scratch = scratch()?;
        let (archive, left_out) = self.restored(scratch.path())?;
        known(&archive, self.site.as_ref())?;
        if !self.root.is_given() {
            screen::warning("the trust root was taken from the copy itself: give --trust or --trust-digest");
        }
        let (count, reference) = (self.sample.get(), reference.as_ref());
        let ask = Ask { seed, count, period, reference, left_out: &left_out, now };
        let result = restore::test(&archive, &ask)
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
        Ok(if result.is_fine() { Answer::Yes } else { Answer::No })
    }

    /// What was kept, as an archive, and the names of what could not be unpacked.
    fn restored(&self, scratch: &Path) -> Outcome<(Archive, Vec<String>)> {
        let Some(copy) = &self.copy else {
            let unpacked = scratch.join("unpacked");
            files::make_directory(&unpacked)?;
            let done = unpack::unpack(&self.archives, &self.bucket, self.site.as_ref(), &unpacked)?;
            let mut left_out = Vec::new();
            for refused in &done.refused {
                let path = refused.path.strip_prefix(scratch).unwrap_or(&refused.path);
                screen::warning(&format!("left out {}: {}", one_line(path.display()), one_line(&refused.why)));
                left_out.push(one_line(path.display()));
            }
            // What others than the newest appliance saw of the log is not in every archive: what is here is judged, bundle by bundle.
            return Ok((self.root.open(&unpacked, self.site.clone(), true, clock::now())?, left_out));
        };
        Ok((self.root.open(copy, self.site.clone(), true, clock::now())?, Vec::new()))
    }
}

/// A folder of this run alone, readable by nobody else, and gone when it ends.
fn scratch() -> Outcome<TempDir> {
    let private = Permissions::from_mode(0o700);
    let made = tempfile::Builder::new().prefix("writ-restore-test-").permissions(private).tempdir();
    made.map_err(|e| Failure::could_not("there is no room for a temporary folder").because(e))
}

fn deed(result: &RestoreTest, of: &SiteTest) -> Deed {
    let own: Vec<&Taken> = result.bundles.iter().filter(|taken| taken.site == of.site).collect();
    let Period { from, to } = result.period;
    let known_by = of.known_by.as_str();
    let statement = format!(
        "Restore test: {}, of {from} to {to}, drawn by the seed {}; which there should be was known by {known_by}",
        result.line_of(of),
        result.seed
    );
    let mut facts = BTreeMap::from([
        ("seed".to_owned(), result.seed.to_string()),
        ("asked".to_owned(), result.asked.to_string()),
        ("sampled".to_owned(), own.len().to_string()),
        ("verified".to_owned(), of.verified.to_string()),
        ("known_by".to_owned(), known_by.to_owned()),
        ("whole".to_owned(), result.whole.to_string()),
    ]);
    facts.extend(of.log_until.map(|until| ("log_until".to_owned(), until.to_string())));
    let wrong = result.wrong_with(std::slice::from_ref(of));
    for (name, all) in [("left_out", &result.left_out), ("wrong", &wrong)] {
        if !all.is_empty() {
            facts.insert(name.to_owned(), all.join("; "));
        }
    }
    let counts = match (result.whole && of.is_fine(), result.is_good(of)) {
        (_, true) => Counts::Wholly,
        (true, false) => Counts::ForNothing,
        (false, false) => Counts::AsFailed,
    };
    Deed {
        counts,
        item: "CK-28",
        control: "164.308(a)(7)(ii)(D)",
        statement,
        from,
        until: to,
        attachments: own.iter().filter_map(|taken| Some((taken.path.clone(), taken.digest?))).collect(),
        facts,
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
    for site in &result.sites {
        let known = if site.known_by == KnownBy::Copy { "known only by" } else { "known by" };
        let until = site.log_until.map(|until| format!("; the log there ends at {until}")).unwrap_or_default();
        let by = site.known_by.as_str();
        screen::line(&format!("{}: {} that there should be, {known} {by}{until}", site.site, site.there));
    }
    screen::line(&format!("{} (of {} that there should be)", escaped(result.line()), result.there));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_reads_what_is_unpacked() {
        let scratch = scratch().unwrap();
        assert_eq!(scratch.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
