//! `writ trust next`: the root after the newest one, with keys added, extended or revoked, or a log begun.

use std::path::PathBuf;
use std::str::FromStr;

use writ_trust::role::Role;
use writ_trust::root::{TrustKey, TrustRoot};
use writ_trust::text::one_line;
use writ_trust::time::{Span, Time};

use super::draft::{self, Authority, KeyGrant, LogOrigin, Threshold, Witness};
use super::folder;
use crate::clock;
use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Make the next trust root: add keys, extend keys, revoke keys, change thresholds, renew
///
/// Everything else is carried over: old keys stay listed for ever, so that old evidence keeps verifying. A new root does
/// not make keys count longer: --extend does, key by key. The new root counts once it is signed by enough trust keys of the
/// root before it and by enough of its own.
///
/// --log-origin names the log of a site that had none, or the one that takes over from a log that was lost; appliances
/// follow to the latter only by a restart that the trust keys signed (`writ log restart`).
///
/// Timestamp authorities stay listed when they are not used any more: a token counts for ever if it was made while the
/// authority's certificate was valid. --drop-tsa is for one whose key was stolen: none of its tokens counts from then on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ trust next --from releases/trust --expires 1y --extend alice=1y --extend cache-1=1y    (yearly renewal)
  writ trust next --from releases/trust --key ../keys/dora.pub:trust,release --revoke ../keys/bob.pub
  writ trust next --from releases/trust --raise-epoch                     (after a run-up serial)
  writ trust next --from releases/trust --log-origin clinic-001=log.example.org/clinic-001/2  (its log was lost)
  writ trust next --from releases/trust --tsa example=tsa.pem --witness witness.example.org=../keys/witness.pub")]
pub struct Arguments {
    /// The folder with the roots so far
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// A public key file and its roles, at all sites or at some; may be repeated
    #[arg(long = "key", value_name = "FILE:ROLES[@SITES]")]
    keys: Vec<KeyGrant>,
    /// A key of the root before, by its name or key id, that counts on for SPAN from now (or for --keys-valid); may be
    /// repeated
    #[arg(long = "extend", value_name = "NAME[=SPAN]")]
    extended: Vec<Extension>,
    /// A key that no longer counts, from now or from a time on; may be repeated
    #[arg(long = "revoke", value_name = "FILE[=TIME]")]
    revoked: Vec<Revocation>,
    /// Change how many different keys of a role it takes; may be repeated
    #[arg(long = "threshold", value_name = "ROLE=NUMBER")]
    thresholds: Vec<Threshold>,
    /// The name of a site's log, or of the one after those that it had; may be repeated
    #[arg(long = "log-origin", value_name = "SITE=ORIGIN")]
    log_origins: Vec<LogOrigin>,
    /// An authority whose timestamps (RFC 3161) count, and its certificate; may be repeated
    #[arg(long = "tsa", value_name = "NAME=FILE")]
    authorities: Vec<Authority>,
    /// A timestamp authority, by name, whose tokens count no more, those made before included; may be repeated
    #[arg(long = "drop-tsa", value_name = "NAME")]
    dropped_authorities: Vec<String>,
    /// A witness of the logs: the name by which it cosigns and its public key file, or its verifier key; may be repeated
    #[arg(long = "witness", value_name = "NAME=FILE")]
    witnesses: Vec<Witness>,
    /// A witness, by name, whose cosignatures count no more; may be repeated
    #[arg(long = "drop-witness", value_name = "NAME")]
    dropped_witnesses: Vec<String>,
    /// How long the new root counts
    #[arg(long, value_name = "SPAN", default_value = "1y")]
    expires: Span,
    /// How long each added key counts, and each extended one that names no span
    #[arg(long, value_name = "SPAN", default_value = "1y")]
    keys_valid: Span,
    /// Begin a new epoch: serials restart, and no release of the old epoch is newly accepted
    #[arg(long)]
    raise_epoch: bool,
}

/// `FILE` or `FILE=TIME`
#[derive(Debug, Clone)]
struct Revocation {
    file: PathBuf,
    at: Option<Time>,
}

impl FromStr for Revocation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('=') {
            Some((file, time)) => {
                let at = time.parse::<Time>().map_err(|e| e.to_string())?;
                Ok(Self { file: file.into(), at: Some(at) })
            }
            None => Ok(Self { file: text.into(), at: None }),
        }
    }
}

/// `NAME` or `NAME=SPAN`
#[derive(Debug, Clone)]
struct Extension {
    key: String,
    span: Option<Span>,
}

impl FromStr for Extension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('=') {
            Some((key, span)) => {
                let span = span.parse::<Span>().map_err(|e| e.to_string())?;
                Ok(Self { key: key.to_owned(), span: Some(span) })
            }
            None => Ok(Self { key: text.to_owned(), span: None }),
        }
    }
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let chain = folder::read(&self.from)?.chain()?;
        let now = clock::now_in_seconds();
        let number = |e| Failure::refused("there is no next number").because(e);
        let mut root = chain.newest().clone();
        root.version = root.version.next().map_err(number)?;
        if self.raise_epoch {
            root.epoch = root.epoch.next().map_err(number)?;
        }
        for extension in &self.extended {
            extend(&mut root, extension, now, &self.keys_valid)?;
        }
        for grant in &self.keys {
            root.keys.push(grant.entry(now, &self.keys_valid)?);
        }
        for revocation in &self.revoked {
            revoke(&mut root, revocation, now)?;
        }
        root.thresholds.extend(self.thresholds.iter().map(|t| (t.role, t.needed)));
        self.log_origins.iter().for_each(|origin| origin.append(&mut root.log_origins));
        self.outsiders(&mut root, now)?;
        root.expires_at = now.plus(&self.expires);
        let out = self.from.join(format!("{}.json", root.version));
        draft::write(&root, &out)?;
        draft::warn_of_mute_logs(&root, now);
        for key in ending_first(&root, now) {
            screen::warning(&format!(
                "{} counts until {} only, before this root ends: --extend, or it is retired then",
                one_line(&key.name),
                key.valid_until
            ));
        }
        screen::line(&format!(
            "next: {} trust keys of version {} and {} of its own sign it: writ trust sign {} --key NAME.key",
            chain.newest().threshold(Role::Trust),
            chain.newest().version,
            root.threshold(Role::Trust),
            out.display()
        ));
        Ok(Answer::Yes)
    }
}

impl Arguments {
    /// Changes who else vouches for when something was logged.
    fn outsiders(&self, root: &mut TrustRoot, now: Time) -> Outcome<()> {
        let unknown = |what: &str, name: &str| {
            Failure::refused(format!("the trust root lists no {what} of this name"))
                .at(one_line(name))
                .next("writ trust show names those that it lists; nothing was written")
        };
        for name in &self.dropped_authorities {
            let before = root.timestamp_authorities.len();
            root.timestamp_authorities.retain(|one| one.name != *name);
            if root.timestamp_authorities.len() == before {
                return Err(unknown("timestamp authority", name));
            }
        }
        for name in &self.dropped_witnesses {
            let before = root.witnesses.len();
            root.witnesses.retain(|key| key.split_once('+').is_none_or(|(known, _)| known != name));
            if root.witnesses.len() == before {
                return Err(unknown("witness", name));
            }
        }
        for authority in &self.authorities {
            root.timestamp_authorities.push(authority.entry(now)?);
        }
        for witness in &self.witnesses {
            root.witnesses.push(witness.entry()?);
        }
        Ok(())
    }
}

fn extend(root: &mut TrustRoot, extension: &Extension, now: Time, validity: &Span) -> Outcome<()> {
    let wanted = &extension.key;
    let named = |key: &TrustKey| key.name == *wanted || key.public_key.key_id().to_string() == *wanted;
    let unfit = |why: String, next: &str| {
        Failure::refused(format!("the key {wanted} cannot be extended"))
            .because(why)
            .next(format!("{next}; nothing was written"))
    };
    let names: Vec<String> = root.keys.iter().map(|key| one_line(&key.name)).collect();
    let mut found = root.keys.iter_mut().filter(|key| named(key));
    let (key, another) = (found.next(), found.next());
    let Some(key) = key else {
        return Err(unfit(format!("the trust root has {}", names.join(", ")), "name one of these keys"));
    };
    if another.is_some() {
        return Err(unfit("several keys have this name".to_owned(), "give its key id: writ trust show lists them"));
    }
    if let Some(at) = key.revoked_at {
        return Err(unfit(format!("it is revoked as of {at}"), "add a new key: --key FILE:ROLES"));
    }
    let valid_until = now.plus(extension.span.as_ref().unwrap_or(validity));
    if valid_until <= key.valid_until {
        return Err(unfit(format!("it counts until {} already", key.valid_until), "give a longer span, or leave it"));
    }
    key.valid_until = valid_until;
    Ok(())
}

/// The keys that count now and end before their root does.
fn ending_first(root: &TrustRoot, now: Time) -> impl Iterator<Item = &TrustKey> {
    let counts = move |key: &&TrustKey| key.revoked_at.is_none() && key.within_validity(now).is_ok();
    root.keys.iter().filter(counts).filter(|key| key.valid_until < root.expires_at)
}

fn revoke(root: &mut TrustRoot, revocation: &Revocation, now: Time) -> Outcome<()> {
    let key = draft::read_public_key(&revocation.file)?;
    let entry = root.keys.iter_mut().find(|entry| entry.public_key.ed25519() == key.ed25519());
    let Some(entry) = entry else {
        return Err(Failure::refused("this key is not in the trust root").at(revocation.file.display()));
    };
    let at = revocation.at.unwrap_or(now);
    // An earlier revocation stands: a revoked key stays revoked.
    entry.revoked_at = Some(entry.revoked_at.map_or(at, |before| before.min(at)));
    Ok(())
}
