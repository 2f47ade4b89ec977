//! `writ keys show`: what a key file or a signature file says of itself.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use writ_trust::minisign::{PublicKey, SecretKeyFile, Signature};
use writ_trust::numbers::TrustVersion;
use writ_trust::root::TrustKey;
use writ_trust::rotation::KeyAge;
use writ_trust::text::escaped;
use zeroize::Zeroizing;

use super::roots;
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, files, screen};

/// The longest file looked at, in bytes.
const MAX_FILE: usize = 16 * 1024;

/// Show what a public key, a secret key or a signature file says
///
/// Needs no passphrase and proves nothing: a signature shown here is not verified (that is `writ verify`). The public
/// half of a locked secret key is read from the NAME.pub beside it. With --trust, also what the trust root says of the key:
/// its name, its roles, and from when until when it counts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ keys show ../keys/alice.pub
  writ keys show ../keys/alice.key
  writ keys show --trust releases/trust ../keys/alice.pub
  writ keys show --nix cache-1 ../keys/cache.pub      (for nix.conf's trusted-public-keys)
  writ keys show release.json.6D5B2A8E11F0C3D4.minisig")]
pub struct Arguments {
    /// NAME.pub, NAME.key or a .minisig file
    file: PathBuf,
    /// Print only the public key, as Nix's trusted-public-keys lists it under NAME
    #[arg(long, value_name = "NAME", conflicts_with = "json")]
    nix: Option<String>,
    /// A trust root, or the folder of them: say what the newest grants to this key
    #[arg(long, value_name = "PATH", conflicts_with = "nix")]
    trust: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Shown {
    PublicKey { key_id: String, fingerprint: String, public_key: String, comment: String },
    SecretKey { locked: bool, key_id: Option<String>, fingerprint: Option<String>, public_key: Option<String> },
    Signature { key_id: String, trusted_comment: String, untrusted_comment: String, verified: bool },
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let bytes = Zeroizing::new(files::read(&self.file, MAX_FILE, "this file")?);
        let text = std::str::from_utf8(&bytes).map_err(|_| unknown(&self.file, &[]))?;
        if let Some(name) = &self.nix {
            return nix_form(&self.file, text, name);
        }
        let shown = shown(&self.file, text)?;
        let granted = self.trust.as_ref().map(|trust| Granted::to(&shown, trust)).transpose()?;
        if self.json {
            screen::json(&ShownWith { shown: &shown, trust: granted.as_ref() });
        } else {
            print(&shown);
            granted.iter().for_each(Granted::print);
        }
        Ok(Answer::Yes)
    }
}

/// What is shown, and what a trust root says of it.
#[derive(Serialize)]
struct ShownWith<'a> {
    #[serde(flatten)]
    shown: &'a Shown,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<&'a Granted>,
}

/// What a trust root grants to a key; nothing where it does not list it.
#[derive(Serialize)]
struct Granted {
    trust_version: TrustVersion,
    entry: Option<TrustKey>,
    state: String,
}

impl Granted {
    fn to(shown: &Shown, trust: &Path) -> Outcome<Self> {
        let root = roots::newest(trust)?;
        let id = match shown {
            Shown::PublicKey { public_key, .. } => Some(public_key),
            Shown::SecretKey { public_key, .. } => public_key.as_ref(),
            Shown::Signature { .. } => None,
        };
        let by_line = |line: &String| root.keys.iter().find(|key| key.public_key.line() == *line);
        let entry = match (id, shown) {
            (Some(line), _) => by_line(line),
            // A signature only names a key.
            (None, Shown::Signature { key_id, .. }) => {
                root.keys.iter().find(|key| key.public_key.key_id().to_string() == *key_id)
            }
            (None, _) => None,
        };
        let now = clock::now();
        let state = match entry {
            None => "not listed: it counts for nothing".to_owned(),
            Some(TrustKey { revoked_at: Some(at), .. }) => format!("revoked as of {at}"),
            Some(key) => match key.within_validity(now) {
                Ok(()) => format!("counts, {} days old", KeyAge::of(key, now).days),
                Err(problem) => problem.to_string(),
            },
        };
        Ok(Self { trust_version: root.version, entry: entry.cloned(), state })
    }

    fn print(&self) {
        let field = |name: &str, value: &str| screen::line(&format!("{name:<16} {value}"));
        field("trust root", &self.trust_version.to_string());
        if let Some(key) = &self.entry {
            let sites: Vec<&str> = key.sites.iter().map(|site| site.as_str()).collect();
            let sites = if sites.is_empty() { "all sites".to_owned() } else { sites.join(", ") };
            let roles: Vec<String> = key.roles.iter().map(ToString::to_string).collect();
            field("name", &escaped(&key.name));
            field("roles", &format!("{} at {sites}", roles.join(", ")));
            field("from", &key.valid_from.to_string());
            field("until", &key.valid_until.to_string());
        }
        field("state", &self.state);
    }
}

fn shown(file: &Path, text: &str) -> Outcome<Shown> {
    let not_public = match PublicKey::parse(text) {
        Ok(key) => {
            let (key_id, fingerprint) = (key.key_id().to_string(), key.fingerprint());
            let comment = text.lines().next().and_then(|line| line.strip_prefix("untrusted comment: "));
            let comment = comment.unwrap_or_default().to_owned();
            return Ok(Shown::PublicKey { key_id, fingerprint, public_key: key.line(), comment });
        }
        Err(e) => format!("as a public key: {e}"),
    };
    let not_secret = match SecretKeyFile::parse(text) {
        Ok(secret) => return secret_key(file, &secret),
        Err(e) => format!("as a secret key: {e}"),
    };
    match Signature::parse(text.as_bytes()) {
        Ok(signature) => Ok(Shown::Signature {
            key_id: signature.key_id().to_string(),
            trusted_comment: signature.trusted_comment().to_owned(),
            untrusted_comment: signature.untrusted_comment().to_owned(),
            verified: false,
        }),
        Err(e) => Err(unknown(file, &[not_public, not_secret, format!("as a signature: {e}")])),
    }
}

fn secret_key(file: &Path, secret: &SecretKeyFile) -> Outcome<Shown> {
    let public = if secret.is_locked() {
        public_half_beside(file)?
    } else {
        let damaged = |e| Failure::refused("this secret key is not usable").at(file.display()).because(e);
        Some(secret.open().map_err(damaged)?.public_key())
    };
    Ok(Shown::SecretKey {
        locked: secret.is_locked(),
        key_id: public.as_ref().map(|key| key.key_id().to_string()),
        fingerprint: public.as_ref().map(PublicKey::fingerprint),
        public_key: public.as_ref().map(PublicKey::line),
    })
}

fn public_half_beside(file: &Path) -> Outcome<Option<PublicKey>> {
    let beside = file.with_extension("pub");
    let Some(bytes) = files::read_if_there(&beside, MAX_FILE, "the public key beside it")? else { return Ok(None) };
    Ok(std::str::from_utf8(&bytes).ok().and_then(|text| PublicKey::parse(text).ok()))
}

fn nix_form(file: &Path, text: &str, name: &str) -> Outcome {
    let unfit = |e| Failure::refused("this is not a public key").at(file.display()).because(e);
    let key = PublicKey::parse(text).map_err(unfit)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(Failure::refused("Nix knows keys by names of letters, digits, `.`, `_` and `-`").at(name));
    }
    screen::line(&format!("{name}:{}", STANDARD.encode(key.ed25519())));
    Ok(Answer::Yes)
}

fn unknown(file: &Path, reasons: &[String]) -> Failure {
    let failure = Failure::refused("this is no key and no signature of minisign").at(file.display());
    reasons.iter().fold(failure, Failure::because)
}

fn print(shown: &Shown) {
    let field = |name: &str, value: &str| screen::line(&format!("{name:<16} {value}"));
    let unknown = "unknown (no public key file beside it)";
    match shown {
        Shown::PublicKey { key_id, fingerprint, public_key, comment } => {
            field("public key", public_key);
            field("key id", key_id);
            field("fingerprint", fingerprint);
            if !comment.is_empty() {
                field("comment", &escaped(comment));
            }
        }
        Shown::SecretKey { locked, key_id, fingerprint, public_key } => {
            field("secret key", if *locked { "locked with a passphrase" } else { "open" });
            field("key id", key_id.as_deref().unwrap_or(unknown));
            field("fingerprint", fingerprint.as_deref().unwrap_or(unknown));
            field("public key", public_key.as_deref().unwrap_or(unknown));
        }
        Shown::Signature { key_id, trusted_comment, untrusted_comment, .. } => {
            field("signature by key", key_id);
            field("trusted comment", &escaped(trusted_comment));
            field("comment", &escaped(untrusted_comment));
            field("verified", "no (this only shows it)");
        }
    }
}
