//! Passphrases: from a file, an environment variable or a prompt, never from an argument that `ps` could show.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use writ_trust::minisign::{SecretKey, SecretKeyError, SecretKeyFile};
use zeroize::Zeroizing;

use crate::failure::{Failure, Outcome};
use crate::files;
use crate::screen;

/// The longest passphrase file, in bytes.
const MAX_FILE: usize = 4096;
/// The longest key file, in bytes.
const MAX_KEY_FILE: usize = 4096;

/// Where a passphrase comes from; without either option it is asked for on the terminal.
#[derive(Debug, Clone, clap::Args)]
pub struct PassphraseOptions {
    /// Read the passphrase from the first line of FILE
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_env")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the environment variable VARIABLE
    #[arg(long, value_name = "VARIABLE")]
    pub passphrase_env: Option<String>,
}

impl PassphraseOptions {
    /// Whether either option was given.
    pub fn is_given(&self) -> bool {
        self.passphrase_file.is_some() || self.passphrase_env.is_some()
    }

    /// The passphrase of an existing key.
    pub fn existing(&self, whose: &str) -> Outcome<Zeroizing<String>> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None => prompt(&format!("Passphrase of {whose}: ")),
        }
    }

    /// A passphrase for a new key: never empty, and typed twice at a prompt.
    pub fn new_one(&self, whose: &str) -> Outcome<Zeroizing<String>> {
        let passphrase = match self.given()? {
            Some(passphrase) => passphrase,
            None => {
                let first = prompt(&format!("New passphrase for {whose}: "))?;
                if *prompt("The same again: ")? != *first {
                    return Err(Failure::refused("the two passphrases differ").next("try again; nothing was written"));
                }
                first
            }
        };
        if passphrase.is_empty() {
            return Err(Failure::refused("the passphrase is empty")
                .next("choose one, for instance with `openssl rand -base64 32`; nothing was written"));
        }
        Ok(passphrase)
    }

    fn given(&self) -> Outcome<Option<Zeroizing<String>>> {
        if let Some(path) = &self.passphrase_file {
            return first_line(path).map(Some);
        }
        let Some(variable) = &self.passphrase_env else { return Ok(None) };
        match std::env::var(variable) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(e) => Err(Failure::could_not("no passphrase in this environment variable").at(variable).because(e)),
        }
    }
}

fn first_line(path: &Path) -> Outcome<Zeroizing<String>> {
    let bytes = Zeroizing::new(files::read(path, MAX_FILE, "the passphrase file")?);
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        // The UTF-8 error would tell a position within the secret.
        Failure::refused("the passphrase file is not UTF-8 text").at(path.display())
    })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn prompt(text: &str) -> Outcome<Zeroizing<String>> {
    rpassword::prompt_password(text).map(Zeroizing::new).map_err(|e| {
        let failure = Failure::could_not("cannot ask for the passphrase").because(match e.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => "there is no terminal".to_owned(),
            _ => format!("no terminal to ask on: {e}"),
        });
        failure.next("give it with --passphrase-file FILE or --passphrase-env VARIABLE")
    })
}

/// A secret key file, read but not unlocked: what is wrong with it shows before anybody types a passphrase.
pub struct KeyFile {
    path: PathBuf,
    file: SecretKeyFile,
}

impl KeyFile {
    /// Reads a secret key file.
    pub fn read(path: &Path) -> Outcome<Self> {
        let bytes = Zeroizing::new(files::read(path, MAX_KEY_FILE, "the secret key file")?);
        let unfit = |why: String| {
            Failure::refused("this is not a usable secret key file")
                .at(path.display())
                .because(why)
                .next("give the NAME.key that `writ keys new` or `minisign -G` wrote")
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| unfit("it is not text".to_owned()))?;
        let file = SecretKeyFile::parse(text).map_err(|e| unfit(e.to_string()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The key of a file without passphrase.
    pub fn open(&self) -> Outcome<SecretKey> {
        self.file.open().map_err(|e| {
            Failure::refused("the key cannot be used").at(self.path.display()).because(e).next("restore the key file")
        })
    }

    /// The key, unlocked with the passphrase that the options give (asked for only if the file is locked).
    pub fn unlock(&self, options: &PassphraseOptions) -> Outcome<SecretKey> {
        let unlocked = if self.file.is_locked() {
            let passphrase = options.existing(&self.path.display().to_string())?;
            screen::progress("unlocking the key");
            self.file.unlock(passphrase.as_bytes())
        } else {
            self.file.open()
        };
        unlocked.map_err(|e| {
            let failure = Failure::refused("the key was not unlocked").at(self.path.display()).because(&e);
            match e {
                SecretKeyError::WrongPassphrase => failure.next("check the passphrase; nothing was written"),
                _ => failure.next("restore the key file from its backup; nothing was written"),
            }
        })
    }
}
