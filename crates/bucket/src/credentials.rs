//! Who asks: an access key, from a file that nobody else reads.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The largest file of credentials, in bytes.
const MAX_FILE: u64 = 64 * 1024;
/// The longest value in it, in bytes; session tokens are long.
const MAX_VALUE: usize = 8 * 1024;

/// An access key of S3's kind. Its secret is wiped from memory when it is dropped, and never shown.
#[derive(Clone)]
pub struct Credentials {
    /// The access key's id, which requests name.
    pub id: String,
    pub(crate) secret: Zeroizing<String>,
    pub(crate) token: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a file gives no credentials. None of these says anything of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others may read it.
    #[error(
        "{}: its mode is {mode:04o}, so others than its owner may read the secret in it: chmod 600 it, and think of the key as \
         known to them", path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not what it should be.
    #[error(
        "{}: {why}; expected the lines aws_access_key_id = … and aws_secret_access_key = …, below [default] or at its top",
        path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl Credentials {
    /// Reads a file in the form of AWS' shared credentials: the section `default`, or what stands before any.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        let failed = |source| CredentialsError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?;
        let form = |why: &str| CredentialsError::Form { path: path.to_owned(), why: why.to_owned() };
        if !there.is_file() {
            return Err(form("it is no plain file"));
        }
        let mode = there.mode() & 0o7777;
        if mode & 0o077 != 0 && !of_systemd(path) {
            return Err(CredentialsError::Open { path: path.to_owned(), mode });
        }
        // Room for all of it, so that no copy of a beginning stays behind.
        let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MAX_FILE + 1).unwrap_or_default()));
        file.by_ref().take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_FILE {
            return Err(form("it is larger than 64 KiB"));
        }
        Self::parse(&text).map_err(|why| form(&why))
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut id, mut secret, mut token) = (None, None, None);
        let mut within = true;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(section) = line.strip_prefix('[') {
                within = section.strip_suffix(']').is_some_and(|name| name.trim() == "default");
                continue;
            }
            if !within {
                continue;
            }
            let (name, value) = line.split_once('=').ok_or_else(|| format!("line {number} is not NAME = VALUE"))?;
            let (name, value) = (name.trim(), value.trim());
            let place = match name {
                "aws_access_key_id" => &mut id,
                "aws_secret_access_key" => &mut secret,
                "aws_session_token" => &mut token,
                // A region, an output format: nothing of ours.
                _ => continue,
            };
            if value.is_empty() || value.len() > MAX_VALUE || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("{name} on line {number} is empty, too long or not plain ASCII"));
            }
            if place.replace(Zeroizing::new(value.to_owned())).is_some() {
                return Err(format!("{name} is there twice"));
            }
        }
        let missing = |name: &str| format!("it has no {name}");
        Ok(Self {
            id: id.ok_or_else(|| missing("aws_access_key_id"))?.to_string(),
            secret: secret.ok_or_else(|| missing("aws_secret_access_key"))?,
            token,
        })
    }
}

/// Whether systemd gives the file to this service alone: with an access control list, which shows as rights of a group
/// (systemd.exec(5), "CREDENTIALS").
fn of_systemd(path: &Path) -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| !folder.is_empty() && path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_shared_form_is_read() {
        let read = Credentials::parse(
            "# for the archives\n[other]\naws_access_key_id = X\n[default]\naws_access_key_id=AKIA\n\
             aws_secret_access_key = s+/=cret\nregion = nowhere\n",
        );
        let read = read.unwrap();
        assert_eq!((read.id.as_str(), read.secret.as_str(), read.token.is_none()), ("AKIA", "s+/=cret", true));
        assert!(!format!("{read:?}").contains("s+/=cret"), "{read:?}");
        let bare = Credentials::parse("aws_access_key_id=a\naws_secret_access_key=b\naws_session_token=c").unwrap();
        assert_eq!(bare.token.as_deref().map(String::as_str), Some("c"));
    }

    #[test]
    fn what_is_wrong_is_told_without_what_is_in_it() {
        for (text, why) in [
            ("", "it has no aws_access_key_id"),
            ("aws_access_key_id = a", "it has no aws_secret_access_key"),
            ("SECRETSECRET", "line 1 is not NAME = VALUE"),
            (
                "aws_access_key_id = a\naws_secret_access_key = SECRETSECRET\naws_secret_access_key = SECRETSECRET",
                "twice",
            ),
            ("aws_access_key_id = a\naws_secret_access_key = SECRET SECRET", "not plain ASCII"),
            ("[profile]\naws_access_key_id = a\naws_secret_access_key = SECRETSECRET", "it has no"),
        ] {
            let said = Credentials::parse(text).unwrap_err();
            assert!(said.contains(why) && !said.contains("SECRET"), "{said}");
        }
    }

    #[test]
    fn a_file_that_others_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials");
        std::fs::write(&path, "aws_access_key_id=a\naws_secret_access_key=b\n").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o660] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(Credentials::read(&path), Err(CredentialsError::Open { .. })), "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(Credentials::read(&path).unwrap().id, "a");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, vec![b'#'; 70_000]).unwrap();
        assert!(Credentials::read(&path).unwrap_err().to_string().contains("larger"));
        assert!(matches!(Credentials::read(dir.path()), Err(CredentialsError::Form { .. })));
        assert!(matches!(Credentials::read(&dir.path().join("none")), Err(CredentialsError::Io { .. })));
    }
}
