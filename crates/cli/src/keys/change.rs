//! What `writ keys rotate` and `writ keys revoke` share: the key that takes over, and a draft of the next trust root.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use writ_trust::minisign::PublicKey;
use writ_trust::numbers::TrustVersion;
use writ_trust::role::Role;
use writ_trust::root::TrustRoot;
use writ_trust::rotation::{RotationError, Successor};
use writ_trust::text::one_line;
use writ_trust::time::{Span, Time};

use crate::failure::{Failure, Outcome};
use crate::trust::{draft, why};
use crate::{files, screen};

/// Why a key goes, in words that all who sign the next root put their name to.
#[derive(Debug, Clone)]
pub struct Reason(pub String);

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let usable = (1..=200).contains(&text.chars().count()) && one_line(text) == text && !text.contains(';');
        if usable {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected one line of 1 to 200 characters, without `;`".to_owned())
        }
    }
}

/// Where the next root goes and how long it and the new key count.
#[derive(Debug, clap::Args)]
pub struct Drafting {
    /// Where to write the draft: DIR/<next version>.json; beside the newest root if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How long the next root counts
    #[arg(long, value_name = "SPAN", default_value = "1y")]
    expires: Span,
    /// How long the new key counts, from when it begins
    #[arg(long, value_name = "SPAN", default_value = "1y")]
    keys_valid: Span,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Which key goes, which comes, and why.
pub struct Change<'a> {
    /// The key that goes.
    pub old: &'a PublicKey,
    /// The key that takes over.
    pub new: Option<&'a PublicKey>,
    /// Why, in one line.
    pub reason: &'a str,
}

/// What was drafted, `writ.key-change.v1`.
#[derive(Serialize)]
struct Drafted<'a> {
    schema: &'static str,
    file: &'a Path,
    version: TrustVersion,
    old: String,
    new: Option<String>,
    why: String,
    /// How many trust keys of the root before must sign.
    signatures_of_the_root_before: u32,
    /// How many of its own.
    signatures_of_its_own: u32,
}

impl Drafting {
    /// The key in a file as the one that takes over, named after its file.
    pub fn successor(&self, file: &Path, from: Time) -> Outcome<Successor> {
        let public_key = draft::read_public_key(file)?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Successor { public_key, name, valid_until: from.plus(&self.keys_valid) })
    }

    /// Writes the next root and the reason beside it, and says who signs it.
    pub fn write(
        &self,
        before: &TrustRoot,
        mut root: TrustRoot,
        folder: &Path,
        change: &Change,
        now: Time,
    ) -> Outcome<()> {
        let Change { old, new, reason } = change;
        root.expires_at = now.plus(&self.expires);
        let out = self.out.clone().unwrap_or_else(|| folder.join(format!("{}.json", root.version)));
        if files::parent_of(&out).canonicalize().ok() != folder.canonicalize().ok() {
            screen::warning(&format!(
                "{} is not beside the roots before it: `writ trust sign` and the others look for them there",
                out.display()
            ));
        }
        let text = format!("{}: {reason}", old.key_id());
        draft::write_quietly(&root, &out)?;
        why::write(&out, &text)?;
        if self.json {
            screen::json(&Drafted {
                schema: "writ.key-change.v1",
                file: &out,
                version: root.version,
                old: old.key_id().to_string(),
                new: new.map(|key| key.key_id().to_string()),
                why: text,
                signatures_of_the_root_before: before.threshold(Role::Trust),
                signatures_of_its_own: root.threshold(Role::Trust),
            });
        } else {
            screen::line(&format!("wrote {} (version {}, not signed yet)", out.display(), root.version));
            screen::line(&format!("why   {text}"));
        }
        draft::warn_of_mute_logs(&root, now);
        screen::aside(&format!(
            "next: {} trust keys of version {} and {} of its own sign it: writ trust sign {} --key NAME.key\n\
             then: writ trust publish {} --depot URL",
            before.threshold(Role::Trust),
            before.version,
            root.threshold(Role::Trust),
            out.display(),
            files::parent_of(&out).display()
        ));
        Ok(())
    }
}

/// Why a change was refused, and what to do instead.
pub fn refused(what: &str, file: &Path, root: &TrustRoot, error: &RotationError) -> Failure {
    let names: Vec<String> = root.keys.iter().map(|key| one_line(&key.name)).collect();
    let next = match error {
        RotationError::Unknown(_) => format!("trust root {} has the keys of {}", root.version, names.join(", ")),
        RotationError::Known(_) | RotationError::Ended { .. } => {
            "make a new key: writ keys new --name NAME-2 --out DIR --role …".to_owned()
        }
        RotationError::Revoked { .. } => {
            "give the roles that it had to a new key: writ trust next --key FILE:ROLES".to_owned()
        }
        RotationError::NotBegun { .. } | RotationError::Past { .. } => "give a later --valid-from".to_owned(),
        RotationError::Ahead { .. } => "give the time since which it may have been in other hands, or none".to_owned(),
        RotationError::Shortfall { role, needed, .. } => {
            let otherwise = if *needed > 1 {
                let lower = needed - 1;
                format!(", or lower the threshold where all can see it: writ trust next --threshold {role}={lower}")
            } else if root.thresholds.contains_key(role) {
                String::new()
            } else {
                format!(
                    ", or, if nobody shall have the role {role} any more: writ trust next --revoke {}",
                    file.display()
                )
            };
            format!(
                "let another key take its place in the same step (`writ keys revoke … --new NAME-2.pub`, or --overlap for a \
                 rotation){otherwise}"
            )
        }
        RotationError::Version(_) | RotationError::Root(_) => "see `writ trust show`".to_owned(),
    };
    Failure::refused(what).at(file.display()).because(error).next(format!("{next}; nothing was written"))
}
