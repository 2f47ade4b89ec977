//! `writ trust show`: what a root grants, who signed it, and by which keys its logs are verified.

use std::path::PathBuf;

use serde::Serialize;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::note::NoteKey;
use writ_trust::numbers::{Epoch, TrustVersion};
use writ_trust::role::Role;
use writ_trust::root::{TimestampAuthority, TrustKey, TrustRoot};
use writ_trust::text::escaped;
use writ_trust::time::Time;
use writ_trust::timestamp::{AuthorityId, Certificate};

use super::folder;
use crate::clock;
use crate::failure::{Answer, Outcome};
use crate::files;
use crate::screen;

const DAY_MILLIS: i64 = 86_400_000;
/// How long before a key's end it should be replaced: 35 days, which is day 330 of a yearly key.
const ROTATE_MILLIS: i64 = 35 * DAY_MILLIS;

/// Show trust roots: keys, roles, ages, thresholds, logs, signatures
///
/// Given a folder, also walks the chain from its first root to the newest and says whether it holds. The first root is
/// taken as it is: whether it is the one you were given is for `writ verify --trust`.
///
/// The verifier keys of a log (`name+id+base64`) are what Go's golang.org/x/mod/sumdb/note and other tools for signed notes
/// take to verify its checkpoints.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ trust show releases/trust
  writ trust show releases/trust/1.json --json")]
pub struct Arguments {
    /// A root, or a folder of roots
    path: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    file: PathBuf,
    version: TrustVersion,
    epoch: Epoch,
    expires_at: Time,
    expired: bool,
    own_signatures: usize,
    own_signatures_needed: u32,
    logs: Vec<Log>,
    root: TrustRoot,
}

/// One log of a site.
#[derive(Serialize)]
struct Log {
    site: SiteId,
    /// Its place among the site's logs, from 1.
    number: usize,
    origin: String,
    /// Whether it is the newest of its site.
    current: bool,
    /// `name+id+base64`, for each key that could ever sign it.
    verifier_keys: Vec<String>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let now = clock::now();
        let whole = self.path.is_dir();
        let mut shown = Vec::new();
        if whole {
            for file in folder::read(&self.path)?.roots {
                shown.push(Shown::of(file.path, &file.bytes, now)?);
            }
        } else {
            let bytes = files::read(&self.path, MAX_DOCUMENT, "the trust root")?;
            shown.push(Shown::of(self.path.clone(), &bytes, now)?);
        }
        if self.json {
            screen::json(&shown);
        } else {
            shown.iter().for_each(|one| one.print(now));
        }
        if whole {
            let chain = folder::read(&self.path)?.chain()?;
            if !self.json {
                let (version, state) = (chain.newest().version, if chain.is_expired(now) { " (expired)" } else { "" });
                screen::line(&format!("the chain holds up to version {version}{state}"));
            }
        }
        Ok(Answer::Yes)
    }
}

impl Shown {
    fn of(file: PathBuf, bytes: &[u8], now: Time) -> Outcome<Self> {
        let root = folder::parse(&file, bytes)?;
        let (own_signatures, own_signatures_needed) = folder::own_signatures(&file, &root, bytes)?;
        Ok(Self {
            file,
            version: root.version,
            epoch: root.epoch,
            expires_at: root.expires_at,
            expired: now >= root.expires_at,
            own_signatures,
            own_signatures_needed,
            logs: logs(&root),
            root,
        })
    }

    fn print(&self, now: Time) {
        screen::line(&screen::paint(screen::BOLD, &self.file.display().to_string()));
        describe(&self.root, now).iter().for_each(|line| screen::line(&format!("  {line}")));
        screen::line(&format!(
            "  signed by {} of its {} needed trust keys",
            self.own_signatures, self.own_signatures_needed
        ));
    }
}

/// A root in words, one line per fact.
pub fn describe(root: &TrustRoot, now: Time) -> Vec<String> {
    let state = if now >= root.expires_at { "expired" } else { "expires" };
    let mut lines = vec![format!("version {}, epoch {}, {state} {}", root.version, root.epoch, root.expires_at)];
    lines.extend(root.keys.iter().map(|key| describe_key(key, now)));
    lines.extend(root.thresholds.iter().map(|(role, needed)| format!("{role}: {needed} different keys must sign")));
    let logs = logs(root);
    if logs.is_empty() {
        lines.push("no site log".to_owned());
    }
    for Log { site, number, origin, current, verifier_keys } in logs {
        let ended = if current { "" } else { " (a later one took over)" };
        lines.push(format!("log {number} of {site}: {}{ended}", escaped(&origin)));
        lines.extend(verifier_keys.iter().map(|key| format!("  verifier key {}", escaped(key))));
    }
    lines.extend(root.timestamp_authorities.iter().map(|authority| describe_authority(authority, now)));
    lines.extend(root.witnesses.iter().map(|key| format!("witness {}", escaped(key))));
    lines
}

fn logs(root: &TrustRoot) -> Vec<Log> {
    let mut logs = Vec::new();
    for (site, origins) in &root.log_origins {
        for (index, origin) in origins.iter().enumerate() {
            let keys = root.keys.iter().filter(|key| key.serves(Role::Log, Some(site)).is_ok());
            logs.push(Log {
                site: site.clone(),
                number: index + 1,
                origin: origin.clone(),
                current: index + 1 == origins.len(),
                verifier_keys: keys.map(|key| NoteKey::new(origin, &key.public_key).verifier_key()).collect(),
            });
        }
    }
    logs
}

fn describe_authority(authority: &TimestampAuthority, now: Time) -> String {
    let name = escaped(&authority.name);
    let der = authority.der().unwrap_or_default();
    let state = match Certificate::parse(&der) {
        Ok(certificate) if certificate.is_valid_at(now) => format!("until {}", certificate.not_after),
        Ok(certificate) => format!(
            "its certificate is valid from {} until {}: tokens made then count",
            certificate.not_before, certificate.not_after
        ),
        Err(_) => "its certificate cannot be read: none of its tokens counts".to_owned(),
    };
    format!("timestamp authority {name} ({}), {state}", AuthorityId::of(&der))
}

fn describe_key(key: &TrustKey, now: Time) -> String {
    let roles: Vec<String> = key.roles.iter().map(ToString::to_string).collect();
    let sites: Vec<&str> = key.sites.iter().map(|site| site.as_str()).collect();
    let sites = if sites.is_empty() { "all sites".to_owned() } else { sites.join(", ") };
    let age = now.millis_since(key.valid_from).max(0) / DAY_MILLIS;
    let state = match (key.revoked_at, key.within_validity(now)) {
        (Some(at), _) => format!("revoked as of {at}"),
        (None, Ok(())) if key.valid_until.millis_since(now) < ROTATE_MILLIS => {
            format!("{age} days old, until {}: rotate it now", key.valid_until)
        }
        (None, Ok(())) => format!("{age} days old, until {}", key.valid_until),
        (None, Err(problem)) => problem.to_string(),
    };
    format!("key {} {}: {} at {sites}; {state}", key.public_key.key_id(), escaped(&key.name), roles.join(", "))
}
