//! Stored records with their manifest, as the record system would write them: a list by sha256sum(1), signed with the
//! appliance's own key.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKeyFile;

use super::{ago, lay};
use crate::container::Container;

const FOLDER: &str = "/var/lib/ehr";
const RECORDS: [(&str, &str); 2] =
    [("records/2026-1.hl7", "MSH|^~\\&|EHR\n"), ("records/2026-2.hl7", "MSH|^~\\&|LAB\n")];

/// Lays down records of an appliance whose secret key is in this file.
pub fn furnish(container: &Container, key: &Path) -> Result<()> {
    let key = SecretKeyFile::parse(&fs::read_to_string(key)?).and_then(|file| file.open());
    let key = key.with_context(|| "the appliance's key cannot be used")?;
    let mut list = String::new();
    for (name, text) in RECORDS {
        lay(container, &format!("{FOLDER}/{name}"), 0o600, text)?;
        let digest = Digest::of(text.as_bytes()).to_string();
        list.push_str(&format!("{}  {name}\n", digest.trim_start_matches("sha256:")));
    }
    let comment = format!("timestamp:{}\tfile:records.manifest\thashed", ago(0).unix_millis() / 1000);
    let signature = key.sign(list.as_bytes(), &comment, "signature of the record system")?;
    lay(container, &format!("{FOLDER}/records.manifest"), 0o600, list)?;
    lay(container, &format!("{FOLDER}/records.manifest.minisig"), 0o600, signature.to_string())
}
