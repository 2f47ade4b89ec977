//! The folder of a packet: it is there whole, with a list of its files, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tempfile::TempDir;
use writ_audit::report::packet::SCHEMA;
use writ_audit::report::packet::model::NotJudged;
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;

use crate::failure::{Failure, Outcome};
use crate::files;

/// The list of files, as `sha256sum -c` reads it.
pub const SUMS: &str = "SHA256SUMS";

/// A folder in the making, beside the place where it will be.
pub struct Making {
    to: PathBuf,
    temporary: TempDir,
    sums: BTreeMap<String, Digest>,
}

/// The largest document of a packet that is read again, in bytes.
const MAX_DOCUMENT: usize = 512 * 1024 * 1024;

/// What a packet that is there says of how it was made.
#[derive(Debug)]
pub struct There {
    /// Whether the folder that it was made of verified.
    pub verified: bool,
    /// What was not judged.
    pub not_judged: BTreeSet<NotJudged>,
}

/// Of a document of a packet, what says how it was made.
#[derive(Deserialize)]
struct Head {
    schema: String,
    verified: Verified,
    #[serde(default)]
    not_judged: Vec<NotJudged>,
}

#[derive(Deserialize)]
struct Verified {
    ok: bool,
}

/// What the packet says that is in this place already; none where nothing is. Whatever else lies there is not taken for one.
pub fn there(to: &Path) -> Outcome<Option<There>> {
    if files::list(to)?.is_empty() {
        return Ok(None);
    }
    let no_packet = |why: String| {
        Failure::refused("this folder is no packet, and not empty")
            .at(to.display())
            .because(why)
            .next("move it elsewhere, and run it again; nothing was written")
    };
    // A packet gets its place when its list of files is written.
    if !to.join(SUMS).is_file() {
        return Err(no_packet(format!("it has no {SUMS}")));
    }
    let documents = documents(to)?;
    if documents.is_empty() {
        return Err(no_packet("it has no document as JSON".to_owned()));
    }
    let mut there = There { verified: true, not_judged: BTreeSet::new() };
    for path in documents {
        let bytes = files::read(&path, MAX_DOCUMENT, "a packet that is there")?;
        let name = files::name_of(&path);
        let head: Head = serde_json::from_slice(&bytes).map_err(|e| no_packet(format!("{name}: {e}")))?;
        if head.schema != SCHEMA {
            return Err(no_packet(format!("{name} is not of {SCHEMA}")));
        }
        there.verified &= head.verified.ok;
        there.not_judged.extend(head.not_judged);
    }
    Ok(Some(there))
}

/// The documents of a packet: those of the folder itself, and those in the folders of its sites. Samples lie deeper.
fn documents(to: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in files::list(to)? {
        if path.is_dir() { found.extend(files::list(&path)?) } else { found.push(path) }
    }
    found.retain(|path| path.extension().is_some_and(|ending| ending == "json") && path.is_file());
    Ok(found)
}

/// A file of it: its name, and what is in it.
pub type Entry = (String, Vec<u8>);

impl Making {
    /// Begins one. What stands at its place already is never mixed with it.
    pub fn begin(to: &Path) -> Outcome<Self> {
        if !files::list(to)?.is_empty() {
            return Err(Failure::refused("this folder is not empty")
                .at(to.display())
                .because("a packet is a folder of its own: what else lies in it would seem to be part of it")
                .next("name another folder; nothing was written"));
        }
        let parent = files::parent_of(to);
        files::make_directory(parent)?;
        let temporary = tempfile::Builder::new().prefix(".writ-report-").tempdir_in(parent);
        let temporary = temporary.map_err(|e| cannot(parent, &e))?;
        Ok(Self { to: to.to_owned(), temporary, sums: BTreeMap::new() })
    }

    /// Where it will be.
    pub fn place(&self) -> &Path {
        &self.to
    }

    /// Writes files of a folder within, by its relative path; empty for the folder itself.
    pub fn write(&mut self, within: &str, entries: &[Entry]) -> Outcome<()> {
        let folder = self.temporary.path().join(within);
        files::make_directory(&folder)?;
        let named = entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        writ_durable::replace_all(&folder, named, 0o644).map_err(|e| cannot(&folder, &e))?;
        for (name, bytes) in entries {
            let path = if within.is_empty() { name.clone() } else { format!("{within}/{name}") };
            self.sums.insert(path, Digest::of(bytes));
        }
        Ok(())
    }

    /// Writes the list of files, signs it if there is a key, and puts the folder into its place; gives how many files it has.
    pub fn finish(self, key: Option<&SecretKey>, comment: &str) -> Outcome<usize> {
        let sums: String = self.sums.iter().map(|(path, digest)| format!("{}  {path}\n", digest.hex())).collect();
        let mut entries = vec![(SUMS.to_owned(), sums.clone().into_bytes())];
        if let Some(key) = key {
            let signature = key
                .sign(sums.as_bytes(), comment, "signed with writ; verify with minisign -V")
                .map_err(|e| Failure::could_not("cannot sign the list of files").because(e))?;
            entries.push((format!("{SUMS}.minisig"), signature.to_string().into_bytes()));
        }
        let Self { to, temporary, .. } = self;
        let named = entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        writ_durable::replace_all(temporary.path(), named, 0o644).map_err(|e| cannot(temporary.path(), &e))?;
        // A temporary folder is for nobody else; a packet is for whoever may look into the folder that it is in.
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).map_err(|e| cannot(&to, &e))?;
        fs::rename(temporary.path(), &to).map_err(|e| cannot(&to, &e))?;
        let _ = temporary.keep();
        writ_durable::sync_directory(files::parent_of(&to)).map_err(|e| cannot(&to, &e))?;
        Ok(self.sums.len() + entries.len())
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::could_not("cannot write the packet").at(path.display()).because(error)
}
