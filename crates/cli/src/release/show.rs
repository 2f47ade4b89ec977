//! `writ release show`: what a release says.

use std::path::{Path, PathBuf};

use serde::Serialize;
use writ_trust::digest::Digest;
use writ_trust::minisign::Signature;
use writ_trust::release::Release;
use writ_trust::text::one_line;

use crate::clock;
use crate::failure::{Answer, Failure, Outcome};
use crate::files;
use crate::layout::{Layout, RELEASE_FILE, ReleaseFiles};
use crate::screen;

/// Show what releases say
///
/// Proves nothing: signatures are listed, not verified (that is `writ verify`). Of a folder, the newest release of each
/// site is shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ release show releases
  writ release show releases/releases/clinic-001/1-7/release.json --json")]
pub struct Arguments {
    /// A release.json, the folder it is in, a draft, or a release folder
    path: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    file: PathBuf,
    digest: Digest,
    expired: bool,
    signed_by: Vec<String>,
    release: Release,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let mut shown = Vec::new();
        for files in found(&self.path)? {
            shown.push(Shown::of(files)?);
        }
        if shown.is_empty() {
            return Err(Failure::could_not("there is no release here").at(self.path.display()));
        }
        if self.json {
            screen::json(&shown);
        } else {
            shown.iter().for_each(Shown::print);
        }
        Ok(Answer::Yes)
    }
}

fn found(path: &Path) -> Outcome<Vec<ReleaseFiles>> {
    if !path.is_dir() {
        return Ok(vec![ReleaseFiles::read(path)?]);
    }
    if path.join(RELEASE_FILE).exists() {
        return Ok(vec![ReleaseFiles::read(&path.join(RELEASE_FILE))?]);
    }
    let layout = Layout::new(path);
    let mut all = Vec::new();
    for site in layout.sites()? {
        if let Some(point) = layout.newest(&site)? {
            all.push(layout.read(&site, point)?);
        }
    }
    Ok(all)
}

impl Shown {
    fn of(found: ReleaseFiles) -> Outcome<Self> {
        let release = found.parse()?;
        let signer = |bytes: &[u8]| Signature::parse(bytes).map(|s| s.key_id().to_string());
        let signed_by = found.signatures.iter().map(|file| {
            signer(&file.bytes)
                .unwrap_or_else(|e| one_line(format!("unreadable ({}: {e})", files::name_of(&file.path))))
        });
        Ok(Self {
            digest: found.digest(),
            expired: clock::now() >= release.expires_at,
            signed_by: signed_by.collect(),
            file: found.path.clone(),
            release,
        })
    }

    fn print(&self) {
        let r = &self.release;
        let title = format!("release {}-{} of {}", r.epoch, r.serial, r.site);
        screen::line(&screen::paint(screen::BOLD, &title));
        let field = |name: &str, value: &str| screen::line(&format!("  {name:<10} {value}"));
        field("file", &self.file.display().to_string());
        field("digest", &self.digest.to_string());
        field("previous", &r.previous.map_or("none".to_owned(), |d| d.to_string()));
        field("issued", &r.issued_at.to_string());
        field(if self.expired { "expired" } else { "expires" }, &r.expires_at.to_string());
        let dirty = if r.source.dirty { " with changes that no commit has" } else { "" };
        field("source", &format!("{}{dirty}", r.source.revision.as_ref().map_or("no commit", |r| r.as_str())));
        field("trust root", &r.trust_version.to_string());
        for (name, generation) in &r.generations {
            field("appliance", &format!("{name}, key {}", generation.public_key.fingerprint()));
            field("  policy", &format!("{} ({} bytes)", generation.policy.digest, generation.policy.size));
            field("  system", generation.closure.as_ref().map_or("not managed", |c| c.toplevel.as_str()));
        }
        for revoked in &r.revoked_appliance_keys {
            field("revoked", &format!("{} as of {}", revoked.public_key.fingerprint(), revoked.revoked_at));
        }
        let signers = if self.signed_by.is_empty() { "nobody yet".to_owned() } else { self.signed_by.join(", ") };
        field("signed by", &format!("{signers} (not verified here)"));
    }
}
