//! Where the secrets of an appliance lie in the tree: `secrets.pub`, what they are encrypted to, signed by the appliance's own
//! key; and for each `secrets/NAME.age` with a note `secrets/NAME.toml` of when it was set and for which key.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use writ_age::Recipient;
use writ_trust::digest::Digest;
use writ_trust::minisign::{PublicKey, SecretKey, Signature};
use writ_trust::time::Time;

use crate::check::cache::plain;
use crate::failure::{Failure, Outcome};

/// The file of the recipient.
pub const PUBLIC: &str = "secrets.pub";
/// Its signature by the appliance's own key.
pub const SIGNATURE: &str = "secrets.pub.minisig";
/// The folder of age files.
pub const FOLDER: &str = "secrets";
/// What the signature says that it is of, so that nothing else that the key signs can stand in its place.
const COMMENT: &str = "recipient of this appliance's secrets";
/// The largest of these files that is no age file, in bytes.
pub const LARGEST: usize = 16 * 1024;

/// The part of an appliance in the tree.
#[derive(Debug, Clone)]
pub struct Place {
    /// The root of the tree.
    root: PathBuf,
    /// `hosts/<site>/<appliance>`.
    pub folder: String,
}

/// Why secrets cannot be encrypted to an appliance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NoRecipient {
    /// There is none.
    #[error("it has no secrets.pub, so nobody can encrypt to it")]
    Missing,
    /// It is none.
    #[error("secrets.pub: {0}")]
    Malformed(String),
    /// There is no key to verify it by.
    #[error("it has no key.pub by which secrets.pub could be verified")]
    NoKey,
    /// It is not signed.
    #[error("secrets.pub has no signature beside it (secrets.pub.minisig): whoever put it here could read the secrets")]
    Unsigned,
    /// It is signed by somebody else, or was altered.
    #[error("secrets.pub is not signed by this appliance's key.pub: whoever put it here could read the secrets")]
    Foreign,
}

/// What is noted of a secret when it is set. Nothing in it tells anything of the value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// When it was set.
    pub set_at: Time,
    /// What it was encrypted to.
    pub recipient: String,
    /// The digest of the age file as it lies there.
    pub digest: Digest,
}

impl Note {
    /// The file.
    pub fn text(&self, name: &str) -> String {
        let mut text = format!("# Of {name}.age, as `writ secret set` wrote it.\n");
        let _ = writeln!(
            text,
            "set_at = \"{}\"\nrecipient = \"{}\"\ndigest = \"{}\"",
            self.set_at, self.recipient, self.digest
        );
        text
    }
}

/// The recipients file, with what it is.
pub fn recipient_file(recipient: &Recipient) -> String {
    format!(
        "# What the secrets of this appliance are encrypted to (age-encryption.org). Signed by its own key: secrets.pub.minisig\n\
         {recipient}\n"
    )
}

/// Its signature file.
pub fn sign(file: &str, key: &SecretKey) -> Outcome<String> {
    let signature = key.sign(file.as_bytes(), COMMENT, "signed with writ; verify with minisign -V");
    signature.map(|signature| signature.to_string()).map_err(|e| Failure::could_not("cannot sign").because(e))
}

/// The recipient in the bytes of secrets.pub, where `signature` is one by the appliance's own key, over these bytes and for this use.
///
/// # Errors
/// See [`NoRecipient`].
pub fn judge(file: &[u8], signature: Option<&[u8]>, key: Option<&PublicKey>) -> Result<Recipient, NoRecipient> {
    let malformed = |why: &str| NoRecipient::Malformed(why.to_owned());
    let text = std::str::from_utf8(file).map_err(|_| malformed("it is no text"))?;
    let recipient = Recipient::parse_file(text).map_err(|e| malformed(&e.to_string()))?;
    let key = key.ok_or(NoRecipient::NoKey)?;
    let signature = Signature::parse(signature.ok_or(NoRecipient::Unsigned)?).map_err(|_| NoRecipient::Foreign)?;
    let holds = key.verify_strict(file, &signature).is_ok() && signature.trusted_comment() == COMMENT;
    if holds { Ok(recipient) } else { Err(NoRecipient::Foreign) }
}

/// Whether a name can be a secret's and a file's.
pub fn is_name(name: &str) -> bool {
    writ_agent::secrets::unseal::is_name(name)
}

impl Place {
    /// That of an appliance.
    pub fn of(root: &Path, site: &str, appliance: &str) -> Self {
        Self { root: root.to_owned(), folder: format!("hosts/{site}/{appliance}") }
    }

    /// A file of it, relative to the root.
    pub fn relative(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// The age file of a secret, relative to the root.
    pub fn age_file(&self, name: &str) -> String {
        self.relative(&format!("{FOLDER}/{name}.age"))
    }

    /// Its note, relative to the root.
    pub fn note_file(&self, name: &str) -> String {
        self.relative(&format!("{FOLDER}/{name}.toml"))
    }

    /// A path of the tree.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The bytes of a plain file of the tree; none where there is no such file of at most `limit` bytes.
    pub fn read(&self, relative: &str, limit: usize) -> Option<Vec<u8>> {
        plain(&self.path(relative), limit).map(|(bytes, _)| bytes)
    }

    /// Whether anything is there.
    pub fn is_there(&self, relative: &str) -> bool {
        std::fs::symlink_metadata(self.path(relative)).is_ok()
    }

    /// What its secrets are encrypted to.
    ///
    /// # Errors
    /// See [`NoRecipient`].
    pub fn recipient(&self) -> Result<Recipient, NoRecipient> {
        let file = self.relative(PUBLIC);
        if !self.is_there(&file) {
            return Err(NoRecipient::Missing);
        }
        let odd = || NoRecipient::Malformed("no plain file of at most 16 KiB".to_owned());
        let bytes = self.read(&file, LARGEST).ok_or_else(odd)?;
        let signature = self.read(&self.relative(SIGNATURE), LARGEST);
        judge(&bytes, signature.as_deref(), self.key().as_ref())
    }

    fn key(&self) -> Option<PublicKey> {
        let bytes = self.read(&self.relative("key.pub"), LARGEST)?;
        let text = std::str::from_utf8(&bytes).ok()?;
        text.lines().find_map(|line| PublicKey::parse(line.trim()).ok())
    }

    /// The note of a secret; none where there is none that can be read.
    pub fn note(&self, name: &str) -> Option<Note> {
        let bytes = self.read(&self.note_file(name), LARGEST)?;
        toml::from_str(std::str::from_utf8(&bytes).ok()?).ok()
    }

    /// The names of what lies in the folder of secrets, in order.
    pub fn entries(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(&self.relative(FOLDER))).into_iter().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use writ_age::Identity;

    use super::*;

    #[test]
    fn a_recipient_counts_only_with_the_signature_of_the_appliances_key() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("hosts/clinic-001/front-desk");
        fs::create_dir_all(&folder).unwrap();
        let place = Place::of(dir.path(), "clinic-001", "front-desk");
        let (own, other) = (SecretKey::generate(&[1; 40]), SecretKey::generate(&[2; 40]));
        let recipient = Identity::generate(&[3; 32]).recipient();
        let file = recipient_file(&recipient);
        assert_eq!(place.recipient(), Err(NoRecipient::Missing));
        fs::write(folder.join(PUBLIC), &file).unwrap();
        assert_eq!(place.recipient(), Err(NoRecipient::NoKey));
        fs::write(folder.join("key.pub"), own.public_key().to_file()).unwrap();
        assert_eq!(place.recipient(), Err(NoRecipient::Unsigned));
        fs::write(folder.join(SIGNATURE), sign(&file, &own).unwrap()).unwrap();
        assert_eq!(place.recipient(), Ok(recipient));
        // Something else that the key signed.
        let elsewhere = own.sign(file.as_bytes(), "something else", "").unwrap().to_string();
        for foreign in [elsewhere, sign(&file, &other).unwrap(), "no signature".to_owned()] {
            fs::write(folder.join(SIGNATURE), foreign).unwrap();
            assert_eq!(place.recipient(), Err(NoRecipient::Foreign));
        }
        fs::write(folder.join(SIGNATURE), sign(&file, &own).unwrap()).unwrap();
        fs::write(folder.join(PUBLIC), recipient_file(&Identity::generate(&[4; 32]).recipient())).unwrap();
        assert_eq!(place.recipient(), Err(NoRecipient::Foreign), "another recipient below the same signature");
        fs::write(folder.join(PUBLIC), "hunter2").unwrap();
        let told = place.recipient().unwrap_err().to_string();
        assert!(told.contains("not an age recipient") && !told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let note = Note {
            set_at: "2026-11-28T05:00:00Z".parse().unwrap(),
            recipient: Identity::generate(&[3; 32]).recipient().to_string(),
            digest: Digest::of(b"x"),
        };
        assert_eq!(toml::from_str::<Note>(&note.text("backup")).unwrap(), note);
    }
}
