//! `writ keys age`: how old the keys of a trust root are, and when each is to be replaced.

use std::path::PathBuf;

use comfy_table::{Table, presets};
use serde::Serialize;
use writ_trust::ids::SiteId;
use writ_trust::minisign::PublicKey;
use writ_trust::numbers::TrustVersion;
use writ_trust::role::Role;
use writ_trust::root::{TrustKey, TrustRoot};
use writ_trust::rotation::{KeyAge, ROTATE_AFTER_MILLIS};
use writ_trust::text::one_line;
use writ_trust::time::{Span, Time};

use super::roots;
use crate::failure::{Answer, Failure, Outcome};
use crate::trust::draft;
use crate::{clock, screen};

const DAY_MILLIS: i64 = 86_400_000;
/// How long before a rotation clients are told of it: 30 days, in milliseconds (catalogue KY-16).
const NOTICE_MILLIS: i64 = 30 * DAY_MILLIS;

/// Show how old keys are and when they are to be replaced
///
/// Of each key of a trust root: since when it counts, its age in days, and how long until it is due to be replaced (365 days
/// after it began) and until it stops counting. The dates are those of the register, the trust root: what a file says of when
/// it was written is nobody's word. Extending a key (`writ trust next --extend`) makes it count longer, not younger.
///
/// A key over --remind is to be replaced now: that leaves time to tell clients 30 days ahead. So is one that stops counting
/// within the days that --remind leaves of a year.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ keys age --trust releases/trust
  writ keys age --trust first-root.json --remind 300d ../keys/alice.pub
  writ keys age --trust releases/trust --json | jq '.keys[] | select(.replace) | .name'

Then: writ keys rotate --trust releases/trust --old ../keys/alice.pub --new ../keys/alice-2.pub

Exit codes: 0 none is to be replaced; 1 one is; 2 could not run.")]
pub struct Arguments {
    /// A trust root, or the folder of them: then the newest, whose chain must hold
    #[arg(long, value_name = "PATH", default_value = "releases/trust")]
    trust: PathBuf,
    /// Only these public keys
    #[arg(value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// From which age on a key is to be replaced
    #[arg(long, value_name = "SPAN", default_value = "330d")]
    remind: Span,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// The ages, `writ.key-ages.v1`.
#[derive(Serialize)]
struct Ages {
    schema: &'static str,
    at: Time,
    trust_version: TrustVersion,
    remind: Span,
    keys: Vec<Aged>,
}

/// One key.
#[derive(Serialize)]
struct Aged {
    name: String,
    key_id: String,
    fingerprint: String,
    roles: Vec<Role>,
    sites: Vec<SiteId>,
    valid_from: Time,
    valid_until: Time,
    revoked_at: Option<Time>,
    /// `counts`, `not-yet`, `retired` or `revoked`.
    state: &'static str,
    age_days: i64,
    rotation_due_at: Time,
    rotation_due_in_days: i64,
    /// When clients are to be told of the rotation.
    notice_by: Time,
    ends_in_days: i64,
    /// Whether it is to be replaced now.
    replace: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let root = roots::newest(&self.trust)?;
        let now = clock::now_in_seconds();
        let wanted = self.keys.iter().map(|file| self.listed(&root, file)).collect::<Outcome<Vec<PublicKey>>>()?;
        let chosen = root.keys.iter().filter(|key| wanted.is_empty() || wanted.contains(&key.public_key));
        let keys: Vec<Aged> = chosen.map(|key| Aged::of(key, now, &self.remind)).collect();
        let any = keys.iter().any(|key| key.replace);
        let ages = Ages {
            schema: "writ.key-ages.v1",
            at: now,
            trust_version: root.version,
            remind: self.remind.clone(),
            keys,
        };
        if self.json {
            screen::json(&ages)
        } else {
            ages.print()
        }
        Ok(if any { Answer::No } else { Answer::Yes })
    }

    fn listed(&self, root: &TrustRoot, file: &std::path::Path) -> Outcome<PublicKey> {
        let key = draft::read_public_key(file)?;
        match root.entry_of(&key) {
            Some(entry) => Ok(entry.public_key.clone()),
            None => Err(Failure::refused("the trust root does not list this key, so nobody says how old it is")
                .at(file.display())
                .because(format!("key {} is not in version {}", key.key_id(), root.version))
                .next("an appliance's own key is dated by the releases that name it: writ release show")),
        }
    }
}

impl Aged {
    fn of(key: &TrustKey, now: Time, remind: &Span) -> Self {
        let age = KeyAge::of(key, now);
        let due = key.valid_from.plus_millis(ROTATE_AFTER_MILLIS);
        let ends_soon = key.valid_until.millis_since(now) < ROTATE_AFTER_MILLIS - remind.millis();
        let state = match (key.revoked_at.is_some(), age.counts) {
            (true, _) => "revoked",
            (false, true) => "counts",
            (false, false) if now < key.valid_from => "not-yet",
            (false, false) => "retired",
        };
        Self {
            name: key.name.clone(),
            key_id: key.public_key.key_id().to_string(),
            fingerprint: key.public_key.fingerprint(),
            roles: key.roles.clone(),
            sites: key.sites.clone(),
            valid_from: key.valid_from,
            valid_until: key.valid_until,
            revoked_at: key.revoked_at,
            state,
            age_days: age.days,
            rotation_due_at: due,
            rotation_due_in_days: age.due_in_days,
            notice_by: due.plus_millis(-NOTICE_MILLIS),
            ends_in_days: age.ends_in_days,
            replace: age.counts && (KeyAge::is_over(key, now, remind.millis()) || ends_soon),
        }
    }

    /// What is to be done, in a few words.
    fn advice(&self) -> String {
        match self.state {
            "revoked" => self.revoked_at.map_or_else(String::new, |at| format!("revoked as of {at}")),
            "not-yet" => format!("counts from {}", self.valid_from),
            "retired" => format!("counted until {}", self.valid_until),
            _ if self.replace => screen::paint(screen::YELLOW, "replace it now"),
            _ => format!("tell clients by {}", self.notice_by),
        }
    }
}

impl Ages {
    fn print(&self) {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY).force_no_tty();
        table.set_header(["Key", "Name", "Roles", "Since", "Days old", "Rotation in", "Ends in", ""]);
        for key in &self.keys {
            let roles: Vec<String> = key.roles.iter().map(ToString::to_string).collect();
            let counts = key.state == "counts";
            let days = |days: i64| if counts { format!("{days} d") } else { "-".to_owned() };
            table.add_row([
                key.key_id.clone(),
                one_line(&key.name),
                roles.join(", "),
                key.valid_from.to_string(),
                if counts { key.age_days.to_string() } else { "-".to_owned() },
                days(key.rotation_due_in_days),
                days(key.ends_in_days),
                key.advice(),
            ]);
        }
        screen::line(&table.to_string());
        let due = self.keys.iter().filter(|key| key.replace).count();
        if due > 0 {
            screen::line(&format!("{} to be replaced: writ keys rotate", screen::count(due, "key")));
        }
    }
}
