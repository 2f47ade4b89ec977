//! `writ audit unpack`: an audit folder out of archives of days, from files or from the bucket that keeps them.

pub(super) mod bucket;

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use writ_audit::collect::{Collected, Refused};
use writ_audit::unpack::gather;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::day_archive::{self, DayArchive, MAX_DAY_ARCHIVE};

use self::bucket::BucketOptions;
use crate::failure::{Answer, Failure, Outcome};
use crate::{files, screen};

/// Make an audit folder out of the archives of days, from files or from the bucket that keeps them
///
/// `writ-depot archive` makes one archive of each day, and `writ-depot ship` sends them to a bucket in which nobody can remove
/// them. With --from nothing else is needed than that bucket and the first trust root: no depot, and no word of its operator. Of each
/// archive the first version that was written counts, whatever was written or deleted over it since.
///
/// Each is held against the document about it, and its files are gathered as `writ audit collect` gathers: what is there is never
/// overwritten by something else. Whether it all holds is for `writ audit verify`. Run it again, and what is here already is left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit unpack /mnt/archive/clinic-001-*.tar.gz --to audit
  writ audit unpack --from s3://clinic-evidence --endpoint https://s3.eu-central-1.amazonaws.com --region eu-central-1 \\
      --credentials ../keys/auditor.credentials --site clinic-001 --to audit
  writ audit verify audit --site clinic-001 --trust root-you-were-given.json
  writ audit query audit --trust root-you-were-given.json --period 2026-11-28

Exit codes: 0 unpacked; 1 something was left out, and said; 2 could not run.")]
pub struct Arguments {
    /// The archives, oldest first or as the shell sorts them; of each the document is looked for beside it
    #[arg(value_name = "ARCHIVE", required_unless_present = "from")]
    archives: Vec<PathBuf>,
    #[command(flatten)]
    bucket: BucketOptions,
    /// Only this site; without it, every one that the bucket has
    #[arg(long, requires = "from")]
    site: Option<SiteId>,
    /// The audit folder; made if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print the result as JSON: collected-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

/// What all archives came to.
struct Unpacking<'a> {
    to: &'a Path,
    done: Collected,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        files::make_directory(&self.to)?;
        let done = unpack(&self.archives, &self.bucket, self.site.as_ref(), &self.to)?;
        if self.json {
            screen::json(&done);
        } else {
            for refused in &done.refused {
                screen::warning(&format!("left out {}: {}", refused.path.display(), refused.why));
            }
            screen::line(&format!("{} files copied, {} were there already", done.copied, done.present));
        }
        Ok(if done.refused.is_empty() { Answer::Yes } else { Answer::No })
    }
}

/// Unpacks archives of days, or those of the bucket where one is named, into an audit folder.
pub(super) fn unpack(
    archives: &[PathBuf],
    bucket: &BucketOptions,
    site: Option<&SiteId>,
    to: &Path,
) -> Outcome<Collected> {
    let mut unpacking = Unpacking { to, done: Collected::default() };
    match bucket.open()? {
        Some(bucket) => bucket::unpack(&bucket, site, &mut unpacking)?,
        None => {
            for archive in archives {
                unpacking.file(archive)?;
            }
        }
    }
    Ok(unpacking.done)
}

/// The archives of a folder that are of a site, or of any, and of the day of an instant or a later one, as the shell sorts them. Files
/// of other names are none.
pub(super) fn archives_in(folder: &Path, site: Option<&SiteId>, from: Time) -> Outcome<Vec<PathBuf>> {
    let wanted = |path: &Path| {
        let name = files::name_of(path);
        let name = name.strip_suffix(ENDING)?;
        let (of, day) = name.split_at_checked(name.len().checked_sub("2026-11-28".len())?)?;
        let of: SiteId = of.strip_suffix('-')?.parse().ok()?;
        let ends = day_archive::begins(day)?.plus_millis(86_400_000);
        Some(site.is_none_or(|site| *site == of) && ends > from)
    };
    let mut archives = files::list(folder)?;
    archives.retain(|path| wanted(path) == Some(true));
    if archives.is_empty() {
        return Err(Failure::could_not("there is no archive of this time in this folder")
            .at(folder.display())
            .because(format!("archives are named SITE-DAY{ENDING}, and {from} is the first instant that is wanted"))
            .next("look at the folder, and at --site and --period"));
    }
    Ok(archives)
}

/// How the name of an archive ends.
const ENDING: &str = ".tar.gz";

impl Unpacking<'_> {
    /// One archive that lies here, with the document beside it where there is one.
    fn file(&mut self, path: &Path) -> Outcome<()> {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(ENDING));
        let Some(name) = name else {
            return Err(Failure::could_not("this is not the name of an archive")
                .at(path.display())
                .next("archives are named SITE-DAY.tar.gz, or DD.tar.gz in a bucket"));
        };
        let beside = path.with_file_name(format!("{name}.json"));
        let document = files::read_if_there(&beside, MAX_DAY_ARCHIVE, "the document about an archive")?;
        let mut archive = File::open(path)
            .map_err(|e| Failure::could_not("cannot read this archive").at(path.display()).because(e))?;
        let Some(document) = document else {
            screen::warning(&format!("{}: there is no {name}.json beside it to hold it against", path.display()));
            return self.archive(&path.display().to_string(), &mut archive, None);
        };
        let document = match DayArchive::parse(&document) {
            Ok(document) => document,
            Err(error) => {
                self.leave_out(&beside, &error.to_string());
                return Ok(());
            }
        };
        match same(&mut archive, &document) {
            Ok(true) => self.archive(&path.display().to_string(), &mut archive, Some(&document)),
            Ok(false) => {
                self.leave_out(path, "its bytes are not those that the document beside it names");
                Ok(())
            }
            Err(e) => Err(Failure::could_not("cannot read this archive").at(path.display()).because(e)),
        }
    }

    /// Gathers what an archive holds; what is wrong with it is told, and the next one is unpacked all the same.
    fn archive(&mut self, name: &str, archive: &mut File, document: Option<&DayArchive>) -> Outcome<()> {
        // Within the folder: what is unpacked is as large as what is gathered.
        let scratch = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(self.to);
        let scratch = scratch.map_err(|e| Failure::could_not("cannot unpack here").at(self.to.display()).because(e))?;
        match gather(archive, document, scratch.path(), self.to) {
            Ok(more) => {
                self.done.copied += more.copied;
                self.done.present += more.present;
                self.done.waiting += more.waiting;
                for mut refused in more.refused {
                    let within = refused.path.strip_prefix(scratch.path()).unwrap_or(&refused.path);
                    refused.path = Path::new(name).join(within);
                    self.done.refused.push(refused);
                }
            }
            Err(error) => self.leave_out(Path::new(name), &error.to_string()),
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &Path, why: &str) {
        let (path, why) = (path.to_owned(), why.to_owned());
        self.done.refused.push(Refused { path, why });
    }
}

/// Whether a file is the archive that a document is about; it is at its beginning again afterwards.
fn same(file: &mut File, document: &DayArchive) -> std::io::Result<bool> {
    if file.metadata()?.len() != document.size {
        return Ok(false);
    }
    let found = writ_bucket::digests(&mut file.by_ref().take(document.size))?;
    file.rewind()?;
    Ok((found.sha256, found.size) == (document.digest, document.size))
}
