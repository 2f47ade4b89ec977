//! How a depot is told what to do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use writ_trust::time::Span;

use crate::database::DatabaseOptions;
use crate::upkeep;

/// The server that stores and forwards what others signed.
///
/// It has no authority: releases, trust roots, closures and evidence count by the signatures of whoever made them, and the
/// worst that a depot can do is withhold. Appliances, auditors and `writ watch` notice that.
#[derive(Debug, Parser)]
#[command(name = "writ-depot", version, about, long_about, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a data directory.
    #[command(after_long_help = SERVE_HELP)]
    Serve(Box<Options>),
    /// Check that everything in a data directory is what it should be
    ///
    /// The database, every bundle by digest and signature, every log entry by entry against the root that was signed, its tiles,
    /// releases and trust roots by their signers, documents, the binary cache, batches of logs, and whatever belongs to nothing.
    /// Changes nothing, and may run beside a serving depot. What is damaged is never removed: with --repair what is derived is made
    /// again, and what interrupted writes left goes.
    #[command(after_long_help = FSCK_HELP)]
    Fsck(upkeep::fsck::Arguments),
    /// Remove what nothing needs any more
    ///
    /// Batches of logs beyond the retention that the site's signed policies say (the longest of all that it ever had); documents and
    /// files of the cache that no release names; notices as old as that, and heartbeats of keys that are no longer any appliance's;
    /// what interrupted writes left. Never evidence, log entries, releases or trust roots: the database refuses that.
    #[command(after_long_help = GC_HELP)]
    Gc(upkeep::gc::Arguments),
    /// Copy a data directory, consistently, while a depot serves it
    ///
    /// The database in one snapshot, then every file that it names, then a manifest with the digest of each. A backup to the same
    /// folder again copies the database and what is new. One that is interrupted leaves the backup before it as it was. The log
    /// key and the first trust root are not in the data directory, and so not in the backup.
    #[command(after_long_help = BACKUP_HELP)]
    Backup(upkeep::backup::Arguments),
    /// Make a data directory out of a backup, and check it
    ///
    /// Every file by its digest, then as fsck does. A directory in which something is is refused. A restore that was interrupted
    /// goes on when it is run again; until it has ended the directory is not served.
    #[command(after_long_help = RESTORE_HELP)]
    Restore(upkeep::restore::Arguments),
    /// Bring the database of an earlier version to this one's schema
    ///
    /// `serve` refuses a database of another schema. This changes a copy, looks whether every row is in it, and puts it in place of
    /// the old one, which stays beside it. A kill at any instant leaves the old one or the new one.
    #[command(after_long_help = MIGRATE_HELP)]
    Migrate(upkeep::migrate::Arguments),
    /// Put bundles that were altered back as the log names them, out of an audit folder
    ///
    /// For what `fsck` calls evidence-altered or evidence-unsigned. A bundle is put back only when its digest is the one that the signed
    /// log names and its appliance's signature holds: nothing else can come in by this. Rows of evidence refuse every change, so it is
    /// done to a copy of the database, which takes the place of the database in one rename. What was there is kept in the quarantine.
    #[command(after_long_help = MEND_HELP)]
    Mend(upkeep::mend::Arguments),
    /// Make an archive of each day that has ended
    ///
    /// One `<site>-<day>.tar.gz` with what the day added: bundles, signatures, receipts, releases and their documents, trust roots,
    /// log entries and tiles, and a signed checkpoint that covers them; and beside it a manifest. Unpacked into one folder, oldest
    /// first, they are an audit folder for `writ audit verify`. An archive that is there is not made again.
    #[command(after_long_help = ARCHIVE_HELP)]
    Archive(upkeep::archive::Arguments),
    /// Send the archives of days to a bucket that keeps them
    ///
    /// Makes what `archive` makes, and stores each in a bucket of S3's kind, locked by Object Lock in the mode COMPLIANCE, in which
    /// nobody can shorten the lock or remove the archive, not even whoever owns the bucket. Each is read back, and counts only when the
    /// bucket says that it has these bytes, locked long enough; a bucket without Object Lock is sent nothing. What cannot be sent
    /// waits, and goes when it can, the oldest day first. Nothing of the data directory is ever removed because of it.
    #[command(after_long_help = SHIP_HELP)]
    Ship(Box<upkeep::ship::Arguments>),
}

const FSCK_HELP: &str = "\
Examples:
  writ-depot fsck --data /var/lib/writ/depot
  writ-depot fsck --data /var/lib/writ/depot --json | jq .problems.list
  systemctl stop writ-depot && runuser -u writ-depot -- writ-depot fsck --data /var/lib/writ/depot --repair

Exit codes: 0 sound; 1 something is damaged, or derived and not made again; 2 could not run.";

const GC_HELP: &str = "\
Examples:
  writ-depot gc --data /var/lib/writ/depot --dry-run
  systemctl stop writ-depot && runuser -u writ-depot -- writ-depot gc --data /var/lib/writ/depot; systemctl start writ-depot
  writ-depot gc --data /var/lib/writ/depot --keep-releases 10 --dry-run

Exit codes: 0 done; 1 something could not be judged and was left alone, and told; 2 could not run.";

const BACKUP_HELP: &str = "\
Examples:
  runuser -u writ-depot -- writ-depot backup --data /var/lib/writ/depot --to /mnt/backup/depot
  runuser -u writ-depot -- writ-depot backup --data /var/lib/writ/depot --to /mnt/backup/depot --json

Exit codes: 0 the backup is this one; 1 refused; 2 could not run, and the backup is the one before.";

const RESTORE_HELP: &str = "\
Example:
  runuser -u writ-depot -- writ-depot restore --from /mnt/backup/depot --data /var/lib/writ/depot

Then start it. Where a log was longer before, appliances say so: the holders of the trust keys order a log restart (`writ log restart`),
and couriers send again what is missing.

Exit codes: 0 restored and sound; 1 refused, or the backup is damaged; 2 could not run.";

const MIGRATE_HELP: &str = "\
Example:
  systemctl stop writ-depot && runuser -u writ-depot -- writ-depot migrate --data /var/lib/writ/depot && systemctl start writ-depot

Exit codes: 0 it has this version's schema, or there is no database yet; 2 could not run, and nothing was changed.";

const MEND_HELP: &str = "\
Example, with the archives in their bucket as the source:
  writ audit unpack --from s3://clinic-evidence --endpoint https://s3.eu-central-1.amazonaws.com --region eu-central-1 \\
      --credentials ../keys/auditor.credentials --to audit
  writ audit verify audit --trust root-you-were-given.json
  systemctl stop writ-depot
  runuser -u writ-depot -- writ-depot mend --data /var/lib/writ/depot --from audit --quarantine /var/lib/writ/quarantine
  systemctl start writ-depot

Exit codes: 0 every bundle that was altered is back, or none was; 1 some are not, and told, or the log itself is damaged: restore a
backup; 2 could not run.";

const ARCHIVE_HELP: &str = "\
Examples:
  writ-depot archive --data /var/lib/writ/depot --to /mnt/archive
  writ-depot archive --data /var/lib/writ/depot --to /mnt/archive --site clinic-001 --day 2026-11-28
  mkdir audit && for day in /mnt/archive/clinic-001-*.tar.gz; do tar xzf $day -C audit; done
  writ audit verify audit --trust root-you-were-given.json

Exit codes: 0 every archive that was asked for is there; 1 refused; 2 could not run.";

const SHIP_HELP: &str = "\
Examples:
  writ-depot ship --data /var/lib/writ/depot --spool /var/lib/writ/ship --to s3://clinic-evidence \\
      --endpoint https://s3.eu-central-1.amazonaws.com --region eu-central-1 --credentials /etc/writ/bucket.credentials
  writ-depot ship --verify --spool /var/lib/writ/ship --to s3://clinic-evidence \\
      --endpoint https://s3.eu-central-1.amazonaws.com --region eu-central-1 --credentials /etc/writ/bucket.credentials
  … --verify --sample 5 --download                     (reads five of them whole, and compares)

  bucket.credentials   mode 0600: aws_access_key_id = … and aws_secret_access_key = …, as AWS' own tools read them. It needs no right
                       to delete or to shorten anything; what it needs:
                       https://github.com/writ-project/writ/blob/main/docs/depot.md#archives-in-a-bucket

An auditor gets all of it back with `writ audit unpack --from s3://clinic-evidence …`, from nothing but the bucket.

Exit codes: 0 every day that ended is in the bucket, or with --verify, is as it was sent; 1 something waits that should not, is not as
it must be, or is an alert; 2 could not run.";

const SERVE_HELP: &str = "\
A first start, on one machine:

  writ-depot serve --trust trust.json --data /var/lib/writ/depot --listen 127.0.0.1:8080 --log-key /etc/writ/log.key

  trust.json   the first trust root. It must give the key in log.key the role `log`, and name an origin for each
               site's log (`log_origins`). The depot trusts it because you gave it; later roots are published to it.
  log.key      a minisign secret key file without passphrase (`writ keys new --role log`, or `minisign -G -W`), mode 0600.
               It signs the site logs' checkpoints, often, which is why a machine must be able to use it alone.

Then, from elsewhere: `writ release publish --depot http://127.0.0.1:8080 …`.

On PostgreSQL, once one machine's SQLite is outgrown (the user writ-depot owns the database writ):

  createdb -O writ-depot writ
  writ-depot serve --database 'postgres:///writ?host=/run/postgresql' --trust trust.json --data /var/lib/writ/depot …

TLS: give --tls-cert and --tls-key (PEM; TLS 1.3 only), or let a proxy in front end TLS and give --allow-http: requests
are signed over method, path, query and body, so a proxy may rewrite Host. Without either, only loopback is served.
A certificate that was renewed is served without a restart: both files are looked at every 5 s, and on SIGHUP. A pair that
does not fit is told of in the log and by writ_depot_tls_reload_failures_total, and the one before serves on.

The depot stops gracefully on SIGTERM and SIGINT: what it was asked before is answered, at most for 20 s.
It exits with 0 when it was told to stop, with 2 when it could not start or the command line is none (the reason is on
standard error), with 70 when a bug ended the thread that writes.";

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The first trust root (`trust.json`), given by somebody you trust; must be the beginning of the stored chain
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// The data directory: database, documents, binary cache, logs. One depot per directory
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Where to listen, as in 127.0.0.1:8080 or `[::]:443`
    #[arg(long, value_name = "ADDR")]
    pub listen: SocketAddr,
    /// The key that signs the site logs: a minisign secret key file without passphrase
    #[arg(long, value_name = "FILE")]
    pub log_key: PathBuf,
    /// Certificate chain for TLS 1.3 (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serve plain HTTP on an address that is not loopback: for a proxy that ends TLS in front of this
    #[arg(long)]
    pub allow_http: bool,
    /// Where the address that is listened on is written, for whoever asked for port 0
    #[arg(long, value_name = "FILE")]
    pub address_file: Option<PathBuf>,
    /// The most connections at one time, at most half of them from one address (unless a proxy is there); others wait
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub connections: u32,
    /// How long the headers of a request may take, and how long a connection may be idle
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span)]
    pub header_timeout: Duration,
    /// How long a client may send nothing of a body (or less than 16 KiB in a second), or take nothing of an answer
    #[arg(long, value_name = "SPAN", default_value = "20s", value_parser = span)]
    pub idle_timeout: Duration,
    /// How long the body of a request other than a NAR may take in all
    #[arg(long, value_name = "SPAN", default_value = "2m", value_parser = span)]
    pub body_timeout: Duration,
    /// Memory for request bodies at one time, in MiB, half of it for callers who are known, at most a third of a half (or 8
    /// MiB) for one sender and two thirds for all appliances of one site; who finds none left hears 503
    #[arg(long, value_name = "MIB", default_value_t = 48, value_parser = clap::value_parser!(u32).range(16..=65_536))]
    pub body_memory: u32,
    /// Memory for files that are asked for often, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=65_536))]
    pub file_memory: u32,
    /// Writes per appliance and 5 minutes beyond its scheduled check-ins and batches of evidence; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub extra_writes: u32,
    /// Batches of evidence per appliance and minute, and as many of logs and notices each; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 120)]
    pub batches: u32,
    /// MiB of logs per appliance and day, coming back evenly; 0 for no limit
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub daily_logs: u32,
    /// MiB of evidence that was not here before, per appliance and day, coming back evenly; 0 for no limit
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub daily_evidence: u32,
    /// How old a log's signed checkpoint becomes before it is signed anew
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span)]
    pub renew: Duration,
    /// Threads that answer requests; by default one for each core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: Option<u32>,
}

pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse().map_err(|e: writ_trust::time::SpanError| e.to_string())?;
    match span.millis() {
        millis if millis > 0 => Ok(span.duration()),
        _ => Err("expected more than nothing".to_owned()),
    }
}

impl Options {
    /// Whether plain HTTP would leave this machine although nobody asked for that.
    pub fn would_leak(&self) -> bool {
        self.tls_cert.is_none() && !self.allow_http && !self.listen.ip().is_loopback()
    }
}

/// Options as the command line gives them, for a depot that is never started.
#[cfg(test)]
pub(crate) fn for_tests() -> Options {
    let line = ["writ-depot", "serve", "--trust", "t", "--data", "d", "--log-key", "k", "--listen", "127.0.0.1:0"];
    match Cli::try_parse_from(line).expect("a sound command line").command {
        Command::Serve(options) => *options,
        other => panic!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let parse = |rest: &[&str]| {
            let fixed = ["writ-depot", "serve", "--trust", "t", "--data", "d", "--log-key", "k", "--listen"];
            match Cli::try_parse_from(fixed.iter().chain(rest)).unwrap().command {
                Command::Serve(options) => options.would_leak(),
                other => panic!("{other:?}"),
            }
        };
        assert!(!parse(&["127.0.0.1:1"]) && !parse(&["[::1]:1"]));
        assert!(parse(&["0.0.0.0:1"]) && parse(&["192.0.2.1:80"]));
        assert!(!parse(&["0.0.0.0:1", "--allow-http"]));
        assert!(!parse(&["0.0.0.0:1", "--tls-cert", "c", "--tls-key", "k"]));
    }
}
