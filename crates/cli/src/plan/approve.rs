//! `writ plan approve`: signed orders of what was proposed.

use std::path::{Path, PathBuf};

use serde::Serialize;
use writ_policy::policy::Policy;
use writ_trust::history::Standing;
use writ_trust::order::{Audience, Order, OrderAction, OrderId, RunbookOrder};
use writ_trust::text::{escaped, one_line};
use writ_trust::time::{Span, Time};

use super::answered::{self, Answered};
use super::found::Kept;
use super::{Evidence, Places};
use crate::failure::{Answer, Failure, Outcome};
use crate::order::make::{self, Short};
use crate::order::{TrustOptions, describe, sign};
use crate::passphrase::PassphraseOptions;
use crate::screen;

/// The longest reason of an order, in bytes.
const LONGEST_REASON: usize = 500;

/// Approve a plan that waits: make a signed order of it
///
/// Writes an order to run each of its runbooks on that appliance, as `writ order new run-runbook` would; of several runbooks
/// order-1.json, order-2.json and so on, to be published one after the other for as long as the check fails. Nothing is written
/// unless the newest verified release has each runbook, the check judges it, and the incident is open by the evidence.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ plan approve INC-20261123-0007-1 --audit audit --trust releases/trust --key ../keys/alice.key --to order.json
  writ plan approve P-0123456789abcdef --audit audit --proposals proposals --trust releases/trust \\
      --key ../keys/alice.key --to order.json
Where two keys must sign, and then:
  writ order sign order.json --trust releases/trust --key ../keys/bob.key
  writ order publish order.json --trust releases/trust --depot https://depot.example.org

Exit codes: 0 the orders are written; 1 it cannot be approved, or there is none; 2 could not run.")]
pub struct Arguments {
    /// The proposal's id, as `writ plan review` says it
    id: String,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    trust: TrustOptions,
    /// Where to write the order; its signatures go beside it
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Sign with this order key at once
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Why, for those who read the evidence; one line. By default who proposed it, and why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// After what time nobody takes the orders any more; at most 7d
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    expires: Span,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// An order that was made.
#[derive(Serialize)]
struct Made {
    file: PathBuf,
    id: OrderId,
    runbook: String,
    expires_at: Time,
    signed: bool,
    #[serde(skip)]
    short: Short,
}

/// All that was done.
#[derive(Serialize)]
struct Done<'a> {
    proposal: &'a str,
    orders: &'a [Made],
    answered: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let folder = self.trust.read()?;
        let Some(evidence) = self.places.evidence(Some(&folder))? else {
            let failure = Failure::could_not("whether it may be approved is in the evidence");
            return Err(failure.next("give --audit; `writ audit fetch` makes such a folder"));
        };
        let one = self.places.one(&self.id, Some(&evidence))?;
        let against = judge(&one, &evidence);
        if !against.is_empty() {
            let failure = Failure::refused(format!("{} cannot be approved", one.id));
            let failure = against.iter().fold(failure, |failure, why| failure.because(why));
            return Err(failure.next(
                "nothing was written; what may run is in the newest release, and what is open in newer evidence",
            ));
        }
        if let Some(heard) = evidence.waiting.heard.get(&(one.site.clone(), one.appliance.clone())) {
            screen::aside(&format!("the newest evidence of {} here is of {heard}", one.appliance));
        }
        let orders = self.orders(&one)?;
        if !self.json {
            orders.iter().flat_map(describe).for_each(|line| screen::line(&line));
        }
        // Before anything is written: a key that does not count is said while nothing is there.
        let key = self.key.as_ref().map(|key| sign::unlock(key, &self.passphrase, &folder, &one.site)).transpose()?;
        let mut made = Vec::new();
        for (order, runbook) in orders.iter().zip(&one.runbooks) {
            let to = place(&self.to, orders.len(), made.len() + 1);
            let (file, short) = make::write(order, &to, key.as_ref(), &folder, self.json)?;
            let (id, expires_at) = (file.order.id.clone(), file.order.expires_at);
            made.push(Made { file: to, id, runbook: runbook.clone(), expires_at, signed: short.is_none(), short });
        }
        let ids: Vec<OrderId> = made.iter().map(|made| made.id.clone()).collect();
        let reason = orders.first().map_or("", |order| order.reason.as_str());
        let down = |folder: &PathBuf| answered::write(folder, &one, Answered::Approved, reason, &ids);
        let answered = self.places.proposals.as_ref().map(down).transpose()?;
        if self.json {
            screen::json(&Done { proposal: &one.id, orders: &made, answered });
        } else {
            tell(&made);
        }
        Ok(Answer::Yes)
    }

    fn orders(&self, one: &Kept) -> Outcome<Vec<Order>> {
        let reason = self.reason.clone().unwrap_or_else(|| usual(one));
        let order = |runbook: &String| {
            let action = OrderAction::RunRunbook(RunbookOrder { runbook: runbook.clone(), check: one.check.clone() });
            make::order(&one.site, Audience::Appliances(vec![one.appliance.clone()]), action, &reason, &self.expires)
        };
        one.runbooks.iter().map(order).collect()
    }
}

/// Why, where nobody says otherwise: in one line that fits.
fn usual(one: &Kept) -> String {
    let why = escaped(format!("{} proposed it as {}: {}", one.proposed_by, one.id, one.reason));
    let mut end = why.len().min(LONGEST_REASON);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why[..end].to_owned()
}

/// Where an order of several goes: `order-2.json` for the second of `order.json`.
fn place(to: &Path, many: usize, number: usize) -> PathBuf {
    if many == 1 {
        return to.to_owned();
    }
    let stem = to.file_stem().unwrap_or_default().to_string_lossy();
    let end = to.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
    to.with_file_name(format!("{stem}-{number}{end}"))
}

fn tell(made: &[Made]) {
    for Made { file, short, .. } in made {
        let path = file.display();
        match short {
            Some((found, needed)) => {
                screen::line(&format!("signed by {found} of {needed}; next: writ order sign {path} --trust … --key …"));
            }
            None => screen::line(&format!("next: writ order publish {path} --trust … --depot …")),
        }
    }
    if made.len() > 1 {
        screen::line(
            "publish them in this order, each when the evidence says that the check still fails after the one before: an \
             appliance runs whatever order it has",
        );
    }
}

/// What keeps a proposal from being approved, by the newest verified release and the evidence.
pub fn judge(one: &Kept, evidence: &Evidence) -> Vec<String> {
    let mut against = Vec::new();
    match policy(one, evidence) {
        Ok(policy) => against.extend(unfit(one, policy)),
        Err(why) => against.push(why),
    }
    let open = evidence.waiting.open.get(&(one.site.clone(), one.appliance.clone()));
    let of_check = |check: &String| *check == one.check;
    match one.incident_id {
        Some(id) => match open.and_then(|open| open.get(&id)) {
            None => against.push(format!("incident {id} is not open, by the evidence here")),
            Some(known) if !of_check(&known.check) => {
                against.push(format!("incident {id} is of check {}", one_line(&known.check)));
            }
            Some(_) => {}
        },
        None if !open.is_some_and(|open| open.values().any(|known| of_check(&known.check))) => {
            against.push(format!("no incident of {} is open there, by the evidence here", one_line(&one.check)));
        }
        None => {}
    }
    against
}

/// The policy that the newest verified release has for an appliance.
fn policy<'e>(one: &Kept, evidence: &'e Evidence) -> Result<&'e Policy, String> {
    let record = evidence.archive.sites.get(&one.site);
    let newest = record.and_then(|record| record.releases.last());
    let newest = newest.ok_or_else(|| format!("no verified release of site {} is in the audit folder", one.site))?;
    let (epoch, serial) = newest.release.point();
    if newest.standing != Standing::Sound {
        return Err(format!("the newest release {epoch}-{serial} counts only with keys that were revoked since"));
    }
    let generation = newest.release.generations.get(&one.appliance);
    let generation =
        generation.ok_or_else(|| format!("the newest release {epoch}-{serial} does not have {}", one.appliance))?;
    let policy = evidence.archive.policies.get(&generation.policy.digest);
    policy
        .ok_or_else(|| format!("the policy of release {epoch}-{serial} is not in the audit folder, or cannot be read"))
}

/// What of a proposal the policy does not have.
fn unfit(one: &Kept, policy: &Policy) -> Vec<String> {
    let mut against = Vec::new();
    if !policy.checks.contains_key(&one.check) {
        against.push(format!("the signed policy has no check {}", one_line(&one.check)));
    }
    for name in &one.runbooks {
        match policy.runbooks.get(name) {
            None => against.push(format!("the signed policy has no runbook {}", one_line(name))),
            Some(runbook) if !runbook.verify.contains(&one.check) => {
                let (name, check) = (one_line(name), one_line(&one.check));
                against.push(format!("{name} is not judged by {check}: nobody could see that it helped"));
            }
            Some(_) => {}
        }
    }
    against
}
