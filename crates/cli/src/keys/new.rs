//! `writ keys new`: a key pair in minisign's format.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use serde::Serialize;
use writ_nix::cache_key::CacheKey;
use writ_trust::minisign::{KdfStrength, PublicKey, SecretKey};
use writ_trust::role::Role;
use zeroize::Zeroizing;

use crate::failure::{Answer, Failure, Outcome};
use crate::files;
use crate::passphrase::PassphraseOptions;
use crate::random;
use crate::screen;

/// Make a key pair
///
/// Writes DIR/NAME.key (secret, mode 0600) and DIR/NAME.pub (public, mode 0644) in the format of minisign, and never
/// overwrites either. Roles are granted by the trust root (`writ trust init`); naming them here only chooses what is
/// allowed and which advice is printed.
///
/// A key of the role cache (and no other) is written as DIR/NAME.nix-key instead, in the only form that Nix takes: open,
/// for Nix knows no passphrases. It decides nothing alone: appliances compare every path with the signed release.
///
/// A key of the role log (and no other) is written open as well: the depot holds it and signs with it at any hour. Whoever
/// has it can sign two histories of a log, and is found out by them; it can order nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ keys new --name alice --out ../keys --role trust --role release
  writ keys new --name front-desk --out ../keys --role appliance --no-passphrase
  writ keys new --name cache-1 --out ../keys --role cache
  writ keys new --name depot-log --out ../keys --role log
  writ keys new --name watch --out ../keys --role read --no-passphrase
  openssl rand -base64 32 > ../pass && writ keys new --name ci --out ../keys --passphrase-file ../pass

Verify anything that such a key signed without Writ:
  minisign -Vm release.json -x release.json.KEYID.minisig -p ../keys/alice.pub")]
pub struct Arguments {
    /// What to call it: the files are NAME.key and NAME.pub
    #[arg(long)]
    name: KeyName,
    /// Where to put both files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What it is for; may be repeated
    #[arg(long = "role", value_enum, value_name = "ROLE")]
    roles: Vec<Purpose>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Leave the secret key open: only for an appliance, a log or a reader, which use it without a person
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_env"])]
    no_passphrase: bool,
    /// How dear it is to guess the passphrase
    #[arg(long, value_enum, default_value = "sensitive")]
    kdf: Kdf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What a key is for: a role of the trust root, or an appliance's own key, which is in no trust root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    /// Signs trust roots
    Trust,
    /// Signs releases
    Release,
    /// Signs orders to appliances
    Order,
    /// Signs a site log's checkpoints
    Log,
    /// Signs the store paths of a binary cache
    Cache,
    /// Signs requests to read what a depot keeps
    Read,
    /// Signs what a person attaches to the evidence
    Attest,
    /// An appliance's own key, which signs its evidence
    Appliance,
}

/// How dear it is to guess a passphrase.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kdf {
    /// 1 GiB of memory and seconds per guess, as minisign does by default
    Sensitive,
    /// 16 MiB and a fraction of a second per guess
    Interactive,
    /// 1 MiB and milliseconds per guess: for tests
    #[value(hide = true)]
    Weak,
}

/// The name of a key: plain enough for a file and for Nix.
#[derive(Debug, Clone)]
struct KeyName(String);

impl FromStr for KeyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let usable = (1..=100).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['.', '-']);
        if usable { Ok(Self(text.to_owned())) } else { Err("expected letters, digits, `.`, `_` and `-`".to_owned()) }
    }
}

#[derive(Serialize)]
struct Made<'a> {
    name: &'a str,
    key_id: String,
    fingerprint: String,
    public_key: String,
    roles: &'a [Purpose],
    secret_key_file: PathBuf,
    public_key_file: PathBuf,
    locked: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        if self.no_passphrase && !matches!(self.roles[..], [Purpose::Appliance | Purpose::Log | Purpose::Read]) {
            return Err(Failure::refused("--no-passphrase is only for a key of the one role appliance, log or read")
                .because("a key of a person or a service without passphrase belongs to whoever reads the file")
                .next("add --role appliance, log or read (and no other role), or give a passphrase"));
        }
        if self.roles.contains(&Purpose::Appliance) && self.roles.len() > 1 {
            return Err(Failure::refused("an appliance's own key has no other role")
                .because("what an appliance can sign alone must decide nothing about other appliances")
                .next("make two keys"));
        }
        if self.roles.contains(&Purpose::Log) && self.roles.len() > 1 {
            return Err(Failure::refused("a log's key has no other role")
                .because("the depot holds it, and a depot must be able to decide nothing")
                .next("make two keys"));
        }
        let (secret_file, public_file) = (self.file(if self.is_cache() { "nix-key" } else { "key" }), self.file("pub"));
        for path in [&secret_file, &public_file] {
            if path.symlink_metadata().is_ok() {
                return Err(exists(path));
            }
        }
        let (secret, public) = if self.is_cache() { self.cache_key()? } else { self.minisign_key()? };
        prepare(&self.out)?;
        if !files::create(&secret_file, secret.as_bytes(), 0o600, "the secret key")? {
            return Err(exists(&secret_file));
        }
        let written = files::create(&public_file, public.to_file().as_bytes(), 0o644, "the public key");
        if !matches!(written, Ok(true)) {
            // A secret key without its public half is of no use, and would be in the way of the next try.
            let _ = writ_durable::remove(&secret_file);
            return written.and(Err(exists(&public_file)));
        }
        self.tell(&public, secret_file, public_file);
        Ok(Answer::Yes)
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.out.join(format!("{}.{extension}", self.name.0))
    }

    fn is_cache(&self) -> bool {
        self.roles == [Purpose::Cache]
    }

    /// Whether the secret key is written without a passphrase.
    fn is_open(&self) -> bool {
        self.no_passphrase || self.is_cache() || self.is_log()
    }

    fn is_log(&self) -> bool {
        self.roles == [Purpose::Log]
    }

    fn cache_key(&self) -> Outcome<(Zeroizing<String>, PublicKey)> {
        if self.passphrase.is_given() {
            return Err(Failure::refused("a cache key has no passphrase, because Nix knows none")
                .next("leave the passphrase option out; the file's mode protects it, and it decides nothing alone"));
        }
        let key = CacheKey::generate(&self.name.0, &*random::bytes()?)
            .map_err(|e| Failure::refused("not a cache key that Nix would take").because(e))?;
        Ok((Zeroizing::new(format!("{}\n", key.secret_text().as_str())), key.public_key()))
    }

    fn minisign_key(&self) -> Outcome<(Zeroizing<String>, PublicKey)> {
        let key = SecretKey::generate(&*random::bytes()?);
        Ok((self.secret_file_of(&key)?, key.public_key()))
    }

    fn secret_file_of(&self, key: &SecretKey) -> Outcome<Zeroizing<String>> {
        if self.is_log() && self.passphrase.is_given() {
            return Err(Failure::refused("a log's key has no passphrase, because the depot signs with it unattended")
                .next("leave the passphrase option out; the file's mode protects it, and it can order nothing"));
        }
        if self.is_open() {
            return Ok(key.to_open_file());
        }
        let passphrase = self.passphrase.new_one(&self.name.0)?;
        let strength = match self.kdf {
            Kdf::Sensitive => KdfStrength::Sensitive,
            Kdf::Interactive => KdfStrength::Interactive,
            Kdf::Weak => KdfStrength::Weak,
        };
        screen::progress("locking the key with its passphrase");
        key.to_locked_file(passphrase.as_bytes(), &*random::bytes()?, strength)
            .map_err(|e| Failure::could_not("the key could not be locked").because(e))
    }

    fn tell(&self, public: &PublicKey, secret_key_file: PathBuf, public_key_file: PathBuf) {
        let made = Made {
            name: &self.name.0,
            key_id: public.key_id().to_string(),
            fingerprint: public.fingerprint(),
            public_key: public.line(),
            roles: &self.roles,
            secret_key_file,
            public_key_file,
            locked: !self.is_open(),
        };
        if self.json {
            screen::json(&made);
            return;
        }
        let lock = if made.locked { "locked with your passphrase" } else { "open: its mode is all that protects it" };
        screen::line(&format!("key id       {}", made.key_id));
        screen::line(&format!("fingerprint  {}", made.fingerprint));
        screen::line(&format!("secret key   {} ({lock})", made.secret_key_file.display()));
        screen::line(&format!("public key   {}", made.public_key_file.display()));
        for advice in self.advice(&made.public_key_file) {
            screen::line(&format!("next         {advice}"));
        }
    }

    fn advice(&self, public: &Path) -> Vec<String> {
        let public = public.display();
        if self.roles.contains(&Purpose::Appliance) {
            return vec![format!(
                "copy {public} to hosts/SITE/{}/key.pub and commit it; the secret key belongs on that machine only",
                self.name.0
            )];
        }
        let roles: Vec<String> =
            Role::ALL.into_iter().filter(|role| self.grants(*role)).map(|r| r.to_string()).collect();
        let roles = if roles.is_empty() { "ROLES".to_owned() } else { roles.join(",") };
        vec![
            "back up the secret key and its passphrase in two places that one fire cannot reach".to_owned(),
            format!("grant its roles: writ trust init --key {public}:{roles} …"),
        ]
    }

    fn grants(&self, role: Role) -> bool {
        self.roles.iter().any(|purpose| match purpose {
            Purpose::Trust => role == Role::Trust,
            Purpose::Release => role == Role::Release,
            Purpose::Order => role == Role::Order,
            Purpose::Log => role == Role::Log,
            Purpose::Cache => role == Role::Cache,
            Purpose::Read => role == Role::Read,
            Purpose::Attest => role == Role::Attest,
            Purpose::Appliance => false,
        })
    }
}

fn exists(path: &Path) -> Failure {
    Failure::refused("a key of this name exists, and keys are never overwritten")
        .at(path.display())
        .next("choose another --name or --out; nothing was written")
}

/// Makes the directory of the keys, which only its owner may enter if it is new.
fn prepare(directory: &Path) -> Outcome<()> {
    if directory.is_dir() {
        return Ok(());
    }
    files::make_directory(directory)?;
    std::fs::set_permissions(directory, Permissions::from_mode(0o700))
        .map_err(|e| Failure::could_not("cannot protect the new directory").at(directory.display()).because(e))
}
