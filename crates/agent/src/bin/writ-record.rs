//! `writ-record`: runs a job that takes a network, a secret or hours, and leaves a record of what it found for the enforcer.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use writ_agent::clock::now;
use writ_agent::command;
use writ_agent::records::borg::Borg;
use writ_agent::records::program::Program;
use writ_agent::records::repository::{Backups, Dialect, Opening};
use writ_agent::records::restic::Restic;
use writ_agent::records::restore::{self, Plan};
use writ_agent::records::sample::Below;
use writ_agent::records::{self, FOLDER, Run, sample, scan, store};
use writ_agent::sandbox;
use writ_agent::told;
use writ_confine::Sandbox;
use writ_trust::time::Span;
use writ_wire::record::Record;

/// What was looked at is not as it should be, or could not be looked at; the record says so.
const NOT_WELL: u8 = 1;
/// No record could be left.
const NO_RECORD: u8 = 2;

/// Runs a job and leaves a record of what it found, for the checks of backups, restores, scans and the store.
///
/// The enforcer has no network and holds no password, and must not wait: it never asks a repository of backups anything. A
/// unit with a timer runs writ-record, which asks, and leaves a small file below /var/lib/writ/records; probes read that. The
/// record is replaced whatever the job comes to: one that cannot be done is a record that says so.
#[derive(Parser)]
#[command(
    name = "writ-record",
    version,
    after_help = "\
Examples:
  writ-record restic --repository /var/backup/writ --password-file /var/lib/writ/secrets/backup
      every five minutes: age, number and size of the snapshots, and locks that nobody holds any more
  writ-record restic-check --repository … --password-file … -- --read-data-subset=5%
      every night: whether the repository is whole
  writ-record sample --out /var/lib/writ/backup-sample/files.json /srv /var/lib
      before each backup: what some files are, so that a restore can be judged when they have changed
  writ-record restore-test records --repository … --password-file … --sample-file /var/lib/writ/backup-sample/files.json
      every month: restores 50 files, without writing any of them, and compares their digests
  writ-record scan quick -- clamdscan --fdpass --multiscan --infected /home
  writ-record store-verify

Which probe reads which: restic and restic-check → probe.restic of the same repository, as it is written there;
borg and borg-check → probe.borg; restore-test NAME → probe.restore_test { name = NAME; }; scan quick and scan full →
probe.clamav; store-verify → probe.nix_store.

Passwords are read from a file, handed on by the environment, and never written anywhere. Records never leave the machine.

Exit codes: 0 all is well; 1 something is not, and the record says what; 2 no record could be left."
)]
struct Arguments {
    #[command(subcommand)]
    job: Job,
    /// The folder of the records.
    #[arg(long, global = true, value_name = "FOLDER", default_value = FOLDER)]
    records: PathBuf,
    /// How long the job may take.
    #[arg(long, global = true, value_name = "DURATION", default_value = "12h")]
    limit: Span,
}

#[derive(Subcommand)]
enum Job {
    /// What a restic repository holds: age, number and size of its snapshots, locks that nobody holds any more.
    #[command(after_help = "\
Example:
  writ-record restic --repository sftp:offsite:writ --password-file /var/lib/writ/secrets/backup --host front-desk")]
    Restic(Repository),
    /// Whether a restic repository is whole, by `restic check`.
    #[command(after_help = "\
Example, of a unit that has RESTIC_REPOSITORY and RESTIC_PASSWORD_FILE in its environment:
  writ-record restic-check -- --retry-lock=15m --read-data-subset=5%")]
    ResticCheck {
        #[command(flatten)]
        repository: Repository,
        /// What `restic check` is to read, for instance --read-data-subset=5%.
        #[arg(last = true)]
        how: Vec<String>,
    },
    /// What a borg repository holds; --tag names the prefixes of its archives.
    #[command(after_help = "\
Example, of a repository with archives such as user-2026-11-27:
  writ-record borg --repository /var/backup/borg --password-file /var/lib/writ/secrets/borg --tag user --tag system")]
    Borg(Repository),
    /// Whether a borg repository is whole, by `borg check`.
    #[command(after_help = "\
Example:
  writ-record borg-check --repository /var/backup/borg --password-file /var/lib/writ/secrets/borg -- --verify-data")]
    BorgCheck {
        #[command(flatten)]
        repository: Repository,
        /// What `borg check` is to read, for instance --verify-data.
        #[arg(last = true)]
        how: Vec<String>,
    },
    /// Restores files of the newest backup, chosen by chance, and compares them with what they are or were.
    ///
    /// Nothing of them is written to a disk: each is restored into a digest. One that has changed since the backup is judged by
    /// the sample that lies in the backup, and by nothing where there is none.
    #[command(after_help = "\
Examples:
  writ-record restore-test records --repository /var/backup/writ --password-file /var/lib/writ/secrets/backup \\
      --tag user --sample-file /var/lib/writ/backup-sample/files.json
  writ-record restore-test images --with borg --tag user --path /srv/images --sample 10 --largest 4096")]
    RestoreTest {
        /// The name of the test, as probe.restore_test names it.
        name: String,
        #[command(flatten)]
        repository: Repository,
        /// What made the backup.
        #[arg(long, value_enum, default_value = "restic")]
        with: With,
        /// How many files.
        #[arg(long, value_name = "FILES", default_value = "50")]
        sample: usize,
        /// Only files below this folder; may be given several times.
        #[arg(long = "path", value_name = "FOLDER")]
        paths: Vec<PathBuf>,
        /// Where `writ-record sample` had laid what files were, before the backup was made.
        #[arg(long, value_name = "FILE")]
        sample_file: Option<PathBuf>,
        /// No file that is larger, in MiB.
        #[arg(long, value_name = "MIB", default_value = "1024")]
        largest: u64,
    },
    /// Lays down what some files are; to run before a backup, which must hold the file that is written.
    #[command(after_help = "\
Example:
  writ-record sample --out /var/lib/writ/backup-sample/files.json --exclude /var/lib/writ/secrets /var/lib /srv")]
    Sample {
        /// Where to, in a folder of its own, which is made.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How many files.
        #[arg(long, value_name = "FILES", default_value = "200")]
        count: usize,
        /// No file that is larger, in MiB.
        #[arg(long, value_name = "MIB", default_value = "64")]
        largest: u64,
        /// Nothing below this, for instance what the backup leaves out; may be given several times.
        #[arg(long, value_name = "FOLDER")]
        exclude: Vec<PathBuf>,
        /// Below which folders.
        #[arg(required = true)]
        folders: Vec<PathBuf>,
    },
    /// Runs a scan for malware and repeats its summary; a finding is a result, and no failure.
    #[command(after_help = "\
Example:
  writ-record scan full -- clamdscan --fdpass --infected /home /srv /var")]
    Scan {
        /// Which scan: quick or full.
        #[arg(value_parser = ["quick", "full"])]
        name: String,
        /// The scan: clamscan or clamdscan with its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Verifies the Nix store: contents by nix-store(1), signatures by nix(1).
    #[command(after_help = "\
Example:
  writ-record store-verify --nix /run/current-system/sw/bin")]
    StoreVerify {
        /// The folder of the two programs; by default the first in the system's path.
        #[arg(long, value_name = "FOLDER")]
        nix: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Repository {
    /// Where it is, exactly as the policy's checks name it; by default what RESTIC_REPOSITORY says, or BORG_REPO of borg.
    #[arg(long)]
    repository: Option<String>,
    /// The file with its password; by default, of restic, what RESTIC_PASSWORD_FILE says.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Only snapshots of this machine.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Only snapshots with this tag; may be given several times.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The program; by default the first in the system's path.
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

/// What made a backup.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum With {
    Restic,
    Borg,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NOT_WELL),
        Err(e) => {
            eprintln!("writ-record: {}", told::chain(&e));
            ExitCode::from(NO_RECORD)
        }
    }
}

/// Runs the job; returns whether all is well.
fn run(Arguments { job, records, limit }: Arguments) -> anyhow::Result<bool> {
    let limit = limit.duration();
    let begun = Run::begin(now());
    if let Job::Sample { out, .. } = &job {
        make_folder_of(out)?;
    }
    for missing in sandbox(&job).apply().missing {
        eprintln!("writ-record: this process is confined less than it should be: {missing}");
    }
    let record = match job {
        Job::Restic(repository) => look(&records, With::Restic, repository, limit, begun)?,
        Job::ResticCheck { repository, how } => check(&records, With::Restic, repository, &how, limit, begun)?,
        Job::Borg(repository) => look(&records, With::Borg, repository, limit, begun)?,
        Job::BorgCheck { repository, how } => check(&records, With::Borg, repository, &how, limit, begun)?,
        Job::RestoreTest { name, repository, with, sample, paths, sample_file, largest } => {
            if !Record::is_name(&name) {
                bail!("{name:?} is no name of a test: use letters, digits, '-', '_' and '.', at most 64 of them");
            }
            let (largest, deadline) = (largest.saturating_mul(1 << 20), Instant::now() + limit);
            let plan = Plan { sample, seed: seed()?, paths, largest, sample_file, deadline };
            let before = last(&records, "restore-test", &name);
            restore::attempt(&with.backups(repository, limit)?, &plan, &name, before.as_ref(), begun, now)
        }
        Job::Sample { out, count, largest, exclude, folders } => {
            let below = Below { folders, exclude, deadline: Instant::now() + limit };
            return lay_sample(&out, count, largest, &below);
        }
        Job::Scan { name, command } => {
            let (program, arguments) = command.split_first().context("no command")?;
            let program = Program { path: located(Path::new(program))?, ..shell(limit) };
            let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
            let before = last(&records, "scan", &name);
            scan::scan(&program, &arguments, &mut std::io::stdout(), &name, before.as_ref(), begun, now)
        }
        Job::StoreVerify { nix } => {
            let program = |name: &str| match &nix {
                Some(folder) => Ok(folder.join(name)),
                None => located(Path::new(name)),
            };
            let before = last(&records, "store-verify", "store");
            let (nix_store, nix) = (program("nix-store")?, program("nix")?);
            store::verify(&shell(limit), &nix_store, &nix, "store", before.as_ref(), begun, now)
        }
    };
    tell(&records, &record)
}

/// What this process may do, and what it starts: for a sample, which starts nothing, that is little.
fn sandbox(job: &Job) -> Sandbox {
    match job {
        Job::Sample { out, folders, .. } => sandbox::of_sampler(folders, folder_of(out)),
        _ => sandbox::of_recorder(),
    }
}

fn folder_of(out: &Path) -> &Path {
    out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the folder of a sample, root's alone, and says what else is in it: whoever takes a sample may write all of that.
fn make_folder_of(out: &Path) -> anyhow::Result<()> {
    let folder = folder_of(out);
    let failed = || format!("{}: the folder of the sample cannot be made or read", folder.display());
    if !folder.is_dir() {
        std::fs::DirBuilder::new().mode(0o700).create(folder).with_context(failed)?;
    }
    for entry in std::fs::read_dir(folder).with_context(failed)? {
        let name = entry.with_context(failed)?.file_name();
        let own = Some(name.as_os_str()) == out.file_name();
        if !own && !name.as_encoded_bytes().ends_with(writ_durable::TEMPORARY_SUFFIX.as_bytes()) {
            eprintln!(
                "writ-record: this process may write whatever lies in {}, as {}: give --out a folder of its own, which is made",
                folder.display(),
                Path::new(&name).display()
            );
            break;
        }
    }
    Ok(())
}

fn look(records: &Path, with: With, repository: Repository, limit: Duration, begun: Run) -> anyhow::Result<Record> {
    let backups = with.backups(repository, limit)?;
    let name = backups.name();
    let before = last(records, with.name(), &name);
    Ok(backups.look(&name, before.as_ref(), begun, now))
}

fn check(
    records: &Path,
    with: With,
    repository: Repository,
    how: &[String],
    limit: Duration,
    begun: Run,
) -> anyhow::Result<Record> {
    let backups = with.backups(repository, limit)?;
    let name = backups.name();
    let before = last(records, &format!("{}-check", with.name()), &name);
    Ok(backups.check(&name, how, before.as_ref(), begun, now))
}

/// Leaves the record, and says what is not well.
fn tell(folder: &Path, record: &Record) -> anyhow::Result<bool> {
    let path = folder.join(record.file_name());
    records::keep(folder, record).with_context(|| format!("{} cannot be written", path.display()))?;
    for note in &record.notes {
        eprintln!("writ-record: {note}");
    }
    println!("{}: {}", path.display(), if record.ok { "all is well" } else { "not well" });
    Ok(record.ok)
}

fn lay_sample(out: &Path, count: usize, largest: u64, below: &Below) -> anyhow::Result<bool> {
    let sample = sample::take(below, count.min(2_000), &seed()?, largest.saturating_mul(1 << 20), now());
    writ_durable::replace(out, &sample.canonical(), 0o600)
        .with_context(|| format!("{} cannot be written", out.display()))?;
    println!("{}: {} files", out.display(), sample.files.len());
    Ok(true)
}

/// The record of the run before; what cannot be read is as good as none.
fn last(folder: &Path, kind: &str, name: &str) -> Option<Record> {
    match records::read(folder, kind, name, now()) {
        Ok(record) => record.map(|(record, _)| record),
        Err(reason) => {
            eprintln!("writ-record: the record of the run before: {reason}; it is replaced");
            None
        }
    }
}

impl With {
    fn name(self) -> &'static str {
        match self {
            Self::Restic => "restic",
            Self::Borg => "borg",
        }
    }

    fn backups(self, repository: Repository, limit: Duration) -> anyhow::Result<Backups> {
        let Repository { repository, password_file, host, tags, program } = repository;
        let (dialect, address, file): (&'static dyn Dialect, _, _) = match self {
            Self::Restic => (&Restic, "RESTIC_REPOSITORY", Some("RESTIC_PASSWORD_FILE")),
            Self::Borg => (&Borg, "BORG_REPO", None),
        };
        // Another program's environment says nothing of this one's repository.
        let repository = repository.or_else(|| std::env::var(address).ok()).filter(|repository| !repository.is_empty());
        let repository = repository.with_context(|| {
            format!("no repository: name it by --repository or {address}, exactly as the policy's checks do")
        })?;
        let password_file = password_file.or_else(|| file.and_then(std::env::var_os).map(PathBuf::from));
        let password_file = password_file.with_context(|| match file {
            Some(file) => format!("no password: name its file by --password-file or {file}"),
            None => "no password: name its file by --password-file".to_owned(),
        })?;
        let program = program.map_or_else(|| located(Path::new(self.name())), Ok)?;
        Ok(Backups::new(dialect, Opening { program, repository, password_file, host, tags, limit }))
    }
}

fn located(program: &Path) -> anyhow::Result<PathBuf> {
    if program.is_absolute() {
        return Ok(program.to_owned());
    }
    let name = program.to_str().context("the program's name is no UTF-8")?;
    command::find(name).with_context(|| format!("{name} is not in {}: name it by its path", command::SEARCH_PATH))
}

fn shell(limit: Duration) -> Program {
    let deadline = Instant::now() + limit;
    Program { path: PathBuf::from("/bin/sh"), environment: Vec::new(), deadline, secrets: Vec::new() }
}

/// Chance, as text.
fn seed() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
    Ok(writ_trust::digest::hex(&bytes))
}
