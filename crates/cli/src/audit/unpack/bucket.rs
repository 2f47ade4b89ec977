//! Archives out of a bucket: nothing that it says is believed but which keys there are.

use std::collections::BTreeMap;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_bucket::{Address, Bucket, BucketError, Credentials, Settings, Version};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_wire::day_archive::{self, DayArchive, MAX_DAY_ARCHIVE};

use super::Unpacking;
use crate::failure::{Failure, Outcome};
use crate::{files, screen};

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where it is noted, within the audit folder, what was unpacked.
const NOTES: &str = ".unpacked";

/// Which bucket, how it is reached, and who asks.
#[derive(Debug, Clone, clap::Args)]
pub struct BucketOptions {
    /// The bucket that `writ-depot ship` sends to, as in s3://evidence or s3://evidence/depot-1
    #[arg(long, value_name = "S3", conflicts_with = "archives", requires_all = ["endpoint", "credentials"])]
    from: Option<Address>,
    /// The server that it is on, as in https://s3.eu-central-1.amazonaws.com
    #[arg(long, value_name = "URL", requires = "from")]
    endpoint: Option<String>,
    /// The region that requests are signed for
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// The access key: a file in the form of AWS' shared credentials, which nobody else may read
    #[arg(long, value_name = "FILE", requires = "from")]
    credentials: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that vouch for the server, instead of the public web's
    #[arg(long, value_name = "FILE", requires = "from")]
    ca_file: Option<PathBuf>,
    /// Allow plain HTTP to another machine
    #[arg(long, requires = "from")]
    allow_http: bool,
}

impl BucketOptions {
    /// The bucket, where one is named.
    pub(super) fn open(&self) -> Outcome<Option<Bucket>> {
        let (Some(from), Some(endpoint), Some(credentials)) = (&self.from, &self.endpoint, &self.credentials) else {
            return Ok(None);
        };
        let by = Credentials::read(credentials)
            .map_err(|e| Failure::could_not("these are no credentials").at("--credentials").caused_by(&e))?;
        let settings = Settings {
            endpoint: endpoint.clone(),
            region: self.region.clone(),
            ca_file: self.ca_file.clone(),
            allow_http: self.allow_http,
            patience: PATIENCE,
        };
        let bucket = Bucket::new(from, &settings, by);
        bucket
            .map(Some)
            .map_err(|e| Failure::could_not("the bucket cannot be reached like that").at("--endpoint").caused_by(&e))
    }
}

/// The first version of each of a day's two objects.
#[derive(Default)]
struct Day {
    archive: Option<String>,
    document: Option<String>,
}

/// Unpacks every archive of a site, or of all, the oldest day first.
pub(super) fn unpack(bucket: &Bucket, site: Option<&SiteId>, unpacking: &mut Unpacking<'_>) -> Outcome<()> {
    let failed = |e: &BucketError| Failure::could_not("the bucket does not give its archives").caused_by(e);
    let prefix = site.map_or_else(|| "evidence/".to_owned(), |site| format!("evidence/{site}/"));
    let versions = bucket.versions(&prefix).map_err(|e| failed(&e))?;
    let days = days(&versions);
    if days.is_empty() {
        return Err(Failure::could_not("there is no archive of a day in this bucket")
            .at(format!("{}{prefix}", bucket.address()))
            .next("look at --from: it has the prefix that `writ-depot ship --to` has"));
    }
    for ((name, site), day) in &days {
        one(bucket, site, name, day, unpacking).map_err(|e| match e {
            Trouble::Bucket(e) => failed(&e),
            Trouble::Here(failure) => failure,
        })?;
    }
    Ok(())
}

/// What ends all of it.
enum Trouble {
    Bucket(BucketError),
    Here(Failure),
}

impl From<BucketError> for Trouble {
    fn from(error: BucketError) -> Self {
        Self::Bucket(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Here(failure)
    }
}

/// The days that there are, by day and site. A list has the newest version of a key first, so that the last one is the first that was
/// written: what came over it later, and marks of deletion, are nobody's archive.
fn days(versions: &[Version]) -> BTreeMap<(String, SiteId), Day> {
    let mut days: BTreeMap<(String, SiteId), Day> = BTreeMap::new();
    for version in versions.iter().filter(|version| !version.is_mark) {
        let site = version.key.strip_prefix("evidence/").and_then(|rest| rest.split('/').next());
        let Some(site) = site.and_then(|site| site.parse::<SiteId>().ok()) else { continue };
        let (document, is_archive) = match version.key.strip_suffix(".tar.gz") {
            Some(name) => (format!("{name}.json"), true),
            None => (version.key.clone(), false),
        };
        let Some(day) = day_archive::day_of(&site, &document) else { continue };
        let of = days.entry((day, site)).or_default();
        let place = if is_archive { &mut of.archive } else { &mut of.document };
        *place = Some(version.version.clone());
    }
    days
}

fn one(bucket: &Bucket, site: &SiteId, name: &str, day: &Day, unpacking: &mut Unpacking<'_>) -> Result<(), Trouble> {
    let Some([archive, document]) = day_archive::keys(site, name) else { return Ok(()) };
    let at = |key: &str| PathBuf::from(format!("{}{key}", bucket.address()));
    let (Some(archive_version), Some(document_version)) = (&day.archive, &day.document) else {
        let (missing, there) = if day.archive.is_none() { (&archive, &document) } else { (&document, &archive) };
        unpacking.leave_out(&at(there), &format!("there is no {missing} that belongs to it"));
        return Ok(());
    };
    let mut about = Vec::new();
    let got = bucket.get(&document, named(document_version), MAX_DAY_ARCHIVE as u64, &mut |piece| {
        about.extend_from_slice(piece);
        Ok(())
    })?;
    let parsed =
        if got { DayArchive::parse(&about).map_err(|e| e.to_string()) } else { Err("it is not given".to_owned()) };
    let parsed = parsed.and_then(|parsed| match (&parsed.site, parsed.day.as_str()) == (site, name) {
        true => Ok(parsed),
        false => Err(format!("it is of {} {}", parsed.site, parsed.day)),
    });
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(why) => {
            unpacking.leave_out(&at(&document), &why);
            return Ok(());
        }
    };
    let note = unpacking.to.join(NOTES).join(site.as_str()).join(name);
    let own = Digest::of(&about).to_string();
    let noted = files::read_if_there(&note, own.len() + 1, "what was unpacked")?;
    if noted.is_some_and(|there| there == own.as_bytes()) && is_here(unpacking.to, &parsed) {
        unpacking.done.present += parsed.files.len();
        return Ok(());
    }
    let before = unpacking.done.refused.len();
    download(bucket, &at(&archive), (&archive, archive_version), &parsed, unpacking)?;
    if unpacking.done.refused.len() == before {
        files::make_directory(note.parent().unwrap_or(unpacking.to))?;
        files::replace(&note, own.as_bytes(), 0o644, "what was unpacked")?;
        screen::progress(&format!("{site} {name}: {} bundles", parsed.bundles));
    }
    Ok(())
}

/// Whether what a day brought is in the audit folder still: what somebody removed comes back. Of the log, later days have more.
fn is_here(to: &Path, about: &DayArchive) -> bool {
    let brought = ["evidence/", "releases/", "documents/"];
    let mut names = about.files.keys().filter(|name| brought.iter().any(|folder| name.starts_with(*folder)));
    names.all(|name| to.join(name).is_file())
}

fn download(
    bucket: &Bucket,
    at: &Path,
    (key, version): (&str, &str),
    about: &DayArchive,
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Trouble> {
    let wrong = |e: std::io::Error| Failure::could_not("cannot unpack here").at(unpacking.to.display()).because(e);
    let mut file = tempfile::tempfile_in(unpacking.to).map_err(wrong)?;
    let got = bucket.get(key, named(version), about.size, &mut |piece| file.write_all(piece));
    let got = match got {
        // It is larger than its document says.
        Err(BucketError::Http(error @ writ_client::Error::TooLarge { .. })) => {
            unpacking.leave_out(at, &error.to_string());
            return Ok(());
        }
        got => got?,
    };
    let is_whole = got && file.rewind().and_then(|()| super::same(&mut file, about)).map_err(wrong)?;
    if !is_whole {
        unpacking.leave_out(at, "its bytes are not those that the document about it names");
        return Ok(());
    }
    Ok(unpacking.archive(&at.display().to_string(), &mut file, Some(about))?)
}

/// A version by its name; where a server keeps none, there is only one.
fn named(version: &str) -> Option<&str> {
    Some(version).filter(|version| *version != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(key: &str, version: &str) -> Version {
        Version { key: key.to_owned(), version: version.to_owned(), is_mark: version == "mark" }
    }

    #[test]
    fn a_day_is_here_while_all_that_it_brought_is() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["evidence/clinic-001/x/1-a.json", "documents/b.json", "log/clinic-001/1/checkpoint"];
        let about = DayArchive {
            schema: writ_wire::day_archive::DayArchiveSchema::V1,
            site: "clinic-001".parse().unwrap(),
            day: "2026-11-28".to_owned(),
            archive: "clinic-001-2026-11-28.tar.gz".to_owned(),
            digest: Digest::of(b"an archive"),
            size: 10,
            logs: Vec::new(),
            bundles: 1,
            files: names.iter().map(|name| ((*name).to_owned(), Digest::of(b"x"))).collect(),
        };
        assert!(!is_here(folder.path(), &about));
        for name in &names[..2] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        assert!(is_here(folder.path(), &about));
        std::fs::remove_file(folder.path().join(names[0])).unwrap();
        assert!(!is_here(folder.path(), &about));
    }

    #[test]
    fn the_first_that_was_written_counts_and_no_mark_hides_it() {
        let site: SiteId = "clinic-001".parse().unwrap();
        let found = days(&[
            version("evidence/clinic-001/2026/11/28.json", "2"),
            version("evidence/clinic-001/2026/11/28.json", "1"),
            version("evidence/clinic-001/2026/11/28.tar.gz", "mark"),
            version("evidence/clinic-001/2026/11/28.tar.gz", "b"),
            version("evidence/clinic-001/2026/11/28.tar.gz", "a"),
            version("evidence/clinic-001/2026/11/27.tar.gz", "x"),
            version("evidence/clinic-001/notes.json", "x"),
            version("evidence/NOT A SITE/2026/11/28.json", "x"),
            version("other/clinic-001/2026/11/28.json", "x"),
        ]);
        let of = |day: &str| {
            let day = &found[&(day.to_owned(), site.clone())];
            (day.archive.as_deref(), day.document.as_deref())
        };
        assert_eq!(found.len(), 2);
        assert_eq!((of("2026-11-28"), of("2026-11-27")), ((Some("a"), Some("1")), (Some("x"), None)));
    }
}
