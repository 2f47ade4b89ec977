//! `writ keys rotate`: the next trust root, in which a new key takes over what an old one could do.

use std::path::PathBuf;

use writ_trust::role::Role;
use writ_trust::rotation::{ROTATE_AFTER_MILLIS, rotate};
use writ_trust::time::{Span, Time};

use super::change::{Change, Drafting, Reason, refused};
use super::roots;
use crate::failure::{Answer, Outcome};
use crate::trust::draft;
use crate::{clock, screen};

/// How long before a change clients are told of it: 30 days, in milliseconds (catalogue KY-16).
const NOTICE_MILLIS: i64 = 30 * 86_400_000;

/// Draft the trust root in which a new key takes over from an old one
///
/// The new key, named after its file, has the roles and sites of the old one from --valid-from on. The old one stays listed
/// for ever; from then on (or --overlap longer) no release, order, log or request by it counts, and what it signed before keeps
/// verifying. Once appliances have the next root, destroy the old secret key.
///
/// A key of the role trust still counts for signing the next roots, whatever its dates, so that an appliance that slept can
/// follow them: only a revocation ends that. Revoke it in a root after this one, or instead of it: `writ keys revoke --new`.
///
/// Nothing counts before the trust keys have signed the draft (`writ trust sign`), enough of the root before and enough of
/// its own. A key of the role log or cache is used by the depot or by `writ release publish`: give --overlap, and exchange it
/// there within that time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ keys rotate --trust releases/trust --old ../keys/alice.pub --new ../keys/alice-2.pub
  writ keys rotate --trust releases/trust/1.json --old ../keys/alice.pub --new ../keys/alice-2.pub \\
      --valid-from 2027-03-01T00:00:00Z --out releases/trust/2.json
  writ keys rotate --trust releases/trust --old ../keys/depot-log.pub --new ../keys/depot-log-2.pub --overlap 7d

When it is due: writ keys age --trust releases/trust")]
pub struct Arguments {
    /// The newest trust root, or the folder of them
    #[arg(long, value_name = "PATH")]
    trust: PathBuf,
    /// The public key that goes
    #[arg(long, value_name = "FILE")]
    old: PathBuf,
    /// The public key that takes over
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
    /// From when on the new key counts; at once if absent
    #[arg(long, value_name = "TIME")]
    valid_from: Option<Time>,
    /// How much longer the old key counts
    #[arg(long, value_name = "SPAN", default_value = "0s")]
    overlap: Span,
    /// Why, for the archive
    #[arg(long, value_name = "TEXT")]
    reason: Option<Reason>,
    #[command(flatten)]
    drafting: Drafting,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (chain, folder) = roots::chain(&self.trust)?;
        let (before, now) = (chain.newest(), clock::now_in_seconds());
        let at = self.valid_from.unwrap_or(now);
        let old = draft::read_public_key(&self.old)?;
        let new = self.drafting.successor(&self.new, at)?;
        let root = rotate(before, &old, &new, at, self.overlap.millis(), now)
            .map_err(|error| refused("this key cannot be replaced so", &self.old, before, &error))?;
        let entry = root.entry_of(&old);
        let ends = entry.map_or(at, |entry| entry.valid_until);
        let signs_roots = entry.is_some_and(|entry| entry.roles.contains(&Role::Trust));
        let why = self.reason.map_or_else(String::new, |reason| format!(", {}", reason.0));
        let why = format!("replaced by {} from {at} on{why}", new.public_key.key_id());
        let change = Change { old: &old, new: Some(&new.public_key), reason: &why };
        self.drafting.write(before, root, &folder, &change, now)?;
        screen::aside(&format!("{} counts until {ends}, {} from {at}", self.old.display(), self.new.display()));
        if signs_roots {
            let (trust, old, new) = (self.trust.display(), self.old.display(), self.new.display());
            screen::warning(&format!(
                "{old} still counts for signing the next trust roots, also after {ends}, until it is revoked: once this root is \
                 signed, writ keys revoke --trust {trust} --key {old} --reason …; or, instead of this draft, the same with \
                 --new {new}"
            ));
        }
        let due = at.plus_millis(ROTATE_AFTER_MILLIS);
        screen::aside(&format!(
            "in the calendar: tell clients by {}, exchange at {at}; the next rotation is due at {due}, to be told of by {}",
            at.plus_millis(-NOTICE_MILLIS).max(now),
            due.plus_millis(-NOTICE_MILLIS)
        ));
        Ok(Answer::Yes)
    }
}
