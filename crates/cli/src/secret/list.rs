//! `writ secret list`: which appliances have which secrets, since when, and whether they can decrypt them.

use comfy_table::{Table, presets};
use serde::Serialize;
use writ_trust::text::one_line;
use writ_trust::time::{Span, Time};

use super::chosen::{Chosen, TreeOption};
use super::{State, state};
use crate::failure::{Answer, Outcome};
use crate::{clock, screen};

const DAY_MILLIS: i64 = 86_400_000;

/// Show which appliances have which secrets, since when, and whether they can decrypt them
///
/// For each name in `secrets` of site.nix and each appliance: `current` (encrypted to the appliance's key), `missing` (it has
/// none), `stale` (encrypted to a key that it has not, as when it was replaced), `unnoted` (nobody noted for which key, or the
/// file is another one) or `unusable` (no age file that an appliance could read). Values are never shown: only the appliance
/// can.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ secret list
  writ secret list --site clinic-001 --json | jq -r '.sites[].secrets[] | select(.state == \"stale\") | .name'

Then: writ secret set --site clinic-001 backup

Exit codes: 0 every one that is there can be decrypted; 1 one cannot, or nobody knows; 2 could not run.")]
pub struct Arguments {
    /// Only this site
    #[arg(long)]
    site: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tree: TreeOption,
}

/// The secrets, `writ.secrets.v1`.
#[derive(Debug, Serialize)]
pub struct Listed {
    schema: &'static str,
    at: Time,
    sites: Vec<OfSite>,
}

#[derive(Debug, Serialize)]
struct OfSite {
    site: String,
    secrets: Vec<One>,
}

/// One secret on one appliance.
#[derive(Debug, Serialize)]
struct One {
    name: String,
    appliance: String,
    state: State,
    /// When it was set; none where nobody noted it.
    set_at: Option<Time>,
    age_days: Option<i64>,
    /// What it is encrypted to; likewise.
    recipient: Option<String>,
    /// Why it cannot be used, where it cannot.
    reason: Option<String>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let listed = Listed::of(&self.tree.sites(self.site.as_deref())?);
        if self.json {
            screen::json(&listed);
        } else {
            listed.print();
        }
        let fine = |one: &One| matches!(one.state, State::Current | State::Missing);
        Ok(if listed.all().all(|(_, one)| fine(one)) { Answer::Yes } else { Answer::No })
    }
}

impl Listed {
    /// Those of sites.
    pub fn of(sites: &[Chosen]) -> Self {
        let at = clock::now_in_seconds();
        let sites = sites.iter().map(|site| OfSite { site: site.site.clone(), secrets: secrets(site, at) }).collect();
        Self { schema: "writ.secrets.v1", at, sites }
    }

    fn all(&self) -> impl Iterator<Item = (&OfSite, &One)> {
        self.sites.iter().flat_map(|site| site.secrets.iter().map(move |one| (site, one)))
    }

    /// A line for each that was set longer ago than this; and for each of which nobody knows when.
    pub fn older_than(&self, span: &Span) -> Vec<String> {
        let line = |(site, one): (&OfSite, &One)| {
            let since = match one.set_at {
                Some(set_at) if self.at.millis_since(set_at) <= span.millis() => return None,
                Some(set_at) => format!("set {set_at}, {} days ago", one.age_days.unwrap_or_default()),
                None if one.state == State::Missing => return None,
                None => "nobody noted when".to_owned(),
            };
            Some(format!("{}/{}  {}  {since}", site.site, one.appliance, one.name))
        };
        self.all().filter_map(line).collect()
    }

    fn print(&self) {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY).force_no_tty();
        table.set_header(["Site", "Secret", "Appliance", "State", "Set", "Days old"]);
        for (site, one) in self.all() {
            let state = match one.state {
                State::Current => screen::paint(screen::GREEN, one.state.as_str()),
                State::Missing => one.state.as_str().to_owned(),
                _ => screen::paint(screen::RED, one.state.as_str()),
            };
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            table.add_row([
                site.site.clone(),
                one_line(&one.name),
                one.appliance.clone(),
                state,
                or_dash(one.set_at.map(|at| at.to_string())),
                or_dash(one.age_days.map(|days| days.to_string())),
            ]);
        }
        if self.all().next().is_none() {
            screen::line("no site keeps a secret: `secrets` in site.nix names them");
            return;
        }
        screen::line(&table.to_string());
        for (site, one) in self.all() {
            if let Some(reason) = &one.reason {
                screen::line(&format!("{}/{}: {}: {reason}", site.site, one.appliance, one_line(&one.name)));
            }
        }
    }
}

fn secrets(site: &Chosen, at: Time) -> Vec<One> {
    let recipients: Vec<_> = site.appliances.iter().map(|(name, place)| (name, place, place.recipient())).collect();
    let mut all = Vec::new();
    for name in &site.names {
        for (appliance, place, recipient) in &recipients {
            let (state, note, reason) = state(place, name, recipient.as_ref().ok());
            // Why nothing can be encrypted to it, where that is why.
            let no_recipient =
                (state == State::Stale).then(|| recipient.as_ref().err().map(ToString::to_string)).flatten();
            all.push(One {
                name: name.clone(),
                appliance: (*appliance).clone(),
                state,
                set_at: note.as_ref().map(|note| note.set_at),
                age_days: note.as_ref().map(|note| at.millis_since(note.set_at).div_euclid(DAY_MILLIS)),
                recipient: note.map(|note| note.recipient),
                reason: reason.or(no_recipient),
            });
        }
    }
    all
}
